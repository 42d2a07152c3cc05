"""Services as files, and the links by which `[Install]` starts them: what `systemctl enable` would do."""

from __future__ import annotations

import os

from ocicore.systemd.quadlet.keys import INSTALL_KEYS
from ocicore.systemd.quadlet.source import is_unit_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.systemd.quadlet.service import Service


def write(file_name: str, data: bytes, folder: str) -> None:
    """Writes a service into the folder; never half a file under its name. Raises OSError."""
    path = f"{folder}/{file_name}"
    # systemd reads no file whose name begins with a dot.
    new = f"{folder}/.{file_name}.new"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        os.unlink(new)
        raise
    finally:
        os.close(descriptor)
    os.rename(new, path)


def links(service: Service, refuse: Callable[[str], None]) -> list[tuple[str, str]]:
    """(path below the folder, target) of every link that `[Install]` asks for.

    Args:
        refuse: is told of each name that is none for a unit.
    """
    source = service.source
    file_name = service.file_name
    found = []
    for name, entry in source.words("Alias", "Install"):
        parts = os.path.normpath(name).split("/")
        if (
            name.startswith("/")
            or not all(is_unit_name(part) for part in parts)
            or not name.endswith(".service")
        ):
            refuse(str(source.error(f"Alias={name}: not the name of a service", entry)))
            continue
        found.append(("/".join(parts), "../" * (len(parts) - 1) + file_name))
    prefix, at, instance = source.service.partition("@")
    enabled = file_name
    if at and not instance:
        # A template is started as its default instance, or not at all.
        default = source.text("DefaultInstance", "Install")
        if not default:
            return found
        enabled = f"{prefix}@{default}.service"
        if not is_unit_name(f"{prefix}@{default}"):
            refuse(
                str(
                    source.error(
                        f"DefaultInstance={default}: not part of a unit's name",
                        source.last("DefaultInstance", "Install"),
                    )
                )
            )
            return found
    for key, ending in INSTALL_KEYS.items():
        if not ending:
            continue
        for name, entry in source.words(key, "Install"):
            if not is_unit_name(name) or "." not in name:
                refuse(str(source.error(f"{key}={name}: not a unit's name", entry)))
                continue
            found.append((f"{name}.{ending}/{enabled}", f"../{file_name}"))
    return found


def install(links: list[tuple[str, str]], folder: str, refuse: Callable[[str], None]) -> None:
    """Makes links; one that is there is replaced."""
    for name, target in links:
        path = f"{folder}/{name}"
        try:
            try:
                os.symlink(target, path)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.symlink(target, path)
            except FileExistsError:
                os.unlink(path)
                os.symlink(target, path)
        except OSError as error:
            refuse(f"cannot link {path}: {error.strerror}")
