"""--output: the files of the built image in a directory or a tar archive (`type=local|tar,dest=…`)."""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput


def parse(text: str) -> tuple[str, str]:
    """ "DIR", "-", "type=local,dest=DIR", "type=tar,dest=FILE|-" -> (type, destination).

    Raises:
        InvalidInput: anything else.
    """
    if "=" not in text:
        return ("tar", "-") if text == "-" else ("local", text)
    fields = dict(part.partition("=")[::2] for part in text.split(","))
    kind = fields.pop("type", "")
    destination = fields.pop("dest", "")
    if kind not in ("local", "tar"):
        raise InvalidInput(
            f'invalid type "{kind}" selected for build output options "{text}"', hint="type=local or type=tar"
        )
    if fields:
        raise InvalidInput(f'invalid key(s) {", ".join(fields)} in build output options "{text}"')
    if not destination:
        raise InvalidInput(f'missing required key "dest" in build output option: "{text}"')
    if destination == "-" and kind == "local":
        raise InvalidInput(f'invalid build output option "{text}", type=local can not be used with dest=-')
    return kind, destination


def write(root: str, output: tuple[str, str], *, rootless: bool) -> None:
    """Write the files below `root`."""
    from ocicore.linux import archive

    kind, destination = output
    source = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if kind == "tar":
            if destination == "-":
                archive.pack(source, 1, whiteouts="keep")
            else:
                _write_archive(source, destination)
            return
        os.makedirs(destination, exist_ok=True)
        target = os.open(destination, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            archive.copy_tree(source, target, in_user_namespace=rootless)
        finally:
            os.close(target)
    except OSError as error:
        raise Error(
            f"failed to export build output: {destination}: {(error.strerror or '').lower()}"
        ) from error
    finally:
        os.close(source)


def _write_archive(source: int, path: str) -> None:
    """The archive takes the place of a file when it is whole; pipes and devices are written to."""
    from ocicore.linux import archive

    if os.path.exists(path) and not os.path.isfile(path):
        target = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            archive.pack(source, target, whiteouts="keep")
        finally:
            os.close(target)
        return
    path = os.path.realpath(path)
    part = f"{path}.{os.urandom(4).hex()}.part"
    target = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        try:
            archive.pack(source, target, whiteouts="keep")
        finally:
            os.close(target)
        os.rename(part, path)
    except BaseException:
        os.unlink(part)
        raise
