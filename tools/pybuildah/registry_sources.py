"""$BUILD_REGISTRY_SOURCES: which registries a build controller allows (JSON: blockedRegistries, allowedRegistries …)."""

from __future__ import annotations

from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "BUILD_REGISTRY_SOURCES"


def check(environ: Mapping[str, str], domain: str, doing: str = "") -> bool:
    """Whether certificates of the registry need not be verified.

    Args:
        domain: of the image's full name; doing: "commit to", or "" for a pull or push.

    Raises:
        Error: the registry is blocked, or not among those allowed. InvalidInput: the variable is malformed.
    """
    text = environ.get(VARIABLE, "")
    if not text or not domain:
        return False
    import json

    try:
        sources = json.loads(text)
        blocked = list(sources.get("blockedRegistries") or ())
        allowed = list(sources.get("allowedRegistries") or ())
        insecure = list(sources.get("insecureRegistries") or ())
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidInput(f'parsing ${VARIABLE} ("{text}") as JSON: {error}') from error
    what = f'{doing} registry at "{domain}"' if doing else f'registry "{domain}"'
    if domain in blocked:
        raise Error(f"{what} denied by policy: it is in the blocked registries list")
    if allowed and domain not in allowed:
        raise Error(f"{what} denied by policy: not in allowed registries list")
    return domain in insecure
