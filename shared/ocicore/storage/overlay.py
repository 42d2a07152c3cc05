"""The overlay driver's layout on disk (containers/storage drivers/overlay).

    <home>/<id>/diff      the layer's own files (the upper directory of a container)
    <home>/<id>/link      26 letters; <home>/l/<link> is a symbolic link to ../<id>/diff
    <home>/<id>/lower     "l/AAA:l/BBB", topmost first; absent for a base layer
    <home>/<id>/work merged, and empty for a base layer
    <home>/<id>/diff1 …   earlier owners' files, below diff (layers shifted by copying)

Mounting is in overlay_mount.py.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from ocicore.errors import Corrupted, InvalidInput, NotFound, Unsupported
from ocicore.files import atomic
from ocicore.storage import identifiers, overlay_support
from ocicore.storage.driver import parse_flag, parse_options
from ocicore.storage.tempdirs import move

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ocicore.config.storage_conf import StorageConfig
    from ocicore.linux.archive import Change
    from ocicore.storage.additional_layers import LayerSource
    from ocicore.storage.records import IdMaps

_RESERVED = frozenset(("l", "staging", "tempdirs", "backingFsBlockDev", ".has-mount-program"))
#: In the directory of a layer that an additional layer store provides: where its files are.
_MARKER = "additionallayer"
_KNOWN = frozenset(
    (
        "force_mask",
        "ignore_chown_errors",
        "inodes",
        "mount_program",
        "mountopt",
        "override_kernel_check",
        "size",
        "skip_mount_home",
        "sync",
        "use_composefs",
    )
)


class OverlayDriver:
    """Layers as directories, stacked by the kernel's overlay or by fuse-overlayfs."""

    name = "overlay"
    needs_parent = False

    def __init__(
        self, config: StorageConfig, *, rootless: bool, warn: Callable[[str], None] | None = None
    ) -> None:
        self.home = os.path.join(config.graph_root, "overlay")
        self.run_home = os.path.join(config.run_root, "overlay")
        self.image_home = os.path.join(config.image_store, "overlay") if config.image_store else None
        self.in_user_namespace = rootless
        self.warn = warn
        stores = ([config.image_store] if config.image_store else []) + config.image_stores
        self.other_homes = [os.path.join(store, "overlay") for store in stores]
        given = parse_options("overlay", config.driver_options)
        for key in given:
            if key not in _KNOWN:
                raise InvalidInput(f"overlay: unknown option {key}")

        def flag(key: str) -> bool:
            return parse_flag("overlay", key, given.get(key, ""))

        if flag("use_composefs"):
            raise Unsupported(
                "overlay: composefs is not supported", hint="unset use_composefs in storage.conf"
            )
        self.layer_stores: list[LayerSource] = []
        if config.layer_stores:
            from ocicore.storage.additional_layers import LayerSource

            self.layer_stores = [LayerSource.parse(text) for text in config.layer_stores]
        self.mount_options = [option for option in given.get("mountopt", "").split(",") if option]
        self.skip_mount_home = flag("skip_mount_home")
        self.ignore_chown_errors = flag("ignore_chown_errors")
        self.force_mask = _force_mask(given.get("force_mask"))
        for key in ("size", "inodes"):
            # A limit of nothing is none.
            if given.get(key, "").strip("0"):
                raise Unsupported(
                    f"overlay: {key}={given[key]}: quotas are not supported",
                    hint=f"unset {key} in storage.conf",
                )
        self._id_mapped = not config.disable_idmap
        self._mount_program = given.get("mount_program") or None
        if self._mount_program is not None and not os.path.exists(self._mount_program):
            raise InvalidInput(
                f"overlay: can't stat program {self._mount_program}: no such file or directory",
                hint="install it, or correct mount_program in storage.conf",
            )
        self._chosen = self._mount_program is not None
        self._choice = allocate_lock()

    # -- facts ---------------------------------------------------------------------------------

    @property
    def mount_program(self) -> str | None:
        """Path of fuse-overlayfs where it does the mounts, None for the kernel. Raises Error."""
        if not self._chosen:
            with self._choice:  # layers unpack in several threads: one of them asks the kernel
                if not self._chosen:
                    self._choose()
        return self._mount_program

    def _choose(self) -> None:
        if not overlay_support.native(self.home, self.run_home, rootless=self.in_user_namespace):
            self._mount_program = overlay_support.find_fuse_overlayfs()
            if self._mount_program is None:
                raise Unsupported(
                    f"'overlay' is not supported at {self.home}",
                    hint="install fuse-overlayfs, or use the vfs driver",
                )
            overlay_support.write_flag(self.home)
        self._chosen = True

    @property
    def whiteouts(self) -> str:
        """A mount program reads `.wh.` files; the kernel wants devices 0:0."""
        return "fuse-overlayfs" if self.mount_program else "overlay"

    def prepare(self) -> None:
        """Make the home's directories."""
        for home in (self.home, self.image_home):
            if home and not os.path.isdir(home + "/l"):
                os.makedirs(home, 0o700, exist_ok=True)
                _mkdir(home + "/l", 0o755)
        if self._mount_program:
            overlay_support.write_flag(self.home)

    def layer_dir(self, layer_id: str) -> str:
        """The layer's directory here or in an additional store; here when there is none."""
        own = os.path.join(self.home, layer_id)
        if self.other_homes and not os.path.lexists(own):
            for home in self.other_homes:
                other = os.path.join(home, layer_id)
                if os.path.lexists(other):
                    return other
        return own

    def exists(self, layer_id: str) -> bool:
        """Is there a directory for the layer, here or in an additional store?"""
        return os.path.isdir(self.layer_dir(layer_id))

    def layer_ids(self) -> list[str]:
        """Layers that have a directory here."""
        found = []
        for home in (self.home, self.image_home):
            if home:
                with os.scandir(home) as entries:
                    found += [
                        e.name
                        for e in entries
                        if e.name not in _RESERVED
                        and not e.name.startswith(overlay_support.TRIAL)
                        and e.is_dir(follow_symlinks=False)
                    ]
        return found

    def diff_path(self, layer_id: str) -> str:
        """The directory with the layer's own files (elsewhere for a layer of an additional layer store)."""
        path = os.path.join(self.layer_dir(layer_id), "diff")
        return os.readlink(path) if os.path.islink(path) else path

    @staticmethod
    def composefs_error(layer_id: str) -> Unsupported:
        """What to say of such a layer."""
        return Unsupported(
            f"overlay: layer {layer_id} is a composefs layer: composefs is not supported",
            hint="pull its image again with use_composefs unset in storage.conf",
        )

    def is_composefs(self, layer_id: str) -> bool:
        """Was the layer stored by a program with `use_composefs`? Its files have their digests as names."""
        return os.path.isdir(os.path.join(self.layer_dir(layer_id), "composefs-data"))

    def elsewhere(self, layer_id: str) -> str | None:
        """The place in an additional layer store that the layer's files come from, None for all others."""
        try:
            with open(os.path.join(self.layer_dir(layer_id), _MARKER), "rb") as file:
                return os.fsdecode(file.read())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def forget(self, layer_id: str) -> None:
        """Tell the additional layer store that provides the layer that it is used once less."""
        place = self.elsewhere(layer_id)
        if place is not None and os.path.isabs(place):
            from ocicore.storage import additional_layers

            additional_layers.release(place)

    def diff_paths(self, layer_id: str) -> list[str]:
        """`diff_path` and the numbered directories below it that shifting by copying leaves."""
        paths = [self.diff_path(layer_id)]
        folder = self.layer_dir(layer_id)
        if self.is_composefs(layer_id):
            raise self.composefs_error(layer_id)
        while os.path.isdir(f"{folder}/diff{len(paths)}"):
            paths.append(f"{folder}/diff{len(paths)}")
        return paths

    def lower_links(self, layer_id: str) -> list[str]:
        """What the `lower` file names, e.g. "l/ABC…"."""
        return [link for link in _read(os.path.join(self.layer_dir(layer_id), "lower")).split(":") if link]

    def chains(self, layer_id: str) -> list[list[str]]:
        """What the `lower` file of a layer on this one may name: one answer for each store that has this one."""
        found = []
        for home in (self.home, *self.other_homes):
            folder = os.path.join(home, layer_id)
            link = _read(f"{folder}/link")
            if link:
                found.append([f"l/{link}", *filter(None, _read(f"{folder}/lower").split(":"))])
        return found

    def resolve_link(self, link: str) -> str:
        """The directory behind "l/ABC…", in whichever store; mends lost links once."""
        for attempt in range(2):
            for home in (self.home, *self.other_homes):
                path = os.path.join(home, link)
                if os.path.isdir(path):
                    return path
            if attempt == 0:
                if self.warn:
                    self.warn(f"overlay: link {link} is missing: making the links anew")
                self.recreate_links()
        raise Corrupted(f"overlay: lower layer {link} is missing", hint="run the check command")

    def lower_paths(self, layer_id: str) -> list[str]:
        """Directories below it, topmost first."""
        found = self.diff_paths(layer_id)[1:]
        for link in self.lower_links(layer_id):
            owner = os.path.basename(os.path.dirname(os.path.realpath(self.resolve_link(link))))
            found += self.diff_paths(owner) if self.exists(owner) else [self.resolve_link(link)]
        return found

    # -- making and removing -------------------------------------------------------------------

    def create(
        self,
        layer_id: str,
        parent: str | None,
        *,
        writable: bool,
        id_maps: IdMaps | None = None,
        options: Mapping[str, str] | None = None,
        staged: str | None = None,
        elsewhere: str | None = None,
        durable: bool = False,
    ) -> None:
        """Make the layer's directories.

        `staged` is a filled directory that becomes `diff`; with `elsewhere` (a layer's place in an additional layer
        store) `diff` is a link to the files there.
        """
        if options:
            raise Unsupported(
                "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
                hint="this version sets no quotas",
            )
        if writable and self.force_mask is not None and not self.mount_program:
            raise Unsupported(
                "overlay: force_mask option for writeable layers is only supported with a mount_program"
            )
        home = self.image_home if self.image_home and not writable else self.home
        folder = os.path.join(home, layer_id)
        owner = root_of(id_maps)
        mode = 0o555
        lower = ""
        if parent:
            info = os.stat(self.diff_path(parent))
            mode, owner_of_diff = info.st_mode & 0o7777, (info.st_uid, info.st_gid)
            lower = ":".join([f"l/{self._link(parent)}", *self.lower_links(parent)])
        else:
            owner_of_diff = owner
        if self.force_mask is not None:
            mode, owner_of_diff = self.force_mask, owner
        if os.path.lexists(folder):
            self._remove_now(layer_id)
        _mkdir(folder, 0o700, owner)
        if elsewhere is not None:
            _write(f"{folder}/{_MARKER}", elsewhere, 0o644)
            os.symlink(elsewhere + "/diff", folder + "/diff")
        elif staged is None:
            _mkdir(folder + "/diff", mode, owner_of_diff)
        else:
            os.chown(staged, *owner_of_diff)
            os.chmod(staged, mode)
            move(staged, folder + "/diff")
        if self.force_mask is not None and writable:
            real = f"{owner_of_diff[0]}:{owner_of_diff[1]}:0{mode:o}"
            os.setxattr(folder + "/diff", b"user.containers.override_stat", real.encode())
        # The file before the link it names: whoever is killed in between leaves a trace of the link.
        link = identifiers.new_link()
        _write(folder + "/link", link, 0o644)
        os.symlink(f"../{layer_id}/diff", f"{home}/l/{link}")
        _mkdir(folder + "/work", 0o700, owner_of_diff)
        _mkdir(folder + "/merged", 0o700, owner_of_diff)
        if lower:
            _write(folder + "/lower", lower, 0o644)
        else:
            _mkdir(folder + "/empty", 0o700, owner_of_diff)
        if durable:
            # All at the end: where one sync commits a journal, the others find nothing left to do.
            for name in ("link", "lower", _MARKER):
                if os.path.exists(f"{folder}/{name}"):
                    atomic.fsync_file(f"{folder}/{name}")
            for path in (folder, home + "/l", home):
                atomic.fsync_dir(path)

    def owned_paths(self, layer_id: str) -> list[str]:
        """The short link, then the directory."""
        for home in (self.home, self.image_home):
            if home and os.path.lexists(f"{home}/{layer_id}"):
                try:
                    with open(f"{home}/{layer_id}/link", encoding="utf-8") as file:
                        link = file.read().strip()
                except (FileNotFoundError, NotADirectoryError):
                    link = ""
                links = [f"{home}/l/{link}"] if link and "/" not in link else []
                return [*links, f"{home}/{layer_id}"]
        return []

    def _remove_now(self, layer_id: str) -> None:
        """A directory without a record is in the way: the rest of an interrupted operation."""
        from ocicore.linux import archive

        for path in self.owned_paths(layer_id):
            folder, name = os.path.split(path)
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                archive.remove_tree(fd, name)
            finally:
                os.close(fd)

    def stage_dir(self, folder: str) -> str:
        """Make the directory inside a private one that a layer is unpacked to.

        An archive's entry for the root itself counts for nothing: mode and owner of the root are the
        parent's, and set when the layer is committed.
        """
        path = os.path.join(folder, "diff")
        _mkdir(path, 0o555 if self.force_mask is None else self.force_mask)
        return path

    def home_of(self, layer_id: str) -> str:
        """The home (this store's, or an additional one's) with the layer's directory."""
        return os.path.dirname(self.layer_dir(layer_id))

    def link_of(self, layer_id: str) -> str | None:
        """The layer's short link, None when the file is missing."""
        try:
            with open(os.path.join(self.layer_dir(layer_id), "link"), encoding="utf-8") as file:
                return file.read().strip()
        except FileNotFoundError:
            return None

    def _link(self, layer_id: str) -> str:
        link = self.link_of(layer_id)
        if link is None:
            if not self.exists(layer_id):
                raise NotFound(f"overlay: layer {layer_id} has no directory", hint="run the check command")
            self.recreate_links()
            link = self.link_of(layer_id)
        if not link:
            raise Corrupted(f"overlay: layer {layer_id} has no link file", hint="run the check command")
        return link

    def recreate_links(self) -> None:
        """Make `link` files and links in `l` agree again; a power cut may lose some."""
        for layer_id in self.layer_ids():
            folder = os.path.join(self.home, layer_id)
            if not os.path.isdir(folder + "/diff"):
                continue
            try:
                with open(folder + "/link", encoding="utf-8") as file:
                    link = file.read().strip()
            except FileNotFoundError:
                link = ""
            if not link:
                link = self._existing_link(layer_id) or identifiers.new_link()
                _write(folder + "/link", link, 0o644)
            path = f"{self.home}/l/{link}"
            if not os.path.lexists(path):
                os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
                os.symlink(f"../{layer_id}/diff", path)

    def _existing_link(self, layer_id: str) -> str | None:
        try:
            names = os.listdir(self.home + "/l")
        except FileNotFoundError:
            return None
        for name in names:
            try:
                if os.readlink(f"{self.home}/l/{name}") == f"../{layer_id}/diff":
                    return name
            except OSError:
                continue
        return None

    # -- mounting and comparing (overlay_mount.py) -----------------------------------------------

    def mount_path(self, layer_id: str) -> str:
        """`merged`; for a layer of another store a place in the run root, as that store is not ours to use."""
        folder = self.layer_dir(layer_id)
        if folder.startswith(self.home + "/"):
            return folder + "/merged"
        return os.path.join(self.run_home, layer_id, "merged")

    def mount(
        self,
        layer_id: str,
        *,
        id_maps: IdMaps | None = None,
        options: Sequence[str] = (),
        label: str = "",
        volatile: bool = False,
        read_only: bool = False,
    ) -> str:
        """Mount the layer over those below; returns where."""
        from ocicore.storage import overlay_mount

        return overlay_mount.mount_layer(
            self,
            layer_id,
            id_maps=id_maps,
            options=options,
            label=label,
            volatile=volatile,
            read_only=read_only,
        )

    def unmount(self, layer_id: str) -> None:
        """Undo `mount`; fine when nothing is mounted."""
        from ocicore.storage import overlay_mount

        overlay_mount.unmount_layer(self, layer_id)

    def supports_shifting(self) -> bool:
        """By id-mapped lower directories, or by the mount program."""
        if self.mount_program:
            return True
        if self.in_user_namespace or not self._id_mapped:
            return False
        return overlay_support.cached(
            self.run_home, "idmapped-lower-dir", lambda: overlay_support.probe_idmapped(self.home)
        )

    def shift(self, layer_id: str, old: IdMaps | None, new: IdMaps | None) -> None:
        """Copy everything up with other owners; the copies become `diff1`, below a new empty `diff`."""
        from ocicore.storage import overlay_mount

        overlay_mount.shift_layer(self, layer_id, old, new)

    def native_diff(self) -> bool:
        """Does an upper directory alone tell what changed (no metacopy, no redirects)?"""
        if self.mount_program:
            return True
        options = ",".join(self.mount_options)
        from ocicore.storage import overlay_mount

        rest, flags = overlay_mount.split_flags(self.mount_options)
        if "metacopy=on" in rest and overlay_mount.uses_metacopy(self):
            return False
        return overlay_support.cached(
            self.run_home,
            f"native-diff({options})",
            lambda: overlay_support.probe_native_diff(
                self.home, rest, flags, rootless=self.in_user_namespace
            ),
        )

    def changes(self, layer_id: str, parent: str | None) -> list[Change] | None:
        """From the upper directory alone, where that tells all and `parent` is the layer below."""
        links = self.lower_links(layer_id)
        if (f"l/{self._link(parent)}" if parent else None) != (links[0] if links else None):
            return None
        if len(self.diff_paths(layer_id)) > 1 or not self.native_diff():
            return None
        from ocicore.linux import archive

        fds = []
        try:
            for path in [self.diff_path(layer_id), *self.lower_paths(layer_id)]:
                fds.append(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            return archive.changes_overlay(
                fds[0], fds[1:], in_user_namespace=self.in_user_namespace, whiteouts=self.whiteouts
            )
        finally:
            for fd in fds:
                os.close(fd)

    def cleanup(self) -> None:
        """Undo the private bind mount of the home."""
        from ocicore.linux import mount

        if not self.skip_mount_home and mount.is_mount_point(self.home):
            mount.umount(self.home, mount.MNT_DETACH)


def root_of(id_maps: IdMaps | None) -> tuple[int, int]:
    """Host ids of the mapping's user and group 0. Raises InvalidInput where there is no such entry."""
    if not id_maps:
        return 0, 0
    found = []
    for entries, what in zip(id_maps, ("user", "group"), strict=True):
        host = next((h - c for c, h, size in entries if c <= 0 < c + size), None)
        if entries and host is None:
            raise InvalidInput(f"id mapping has no entry for {what} 0")
        found.append(host or 0)
    return found[0], found[1]


def _force_mask(text: str | None) -> int | None:
    if not text:
        return None
    named = {"shared": 0o755, "private": 0o700}
    if text in named:
        return named[text]
    try:
        return int(text, 8)
    except ValueError:
        raise InvalidInput(f"overlay: force_mask {text} is not a mode") from None


def _mkdir(path: str, mode: int, owner: tuple[int, int] = (0, 0)) -> None:
    os.mkdir(path, 0o700)
    if owner != (0, 0):
        os.chown(path, *owner)
    if mode != 0o700:
        os.chmod(path, mode)


def _write(path: str, text: str, mode: int) -> None:
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def _read(path: str) -> str:
    """A short file without blanks around it, "" when it is missing."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""
