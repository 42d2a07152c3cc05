"""What the generator made, kept with all that it followed from, for a start that finds nothing changed.

The file is read by `tools/pypod_systemd/front/quadlet-front.c`, which also copies it to a place that outlives a boot. After
its first line come records
`KIND SIZE SIZE\\n FIRST \\0 SECOND \\0` (no blanks; sizes in bytes without the zeros):

    I uid                                  P the generator's name       M "user" or "system"
    E, A a variable and its value; one that is not there
    S a file of the generator's own and "device inode size mtime ctime"
    R a path and where it (or, of one that is not there, the beginning that is) leads
    X, N a path that is there; one that is not
    L a folder and its names, sorted, "/" after a folder's, zeros between them      U a folder that cannot be read
    F a file and its content
    O a service's file name and content    Y a link's path and target
    Z the end
"""

from __future__ import annotations

import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ocicore.systemd.quadlet.disk import Witness

_FIRST_LINE = b"pypod quadlet kept 1\n"
#: Bytes; the front reads no more.
_LARGEST = 32 << 20
#: A program written so shortly before (nanoseconds) may have been replaced since it was read.
_YOUNG = 2_000_000_000


class Environment(dict[str, str]):
    """Variables, and a memory of those that were asked for by name."""

    def __init__(self, environ: dict[str, str]) -> None:
        super().__init__(environ)
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)


def save(
    path: str,
    witness: Witness,
    environ: Environment,
    program: str,
    *,
    is_user: bool,
    started: int,
    made: Iterable[tuple[str, bytes, list[tuple[str, str]]]],
) -> bool:
    """Writes the file, or leaves it be: whether it was written.

    Args:
        path: in a folder of this user's, which is made when it is missing.
        program: argv[0], the launcher.
        started: when this process began to read its program, nanoseconds since the epoch.
        made: (file name, content, links) of every service.
    """
    own = _own_files(program, started)
    if own is None:
        return False
    records: list[tuple[str, bytes, bytes]] = [
        ("I", str(os.getuid()).encode(), b""),
        ("P", os.fsencode(program), b""),
        ("M", b"user" if is_user else b"system", b""),
    ]
    for name in sorted(environ.asked):
        value = dict.get(environ, name)
        records.append(("A" if value is None else "E", os.fsencode(name), os.fsencode(value or "")))
    records += own
    records += dict.fromkeys(witness.answers)
    for name, content, links in made:
        records.append(("O", os.fsencode(name), content))
        records += [("Y", os.fsencode(link), os.fsencode(target)) for link, target in links]
    records.append(("Z", b"", b""))
    data = _FIRST_LINE + b"".join(
        b"%s %d %d\n%s\0%s\0" % (kind.encode(), len(first), len(second), first, second)
        for kind, first, second in records
    )
    if len(data) > _LARGEST:
        return False
    try:
        _write(path, data)
    except OSError:
        return False
    return True


def _own_files(program: str, started: int) -> list[tuple[str, bytes, bytes]] | None:
    """The launcher, the interpreter and the modules that are loaded; None: one may be another by now."""
    files = {program, sys.executable}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and os.path.isabs(file):
            files.add(file)
    found = []
    for file in sorted(files):
        try:
            info = os.stat(file)
        except OSError:
            return None
        if info.st_ctime_ns > started - _YOUNG:
            return None
        times = " ".join(
            f"{ns // 1_000_000_000}.{ns % 1_000_000_000:09d}" for ns in (info.st_mtime_ns, info.st_ctime_ns)
        )
        text = f"{info.st_dev} {info.st_ino} {info.st_size} {times}"
        found.append(("S", os.fsencode(file), text.encode()))
    return found


def _write(path: str, data: bytes) -> None:
    """Raises OSError, also when the folder is another's or others may write there."""
    folder, _, name = path.rpartition("/")
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        info = os.fstat(directory)
        if info.st_uid != os.geteuid() or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(folder)
        new = f".{name}.{os.getpid()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(new, flags, 0o600, dir_fd=directory)
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            os.rename(new, name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError:
            os.unlink(new, dir_fd=directory)
            raise
        finally:
            os.close(descriptor)
    finally:
        os.close(directory)
