"""Cache mounts that travel with the cache of steps (`--cache-mounts` with --cache-to and --cache-from).

The content of each is an image of one layer, tagged REPOSITORY:mount-HASH. It is fetched before a cache mount that is not here
is used first, and pushed when the build is done.
"""

from __future__ import annotations

import os

from ocicore.build.cache_mounts import name_of
from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ocicore.image.local import LocalImage
    from ocicore.storage.store import Store

_LABEL = "io.buildah.cache-mount"


def tag_of(identity: str) -> str:
    """The tag of a cache mount's image."""
    return f"mount-{name_of(identity)}"


def push(
    store: Store, folder: str, identity: str, repositories: Sequence[str], send: Callable[[str, str], None]
) -> None:
    """Send the content of a cache mount to every repository. Raises Error."""
    from ocicore.build.commit import EPOCH, stage_packed
    from ocicore.image import assemble

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        staged = stage_packed(store, descriptor)
    finally:
        os.close(descriptor)
    known = {image.id for image in store.images()}
    with staged:
        layer = store.commit_layer(staged, None, id=assemble.layer_id_for(None, staged.diff_id))
    text = f"cache mount {identity}"
    image = assemble.image_from_layer(
        store,
        layer_id=layer.id,
        config={
            "created": EPOCH,
            "architecture": "unknown",
            "os": "unknown",
            "config": {"Labels": {_LABEL: identity}},
        },
        format="oci",
        names=(),
        history=[{"created": EPOCH, "created_by": text}],
    )
    try:
        for repository in repositories:
            try:
                send(image.id, f"docker://{repository}:{tag_of(identity)}")
            except Error as error:
                raise Error(
                    f'failed pushing {text} to "{repository}:{tag_of(identity)}": {error.message}',
                    hint=error.hint,
                ) from error
    finally:
        if image.id not in known:
            store.delete_image(image.id)


def fill(
    store: Store,
    folder: str,
    identity: str,
    repositories: Sequence[str],
    fetch: Callable[[str], LocalImage],
    *,
    in_user_namespace: bool,
) -> str:
    """Fill a new cache mount from the first repository that has it; the reference, "" when none has."""
    from ocicore.linux import archive

    known = {image.id for image in store.images()}
    for repository in repositories:
        reference = f"{repository}:{tag_of(identity)}"
        try:
            image = fetch(reference)
        except Error:
            continue  # not there, or not to be reached: the cache begins empty then
        try:
            if (image.config().labels or {}).get(_LABEL) != identity or not image.layer:
                continue
            path = store.mount_image(image.id)
            try:
                descriptors = [
                    os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for name in (path, folder)
                ]
                try:
                    archive.copy_tree(*descriptors, in_user_namespace=in_user_namespace)
                finally:
                    for descriptor in descriptors:
                        os.close(descriptor)
            finally:
                store.unmount_image(image.id)
            return reference
        finally:
            if image.id not in known:
                store.delete_image(image.id)
    return ""
