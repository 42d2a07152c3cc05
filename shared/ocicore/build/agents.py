"""Agents for `RUN --mount=type=ssh` when --ssh names keys instead of a socket: ssh-agent(1) for the length of a build."""

from __future__ import annotations

import os

from ocicore.errors import Error, MissingProgram

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_WAIT = 10.0
_SOCKET = "agent.sock"


class Agents:
    """The agents of one build.

    Args:
        scratch: where private folders for sockets are made.
        environ: of the caller, for PATH.
    """

    def __init__(self, scratch: str, environ: Mapping[str, str]) -> None:
        self._scratch = scratch
        self._environ = environ
        self._sockets: dict[tuple[str, ...], str] = {}
        self._pids: list[int] = []
        self._folders: list[str] = []

    def socket(self, keys: tuple[str, ...]) -> str:
        """The socket of an agent that has the keys; started when it is first asked for.

        Raises:
            MissingProgram: there is no ssh-agent. Error: a key cannot be loaded.
        """
        found = self._sockets.get(keys)
        if found is None:
            found = self._start(keys)
            self._sockets[keys] = found
        return found

    def _start(self, keys: tuple[str, ...]) -> str:
        import tempfile

        from ocicore.linux import spawn

        folders = (self._environ.get("PATH") or "/usr/bin:/bin").split(":")
        agent, add = spawn.find("ssh-agent", folders), spawn.find("ssh-add", folders)
        if not agent or not add:
            raise MissingProgram(
                "--ssh with a key: ssh-agent is not installed", hint="install the package openssh-client"
            )
        folder = tempfile.mkdtemp(prefix="ssh-", dir=self._scratch)
        self._folders.append(folder)
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        # The name of a socket has at most 107 bytes, however long that of the folder is.
        opened = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        path = f"/proc/{os.getpid()}/fd/{opened}/{_SOCKET}"
        try:
            env = {"PATH": ":".join(folders)}
            self._pids.append(spawn.spawn([agent, "-D", "-a", path], env, {0: null, 1: null, 2: null}))
            self._await(path)
            for key in keys:
                done = spawn.capture(
                    [add, "-q", key], {**env, "SSH_AUTH_SOCK": path, "SSH_ASKPASS_REQUIRE": "never"}
                )
                if done.status:
                    raise Error(f"--ssh: loading key {key}: {done.error_text()}")
        finally:
            os.close(opened)
            os.close(null)
        return os.path.join(folder, _SOCKET)

    def _await(self, path: str) -> None:
        from time import monotonic, sleep

        end = monotonic() + _WAIT
        while not os.path.exists(path):
            if monotonic() > end:
                raise Error("--ssh with a key: ssh-agent does not answer")
            sleep(0.01)

    def close(self) -> None:
        """End the agents and remove their sockets."""
        import shutil
        import signal

        for pid in self._pids:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
        self._pids.clear()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)
        self._folders.clear()
        self._sockets.clear()
