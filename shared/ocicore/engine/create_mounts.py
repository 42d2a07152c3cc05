"""The mounts of a new container: -v, --mount, --tmpfs, --volumes-from and the image's volumes, merged.

Precedence as podman: an option of the user wins over --volumes-from, which wins over the image's volumes; two
options for one destination are an error.
"""

from __future__ import annotations

import os

from ocicore.engine.options import mounts as mount_options
from ocicore.engine.options import volumes as volume_options
from ocicore.errors import Error, InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.create_options import CreateOptions
    from ocicore.engine.options.volumes import MountSpec
    from ocicore.oci.config import ImageConfig


def requested(options: CreateOptions, *, rootless: bool = False) -> list[MountSpec]:
    """What the command line asks for, one for each destination. Raises InvalidInput, Error."""
    if not (options.volume or options.mount or options.tmpfs):
        return []
    working_dir = os.getcwd()
    found: list[MountSpec] = []
    for text in options.mount:
        found += mount_options.read(text, working_dir=working_dir)
    for text in options.volume:
        found.append(volume_options.read_volume(text, working_dir=working_dir))
    for text in options.tmpfs:
        found.append(volume_options.read_tmpfs(text))
    found = volume_options.unify(found)
    if rootless and any("noswap" in mount.get("options", ()) for mount in found):
        raise InvalidInput(
            "the 'noswap' option is only allowed with rootful tmpfs mounts: must provide an argument for option"
        )
    for mount in found:
        if mount["type"] in ("bind", "overlay") and not os.path.lexists(mount["source"]):
            raise Error(f"statfs {mount['source']}: no such file or directory")
    return found


def from_containers(engine: Engine, options: CreateOptions) -> tuple[list[MountSpec], list[str]]:
    """Mounts of the containers in --volumes-from, and those containers' ids. Raises NoSuchContainer, InvalidInput."""
    found: dict[str, MountSpec] = {}
    needed = []
    for text in options.volumes_from:
        name, words = volume_options.read_volumes_from(text)
        other = engine.state.containers.find(name)
        needed.append(other.id)
        for mount in other.config["mounts"]:
            if mount["type"] not in ("bind", "volume", "overlay"):
                continue
            kept = [word for word in mount.get("options", ()) if not words or word not in ("ro", "rw")]
            copy: MountSpec = dict(mount)  # type: ignore[assignment]
            copy["options"] = [*kept, *words]
            found[mount["destination"]] = copy
    return list(found.values()), needed


def from_image(options: CreateOptions, image: ImageConfig | None, mode: str) -> list[MountSpec]:
    """The image's VOLUMEs as anonymous volumes or tmpfs. Raises InvalidInput for an unknown --image-volume."""
    if mode == "bind":
        mode = "anonymous"
    if mode not in ("anonymous", "tmpfs", "ignore", ""):
        raise InvalidInput(f'invalid value "{mode}" for --image-volume: must be bind, tmpfs or ignore')
    if image is None or mode == "ignore":
        return []
    found: list[MountSpec] = []
    for path in image.volumes:
        destination = os.path.normpath("/" + path).replace("//", "/", 1)
        if mode == "tmpfs":
            found.append(
                {
                    "type": "tmpfs",
                    "source": "tmpfs",
                    "destination": destination,
                    "options": ["rprivate", "rw", "nodev", "exec"],
                }
            )
        else:
            found.append(
                {
                    "type": "volume",
                    "name": "",
                    "anonymous": True,
                    "destination": destination,
                    "options": ["rprivate", "rw", "nodev", "exec"],
                }
            )
    return found


def merged(
    engine: Engine, options: CreateOptions, image: ImageConfig | None
) -> tuple[list[MountSpec], list[str], list[str]]:
    """(mounts, containers needed, destinations the user asked for)."""
    own = requested(options, rootless=engine.rootless)
    borrowed, needed = from_containers(engine, options)
    mode = options.image_volume or engine.config.engine.image_volume_mode
    implied = from_image(options, image, mode)
    result: dict[str, MountSpec] = {}
    for mount in (*implied, *borrowed, *own):
        result[mount["destination"]] = mount
    for mount in result.values():
        if mount["type"] == "image":
            found = engine.images.find(mount["name"])
            mount["source"] = found.id
    for text in engine.config.containers.mounts:
        try:
            fixed = mount_options.read(text, working_dir="/")
        except InvalidInput as error:
            raise InvalidInput(f"parsing containers.conf mounts: {error.message}") from None
        for configured in fixed:
            result.setdefault(configured["destination"], configured)
    for text in engine.config.containers.volumes:
        configured = volume_options.read_volume(text, working_dir="/")
        result.setdefault(configured["destination"], configured)
    shown = [mount["destination"] for mount in result.values()]
    return list(result.values()), needed, shown


def source_exists(mount: MountSpec) -> None:
    """Right before start: a bind's source must (still) be there. Raises NotFound."""
    if mount["type"] == "bind" and not os.path.lexists(mount["source"]):
        raise NotFound(f"statfs {mount['source']}: no such file or directory")
