"""--mount type=…,…: mounts in Docker's long syntax, every type podman knows."""

from __future__ import annotations

import os

from ocicore.engine.options.volumes import check_destination, check_options, check_tmpfs_options
from ocicore.engine.quantities import parse_bool, parse_size
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.options.volumes import MountSpec

_TYPES = ("bind", "volume", "tmpfs", "ramfs", "devpts", "image", "glob")
_DESTINATIONS = ("target", "dst", "destination")
_SOURCES = ("source", "src")


def read(text: str, *, working_dir: str) -> list[MountSpec]:
    """One --mount value; several mounts only for type=glob. Raises InvalidInput in podman's words."""
    pairs = _pairs(text)
    mount_type = "volume"
    for key, value, _ in pairs:
        if key == "type":
            mount_type = value
    if mount_type not in _TYPES:
        raise InvalidInput(f'invalid filesystem type "{mount_type}"')
    reader = _Reader(mount_type)
    for key, value, has_value in pairs:
        if key != "type":
            reader.take(key, value, has_value)
    return reader.finish(working_dir)


def _pairs(text: str) -> list[tuple[str, str, bool]]:
    if '"' in text:
        import csv

        fields = next(csv.reader([text]))
    else:
        fields = text.split(",")
    result = []
    for field in fields:
        key, equals, value = field.partition("=")
        if not key:
            raise InvalidInput(
                f"incorrect mount format: should be --mount type=<bind|tmpfs|volume>,[src=<host-dir|volume-name>,]target=<ctr-dir>[,options]: {text!r}"
            )
        result.append((key, value, bool(equals)))
    return result


class _Reader:
    """Collects the keys of one --mount."""

    def __init__(self, mount_type: str) -> None:
        self.type = mount_type
        self.source = ""
        self.destination = ""
        self.sub_path = ""
        self.options: list[str] = []
        self.read_write = False

    def take(self, key: str, value: str, has_value: bool) -> None:
        """One key. Raises InvalidInput when the type does not have it."""
        if key in _DESTINATIONS:
            self._once("destination", key, value)
        elif key in _SOURCES and self.type not in ("tmpfs", "ramfs", "devpts"):
            self._once("source", key, value)
        elif key in ("ro", "readonly", "rw", "readwrite"):
            on = parse_bool(value, key) if has_value else True
            writable = on if key in ("rw", "readwrite") else not on
            self.read_write = writable
            self.options.append("rw" if writable else "ro")
        elif key in ("subpath", "volume-subpath") and self.type in ("volume", "image"):
            self.sub_path = value
        elif key in ("U", "chown") and self.type in ("bind", "glob", "volume", "tmpfs", "ramfs"):
            if not has_value or parse_bool(value, key):
                self.options.append("U")
        elif self._type_key(key, value, has_value):
            pass
        elif self.type == "devpts" and key in ("uid", "gid", "mode", "max"):
            self.options.append(f"{key}={value}")
        elif self.type == "tmpfs" and key == "consistency":
            pass
        else:
            raise InvalidInput(f"{key}: invalid mount option")

    def _once(self, attribute: str, key: str, value: str) -> None:
        if not value:
            raise InvalidInput(f"{key}: must be set: invalid mount option")
        if getattr(self, attribute):
            raise InvalidInput(f'cannot pass "{key}" option more than once: invalid mount option')
        setattr(self, attribute, value)

    def _type_key(self, key: str, value: str, has_value: bool) -> bool:
        if self.type in ("tmpfs", "ramfs"):
            return self._tmpfs_key(key, value)
        return self.type in ("bind", "glob", "volume") and self._bind_key(key, value, has_value)

    def _bind_key(self, key: str, value: str, has_value: bool) -> bool:
        if key == "bind-propagation":
            self.options.append(value)
        elif key == "bind-nonrecursive":
            if not has_value or parse_bool(value, key):
                self.options.append("bind")
        elif key == "relabel":
            if value not in ("private", "shared"):
                raise InvalidInput('"relabel" option must be "private" or "shared": invalid mount option')
            self.options.append("Z" if value == "private" else "z")
        elif key == "idmap":
            self.options.append(f"idmap={value}" if has_value else "idmap")
        elif key == "consistency" or key == "no-dereference":
            if key == "no-dereference":
                self.options.append(key)
        elif (
            key
            in (
                "z Z O exec noexec dev nodev suid nosuid private rprivate slave rslave shared rshared unbindable "
                "runbindable copy nocopy"
            ).split()
        ):
            self.options.append(key)
        else:
            return False
        return True

    def _tmpfs_key(self, key: str, value: str) -> bool:
        if key == "tmpfs-size":
            self.options.append(f"size={parse_size(value, what='tmpfs-size')}")
        elif key == "tmpfs-mode":
            self.options.append(f"mode={value}")
        elif key in ("size", "mode", "uid", "gid"):
            self.options.append(f"{key}={value}")
        elif key in (
            "tmpcopyup",
            "notmpcopyup",
            "noswap",
            "exec",
            "noexec",
            "dev",
            "nodev",
            "suid",
            "nosuid",
        ):
            self.options.append(key)
        else:
            return False
        return True

    def finish(self, working_dir: str) -> list[MountSpec]:
        """The mounts, once every key is known."""
        if not self.destination and self.type != "glob":
            raise InvalidInput(
                "must set volume destination" if self.type != "image" else "must set image destination"
            )
        destination = check_destination(self.destination) if self.destination else ""
        if self.type in ("bind", "glob"):
            return self._bind(destination, working_dir)
        if self.type == "volume":
            options = check_options(self.options)
            mount: MountSpec = {
                "type": "volume",
                "name": self.source,
                "destination": destination,
                "options": options,
            }
            if not self.source:
                mount["anonymous"] = True
            if self.sub_path:
                mount["sub_path"] = self.sub_path
            return [mount]
        if self.type == "image":
            if not self.source:
                raise InvalidInput("must set source and destination for image volume")
            return [
                {
                    "type": "image",
                    "name": self.source,
                    "destination": destination,
                    "read_write": self.read_write,
                    "sub_path": self.sub_path,
                }
            ]
        options = self.options if self.type == "devpts" else check_tmpfs_options(self.options)
        return [{"type": self.type, "source": self.type, "destination": destination, "options": options}]

    def _bind(self, destination: str, working_dir: str) -> list[MountSpec]:
        if not self.source:
            raise InvalidInput(
                "must set volume source" if self.type == "glob" else "host directory cannot be empty"
            )
        options = check_options(self.options)
        source = os.path.normpath(os.path.join(working_dir, self.source))
        if self.type == "bind":
            kind = "overlay" if "O" in options else "bind"
            return [{"type": kind, "source": source, "destination": destination, "options": options}]
        import glob

        found = sorted(glob.glob(source))
        if not found:
            raise InvalidInput(f'no file paths matching glob "{self.source}"')
        return [
            {
                "type": "bind",
                "source": path,
                "destination": os.path.join(destination, os.path.basename(path)) if destination else path,
                "options": options,
            }
            for path in found
        ]
