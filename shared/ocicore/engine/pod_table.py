"""Pods in the state database: adding, finding by id, prefix or name, removing."""

from __future__ import annotations

from ocicore.engine.errors import NoSuchPod
from ocicore.errors import Conflict
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.state import State

_COLUMNS = "id, name, created, labels, infra_id, config"
_HEX = frozenset("0123456789abcdef")


class Pod:
    """One pod: id, name, created (ns), labels, infra_id (a container's, or ""), config (see pods.py)."""

    __slots__ = ("config", "created", "id", "infra_id", "labels", "name")

    def __init__(self, row: tuple[Any, ...]) -> None:
        self.id: str = row[0]
        self.name: str = row[1]
        self.created: int = row[2]
        self.labels: dict[str, str] = quick_json.loads(row[3])
        self.infra_id: str = row[4]
        self.config: dict[str, Any] = quick_json.loads(row[5])


class PodTable:
    """Pods of one state."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, *, id: str, name: str, created: int, labels: dict[str, str], config: dict[str, Any]) -> Pod:
        """Record a new pod without containers. Raises Conflict for a name that is taken."""
        row = (id, name, created, quick_json.dumps(labels), "", quick_json.dumps(config))
        with self._state:
            taken = self._state.execute("SELECT id, kind FROM names WHERE name = ?", (name,)).fetchone()
            if taken is not None:
                raise Conflict(
                    f'adding pod to state: name "{name}" is in use: {taken[1]} already exists',
                    hint="choose another --name, or --replace",
                )
            self._state.containers.claim_name(name, id, "pod")
            self._state.execute("INSERT INTO pods VALUES (?, ?, ?, ?, ?, ?)", row)
        return Pod(row)

    def set_infra(self, pod: Pod, container_id: str) -> None:
        """Say which container holds the pod's namespaces."""
        with self._state:
            self._state.execute("UPDATE pods SET infra_id = ? WHERE id = ?", (container_id, pod.id))
        pod.infra_id = container_id

    def find(self, name_or_id: str) -> Pod:
        """By full id, name, or unique prefix of an id, in that order. Raises NoSuchPod, Conflict."""
        execute = self._state.execute
        query = f"SELECT {_COLUMNS} FROM pods WHERE "
        rows = execute(query + "id = ?1 OR name = ?1", (name_or_id,)).fetchall()
        if len(rows) > 1:
            rows = [row for row in rows if row[0] == name_or_id]
        if not rows and name_or_id and _HEX.issuperset(name_or_id):
            rows = execute(query + "id >= ? AND id < ? LIMIT 2", (name_or_id, name_or_id + "g")).fetchall()
            if len(rows) > 1:
                raise Conflict(f"more than one result for ID or name {name_or_id}: pod already exists")
        if not rows:
            raise NoSuchPod(name_or_id)
        return Pod(rows[0])

    def get(self, id: str) -> Pod | None:
        """By full id."""
        row = self._state.execute(f"SELECT {_COLUMNS} FROM pods WHERE id = ?", (id,)).fetchone()
        return Pod(row) if row else None

    def all(self) -> list[Pod]:
        """All, oldest first."""
        return [Pod(row) for row in self._state.execute(f"SELECT {_COLUMNS} FROM pods ORDER BY created")]

    def names(self) -> dict[str, str]:
        """id -> name of all pods."""
        return dict(self._state.execute("SELECT id, name FROM pods").fetchall())

    def latest(self) -> Pod:
        """The newest. Raises NoSuchPod."""
        row = self._state.execute(f"SELECT {_COLUMNS} FROM pods ORDER BY created DESC LIMIT 1").fetchone()
        if row is None:
            missing = NoSuchPod("")
            missing.args = ("no pods exist: no such pod",)
            missing.message = missing.args[0]
            raise missing
        return Pod(row)

    def remove(self, pod: Pod) -> None:
        """Forget a pod that has no containers any more."""
        with self._state:
            self._state.execute("DELETE FROM pods WHERE id = ?", (pod.id,))
            self._state.execute("DELETE FROM names WHERE id = ?", (pod.id,))
