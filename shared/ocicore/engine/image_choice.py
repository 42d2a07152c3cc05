"""The image of a new container: local, or pulled as the policy says."""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.create_options import CreateOptions
    from ocicore.image.copy import CopyOptions
    from ocicore.image.local import LocalImage
    from ocicore.image.progress import Progress
    from ocicore.image.types import SystemContext
    from ocicore.oci.platform import Platform

POLICIES = ("always", "missing", "never", "newer")


def check_policy(text: str) -> str:
    """One of POLICIES. Raises InvalidInput."""
    policy = {"ifnewer": "newer", "ifmissing": "missing", "ifnotpresent": "missing", "": "missing"}.get(
        text.lower(), text.lower()
    )
    if policy not in POLICIES:
        raise InvalidInput(f'unsupported pull policy "{text}"')
    return policy


def platform(options: Any) -> Platform | None:
    """--platform, or --os, --arch and --variant; None when nothing was asked. Raises InvalidInput."""
    if not (options.platform or options.os or options.arch or options.variant):
        return None
    from ocicore.oci import platform as platforms

    if options.platform:
        if options.os or options.arch:
            raise InvalidInput("--platform option can not be specified with --arch or --os")
        return platforms.parse(options.platform)
    host = platforms.host()
    return platforms.normalise(
        platforms.Platform(options.os or host.os, options.arch or host.architecture, options.variant)
    )


def resolve(
    engine: Engine,
    name: str,
    options: CreateOptions,
    *,
    progress: Callable[[], AbstractContextManager[Progress]],
) -> LocalImage:
    """The image for `run` and `create`. Raises NotFound, InvalidInput and whatever a pull may raise."""
    policy = check_policy(options.pull if "pull" in options.given else engine.config.engine.pull_policy)
    wanted = platform(options)
    if policy in ("missing", "never"):
        try:
            image = engine.images.find(name, wanted)
        except NotFound:
            if policy == "never":
                raise
        else:
            if wanted is None:
                warn_foreign(engine, image)
            if policy == "missing":  # to podman a pull, even when there is nothing to fetch
                from ocicore.engine import events

                events.write(engine, "image", "pull", ID=image.id, Name=name)
            return image
    with progress() as shown:
        return pull(engine, name, options, policy=policy, wanted=wanted, progress=shown)[0]


def warn_foreign(engine: Engine, image: LocalImage) -> None:
    """podman's warning for an image of another platform."""
    config = image.config()
    host = engine.host.architecture
    if config.architecture and config.architecture != host:
        engine.warn(
            f"image platform ({config.os or 'linux'}/{config.architecture}) does not match "
            f"the expected platform (linux/{host})"
        )


def system_context(engine: Engine, options: Any, wanted: Platform | None = None) -> SystemContext:
    """How to talk to registries: the options' credentials and TLS settings. Raises InvalidInput."""
    from ocicore.engine import registry_context

    return registry_context.make(engine, options, wanted)


def _decryption(options: Any) -> CopyOptions | None:
    """--decryption-key for the copy, None without one. Raises InvalidInput, Unsupported."""
    words = getattr(options, "decryption_key", None)
    if not words:
        return None
    from ocicore.image import encryption_keys
    from ocicore.image.copy import CopyOptions
    from ocicore.image.image_copy import Encryption

    return CopyOptions(encryption=Encryption(keys=encryption_keys.decryption_keys(words)))


def pull(
    engine: Engine,
    name: str,
    options: Any,
    *,
    policy: str,
    wanted: Platform | None,
    progress: Progress,
    all_tags: bool = False,
) -> list[LocalImage]:
    """Fetch an image (or all tags of a repository). Raises Error with the registry's reason."""
    from ocicore.engine import events
    from ocicore.image import pull as pulling

    engine.debug(f"Pulling image {name} (policy: {policy})")
    address = engine.environ.get("NOTIFY_SOCKET")
    extending = None
    if address:
        from ocicore.engine import pull_timeout

        progress = extending = pull_timeout.Extending(progress, address)
    try:
        images = pulling.pull(
            engine.images,
            name,
            policy=policy,  # type: ignore[arg-type]
            context=system_context(engine, options, wanted),
            progress=progress,
            all_tags=all_tags,
            options=_decryption(options),
        )
    except Error as error:
        events.write(engine, "image", "pull-error", Name=name, Error=error.message)
        raise
    finally:
        if extending is not None:
            extending.finish()
    for image in images:
        events.write(engine, "image", "pull", ID=image.id, Name=name)
    return images
