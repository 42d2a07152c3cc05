"""What comes after the last step: the scan, the list, other places, the files that were asked for, a smaller cache."""

from __future__ import annotations

from ocicore.build.options import BuildResult
from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.build.executor import Executor
    from ocicore.build.options import BuildOptions
    from ocicore.image.local import LocalImage


def complete(executor: Executor, image: LocalImage) -> LocalImage:
    """What is done with the target's image of one platform: --output, --sbom, --verify. The image as it is then."""
    options = executor.options
    if options.output is not None:
        from ocicore.build import output

        root = executor.sources.root_of_image(image)
        output.write(root, options.output, rootless=executor.environment.rootless)
    image = _scanned(executor, executor.sources.image_by_id(image.id))
    for name in image.names if executor.full_names else ():
        executor.say(f"Successfully tagged {name}")
    if options.verify:
        from ocicore.build import verify

        verify.verify(executor, image)
    return image


def finish(executor: Executor, images: Sequence[LocalImage], result: BuildResult) -> BuildResult:
    """What follows a build, for one platform or all: the list, and the files that were asked for."""
    options = executor.options
    if options.manifest:
        from ocicore.image import manifest_list

        for image in images:
            found = manifest_list.add_image(executor.sources.images, options.manifest, image)
        result = BuildResult(found.id, found.digest, list(found.names))
    for destination in executor.destinations:
        if executor.environment.push_image is None:
            raise Error(f"--tag {destination}: this program writes to its store only")
        executor.environment.push_image(result.image_id, destination)
    _push_cache_mounts(executor)
    _write_files(options, result)
    if options.cache_budget is not None:
        _shrink_cache(executor, options.cache_budget, [result.image_id, *(image.id for image in images)])
    executor.progress.finished(result)
    return result


def _scanned(executor: Executor, image: LocalImage) -> LocalImage:
    """The image with what --sbom found in it, when that was asked for."""
    options = executor.options
    scan = options.sbom
    if scan is None:
        return image
    import tempfile

    from ocicore.build import commit, sbom

    scan.contexts = [options.context]
    scan.contexts += [value for kind, value in options.build_contexts.values() if kind == "directory"]
    container = executor.containers.create(
        image,
        image_name=image.id,
        architecture=image.config().architecture,
        format=options.format,
        id_maps=options.id_maps,
        keep_base_annotations=True,
    )
    container.save()
    with tempfile.TemporaryDirectory(prefix="sbom-", dir=executor.scratch) as scratch:
        files = sbom.scan(container, scan, executor.environment, scratch)
        if files:
            created = str(container.raw["ociv1"]["created"] or commit.EPOCH)
            request = commit.CommitOptions(
                commit.Times(commit.parse_time(created), created), format=options.format
            )
            request.names = list(image.names)
            request.extra_files = files
            request.only_extra = True
            request.squash = options.squash
            request.identity_label = options.identity_label
            request.omit_history = options.omit_history
            request.blob_cache = options.blob_cache
            image = commit.commit(container, request)
            executor.made.append(image.id)
    executor.containers.discard(container, mounted=False)
    return executor.sources.image_by_id(image.id)


def _push_cache_mounts(executor: Executor) -> None:
    options = executor.options
    if not options.cache_mounts or not options.cache_to:
        return
    from ocicore.build import cache_exchange

    environment = executor.environment
    send = environment.push_image
    if send is None:
        raise Error("--cache-to: this program pushes no images")
    for identity, folder in sorted(executor.cache_mounts.items()):
        executor.say(f"--> Pushing cache mount {identity} to [{' '.join(options.cache_to)}]")
        cache_exchange.push(environment.store, folder, identity, options.cache_to, send)


def _shrink_cache(executor: Executor, limit: int, keep: list[str]) -> None:
    from ocicore.build import cache_budget, cache_mounts

    environment = executor.environment
    removed: list[str] = []
    folder = cache_mounts.root(environment.temporary_root(), environment.paths.uid)
    rest = cache_budget.shrink(executor.sources.images, limit, folder, keep=keep, tell=removed.append)
    for text in removed:
        environment.debug(f"build cache: removed {text}")
    if removed:
        executor.say(f"Build cache: {len(removed)} removed, {rest} bytes kept of {limit} allowed")


def _write_files(options: BuildOptions, result: BuildResult) -> None:
    if options.iid_file:
        _write_text(options.iid_file, f"sha256:{result.image_id}")
    if options.iid_file_raw:
        _write_text(options.iid_file_raw, result.image_id)
    if options.metadata_file:
        from ocicore.build import metadata

        metadata.write(options.metadata_file, result.image_id, result.digest, result.names)


def _write_text(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise Error(f"writing {path}: {(error.strerror or '').lower()}") from error
