"""Archives that ADD unpacks: recognising them, and streaming one into a directory.

A tar file counts, plain or compressed (gzip, bzip2, xz, zstd), as buildah and Docker have it.
"""

from __future__ import annotations

import os

from ocicore.errors import Corrupted, Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.build.content import ItemDigest
    from ocicore.build.transfer import Ownership
    from ocicore.files.codec import Readable

_BLOCK = 512
_CHUNK = 1 << 20


def is_archive(path: str) -> bool:
    """Whether a regular file is a tar archive, compressed or not."""
    from ocicore.files import codec

    try:
        with open(path, "rb") as stream:
            prefix = stream.read(_BLOCK)
            if codec.detect(prefix) == "none":
                return _is_tar_header(prefix)
            stream.seek(0)
            with codec.open_reader(stream) as reader:
                return _is_tar_header(_read_exactly(reader, _BLOCK))
    except (OSError, EOFError, ValueError, Error):
        return False


def _read_exactly(stream: Readable, size: int) -> bytes:
    data = b""
    while len(data) < size:
        chunk = stream.read(size - len(data))
        if not chunk:
            break
        data += chunk
    return data


def _is_tar_header(block: bytes) -> bool:
    if len(block) < _BLOCK or not block[0]:
        return False
    try:
        stored = int(block[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    total = sum(block[:148]) + 8 * 0x20 + sum(block[156:_BLOCK])
    return stored == total


def extract(
    path: str,
    target_fd: int,
    digest: ItemDigest | None,
    *,
    in_user_namespace: bool,
    ownership: Ownership | None = None,
    owner: tuple[int, int] | None = None,
) -> None:
    """Unpack an archive below a directory; its uncompressed bytes are the item's digest.

    Args:
        target_fd: directory, or -1 to only digest.
        owner: of everything, whatever the archive says.

    Raises:
        Corrupted: no tar stream, or one that reaches outside of the directory.
    """
    from ocicore.files import codec

    with open(path, "rb") as stream, codec.open_reader(stream) as reader:
        if target_fd < 0:
            while chunk := reader.read(_CHUNK):
                if digest is not None:
                    digest.update(chunk)
            return
        unpack_stream(
            reader,
            target_fd,
            digest,
            shown=path,
            in_user_namespace=in_user_namespace,
            ownership=ownership,
            owner=owner,
        )


def unpack_stream(
    reader: Readable,
    target_fd: int,
    digest: ItemDigest | None,
    *,
    shown: str,
    in_user_namespace: bool,
    ownership: Ownership | None = None,
    owner: tuple[int, int] | None = None,
) -> None:
    """Unpack an uncompressed tar stream, in C and beside the reader."""
    import threading

    from ocicore.linux import archive

    read_end, write_end = archive.make_pipe()
    problem: list[BaseException] = []

    def pump() -> None:
        try:
            while chunk := reader.read(_CHUNK):
                if digest is not None:
                    digest.update(chunk)
                view = memoryview(chunk)
                while view:
                    view = view[os.write(write_end, view) :]
        except BrokenPipeError:
            pass  # the unpacking side failed and says why
        except Exception as error:  # noqa: BLE001 – handed to the thread that waits
            problem.append(error)
        finally:
            os.close(write_end)

    thread = threading.Thread(target=pump, name="archive", daemon=True)
    thread.start()
    maps = (ownership.uid_map, ownership.gid_map) if ownership is not None else ([], [])
    try:
        archive.unpack(
            read_end,
            target_fd,
            whiteouts="keep",
            uid_map=maps[0],
            gid_map=maps[1],
            in_user_namespace=in_user_namespace,
            owner=owner,
        )
    except Corrupted as error:
        if problem:
            raise Error(f"extracting contents of archive {shown}: {problem[0]}") from problem[0]
        raise Corrupted(f"extracting contents of archive {shown}: {error.message}") from error
    finally:
        os.close(read_end)
        thread.join()
    if problem:
        raise Error(f"extracting contents of archive {shown}: {problem[0]}") from problem[0]
