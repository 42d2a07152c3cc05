"""Volumes in the state database."""

from __future__ import annotations

from ocicore.engine.errors import NoSuchVolume, VolumeInUse
from ocicore.engine.records import Volume
from ocicore.engine.sqlite import sqlite3
from ocicore.errors import Conflict
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.state import State

_COLUMNS = (
    "name",
    "created",
    "driver",
    "mountpoint",
    "labels",
    "options",
    "anonymous",
    "needs_copy_up",
    "needs_chown",
    "mount_count",
    "boot_id",
    "state",
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM volumes"
_JSON = frozenset(("labels", "options", "state"))


class VolumeTable:
    """Volumes of one state."""

    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    @staticmethod
    def _record(row: tuple[Any, ...]) -> Volume:
        values = dict(zip(_COLUMNS, row, strict=True))
        for column in _JSON:
            values[column] = quick_json.loads(values[column])
        for column in ("anonymous", "needs_copy_up", "needs_chown"):
            values[column] = bool(values[column])
        return Volume(**values)

    def add(self, volume: Volume) -> None:
        """Record a new volume. Raises Conflict when the name is taken."""
        values = [
            quick_json.dumps(getattr(volume, column)) if column in _JSON else getattr(volume, column)
            for column in _COLUMNS
        ]
        with self._state:
            try:
                self._state.execute(
                    f"INSERT INTO volumes ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})",
                    values,
                )
            except sqlite3.IntegrityError:
                raise Conflict(
                    f"volume with name {volume.name} already exists: volume already exists"
                ) from None

    def get(self, name: str) -> Volume | None:
        """By full name."""
        row = self._state.execute(_SELECT + " WHERE name = ?", (name,)).fetchone()
        return self._record(row) if row else None

    def find(self, name: str) -> Volume:
        """By name or unique prefix. Raises NoSuchVolume, Conflict."""
        volume = self.get(name)
        if volume is not None:
            return volume
        rows = self._state.execute(
            _SELECT + " WHERE substr(name, 1, ?) = ? LIMIT 2", (len(name), name)
        ).fetchall()
        if len(rows) > 1:
            raise Conflict(f"more than one result for volume name {name}: volume already exists")
        if not rows or not name:
            raise NoSuchVolume(name)
        return self._record(rows[0])

    def all(self) -> list[Volume]:
        """All, by name."""
        return [self._record(row) for row in self._state.execute(_SELECT + " ORDER BY name")]

    def update(self, volume: Volume, **changes: Any) -> None:
        """Change columns, in the record and in the database."""
        for column, value in changes.items():
            setattr(volume, column, value)
        encoded = [quick_json.dumps(value) if column in _JSON else value for column, value in changes.items()]
        with self._state:
            self._state.execute(
                f"UPDATE volumes SET {', '.join(f'{column} = ?' for column in changes)} WHERE name = ?",
                (*encoded, volume.name),
            )

    def users(self, name: str) -> list[str]:
        """Ids of the containers that use it."""
        rows = self._state.execute(
            "SELECT container_id FROM volume_users WHERE volume = ? ORDER BY container_id", (name,)
        )
        return [row[0] for row in rows]

    def used_by(self, container_id: str) -> list[str]:
        """Names of the volumes a container uses."""
        rows = self._state.execute(
            "SELECT volume FROM volume_users WHERE container_id = ? ORDER BY volume", (container_id,)
        )
        return [row[0] for row in rows]

    def remove(self, volume: Volume) -> None:
        """Forget it. Raises VolumeInUse."""
        with self._state:
            users = self.users(volume.name)
            if users:
                raise VolumeInUse(volume.name, users)
            self._state.execute("DELETE FROM volumes WHERE name = ?", (volume.name,))
