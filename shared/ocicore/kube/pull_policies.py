"""imagePullPolicy in the engine's words."""

from __future__ import annotations

from ocicore.errors import InvalidInput

_KNOWN = {"Always": "always", "IfNotPresent": "missing", "Never": "never"}


def read(text: str, key: str, image: str, where: str) -> str:
    """What `text` asks for; without any "newer" for :latest, else "missing". Raises InvalidInput.

    Args:
        key: name of the field, for the message.
    """
    if text:
        if text not in _KNOWN:
            raise InvalidInput(f"{where}: {key}: {text!r}: must be Always, IfNotPresent or Never")
        return _KNOWN[text]
    last = image.rpartition("/")[2]
    latest = last.endswith(":latest") or (":" not in last and "@" not in image)
    return "newer" if latest else "missing"
