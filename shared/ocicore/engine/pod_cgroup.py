"""The control group of a pod: parent of its containers' groups, and where the pod's limits hold."""

from __future__ import annotations

from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.context import Engine
    from ocicore.engine.pod_table import Pod

_CGROUPFS_PARENT = "/libpod_parent"


def parent(engine: Engine, asked: str) -> str:
    """The group that the pod's group is in: what was asked for, else podman's default. Raises InvalidInput."""
    if asked:
        if asked.endswith(".slice") != (engine.cgroup_manager == "systemd"):
            raise InvalidInput(
                f'systemd slice received as cgroup parent when using cgroupfs: "{asked}"'
                if asked.endswith(".slice")
                else f'did not receive systemd slice as cgroup parent when using systemd to manage cgroups: "{asked}"'
            )
        return asked
    if engine.cgroup_manager == "systemd":
        return "user.slice" if engine.rootless else "machine.slice"
    return _CGROUPFS_PARENT


def place(engine: Engine, pod_id: str, parent_group: str) -> str:
    """What the pod's containers are given as their parent: a path, or with systemd a slice."""
    if engine.cgroup_manager == "systemd":
        stem = parent_group.rpartition("/")[2].removesuffix(".slice")
        return f"{stem}-libpod_pod_{pod_id}.slice"
    return f"{parent_group.rstrip('/')}/{pod_id}"


def path(engine: Engine, pod: Pod) -> str:
    """Where the group is below the cgroup root, "" when the pod has none."""
    group: str = pod.config["cgroup"]
    if not group or not group.endswith(".slice"):
        return group
    above = f"/{pod.config['cgroup_parent'].strip('/')}" if pod.config["cgroup_parent"] else ""
    if engine.rootless and above == "/user.slice":
        uid = engine.user.uid
        return f"/user.slice/user-{uid}.slice/user@{uid}.service/user.slice/{group}"
    return f"{above}/{group}"


def prepare(engine: Engine, pod: Pod) -> None:
    """Make the group and put the pod's limits there, before its first container starts. Raises Error."""
    limits = pod.config["resources"]
    group = pod.config["cgroup"]
    if not group or (engine.rootless and not limits):
        return
    if group.endswith(".slice"):
        _limit_slice(engine, group, limits)
        return
    from ocicore.linux import cgroups

    try:
        cgroups.create(group)
    except cgroups.CgroupError:
        if engine.rootless and not limits:
            return
        raise
    from ocicore.engine import pod_limits

    pod_limits.write(group, limits, warn=engine.warn)


def _limit_slice(engine: Engine, name: str, limits: dict[str, Any]) -> None:
    """systemd makes the slice when the first scope goes into it; its properties may be set before."""
    from ocicore.engine import pod_limits

    properties = pod_limits.properties(limits)
    if not properties:
        return
    from ocicore.engine import runtime_choice
    from ocicore.errors import Error
    from ocicore.linux import spawn

    done = spawn.capture(
        [*_systemctl(engine), "set-property", "--runtime", name, *properties],
        runtime_choice.runtime_environment(engine),
    )
    if done.status:
        raise Error(f"limiting {name}: {done.error_text()}")


def _systemctl(engine: Engine) -> list[str]:
    """Words that start systemctl for the manager that has the pod's slice. Raises MissingProgram."""
    from ocicore.errors import MissingProgram
    from ocicore.linux import spawn

    program = spawn.find("systemctl", ("/usr/bin", "/bin"))
    if not program:
        raise MissingProgram("pods with --cgroup-manager=systemd need systemctl", hint="use cgroupfs")
    return [program, "--user"] if engine.rootless else [program]


def remove(engine: Engine, pod: Pod) -> None:
    """Take the group away when nothing is in it any more; what others removed already is no error."""
    group = pod.config["cgroup"]
    if not group:
        return
    from ocicore.linux import cgroups

    if group.endswith(".slice"):
        from ocicore.engine import runtime_choice
        from ocicore.linux import spawn

        spawn.capture([*_systemctl(engine), "stop", group], runtime_choice.runtime_environment(engine))
        return
    try:
        cgroups.remove(group)
    except cgroups.CgroupError as error:
        # conmon may still be there for a moment; the group goes with the pod's next end.
        engine.debug(f"removing control group of pod {pod.id}: {error}")
