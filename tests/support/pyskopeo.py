"""pyskopeo's command lines run in this process, with a home of their own."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from ocicore.cli.main import main
from pyskopeo.program import PROGRAM


@dataclass
class Done:
    """What a command line gave."""

    status: int
    out: str
    err: str


class Pyskopeo:
    """Runs command lines in this process, with a home of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "home").mkdir()
        (folder / "registries.conf").write_text("")
        self.environ = {
            "HOME": str(folder / "home"),
            "XDG_RUNTIME_DIR": str(folder / "home"),
            "TMPDIR": str(folder),
            "PATH": "/usr/bin:/bin",
            "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
            "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
            "CONTAINERS_REGISTRIES_CONF_DIR": str(folder / "none"),
        }

    def __call__(self, *words: str, stdin: str = "", policy: bool = False) -> Done:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        argv = [*words] if policy else ["--insecure-policy", *words]
        status = main(PROGRAM, argv, self.environ, io.StringIO(stdin), out, err)
        return Done(status, out.buffer.getvalue().decode(), err.buffer.getvalue().decode())  # type: ignore[attr-defined]

    def ok(self, *words: str, stdin: str = "") -> str:
        """Output of a command that has to succeed."""
        done = self(*words, stdin=stdin)
        assert done.status == 0, done.err
        return done.out

    def fails(self, *words: str, stdin: str = "", status: int = 1, policy: bool = False) -> str:
        """The one line of a command that has to fail."""
        done = self(*words, stdin=stdin, policy=policy)
        assert done.status == status, done.out
        lines = done.err.splitlines()
        assert len(lines) == 1, done.err
        assert "level=fatal" in lines[0]
        return lines[0]
