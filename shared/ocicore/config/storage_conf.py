"""storage.conf: where the store is and how its driver works (containers-storage.conf(5)).

Search order of containers/storage types/options.go: $CONTAINERS_STORAGE_CONF alone; else, where it exists,
$XDG_CONFIG_HOME/containers/storage.conf (root, too); else /etc/containers/storage.conf, else /usr/share/containers/storage.conf; for an ordinary user then
$XDG_CONFIG_HOME/containers/storage.conf (~/.config), which replaces the rest. Files in a
directory of the same name with ".d" are laid over the file in the order of their names.
STORAGE_DRIVER and STORAGE_OPTS win over files, command-line options over everything.
"""

from __future__ import annotations

import os

from ocicore.config import toml
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ocicore.config.paths import UserPaths

SYSTEM_FILE = "/usr/share/containers/storage.conf"
OVERRIDE_FILE = "/etc/containers/storage.conf"
_ROOT_GRAPH = "/var/lib/containers/storage"
_ROOT_RUN = "/run/containers/storage"

# options.<driver>.<key>; a key of the same name in [storage.options] is the fall-back.
_DRIVER_KEYS = {
    "overlay": (
        ("ignore_chown_errors", True),
        ("mount_program", True),
        ("mountopt", True),
        ("size", True),
        ("inodes", False),
        ("skip_mount_home", True),
        ("force_mask", True),
        ("use_composefs", True),
        ("sync", False),
    ),
    "vfs": (("ignore_chown_errors", True),),
}
# Every key that means something, by table. Those of drivers we do not have are known, and refused with the driver.
_KEYS = {
    "": (
        "driver driver_priority graphroot imagestore options rootless_storage_path runroot transient_store"
    ).split(),
    "options": (
        "additionalimagestores additionallayerstores auto-userns-max-size auto-userns-min-size disable-volatile "
        "force_mask ignore_chown_errors imagestore mount_program mountopt pull_options remap-gids remap-group "
        "remap-uids remap-user root-auto-userns-user size skip_mount_home use_composefs "
        "aufs btrfs overlay thinpool vfs zfs"
    ).split(),
    "options.overlay": [key for key, _ in _DRIVER_KEYS["overlay"]],
    "options.vfs": ["ignore_chown_errors", "sync"],
}
# Ways of pulling that change how layers are stored. `enable_partial_images` only allows something.
_PULL_OPTIONS = ("convert_images", "use_hard_links", "ostree_repos")
#: Those that change how, but not what is pulled: layers are always unpacked whole.
_HARMLESS_PULL_OPTIONS = ("enable_partial_images", "insecure_allow_unpredictable_image_contents")


def check_pull_option(text: str) -> None:
    """One KEY=VALUE of --pull-option. Raises InvalidInput for what cannot be done, or is not known."""
    key, _, value = text.partition("=")
    if key not in (*_PULL_OPTIONS, *_HARMLESS_PULL_OPTIONS):
        raise InvalidInput(f'unknown pull option "{key}"', hint=f"known is {_HARMLESS_PULL_OPTIONS[0]}")
    _check_pull_option("--pull-option", key, value)


def _check_pull_option(where: str, key: str, value: str) -> None:
    if key in _PULL_OPTIONS and value.lower() not in ("", "false", "0", "f"):
        raise InvalidInput(f"{where}: {key} is not supported", hint="leave it out: layers are unpacked whole")


class StorageConfig:
    """The settings of one store.

    Attributes:
        graph_root, run_root: absolute paths.
        driver: "overlay", "vfs", or "" to choose.
        driver_priority: drivers to try, best first, when `driver` is "".
        driver_options: "overlay.mountopt=nodev" and the like, in order.
        image_store: separate place for images (`imagestore`, --imagestore), or None.
        image_stores: additional read-only stores.
        layer_stores: additional layer stores, "PATH" or "PATH:ref".
        transient: containers live in the run root and vanish at boot.
        disable_volatile: mount nothing with "volatile".
        disable_idmap: shift the owners of files by copying, even where the kernel can map them in a mount.
        auto_userns_user, auto_userns_min_size, auto_userns_max_size: for --userns=auto.
        source: file the settings came from, or None.
    """

    __slots__ = (
        "auto_userns_max_size",
        "auto_userns_min_size",
        "auto_userns_user",
        "disable_idmap",
        "disable_volatile",
        "driver",
        "driver_options",
        "driver_priority",
        "graph_root",
        "image_store",
        "image_stores",
        "layer_stores",
        "run_root",
        "source",
        "transient",
    )

    def __init__(
        self,
        graph_root: str,
        run_root: str,
        *,
        driver: str = "",
        driver_priority: Sequence[str] = (),
        driver_options: Sequence[str] = (),
        image_store: str | None = None,
        image_stores: Sequence[str] = (),
        layer_stores: Sequence[str] = (),
        transient: bool = False,
        disable_volatile: bool = False,
        auto_userns_user: str = "",
        auto_userns_min_size: int = 1024,
        auto_userns_max_size: int = 65536,
        source: str | None = None,
    ) -> None:
        self.graph_root = graph_root
        self.run_root = run_root
        self.driver = driver
        self.driver_priority = list(driver_priority)
        self.driver_options = list(driver_options)
        self.image_store = image_store
        self.image_stores = list(image_stores)
        self.layer_stores = list(layer_stores)
        self.transient = transient
        self.disable_volatile = disable_volatile
        self.auto_userns_user = auto_userns_user
        self.auto_userns_min_size = auto_userns_min_size
        self.auto_userns_max_size = auto_userns_max_size
        self.source = source
        self.disable_idmap = False


def load(
    paths: UserPaths,
    environ: Mapping[str, str],
    *,
    root: str | None = None,
    runroot: str | None = None,
    driver: str | None = None,
    options: Sequence[str] = (),
    imagestore: str | None = None,
    transient: bool | None = None,
    warn: Callable[[str], None] | None = None,
) -> StorageConfig:
    """The settings in force.

    Args:
        paths: whose.
        environ: the environment.
        root, runroot, driver, options, imagestore, transient: --root, --runroot, --storage-driver,
            --storage-opt, --imagestore, --transient-store. A driver from the command line drops
            the driver options of the file, as podman does; `options` replace them.

    Raises:
        InvalidInput: a file is no TOML, or a setting has the wrong type.
    """
    explicit = environ.get("CONTAINERS_STORAGE_CONF")
    config = _from_file(explicit or _system_file(paths, environ), environ, warn)
    if paths.rootless:
        config = _rootless(config, paths, environ, explicit is not None, warn)
    else:
        config.graph_root = config.graph_root or _ROOT_GRAPH
        config.run_root = config.run_root or _ROOT_RUN
    if driver:
        if driver != config.driver:
            config.driver_options = [o for o in config.driver_options if o.startswith(driver + ".")]
        config.driver = _known_name(driver)
    if options:
        config.driver_options = [option for option in options if option]
    if root:
        config.graph_root = os.path.abspath(root)
    if runroot:
        config.run_root = os.path.abspath(runroot)
    if imagestore:
        config.image_store = os.path.abspath(imagestore)
    if transient is not None:
        config.transient = transient
    config.graph_root = _expand(config.graph_root, paths, environ)
    config.run_root = _expand(config.run_root, paths, environ)
    config.disable_idmap = environ.get("_CONTAINERS_OVERLAY_DISABLE_IDMAP") == "yes"
    _additional_stores(config)
    if config.image_store and config.image_store == config.graph_root:
        raise InvalidInput(
            f"imagestore {config.image_store} must either be not set or be a different than graphroot"
        )
    return config


def _system_file(paths: UserPaths, environ: Mapping[str, str]) -> str:
    if not paths.rootless and environ.get("XDG_CONFIG_HOME"):
        own = os.path.join(environ["XDG_CONFIG_HOME"], "containers", "storage.conf")
        if os.path.exists(own):
            return own
    return OVERRIDE_FILE if os.path.exists(OVERRIDE_FILE) else SYSTEM_FILE


def _from_file(path: str, environ: Mapping[str, str], warn: Callable[[str], None] | None) -> StorageConfig:
    """One file and its drop-ins; graph_root and run_root stay "" where they are not set."""
    storage: dict[str, Any] = {}
    found = None
    try:
        storage = _table(toml.load(path), "storage", path)
        found = path
    except FileNotFoundError:
        pass
    for extra in _drop_ins(path + ".d"):
        _merge(storage, _table(toml.load(extra), "storage", extra))
        found = found or extra
    unknown = _unknown_keys(storage)
    if unknown and warn is not None:
        warn(f"Failed to decode the keys [{' '.join(unknown)}] from {found}")
    config = _from_table(storage, found or path, environ)
    config.source = found
    if found and warn is not None and not config.driver and not config.driver_priority:
        warn(f"The storage 'driver' option should be set in {found}. A driver was picked automatically.")
    return config


def _drop_ins(folder: str) -> list[str]:
    try:
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".conf")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _merge(target: dict[str, Any], source: dict[str, Any]) -> None:
    for key, value in source.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value


def _unknown_keys(storage: dict[str, Any]) -> list[str]:
    """Keys nobody knows, as "storage.options.x"."""
    found = []
    for where, known in _KEYS.items():
        table: Any = storage
        for name in where.split("."):
            table = table.get(name, {}) if name and isinstance(table, dict) else table
        if isinstance(table, dict):
            prefix = f"storage.{where}." if where else "storage."
            found += [f'"{prefix}{key}"' for key in table if key not in known]
    return found


def _table(parent: dict[str, Any], key: str, path: str) -> dict[str, Any]:
    value = parent.get(key, {})
    if not isinstance(value, dict):
        raise InvalidInput(f"reading {path}: {key} is not a table")
    return value


def _from_table(storage: dict[str, Any], path: str, environ: Mapping[str, str]) -> StorageConfig:
    def text(table: dict[str, Any], key: str) -> str:
        value = table.get(key, "")
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return f"{value:o}" if key == "force_mask" else str(value)
        if not isinstance(value, str):
            raise InvalidInput(f"reading {path}: {key} is not a string")
        return value

    def texts(table: dict[str, Any], key: str) -> list[str]:
        value = table.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InvalidInput(f"reading {path}: {key} is not an array of strings")
        return value

    def flag(table: dict[str, Any], key: str) -> bool:
        value = table.get(key, False)
        if not isinstance(value, bool):
            raise InvalidInput(
                f"reading {path}: {key} is not a boolean", hint="write true or false, unquoted"
            )
        return value

    options = _table(storage, "options", path)
    for key in ("remap-uids", "remap-gids", "remap-user", "remap-group"):
        if text(options, key):
            raise InvalidInput(
                f"reading {path}: {key} is not supported",
                hint="give containers a mapping with --userns or --uidmap",
            )
    driver = _known_name(environ.get("STORAGE_DRIVER") or text(storage, "driver"))
    driver_options: list[str] = []
    for key in ("additionalimagestores", "additionallayerstores"):
        name = "imagestore" if key == "additionalimagestores" else "additionallayerstore"
        driver_options += [f"{driver or 'overlay'}.{name}={item}" for item in texts(options, key) if item]
    own = _table(options, driver, path) if driver else {}
    for key, inherited in _DRIVER_KEYS.get(driver, ()):
        value = text(own, key) or (text(options, key) if inherited else "")
        if value:
            driver_options.append(f"{driver}.{key}={value}")
    if "STORAGE_OPTS" in environ:
        driver_options = [item for item in environ["STORAGE_OPTS"].split(",") if item]
    pull_options = _table(options, "pull_options", path)
    for key, value in pull_options.items():
        _check_pull_option(f"reading {path}: pull_options", key, str(value))
    config = StorageConfig(
        text(storage, "graphroot"),
        text(storage, "runroot"),
        driver=driver,
        driver_priority=texts(storage, "driver_priority"),
        driver_options=driver_options,
        image_store=text(storage, "imagestore") or text(options, "imagestore") or None,
        transient=flag(storage, "transient_store"),
        disable_volatile=flag(options, "disable-volatile"),
        auto_userns_user=text(options, "root-auto-userns-user"),
    )
    for key in ("auto_userns_min_size", "auto_userns_max_size"):
        name = key.replace("_", "-")
        size = options.get(name, 0)
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise InvalidInput(f"reading {path}: {name} is not a number of ids")
        if size:
            setattr(config, key, size)
    return config


def _rootless(
    system: StorageConfig,
    paths: UserPaths,
    environ: Mapping[str, str],
    explicit: bool,
    warn: Callable[[str], None] | None,
) -> StorageConfig:
    """What holds for an ordinary user: private roots, and of the system's file only what is safe to share."""
    rootless_path = _rootless_path(system.source)
    graph = rootless_path or os.path.join(paths.data_home, "containers", "storage")
    run = os.path.join(paths.runtime_dir, "containers")
    if explicit:
        system.graph_root = system.graph_root or graph
        system.run_root = system.run_root or run
        return system
    own_file = os.path.join(paths.config_home, "containers", "storage.conf")
    if os.path.exists(own_file) or _drop_ins(own_file + ".d"):
        config = _from_file(own_file, environ, warn)
        config.graph_root = config.graph_root or _rootless_path(config.source) or graph
        config.run_root = config.run_root or run
        return config
    driver = system.driver if system.driver in ("overlay", "vfs", "btrfs") else ""
    kept = [option for option in system.driver_options if "ignore_chown_errors" in option]
    if "STORAGE_OPTS" in environ:
        kept = system.driver_options
    return StorageConfig(
        graph,
        run,
        driver=driver,
        driver_priority=system.driver_priority,
        driver_options=kept if driver == "overlay" or "STORAGE_OPTS" in environ else [],
        source=system.source,
    )


def _rootless_path(source: str | None) -> str:
    if not source:
        return ""
    value = toml.load(source).get("storage", {}).get("rootless_storage_path", "")
    return value if isinstance(value, str) else ""


def _known_name(driver: str) -> str:
    return "overlay" if driver == "overlay2" else driver


def _additional_stores(config: StorageConfig) -> None:
    """Take the additional stores out of the driver's options (`overlay.imagestore=A,B`): they may be given repeatedly."""
    kept = []
    for option in config.driver_options:
        key, _, value = option.partition("=")
        name = key.strip().lower().rpartition(".")[2]
        if name in ("imagestore", "additionalimagestore"):
            for store in value.split(","):
                if store and not os.path.isabs(store):
                    raise InvalidInput(f'overlay: image path "{store}" is not absolute.  Can not be relative')
                if store:
                    config.image_stores.append(os.path.normpath(store))
        elif name == "additionallayerstore" and config.driver != "vfs":
            config.layer_stores += [store for store in value.split(",") if store]
        else:
            kept.append(option)
    config.driver_options = kept


def _expand(path: str, paths: UserPaths, environ: Mapping[str, str]) -> str:
    """$UID, $HOME, $USER and other variables; then the path without symbolic links, where it exists."""
    if "$" in path:
        import re

        values = dict(environ)
        values.update(UID=str(paths.uid))
        values.setdefault("HOME", paths.home)
        values.setdefault("USER", paths.username)
        path = re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: values.get(m[1] or m[2], ""), path)
    return os.path.realpath(path)
