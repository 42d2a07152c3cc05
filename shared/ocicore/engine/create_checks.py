"""Values of `create` and `run` that would otherwise be looked at when the container starts: refused while there is none yet.

Only imported where one of them was given (create.py lists them).
"""

from __future__ import annotations

import re

from ocicore.errors import InvalidInput
from ocicore.network import addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocicore.engine.create_options import CreateOptions
    from ocicore.oci.config import ImageConfig

#: Docker's rule for --dns-search: labels of letters, digits and inner hyphens, and a letter somewhere.
_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?[ \t]*")
_MAX_DOMAIN = 254
_PLATFORM_WORD = re.compile("[A-Za-z0-9_-]+")
_MAC = re.compile(r"[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2}(?:\1[0-9a-fA-F]{2}){4,18})")
#: The sysctls that belong to a namespace (docker's and podman's list).
_SYSCTLS = frozenset(
    (
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    )
)
_SYSCTL_PREFIXES = ("net.", "fs.mqueue.")


def check(environ: Mapping[str, str], options: CreateOptions, image: ImageConfig | None) -> None:
    """Raises InvalidInput in podman's words. `environ` may say where time zones are."""
    given = options.given
    if "pull" in given:
        from ocicore.engine import image_choice

        image_choice.check_policy(options.pull)
    _image(options)
    if options.retry_delay:
        from ocicore.engine.quantities import parse_duration

        parse_duration(options.retry_delay)
    _network(options)
    if "umask" in given and options.umask and not re.fullmatch("[0-7]{1,4}", options.umask):
        raise InvalidInput(f"invalid umask string {options.umask}: invalid argument")
    if "tz" in given and options.tz:
        from ocicore.engine import root_files

        root_files.zone_file(environ, options.tz)
    for text in options.sysctl:
        name, equals, _ = text.partition("=")
        if equals and name not in _SYSCTLS and not name.startswith(_SYSCTL_PREFIXES):
            raise InvalidInput(f"sysctl '{name}' is not allowed")
    if options.seccomp_policy == "image" and image is None:
        raise InvalidInput("cannot read seccomp profile without a valid image")
    if "health_log_destination" in given:
        from ocicore.engine.options import health

        if not options.health_log_destination:
            raise InvalidInput("HealthCheck Log '' destination error: stat : no such file or directory")
        health.destination(options.health_log_destination)
    if options.health_startup_cmd and not (options.health_cmd or (image and image.healthcheck)):
        raise InvalidInput(
            "cannot set a startup healthcheck when there is no regular healthcheck: invalid argument"
        )


def _image(options: CreateOptions) -> None:
    """What only a pull looks at, and there may be none."""
    for word in (options.os, options.arch, options.variant):
        if word and not _PLATFORM_WORD.fullmatch(word):
            raise InvalidInput(
                f'"{word}" is an invalid component of a platform', hint="expected letters, digits, _ and -"
            )
    for key in options.decryption_key:
        path = key.partition(":")[0]
        # Read again, with its passphrase, by the copy; a passphrase from a descriptor can be read but once.
        if not key.startswith("provider:"):
            try:
                open(path, "rb").close()
            except OSError as exc:
                reason = (exc.strerror or str(exc)).lower()
                raise InvalidInput(f"invalid decryption keys: open {path}: {reason}") from exc


def _network(options: CreateOptions) -> None:
    for text in options.add_host:
        names, colon, address = text.partition(":")
        if not (names and colon and address):
            raise InvalidInput(f'bad format for add-host: "{text}"')
        if address != "host-gateway" and not addresses.is_address(address.strip("[]")):
            raise InvalidInput(f'invalid IP address in add-host: "{address}"')
    for text in options.dns:
        if text != "none" and not addresses.is_address(text):
            raise InvalidInput(f"{text} is not an ip address")
    for text in options.dns_search:
        if text not in ("", ".") and not is_domain(text):
            raise InvalidInput(f"{text} is not a valid domain")
    for text in (options.ip, options.ip6):
        if text and not addresses.is_address(text):
            raise InvalidInput(f'"{text}" is not an ip address')
    if options.mac_address and not _MAC.fullmatch(options.mac_address):
        raise InvalidInput(f"address {options.mac_address}: invalid MAC address")


def is_domain(text: str) -> bool:
    """May --dns-search name this domain?"""
    return (
        len(text) <= _MAX_DOMAIN
        and _DOMAIN.fullmatch(text) is not None
        and any(letter.isalpha() for letter in text)
    )
