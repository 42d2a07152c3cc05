"""Mounts of RUN: `--mount=type=bind|cache|tmpfs|secret|ssh` and `--volume`, made into runtime mounts.

Follows the Dockerfile reference (RUN --mount) and buildah-build(1). Caches live where buildah keeps them
($TMPDIR/buildah-cache-UID), so both programs share them.
"""

from __future__ import annotations

import os
import stat

from ocicore.build import cache_mounts
from ocicore.errors import InvalidInput, NotFound
from ocicore.linux import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ocicore.build.environment import BuildEnvironment
    from ocicore.storage.records import IdMaps

    Mount = dict[str, Any]

_SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


class MountSources:
    """Where mounts find what they name.

    Args:
        context: the build context's directory.
        stage_root: name of a stage or image -> mounted root, raises NotFound.
        secrets: id -> ("file", path) | ("env", variable).
        ssh: id -> path of an agent's socket, "" for an unknown id.
        scratch: a private directory that is removed after the command.
        id_maps: of the container's user namespace, None for ours.
        fill_cache: (identity, folder) of a cache mount that was just made.
        note_cache: (identity, folder) of every cache mount used.
    """

    __slots__ = ("context", "fill_cache", "id_maps", "note_cache", "scratch", "secrets", "ssh", "stage_root")

    def __init__(
        self,
        *,
        context: str,
        stage_root: Callable[[str], str],
        secrets: Mapping[str, tuple[str, str]],
        ssh: Callable[[str], str],
        scratch: str,
        id_maps: IdMaps | None = None,
        fill_cache: Callable[[str, str], None] | None = None,
        note_cache: Callable[[str, str], None] | None = None,
    ) -> None:
        self.id_maps = id_maps
        self.fill_cache = fill_cache
        self.note_cache = note_cache
        self.context = context
        self.stage_root = stage_root
        self.secrets = secrets
        self.ssh = ssh
        self.scratch = scratch

    def host_ids(self, uid: int, gid: int) -> tuple[int, int]:
        """The ids outside of a user and group of the container."""
        if self.id_maps is None:
            return uid, gid
        from ocicore.build.transfer import to_host

        return to_host(uid, self.id_maps[0]), to_host(gid, self.id_maps[1])


class Prepared:
    """Mounts for the runtime, variables for the process, and what to undo afterwards.

    Attributes:
        asked: where --mount put something; the folders that were made above these stay in the image, as with buildah.
    """

    __slots__ = ("asked", "cleanups", "env", "mounts")

    def __init__(self) -> None:
        self.mounts: list[Mount] = []
        self.asked: list[str] = []
        self.env: dict[str, str] = {}
        self.cleanups: list[Callable[[], None]] = []

    def close(self) -> None:
        """Undo everything, the latest first, whatever of it fails."""
        undo(self.cleanups)


def undo(steps: list[Callable[[], None]]) -> None:
    """Take the steps, the last one first; one that fails keeps none from being taken."""
    while steps:
        step = steps.pop()
        try:
            step()
        except BaseException:
            undo(steps)
            raise


def parse_fields(text: str) -> dict[str, str]:
    """ "type=bind,src=/a,ro" -> {"type": "bind", "src": "/a", "ro": ""} with the names' synonyms resolved."""
    synonyms = {
        "dst": "target",
        "destination": "target",
        "src": "source",
        "readonly": "ro",
        "readwrite": "rw",
    }
    fields: dict[str, str] = {}
    for part in _split_csv(text):
        key, has_value, value = part.strip().partition("=")
        key = synonyms.get(key.lower(), key.lower())
        if key in ("ro", "rw") and has_value:
            enabled = _boolean(key, value)
            key = key if enabled else {"ro": "rw", "rw": "ro"}[key]
            value = ""
        fields[key] = value
    fields.setdefault("type", "bind")
    return fields


def _split_csv(text: str) -> list[str]:
    if '"' not in text:
        return text.split(",")
    import csv

    return next(csv.reader([text]))


def _boolean(key: str, value: str) -> bool:
    if value.lower() in ("true", "1", "t"):
        return True
    if value.lower() in ("false", "0", "f"):
        return False
    raise InvalidInput(f"mount option {key}: invalid boolean {value!r}")


def prepare(
    specifications: list[str],
    *,
    sources: MountSources,
    environment: BuildEnvironment,
    working_dir: str,
) -> Prepared:
    """Make the mounts of one command ready.

    Raises:
        InvalidInput: an unknown type or option, a missing target.
        NotFound: a stage, an image, a source or a required secret does not exist.
    """
    result = Prepared()
    makers = {
        "bind": _bind,
        "cache": _cache,
        "tmpfs": _tmpfs,
        "secret": _secret,
        "ssh": _ssh,
    }
    try:
        for number, text in enumerate(specifications):
            fields = parse_fields(text)
            maker = makers.get(fields["type"])
            if maker is None:
                raise InvalidInput(
                    f'invalid filesystem type "{fields["type"]}" in --mount={text}',
                    hint="expected type=bind, cache, tmpfs, secret or ssh",
                )
            if "target" in fields:
                fields["target"] = os.path.normpath(os.path.join("/", working_dir, fields["target"]))
            maker(result, fields, text, number, sources, environment)
    except BaseException:
        result.close()
        raise
    result.asked = [str(mount["destination"]) for mount in result.mounts]
    return result


def _check(fields: dict[str, str], allowed: frozenset[str], text: str) -> None:
    for key in fields:
        if key not in allowed and key != "type":
            raise InvalidInput(
                f'invalid mount option "{key}" in --mount={text}',
                hint=f"type={fields['type']} takes {', '.join(sorted(allowed))}",
            )


def _target(fields: dict[str, str], text: str) -> str:
    if not fields.get("target"):
        raise InvalidInput(f"invalid mount: --mount={text}: target= is missing")
    return fields["target"]


def _root_of(fields: dict[str, str], sources: MountSources) -> str:
    if fields.get("from") == "":
        raise InvalidInput("RUN --mount: from= points to an empty value", hint="name a stage or an image")
    return sources.stage_root(fields["from"]) if "from" in fields else sources.context


_BIND = frozenset(
    (
        "source",
        "target",
        "from",
        "ro",
        "rw",
        "bind-propagation",
        "z",
        "relabel",
        "bind",
        "rbind",
        "rprivate",
        "private",
        "rshared",
        "shared",
        "rslave",
        "slave",
        "nosuid",
        "nodev",
        "noexec",
    )
)


def _bind(
    result: Prepared,
    fields: dict[str, str],
    text: str,
    number: int,
    sources: MountSources,
    environment: BuildEnvironment,
) -> None:
    _check(fields, _BIND, text)
    target = _target(fields, text)
    root = _root_of(fields, sources)
    try:
        source = resolve.resolve_in_root(root, fields.get("source") or "/")
    except resolve.ResolveError as error:
        raise NotFound(
            f'mount source "{fields.get("source") or "/"}" in {fields.get("from") or "the build context"}: '
            f"{os.strerror(error.errno).lower()}"
        ) from error
    if "rw" in fields:
        source = _discarding_copy(result, source, number, sources)
    options = ["rbind", _propagation(fields), "rw" if "rw" in fields else "ro"]
    result.mounts.append({"type": "bind", "source": source, "destination": target, "options": options})


def _discarding_copy(result: Prepared, source: str, number: int, sources: MountSources) -> str:
    """A writable view of a source whose changes are thrown away (Dockerfile reference: bind mounts, rw)."""
    folder = os.path.join(sources.scratch, f"bind-{number}")
    os.makedirs(folder, 0o700)
    if not os.path.isdir(source):
        copy = os.path.join(folder, "file")
        with open(source, "rb") as reader, open(copy, "wb") as writer:
            while data := reader.read(1 << 20):
                writer.write(data)
        os.chmod(copy, stat.S_IMODE(os.stat(source).st_mode))
        return copy
    from ocicore.linux import mount

    merged = os.path.join(folder, "merged")
    for name in ("upper", "work", "merged"):
        os.mkdir(os.path.join(folder, name), 0o755)
    status = os.stat(source)
    os.chmod(os.path.join(folder, "upper"), stat.S_IMODE(status.st_mode))
    os.chown(os.path.join(folder, "upper"), status.st_uid, status.st_gid)
    mount.overlay(merged, [source], os.path.join(folder, "upper"), os.path.join(folder, "work"), [])
    result.cleanups.append(lambda: mount.umount(merged, mount.MNT_DETACH))
    return merged


_CACHE = frozenset(
    ("id", "source", "target", "from", "ro", "rw", "sharing", "mode", "uid", "gid", "z", "bind-propagation")
)


def _cache(
    result: Prepared,
    fields: dict[str, str],
    text: str,
    number: int,
    sources: MountSources,
    environment: BuildEnvironment,
) -> None:
    _check(fields, _CACHE, text)
    target = _target(fields, text)
    owner = _owner(fields, text, sources)
    mode = _octal(fields.get("mode") or "0755", text)
    sharing = fields.get("sharing") or "shared"
    if sharing not in ("shared", "private", "locked"):
        raise InvalidInput(f'unrecognized value "{sharing}" for field "sharing" in --mount={text}')
    if fields.get("from"):
        root = sources.stage_root(fields["from"])
        source = resolve.resolve_in_root(root, fields.get("source") or "/")
        source = _discarding_copy(result, source, number, sources)
    else:
        identity = fields.get("id") or target
        folder = cache_mounts.folder_of(environment, identity)
        if sharing == "private" and "ro" not in fields:
            folder, release = cache_mounts.private(folder)
            result.cleanups.append(release)
        elif sharing == "locked":
            result.cleanups.append(cache_mounts.lock(folder))
        if cache_mounts.make(folder, identity):
            os.chmod(folder, mode)
            os.chown(folder, *owner)
            if sources.fill_cache is not None:
                sources.fill_cache(identity, folder)
        if sources.note_cache is not None:
            sources.note_cache(identity, folder)
        source = folder
        if fields.get("source"):
            try:
                source = resolve.resolve_in_root(folder, fields["source"])
            except resolve.ResolveError as error:
                raise NotFound(
                    f"cache mounts: source {fields['source']}: {os.strerror(error.errno).lower()}"
                ) from error
    options = ["rbind", _propagation(fields), "ro" if "ro" in fields else "rw"]
    result.mounts.append({"type": "bind", "source": source, "destination": target, "options": options})


def _propagation(fields: dict[str, str]) -> str:
    """bind-propagation, one of the kernel's words. Raises InvalidInput."""
    word = fields.get("bind-propagation") or "rprivate"
    if word not in ("private", "rprivate", "slave", "rslave", "shared", "rshared"):
        raise InvalidInput(
            f'invalid mount option "bind-propagation={word}"',
            hint="private, slave or shared, or one of them after an r",
        )
    return word


def _tmpfs(
    result: Prepared,
    fields: dict[str, str],
    text: str,
    number: int,
    sources: MountSources,
    environment: BuildEnvironment,
) -> None:
    allowed = frozenset(
        ("target", "size", "tmpfs-size", "tmpfs-mode", "tmpcopyup", "ro", "rw", "nosuid", "nodev", "noexec")
    )
    _check(fields, allowed, text)
    options: list[str] = [flag for flag in ("ro", "rw", "nosuid", "nodev", "noexec") if flag in fields]
    size = fields.get("size") or fields.get("tmpfs-size")
    if size:
        options.append(f"size={parse_size(size)}")
    if fields.get("tmpfs-mode"):
        options.append(f"mode={_octal(fields['tmpfs-mode'], text):o}")
    if "tmpcopyup" in fields:
        options.append("tmpcopyup")
    result.mounts.append(
        {"type": "tmpfs", "source": "tmpfs", "destination": _target(fields, text), "options": options}
    )


def _secret(
    result: Prepared,
    fields: dict[str, str],
    text: str,
    number: int,
    sources: MountSources,
    environment: BuildEnvironment,
) -> None:
    _check(fields, frozenset(("id", "target", "required", "mode", "uid", "gid", "env")), text)
    owner = _owner(fields, text, sources)
    mode = _octal(fields.get("mode") or "0400", text)
    identity = fields.get("id") or os.path.basename(fields.get("target", ""))
    if not identity:
        raise InvalidInput(f"unable to resolve --mount={text}: secret id is missing", hint="expected id=NAME")
    required = "required" in fields and fields["required"] in ("", "true", "1")
    source = sources.secrets.get(identity)
    if source is None:
        if required:
            raise NotFound(
                f'secret required but no secret with id "{identity}" found',
                hint=f"pass --secret id={identity},src=FILE",
            )
        return
    data = _secret_bytes(identity, source, environment)
    if fields.get("env"):
        result.env[fields["env"]] = os.fsdecode(data)
        if "target" not in fields:
            return
    path = os.path.join(sources.scratch, f"secret-{number}")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    try:
        os.write(descriptor, data)
        os.fchown(descriptor, *owner)
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
    target = fields.get("target") or f"/run/secrets/{identity}"
    result.mounts.append(
        {"type": "bind", "source": path, "destination": target, "options": ["bind", "rprivate", "ro"]}
    )


def _secret_bytes(identity: str, source: tuple[str, str], environment: BuildEnvironment) -> bytes:
    kind, name = source
    if kind == "env":
        return os.fsencode(environment.environ.get(name, ""))
    try:
        with open(name, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise NotFound(f"secret {identity}: {name}: {(error.strerror or '').lower()}") from error


def _ssh(
    result: Prepared,
    fields: dict[str, str],
    text: str,
    number: int,
    sources: MountSources,
    environment: BuildEnvironment,
) -> None:
    _check(fields, frozenset(("id", "target", "required", "mode", "uid", "gid")), text)
    owner = _owner(fields, text, sources)
    mode = _octal(fields.get("mode") or "0600", text)
    identity = fields.get("id") or "default"
    socket = sources.ssh(identity)
    if not socket:
        if fields.get("required", "false") in ("", "true", "1"):
            raise NotFound(f'no ssh agent with id "{identity}" found', hint=f"pass --ssh {identity}=SOCKET")
        return
    from ocicore.build import ssh_relay

    path = os.path.join(sources.scratch, f"ssh-{number}")
    result.cleanups.append(ssh_relay.Relay(path, socket, owner=owner, mode=mode).close)
    target = fields.get("target") or f"/run/buildkit/ssh_agent.{number}"
    result.mounts.append(
        {"type": "bind", "source": path, "destination": target, "options": ["bind", "rprivate", "rw"]}
    )
    result.env.setdefault("SSH_AUTH_SOCK", target)


def parse_secrets(values: list[str], environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """--secret id=ID[,src=PATH | ,env=NAME | ,type=env]: an id alone names a variable, or else a file.

    Raises InvalidInput, NotFound.
    """
    result: dict[str, tuple[str, str]] = {}
    for text in values:
        fields = dict(part.partition("=")[::2] for part in text.split(","))
        identity = fields.get("id", "")
        if not identity or not fields.keys() <= {"id", "src", "source", "env", "type"}:
            raise InvalidInput(
                f"incorrect secret flag format: {text}",
                hint="expected id=NAME,src=FILE or id=NAME,env=VARIABLE",
            )
        source = fields.get("src") or fields.get("source") or ""
        kind = fields.get("type", "")
        if kind not in ("", "file", "env"):
            raise InvalidInput(f'invalid secret type "{kind}": expected file or env')
        if kind == "env" or fields.get("env") or (not source and kind == "" and identity in environ):
            result[identity] = ("env", fields.get("env") or source or identity)
            continue
        path = os.path.abspath(source or identity)
        if not source and not os.path.exists(path):
            raise NotFound(
                f"--secret {text}: neither a variable {identity} nor a file {path}",
                hint="say where it is with src=FILE or env=VARIABLE",
            )
        result[identity] = ("file", path)
    return result


def parse_ssh(values: list[str], environ: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """--ssh default | ID=SOCKET | ID=KEY[,KEY…]: what each id stands for, one socket or some keys.

    Raises:
        InvalidInput: no path, and no agent in the environment. NotFound: a path that is not there.
    """
    result: dict[str, tuple[str, ...]] = {}
    for text in values:
        identity, _, given = text.partition("=")
        paths = tuple(filter(None, given.split(","))) or tuple(
            filter(None, [environ.get("SSH_AUTH_SOCK", "")])
        )
        if not paths:
            raise InvalidInput(
                f"--ssh {text}: SSH_AUTH_SOCK is not set", hint="start ssh-agent, or name a socket or a key"
            )
        sockets = 0
        for path in paths:
            try:
                sockets += stat.S_ISSOCK(os.stat(path).st_mode)
            except OSError as error:
                raise NotFound(f"--ssh {text}: {path}: {(error.strerror or '').lower()}") from error
        if sockets and len(paths) > 1:
            raise InvalidInput(f"--ssh {text}: only one socket is allowed, and no keys beside it")
        result[identity or "default"] = tuple(os.path.abspath(path) for path in paths)
    return result


def parse_size(text: str) -> int:
    """ "64m" -> bytes. Raises InvalidInput."""
    lowered = text.strip().lower().removesuffix("b").removesuffix("i")
    factor = 1
    if lowered and lowered[-1] in _SIZES:
        factor = _SIZES[lowered[-1]]
        lowered = lowered[:-1]
    try:
        # Neither a sign nor what else Python takes for a number.
        if not lowered or not all(char in "0123456789." for char in lowered):
            raise ValueError(lowered)
        return int(float(lowered) * factor)
    except ValueError as error:
        raise InvalidInput(f'invalid size: "{text}"', hint="expected a number with k, m or g") from error


def _owner(fields: dict[str, str], text: str, sources: MountSources) -> tuple[int, int]:
    """uid and gid as the host has them. Raises InvalidInput."""
    numbers = []
    for name in ("uid", "gid"):
        value = fields.get(name) or "0"
        if not (value.isascii() and value.isdecimal()):
            raise InvalidInput(f'invalid {name} "{value}" in --mount={text}', hint="expected a number")
        numbers.append(int(value))
    return sources.host_ids(*numbers)


def _octal(text: str, where: str) -> int:
    try:
        return int(text, 8)
    except ValueError as error:
        raise InvalidInput(f'invalid mode "{text}" in --mount={where}') from error
