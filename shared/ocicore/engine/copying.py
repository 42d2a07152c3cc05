"""cp: files between containers and the host, with Docker's rules for what the destination becomes.

Paths inside a container are resolved in its root (never outside of it) and then through its mounts, so that volumes
are reached whether it runs or not.
"""

from __future__ import annotations

import errno
import os
import stat

from ocicore.engine import records
from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.linux.resolve import resolve_in_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container


class Endpoint:
    """One side of a copy: a path on the host (container None), or in a container. "-" is a tar stream.

    A context manager: a container's root is mounted while it is used.
    """

    def __init__(self, engine: Engine, container: Container | None, path: str) -> None:
        self.engine = engine
        self.container = container
        self.path = path
        self._mounted = False
        self._root = ""

    @property
    def is_stream(self) -> bool:
        """Standard input or output."""
        return self.container is None and self.path == "-"

    def __enter__(self) -> Endpoint:
        container = self.container
        if container is not None:
            if container.config.get("rootfs"):
                self._root = container.config["rootfs"]
            else:
                self._root = self.engine.store.mount(container.id)
                self._mounted = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._mounted and self.container is not None:
            self.engine.store.unmount(self.container.id)

    def host_path(self) -> str:
        """Where it is on the host; need not exist."""
        if self.container is None:
            return os.path.abspath(self.path)
        config = self.container.config
        path = self.path
        if not path.startswith("/"):
            path = os.path.join(config["runtime"].get("cwd") or "/", path)
        inside = os.path.normpath(path)
        resolved = "/" + os.path.relpath(resolve_in_root(self._root, inside, missing_ok=True), self._root)
        resolved = os.path.normpath(resolved)
        best = ""
        source = ""
        for mount in config["mounts"]:
            place = mount["destination"]
            if mount["type"] in ("bind", "volume", "tmpfs", "ramfs") and (
                resolved == place or resolved.startswith(place.rstrip("/") + "/")
            ):
                if len(place) > len(best):
                    best, source = place, mount["source"] if mount["type"] in ("bind", "volume") else ""
        if best and not source and self.container.status in records.ALIVE:
            # In memory, and only there: seen through the container's own mounts.
            return f"/proc/{self.container.pid}/root{resolved}"
        if not source:
            return self._root + resolved
        rest = resolved[len(best) :]
        return resolve_in_root(source, rest, missing_ok=True) if rest else source

    def owner(self) -> tuple[int, int] | None:
        """Ids for what is written there: the container's user, or the caller on the host."""
        if self.container is None:
            return os.geteuid(), os.getegid()
        from ocicore.engine.prepare import map_id
        from ocicore.runtime import users

        runtime = self.container.config["runtime"]
        user = users.resolve(runtime.get("user", ""), self._root)
        return (
            map_id(user.uid, runtime.get("uid_mappings")),
            map_id(user.gid, runtime.get("gid_mappings")),
        )


def parse(engine: Engine, text: str) -> tuple[Container | None, str]:
    """CONTAINER:PATH, or a path of the host (with a "/" or "." in front, or without ":"). Raises NoSuchContainer."""
    if text.startswith(("/", ".")) or ":" not in text:
        return None, text
    name, _, path = text.partition(":")
    container = engine.state.containers.find(name)
    return container, path


def copy(source: Endpoint, target: Endpoint, *, archive: bool, overwrite: bool) -> None:
    """Copy. Raises NotFound, InvalidInput, Error.

    Args:
        archive: files belong to the destination's user; else they keep their ids.
        overwrite: a directory may replace a file and the other way round.
    """
    if source.is_stream:
        _from_stream(source, target, archive=archive)
        return
    path = source.host_path()
    contents = source.path.endswith("/.") or source.path == "."
    if not os.path.lexists(path):
        raise _missing(source)
    if target.is_stream:
        _to_stream(source, path)
        return
    owner = target.owner() if archive else None
    destination = target.host_path()
    # /dev/stdout is no file to replace, even where standard output goes into a regular one.
    odd = os.path.islink(destination) and os.readlink(destination).startswith("/proc/self/fd/")
    if odd or (
        os.path.exists(destination) and not os.path.isdir(destination) and not os.path.isfile(destination)
    ):
        raise InvalidInput(f'invalid destination: "{target.path}" must be a directory or a regular file')
    if os.path.isdir(path) and not os.path.islink(path):
        _copy_directory(source, path, target, destination, contents, owner, overwrite)
    else:
        _copy_file(path, source.path, target, destination, owner, overwrite)


def _missing(place: Endpoint) -> NotFound:
    where = "the host" if place.container is None else f"container {place.container.name}"
    return NotFound(f'"{place.path}" could not be found on {where}: no such file or directory')


def _copy_directory(
    source: Endpoint,
    path: str,
    target: Endpoint,
    destination: str,
    contents: bool,
    owner: tuple[int, int] | None,
    overwrite: bool,
) -> None:
    from ocicore.engine import volumes

    if os.path.isdir(destination):
        if not contents:
            name = os.path.basename(os.path.normpath(source.path)) or os.path.basename(path)
            destination = f"{destination}/{name}"
    elif os.path.lexists(destination):
        raise InvalidInput("destination must be a directory when copying a directory")
    if os.path.lexists(destination) and not os.path.isdir(destination):
        if not overwrite:
            raise InvalidInput(
                f"cannot overwrite non-directory with directory: "
                f'error creating "{_inside(target, destination)}": mkdir {destination}: file exists'
            )
        os.unlink(destination)
    if not os.path.isdir(destination):
        parent = os.path.dirname(destination)
        if not os.path.isdir(parent):
            raise _missing(target)
        os.mkdir(destination, 0o755)
        info = os.stat(path)
        os.chmod(destination, stat.S_IMODE(info.st_mode))
        os.chown(destination, *(owner or (info.st_uid, info.st_gid)))
    volumes.copy_tree(target.engine, path, destination, owner)


def _inside(target: Endpoint, destination: str) -> str:
    """The destination as podman names it: from the folder that was typed on, or from "/" for one of the host."""
    shown = f"{target.path.rstrip('/')}/" if target.container is not None else "/"
    return shown + os.path.basename(destination)


def _copy_file(
    path: str, typed: str, target: Endpoint, destination: str, owner: tuple[int, int] | None, overwrite: bool
) -> None:
    if os.path.isdir(destination):
        destination = f"{destination}/{os.path.basename(os.path.normpath(typed))}"
    elif target.path.endswith("/"):
        raise _missing(target)
    if os.path.isdir(destination) and not os.path.islink(destination):
        if not overwrite:
            raise InvalidInput(
                f"cannot overwrite directory with non-directory: "
                f'error creating "{_inside(target, destination)}": open {destination}: file exists'
            )
        import shutil

        shutil.rmtree(destination)
    info = os.lstat(path)
    if not os.path.isdir(os.path.dirname(destination)):
        raise _missing(target)
    temporary = f"{destination}.{os.getpid()}.copying"
    try:
        if stat.S_ISLNK(info.st_mode):
            os.symlink(os.readlink(path), temporary)
        elif stat.S_ISREG(info.st_mode):
            _copy_bytes(path, temporary, info.st_size)
        else:
            os.mknod(temporary, info.st_mode, info.st_rdev)
        os.chown(temporary, *(owner or (info.st_uid, info.st_gid)), follow_symlinks=False)
        if not stat.S_ISLNK(info.st_mode):
            os.chmod(temporary, stat.S_IMODE(info.st_mode))
        os.utime(temporary, ns=(info.st_atime_ns, info.st_mtime_ns), follow_symlinks=False)
        os.rename(temporary, destination)
    except OSError as error:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise Error(f"copying to {target.path}: {(error.strerror or '').lower()}") from error


def _copy_bytes(source: str, target: str, size: int) -> None:
    reader = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _transfer(reader, writer, size)
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def _transfer(reader: int, writer: int, size: int) -> None:
    try:
        while size > 0 and (sent := os.copy_file_range(reader, writer, size)):
            size -= sent
    except OSError:
        # Not every pair of file systems can: through the page cache of both.
        os.lseek(reader, 0, os.SEEK_SET)
        os.lseek(writer, 0, os.SEEK_SET)
        try:
            while os.sendfile(writer, reader, None, 1 << 20):
                pass
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOSYS):
                raise
            # Small pieces: large ones make the kernel look for large free pages, which may take longer than copying.
            while chunk := os.read(reader, 1 << 16):
                os.write(writer, chunk)


def _from_stream(source: Endpoint, target: Endpoint, *, archive: bool) -> None:
    from ocicore.engine import plain_input, tar_stream

    destination = target.host_path()
    if not os.path.isdir(destination):
        raise InvalidInput("destination must be a directory when copying from stdin")
    owner = target.owner() if archive else None
    with plain_input.plain_input() as descriptor:
        tar_stream.read_tree(descriptor, destination, owner=owner, rootless=target.engine.rootless)


def _to_stream(source: Endpoint, path: str) -> None:
    from ocicore.linux import archive

    parent, name = os.path.split(os.path.normpath(path))
    if os.path.isdir(path):
        from ocicore.engine import tar_stream

        prefix = "" if source.path.endswith("/.") else f"{name}/"
        tar_stream.write_tree(path, 1, prefix=prefix)
        return
    root_fd = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        archive.pack(root_fd, 1, whiteouts="keep", include=[name])
    finally:
        os.close(root_fd)
