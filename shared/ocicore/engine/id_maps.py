"""--uidmap and --gidmap: [FLAGS]CONTAINER:[@]HOST[:SIZE], podman's extended syntax (podman-run(1), "Mapping user namespaces").

Flags: "u" for user ids only, "g" for group ids only, "+" to change the map so far rather than to add to it. "@" before
HOST means an id of the host, which the namespace we are in has under another number. As an ordinary user a map that
begins with "+" gets every id that is left, from container id 0 on.
"""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    #: (first id inside, first id outside, how many)
    Extent = tuple[int, int, int]


def parse(texts: Iterable[str], kind: str, ours: Sequence[Extent], *, rootless: bool) -> list[Extent]:
    """The map that the options of one kind make, sorted by the ids inside, neighbours joined.

    Args:
        texts: values of --uidmap (or of --gidmap where it is missing, and the reverse).
        kind: "uid" or "gid".
        ours: the map of the namespace we are in: ids here, ids of the host, how many.

    Raises InvalidInput.
    """
    found: list[Extent] = []
    fill = False
    for text in filter(None, texts):
        for extents, flags in _read(text, kind, ours):
            if ("u" in flags) != ("g" in flags) and kind[0] not in flags:
                continue
            for extent in extents:
                if "+" in flags:
                    fill = fill or (rootless and not found)
                    found = _without(found, extent)
                found.append(extent)
    return filled(found, ours) if fill else _joined(found)


def filled(found: Sequence[Extent], ours: Sequence[Extent]) -> list[Extent]:
    """A map with every id of ours it lacks, given to the container ids it lacks, from 0 on."""
    free = [(start, start + size) for start, _, size in sorted(ours)]
    for _, outside, size in found:
        free = [piece for span in free for piece in _minus(span, outside, outside + size)]
    result: list[Extent] = []
    position = 0
    for inside, outside, size in sorted(found):
        while free and position < inside:
            start, end = free.pop(0)
            taken = min(inside - position, end - start)
            result.append((position, start, taken))
            position += taken
            if start + taken < end:
                free.insert(0, (start + taken, end))
        result.append((inside, outside, size))
        position = inside + size
    for start, end in free:
        result.append((position, start, end - start))
        position += end - start
    return _joined(result)


def _read(text: str, kind: str, ours: Sequence[Extent]) -> Iterable[tuple[list[Extent], str]]:
    parts = text.split(":")
    if len(parts) == 2:
        parts.append("1")
    wrong = InvalidInput(
        f"{kind}map {text!r}: must be [+ug]CONTAINER:[@]HOST[:SIZE] in numbers", hint="for example +0:@1000:1"
    )
    if len(parts) % 3:
        raise wrong
    for at in range(0, len(parts), 3):
        inside, outside, size = parts[at : at + 3]
        number = inside.lstrip("+ug")
        host = outside.removeprefix("@")
        if not all(word.isdecimal() and len(word) < 11 for word in (number, host, size)):
            raise wrong
        flags = inside.removesuffix(number)
        applies = ("u" in flags) == ("g" in flags) or kind[0] in flags
        extents = [(int(number), int(host), int(size))]
        if outside.startswith("@"):
            extents = _translated(*extents[0], text, kind, ours) if applies else []
        yield [extent for extent in extents if extent[2]], flags


def _translated(
    inside: int, host: int, size: int, text: str, kind: str, ours: Sequence[Extent]
) -> list[Extent]:
    """Ids of the host as the namespace we are in has them, in as many pieces as it has."""
    result = []
    while size:
        for start, outside, length in ours:
            if outside <= host < outside + length:
                taken = min(size, outside + length - host)
                result.append((inside, start + host - outside, taken))
                inside, host, size = inside + taken, host + taken, size - taken
                break
        else:
            raise InvalidInput(f"{kind}map {text!r}: {host} is none of this user's ids")
    return result


def _without(found: Sequence[Extent], extent: Extent) -> list[Extent]:
    """A map without the ids, inside and outside, that an extent gives anew."""
    result: list[Extent] = []
    for inside, outside, size in found:
        pieces = [(inside, inside + size)]
        shift = outside - inside
        for first in (extent[0], extent[1] - shift):
            pieces = [piece for span in pieces for piece in _minus(span, first, first + extent[2])]
        result += [(start, start + shift, end - start) for start, end in pieces]
    return result


def _minus(span: tuple[int, int], start: int, end: int) -> list[tuple[int, int]]:
    """What of a span [first, last) lies outside another."""
    pieces = ((span[0], min(span[1], start)), (max(span[0], end), span[1]))
    return [piece for piece in pieces if piece[0] < piece[1]]


def _joined(found: Iterable[Extent]) -> list[Extent]:
    result: list[Extent] = []
    for inside, outside, size in sorted(found):
        if result:
            first, other, length = result[-1]
            if first + length == inside and other + length == outside:
                result[-1] = (first, other, length + size)
                continue
        result.append((inside, outside, size))
    return result
