"""Talking to registries for pybuildah: pull, push, and the context both need. Imported only when that happens."""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.image.copy import CopyResult
    from ocicore.image.local import LocalImage
    from ocicore.image.types import SystemContext
    from pybuildah.session import Session


def system_context(session: Session, args: Any = None) -> SystemContext:
    """Credentials, certificates and configuration from a command's options."""
    from ocicore.image.types import SystemContext

    def text(name: str) -> str:
        return str(getattr(args, name, "") or "")

    credentials = None
    if text("creds"):
        from ocicore.config.auth import Credentials

        username, _, password = text("creds").partition(":")
        credentials = Credentials(username, password)
    return SystemContext(
        paths=session.user,
        environ=session.environ,
        warn=session.ctx.warn,
        authfile=text("authfile"),
        credentials=credentials,
        tls_verify=getattr(args, "tls_verify", None),
        cert_dir=text("cert_dir"),
        registries_conf=str(session.ctx.globals.registries_conf or ""),
        registries_d=str(session.ctx.globals.registries_conf_dir or ""),
        policy_path=text("signature_policy"),
        retry_times=int(getattr(args, "retry", 3)),
        retry_delay=_seconds(text("retry_delay")),
        tmp=session.ctx.environ.get("TMPDIR") or "/var/tmp",
        user_agent="pybuildah",
        open_store=lambda location: session.store,
    )


def _seconds(text: str) -> float | None:
    if not text:
        return None
    from ocicore.build.draft import parse_duration

    try:
        return parse_duration(text) / 1e9
    except ValueError as error:
        raise InvalidInput(f'unable to parse value provided "{text}" as --retry-delay: {error}') from error


def pull(
    session: Session, name: str, policy: str, platform: str = "", args: Any = None, *, quiet: bool = True
) -> list[LocalImage]:
    """Images by name, from a registry or any transport."""
    from ocicore.image import pull as pulls

    context = system_context(session, args)
    if platform:
        from ocicore.oci import platform as platforms

        context = context.with_(platform=platforms.parse(platform))
    from ocicore.cli import progress

    with progress.shown(session.ctx.stderr, quiet=quiet) as shown:
        return pulls.pull(
            session.images,
            name,
            policy=policy,  # type: ignore[arg-type]
            context=context,
            progress=shown,
            all_tags=bool(getattr(args, "all_tags", False)),
        )


def push(session: Session, image: str, destination: str, args: Any, *, options: Any = None) -> CopyResult:
    """An image of the store to a registry or any transport."""
    from ocicore.cli import progress
    from ocicore.image import push as pushes

    with progress.shown(session.ctx.stderr, quiet=bool(getattr(args, "quiet", False))) as shown:
        return pushes.push(
            session.images,
            image,
            destination,
            context=system_context(session, args),
            options=options,
            progress=shown,
        )
