"""--verify: the same build once more without any cache, and the first difference between the two images."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, cast

from ocicore.errors import Error

if TYPE_CHECKING:
    from ocicore.build.executor import Executor
    from ocicore.image.local import LocalImage
    from ocicore.storage.store import Store


def verify(executor: Executor, image: LocalImage) -> None:
    """Build again what `executor` has built as `image`; the second image is removed.

    Raises:
        Error: the images differ; the message says where first. The first image stays.
        CommandFailed, Error: the second build fails.
    """
    from ocicore.build.executor import Executor as Again

    executor.say("Verifying: building once more without cache")
    options = executor.options.for_platform(executor.options.platform)
    options.verify = options.use_cache = options.log_usage = False
    options.tags = []
    options.cache_from = []
    options.cache_to = []
    options.output = None
    options.blob_cache = None
    options.quiet = True
    store = executor.environment.store
    known = {record.id for record in store.images()}
    second = Again(options, executor.environment, executor.progress, None, executor.null, executor.null)
    try:
        result = second.run()
        if result.digest != image.digest:
            found = difference(image, second.sources.image_by_id(result.image_id))
            raise Error(
                f"--verify: the second build is another one: {found}",
                hint=f"the first one stays as {image.id[:12]}",
            )
    finally:
        second.close()
        for image_id in reversed(second.made):
            if image_id not in known:
                _remove(store, image_id)
    executor.say(f"Verified: both builds are {image.digest}")


def _remove(store: Store, image_id: str) -> None:
    """Remove an image that only the second build has, unless somebody has begun to use it."""
    from ocicore.errors import NotFound

    try:
        if not store.image(image_id).names:
            store.delete_image(image_id)
    except NotFound:
        pass
    except Error as error:
        if "in use" not in error.message:
            raise


def difference(first: LocalImage, second: LocalImage) -> str:
    """Where two images differ first: in a layer's files, in the configuration, in the manifest."""
    configurations: list[dict[str, Any]] = [image.config().raw for image in (first, second)]
    one, two = ([str(layer.diff_id) for layer in image.layers()] for image in (first, second))
    steps = [
        str(entry.get("created_by") or "")
        for entry in configurations[0].get("history") or ()
        if not entry.get("empty_layer")
    ]
    for number, (upper, lower) in enumerate(zip(one, two, strict=False)):
        if upper != lower:
            step = f" ({steps[number]})" if number < len(steps) else ""
            found = _layers_differ(first, second, number)
            return f"layer {number + 1}{step}: {found}"
    if len(one) != len(two):
        return f"{len(one)} layers / {len(two)} layers"
    found = values_differ(configurations[0], configurations[1])
    if found:
        return f"configuration: {found}"
    import json

    left, right = (json.loads(image.manifest_bytes()) for image in (first, second))
    return f"manifest: {values_differ(left, right) or 'another order or spacing of its keys'}"


def values_differ(one: Any, two: Any, where: str = "") -> str:
    """ "config.Env[2]: a / b" for the first difference of two JSON values, "" for none."""
    if isinstance(one, dict) and isinstance(two, dict):
        for key in sorted({*one, *two}):
            found = values_differ(one.get(key), two.get(key), f"{where}.{key}" if where else str(key))
            if found:
                return found
        return ""
    if isinstance(one, list) and isinstance(two, list):
        for number, (left, right) in enumerate(zip(one, two, strict=False)):
            found = values_differ(left, right, f"{where}[{number}]")
            if found:
                return found
        if len(one) == len(two):
            return ""
        return f"{where}: {len(one)} / {len(two)} entries"
    return "" if one == two and type(one) is type(two) else f"{where}: {_shown(one)} / {_shown(two)}"


def _shown(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _layers_differ(first: LocalImage, second: LocalImage, number: int) -> str:
    one, two = (_entries(image, number) for image in (first, second))
    for name in sorted({*one, *two}):
        left, right = one.get(name), two.get(name)
        if left is None or right is None:
            return f"/{name}: only in the {'second' if left is None else 'first'} build"
        for key, value in left.items():
            if value != right[key]:
                return f"/{name}: {key}: {value} / {right[key]}"
    return "the order of its entries"


def _entries(image: LocalImage, number: int) -> dict[str, dict[str, str]]:
    """The members of a layer by name, with what distinguishes them."""
    import hashlib
    import tarfile

    layer = list(image.layers())[number]
    found: dict[str, dict[str, str]] = {}
    with (
        image.store.diff(layer.id) as stream,
        tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as archive,
    ):
        for member in archive:
            content = ""
            if member.isreg():
                file = archive.extractfile(member)
                assert file is not None
                digest = hashlib.sha256()
                while piece := file.read(1 << 20):
                    digest.update(piece)
                content = digest.hexdigest()
            found[member.name.strip("/")] = {
                "type": member.type.decode("ascii", "replace"),
                "target": member.linkname,
                "mode": f"{member.mode:o}",
                "owner": f"{member.uid}:{member.gid}",
                "size": str(member.size),
                "content": content,
                "time": str(member.mtime),
                "device": f"{member.devmajor}:{member.devminor}",
                "attributes": str(sorted(member.pax_headers.items())),
            }
    return found
