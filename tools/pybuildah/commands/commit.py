"""`pybuildah commit`: write a working container as an image."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option
from pybuildah.options.sbom import SBOM
from pybuildah.options.shared import (
    BLOB_CACHE,
    COMPRESSION,
    ENCRYPTION,
    NO_OPTIONS_AFTER,
    PULL_SYNONYMS,
    QUIET,
    REGISTRY,
    SIGN_BY,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.build.commit import CommitOptions, Times
    from ocicore.build.working import WorkingContainer
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.image.blob_cache import BlobCache
    from ocicore.image.local import LocalImage
    from pybuildah.session import Session

COMMAND = Command(
    "Create an image from a working container",
    description="Writes the working container's files and configuration as an image, and prints its ID.",
    options=(
        Option(
            "add-file", kind="stringArray", metavar="SOURCE[:DESTINATION]", help="Add a file to the image"
        ),
        Option(
            "annotation", kind="stringArray", metavar="KEY[=VALUE]", help="Set an annotation of the image"
        ),
        BLOB_CACHE,
        Option(
            "change", "c", kind="stringArray", metavar="INSTRUCTION", help="Apply a Containerfile instruction"
        ),
        *COMPRESSION,
        Option("created-annotation", help="Set the annotation org.opencontainers.image.created"),
        Option("cw", kind="string", metavar="OPTIONS", help="Make a confidential workload"),
        Option("config", kind="path", help="File with a JSON configuration to apply"),
        *ENCRYPTION,
        Option("format", "f", kind="string", help="Format of the image: oci or docker"),
        Option("identity-label", kind="bool", default=True, help="Add the label io.buildah.version"),
        Option("iidfile", kind="path", help="Write the image ID to the file"),
        Option("manifest", kind="string", help="Name of the manifest list to add the image to"),
        Option("metadata-file", kind="path", help="Write what was made to the file, as JSON"),
        Option("omit-history", help="Leave out the history"),
        Option("omit-timestamp", hidden=True, help="Set times to the epoch"),
        Option("reference-time", kind="path", hidden=True, help="Take the time of the image from this file"),
        Option(
            "reproducible",
            help="Take times from the base image, not from the clock",
        ),
        Option("rewrite-timestamp", help="With --source-date-epoch: no file is younger than that"),
        Option("rm", help="Remove the working container afterwards"),
        SIGN_BY,
        Option(
            "source-date-epoch",
            kind="string",
            help="Time for records; files changed later get it too",
            env="SOURCE_DATE_EPOCH",
        ),
        *SBOM,
        Option(
            "pull",
            kind="string",
            default="missing",
            bare="missing",
            help="Pull the scanner's image: always, missing, never, newer",
        ),
        *PULL_SYNONYMS,
        Option("squash", help="Write the image as a single layer"),
        Option(
            "timestamp",
            kind="int",
            default=-1,
            help="Set created times and file times, seconds since the epoch",
        ),
        Option("unsetannotation", kind="strings", help="Remove an annotation of the base image"),
        Option("unsetenv", kind="strings", help="Remove a variable of the base image"),
        QUIET,
        *REGISTRY,
    ),
    arguments=(Argument("container", metavar="CONTAINER"), Argument("image", min=0, metavar="[IMAGE]")),
    interspersed=False,
    no_options_after=NO_OPTIONS_AFTER,
    too_few="container ID must be specified",
    too_many="too many arguments specified",
    exclusive=(("pull", "pull-always", "pull-never"),),
    examples=(("pybuildah commit mycontainer myimage", "prints the image's ID"),),
)


def run(args: Args, ctx: Context) -> int:
    """Print the image's ID."""
    from ocicore.build import commit as commits
    from ocicore.build import working
    from pybuildah.commands.from_ import image_format
    from pybuildah.session import Session

    if args.cw:
        from ocicore.build import confidential

        confidential.require()
    session = Session(ctx)
    container = working.load(session.store, args.container)
    options = commits.CommitOptions(_times(args, container))
    options.format = image_format(args.format) if args.format else container.format  # type: ignore[assignment]
    options.squash = args.squash
    options.omit_history = args.omit_history
    options.identity_label = args.identity_label
    options.unset_env = args.unsetenv
    options.unset_annotations = args.unsetannotation
    options.compress = not args.disable_compression
    if args.blob_cache:
        from pybuildah import remote

        options.blob_cache = remote.blob_cache(args, remote.layer_wish(args))
    options.container_id = container.id
    options.extra_files = [_extra_file(text) for text in args.add_file]
    for text in args.annotation:
        key, _, value = text.partition("=")
        container.annotations[key] = value
    if args.created_annotation:
        container.annotations["org.opencontainers.image.created"] = options.times.created
    if args.change or args.config:
        from pybuildah import changes

        changes.apply(container.draft, args.change, args.config)
    target, names = _destination(args.image)
    options.names = names
    known = {image.id for image in session.store.images()} if target else set()
    image = _scan_and_commit(session, container, options, args)
    if target:
        _send(session, image.id, target, args, options.blob_cache, keep=image.id in known)
    elif args.sign_by:
        from ocicore.cli.signers import sign_stored

        for name in names:
            sign_stored(session.images.find(image.id), name, args.sign_by, ctx)
    if args.manifest:
        from pybuildah import manifest_lists

        manifest_lists.add_image(session, args.manifest, image.id)
    if args.iidfile:
        with open(args.iidfile, "w", encoding="utf-8") as stream:
            stream.write(f"sha256:{image.id}")
    if args.metadata_file:
        from ocicore.build.metadata import write

        write(args.metadata_file, image.id, image.digest or "", names or [target])
    if args.rm:
        container.delete()
    if not args.iidfile and not target:
        ctx.print(image.id)
    return 0


def _scan_and_commit(
    session: Session, container: WorkingContainer, options: CommitOptions, args: Args
) -> LocalImage:
    """Commit, with what --sbom finds in the container."""
    from ocicore.build import commit as commits

    if not any(name.startswith("sbom") for name in args.given_names()):
        return commits.commit(container, options)
    import contextlib

    from ocicore.build import sbom
    from ocicore.cli import interrupt
    from pybuildah.commands.from_ import chosen_pull_policy

    scan = sbom.read(args)
    assert scan is not None
    scan.pull = chosen_pull_policy(args)
    environment = session.environment(args)
    with interrupt.ending(environment.interrupt), contextlib.closing(environment):
        found = sbom.scan(container, scan, environment, environment.scratch())
        options.extra_files = [*options.extra_files, *found]
        return commits.commit(container, options)


def _send(
    session: Session, image_id: str, target: str, args: Args, cache: BlobCache | None, *, keep: bool
) -> None:
    """The image to where a transport says; here it was only on its way there."""
    from pybuildah import remote

    try:
        options = remote.copy_options(args, target=target, ctx=session.ctx, cache=cache)
        remote.push(session, image_id, target, args, options=options, layers=remote.layer_wish(args))
    finally:
        if not keep:
            session.store.delete_image(image_id)


def _extra_file(text: str) -> tuple[str, str]:
    """--add-file SOURCE[:DESTINATION]. Raises InvalidInput, NotFound."""
    import os

    from ocicore.errors import InvalidInput, NotFound

    source, _, destination = text.partition(":")
    if not os.path.exists(source):
        raise NotFound(f'parsing add-file argument "{text}": source "{source}": no such file or directory')
    if os.path.isdir(source):
        raise InvalidInput(f'parsing add-file argument "{text}": source "{source}" is not a regular file')
    return os.path.abspath(source), destination or source


def _times(args: Args, container: WorkingContainer) -> Times:
    from ocicore.build.commit import choose_times
    from ocicore.errors import InvalidInput, NotFound

    timestamp = args.timestamp if args.timestamp >= 0 else None
    if args.omit_timestamp:
        timestamp = 0
    elif args.reference_time:
        import os

        try:
            timestamp = int(os.stat(args.reference_time).st_mtime)
        except OSError as error:
            raise NotFound(
                f'reading timestamp of file "{args.reference_time}": {(error.strerror or "").lower()}'
            ) from error
    epoch = None
    if args.source_date_epoch:
        try:
            epoch = int(args.source_date_epoch)
        except ValueError as error:
            raise InvalidInput(
                f'--source-date-epoch "{args.source_date_epoch}": not a number of seconds'
            ) from error
    record = container.store.container(container.id)
    base = str((container.raw.get("ociv1") or {}).get("created") or "") if container.image_id else ""
    return choose_times(
        timestamp=timestamp,
        source_date_epoch=epoch,
        rewrite=args.rewrite_timestamp,
        reproducible=args.reproducible,
        base_created=base,
        started=record.created,
    )


def _destination(image: str | None) -> tuple[str, list[str]]:
    """(reference to push to, names in the store): a bare name stays here, a transport sends it elsewhere."""
    if not image:
        return "", []
    from ocicore.image import names

    scheme, separator, rest = image.partition(":")
    if separator and scheme == "containers-storage":
        if rest.startswith("["):
            location, _, name = rest.partition("]")
            return f"containers-storage:{location}]{names.normalise(name)}", []
        return "", [names.normalise(rest)]
    transports = ("docker", "oci", "oci-archive", "dir", "docker-archive", "docker-daemon")
    if separator and scheme in transports and (rest.startswith("//") or scheme != "docker"):
        return image, []
    return "", [names.normalise(image)]
