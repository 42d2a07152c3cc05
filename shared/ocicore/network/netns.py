"""Network namespaces kept by a file: where they lie, making, pinning and removing them, and what is inside."""

from __future__ import annotations

import os

from ocicore.errors import Error
from ocicore.linux import namespaces
from ocicore.network import addresses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT_DIR = "/run/netns"


def directory(runtime_dir: str, *, rootless: bool) -> str:
    """podman's folder for such files."""
    return f"{runtime_dir}/netns" if rootless else ROOT_DIR


def create(folder: str) -> str:
    """Make a namespace; the path of its file. Raises Error."""
    path = new_path(folder)
    namespaces.new_netns(path)
    return path


def pin(folder: str, pid: int) -> str:
    """Keep a process's namespace by a file; its path. Raises Error."""
    from ocicore.linux import mount

    path = new_path(folder)
    try:
        with open(path, "x"):
            pass
    except OSError as error:
        raise Error(f"creating network namespace file {path}: {(error.strerror or '').lower()}") from None
    mount.bind(f"/proc/{pid}/ns/net", path, recursive=False)
    return path


def remove(path: str) -> None:
    """Remove a namespace's file; its last interfaces go with it. What is gone already is no error."""
    namespaces.remove_netns(path)


def add_interfaces(path: str, names: Sequence[str], env: Mapping[str, str]) -> None:
    """Make (unconnected) interfaces of these names in a namespace. Raises Error."""
    from ocicore.linux import spawn

    folders = ("/usr/sbin", "/usr/bin", "/sbin", "/bin")
    nsenter, ip = spawn.find("nsenter", folders), spawn.find("ip", folders)
    for number, name in enumerate(names):
        words = ["link", "add", name, "type", "veth", "peer", "name", f"peer{number}"]
        done = spawn.capture([nsenter, f"--net={path}", ip, *words], env) if nsenter and ip else None
        if done is None or done.status != 0:
            reason = (
                done.error_text() if done else "nsenter and ip (packages util-linux, iproute2) are needed"
            )
            raise Error(f"making interface {name} in {path}: {reason}")


def exists(path: str) -> bool:
    """Whether a path is a pinned namespace (an empty file is a leftover of an interrupted create)."""
    try:
        return os.stat(path).st_dev != os.stat(os.path.dirname(path)).st_dev
    except OSError:
        return False


def local_addresses(pid: int) -> list[tuple[str, int]]:
    """(address, prefix) of the interfaces in a process's network namespace, loopback and link-local left out.

    Read from /proc/PID/net, so that nobody has to enter the namespace.
    """
    found = []
    try:
        with open(f"/proc/{pid}/net/fib_trie") as stream:
            found += _ipv4(stream.read())
    except OSError:
        pass
    try:
        with open(f"/proc/{pid}/net/if_inet6") as stream:
            for line in stream:
                fields = line.split()
                if fields[3] == "00":  # scope: global
                    found.append((addresses.to_text(6, int(fields[0], 16)), int(fields[2], 16)))
    except OSError:
        pass
    return found


def _ipv4(trie: str) -> list[tuple[str, int]]:
    """Local addresses from the text of fib_trie, with the longest prefix of a connected network around each."""
    local: list[int] = []
    networks: list[addresses.Subnet] = []
    current = ""
    for line in trie.split("\n"):
        word = line.strip()
        if word.startswith("|-- "):
            current = word[4:]
        elif word == "/32 host LOCAL" and not current.startswith("127."):
            number = addresses.parse(current)[1]
            if number not in local:
                local.append(number)
        elif word.endswith(" link UNICAST") and word.startswith("/"):
            prefix = int(word[1:].split(" ", 1)[0])
            networks.append(addresses.Subnet(4, addresses.parse(current)[1], prefix))
    result = []
    for number in local:
        around = [network.prefix for network in networks if number in network and network.prefix < 32]
        result.append((addresses.to_text(4, number), max(around, default=32)))
    return result


def host_address(exclude: list[str]) -> str:
    """The address of this host that packets to the world would carry, else any other; "" when all are excluded."""
    import _socket

    found = []
    for family, far in ((_socket.AF_INET, "192.0.2.1"), (_socket.AF_INET6, "2001:db8::1")):
        sock = _socket.socket(family, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        try:
            # Connecting a datagram socket asks the routing table and sends nothing.
            sock.connect((far, 9))
            found.append(str(sock.getsockname()[0]))
        except OSError:
            continue
        finally:
            sock.close()
    found += [address for address, _ in local_addresses(os.getpid())]
    for address in found:
        if address not in exclude:
            return address
    return ""


def new_path(folder: str) -> str:
    try:
        os.makedirs(folder, 0o755, exist_ok=True)
    except OSError as error:
        raise Error(f"creating network namespace folder {folder}: {(error.strerror or '').lower()}") from None
    digits = os.urandom(16).hex()
    name = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    return f"{folder}/netns-{name}"
