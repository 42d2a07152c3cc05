"""Scenarios run as an ordinary user inside its user namespace: `python -m support.rootless_scenarios NAME FOLDER`.

Prints one JSON object; the tests in tests/rootless start it and look at the answer.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import sys
import time
from pathlib import Path
from typing import Any

from ocicore.linux import userns
from ocicore.network import modes, netns, ports, setup
from support.monitored import Container, conmons

HELPERS = ("/usr/libexec/podman", "/usr/lib/podman")


def plain(folder: Path) -> dict[str, Any]:
    """Output, status, identity and mounts of a container without network."""
    script = "id -u; cat /proc/self/uid_map; grep CapEff /proc/self/status; mount | grep -E ' /(proc|sys) '; exit 3"
    answers = []
    for conmon in conmons():
        with Container(folder, conmon, "sh", "-c", script) as container:
            answers.append(container.run())
    return {"answers": answers}


def host_network(folder: Path) -> dict[str, Any]:
    """The host's network namespace: /sys cannot be mounted anew."""
    with Container(
        folder,
        conmons()[0],
        "sh",
        "-c",
        "mount | grep ' /sys '; ls /sys/kernel",
        namespaces={"net": {"mode": "host"}},
    ) as container:
        status, text = container.run()
        return {"status": status, "text": text}


def keep_id(folder: Path) -> dict[str, Any]:
    """A second user namespace in which the user keeps its own id."""
    uid = 1000
    maps = [
        {"container_id": 0, "host_id": 1, "size": uid},
        {"container_id": uid, "host_id": 0, "size": 1},
    ]
    with Container(
        folder,
        conmons()[0],
        "sh",
        "-c",
        "id -u; id -g",
        uid_mappings=maps,
        gid_mappings=maps,
        user=f"{uid}:{uid}",
    ) as container:
        status, text = container.run()
        return {"status": status, "text": text}


def network(folder: Path, mode: str) -> dict[str, Any]:
    """One network mode: addresses inside, and a published port."""
    runtime_dir = os.environ["XDG_RUNTIME_DIR"]
    env = setup.NetworkEnvironment(
        config_dir=str(folder / "networks"),
        run_dir=f"{runtime_dir}/containers/networks",
        rootless=True,
        helper_dirs=HELPERS,
        environ=dict(os.environ),
    )
    parsed = modes.parse([mode], rootless=True, default_network="podman", rootless_command="pasta")
    path = netns.create(netns.directory(runtime_dir, rootless=True))
    mapping = ports.assign(ports.parse("127.0.0.1::8000"))
    script = "ip -o -4 addr; echo reply | nc -l -p 8000"
    try:
        with Container(
            folder, conmons()[0], "sh", "-c", script, namespaces={"net": {"mode": "path", "path": path}}
        ) as container:
            request = setup.NetworkRequest(
                container_id=container.id,
                container_name="c",
                netns_path=path,
                mode=parsed,
                run_dir=str(container.run_dir),
                ports=mapping,
            )
            status = setup.setup(request, env=env, warn=container.warnings.append)
            try:
                container.create()
                container.start()
                reply = ask(mapping[0]["host_port"])
                code = container.wait()
            finally:
                setup.teardown(request, env=env, warn=container.warnings.append)
            left = Path(f"{runtime_dir}/containers/networks/rootless-netns").exists()
            return {
                "status": status,
                "reply": reply,
                "code": code,
                "text": container.output(),
                "warnings": container.warnings,
                "left": left,
            }
    finally:
        netns.remove(path)


def ask(port: int) -> str:
    """What a published port answers, once somebody listens behind it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as connection:
                text = connection.recv(100).decode()
                if text:
                    return text
        except OSError:
            pass
        time.sleep(0.05)
    return ""


def main() -> int:
    name, folder = sys.argv[1], Path(sys.argv[2])
    user = pwd.getpwuid(os.getuid())
    runtime_dir = os.environ["XDG_RUNTIME_DIR"]
    uid, gid = os.getuid(), os.getgid()
    entered = userns.ensure(f"{runtime_dir}/libpod/tmp/pause.pid", user.pw_name, uid, gid, print)
    os.environ["_CONTAINERS_ROOTLESS_UID"] = str(uid)
    kind, _, argument = name.partition(":")
    try:
        function = {"plain": plain, "host_network": host_network, "keep_id": keep_id, "network": network}[
            kind
        ]
        answer = function(folder, argument) if argument else function(folder)
        print(json.dumps(answer))
    finally:
        os.kill(entered.pause_pid, 9)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
