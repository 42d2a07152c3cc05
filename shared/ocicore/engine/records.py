"""Rows of the state database as objects.

A record is a snapshot: verbs that change something take the container's lock and `refresh` it first.
"""

from __future__ import annotations

from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Status of a container. "configured" is what podman prints as "created"; "created" (the runtime has made it) as
# "initialized"; "stopped" has ended but is not cleaned up yet; "exited" is cleaned up.
CONFIGURED = "configured"
CREATED = "created"
RUNNING = "running"
PAUSED = "paused"
STOPPING = "stopping"
STOPPED = "stopped"
EXITED = "exited"
REMOVING = "removing"

#: What `ps` and `inspect` print for each status.
SHOWN = {CONFIGURED: "created", CREATED: "initialized"}
#: A process of the container may be alive.
ALIVE = frozenset((CREATED, RUNNING, PAUSED, STOPPING))

CONTAINER_COLUMNS = (
    "id",
    "name",
    "created",
    "image_id",
    "image_name",
    "command",
    "labels",
    "ports",
    "exposed",
    "networks",
    "mounts",
    "pod_id",
    "auto_remove",
    "is_infra",
    "cidfile",
    "status",
    "pid",
    "pid_start",
    "conmon_pid",
    "conmon_start",
    "boot_id",
    "started",
    "finished",
    "exit_code",
    "oom_killed",
    "restarts",
    "stopped_by_user",
    "health",
    "mountpoint",
    "netns",
    "state",
)
_JSON_COLUMNS = frozenset(("command", "labels", "ports", "exposed", "networks", "mounts", "state"))
_MUTABLE = frozenset(
    (*CONTAINER_COLUMNS[CONTAINER_COLUMNS.index("status") :], "name", "labels", "networks", "config")
)


class Container:
    """One container.

    Slots are the columns of the table (see schema.py); `config` is read when first asked for.
    JSON columns are decoded on first use through the properties below.
    """

    __slots__ = ("_config", "_decoded", "_load_config", "_row")

    def __init__(self, row: tuple[Any, ...], load_config: Any) -> None:
        self._row = dict(zip(CONTAINER_COLUMNS, row, strict=True))
        self._decoded: dict[str, Any] = {}
        self._config: dict[str, Any] | None = None
        self._load_config = load_config

    def _json(self, column: str) -> Any:
        if column not in self._decoded:
            self._decoded[column] = quick_json.loads(self._row[column])
        return self._decoded[column]

    # What never changes, or only by `rename` and `update`.
    @property
    def id(self) -> str:
        return self._row["id"]  # type: ignore[no-any-return]

    @property
    def name(self) -> str:
        return self._row["name"]  # type: ignore[no-any-return]

    @property
    def created(self) -> int:
        return self._row["created"]  # type: ignore[no-any-return]

    @property
    def image_id(self) -> str:
        return self._row["image_id"]  # type: ignore[no-any-return]

    @property
    def image_name(self) -> str:
        return self._row["image_name"]  # type: ignore[no-any-return]

    @property
    def command(self) -> list[str]:
        return self._json("command")  # type: ignore[no-any-return]

    @property
    def labels(self) -> dict[str, str]:
        return self._json("labels")  # type: ignore[no-any-return]

    @property
    def ports(self) -> list[dict[str, Any]]:
        return self._json("ports")  # type: ignore[no-any-return]

    @property
    def exposed(self) -> dict[str, Any]:
        return self._json("exposed")  # type: ignore[no-any-return]

    @property
    def networks(self) -> list[str]:
        return self._json("networks")  # type: ignore[no-any-return]

    @property
    def mounts(self) -> list[str]:
        return self._json("mounts")  # type: ignore[no-any-return]

    @property
    def pod_id(self) -> str:
        return self._row["pod_id"]  # type: ignore[no-any-return]

    @property
    def auto_remove(self) -> bool:
        return bool(self._row["auto_remove"])

    @property
    def is_infra(self) -> bool:
        return bool(self._row["is_infra"])

    @property
    def cidfile(self) -> str:
        return self._row["cidfile"]  # type: ignore[no-any-return]

    @property
    def config(self) -> dict[str, Any]:
        """The decisions made at creation (create.py says what is in it)."""
        if self._config is None:
            self._config = dict(quick_json.loads(self._load_config(self.id)))
        return self._config

    def load(self) -> None:
        """Read what is read on demand, before the row goes."""
        self.config  # noqa: B018

    # What happens to it.
    @property
    def status(self) -> str:
        return self._row["status"]  # type: ignore[no-any-return]

    @property
    def shown_status(self) -> str:
        """The status in podman's words."""
        return SHOWN.get(self.status, self.status)

    @property
    def pid(self) -> int:
        return self._row["pid"]  # type: ignore[no-any-return]

    @property
    def pid_start(self) -> int:
        return self._row["pid_start"]  # type: ignore[no-any-return]

    @property
    def conmon_pid(self) -> int:
        return self._row["conmon_pid"]  # type: ignore[no-any-return]

    @property
    def conmon_start(self) -> int:
        return self._row["conmon_start"]  # type: ignore[no-any-return]

    @property
    def boot_id(self) -> str:
        return self._row["boot_id"]  # type: ignore[no-any-return]

    @property
    def started(self) -> int:
        return self._row["started"]  # type: ignore[no-any-return]

    @property
    def finished(self) -> int:
        return self._row["finished"]  # type: ignore[no-any-return]

    @property
    def exit_code(self) -> int:
        return self._row["exit_code"]  # type: ignore[no-any-return]

    @property
    def oom_killed(self) -> bool:
        return bool(self._row["oom_killed"])

    @property
    def restarts(self) -> int:
        return self._row["restarts"]  # type: ignore[no-any-return]

    @property
    def stopped_by_user(self) -> bool:
        return bool(self._row["stopped_by_user"])

    @property
    def health(self) -> str:
        return self._row["health"]  # type: ignore[no-any-return]

    @property
    def mountpoint(self) -> str:
        return self._row["mountpoint"]  # type: ignore[no-any-return]

    @property
    def netns(self) -> str:
        return self._row["netns"]  # type: ignore[no-any-return]

    @property
    def state(self) -> dict[str, Any]:
        """Network status, health log and other things only some verbs need."""
        return self._json("state")  # type: ignore[no-any-return]

    def column(self, name: str) -> Any:
        """A column by its name, JSON ones as text."""
        return self._row[name]

    def assign(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Take over changed columns; returns them as the database wants them. Raises KeyError for a fixed column."""
        encoded: dict[str, Any] = {}
        for key, value in changes.items():
            if key not in _MUTABLE:
                raise KeyError(key)
            if key == "config":
                self._config = value
                encoded[key] = quick_json.dumps(value)
                continue
            if key in _JSON_COLUMNS:
                self._decoded[key] = value
                value = quick_json.dumps(value)
            elif isinstance(value, bool):
                value = int(value)
            self._row[key] = encoded[key] = value
        return encoded

    def replace_row(self, row: tuple[Any, ...]) -> None:
        """Take over what the database says now."""
        self._row = dict(zip(CONTAINER_COLUMNS, row, strict=True))
        self._decoded.clear()


class Volume:
    """One named or anonymous volume.

    Slots: name, created (ns), driver, mountpoint (host path of its data), labels, options (o, type, device …),
    anonymous, needs_copy_up and needs_chown (first use still to come), mount_count (for mounted ones), boot_id,
    state (of the image driver: storage_id of its layer's container in the store, image_id).
    """

    __slots__ = (
        "anonymous",
        "boot_id",
        "created",
        "driver",
        "labels",
        "mount_count",
        "mountpoint",
        "name",
        "needs_chown",
        "needs_copy_up",
        "options",
        "state",
    )

    def __init__(
        self,
        *,
        name: str,
        created: int,
        mountpoint: str,
        driver: str = "local",
        labels: dict[str, str] | None = None,
        options: dict[str, str] | None = None,
        anonymous: bool = False,
        needs_copy_up: bool = True,
        needs_chown: bool = True,
        mount_count: int = 0,
        boot_id: str = "",
        state: dict[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.created = created
        self.driver = driver
        self.mountpoint = mountpoint
        self.labels = labels or {}
        self.options = options or {}
        self.anonymous = anonymous
        self.needs_copy_up = needs_copy_up
        self.needs_chown = needs_chown
        self.mount_count = mount_count
        self.boot_id = boot_id
        self.state = state or {}


class ExecSession:
    """One more process in a container: id, container_id, config (JSON object), status, pid, exit_code …"""

    __slots__ = (
        "boot_id",
        "config",
        "conmon_pid",
        "container_id",
        "exit_code",
        "id",
        "pid",
        "pid_start",
        "status",
    )

    def __init__(
        self,
        *,
        id: str,
        container_id: str,
        config: dict[str, Any],
        status: str = CREATED,
        pid: int = 0,
        pid_start: int = 0,
        conmon_pid: int = 0,
        boot_id: str = "",
        exit_code: int = 0,
    ) -> None:
        self.id = id
        self.container_id = container_id
        self.config = config
        self.status = status
        self.pid = pid
        self.pid_start = pid_start
        self.conmon_pid = conmon_pid
        self.boot_id = boot_id
        self.exit_code = exit_code
