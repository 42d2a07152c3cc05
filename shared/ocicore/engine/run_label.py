"""The command that a label of an image holds (podman container runlabel)."""

from __future__ import annotations

import re
import shlex

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ocicore.image.local import LocalImage

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def find(image: LocalImage, label: str, asked: str) -> str:
    """The label's value; upper and lower case are the same. Raises InvalidInput when there is none."""
    for key, value in image.labels.items():
        if key.lower() == label.lower() and value:
            return value
    raise InvalidInput(f"cannot find the value of label: {label} in image: {asked}")


def words(
    text: str,
    *,
    program: Sequence[str],
    image: LocalImage,
    asked: str,
    name: str = "",
    extra: Sequence[str] = (),
    variables: Mapping[str, str],
) -> list[str]:
    """The command's words, with IMAGE, NAME and variables filled in.

    Args:
        text: the label's value.
        program: stands in for "podman" and "docker".
        asked: name the image was asked for by.
        name: of the container, "" for the image's.
        extra: arguments that are appended.
        variables: OPT1, OPT2, OPT3, PWD, HOME; others are empty.

    Raises:
        InvalidInput: the label is not a command line.
    """
    image_name = (image.names_history or image.names or [image.id])[0]
    if not name:
        base = image_name if image.id.startswith(asked) else asked
        name = base.rpartition("/")[2].partition(":")[0]
    try:
        raw = shlex.split(text) + list(extra)
        if not raw:
            raise InvalidInput("the label is empty")
        filled = [_filled(word, name, image_name) for word in raw[1:]]
        rest = shlex.split(_expanded(" ".join(filled), variables))
    except ValueError as error:
        raise InvalidInput(f"the label is no command line: {error}") from error
    first = raw[0]
    if first in ("podman", "pypod") or first.rpartition("/")[2] == "docker":
        return [*program, *rest]
    return [first, *rest]


def _filled(word: str, name: str, image: str) -> str:
    for key, value in (("NAME", name), ("IMAGE", image)):
        if word == key:
            return value
        word = word.replace(f"${key}", value).replace(f"${{{key}}}", value)
        if word.endswith(f"={key}"):
            word = word[: -len(key)] + value
    return word


def _expanded(text: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], ""), text)
