"""An ordinary user's bridges: one network namespace of the user's own, in which netavark works as root does on the host.

Layout and reference count are podman's (RUNDIR/rootless-netns), so that both tools share one namespace and one pasta.
Calls hold podman's lock `netavark.lock`.
"""

from __future__ import annotations

import os

from ocicore.errors import Error
from ocicore.files import quick_json
from ocicore.linux import mount, namespaces, process, spawn
from ocicore.network import netns, pasta, resolv, slirp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Json = dict[str, Any]

_NAME = "rootless-netns"
_CLONE_NEWNS = 0x00020000
_FAILED_TO_ENTER = 126


class RootlessNetns:
    """The namespace below one network run directory.

    Args:
        run_dir: network run directory; runtime_dir: $XDG_RUNTIME_DIR, which must stay visible inside.
        command: "pasta" or "slirp4netns"; helper_dirs, env: where and how programs are started.
        pasta_options, slirp_options: of containers.conf.
    """

    __slots__ = ("_command", "_dir", "_env", "_helper_dirs", "_options", "_runtime_dir")

    def __init__(
        self,
        run_dir: str,
        runtime_dir: str,
        *,
        command: str,
        helper_dirs: Sequence[str],
        env: Mapping[str, str],
        options: Sequence[str] = (),
    ) -> None:
        self._dir = f"{run_dir}/{_NAME}"
        self._runtime_dir = runtime_dir
        self._command = command
        self._helper_dirs = helper_dirs
        self._env = env
        self._options = options

    @property
    def path(self) -> str:
        """The namespace's file."""
        return f"{self._dir}/{_NAME}"

    def acquire(self) -> Json:
        """Make sure it is there and connected; facts about it ("IPAddresses", "DnsForwardIps", "MapGuestIps")."""
        if netns.exists(self.path) and process.alive(self._connector()):
            return self._info()
        os.makedirs(self._dir, 0o700, exist_ok=True)
        if not netns.exists(self.path):
            _unlink(self.path)
            namespaces.new_netns(self.path)
        try:
            return self._connect()
        except Error:
            namespaces.remove_netns(self.path)
            raise

    def _connect(self) -> Json:
        pid_file = f"{self._dir}/rootless-netns-conn.pid"
        info: Json = {}
        if self._command == "slirp4netns":
            program = slirp.find(self._helper_dirs, self._env.get("PATH", ""))
            started = slirp.start(
                program, self.path, env=self._env, api_socket="", ports=(), options=self._options
            )
            with open(pid_file, "w") as stream:
                stream.write(str(started.pid))
            info = {"IPAddresses": [started.address], "DnsForwardIps": [started.dns]}
        else:
            program = pasta.find(self._helper_dirs, self._env.get("PATH", ""))
            running = pasta.start(
                program, self.path, env=self._env, pid_file=pid_file, ports=(), options=self._options
            )
            # pasta gives the namespace the address with which the host goes out.
            info = {"IPAddresses": [netns.host_address([])], "DnsForwardIps": [running.dns]}
            if running.host:
                info["MapGuestIps"] = [running.host]
        content = resolv.text(kind=self._command, network_servers=info["DnsForwardIps"])
        for name, text in (("resolv.conf", content), ("info.json", quick_json.dumps(info))):
            with open(f"{self._dir}/{name}", "w") as stream:
                stream.write(text)
        return info

    def count(self, change: int) -> None:
        """Change the number of users; the last one removes the namespace."""
        path = f"{self._dir}/ref-count"
        try:
            with open(path) as stream:
                number = int(stream.read() or "0")
        except (OSError, ValueError):
            number = 0
        number = max(number + change, 0)
        if number == 0 and change < 0:
            self._remove()
            return
        with open(path, "w") as stream:
            stream.write(str(number))

    def _remove(self) -> None:
        import shutil

        pid = self._connector()
        if pid:
            process.kill_process(pid, 15)
            _reap(pid)
        namespaces.remove_netns(self.path)
        shutil.rmtree(self._dir, ignore_errors=True)

    def enter(self) -> None:
        """Move this process into the namespace for good, with a /run of its own. Raises Error."""
        self._enter()

    def run(self, argv: list[str], env: Mapping[str, str], stdin: bytes) -> spawn.Completed:
        """Run a program inside, with a /run of its own (iptables locks there, aardvark-dns keeps its files there).

        A child of ours enters the namespace: root of a user namespace cannot come back from one it entered.
        """
        opened = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("stdin", "stdout", "stderr")]
        try:
            os.write(opened[0], stdin)
            os.lseek(opened[0], 0, os.SEEK_SET)
            child = os.fork()
            if child == 0:
                self._child(argv, env, opened)
            status = spawn.wait(child)
            out, err = (
                os.pread(fd, os.fstat(fd).st_size, 0) if os.fstat(fd).st_size else b"" for fd in opened[1:]
            )
        finally:
            spawn.close(opened)
        return spawn.Completed(status, out, err)

    def _child(self, argv: list[str], env: Mapping[str, str], opened: list[int]) -> None:
        """Never returns: becomes the program, or ends."""
        try:
            for number, fd in enumerate(opened):
                os.dup2(fd, number)
            self._enter()
            os.execve(argv[0], argv, env)
        except (Error, OSError) as error:
            os.write(2, f"entering the rootless network namespace: {error}".encode())
        finally:
            os._exit(_FAILED_TO_ENTER)

    def _enter(self) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        namespaces.setns(fd, "net")
        namespaces.unshare(_CLONE_NEWNS)
        # Slave, not private: unmounts on the host must reach us, or we would keep its devices busy.
        mount.mount("", "/", "", mount.MS_SLAVE | mount.MS_REC, "")
        inside = f"{self._dir}/run"
        # netavark and aardvark-dns keep their files in the network run directory.
        run_dir = os.path.dirname(self._dir)
        apart = () if run_dir.startswith(f"{self._runtime_dir}/") else (run_dir,)
        for source in (self._runtime_dir, "/run/systemd", *apart):
            if os.path.isdir(source) and source.startswith("/run/"):
                target = f"{self._dir}{source}"
                os.makedirs(target, 0o700, exist_ok=True)
                mount.mount(source, target, "", mount.MS_BIND | mount.MS_REC, "")
        real = os.path.realpath(resolv.HOST_FILE)
        if real.startswith("/run/"):
            real = f"{self._dir}{real}"
            os.makedirs(os.path.dirname(real), 0o700, exist_ok=True)
            os.close(os.open(real, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o600))
        mount.mount(f"{self._dir}/resolv.conf", real, "", mount.MS_BIND, "")
        os.makedirs(inside, 0o700, exist_ok=True)
        mount.mount(inside, "/run", "", mount.MS_BIND | mount.MS_REC, "")

    def _connector(self) -> int:
        try:
            with open(f"{self._dir}/rootless-netns-conn.pid") as stream:
                return int(stream.read().strip() or "0")
        except (OSError, ValueError):
            return 0

    def _info(self) -> Json:
        try:
            with open(f"{self._dir}/info.json", "rb") as stream:
                info = quick_json.loads(stream.read())
        except (OSError, ValueError):
            return {}
        return info if isinstance(info, dict) else {}


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
