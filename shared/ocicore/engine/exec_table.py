"""Exec sessions in the state database."""

from __future__ import annotations

from ocicore.engine.errors import NoSuchExec
from ocicore.engine.records import ExecSession
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.state import State

_COLUMNS = (
    "id",
    "container_id",
    "config",
    "status",
    "pid",
    "pid_start",
    "conmon_pid",
    "boot_id",
    "exit_code",
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM exec_sessions"


class ExecTable:
    """Exec sessions of one state."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    @staticmethod
    def _record(row: tuple[Any, ...]) -> ExecSession:
        values = dict(zip(_COLUMNS, row, strict=True))
        values["config"] = quick_json.loads(values["config"])
        return ExecSession(**values)

    def add(self, session: ExecSession) -> None:
        """Record a new session."""
        values = [getattr(session, column) for column in _COLUMNS]
        values[2] = quick_json.dumps(session.config)
        with self._state:
            self._state.execute(
                f"INSERT INTO exec_sessions ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})",
                values,
            )

    def find(self, session_id: str) -> ExecSession:
        """By full id. Raises NoSuchExec."""
        row = self._state.execute(_SELECT + " WHERE id = ?", (session_id,)).fetchone()
        if row is None:
            raise NoSuchExec(session_id)
        return self._record(row)

    def of_container(self, container_id: str) -> list[ExecSession]:
        """All sessions of one container."""
        rows = self._state.execute(_SELECT + " WHERE container_id = ?", (container_id,))
        return [self._record(row) for row in rows]

    def update(self, session: ExecSession, **changes: Any) -> None:
        """Change status, pid and the like."""
        for column, value in changes.items():
            setattr(session, column, value)
        with self._state:
            self._state.execute(
                f"UPDATE exec_sessions SET {', '.join(f'{column} = ?' for column in changes)} WHERE id = ?",
                (*changes.values(), session.id),
            )

    def remove(self, session_id: str) -> None:
        """Forget it; no error when it is gone already."""
        with self._state:
            self._state.execute("DELETE FROM exec_sessions WHERE id = ?", (session_id,))
