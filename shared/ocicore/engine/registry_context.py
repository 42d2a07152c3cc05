"""The options that concern registries (authfile, creds, cert-dir, tls-verify, platform) as a SystemContext."""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.image.types import SystemContext
    from ocicore.oci.platform import Platform


def make(engine: Engine, options: Any, wanted: Platform | None = None) -> SystemContext:
    """Raises InvalidInput for malformed credentials."""
    from ocicore.config.auth import Credentials
    from ocicore.image.types import SystemContext

    context = SystemContext(paths=engine.user, environ=engine.environ, warn=engine.warn, user_agent="pypod")
    if getattr(options, "authfile", ""):
        context.authfile = options.authfile
    if getattr(options, "creds", ""):
        user, colon, password = options.creds.partition(":")
        if not user or not colon:
            raise InvalidInput("credentials must be USERNAME:PASSWORD")
        context.credentials = Credentials(user, password)
    if getattr(options, "cert_dir", ""):
        context.cert_dir = options.cert_dir
    if getattr(options, "tls_verify", None) is not None:
        context.tls_verify = options.tls_verify
    if getattr(options, "signature_policy", ""):
        context.policy_path = options.signature_policy
    if getattr(options, "retry", None) is not None:
        context.retry_times = options.retry
    if getattr(options, "retry_delay", ""):
        from ocicore.engine.quantities import NANOSECONDS, parse_duration

        context.retry_delay = parse_duration(options.retry_delay) / NANOSECONDS
    if wanted is not None:
        context.platform = wanted
    return context
