"""What the engine would say of an option's value, without an engine: nothing is started, opened or looked up by name.

Used by `check`; the generator hands values on as they are, as podman's does, because systemd may still replace something
in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ocicore.cli.values import parse_int, parse_uint
from ocicore.errors import Error, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable

    #: value, folder of the file -> nothing. Raises Error, ValueError.
    Check = Callable[[str, str], object]

#: Image names that are no references: transports.
_TRANSPORTS = ("containers-storage", "dir", "docker", "docker-archive", "docker-daemon", "oci", "oci-archive")
_SECOND = 1_000_000_000


def judge(verb: str, option: str, value: str, folder: str) -> str:
    """What is wrong with the value of an option; "" when nothing is, or nobody can tell.

    Args:
        verb: the engine's command: run, pod, volume, network, image, build, kube.
        option: with its dashes; "" for the image.
        folder: of the Quadlet file, from which paths are looked for.
    """
    if _is_open(value, "%") or _is_open(value, "$"):
        return ""
    check = _CHECKS.get((verb, option)) or _CHECKS.get(("", option))
    if check is None:
        return ""
    value = value.replace("%%", "%").replace("$$", "$")
    try:
        check(value, folder)
    except Error as error:
        return " ".join(error.message.split())
    except ValueError:
        return f"{value!r} is not a number"
    return ""


def _is_open(value: str, mark: str) -> bool:
    """Whether systemd will replace something in it: a specifier or a variable."""
    return mark in value.replace(mark * 2, "")


def _number(text: str, _: str) -> None:
    parse_int(text)


def _natural(text: str, _: str) -> None:
    try:
        parse_uint(text)
    except ValueError:
        raise InvalidInput(f"{text!r} is not a number from 0 on") from None


def _positive(text: str, _: str) -> None:
    if parse_int(text) < 1:
        raise InvalidInput(f"{text}: must be greater than 0")


def _size(text: str, _: str) -> None:
    from ocicore.engine.quantities import parse_size

    parse_size(text)


def _duration(text: str, _: str) -> None:
    from ocicore.engine.quantities import parse_duration

    parse_duration(text)


def _wait(name: str, minimum: int) -> Check:
    def check(text: str, _: str) -> None:
        from ocicore.engine.options import health

        health.interval(text, name, minimum)

    return check


def _one_of(*allowed: str) -> Check:
    def check(text: str, _: str) -> None:
        if text not in allowed:
            raise InvalidInput(f"{text!r}: choose from {', '.join(allowed)}")

    return check


def _log_place(text: str, _: str) -> None:
    if text not in ("", "local", "events_logger") and not text.startswith("/"):
        raise InvalidInput(f"{text!r} is neither local, events_logger nor an absolute path")


def _health_command(text: str, _: str) -> None:
    from ocicore.engine import health_check
    from ocicore.engine.options import health

    words = health.command(text)
    if words and words[0] != "NONE":
        health_check.test_command(words)


def _port(text: str, _: str) -> None:
    from ocicore.network import ports

    ports.parse(text)


def _volume(text: str, folder: str) -> None:
    from ocicore.engine.options import volumes

    volumes.read_volume(text, working_dir=folder)


def _mount(text: str, folder: str) -> None:
    from ocicore.engine.options import mounts

    mounts.read(text, working_dir=folder)


def _tmpfs(text: str, _: str) -> None:
    from ocicore.engine.options import volumes

    volumes.read_tmpfs(text)


def _network(text: str, _: str) -> None:
    from ocicore.network import modes

    modes.parse([text], rootless=True, default_network="podman", rootless_command="pasta")


def _build_network(text: str, folder: str) -> None:
    if text not in ("host", "none", "private"):
        _network(text, folder)


def _user_namespace(text: str, _: str) -> None:
    from ocicore.engine.options import namespaces

    namespaces.check_user(text)


def _id_map(kind: str) -> Check:
    def check(text: str, _: str) -> None:
        from ocicore.engine import id_maps

        id_maps.parse([text], kind, [(0, 0, 1 << 32)], rootless=False)

    return check


def _ulimit(text: str, _: str) -> None:
    from ocicore.engine.options import ulimits

    ulimits.read([text])


def _created(name: str, *, repeats: bool = False) -> Check:
    """An option that creation looks at by itself."""

    def check(text: str, _: str) -> None:
        from ocicore.engine import create_checks
        from ocicore.engine.create_options import CreateOptions

        create_checks.check({}, CreateOptions({name: [text] if repeats else text}), None)

    return check


def _capability(text: str, _: str) -> None:
    from ocicore.runtime import capabilities

    capabilities.normalize(text.split(","))


def _device(text: str, _: str) -> None:
    from ocicore.engine import cdi
    from ocicore.runtime import devices

    if not cdi.is_name(text):
        devices.parse(text)


def _log_driver(text: str, _: str) -> None:
    from ocicore.engine.create_process import LOG_DRIVERS

    _one_of(*LOG_DRIVERS)(text, "")


def _log_option(text: str, _: str) -> None:
    key, _, value = text.partition("=")
    if key == "max-size":
        from ocicore.engine.quantities import parse_size

        parse_size(value, what="max-size", base=1000)


def _signal(text: str, _: str) -> None:
    from ocicore.linux.process import parse_signal

    parse_signal(text)


def _secret(text: str, _: str) -> None:
    from ocicore.engine import secret_options

    secret_options.read(text)


def _build_secret(text: str, _: str) -> None:
    if not any(word.startswith("id=") and word != "id=" for word in text.split(",")):
        raise InvalidInput(f"{text!r} names no secret: id=NAME is missing")


def _environment(text: str, _: str) -> None:
    from ocicore.engine.options import env

    env.read_entries([text], {})


def _label(text: str, _: str) -> None:
    from ocicore.engine.options import labels

    labels.read_labels([], [text])


def _annotation(text: str, _: str) -> None:
    from ocicore.engine.options import labels

    labels.read_annotations([text])


def _name(text: str, _: str) -> None:
    from ocicore.engine import names

    names.check_name(text)


def _image(text: str, _: str) -> None:
    if text.partition(":")[0] in _TRANSPORTS and ":" in text:
        return
    from ocicore.oci import reference

    reference.parse_normalized(text)


def _address(text: str, _: str) -> None:
    from ocicore.network import addresses

    addresses.parse(text)


def _subnet(text: str, _: str) -> None:
    from ocicore.network import addresses

    addresses.parse_subnet(text)


def _address_range(text: str, folder: str) -> None:
    first, dash, last = text.partition("-")
    if dash:
        _address(first, folder)
        _address(last, folder)
    else:
        _subnet(text, folder)


#: (command, or "" for all that have the option; option) -> what reads its value. Values of options that are not here are
#: any text, or can only be judged where the container is made.
_CHECKS: dict[tuple[str, str], Check] = {
    ("", "--pids-limit"): _number,
    ("", "--memory"): _size,
    ("", "--shm-size"): _size,
    ("", "--retry"): _natural,
    ("", "--retry-delay"): _duration,
    ("", "--stop-timeout"): _natural,
    ("", "--time"): _natural,
    ("", "--stop-signal"): _signal,
    ("kill", "--signal"): _signal,
    ("", "--pull"): _created("pull"),
    ("build", "--pull"): _one_of(
        "always", "missing", "never", "newer", "true", "false", "ifmissing", "ifnewer"
    ),
    ("", "--policy"): _created("pull"),
    ("", "--publish"): _port,
    ("", "-v"): _volume,
    ("", "--volume"): _volume,
    ("", "--mount"): _mount,
    ("", "--tmpfs"): _tmpfs,
    ("", "--network"): _network,
    ("build", "--network"): _build_network,
    ("", "--userns"): _user_namespace,
    ("", "--uidmap"): _id_map("uid"),
    ("", "--gidmap"): _id_map("gid"),
    ("", "--ulimit"): _ulimit,
    ("", "--dns"): _created("dns", repeats=True),
    ("network", "--dns"): _address,
    ("", "--dns-search"): _created("dns_search", repeats=True),
    ("", "--add-host"): _created("add_host", repeats=True),
    ("", "--ip"): _created("ip"),
    ("", "--ip6"): _created("ip6"),
    ("", "--sysctl"): _created("sysctl", repeats=True),
    ("", "--cap-add"): _capability,
    ("", "--cap-drop"): _capability,
    ("", "--device"): _device,
    ("", "--cgroups"): _one_of("enabled", "disabled", "no-conmon", "split"),
    ("", "--log-driver"): _log_driver,
    ("", "--log-opt"): _log_option,
    ("", "--secret"): _secret,
    ("build", "--secret"): _build_secret,
    ("", "--env"): _environment,
    ("", "--label"): _label,
    ("", "--annotation"): _annotation,
    ("run", "--name"): _name,
    ("pod", "--name"): _name,
    ("", "--exit-policy"): _one_of("continue", "stop"),
    ("", "--health-cmd"): _health_command,
    ("", "--health-startup-cmd"): _health_command,
    ("", "--health-interval"): _wait("interval", 0),
    ("", "--health-startup-interval"): _wait("startup-interval", 0),
    ("", "--health-start-period"): _wait("start-period", 0),
    ("", "--health-timeout"): _wait("timeout", _SECOND),
    ("", "--health-startup-timeout"): _wait("startup-timeout", _SECOND),
    ("", "--health-retries"): _positive,
    ("", "--health-startup-retries"): _natural,
    ("", "--health-startup-success"): _natural,
    ("", "--health-max-log-count"): _natural,
    ("", "--health-max-log-size"): _natural,
    ("", "--health-on-failure"): _one_of("none", "kill", "restart", "stop"),
    ("", "--health-log-destination"): _log_place,
    ("", "--subnet"): _subnet,
    ("", "--gateway"): _address,
    ("", "--ip-range"): _address_range,
    ("", "--ipam-driver"): _one_of("host-local", "dhcp", "none"),
    ("volume", "--uid"): _natural,
    ("volume", "--gid"): _natural,
    ("", "--tag"): _image,
    ("", ""): _image,
}
