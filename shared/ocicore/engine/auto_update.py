"""Containers whose images have an update: fetch it, restart their units, and go back when a unit does not come up.

Which containers take part says the label io.containers.autoupdate; which unit is restarted, the label that systemd's
unit leaves on a container at its creation (a pod's containers: the label of its infra container).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ocicore.errors import Error, InvalidInput, MissingProgram

if TYPE_CHECKING:
    from collections.abc import Callable

    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container
    from ocicore.image.local import LocalImage
    from ocicore.image.progress import Progress
    from ocicore.image.types import SystemContext

POLICY_LABEL = "io.containers.autoupdate"
AUTHFILE_LABEL = "io.containers.autoupdate.authfile"
UNIT_LABEL = "PODMAN_SYSTEMD_UNIT"

#: What the label may say -> what is done; "" nothing.
_POLICIES = {"": "", "disabled": "", "image": "registry", "registry": "registry", "local": "local"}

FAILED = "failed"
UPDATED = "true"
NOT_UPDATED = "false"
PENDING = "pending"
ROLLED_BACK = "rolled back"


@dataclass(frozen=True)
class Options:
    """
    Attributes:
        dry_run: only tell what would be updated.
        rollback: go back to the old image when a unit does not come up with the new one.
        context: makes the settings for registries; its argument is the container's own auth file, or "".
    """

    dry_run: bool
    rollback: bool
    context: Callable[[str], SystemContext]


@dataclass
class Task:
    """One container of a unit.

    Attributes:
        policy: "registry" or "local".
        image: what the container runs.
        image_name: what it was made from, as typed.
        status: one of the words above.
    """

    container: Container
    unit: str
    policy: str
    image: LocalImage
    image_name: str
    authfile: str
    status: str = FAILED


@dataclass
class _Run:
    engine: Engine
    options: Options
    progress: Progress
    #: Names whose newer image is here by now.
    pulled: set[str] = field(default_factory=set)


def read_policy(text: str) -> str:
    """The policy a label stands for: "registry", "local" or "" (none).

    Raises:
        InvalidInput
    """
    if text not in _POLICIES:
        known = " ".join(f'"{name}"' for name in sorted(_POLICIES) if name)
        raise InvalidInput(f'invalid auto-update policy "{text}": valid policies are [{known}]')
    return _POLICIES[text]


def check_name(policy: str, image_name: str) -> None:
    """An image that is to be looked for at a registry must be named with it.

    Raises:
        InvalidInput
    """
    if _POLICIES.get(policy) != "registry":
        return
    from ocicore.image import transport

    name = image_name
    if transport.has_transport(name):
        kind, _, name = name.partition(":")
        if kind != "docker":
            raise InvalidInput(
                f'auto updates require the docker image transport but image is of transport "{kind}"'
            )
        name = name.removeprefix("//")
    domain, slash, _ = name.partition("/")
    if not slash or not ("." in domain or ":" in domain or domain == "localhost"):
        raise InvalidInput(f'short name: auto updates require fully-qualified image reference: "{name}"')


def run(engine: Engine, options: Options, progress: Progress) -> tuple[list[Task], list[Error]]:
    """Updates what can be updated. What is wrong with one container keeps no other from its update.

    Returns:
        What became of each container, and everything that went wrong.
    """
    from ocicore.engine import events

    tasks, errors = find(engine)
    if not tasks:
        return [], errors
    events.write(engine, "system", "auto-update")
    state = _Run(engine, options, progress)
    for unit in dict.fromkeys(task.unit for task in tasks):
        errors += _update(state, unit, [task for task in tasks if task.unit == unit])
    return tasks, errors


def find(engine: Engine) -> tuple[list[Task], list[Error]]:
    """The running containers with a policy, and what is wrong with some."""
    from ocicore.engine import listing, records
    from ocicore.errors import NotFound

    tasks: list[Task] = []
    errors: list[Error] = []
    for container in engine.state.containers.all():
        if POLICY_LABEL not in container.labels:
            continue
        try:
            listing.refresh(engine, container)
        except NotFound:
            continue  # removed meanwhile
        if container.status != records.RUNNING:
            continue
        try:
            policy = read_policy(container.labels[POLICY_LABEL])
            if policy:
                tasks.append(_task(engine, container, policy))
        except Error as error:
            errors.append(error)
    return tasks, errors


def _task(engine: Engine, container: Container, policy: str) -> Task:
    unit = _unit_of(engine, container)
    if not unit:
        raise Error(f'auto-updating container "{container.id}": no {UNIT_LABEL} label found')
    image = engine.images.by_id(container.image_id)
    if image is None:
        raise Error(f'auto-updating container "{container.id}": its image {container.image_id} is gone')
    name = container.config["image"]["name"]
    if not name:
        raise Error(f'locally auto-updating container "{container.id}": raw-image name is empty')
    return Task(container, unit, policy, image, name, container.labels.get(AUTHFILE_LABEL, ""))


def _unit_of(engine: Engine, container: Container) -> str:
    """The unit that is restarted for a container: its pod's, when it is in one."""
    if container.pod_id:
        pod = engine.state.pods.get(container.pod_id)
        infra = engine.state.containers.get(pod.infra_id) if pod is not None and pod.infra_id else None
        return infra.labels.get(UNIT_LABEL, "") if infra is not None else ""
    return container.labels.get(UNIT_LABEL, "")


def _update(state: _Run, unit: str, tasks: list[Task]) -> list[Error]:
    errors: list[Error] = []
    changed = False
    for task in tasks:
        doing = "checking image updates"
        try:
            if not _available(state, task):
                task.status = NOT_UPDATED
            elif state.options.dry_run:
                task.status = PENDING
            else:
                doing = "updating image"
                _fetch(state, task)
                changed = True
        except Error as error:
            errors.append(
                Error(f"{doing} for container {task.container.id}: {error.message}", hint=error.hint)
            )
    if not changed:
        return errors
    try:
        restart(state.engine, unit)
    except Error as error:
        _set(tasks, FAILED)
        if not state.options.rollback:
            errors.append(Error(f"restarting unit {unit} during update: {error.message}", hint=error.hint))
            return errors
    else:
        _set(tasks, UPDATED)
        return errors
    for task in tasks:
        try:
            state.engine.images.tag(task.image, task.image_name)
        except Error as error:
            errors.append(
                Error(f"rolling back image for container {task.container.id} in unit {unit}: {error.message}")
            )
        state.pulled.discard(task.image_name)
    try:
        restart(state.engine, unit)
    except Error as error:
        errors.append(Error(f"restarting unit {unit} during rollback: {error.message}", hint=error.hint))
    else:
        _set(tasks, ROLLED_BACK)
    return errors


def _set(tasks: list[Task], status: str) -> None:
    for task in tasks:
        task.status = status


def _available(state: _Run, task: Task) -> bool:
    if task.policy == "local":
        return state.engine.images.find(task.image_name).id != task.image.id
    if task.image_name in state.pulled:
        return True
    from ocicore.image import transport
    from ocicore.image.docker import DockerReference
    from ocicore.image.pull import differs

    name = task.image_name.removeprefix("docker://")
    reference = transport.parse(f"docker://{name}")
    assert isinstance(reference, DockerReference)
    return differs(reference, task.image, state.options.context(task.authfile))


def _fetch(state: _Run, task: Task) -> None:
    if task.policy == "local" or task.image_name in state.pulled:
        return
    from ocicore.engine import events
    from ocicore.image import pull

    images = pull.pull(
        state.engine.images,
        task.image_name,
        policy="always",
        context=state.options.context(task.authfile),
        progress=state.progress,
    )
    for image in images:
        events.write(state.engine, "image", "pull", ID=image.id, Name=task.image_name)
    state.pulled.add(task.image_name)


def restart(engine: Engine, unit: str) -> None:
    """Restarts a unit and waits until it is up.

    Raises:
        Error: it did not come up; systemd's journal knows why.
        MissingProgram: there is no systemctl.
    """
    from ocicore.linux import spawn

    environ = engine.environ
    systemctl = spawn.find("systemctl", environ.get("PATH", "/usr/bin:/bin").split(":"))
    if not systemctl:
        raise MissingProgram(f"restarting {unit}: cannot find the program systemctl", hint="install systemd")
    scope = ["--user"] if engine.rootless else ["--system"]
    given = {name: value for name, value in environ.items() if not name.startswith("LISTEN_")}
    given.setdefault("XDG_RUNTIME_DIR", engine.user.runtime_dir)
    given.pop("NOTIFY_SOCKET", None)
    done = spawn.capture([systemctl, *scope, "--no-ask-password", "restart", "--", unit], given)
    if done.status != 0:
        raise Error(
            f'error restarting systemd unit "{unit}" expected "done" but received "failed"',
            hint=f"journalctl {'--user ' if engine.rootless else ''}-u {unit} tells why",
        )
