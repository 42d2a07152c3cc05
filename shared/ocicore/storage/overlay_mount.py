"""Mounting overlay layers: by the kernel, or by a mount program (fuse-overlayfs).

Follows containers/storage's driver.Get/Put: the same mount point (`merged`), options and
order of lower directories, so that any of the programs can undo what another did.
"""

from __future__ import annotations

import errno
import os

from ocicore.errors import InvalidInput, NotFound, Unsupported
from ocicore.linux import mount
from ocicore.storage import overlay_support

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.storage.overlay import OverlayDriver
    from ocicore.storage.records import IdMaps

_FLAGS = {
    "ro": mount.MS_RDONLY,
    "nosuid": mount.MS_NOSUID,
    "nodev": mount.MS_NODEV,
    "noexec": mount.MS_NOEXEC,
    "noatime": mount.MS_NOATIME,
    "nodiratime": mount.MS_NODIRATIME,
    "relatime": mount.MS_RELATIME,
    "strictatime": mount.MS_STRICTATIME,
    "sync": mount.MS_SYNCHRONOUS,
    "dirsync": mount.MS_DIRSYNC,
}
_IGNORED = frozenset(("rw", "suid", "dev", "exec", "defaults"))
_MAX_LOWERS = 500
_FUSERMOUNTS = ("/usr/bin/fusermount3", "/bin/fusermount3", "/usr/bin/fusermount", "/bin/fusermount")


def split_flags(options: Sequence[str]) -> tuple[list[str], int]:
    """(options for the file system, mount flags)."""
    flags = 0
    rest = []
    for option in options:
        if option in _FLAGS:
            flags |= _FLAGS[option]
        elif option not in _IGNORED and option:
            rest.append(option)
    return rest, flags


def uses_metacopy(driver: OverlayDriver) -> bool:
    """Does metacopy=on of the configuration work (as root only)?"""
    if driver.in_user_namespace or driver.mount_program:
        return False
    rest, flags = split_flags(driver.mount_options)
    feature = f"metacopy({','.join(driver.mount_options)})"
    return overlay_support.cached(
        driver.run_home, feature, lambda: overlay_support.probe_metacopy(driver.home, rest, flags)
    )


def private_home(driver: OverlayDriver) -> None:
    """Make the home a private mount, so that layers' mounts do not spread into other namespaces.

    A container started meanwhile would keep them busy after they were unmounted here.
    """
    if driver.skip_mount_home:
        return
    home = os.path.realpath(driver.home)
    found = None
    for entry in mount.mountinfo():
        if entry.target == home:
            found = entry
    if found is None:
        mount.bind(home, home, recursive=True)
    elif "shared:" not in found.propagation:
        return
    mount.make_private(home)


def mount_layer(
    driver: OverlayDriver,
    layer_id: str,
    *,
    id_maps: IdMaps | None,
    options: Sequence[str],
    label: str,
    volatile: bool,
    read_only: bool,
) -> str:
    """Mount one layer over those below; see `Driver.mount`."""
    folder = driver.layer_dir(layer_id)
    if not os.path.isdir(folder):
        raise NotFound(f"overlay: layer {layer_id} has no directory", hint="run the check command")
    foreign = not folder.startswith(driver.home + "/")
    target = driver.mount_path(layer_id)
    program = driver.mount_program
    shifted = bool(id_maps) and not program
    from ocicore.storage.overlay import root_of

    owner = root_of(id_maps)
    given = list(options) or list(driver.mount_options)
    if options and "metacopy=on" in driver.mount_options and "metacopy=on" not in given:
        given.append("metacopy=on")
    if "metacopy=on" in given and not uses_metacopy(driver):
        given.remove("metacopy=on")
    read_only = read_only or foreign or "ro" in given
    rest, flags = split_flags([option for option in given if option != "ro"])

    diffs = driver.diff_paths(layer_id)
    links = driver.lower_links(layer_id)
    lowers = diffs[1:]
    for link in links:
        path = driver.resolve_link(link)
        lowers.append(path)
        if os.path.isdir(f"{path}/../composefs-data"):
            raise driver.composefs_error(os.path.basename(os.path.realpath(f"{path}/..")))
        number = 1
        while os.path.isdir(f"{path}/../diff{number}"):
            lowers.append(f"{path}/../diff{number}")
            number += 1
    if len(lowers) > _MAX_LOWERS:
        raise Unsupported(f"overlay: layer {layer_id} has {len(lowers)} layers below it: max depth exceeded")
    if not lowers:
        lowers = [_empty(folder, driver, layer_id)]
    diff = diffs[0]
    if not foreign and id_maps:
        os.chown(diff, *owner)
    _make_target(target, owner)
    if not program and driver.in_user_namespace and "userxattr" not in rest:
        rest.append("userxattr")
    if volatile and not read_only and "volatile" not in rest and _supports_volatile(driver):
        rest.append("volatile")
    private_home(driver)
    work = folder + "/work"
    if not read_only:
        _forget_volatile(work)
    mapped: list[str] = []
    try:
        if shifted and id_maps:
            lowers = _map_lowers(driver, layer_id, lowers, id_maps, mapped)
        if program:
            _run_program(
                driver,
                program,
                target,
                diff,
                lowers,
                None if read_only else work,
                rest,
                flags,
                id_maps,
                label,
            )
        elif read_only:
            mount.overlay(target, [diff, *lowers], None, None, rest, flags=flags, label=label or None)
        else:
            mount.overlay(target, lowers, diff, work, rest, flags=flags, label=label or None)
    finally:
        # The overlay holds its own references to id-mapped lowers.
        for path in mapped:
            mount.umount(path, mount.MNT_DETACH)
    return target


def _empty(folder: str, driver: OverlayDriver, layer_id: str) -> str:
    path = folder + "/empty"
    if os.path.isdir(path):
        return path
    if not folder.startswith(driver.home + "/"):
        path = os.path.join(driver.run_home, layer_id, "empty")
    os.makedirs(path, 0o700, exist_ok=True)
    return path


def _make_target(target: str, owner: tuple[int, int]) -> None:
    if not os.path.isdir(target):
        os.makedirs(target, 0o700)
        if owner != (0, 0):
            os.chown(target, *owner)


def _supports_volatile(driver: OverlayDriver) -> bool:
    if driver.mount_program:
        return True
    return overlay_support.cached(
        driver.run_home,
        "volatile",
        lambda: overlay_support.probe_volatile(driver.home, rootless=driver.in_user_namespace),
    )


def _forget_volatile(work: str) -> None:
    """The kernel refuses an upper that was mounted volatile before; the caller knows what it does."""
    try:
        os.rmdir(work + "/work/incompat/volatile")
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError:
        _remove(work + "/work/incompat", "volatile")


def _remove(folder: str, name: str) -> None:
    from ocicore.linux import archive

    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        archive.remove_tree(fd, name)
    finally:
        os.close(fd)


def _map_lowers(
    driver: OverlayDriver, layer_id: str, lowers: list[str], id_maps: IdMaps, mapped: list[str]
) -> list[str]:
    """Replace lowers by the same directories below id-mapped mounts of what holds them."""
    base = os.path.join(driver.home, layer_id, "mapped")
    os.makedirs(base, 0o700, exist_ok=True)
    mounts: dict[str, str] = {}
    found = []
    for lower in lowers:
        real = os.path.realpath(lower)
        # One mount of the whole home serves all layers in it.
        root = next(
            (home for home in (driver.home, *driver.other_homes) if real.startswith(home + "/")),
            os.path.dirname(real),
        )
        if root not in mounts:
            point = os.path.join(base, str(len(mounts)))
            os.makedirs(point, 0o700, exist_ok=True)
            mount.idmapped_bind(root, point, id_maps[0], id_maps[1], recursive=False)
            mounts[root] = point
            mapped.append(point)
        found.append(os.path.join(mounts[root], os.path.relpath(real, root)))
    return found


def _run_program(
    driver: OverlayDriver,
    program: str,
    target: str,
    diff: str,
    lowers: list[str],
    work: str | None,
    options: list[str],
    flags: int,
    id_maps: IdMaps | None,
    label: str,
) -> None:
    """Mount with fuse-overlayfs; it puts itself into the background when the mount is there."""
    import subprocess

    if work is None:
        parts = ["lowerdir=" + ":".join([diff, *lowers])]
    else:
        parts = ["lowerdir=" + ":".join(lowers), f"upperdir={diff}", f"workdir={work}"]
    parts += options
    parts += [name for name, flag in _FLAGS.items() if flags & flag]
    if label:
        parts.append(f'context="{label}"')
    for key, squash, entries in zip(
        ("uidmapping", "gidmapping"), ("squash_to_uid", "squash_to_gid"), id_maps or (), strict=False
    ):
        if len(entries) == 1 and entries[0][2] == 1:
            parts.append(f"{squash}={entries[0][1]}")
        elif entries:
            parts.append(f"{key}=" + ":".join(f"{c}:{h}:{s}" for c, h, s in entries))
    if driver.force_mask is not None:
        parts.append("xattr_permissions=2")
    done = subprocess.run(
        [program, "-o", ",".join(parts), target],
        cwd=driver.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        text = done.stderr.decode("utf-8", "replace").strip().replace("\n", " ") or "<stderr empty>"
        raise mount.MountError(f"using mount program {program}: {text}", errno=0)


def unmount_layer(driver: OverlayDriver, layer_id: str) -> None:
    """Undo `mount_layer`; fine when nothing is mounted."""
    target = driver.mount_path(layer_id)
    folder = driver.layer_dir(layer_id)
    mapped = os.path.join(driver.home, layer_id, "mapped")
    if os.path.isdir(mapped):
        for name in os.listdir(mapped):
            _umount(os.path.join(mapped, name))
    if not os.path.isdir(folder) and not os.path.isdir(target):
        return
    if not (driver.mount_program and _fusermount(target)):
        _umount(target)
    if not folder.startswith(driver.home + "/"):
        if target.startswith(driver.run_home + "/") and target.endswith("/merged"):
            _remove(driver.run_home, os.path.basename(os.path.dirname(target)))
        return
    # A lazily detached mount may still be pinned; a new directory in the old one's place is
    # surely free. The rename keeps `merged` there at every instant.
    try:
        info = os.stat(target)
        os.mkdir(folder + "/merged.1", 0o700)
        os.chown(folder + "/merged.1", info.st_uid, info.st_gid)
    except FileExistsError:
        pass
    except FileNotFoundError:
        return
    try:
        os.rename(folder + "/merged.1", target)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        # Not a mount any more: a runtime whose parent was killed made its mount points here after the unmount.
        _remove(folder, "merged")
        os.rename(folder + "/merged.1", target)


def _umount(target: str) -> None:
    """Undo every mount there: one that was killed before it was counted lies under a later one."""
    while True:
        try:
            mount.umount(target, mount.MNT_DETACH)
        except mount.MountError as error:
            if error.errno in (errno.ENOENT, errno.EINVAL):  # EINVAL: not a mount point
                return
            raise


def _fusermount(target: str) -> bool:
    for program in _FUSERMOUNTS:
        if os.access(program, os.X_OK):
            pid = os.posix_spawn(
                program,
                [program, "-u", target],
                {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                file_actions=[(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)],
            )
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return False


def shift_layer(driver: OverlayDriver, layer_id: str, old: IdMaps | None, new: IdMaps | None) -> None:
    """Give everything visible in a new layer the owners of another mapping, by copying up.

    The copies end up in `diff1`, under an empty `diff`: that is how containers/storage records it.
    """
    from ocicore.linux import archive
    from ocicore.storage.overlay import root_of

    folder = os.path.join(driver.home, layer_id)
    if old and any(not entries for entries in old):
        raise InvalidInput("an id mapping needs both user and group ids")
    target = mount_layer(
        driver,
        layer_id,
        id_maps=None,
        options=driver.mount_options,
        label="",
        volatile=False,
        read_only=False,
    )
    try:
        fd = os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            empty: IdMaps = ([], [])
            before, after = old or empty, new or empty
            archive.chown_tree(fd, uid_map=(before[0], after[0]), gid_map=(before[1], after[1]))
        finally:
            os.close(fd)
    finally:
        unmount_layer(driver, layer_id)
    info = os.stat(folder + "/diff")
    number = len(driver.diff_paths(layer_id))
    for index in range(number, 0, -1):
        os.rename(folder + f"/diff{index - 1 or ''}", folder + f"/diff{index}")
    owner = root_of(new)
    _remove(folder, "work")
    for name, mode in (("work", 0o700), ("diff", info.st_mode & 0o7777)):
        os.mkdir(f"{folder}/{name}", 0o700)
        os.chown(f"{folder}/{name}", *owner)
        os.chmod(f"{folder}/{name}", mode)
