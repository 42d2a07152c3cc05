"""Where the bytes of secrets are: a file of ours, the program `pass`, or commands of the administrator's."""

from __future__ import annotations

import os

from ocicore.errors import Error, InvalidInput, MissingProgram, NotFound
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Protocol

    from ocicore.engine.context import Engine

    class Driver(Protocol):
        """Stores bytes by secret id."""

        def put(self, identifier: str, data: bytes) -> None: ...

        def get(self, identifier: str) -> bytes: ...

        def delete(self, identifier: str) -> None: ...


def open_driver(engine: Engine, name: str, options: Mapping[str, str]) -> Driver:
    """The driver of a secret. Raises InvalidInput for missing or unknown options."""
    if name == "file":
        return FileDriver(options.get("path") or engine.paths.secrets_dir)
    if name == "pass":
        return PassDriver(engine, options)
    if name == "shell":
        return ShellDriver(engine, options)
    raise InvalidInput(f"{name}: invalid secret driver")


class FileDriver:
    """secretsdata.json: id -> base64, readable by the owner only."""

    def __init__(self, directory: str) -> None:
        self._path = f"{directory}/secretsdata.json"

    def _load(self) -> dict[str, str]:
        try:
            with open(self._path, "rb") as file:
                found = quick_json.loads(file.read())
        except FileNotFoundError:
            return {}
        return found if isinstance(found, dict) else {}

    def _save(self, entries: dict[str, str]) -> None:
        from ocicore.files import atomic

        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        atomic.write(self._path, quick_json.dumps(entries).encode(), mode=0o600)

    def put(self, identifier: str, data: bytes) -> None:
        """Store."""
        import base64

        self._save({**self._load(), identifier: base64.b64encode(data).decode()})

    def get(self, identifier: str) -> bytes:
        """Look up. Raises NotFound."""
        import base64

        entries = self._load()
        if identifier not in entries:
            raise NotFound(f"{identifier}: no secret data with ID")
        return base64.b64decode(entries[identifier])

    def delete(self, identifier: str) -> None:
        """Forget; what is gone is no error."""
        entries = self._load()
        if entries.pop(identifier, None) is not None:
            self._save(entries)


class _Programs:
    """Runs a program with the secret on its standard input or output, never on its command line."""

    def __init__(self, engine: Engine) -> None:
        self._environ = dict(engine.environ)

    def run(self, argv: Sequence[str], data: bytes = b"", more: Mapping[str, str] | None = None) -> bytes:
        from ocicore.linux import spawn

        path = argv[0] if "/" in argv[0] else spawn.find(argv[0], self._environ.get("PATH", "").split(":"))
        if not path:
            raise MissingProgram(f"secret driver: {argv[0]}: not found", hint=f"install {argv[0]}")
        done = spawn.capture([path, *argv[1:]], {**self._environ, **(more or {})}, data)
        if done.status:
            raise Error(f"secret driver: {argv[0]} failed with status {done.status}: {done.error_text()}")
        return done.stdout


class PassDriver:
    """The standard Unix password manager: <root>/<id> in its store."""

    def __init__(self, engine: Engine, options: Mapping[str, str]) -> None:
        for key in options:
            if key not in ("root", "key", "gpghomedir"):
                raise InvalidInput(f"{key}: invalid secret driver option")
        self._programs = _Programs(engine)
        self._root = options.get("root", "")
        self._more = {"GNUPGHOME": options["gpghomedir"]} if options.get("gpghomedir") else {}

    def _entry(self, identifier: str) -> str:
        return f"{self._root}/{identifier}" if self._root else identifier

    def put(self, identifier: str, data: bytes) -> None:
        """Store."""
        self._programs.run(
            ["pass", "insert", "--multiline", "--force", self._entry(identifier)], data, more=self._more
        )

    def get(self, identifier: str) -> bytes:
        """Look up."""
        return self._programs.run(["pass", "show", self._entry(identifier)], more=self._more)

    def delete(self, identifier: str) -> None:
        """Remove."""
        self._programs.run(["pass", "rm", "--force", self._entry(identifier)], more=self._more)


class ShellDriver:
    """Commands in the driver options list, lookup, store, delete; they find the id in SECRET_ID."""

    def __init__(self, engine: Engine, options: Mapping[str, str]) -> None:
        for key in ("list", "lookup", "store", "delete"):
            if not options.get(key):
                raise InvalidInput(f"secret driver shell: option {key}: missing config value")
        self._programs = _Programs(engine)
        self._options = options

    def _run(self, key: str, identifier: str, data: bytes = b"") -> bytes:
        return self._programs.run(["/bin/sh", "-c", self._options[key]], data, {"SECRET_ID": identifier})

    def put(self, identifier: str, data: bytes) -> None:
        """Store."""
        self._run("store", identifier, data)

    def get(self, identifier: str) -> bytes:
        """Look up."""
        return self._run("lookup", identifier)

    def delete(self, identifier: str) -> None:
        """Remove."""
        self._run("delete", identifier)
