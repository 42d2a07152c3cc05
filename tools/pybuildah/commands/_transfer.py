"""What `copy` and `add` have in common: their options, and bringing sources into a working container."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Option
from pybuildah.options.shared import BLOB_CACHE, HISTORY, QUIET, REGISTRY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.build.working import WorkingContainer
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from pybuildah.session import Session

OPTIONS = (
    HISTORY,
    BLOB_CACHE,
    Option("allow-empty-wildcard", help="A pattern that matches nothing is no error"),
    Option("allow-wildcard", kind="bool", default=True, help="Take *, ? and [ in sources as patterns"),
    Option("checksum", kind="string", metavar="ALGORITHM:HEX", help="Digest that a download must have"),
    Option(
        "chmod", kind="string", metavar="MODE", help="Set the access permissions of the destination content"
    ),
    Option("chown", kind="string", metavar="USER[:GROUP]", help="Set the user and group ownership"),
    Option("contextdir", kind="path", help="Context directory path"),
    # For an image of --from that has to be pulled.
    Option(
        "decryption-key",
        kind="strings",
        hidden=True,
        metavar="KEY[:PASSPHRASE]",
        help="Private key for an encrypted image",
    ),
    Option("remove-signatures", hidden=True, help="Do not keep signatures of an image that is pulled"),
    Option("exclude", kind="stringArray", metavar="PATTERN", help="Leave out what matches"),
    Option("from", kind="string", metavar="IMAGE|CONTAINER", help="Read content from that root file system"),
    Option("ignorefile", kind="path", help="Path of an ignore file"),
    Option("link", help="Put the content into a layer of its own, on top of the container's at commit"),
    Option("no-follow-symlinks", help="Copy a source that is a symbolic link as a link"),
    Option("parents", help="Keep the folders of the sources below the destination"),
    Option(
        "timestamp", kind="int", default=-1, help="Modification time of the copies, seconds since the epoch"
    ),
    QUIET,
    *REGISTRY,
)
ARGUMENTS = (
    Argument("container", metavar="CONTAINER"),
    Argument("paths", max=None, metavar="SOURCE [SOURCE...] [DESTINATION]", completer="file"),
)


def transfer(args: Args, ctx: Context, *, verb: str) -> int:
    """Copy, print the content's digest, note it in the history when asked to."""
    from ocicore.build import working
    from ocicore.errors import Error
    from pybuildah import history
    from pybuildah.session import Session

    if args.ignorefile and not args.contextdir:
        from ocicore.errors import InvalidInput

        raise InvalidInput("--ignorefile option requires that you specify a context dir using --contextdir")
    session = Session(ctx)
    container = working.load(session.store, args.container)
    sources = list(args.paths)
    # Like cp: the last of several words is the destination.
    destination = sources.pop() if len(sources) > 1 else ""
    root = container.mount()
    linked = None
    try:
        if args.link:
            from ocicore.build.linked import Linked

            linked = Linked(container)
        kind, digest = _bring(
            session,
            container,
            root,
            sources,
            destination,
            args,
            add=verb == "ADD",
            into=linked.root if linked is not None else None,
        )
    except Error as error:
        raise Error(
            f'adding content to container "{container.name}": {error.message}',
            hint=error.hint,
            status=error.exit_status,
        ) from error
    finally:
        container.unmount()
    if not args.quiet:
        ctx.print(digest)
    text = f"{kind}:{digest}" if kind else digest
    if linked is not None:
        linked.keep(f"/bin/sh -c #(nop) {verb} --link {text} in {destination or '.'} ")
        container.save()
        return 0
    history.add(container, args, ctx, f"/bin/sh -c #(nop) {verb} {text} in {destination or '.'} ")
    container.save()
    return 0


def _bring(
    session: Session,
    container: WorkingContainer,
    root: str,
    sources: list[str],
    destination: str,
    args: Args,
    *,
    add: bool,
    into: str | None,
) -> tuple[str, str]:
    import os

    from ocicore.build import copy_context
    from ocicore.build.draft import absolute_path
    from ocicore.build.transfer import Ownership

    working_dir = container.draft.text("WorkingDir") or "/"
    patterns: list[str] = []
    ignore_file = ""
    context = "/"
    undo = None
    if args.from_:
        context, undo = _other_root(session, args.from_, args)
    elif args.contextdir:
        context = os.path.abspath(args.contextdir)
        # A path that leads into the context is one of the context.
        sources = [
            os.path.relpath(text, context) if text == context or text.startswith(context + "/") else text
            for text in sources
        ]
    if args.ignorefile or args.contextdir:
        patterns, ignore_file = copy_context.load_patterns(context, args.ignorefile)
    patterns += args.exclude
    if context == "/" and not args.from_:
        here = os.getcwd()
        sources = [text if copy_context.is_url(text) else os.path.join(here, text) for text in sources]
        patterns = [_anchored(pattern, here) for pattern in patterns]
    compiled = None
    if patterns:
        from ocicore.build.ignore import IgnorePatterns

        compiled = IgnorePatterns(patterns)
    maps = container.id_maps()
    owner = copy_context.resolve_owner(args.chown, root)
    if owner is None and not args.from_:
        owner = (0, 0)
    ownership = Ownership(
        owner=owner,
        mode=copy_context.parse_mode(args.chmod),
        mtime=args.timestamp if args.timestamp >= 0 else None,
        uid_map=maps[0] if maps else None,
        gid_map=maps[1] if maps else None,
    )
    remote = None
    if any(copy_context.is_url(source) for source in sources):
        from ocicore.build.remote import RemoteOptions

        remote = RemoteOptions(
            tls_verify=args.tls_verify is not False,
            cert_dir=args.cert_dir,
            retry=args.retry,
            scratch=session.ctx.environ.get("TMPDIR") or "/var/tmp",
            environ=session.ctx.environ,
            retry_delay=_seconds(args.retry_delay),
            warn=session.ctx.warn,
        )
    elif args.checksum:
        from ocicore.errors import InvalidInput

        raise InvalidInput("checksum flag is not supported for local sources")
    if not args.allow_wildcard:
        for source in sources:
            if any(char in source for char in "*?["):
                from ocicore.errors import InvalidInput

                raise InvalidInput(f'source "{source}" contains wildcard characters, which are not allowed')
    options = copy_context.AddOptions(
        context,
        absolute_path(destination or ".", working_dir),
        ownership,
        extract=add,
        patterns=compiled,
        ignore_file=ignore_file,
        parents=args.parents,
        checksum=args.checksum,
        allow_empty=args.allow_empty_wildcard,
        keep_links=args.no_follow_symlinks,
        working_dir=working_dir,
        in_user_namespace=session.user.rootless,
        remote=remote,
    )
    try:
        return copy_context.add(into or root, sources, options)
    finally:
        if undo is not None:
            undo()


def _seconds(text: str) -> float | None:
    from ocicore.build.draft import parse_duration

    return parse_duration(text) / 1e9 if text else None


def _anchored(pattern: str, folder: str) -> str:
    """An ignore pattern relative to the working directory as one relative to the root."""
    if pattern.lstrip("!").startswith("**"):
        return pattern  # anywhere
    negated = pattern.startswith("!")
    text = pattern[1:] if negated else pattern
    return ("!" if negated else "") + f"{folder.strip('/')}/{text}".strip("/")


def _other_root(session: Session, name: str, args: Args) -> tuple[str, Callable[[], object]]:
    """The mounted root of another container or image, and how to let go of it."""
    from ocicore.build import working
    from ocicore.errors import NotFound

    try:
        other = working.load(session.store, name)
    except NotFound:
        image = session.find_image(name, "missing", "", args)
        return session.store.mount_image(image.id), lambda: session.store.unmount_image(image.id)
    return other.mount(), other.unmount
