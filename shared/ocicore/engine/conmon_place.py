"""In which control group conmon and this process are, where systemd manages them."""

from __future__ import annotations

from ocicore.errors import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container


def slice_of(engine: Engine, container: Container) -> str:
    """The slice in which conmon gets a scope of its own; "" leaves it where we are: in a unit's service, or as asked."""
    runtime = container.config["runtime"]
    if runtime["cgroups"] == "no-conmon" or engine.environ.get("INVOCATION_ID"):
        return ""
    parent: str = runtime["cgroup_parent"]
    return parent or ("user.slice" if engine.rootless else "machine.slice")


def leave_session(engine: Engine, container: Container) -> None:
    """Before processes are put into a container's group, and helpers of its network started: an ordinary user's program
    leaves a login session's group, which is root's and ends with the session. Where it cannot, the runtime will say what
    that prevents."""
    if not engine.rootless or container.config["runtime"]["cgroups"] in ("disabled", "split"):
        return
    from ocicore.systemd import scopes

    try:
        scopes.leave_session(uid=engine.user.uid, runtime_dir=engine.user.runtime_dir)
    except Error as error:
        engine.debug(error.message)
