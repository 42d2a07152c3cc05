"""COPY, ADD and `pybuildah copy`: from source patterns to files in a mounted root.

Finds sources (globs, links resolved inside the context only), decides what the destination is, and hands items
to `transfer`. The rules about destinations, owners and archives are buildah's (add.go); wording of errors too.
On the hot path; downloads and repositories are in `remote`, imported when a source is one.
"""

from __future__ import annotations

import os
import stat

from ocicore.build import content
from ocicore.build.transfer import Copier, Ownership
from ocicore.errors import Error, InvalidInput, NotFound
from ocicore.linux import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.build.ignore import IgnorePatterns
    from ocicore.build.remote import RemoteOptions


class AddOptions:
    """How sources are brought in.

    Args:
        context: directory that sources are relative to and may not leave.
        destination: absolute path in the image; a trailing slash means a directory.
        ownership: owners, modes, times.
        extract: unpack local archives (ADD).
        patterns: what is left out.
        ignore_file: name to mention when everything was left out.
        checksum: digest a download must have.
        parents: keep the sources' folders (COPY --parents).
        keep_git_dir: leave .git in a cloned repository, as buildah 1.39 does (BuildKit does not).
        working_dir: of the image, for relative destinations (a destination equal to it is a directory).
        in_user_namespace: see `Copier`.
        remote: for downloads, None refuses them.
        allow_empty: a pattern that matches nothing is no error.
        keep_links: a source that is a symbolic link is copied as a link.
    """

    __slots__ = (
        "allow_empty",
        "checksum",
        "context",
        "destination",
        "extract",
        "ignore_file",
        "in_user_namespace",
        "keep_git_dir",
        "keep_links",
        "ownership",
        "parents",
        "patterns",
        "remote",
        "working_dir",
    )

    def __init__(
        self,
        context: str,
        destination: str,
        ownership: Ownership,
        *,
        extract: bool = False,
        patterns: IgnorePatterns | None = None,
        ignore_file: str = "",
        checksum: str = "",
        parents: bool = False,
        keep_git_dir: bool = True,
        working_dir: str = "/",
        in_user_namespace: bool = False,
        remote: RemoteOptions | None = None,
        allow_empty: bool = False,
        keep_links: bool = False,
    ) -> None:
        self.allow_empty = allow_empty
        self.keep_links = keep_links
        self.context = context
        self.destination = destination
        self.ownership = ownership
        self.extract = extract
        self.patterns = patterns
        self.ignore_file = ignore_file
        self.checksum = checksum
        self.parents = parents
        self.keep_git_dir = keep_git_dir
        self.working_dir = working_dir
        self.in_user_namespace = in_user_namespace
        self.remote = remote


class _Item:
    """One thing a pattern matched: its path in the context (links resolved), the name it was found by."""

    __slots__ = ("archive", "found", "host", "kept", "name", "status")

    def __init__(self, found: str, host: str, status: os.stat_result, kept: str) -> None:
        self.found = found
        self.host = host
        self.status = status
        self.name = os.path.basename(found.rstrip("/"))
        self.kept = kept
        self.archive = False

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)


def is_url(source: str) -> bool:
    """Whether a source is fetched instead of read."""
    return source.startswith(("http://", "https://", "git://", "git@", "ssh://"))


def add(root: str, sources: Sequence[str], options: AddOptions, *, write: bool = True) -> tuple[str, str]:
    """Bring the sources into the root mounted at `root`.

    Args:
        write: False only computes the digest.

    Returns:
        (kind, hex digest) of the content, as history shows it.

    Raises:
        NotFound: a pattern matches nothing (with near matches), or everything was left out.
        InvalidInput: the destination cannot hold the sources.
    """
    local = [source for source in sources if not is_url(source)]
    remote = [source for source in sources if is_url(source)]
    if remote and options.remote is None:
        raise InvalidInput("source can't be a URL for COPY", hint="ADD fetches URLs")
    matches = [(source, _match(options, source, several=len(sources) > 1)) for source in local]
    if local and not remote and not options.allow_empty and not any(found for _, found in matches):
        raise _missing(options.context, os.path.normpath("/" + local[0]).lstrip("/"))
    items = [item for _, found in matches for item in found]
    if options.extract:
        from ocicore.build.archives import is_archive

        for item in items:
            item.archive = stat.S_ISREG(item.status.st_mode) and is_archive(item.host)
    digests: list[tuple[str, str]] = []
    with _Target(root, options, sources, items, write=write) as target:
        for source, found in matches:
            copied = 0
            if not found:
                continue  # allow_empty
            for item in found:
                copied += _copy(target, item, options, digests)
            if not copied:
                using = f" using {options.ignore_file}" if options.ignore_file else ""
                raise NotFound(
                    f'no items matching glob "{os.path.join(options.context, source)}" copied '
                    f"({len(found)} filtered out{using}): no such file or directory"
                )
        if remote:
            from ocicore.build import remote as downloads

            for source in remote:
                digests.append(downloads.add(source, target.fd, target.rename, options, write=write))
    return content.summarise(digests)


def _copy(target: _Target, item: _Item, options: AddOptions, digests: list[tuple[str, str]]) -> int:
    """Copy one item; returns how many entries that were (0: left out)."""
    patterns = options.patterns
    relative = os.path.relpath(item.found, options.context)
    excluded = bool(patterns) and relative != "." and patterns is not None and patterns.excludes(relative)
    if excluded and not (item.is_folder and patterns is not None and patterns.may_hold_included(relative)):
        return 0
    digest = content.ItemDigest("dir" if item.is_folder else "file")
    copier = Copier(
        options.ownership,
        patterns=patterns,
        digest=digest,
        write=target.write,
        in_user_namespace=options.in_user_namespace,
    )
    folder = target.folder_for(item)
    try:
        if item.is_folder:
            descriptor = os.open(item.host, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                copier.tree(descriptor, folder, "" if relative == "." else relative)
            finally:
                os.close(descriptor)
            # An empty folder was still copied: its destination exists now.
            count = copier.copied + (0 if excluded else 1)
        elif item.archive:
            from ocicore.build.archives import extract

            extract(
                item.host,
                folder if target.write else -1,
                digest,
                in_user_namespace=options.in_user_namespace,
                ownership=options.ownership,
            )
            count = 1
        else:
            parent = os.open(os.path.dirname(item.host) or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                copier.file(parent, os.path.basename(item.host), folder, target.rename or item.name)
            finally:
                os.close(parent)
            count = 1
    finally:
        if folder != target.fd and folder >= 0:
            os.close(folder)
    digests.append((digest.kind, digest.finish()))
    return count


class _Target:
    """The destination folder, made when missing, and the name a single file gets in it."""

    def __init__(
        self, root: str, options: AddOptions, sources: Sequence[str], items: list[_Item], *, write: bool
    ) -> None:
        self.root = root
        self.options = options
        self.write = write
        self.rename = ""
        self.fd = -1
        self._inside = ""
        self._prepare(sources, items)

    def __enter__(self) -> _Target:
        return self

    def __exit__(self, *_: object) -> None:
        if self.fd >= 0:
            os.close(self.fd)

    def _prepare(self, sources: Sequence[str], items: list[_Item]) -> None:
        options = self.options
        destination = options.destination
        folder_wanted = (
            len(sources) > 1
            or len(items) > 1
            or destination.endswith("/")
            or destination.rstrip("/") == options.working_dir.rstrip("/")
            or options.parents
            or any(item.is_folder or item.archive for item in items)
            or any(source.partition("#")[0].endswith(".git") for source in sources if is_url(source))
        )
        # Without the slash at its end: a link that leads nowhere yet is followed, too.
        path = resolve.resolve_in_root(self.root, destination.rstrip("/") or "/", missing_ok=True)
        try:
            status: os.stat_result | None = os.stat(path, follow_symlinks=False)
        except FileNotFoundError:
            status = None
        except NotADirectoryError as error:
            raise InvalidInput(f"destination {destination}: a parent is not a directory") from error
        if status is not None and not stat.S_ISDIR(status.st_mode):
            if folder_wanted:
                raise InvalidInput(f"destination {destination} already exists but is not a directory")
            self.rename = os.path.basename(path)
            path = os.path.dirname(path)
        elif status is None and not folder_wanted:
            self.rename = os.path.basename(path)
            path = os.path.dirname(path)
        if self.write:
            owner = options.ownership.owner or (0, 0)
            make_folders(self.root, path, options.ownership.host_ids(*owner))
            self._inside = path[len(os.path.realpath(self.root).rstrip("/")) :]
            self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def folder_for(self, item: _Item) -> int:
        """The folder an item goes to; with --parents one below the destination, opened anew."""
        if not self.options.parents or not self.write:
            return self.fd
        below = item.kept if item.is_folder else os.path.dirname(item.kept)
        if not below:
            return self.fd
        # The image may hold links there, which lead nowhere but into the image.
        path = resolve.resolve_in_root(self.root, f"{self._inside}/{below}", missing_ok=True)
        owner = self.options.ownership.owner or (0, 0)
        make_folders(self.root, path, self.options.ownership.host_ids(*owner))
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def make_folders(root: str, path: str, owner: tuple[int, int], mode: int = 0o755) -> None:
    """Make a directory and its parents (paths already resolved inside `root`)."""
    missing = []
    current = path
    while len(current) > len(root.rstrip("/")):
        try:
            os.mkdir(current, mode)
        except FileExistsError:
            if not os.path.isdir(current):
                raise InvalidInput(f"{current[len(root) :]}: exists and is not a directory") from None
            break
        except FileNotFoundError:
            missing.append(current)
            current = os.path.dirname(current)
            continue
        os.chmod(current, mode)
        os.chown(current, *owner)
        if not missing:
            break
        current = missing.pop()


def _match(options: AddOptions, source: str, *, several: bool = False) -> list[_Item]:
    """What one source pattern matches, sorted; of several patterns one may match nothing.

    Raises:
        NotFound: nothing; the hint names what is similar.
    """
    context = options.context
    pivot = ""
    cleaned = os.path.normpath("/" + source).lstrip("/")
    if options.parents and "/./" in source:
        pivot = os.path.normpath("/" + source.partition("/./")[0]).lstrip("/")
    if not any(char in cleaned for char in "*?[\\"):
        paths = [cleaned]
    else:
        paths = _glob(context, cleaned)
        if not paths:
            if options.allow_empty or several:
                return []
            raise _missing(context, cleaned)
    items = []
    for path in paths:
        try:
            host = _host_path(context, path, keep_link=options.keep_links)
            status = os.stat(host, follow_symlinks=False)
        except (resolve.ResolveError, OSError) as error:
            if os.path.normpath(source).startswith(".."):
                raise InvalidInput(
                    f'"{source}": possible escaping context directory error: it leads out of "{context}"',
                    hint="sources are in the build context, or in one of --build-context",
                ) from error
            raise _missing(context, path, getattr(error, "errno", None)) from error
        kept = path[len(pivot) :].lstrip("/") if pivot else path
        items.append(_Item(os.path.join(context, path) if path else context, host, status, kept))
    return items


def _host_path(context: str, path: str, *, keep_link: bool) -> str:
    """A source on the host; links resolved inside the context, the last one only without `keep_link`."""
    if not keep_link or not path:
        return resolve.resolve_in_root(context, path)
    folder, _, name = path.rpartition("/")
    return os.path.join(resolve.resolve_in_root(context, folder or "."), name)


def _glob(context: str, pattern: str) -> list[str]:
    from ocicore.build.ignore import glob_expression

    found = [""]
    for component in pattern.split("/"):
        following = []
        if not any(char in component for char in "*?[\\"):
            for path in found:
                candidate = f"{path}/{component}" if path else component
                if _lexists(context, candidate):
                    following.append(candidate)
        elif component == "**":
            for path in found:
                following += _descend(context, path)
        else:
            matches = glob_expression(component).fullmatch
            for path in found:
                for name in _names(context, path):
                    if matches(name):
                        following.append(f"{path}/{name}" if path else name)
        found = following
    return sorted(set(found), key=os.fsencode)


def _descend(context: str, path: str) -> list[str]:
    found = [path]
    for name in _names(context, path):
        child = f"{path}/{name}" if path else name
        host = os.path.join(context, child)
        if os.path.isdir(host) and not os.path.islink(host):
            found += _descend(context, child)
    return found


def _names(context: str, path: str) -> list[str]:
    try:
        return os.listdir(resolve.resolve_in_root(context, path or "."))
    except (OSError, Error):
        return []


def _lexists(context: str, path: str) -> bool:
    folder, _, name = path.rpartition("/")
    try:
        parent = resolve.resolve_in_root(context, folder or ".")
    except Error:
        return False
    return os.path.lexists(os.path.join(parent, name))


def _missing(context: str, path: str, number: int | None = None) -> NotFound:
    from errno import ENOENT

    reason = (
        "no such file or directory" if number in (None, ENOENT) else os.strerror(number or ENOENT).lower()
    )
    message = f'checking on sources under "{context}": copier: stat: "/{path}": {reason}'
    return NotFound(message, hint=_near(context, path))


def _near(context: str, path: str) -> str | None:
    from difflib import get_close_matches

    folder, _, name = path.rpartition("/")
    while True:
        names = _names(context, folder)
        if names or not folder:
            break
        folder, _, name = folder.rpartition("/")
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    if not near:
        return f"{folder or 'the context'} holds nothing with a similar name"
    return "did you mean " + " or ".join(f"{folder}/{n}" if folder else n for n in near) + "?"


#: What follows a Containerfile's name in that of its own ignore file; with both, buildah takes the first.
_OWN_IGNORE_FILES = (".dockerignore", ".containerignore")


def load_patterns(
    context: str, ignore_file: str, containerfiles: Sequence[str] = ()
) -> tuple[list[str], str]:
    """The patterns of an ignore file: the one named, else FILE.dockerignore or FILE.containerignore of a Containerfile,
    else .containerignore, else .dockerignore of the context.

    Returns:
        (patterns, path of the file or "").
    """
    from ocicore.build.ignore import IGNORE_FILES, parse_ignore_file

    candidates = [
        f"{os.path.join(context, name)}{end}" for name in containerfiles for end in _OWN_IGNORE_FILES
    ]
    candidates += [os.path.join(context, name) for name in IGNORE_FILES]
    if ignore_file:
        candidates = [ignore_file]
    for path in candidates:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as stream:
                return parse_ignore_file(stream.read()), path
        except (FileNotFoundError, NotADirectoryError) as error:
            if ignore_file:
                raise NotFound(f"reading ignore file: {path}: no such file or directory") from error
        except OSError as error:
            raise Error(f"reading ignore file: {path}: {(error.strerror or '').lower()}") from error
    return [], ""


def resolve_owner(chown: str, root: str) -> tuple[int, int] | None:
    """--chown: "user[:group]" looked up in the root; a single number is user and group alike."""
    if not chown:
        return None
    user, colon, group = chown.partition(":")
    if not colon and user.isdecimal():
        return int(user), int(user)
    if not user and not group:
        raise InvalidInput(
            f'looking up UID/GID for "{chown}": can\'t find uid for user', hint="--chown=USER[:GROUP]"
        )
    from ocicore.runtime import users

    resolved = users.resolve(f"{user or '0'}:{group}" if colon and group else user, root)
    return resolved.uid, resolved.gid


def parse_mode(chmod: str) -> int | None:
    """--chmod: octal digits. Raises InvalidInput."""
    if not chmod:
        return None
    try:
        value = int(chmod, 8)
    except ValueError as error:
        raise InvalidInput(
            f'parsing chmod "{chmod}": invalid syntax', hint="expected octal digits, like 0755"
        ) from error
    if not 0 <= value <= 0o7777:
        raise InvalidInput(f'parsing chmod "{chmod}": out of range', hint="expected octal digits, like 0755")
    return value
