"""Service units of containers and pods: the text of `podman generate systemd`, in our names.

Pure: facts in, text out. The layout (one option a line, two blanks in `stop  \\`) is podman 4.3's to the byte, because
people compare and patch these files; quoting is stricter: every word reaches the program as it was.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TypedDict

from ocicore.errors import InvalidInput, Unsupported
from ocicore.systemd import create_command
from ocicore.systemd.quoting import join, quote, quote_value


class ContainerFacts(TypedDict):
    """What the unit of a container depends on.

    Keys:
        id, name; create_command: words of its command line, None when unknown.
        conmon_pid_file: absolute path; stop_timeout: seconds.
        restart_policy: of the engine ("" or "no" when none); env: "KEY=VALUE" of its process.
        run_root: volatile directory of the store; depends_on: ids of containers it needs.
        is_init: it is an init container of a pod.
    """

    id: str
    name: str
    create_command: list[str] | None
    conmon_pid_file: str
    stop_timeout: int
    restart_policy: str
    env: list[str]
    run_root: str
    depends_on: list[str]
    is_init: bool


class PodFacts(TypedDict):
    """id, name, create_command of the pod; its infra container (None: it has none); the others."""

    id: str
    name: str
    create_command: list[str] | None
    infra: ContainerFacts | None
    containers: list[ContainerFacts]


#: What systemd.service(5) allows for Restart=.
RESTART_POLICIES = (
    "no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always",
)  # fmt: skip
#: Seconds that systemd grants beyond the container's own stop timeout.
_STOP_MARGIN = 60
#: The variable by which the engine learns the unit's name; podman's, since auto-update of both looks at the label
#: that is made of it.
_UNIT_VARIABLE = "PODMAN_SYSTEMD_UNIT"


@dataclass(frozen=True)
class Names:
    """How the engine calls itself in units.

    Attributes:
        command: words that start it, the first an absolute path.
        global_words: global options (such as --root) for units that start an existing container; those that
            make one repeat the options it was made with.
    """

    command: tuple[str, ...]
    version: str
    global_words: tuple[str, ...] = ()
    title: str = "Pypod"
    manual: str = "pypod-generate-systemd(1)"


@dataclass(frozen=True)
class Options:
    """The options of `generate systemd`; None and () leave a setting to its default."""

    new: bool = False
    use_name: bool = False
    template: bool = False
    no_header: bool = False
    restart_policy: str | None = None
    restart_sec: int | None = None
    start_timeout: int | None = None
    stop_timeout: int | None = None
    container_prefix: str = "container"
    pod_prefix: str = "pod"
    separator: str = "-"
    wants: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    env: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unit:
    """A generated unit.

    Attributes:
        name: without ".service" (and without "@").
        text: the file.
        notes: warnings for the user.
    """

    name: str
    text: str
    notes: tuple[str, ...] = ()

    @property
    def file_name(self) -> str:
        """A template's has no "@" either: podman's has none, and whoever installs it chooses the name anyway."""
        return f"{self.name}.service"


@dataclass
class _Service:
    """The parts of a unit that differ between containers and pods."""

    name: str
    run_root: str
    dependencies: list[str] = field(default_factory=list)
    environment: list[str] = field(default_factory=list)
    restart: str = "on-failure"
    start_limit_burst: str = ""
    stop_timeout: int = 10
    commands: list[tuple[str, str]] = field(default_factory=list)
    ending: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def container_unit(
    facts: ContainerFacts, options: Options, names: Names, *, now: float | None = None
) -> Unit:
    """The unit of one container.

    Args:
        now: time of the header; None is the present.

    Raises:
        InvalidInput: the options do not fit, or the container's command line cannot be repeated.
        Unsupported: an init container.
    """
    return _container(facts, options, names, now, pod=None, bound_to=[])


def pod_units(pod: PodFacts, options: Options, names: Names, *, now: float | None = None) -> list[Unit]:
    """The unit of a pod (its infra container), then those of its containers by name.

    Raises:
        InvalidInput, Unsupported
    """
    if options.template:
        raise Unsupported("--template is not supported for pods")
    infra = pod["infra"]
    if infra is None:
        raise Unsupported(f'generating systemd unit files: Pod "{pod["name"]}" has no infra container')
    name = _service_name(pod["name"] if options.use_name else pod["id"], options.pod_prefix, options)
    by_id = {facts["id"]: _container_name(facts, options) for facts in pod["containers"]}
    units = []
    for facts in pod["containers"]:
        bound_to = [name if other == infra["id"] else by_id[other] for other in facts["depends_on"]]
        units.append(_container(facts, options, names, now, pod=name, bound_to=sorted(bound_to or [name])))
    required = sorted(by_id.values())
    return [_pod(pod, infra, name, required, options, names, now), *sorted(units, key=lambda unit: unit.name)]


def _container(
    facts: ContainerFacts,
    options: Options,
    names: Names,
    now: float | None,
    *,
    pod: str | None,
    bound_to: list[str],
) -> Unit:
    if facts["is_init"]:
        raise Unsupported(
            f"unsupported container {facts['id']}: cannot generate systemd units for init containers"
        )
    _check(options)
    service = _Service(_container_name(facts, options), facts["run_root"])
    service.stop_timeout = facts["stop_timeout"] if options.stop_timeout is None else options.stop_timeout
    if bound_to:
        services = " ".join(f"{other}.service" for other in bound_to)
        service.dependencies += [f"BindsTo={services}", f"After={services}"]
    if options.new:
        _create_anew(service, facts, options, names, pod)
    else:
        policy = facts["restart_policy"]
        if policy not in ("", "no"):
            service.notes.append(
                f'Container {facts["id"]} has restart policy "{policy}" which can lead to issues on shutdown: consider '
                "recreating the container without a restart policy and use systemd's restart mechanism instead"
            )
        if not facts["conmon_pid_file"]:
            raise InvalidInput(
                "conmon PID file path is empty, try to recreate the container with --conmon-pidfile flag"
            )
        target = facts["name"] if options.use_name else facts["id"]
        _start_existing(service, target, facts["conmon_pid_file"], names)
    return _unit(service, options, names, now, template=options.template)


def _start_existing(service: _Service, target: str, pid_file: str, names: Names) -> None:
    program = join([*names.command, *names.global_words])
    stop = f"{program} stop  \\\n\t-t {service.stop_timeout} {target}"
    service.commands = [
        ("ExecStart", f"{program} start {target}"),
        ("ExecStop", stop),
        ("ExecStopPost", stop),
        ("PIDFile", quote(pid_file, variables=False)),
    ]
    service.ending = ["Type=forking"]


def _create_anew(
    service: _Service, facts: ContainerFacts, options: Options, names: Names, pod: str | None
) -> None:
    """A unit that makes a new container at every start."""
    if facts["create_command"] is None:
        raise InvalidInput(
            f'cannot use --new on container "{facts["id"]}": no create command found',
            hint="it only works on containers made on a command line",
        )
    made = create_command.parse(facts["create_command"])
    service.run_root = "%t/containers"
    dropped = ["rm", "cgroups", "cidfile", "restart"]
    ours = ["--cidfile=%t/%n.ctr-id", "--cgroups=no-conmon", "--rm"]
    if pod is not None:
        ours += ["--pod-id-file", f"%t/{pod}.pod-id"]
        dropped += ["pod", "pod-id-file", "infra-conmon-pidfile"]
    if made.text("sdnotify") in (None, "ignore"):
        ours.append("--sdnotify=conmon")
        dropped.append("sdnotify")
    if not made.is_set("detach"):
        ours.append("-d")
        dropped.append("detach")
    if made.given("name") and not made.is_set("replace"):
        # A unit must be able to start after a crash that left the old container.
        ours.append("--replace")
        dropped.append("replace")
    restart = made.text("restart")
    if restart:
        policy, _, burst = restart.partition(":")
        if policy == "on-failure" and burst:
            service.start_limit_burst = burst
        service.restart = "always" if policy == "unless-stopped" else policy
    inherited = [name for name in made.texts("env") if "=" not in name]
    values = [pair for name in inherited for pair in facts["env"] if pair.partition("=")[0] == name]
    if values:
        service.environment.append(" ".join(quote_value(pair) for pair in values))
    words = made.without(*dropped)
    if options.template:
        words = _instance_name(words, made, service.name)
    else:
        words = [quote(word) for word in words]
    program = [quote(word) for word in (*names.command, *made.global_words)]
    start = [*program, "run", *ours, *words, *(quote(word) for word in made.rest)]
    cid_file = "--cidfile=%t/%n.ctr-id"
    timeout = f"-t {service.stop_timeout}"
    stop = [*program, "stop", "--ignore " + timeout, cid_file]
    remove = [*program, "rm", "-f", "--ignore " + timeout, cid_file]
    service.commands = [
        ("ExecStart", _lines(start)),
        ("ExecStop", _lines(stop)),
        ("ExecStopPost", _lines(remove)),
    ]
    service.ending = ["Type=notify", "NotifyAccess=all"]


def _instance_name(words: list[str], made: create_command.CreateCommand, service_name: str) -> list[str]:
    """Quoted options whose --name ends with the instance, which is added where there is none."""
    quoted = [quote(word) for word in words]
    for index, word in enumerate(words):
        at = index + 1 if word == "--name" else index if word.startswith("--name=") else -1
        if 0 <= at < len(words) and made.given("name"):
            ending = "-%i"
            text = quoted[at]
            quoted[at] = text[:-1] + ending + '"' if text.endswith('"') else text + ending
            return quoted
    return [f"--name={quote(service_name)}-%i", *quoted]


def _pod(
    pod: PodFacts,
    infra: ContainerFacts,
    name: str,
    required: list[str],
    options: Options,
    names: Names,
    now: float | None,
) -> Unit:
    _check(options)
    service = _Service(name, infra["run_root"])
    service.stop_timeout = infra["stop_timeout"] if options.stop_timeout is None else options.stop_timeout
    services = " ".join(f"{other}.service" for other in required)
    service.dependencies = [f"Wants={services}", f"Before={services}"]
    if not options.new:
        target = infra["name"] if options.use_name else infra["id"]
        _start_existing(service, target, infra["conmon_pid_file"], names)
        return _unit(service, options, names, now, is_pod=True)
    if not pod["create_command"]:
        raise InvalidInput(f'cannot use --new on pod "{pod["id"]}": no create command found')
    made = create_command.parse_pod(pod["create_command"])
    id_file, pid_file = f"%t/{name}.pod-id", f"%t/{name}.pid"
    dropped = ["pod", "pod-id-file", "infra-conmon-pidfile"]
    more = []
    if made.given("name") and not made.is_set("replace"):
        dropped.append("replace")
        more.append("--replace")
    program = [quote(word) for word in (*names.command, *made.global_words)]
    start = [*program, "pod", "create", "--infra-conmon-pidfile", pid_file, "--pod-id-file", id_file]
    if not made.given("exit-policy"):
        start.append("--exit-policy=stop")
    start += [quote(word) for word in (*made.without(*dropped), *more, *made.rest)]
    verbs = [*program, "pod"]
    service.commands = [
        ("ExecStartPre", _lines(start)),
        ("ExecStart", _lines([*verbs, "start", "--pod-id-file", id_file])),
        (
            "ExecStop",
            _lines([*verbs, "stop", "--ignore", "--pod-id-file", id_file, "", f"-t {service.stop_timeout}"]),
        ),
        ("ExecStopPost", _lines([*verbs, "rm", "--ignore", "-f", "--pod-id-file", id_file])),
        ("PIDFile", pid_file),
    ]
    service.ending = ["Type=forking"]
    return _unit(service, options, names, now, is_pod=True)


def _unit(
    service: _Service,
    options: Options,
    names: Names,
    now: float | None,
    *,
    template: bool = False,
    is_pod: bool = False,
) -> Unit:
    """The text of a unit."""
    name = service.name
    lines = [f"# {name}{'@' if template else ''}.service"]
    if not options.no_header:
        moment = time.localtime(now)
        date = (
            time.strftime("%a %b ", moment)
            + f"{moment.tm_mday:2d}"
            + time.strftime(" %H:%M:%S %Z %Y", moment)
        )
        lines += [f"# autogenerated by {names.title} {names.version}", f"# {date}"]
    lines += [
        "",
        "[Unit]",
        f"Description={names.title} {_plain(name)}.service{' for %I' if template else ''}",
        f"Documentation=man:{names.manual}",
        "Wants=network-online.target",
        "After=network-online.target",
        f"RequiresMountsFor={service.run_root}",
        *service.dependencies,
    ]
    if options.wants or options.after or options.requires:
        lines += ["", "# User-defined dependencies"]
        given = (("Wants", options.wants), ("After", options.after), ("Requires", options.requires))
        lines += [f"{key}={' '.join(values)}" for key, values in given if values]
    lines += ["", "[Service]", f"Environment={_UNIT_VARIABLE}=%n{'-%i' if template else ''}"]
    lines += [f"Environment={values}" for values in service.environment]
    if not is_pod:
        lines += [f"Environment={quote_value(pair)}" for pair in options.env]
    lines.append(f"Restart={options.restart_policy or service.restart}")
    if options.restart_sec:
        lines.append(f"RestartSec={options.restart_sec}")
    if service.start_limit_burst and options.restart_policy is None:
        lines.append(f"StartLimitBurst={service.start_limit_burst}")
    if options.start_timeout and not is_pod:
        lines.append(f"TimeoutStartSec={options.start_timeout}")
    lines.append(f"TimeoutStopSec={_STOP_MARGIN + service.stop_timeout}")
    lines += [f"{key}={command}" for key, command in service.commands]
    lines += [*service.ending, "", "[Install]", "WantedBy=default.target"]
    return Unit(name, "\n".join(lines) + "\n", tuple(service.notes))


def _lines(words: list[str]) -> str:
    """A command with every option on a line of its own."""
    text = words[0]
    for word in words[1:]:
        text += (" \\\n\t" if word.startswith("-") else " ") + word
    return text


def _check(options: Options) -> None:
    if options.restart_policy is not None and options.restart_policy not in RESTART_POLICIES:
        raise InvalidInput(f"{options.restart_policy} is not a valid restart policy")
    for pair in options.env:
        if "=" not in pair or pair.startswith("="):
            raise InvalidInput(f'invalid environment variable "{pair}": KEY=VALUE is expected')
    for name in (*options.wants, *options.after, *options.requires):
        if any(letter in " \t\n\"'\\" for letter in name):
            raise InvalidInput(f'invalid unit name "{name}"')
    for part in (options.container_prefix, options.pod_prefix, options.separator):
        if any(not (letter.isascii() and (letter.isalnum() or letter in ":-_.\\")) for letter in part):
            raise InvalidInput(f'"{part}" cannot be part of a unit name')


def _container_name(facts: ContainerFacts, options: Options) -> str:
    return _service_name(
        facts["name"] if options.use_name else facts["id"], options.container_prefix, options
    )


def _service_name(name: str, prefix: str, options: Options) -> str:
    return f"{prefix}{options.separator}{name}" if prefix else name


def _plain(text: str) -> str:
    """Text of a description, where "%" would be a specifier."""
    return text.replace("%", "%%")
