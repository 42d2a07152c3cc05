"""Options of the pod commands, and which pods a command means."""

from __future__ import annotations

from ocicore.cli.declare import Option
from ocicore.errors import Error, InvalidInput
from pypod.options.create import CREATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.engine.pod_table import Pod

LATEST = Option("latest", "l", help="Act on the latest pod pypod is aware of")
POD_ID_FILE = Option(
    "pod-id-file", kind="stringArray", help="Read the pod ID from the file", completer="file"
)
IGNORE = Option("ignore", "i", help="Ignore errors when a specified pod is missing")
TIME = Option(
    "time",
    "t",
    kind="int",
    default=10,
    also=("timeout",),
    help="Seconds to wait for a pod to stop before killing its containers",
)

#: Options of `create` that a pod passes on to its infra container, or turns into limits of its cgroup.
_SHARED_BY_CLONE = (
    "blkio-weight blkio-weight-device cgroup-parent cpu-shares cpus cpuset-cpus cpuset-mems device device-read-bps "
    "device-write-bps gidmap gpus hostname label label-file memory memory-swap pid restart security-opt shm-size "
    "shm-size-systemd subgidname subuidname sysctl uidmap userns uts volume volumes-from"
).split()
_NETWORK = (
    "add-host dns dns-option dns-search hosts-file ip ip6 mac-address network network-alias no-hostname no-hosts publish"
).split()


def _picked(names: list[str]) -> tuple[Option, ...]:
    known = {option.long: option for option in CREATE}
    return tuple(known[name] for name in names if name in known)


INFRA = (
    Option(
        "infra-command", kind="string", help="Overwrite the default ENTRYPOINT of the infra container's image"
    ),
    Option(
        "infra-conmon-pidfile",
        kind="path",
        metavar="string",
        help="Path to the file that will receive the PID of the infra container's conmon",
    ),
    Option("infra-name", kind="string", help="The name used as infra container name"),
    Option("name", "n", kind="string", help="Assign a name to the pod"),
)
CLONE = (*_picked(_SHARED_BY_CLONE), *INFRA)
CREATE_POD = (
    *CLONE,
    *_picked(_NETWORK),
    Option(
        "exit-policy",
        kind="string",
        default_text="continue",
        help='Behaviour when the last container exits ("continue"|"stop")',
        completer="=continue stop",
    ),
    Option(
        "infra",
        default=True,
        help="Create an infra container associated with the pod to share namespaces with",
    ),
    Option(
        "infra-image",
        kind="string",
        help="Image to use to override builtin infra container",
        completer="pypod.complete:images",
    ),
    Option("pod-id-file", kind="path", metavar="string", help="Write the pod ID to the file"),
    Option("replace", help="If a pod with the same name exists, replace it"),
    Option(
        "share",
        kind="string",
        default="ipc,net,uts",
        help="A comma delimited list of kernel namespaces the pod will share",
        completer="pypod.complete_options:shared_namespaces",
    ),
    Option(
        "share-parent",
        default=True,
        help="Set the pod's cgroup as the cgroup parent for all containers joining the pod",
    ),
)


def check(args: Args) -> None:
    """Raises InvalidInput for combinations that make no sense, in podman's words."""
    values = args.as_dict()
    every, latest = bool(values.get("all")), bool(values.get("latest"))
    files = bool(values.get("pod_id_file"))
    if every and latest:
        raise InvalidInput("--all and --latest cannot be used together")
    if args.pods and latest:
        raise InvalidInput("--latest and pods cannot be used together")
    if args.pods and every:
        raise InvalidInput("no arguments are needed with --all")
    if files and (every or latest):
        raise InvalidInput(f"--{'all' if every else 'latest'} and --pod-id-file cannot be used together")
    if args.pods and files:
        raise InvalidInput("no arguments are needed with --latest or --pod-id-file")
    if not all(args.pods):
        raise InvalidInput("name or ID cannot be empty")
    if not (args.pods or every or latest or files):
        raise InvalidInput("you must provide at least one name or id")


def chosen(engine: Engine, args: Args, *, ignore: bool = False) -> tuple[list[tuple[str, Pod]], list[Error]]:
    """((what was typed, pod) in order, errors of names that mean none): pods, or errors when there are any.

    Raises Error for an unreadable id file.
    """
    values = args.as_dict()
    table = engine.state.pods
    if values.get("all"):
        return [(pod.id, pod) for pod in table.all()], []
    if values.get("latest"):
        pod = table.latest()
        return [(pod.id, pod)], []
    found: list[tuple[str, Pod]] = []
    errors: list[Error] = []
    for name in [*_read_files(values.get("pod_id_file") or (), ignore=ignore), *args.pods]:
        try:
            found.append((name, table.find(name)))
        except Error as error:
            if not ignore:
                errors.append(error)
    return [] if errors else found, errors


def _read_files(paths: object, *, ignore: bool) -> list[str]:
    found = []
    for path in paths:  # type: ignore[attr-defined]
        try:
            with open(path) as file:
                found.append(file.readline().strip())
        except OSError as error:
            if ignore and isinstance(error, FileNotFoundError):
                continue
            raise Error(f"reading pod ID file: open {path}: {(error.strerror or '').lower()}") from error
    return found


def each(
    ctx: Context,
    engine: Engine,
    args: Args,
    action: Callable[[Pod], object],
    *,
    ignore: bool = False,
    missing_status: int | None = None,
    as_typed: bool = False,
) -> int:
    """Do something to each pod meant, print those it succeeded with, and every error; the exit status.

    Args:
        as_typed: print what was typed, as `start` and `stop` do, and not the id.
    """
    from pypod.options.select import report

    check(args)
    found, errors = chosen(engine, args, ignore=ignore)
    for error in errors:
        if missing_status is not None:
            error.exit_status = missing_status
    for typed, pod in found:
        try:
            action(pod)
        except Error as error:
            errors.append(error)
            continue
        ctx.print(typed if as_typed else pod.id)
    return report(ctx, errors)
