"""Standard input as the plain tar archive it holds, for `cp - CONTAINER:PATH`."""

from __future__ import annotations

import contextlib
import os
import threading

from ocicore.errors import Error, InvalidInput
from ocicore.files import codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

#: Bytes of a tar header.
_BLOCK = 512


def _is_header(block: bytes) -> bool:
    """Do the bytes begin a tar archive? POSIX ustar: the sum of a header's bytes, its own field taken as spaces."""
    if len(block) < _BLOCK:
        return False
    try:
        noted = int(block[148:156].strip(b" \0"), 8)
    except ValueError:
        return False
    return noted == sum(block[:148]) + 8 * ord(" ") + sum(block[156:])


@contextlib.contextmanager
def plain_input() -> Iterator[int]:
    """A descriptor with the plain bytes of standard input, whatever it was compressed with. Raises Corrupted."""
    reader, writer = os.pipe()
    failures: list[Exception] = []

    def pump() -> None:
        try:
            with open(0, "rb", buffering=0, closefd=False) as source:
                plain = codec.open_reader(source)
                data = plain.read(_BLOCK)
                while len(data) < _BLOCK and (more := plain.read(_BLOCK - len(data))):
                    data += more
                if not _is_header(data):
                    raise InvalidInput("source must be a (compressed) tar archive when copying from stdin")
                os.write(writer, data)
                while data := plain.read(1 << 20):
                    view = memoryview(data)
                    while view:
                        view = view[os.write(writer, view) :]
        except BrokenPipeError:
            return  # whoever unpacks has given up, and says why
        except (Error, OSError, EOFError) as error:
            failures.append(error)
        finally:
            os.close(writer)

    thread = threading.Thread(target=pump)
    thread.start()
    try:
        yield reader
    except BaseException as error:
        os.close(reader)
        thread.join()
        if failures and isinstance(error, Error):
            raise failures[0] from None  # why the archive ended early
        raise
    os.close(reader)
    thread.join()
    if failures:
        raise failures[0]
