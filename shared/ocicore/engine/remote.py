"""Our commands on another machine, through the ssh program."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from ocicore.errors import Error, MissingProgram

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO


def program(name: str, hint: str) -> str:
    """Path of a program. Raises MissingProgram with the hint."""
    from ocicore.linux import spawn

    found = spawn.find(name, ("/usr/bin", "/bin", "/usr/local/bin"))
    if not found:
        raise MissingProgram(f"{name} is not installed", hint=hint)
    return found


def words(
    host: str, command: Sequence[str], *, port: str = "", identity: str = "", configuration: str = ""
) -> list[str]:
    """Words that run one of our commands there: "user@host"; `configuration` is a file for ssh, "" for its own."""
    from shlex import quote

    ssh = [program("ssh", "install openssh-client"), "-o", "BatchMode=yes"]
    if configuration:
        ssh += ["-F", configuration]
    if identity:
        ssh += ["-i", identity]
    if port:
        ssh += ["-p", port]
    # The other machine may have podman alone: the commands are the same.
    chosen = 'p=$(command -v pypod || command -v podman) || { echo "neither pypod nor podman found" >&2; exit 127; }; '
    return [*ssh, "--", host, chosen + 'exec "$p" ' + " ".join(quote(word) for word in command)]


def configuration(configured: str, home: str) -> str:
    """The value for ssh's -F: the usual file named by itself would have to exist, and would hide the system's."""
    return "" if configured == f"{home}/.ssh/config" else configured


def run(
    words: Sequence[str],
    environ: Mapping[str, str],
    *,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
) -> str:
    """Run to the end; standard output as text when it goes nowhere else. Raises Error with the last line of what it said."""
    done = subprocess.run(
        words,
        stdin=subprocess.DEVNULL if stdin is None else stdin,
        stdout=subprocess.PIPE if stdout is None else stdout,
        stderr=subprocess.PIPE,
        env=dict(environ),
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        said = next(
            (line for line in reversed(lines) if line.startswith("Error: ")), lines[-1] if lines else ""
        )
        raise Error(said.removeprefix("Error: ") or f"{words[0]} ended with {done.returncode}")
    return done.stdout.decode("utf-8", "replace") if stdout is None else ""


def service_socket(words_for_info: Sequence[str], environ: Mapping[str, str]) -> str:
    """The path of the podman service's socket there, from what `info --format json` says. Raises Error."""
    try:
        told = json.loads(run(words_for_info, environ))
        path = told["host"]["remoteSocket"]["path"]
    except (ValueError, KeyError, TypeError):
        path = ""
    if not isinstance(path, str) or not path:
        raise Error(
            "the other machine did not say where the socket of its podman service is",
            hint="name it with --socket-path",
        )
    return path.removeprefix("unix://")
