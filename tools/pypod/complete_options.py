"""What completes values of options: filters, namespaces, networks, users, signals, fields of --format …"""

from __future__ import annotations

from pypod import complete

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ocicore.cli.context import Context

    #: What may follow a key: called as `(incomplete, ctx)`.
    Values = Callable[[str, Context], Iterable[str]]

_STATUSES = ("created", "running", "paused", "stopped", "exited", "unknown")


def modules(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Modules of containers.conf in the folders where --module looks; files where a path is typed."""
    import os

    from ocicore.config import containers_conf, paths

    yield ":file"
    if incomplete.startswith(("/", ".")):
        return
    for directory in containers_conf.module_directories(paths.user_paths(ctx.environ)):
        for folder, inner, names in os.walk(directory):
            inner.sort()
            for name in sorted(names):
                yield os.path.relpath(os.path.join(folder, name), directory)


def _after_key(incomplete: str, ctx: Context, table: dict[str, Values | None]) -> Iterator[str]:
    """Keys, each with what ends it ("name=", "container:"), or the values of the key that is typed already."""
    for key, values in table.items():
        if incomplete.startswith(key) and key[-1] in "=:":
            for value in values(incomplete[len(key) :], ctx) if values is not None else ():
                yield value if value.startswith(":") else key + value
            return
    for key in table:
        yield key
        if key[-1] in "=:" and key.startswith(incomplete):
            yield ":nospace"


def _one_of(*words: str) -> Values:
    return lambda incomplete, ctx: words


def _files(incomplete: str, ctx: Context) -> Iterable[str]:
    return (":file",)


def _images(incomplete: str, ctx: Context) -> Iterable[str]:
    return complete.images(incomplete, [], ctx)


def _volumes(incomplete: str, ctx: Context) -> Iterable[str]:
    return complete.volumes(incomplete, [], ctx)


def _container_ids(incomplete: str, ctx: Context) -> Iterable[str]:
    return complete.of_status(incomplete, ctx, names=False, ids=True)


def _container_names(incomplete: str, ctx: Context) -> Iterable[str]:
    return complete.of_status(incomplete, ctx, ids=False)


def _pod_ids(incomplete: str, ctx: Context) -> Iterable[str]:
    return complete.all_pods(incomplete, ctx, names=False, ids=True)


def _pod_names(incomplete: str, ctx: Context) -> Iterable[str]:
    return complete.all_pods(incomplete, ctx, ids=False)


def _network_ids(incomplete: str, ctx: Context) -> Iterable[str]:
    return complete.all_networks(incomplete, ctx, names=False, ids=True)


def _network_names(incomplete: str, ctx: Context) -> Iterable[str]:
    return complete.all_networks(incomplete, ctx, ids=False)


def _secret_ids(incomplete: str, ctx: Context) -> Iterable[str]:
    return complete.all_secrets(incomplete, ctx, names=False, ids=True)


def _secret_names(incomplete: str, ctx: Context) -> Iterable[str]:
    return complete.all_secrets(incomplete, ctx, ids=False)


_BOOLEAN = _one_of("true", "false")


def container_filter(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--filter of commands that choose containers."""
    return _after_key(
        incomplete,
        ctx,
        {
            "ancestor=": _images,
            "before=": complete.of_status,
            "exited=": None,
            "health=": _one_of("healthy", "unhealthy", "starting", "none"),
            "id=": _container_ids,
            "label=": None,
            "name=": _container_names,
            "network=": complete.all_networks,
            "pod=": complete.all_pods,
            "since=": complete.of_status,
            "status=": _one_of(*_STATUSES),
            "until=": None,
            "volume=": _volumes,
        },
    )


def pod_filter(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--filter of `pod ps`."""
    return _after_key(
        incomplete,
        ctx,
        {
            "ctr-ids=": _container_ids,
            "ctr-names=": _container_names,
            "ctr-number=": None,
            "ctr-status=": _one_of(*_STATUSES),
            "id=": _pod_ids,
            "label=": None,
            "name=": _pod_names,
            "network=": complete.all_networks,
            "status=": _one_of("stopped", "running", "paused", "exited", "dead", "created", "degraded"),
            "until=": None,
        },
    )


def image_filter(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--filter of `images`."""
    return _after_key(
        incomplete,
        ctx,
        {
            "after=": _images,
            "before=": _images,
            "containers=": _BOOLEAN,
            "dangling=": _BOOLEAN,
            "digest=": None,
            "id=": _images,
            "intermediate=": _BOOLEAN,
            "label=": None,
            "manifest=": _BOOLEAN,
            "readonly=": _BOOLEAN,
            "reference=": _images,
            "since=": _images,
            "until=": None,
        },
    )


def network_filter(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--filter of `network ls`."""
    return _after_key(
        incomplete,
        ctx,
        {
            "dangling=": _BOOLEAN,
            "driver=": _one_of("bridge", "macvlan", "ipvlan"),
            "id=": _network_ids,
            "label=": None,
            "name=": _network_names,
            "until=": None,
        },
    )


def volume_filter(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--filter of `volume ls`."""
    return _after_key(
        incomplete,
        ctx,
        {
            "after=": _volumes,
            "anonymous=": _BOOLEAN,
            "dangling=": _BOOLEAN,
            "driver=": _one_of("local"),
            "label=": None,
            "name=": _volumes,
            "opt=": None,
            "scope=": _one_of("local"),
            "since=": _volumes,
            "until=": None,
        },
    )


def secret_filter(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--filter of `secret ls`."""
    return _after_key(incomplete, ctx, {"id=": _secret_ids, "name=": _secret_names})


def event_filter(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--filter of `events`."""
    statuses = "attach checkpoint commit create died exec health_status init kill mount pause prune pull push remove rename"
    return _after_key(
        incomplete,
        ctx,
        {
            "container=": complete.of_status,
            "event=": _one_of(
                *f"{statuses} restart restore save start stop tag unmount unpause untag update".split()
            ),
            "image=": _images,
            "label=": None,
            "pod=": complete.all_pods,
            "type=": _one_of("container", "image", "network", "pod", "secret", "system", "volume"),
            "volume=": _volumes,
        },
    )


_NAMESPACES: dict[str, Values | None] = {
    "host": None,
    "private": None,
    "container:": complete.of_status,
    "ns:": _files,
}


def namespace(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--pid, --ipc, --uts, --cgroupns."""
    return _after_key(incomplete, ctx, _NAMESPACES)


def ipc_namespace(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--ipc."""
    return _after_key(incomplete, ctx, {**_NAMESPACES, "none": None, "shareable": None})


def user_namespace(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--userns."""
    return _after_key(incomplete, ctx, {**_NAMESPACES, "auto": None, "keep-id": None, "nomap": None})


def shared_namespaces(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--share of pods: more after a comma."""
    lead, comma, _ = incomplete.rpartition(",")
    for name in ("ipc", "net", "pid", "user", "uts", "cgroup", "none"):
        yield f"{lead}{comma}{name}"


def network(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--network: a mode, or networks."""
    modes = {
        "bridge": None,
        "none": None,
        **_NAMESPACES,
        "pasta": None,
        "pasta:": None,
        "slirp4netns": None,
        "slirp4netns:": None,
    }
    yield from _after_key(incomplete, ctx, modes)
    if ":" not in incomplete:
        yield from complete.all_networks(incomplete, ctx)


def build_namespace(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Namespaces of `build`: a word, or the path of one."""
    yield from ("host", "private", "container")
    yield from _after_key(incomplete, ctx, {"ns:": _files})
    yield ":file"


def security(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--security-opt."""
    return _after_key(
        incomplete,
        ctx,
        {
            "apparmor=": None,
            "label=": _labels,
            "mask=": None,
            "no-new-privileges": None,
            "proc-opts=": None,
            "seccomp=": _files,
            "unmask=": None,
        },
    )


def _labels(incomplete: str, ctx: Context) -> Iterator[str]:
    yield "disable"
    for key in ("user:", "role:", "type:", "level:", "filetype:"):
        yield key
        if key.startswith(incomplete):
            yield ":nospace"


def log_option(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--log-opt."""
    return _after_key(incomplete, ctx, {"path=": _files, "tag=": None, "max-size=": None})


def volume(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--volume: the name of one, or a path of the host."""
    yield ":file"
    yield ":nospace"
    if incomplete.startswith(("/", ".")) or ":" in incomplete:
        return
    for name in complete.volumes(incomplete, words, ctx):
        yield f"{name}:"


def user(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--user: "name:", then "name:group"."""
    import grp
    import pwd

    name, colon, _ = incomplete.partition(":")
    if colon:
        yield from (f"{name}:{group.gr_name}" for group in grp.getgrall())
        return
    for account in pwd.getpwall():
        yield f"{account.pw_name}:"
    yield ":nospace"


def signals(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """Names of signals, the way the typed one begins: with or without SIG, in small letters or large ones."""
    import signal

    names = [name.removeprefix("SIG") for name in signal.Signals.__members__]
    first, last = int(signal.SIGRTMIN), int(signal.SIGRTMAX)
    names += [f"RTMIN+{number}" for number in range(1, (last - first) // 2 + 1)]
    names += [f"RTMAX-{number}" for number in range(1, (last - first) // 2)]
    if incomplete.upper().startswith("S") and "SIG".startswith(incomplete.upper()[:3]):
        names += [f"SIG{name}" for name in names]
    for name in names:
        yield name.lower() if incomplete.islower() else name


def detach_keys(incomplete: str, words: list[str], ctx: Context) -> Iterator[str]:
    """--detach-keys: more keys after a comma."""
    lead, comma, _ = incomplete.rpartition(",")
    yield f"{lead}{comma}ctrl-"
    yield ":nospace"
