"""--metadata-file: what was made, as JSON with BuildKit's keys."""

from __future__ import annotations

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def write(path: str, image_id: str, digest: str, names: Sequence[str]) -> None:
    """Write the file. Raises Error.

    Args:
        digest: of the manifest; names: full names the image got.
    """
    from ocicore.files import quick_json

    value = {"containerimage.config.digest": f"sha256:{image_id}", "containerimage.digest": digest}
    if names:
        value["image.name"] = ",".join(names)
    try:
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(quick_json.dumps(value) + "\n")
    except OSError as error:
        raise Error(f"writing {path}: {(error.strerror or '').lower()}") from error
