"""What ADD brings from elsewhere: files over HTTP, and git repositories.

URL forms are BuildKit's and buildah's: `https://host/file`, `https://host/repo.git#ref:folder`. requests and
git are used only here and only when a source needs them.
"""

from __future__ import annotations

import os
import stat

from ocicore.errors import Corrupted, Error, InvalidInput, MissingProgram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ocicore.build.copy_context import AddOptions

_CHUNK = 1 << 18


class RemoteOptions:
    """How to fetch.

    Args:
        tls_verify: check certificates.
        cert_dir: folder with CA certificates and client keys, "" for none.
        retry: further attempts after a failed one.
        scratch: folder for temporary files.
        environ: variables (proxies, git's).
        retry_delay: seconds between attempts, None for delays that grow.
        warn: told about attempts that failed.
    """

    __slots__ = ("cert_dir", "environ", "retry", "retry_delay", "scratch", "tls_verify", "warn")

    def __init__(
        self,
        *,
        tls_verify: bool,
        cert_dir: str,
        retry: int,
        scratch: str,
        environ: Mapping[str, str],
        retry_delay: float | None = None,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.retry_delay = retry_delay
        self.warn = warn or (lambda text: None)
        self.tls_verify = tls_verify
        self.cert_dir = cert_dir
        self.retry = retry
        self.scratch = scratch
        self.environ = environ


def is_git(url: str) -> bool:
    """Whether a URL is a repository to clone."""
    location = url.partition("#")[0]
    if url.startswith(("git://", "git@", "ssh://")):
        return True
    return location.endswith(".git")


def add(url: str, target_fd: int, rename: str, options: AddOptions, *, write: bool) -> tuple[str, str]:
    """Fetch one source into a directory; returns (kind, digest) for history.

    Args:
        target_fd: the destination folder (not used unless `write`).
        rename: name of the file, "" for the URL's own.
    """
    import tempfile

    remote = options.remote
    if remote is None:
        raise InvalidInput("source can't be a URL for COPY")
    with tempfile.TemporaryDirectory(prefix="add-", dir=remote.scratch) as folder:
        if is_git(url):
            return _add_repository(url, folder, target_fd, options, remote, write=write)
        return _add_file(url, folder, target_fd, rename, options, remote, write=write)


def _add_repository(
    url: str, folder: str, target_fd: int, options: AddOptions, remote: RemoteOptions, *, write: bool
) -> tuple[str, str]:
    from ocicore.build.content import ItemDigest
    from ocicore.build.transfer import Copier

    path = clone(url, os.path.join(folder, "repository"), remote)
    if not options.keep_git_dir:
        _remove(path, ".git")
    elif os.path.isdir(os.path.join(path, ".git")):
        _settle(path, remote)
    digest = ItemDigest("dir")
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        Copier(
            options.ownership,
            patterns=options.patterns,
            digest=digest,
            write=write,
            in_user_namespace=options.in_user_namespace,
        ).tree(descriptor, target_fd, "")
    finally:
        os.close(descriptor)
    # A clone's content is what its commit says; the kind is empty for everything that was fetched.
    return "", digest.finish()


def _settle(path: str, remote: RemoteOptions) -> None:
    """Make .git the same for the same commit, so that the image is. Raises Error.

    The index has times, logs have dates, and packs are as the server made them at the moment.
    """
    from ocicore.linux import spawn

    git = _git(remote, path)
    folder = os.path.join(path, ".git")
    steps = [["read-tree", "HEAD"], ["-c", "pack.threads=1", "repack", "-a", "-d", "-f", "-q"]]
    for words in steps:
        done = spawn.capture([git, "-C", path, *words], remote.environ)
        if done.status:
            raise Error(f"git {words[0]} in a clone: {done.error_text()}")
    for name in ("logs", "hooks", "ORIG_HEAD", "FETCH_HEAD"):
        _remove(folder, name)


def _git(remote: RemoteOptions, location: str) -> str:
    from ocicore.linux import spawn

    git = spawn.find("git", remote.environ.get("PATH", "/usr/bin:/bin").split(":"))
    if not git:
        raise MissingProgram(f"cloning {location}: git is not installed", hint="install the package git")
    return git


def _remove(folder: str, name: str) -> None:
    from ocicore.linux import archive

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        archive.remove_tree(descriptor, name)
    finally:
        os.close(descriptor)


def clone(url: str, folder: str, remote: RemoteOptions) -> str:
    """Clone a repository at `#REF:SUBFOLDER`; returns the folder asked for."""
    from ocicore.linux import resolve, spawn

    location, _, fragment = url.partition("#")
    reference, _, below = fragment.partition(":")
    if reference.startswith("-"):
        raise InvalidInput(f'{url}: "{reference}" is no name of a branch, tag or commit')
    git = _git(remote, location)
    env = {**remote.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1"}
    if not remote.tls_verify:
        env["GIT_SSL_NO_VERIFY"] = "1"
    attempts = (
        [
            [
                "clone",
                "--quiet",
                "--depth",
                "1",
                "--recurse-submodules",
                "--branch",
                reference,
                "--",
                location,
                folder,
            ]
        ]
        if reference
        else [["clone", "--quiet", "--depth", "1", "--recurse-submodules", "--", location, folder]]
    )
    for words in attempts:
        completed = spawn.capture([git, *words], env)
    if completed.status and reference:
        # A commit is no branch: fetch everything, then check it out.
        completed = spawn.capture([git, "clone", "--quiet", "--", location, folder], env)
        if not completed.status:
            completed = spawn.capture([git, "-C", folder, "checkout", "--quiet", reference], env)
    if completed.status:
        # git's own status is the program's, as with buildah.
        raise Error(
            f"failed while performing `git fetch` of {location}: {completed.error_text()}",
            status=completed.status if completed.status > 0 else None,
        )
    return resolve.resolve_in_root(folder, below or "/")


def _add_file(
    url: str,
    folder: str,
    target_fd: int,
    rename: str,
    options: AddOptions,
    remote: RemoteOptions,
    *,
    write: bool,
) -> tuple[str, str]:
    from urllib.parse import unquote, urlsplit

    from ocicore.build.content import ItemDigest
    from ocicore.build.transfer import Copier, Ownership

    name = rename or unquote(os.path.basename(urlsplit(url).path))
    if not name or "/" in name or name in (".", ".."):
        raise InvalidInput(f"ADD {url}: the URL names no file", hint="give the destination a file name")
    path = os.path.join(folder, name)
    modified = download(url, path, remote, checksum=options.checksum)
    os.chmod(path, 0o600)
    os.utime(path, (modified, modified))
    ownership = options.ownership
    own = Ownership(
        owner=ownership.owner or (0, 0),
        mode=ownership.mode,
        # Last-Modified is the server's word about the content, and so part of it.
        mtime=None,
        uid_map=ownership.uid_map,
        gid_map=ownership.gid_map,
    )
    digest = ItemDigest("file")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        Copier(own, digest=digest, write=write).file(descriptor, name, target_fd, name)
    finally:
        os.close(descriptor)
    return "", digest.finish()


def download(url: str, path: str, remote: RemoteOptions, *, checksum: str = "") -> int:
    """Fetch a URL into a file; returns Last-Modified in seconds since the epoch (0 without one).

    Raises:
        Corrupted: the content does not have the checksum. Error: the server or the network failed.
    """
    import time

    import requests

    from ocicore.registry.web import open_session, reason

    problem = ""
    with open_session(verify=remote.tls_verify, cert_dir=remote.cert_dir) as session:
        for attempt in range(remote.retry + 1):
            if attempt:
                delay = remote.retry_delay if remote.retry_delay is not None else min(2**attempt, 10) / 2
                remote.warn(f"{problem}, retrying in {_shown(delay)} ... ({attempt}/{remote.retry})")
                time.sleep(delay)
            try:
                with session.get(
                    url, stream=True, timeout=(15, 60), headers={"Accept-Encoding": "identity"}
                ) as response:
                    if response.status_code >= 500:
                        problem = f"invalid response status {response.status_code}"
                        continue
                    if response.status_code >= 400:
                        raise Error(f'reading "{url}": invalid response status {response.status_code}')
                    _save(response, path)
                    _verify(url, path, checksum)
                    return _last_modified(response.headers.get("Last-Modified", ""))
            except requests.RequestException as error:
                problem = reason(error)
    raise Error(f'reading "{url}": {problem}')


def _shown(seconds: float) -> str:
    """A delay as Go prints it: "142.857ms", "5s"."""
    return f"{seconds * 1000:.6g}ms" if seconds < 1 else f"{seconds:g}s"


def _save(response: object, path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        for chunk in response.iter_content(_CHUNK):  # type: ignore[attr-defined]
            view = memoryview(chunk)
            while view:
                view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def _verify(url: str, path: str, checksum: str) -> None:
    if not checksum:
        return
    import hashlib

    algorithm, separator, wanted = checksum.partition(":")
    if not separator or algorithm not in ("sha256", "sha384", "sha512"):
        raise InvalidInput(f'invalid checksum flag: "{checksum}"', hint="expected sha256:HEX")
    with open(path, "rb") as stream:
        found = hashlib.file_digest(stream, algorithm).hexdigest()
    if found != wanted:
        raise Corrupted(
            f'reading "{url}": unexpected response digest for "{url}": {algorithm}:{found}, want {checksum}'
        )


def _last_modified(text: str) -> int:
    from email.utils import parsedate_to_datetime

    try:
        return max(int(parsedate_to_datetime(text).timestamp()), 0) if text else 0
    except (TypeError, ValueError):
        return 0


def fetch_context(url: str, folder: str, remote: RemoteOptions) -> str:
    """A build context from a URL: a repository, an archive, or a single Containerfile; returns its folder."""
    if url.startswith("github.com/"):
        # As buildah: the archive of the main line, without git.
        inner = os.path.basename(url.rstrip("/")) + "-master"
        found = fetch_context(f"https://{url.rstrip('/')}/archive/master.tar.gz", folder, remote)
        from ocicore.linux import resolve

        return resolve.resolve_in_root(found, inner)
    if is_git(url):
        return clone(url, os.path.join(folder, "repository"), remote)
    from ocicore.build.archives import is_archive

    path = os.path.join(folder, "download")
    download(url, path, remote)
    context = os.path.join(folder, "context")
    os.mkdir(context, 0o755)
    if is_archive(path):
        from ocicore.build.archives import extract

        descriptor = os.open(context, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            extract(path, descriptor, None, in_user_namespace=True, owner=(0, 0))
        finally:
            os.close(descriptor)
        os.unlink(path)
        return context
    os.rename(path, os.path.join(context, "Dockerfile"))
    os.chmod(os.path.join(context, "Dockerfile"), stat.S_IRUSR | stat.S_IWUSR)
    return context
