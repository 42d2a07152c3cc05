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
        from ocicore.config import policy

        # A wrong file is an error also where nothing of it is asked, as of what comes from the store.
        context.policy_path = policy.load(options.signature_policy).source
    context.retry_times = options.retry if _asked(options, "retry") else engine.config.engine.retry
    delay = getattr(options, "retry_delay", "") or engine.config.engine.retry_delay
    if delay:
        from ocicore.engine.quantities import NANOSECONDS, parse_duration

        context.retry_delay = parse_duration(delay) / NANOSECONDS
    if wanted is not None:
        context.platform = wanted
    return context


def _asked(options: Any, name: str) -> bool:
    """Was the option given on purpose? `options` is a command's Args, CreateOptions, or a plain object."""
    given = getattr(options, "given", None)
    if given is None:
        return getattr(options, name, None) is not None
    return bool(given(name)) if callable(given) else name in given
