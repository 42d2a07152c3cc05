"""Keys of containers.conf, each by what it changes."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_life import IMAGE, NONET, until

pytestmark = pytest.mark.root


def _with(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / f"{len(list(tmp_path.glob('*.conf')))}.conf"
    path.write_text(text)
    return {"CONTAINERS_CONF_OVERRIDE": str(path)}


def test_kind_of_generated_yaml(pypod: Tool, tmp_path: Path) -> None:
    pypod("create", "--name", "c", "--cap-drop", "fowner", "--security-opt", "unmask=all", *NONET, IMAGE)
    env = _with(tmp_path, '[engine]\nkube_generate_type="deployment"\n')
    assert "kind: Deployment" in pypod.out("kube", "generate", "c", env=env)
    text = pypod.out("kube", "generate", "--type", "pod", "c", env=env)
    assert "kind: Pod" in text
    assert "- CAP_FOWNER" in text
    (tmp_path / "pod.yaml").write_text(text)
    pypod("kube", "play", "--network", "none", "--start=false", f"{tmp_path}/pod.yaml")
    shown = pypod.out("inspect", "--format", "{{.HostConfig.SecurityOpt}} {{.HostConfig.CapDrop}}", "c-pod-c")
    assert shown.startswith("[unmask=all] ")
    assert "CAP_FOWNER" in shown
    pypod("pod", "rm", "-f", "c-pod")


def test_owner_of_copied_files(pypod: Tool, tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    os.chown(tmp_path / "f", 7, 7)
    pypod("run", "-d", "--name", "c", "--user", "9", *NONET, IMAGE, "sleep", "1000")
    env = _with(tmp_path, "[engine]\nchown_copied_files=false\n")
    for name, words, owner in (("a", (), "7"), ("b", ("--archive",), "9")):
        pypod("cp", *words, f"{tmp_path}/f", f"c:/{name}", env=env)
        assert pypod.out("exec", "c", "stat", "-c", "%u", f"/{name}") == owner


def test_checks_without_events(pypod: Tool, tmp_path: Path) -> None:
    check = ("--health-cmd", "true", "--health-interval", "1s")
    for name, text in (("silent", "healthcheck_events=false"), ("told", "healthcheck_events=true")):
        env = _with(tmp_path, f"[engine]\n{text}\n")
        pypod("run", "-d", "--name", name, *check, *NONET, IMAGE, "sleep", "1000", env=env)
    health = ("inspect", "--format", "{{.State.Health.Status}}")
    until(lambda: {pypod.out(*health, name) for name in ("silent", "told")} == {"healthy"}, "two checks")
    events = ("events", "--stream=false", "--filter", "event=health_status", "--format", "{{.Name}}")
    assert set(pypod.out(*events).split()) == {"told"}


def test_checks_are_events_where_no_other_event_made_the_folder(pypod: Tool) -> None:
    """The monitor writes them to a file, whatever keeps the other events: the journal makes no folder for it."""
    shutil.rmtree(f"{pypod.argv[pypod.argv.index('--tmpdir') + 1]}/events", ignore_errors=True)
    check = ("--health-cmd", "true", "--health-interval", "1h")
    silent = pypod.with_options("--events-backend", "none")
    silent("run", "-d", "--name", "told", *check, *NONET, IMAGE, "sleep", "1000")
    silent("wait", "--condition", "healthy", "told")
    events = ("events", "--stream=false", "--filter", "event=health_status", "--format", "{{.Name}}")
    assert set(pypod.out(*events).split()) == {"told"}


def test_environment_and_keyring_of_the_monitor(pypod: Tool, tmp_path: Path) -> None:
    env = _with(tmp_path, '[containers]\nkeyring=false\n[engine]\nconmon_env_vars=["LIFE=x"]\n')
    pypod("run", "-d", "--name", "c", *NONET, IMAGE, "sleep", "1000", env=env)
    pid = pypod.out("inspect", "--format", "{{.State.ConmonPid}}", "c")
    assert b"\0LIFE=x\0" in Path(f"/proc/{pid}/environ").read_bytes()
    assert b"--no-new-keyring" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_port_that_is_taken_leaves_the_other_container_alone(pypod: Tool, tmp_path: Path) -> None:
    """The second container fails before anything of the first one's forwarding is touched, unless ports are not held at all."""
    (tmp_path / "index.txt").write_text("served")
    network = ("--network-config-dir", f"{tmp_path}/networks")
    pypod = pypod.with_options(*network)
    port = 20000 + os.getpid() % 10000
    words = ("-p", f"{port}:80", "-v", f"{tmp_path}:/www", IMAGE, "httpd", "-f", "-p", "80", "-h", "/www")
    pypod("run", "-d", "--name", "web", *words)
    assert (
        "address already in use" in pypod("run", "--rm", "-p", f"{port}:80", IMAGE, "true", status=126).stderr
    )

    def answer() -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/index.txt", timeout=3) as reply:
                return str(reply.read().decode())
        except OSError:
            return ""

    until(lambda: answer() == "served", "the first container's answer")
    env = _with(tmp_path, "[engine]\nenable_port_reservation=false\n")
    pypod("run", "--rm", "-p", f"{port + 1}:80", IMAGE, "true", env=env)


def test_default_sysctls_in_networks_of_their_own(pypod: Tool, tmp_path: Path) -> None:
    """On a bridge and in pods as well; a container in another's network leaves that as it is."""
    pypod = pypod.with_options("--network-config-dir", f"{tmp_path}/networks")
    env = _with(tmp_path, '[containers]\ndefault_sysctls=["net.ipv4.ping_group_range=0 7"]\n')
    read = ("cat", "/proc/sys/net/ipv4/ping_group_range")
    for network in ("none", "podman"):
        assert pypod.out("run", "--rm", "--network", network, IMAGE, *read, env=env) == "0\t7"
    pypod("pod", "create", "--name", "p", "--network", "podman", env=env)
    assert pypod.out("run", "--rm", "--pod", "p", IMAGE, *read, env=env) == "0\t7"
    pypod("pod", "rm", "-f", "-t", "0", "p")


def test_names_of_pod_members(pypod: Tool) -> None:
    """Members of a pod reach each other by name while they run, as in podman's hosts file."""
    pypod("pod", "create", "--name", "p", "--network", "none")
    pypod("run", "-d", "--pod", "p", "--name", "one", IMAGE, "sleep", "1000")
    seen = pypod.out("run", "--rm", "--pod", "p", "--name", "two", IMAGE, "cat", "/etc/hosts")
    assert "127.0.0.1\tone\n127.0.0.1\ttwo" in seen
    again = pypod.out("exec", "one", "cat", "/etc/hosts")
    assert "127.0.0.1\tone" in again
    assert "two" not in again
    pypod("pod", "rm", "-f", "-t", "0", "p")


def test_fields_of_info_and_networks(pypod: Tool, tmp_path: Path) -> None:
    assert "slirp4netns" in pypod.out("info", "--format", "{{.Host.Slirp4NetNS.Executable}}")
    pypod("create", "--name", "c", "--network", "ns:/proc/self/ns/net", "--dns-opt", "ndots:2", IMAGE)
    assert pypod.out("inspect", "--format", "{{.NetworkSettings.Networks}}", "c") == "map[]"
    pypod = pypod.with_options("--network-config-dir", f"{tmp_path}/networks")
    name = f"net-{os.getpid()}"
    pypod("network", "create", name)
    pypod("run", "-d", "--name", "on", "--hostname", "given", "--network", name, IMAGE, "sleep", "1000")
    members = json.loads(pypod.out("network", "inspect", name))[0]["containers"]
    (member,) = members.values()
    assert list(member["interfaces"]["eth0"]) == ["subnets", "mac_address"]
    assert list(member["interfaces"]["eth0"]["subnets"][0]) == ["ipnet", "gateway"]
    # Others find it by the host name it was given, too.
    address = member["interfaces"]["eth0"]["subnets"][0]["ipnet"].partition("/")[0]
    words = ("--rm", "--network", name, IMAGE, "busybox", "nslookup", "given.dns.podman")
    assert address in pypod("run", *words, status=None).stdout
    pypod("rm", "-f", "-t", "0", "on")
    pypod("network", "rm", name)


def test_volumes_are_filled_when_the_container_is_made(pypod: Tool, tmp_path: Path) -> None:
    words = ("create", *NONET, "-v", "early:/etc", IMAGE, "true")
    template = ("volume", "inspect", "--format", "{{.Mountpoint}}", "early")
    pypod("rm", pypod.out(*words))
    place = Path(pypod.out(*template))
    assert not (place / "passwd").exists()
    env = _with(tmp_path, "[containers]\nprepare_volume_on_create=true\n")
    container = pypod.out(*words, env=env)
    assert (place / "passwd").read_text().startswith("root:")
    assert pypod.out(
        "inspect", "--format", "{{.State.Status}} {{.GraphDriver.Data.MergedDir}}", container
    ).startswith("created")
    assert not [
        line
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
        if f"{tmp_path}" in line and "/merged" in line
    ]
    pypod("rm", container)
    pypod("volume", "rm", "early")


def test_runtimes_and_what_they_can_do(pypod: Tool, tmp_path: Path) -> None:
    """Which one an image's platform wants, and which speak JSON or do without cgroups."""
    folder = tmp_path / "runtimes"
    folder.mkdir()
    for name in ("own", "wasm"):
        text = f'#!/bin/sh\necho "$*" >> {folder}/{name}.words\nexec runc "$@"\n'
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    table = f'[engine]\nruntime="own"\n[engine.runtimes]\nown=["{folder}/own"]\nwasm=["{folder}/wasm"]\n'
    machine = pypod.out("image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", IMAGE)
    env = _with(tmp_path, f'{table}[engine.platform_to_oci_runtime]\n"{machine}"="wasm"\n')
    pypod("run", "--rm", *NONET, IMAGE, "true", env=env)
    assert not (folder / "own.words").exists()
    assert "create --bundle" in (folder / "wasm.words").read_text()
    env = _with(tmp_path, table)
    told = pypod("run", "--rm", *NONET, IMAGE, "/no-such-program", env=env, status=127).stderr
    assert "/no-such-program" in told
    assert "--log-format=json" not in (folder / "own.words").read_text()
    disabled = ("run", "--rm", *NONET, "--cgroups=disabled", IMAGE, "true")
    assert "own is not compatible with NoCgroups" in pypod(*disabled, env=env, status=125).stderr
    abilities = 'runtime_supports_json=["own"]\nruntime_supports_nocgroup=["own"]\n'
    env = _with(tmp_path, table.replace("[engine]\n", f"[engine]\n{abilities}"))
    told = pypod("run", "--rm", *NONET, IMAGE, "/no-such-program", env=env, status=127).stderr
    assert "/no-such-program" in told
    assert "--log-format=json" in (folder / "own.words").read_text()
    pypod(*disabled, env=env, status=None)  # runc cannot, but it is asked now
    assert "--cgroup-manager disabled" in (folder / "own.words").read_text()


def test_drivers_of_secrets(pypod: Tool, tmp_path: Path) -> None:
    place = tmp_path / "secret"
    opts = "\n".join(
        f'{verb}="{command}"'
        for verb, command in (
            ("store", f"cat > {place}"),
            ("lookup", f"cat {place}"),
            ("delete", f"rm {place}"),
            ("list", "true"),
        )
    )
    env = _with(tmp_path, f'[secrets]\ndriver="shell"\n[secrets.opts]\n{opts}\n')
    pypod("secret", "create", "s", "-", stdin="hidden", env=env)
    assert place.read_text() == "hidden"
    assert pypod.out("secret", "inspect", "--format", "{{.Spec.Driver.Name}}", "s") == "shell"
    pypod("secret", "create", "--driver", "file", "t", "-", stdin="x")
    assert pypod.out("secret", "inspect", "--format", "{{.Spec.Driver.Name}}", "t") == "file"
    pypod("secret", "rm", "s", "t")
    assert not place.exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[network]\nnetwork_backend="cni"', 'unsupported network backend "cni"'),
        ('[engine]\nnamespace="x"', "namespaces are not supported"),
        ('[engine]\ndatabase_backend="x"', 'unsupported database backend: "x"'),
        ('[engine]\nlock_type="x"', "unknown lock type x"),
    ],
)
def test_what_podman_refuses(pypod: Tool, tmp_path: Path, text: str, reason: str) -> None:
    refused = pypod("ps", env=_with(tmp_path, f"{text}\n"), status=125).stderr
    assert reason in refused
    assert refused.count("\n") == 1


def test_helpers_of_another_folder(pypod: Tool, tmp_path: Path) -> None:
    """CONTAINERS_HELPER_BINARY_DIR comes first."""
    (tmp_path / "netavark").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "netavark").chmod(0o755)
    words = ("run", "--rm", "--network", "bridge", IMAGE, "true")
    assert pypod(*words, env={"CONTAINERS_HELPER_BINARY_DIR": str(tmp_path)}, status=None).returncode != 0
