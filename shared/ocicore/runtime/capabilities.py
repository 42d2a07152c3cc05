"""Which Linux capabilities a container's processes get (runtime-spec: process.capabilities).

The rules are podman's: defaults, plus --cap-add, minus --cap-drop, cut down to what the caller's own bounding set
holds; an ordinary user inside the container gets only what was added by name, as ambient capabilities.
"""

from __future__ import annotations

from ocicore.config.containers_defaults import CONTAINERS
from ocicore.errors import InvalidInput
from ocicore.linux.caps import CAPABILITIES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: podman's default set.
DEFAULT: tuple[str, ...] = tuple(CONTAINERS["default_capabilities"])

_ALL = "ALL"


def normalize(names: Iterable[str]) -> list[str]:
    """Names with CAP_ in capitals, "ALL" kept. Raises InvalidInput for a name the kernel's list does not have."""
    result = []
    for name in names:
        word = name.strip().upper()
        if word == _ALL:
            result.append(word)
            continue
        if not word.startswith("CAP_"):
            word = "CAP_" + word
        if word not in CAPABILITIES:
            raise InvalidInput(f'"{word}": unknown capability')
        result.append(word)
    return result


def merge(
    base: Sequence[str], add: Sequence[str], drop: Sequence[str], allowed: frozenset[str] | None
) -> list[str]:
    """Defaults changed by --cap-add and --cap-drop, sorted.

    Args:
        base: the defaults, in any spelling.
        add, drop: as typed; "ALL" in `add` means everything in `allowed`, in `drop` everything but `add`.
        allowed: the bounding set of the caller, or None when unknown; nothing outside it is returned.
    Raises InvalidInput for unknown names and for a name both added and dropped.
    """
    added = normalize(add)
    dropped = normalize(drop)
    if _ALL in dropped:
        if _ALL in added:
            raise InvalidInput("adding all caps and removing all caps not allowed")
        chosen = set(added)
    else:
        if _ALL in added:
            chosen = set(CAPABILITIES if allowed is None else allowed)
        else:
            both = [name for name in added if name in dropped]
            if both:
                raise InvalidInput(f'capability "{both[0]}" cannot be dropped and added')
            chosen = set(normalize(base)) | set(added)
        chosen -= set(dropped)
    if allowed is not None:
        chosen &= allowed
    return sorted(chosen)


def for_root(names: list[str]) -> dict[str, list[str]]:
    """process.capabilities of a process with uid 0: nothing inheritable, nothing ambient."""
    return {"bounding": names, "effective": names, "permitted": names}


def for_user(bounding: list[str], added: Sequence[str]) -> dict[str, list[str]]:
    """process.capabilities of a process with another uid: only what was asked for by name reaches it."""
    given = [name for name in merge((), added, (), None) if name in bounding] if added else []
    result = {"bounding": bounding, "effective": given, "permitted": given}
    if given:
        result["inheritable"] = given
        result["ambient"] = given
    return result
