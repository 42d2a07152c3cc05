"""Containers in the state database: adding, finding by id, prefix or name, changing, removing."""

from __future__ import annotations

from ocicore.engine.errors import HasDependents, NameTaken, NoSuchContainer
from ocicore.engine.records import CONTAINER_COLUMNS, Container
from ocicore.engine.sqlite import sqlite3
from ocicore.errors import Conflict
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.state import State

_COLUMNS = ", ".join(CONTAINER_COLUMNS)
_INSERT = (
    f"INSERT INTO containers ({_COLUMNS}, config) VALUES ({', '.join('?' * (len(CONTAINER_COLUMNS) + 1))})"
)
#: `wait` may ask for the exit status of a container that is gone; older ones are forgotten.
_EXIT_CODE_LIFETIME = 300 * 1_000_000_000
_HEX = frozenset("0123456789abcdef")


class ContainerTable:
    """Containers of one state."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    def add(
        self,
        *,
        id: str,
        name: str,
        created: int,
        image_id: str,
        image_name: str,
        command: list[str],
        labels: dict[str, str],
        ports: list[dict[str, Any]],
        exposed: dict[str, Any],
        networks: list[str],
        mounts: list[str],
        config: dict[str, Any],
        pod_id: str = "",
        auto_remove: bool = False,
        is_infra: bool = False,
        cidfile: str = "",
        dependencies: list[str] | None = None,
        volumes: list[str] | None = None,
    ) -> Container:
        """Record a new, configured container with what it needs, in one transaction. Raises NameTaken."""
        dumps = quick_json.dumps
        row = (
            id,
            name,
            created,
            image_id,
            image_name,
            dumps(command),
            dumps(labels),
            dumps(ports),
            dumps(exposed),
            dumps(networks),
            dumps(mounts),
            pod_id,
            int(auto_remove),
            int(is_infra),
            cidfile,
            "configured",
            *(0, 0, 0, 0, "", 0, 0, 0, 0, 0, 0, "", "", "", "{}"),
        )
        with self._state:
            execute = self._state.execute
            self.claim_name(name, id, "container")
            execute(_INSERT, (*row, dumps(config)))
            for needed in dict.fromkeys(dependencies or ()):
                execute("INSERT INTO dependencies VALUES (?, ?)", (id, needed))
            for volume in dict.fromkeys(volumes or ()):
                execute("INSERT INTO volume_users VALUES (?, ?)", (volume, id))
        container = Container(row, self._load_config)
        container._config = config
        return container

    def claim_name(self, name: str, id: str, kind: str) -> None:
        """Take a name for a container or pod, inside the caller's transaction. Raises NameTaken."""
        try:
            self._state.execute("INSERT INTO names VALUES (?, ?, ?)", (name, id, kind))
        except sqlite3.IntegrityError:
            holder = self.name_holder(name)
            raise NameTaken(name, holder or "another container") from None

    def name_holder(self, name: str) -> str | None:
        """Id of the container or pod that has the name."""
        row = self._state.execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def _load_config(self, id: str) -> str:
        row = self._state.execute("SELECT config FROM containers WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise NoSuchContainer(id)
        return row[0]  # type: ignore[no-any-return]

    def find(self, name_or_id: str) -> Container:
        """By full id, name, or unique prefix of an id, in that order. Raises NoSuchContainer, Conflict."""
        execute = self._state.execute
        query = f"SELECT {_COLUMNS} FROM containers WHERE "
        asked = name_or_id.removeprefix("/")
        rows = execute(query + "id = ?1 OR name = ?1", (asked,)).fetchall()
        if len(rows) > 1:
            rows = [row for row in rows if row[0] == asked]
        if not rows and asked and _HEX.issuperset(asked):
            rows = execute(query + "id >= ? AND id < ? LIMIT 2", (asked, asked + "g")).fetchall()
            if len(rows) > 1:
                raise Conflict(
                    f'more than one result for container name or ID "{name_or_id}": container already exists'
                )
        if not rows:
            raise NoSuchContainer(name_or_id)
        return Container(rows[0], self._load_config)

    def get(self, id: str) -> Container | None:
        """By full id."""
        row = self._state.execute(f"SELECT {_COLUMNS} FROM containers WHERE id = ?", (id,)).fetchone()
        return Container(row, self._load_config) if row else None

    def all(self, *, pod_id: str | None = None, image_id: str | None = None) -> list[Container]:
        """All, oldest first."""
        where = ""
        values: tuple[str, ...] = ()
        if pod_id is not None:
            where, values = " WHERE pod_id = ?", (pod_id,)
        elif image_id is not None:
            where, values = " WHERE image_id = ?", (image_id,)
        rows = self._state.execute(f"SELECT {_COLUMNS} FROM containers{where} ORDER BY created", values)
        return [Container(row, self._load_config) for row in rows]

    def latest(self) -> Container:
        """The newest. Raises NoSuchContainer, in podman's words, when there is none."""
        row = self._state.execute(
            f"SELECT {_COLUMNS} FROM containers ORDER BY created DESC LIMIT 1"
        ).fetchone()
        if row is None:
            missing = NoSuchContainer("")
            missing.args = ("no containers to show: no such container",)
            missing.message = missing.args[0]
            raise missing
        return Container(row, self._load_config)

    def refresh(self, container: Container) -> None:
        """Read the row again. Raises NoSuchContainer when it has been removed."""
        row = self._state.execute(
            f"SELECT {_COLUMNS} FROM containers WHERE id = ?", (container.id,)
        ).fetchone()
        if row is None:
            raise NoSuchContainer(container.id)
        container.replace_row(row)

    def update(self, container: Container, **changes: Any) -> None:
        """Change columns of one container, in the record and in the database."""
        encoded = container.assign(changes)
        assignments = ", ".join(f"{column} = ?" for column in encoded)
        with self._state:
            self._state.execute(
                f"UPDATE containers SET {assignments} WHERE id = ?", (*encoded.values(), container.id)
            )

    def rename(self, container: Container, name: str) -> None:
        """Give it another name. Raises NameTaken."""
        with self._state:
            self._state.execute("DELETE FROM names WHERE id = ?", (container.id,))
            self.claim_name(name, container.id, "container")
            self.update(container, name=name)

    def remove(self, container: Container) -> None:
        """Forget it. Raises HasDependents."""
        dependents = self.dependents(container.id)
        if dependents:
            raise HasDependents(container.id, dependents)
        # Read now: who removes it may still want to tell of it.
        container.load()
        with self._state:
            execute = self._state.execute
            execute("DELETE FROM containers WHERE id = ?", (container.id,))
            execute("DELETE FROM names WHERE id = ?", (container.id,))

    def dependents(self, id: str) -> list[str]:
        """Ids of the containers that need this one."""
        rows = self._state.execute("SELECT container_id FROM dependencies WHERE needs = ?", (id,))
        return [row[0] for row in rows]

    def dependencies(self, id: str) -> list[str]:
        """Ids of the containers this one needs."""
        rows = self._state.execute("SELECT needs FROM dependencies WHERE container_id = ?", (id,))
        return [row[0] for row in rows]

    def record_exit_code(self, id: str, exit_code: int, at: int) -> None:
        """Keep an exit status for `wait`, and forget those older than five minutes whose containers are gone."""
        with self._state:
            execute = self._state.execute
            execute("INSERT OR REPLACE INTO exit_codes VALUES (?, ?, ?)", (id, at, exit_code))
            execute(
                "DELETE FROM exit_codes WHERE at < ? AND id NOT IN (SELECT id FROM containers)",
                (at - _EXIT_CODE_LIFETIME,),
            )

    def exit_code(self, id: str) -> int | None:
        """The last recorded exit status."""
        row = self._state.execute("SELECT exit_code FROM exit_codes WHERE id = ?", (id,)).fetchone()
        return row[0] if row else None
