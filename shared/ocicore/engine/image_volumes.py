"""Volumes of the image driver: a layer of their own on an image, made with the volume and kept until that goes.

The layer belongs to a container of the store that is in no list of containers (podman's way, too); it is mounted while
the volume is used, and shows at the volume's own directory.
"""

from __future__ import annotations

from ocicore.engine import names
from ocicore.errors import Error, InvalidInput, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Volume

DRIVER = "image"
#: Makes a name that no container of podman's or ours can have.
_SUFFIX = "+volume"


def create(engine: Engine, name: str, options: dict[str, str]) -> dict[str, str]:
    """Make the layer; what the volume's record has to keep of it. Raises InvalidInput, Error."""
    from ocicore.files import quick_json

    for key in options:
        if key != "image":
            raise InvalidInput(f"invalid mount option {key} for driver 'image': invalid argument")
    wanted = options.get("image", "")
    if not wanted:
        raise InvalidInput(
            "must provide an image name when creating a volume with the image driver: invalid argument"
        )
    try:
        image = engine.images.find(wanted)
    except NotFound as error:
        raise Error(f"looking up image {wanted} to create volume failed: {error.message}") from error
    storage_id = names.random_id()
    engine.store.create_container(
        id=storage_id,
        names=[name + _SUFFIX],
        image=image.id,
        metadata=quick_json.dumps({"image-name": wanted, "image-id": image.id, "name": name + _SUFFIX}),
    )
    return {"storage_id": storage_id, "image_id": image.id}


def mount(engine: Engine, volume: Volume) -> None:
    """Show the layer at the volume's directory. Raises Error."""
    from ocicore.linux import mount as mounts

    storage_id = volume.state["storage_id"]
    try:
        path = engine.store.mount(storage_id)
    except Error as error:
        raise Error(f"mounting volume {volume.name} image failed: {error.message}") from error
    try:
        mounts.bind(path, volume.mountpoint)
    except BaseException:
        engine.store.unmount(storage_id)
        raise


def unmount(engine: Engine, volume: Volume) -> None:
    """Take the layer away again, after the volume's directory no longer shows it."""
    try:
        engine.store.unmount(volume.state["storage_id"], True)
    except NotFound:
        return


def delete(engine: Engine, state: dict[str, str]) -> None:
    """Delete the layer; one that is gone is no error."""
    try:
        engine.store.delete_container(state["storage_id"])
    except NotFound:
        return


def holder(engine: Engine, storage_id: str) -> Volume | None:
    """The volume to which a container of the store belongs."""
    for volume in engine.state.volumes.all():
        if volume.driver == DRIVER and volume.state.get("storage_id") == storage_id:
            return volume
    return None


def of_image(engine: Engine, image_id: str) -> list[Volume]:
    """The volumes made from an image."""
    return [
        volume
        for volume in engine.state.volumes.all()
        if volume.driver == DRIVER and volume.state.get("image_id") == image_id
    ]
