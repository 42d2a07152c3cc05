"""Flags of `run` and `create`, each by what it does: inside the container, or in what `inspect` tells of it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.programs import Tool
from support.pypod_life import IMAGE, NONET, status_of
from support.pypod_store import pypod_with_box
from support.rootfs import busybox_tar

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def pypod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tool]:
    """One store for all of them: nothing here depends on what another test left."""
    with pypod_with_box(tmp_path_factory.mktemp("store")) as tool:
        yield tool


def _inside(pypod: Tool, flags: tuple[str, ...], command: str, **more: object) -> str:
    """What a shell command prints in a new container."""
    return pypod.out("run", "--rm", *NONET, *flags, IMAGE, "sh", "-c", command, **more)  # type: ignore[arg-type]


#: flags, a shell command, and what it prints.
INSIDE = {
    "add-host": (("--add-host", "a.b;c:192.0.2.1"), "grep -w c /etc/hosts", "192.0.2.1\ta.b c"),
    "dns": (
        ("--network", "bridge", "--dns", "192.0.2.2", "--dns-search", "x.example", "--dns-option", "ndots:3"),
        "cat /etc/resolv.conf",
        "search x.example\nnameserver 192.0.2.2\noptions ndots:3",
    ),
    "env-merge": (("-e", "A=1", "--env-merge", "A=${A}2"), "echo $A", "12"),
    "passwd-entry": (
        ("-u", "77", "--passwd-entry", "$UID:x:$UID:9:me:/:/bin/false"),
        "grep :77: /etc/passwd",
        "77:x:77:9:me:/:/bin/false",
    ),
    "group-entry": (("-u", "77:78", "--group-entry", "us:x:$GID:"), "grep :78: /etc/group", "us:x:78:"),
    "passwd": (("-u", "77", "--passwd=false"), "grep -c :77: /etc/passwd", "0"),
    "hostuser": (("--hostuser", "nobody"), "grep -c ^nobody: /etc/passwd", "1"),
    "http-proxy": (("--http-proxy=false",), "echo $http_proxy.", "."),
    "shm-size": (("--shm-size", "5m"), "df -k /dev/shm | tail -1 | awk '{print $2}'", "5120"),
    "shm-size-systemd": (
        ("--systemd", "always", "--shm-size-systemd", "6m"),
        "df -k /run | tail -1 | awk '{print $2}'; echo $container",
        "6144\npodman",
    ),
    "unsetenv": (("-e", "A=1", "-e", "B=2", "--unsetenv", "A"), "echo $A.$B", ".2"),
    "unsetenv-all": (("--unsetenv-all", "-e", "B=2", "-e", "PATH=/bin"), "echo $container.$B", ".2"),
    "no-hostname": (("--no-hostname",), "test -e /etc/hostname || echo none", "none"),
    "read-only": (("--read-only", "--read-only-tmpfs=false"), "touch /tmp/x 2>&1", "touch: /tmp/x: Read-only file system"),
    "interactive": (("--interactive",), "cat", "typed"),
    "volume": (("--volume", "/etc/hostname:/given:ro"), "(echo x >/given) 2>/dev/null || echo ro", "ro"),
    "chrootdirs": (
        ("--tmpfs", "/jail/etc", "--chrootdirs", "/jail", "--add-host", "h:192.0.2.3"),
        "grep -c 192.0.2.3 /jail/etc/hosts",
        "1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("flag", INSIDE)
def test_inside(pypod: Tool, flag: str) -> None:
    flags, command, expected = INSIDE[flag]
    environ = {"http_proxy": "http://192.0.2.1"} if flag == "http-proxy" else {}
    stdin = "typed" if flag == "interactive" else None
    network = () if "--network" in flags else NONET
    words = ("run", "--rm", *network, *flags, IMAGE, "sh", "-c", command)
    done = pypod(*words, env=environ, stdin=stdin, status=None)
    assert done.stdout.rstrip("\n") == expected, done.stderr


#: flags, a template, and what `inspect` says.
TOLD = {
    "blkio": (("--blkio-weight", "123"), "{{.HostConfig.BlkioWeight}}", "123"),
    "cpu-period": (
        ("--cpu-period", "50000", "--cpu-quota", "20000"),
        "{{.HostConfig.CpuPeriod}} {{.HostConfig.CpuQuota}}",
        "50000 20000",
    ),
    "cpuset": (
        ("--cpuset-cpus", "0", "--cpuset-mems", "0"),
        "{{.HostConfig.CpusetCpus}} {{.HostConfig.CpusetMems}}",
        "0 0",
    ),
    "memory": (
        ("-m", "64m", "--memory-reservation", "32m", "--memory-swap", "96m"),
        "{{.HostConfig.Memory}} {{.HostConfig.MemoryReservation}} {{.HostConfig.MemorySwap}}",
        f"{64 << 20} {32 << 20} {96 << 20}",
    ),
    "oom-kill-disable": (("--oom-kill-disable", "-m", "64m"), "{{.HostConfig.OomKillDisable}}", "true"),
    "device-bps": (
        ("--device-read-bps", "/dev/zero:1mb", "--device-write-bps", "/dev/zero:2mb"),
        "{{json .HostConfig.BlkioDeviceReadBps}}{{json .HostConfig.BlkioDeviceWriteBps}}",
        '[{"Path":"/dev/zero","Rate":1048576}][{"Path":"/dev/zero","Rate":2097152}]',
    ),
    "device-iops": (
        ("--device-read-iops", "/dev/zero:3", "--device-write-iops", "/dev/zero:4"),
        "{{json .HostConfig.BlkioDeviceReadIOps}}{{json .HostConfig.BlkioDeviceWriteIOps}}",
        '[{"Path":"/dev/zero","Rate":3}][{"Path":"/dev/zero","Rate":4}]',
    ),
    "label-file": (("--label-file", "{folder}/labels"), "{{.Config.Labels.a}}", "from a file"),
    "ip": (
        ("--ip", "10.88.77.66", "--mac-address", "02:00:00:00:00:77", "--network-alias", "too"),
        "{{range .NetworkSettings.Networks}}{{.Aliases}}{{end}}",
        "[too {short}]",
    ),
    "hostname-alias": (
        ("--hostname", "given"),
        "{{range .NetworkSettings.Networks}}{{.Aliases}}{{end}}",
        "[{short} given]",
    ),
    "memory-swappiness": (("--memory-swappiness", "33"), "{{.HostConfig.MemorySwappiness}}", "33"),
    "cpu-rt": (
        ("--cpu-rt-period", "100000", "--cpu-rt-runtime", "1000"),
        "{{.HostConfig.CpuRealtimePeriod}} {{.HostConfig.CpuRealtimeRuntime}}",
        "100000 1000",
    ),
    "blkio-weight-device": (
        ("--blkio-weight-device", "/dev/zero:200"),
        "{{json .HostConfig.BlkioWeightDevice}}",
        '[{"Path":"/dev/zero","Weight":200}]',
    ),
    "disable-content-trust": (("--disable-content-trust",), "{{.State.Status}}", "created"),
    "publish-all": (("--publish-all", "--expose", "8080"), "{{len .HostConfig.PortBindings}}", "1"),
    "restart": (("--restart", "on-failure:3"), "{{json .HostConfig.RestartPolicy}}", '{"Name":"on-failure","MaximumRetryCount":3}'),
    "health-log": (
        ("--health-cmd", "true", "--health-max-log-count", "2", "--health-max-log-size", "99"),
        "{{.Config.HealthMaxLogCount}} {{.Config.HealthMaxLogSize}}",
        "2 99",
    ),
    "health-startup": (
        (
            "--health-cmd", "true", "--health-startup-cmd", "false", "--health-startup-success", "4",
            "--health-startup-timeout", "5s",
        ),
        "{{json .Config.StartupHealthCheck}}",
        '{"Test":["CMD-SHELL","false"],"Interval":30000000000,"Timeout":5000000000,"Successes":4}',
    ),
    "timeout": (("--timeout", "50"), "{{.Config.Timeout}}", "50"),
    "tz": (("--tz", "UTC"), "{{.Config.Timezone}}", "UTC"),
}  # fmt: skip


@pytest.mark.parametrize("flag", TOLD)
def test_told(pypod: Tool, tmp_path: Path, flag: str) -> None:
    flags, template, expected = TOLD[flag]
    (tmp_path / "labels").write_text("a=from a file\n")
    network = () if flag in ("ip", "publish-all", "hostname-alias") else NONET
    words = [word.replace("{folder}", str(tmp_path)) for word in flags]
    made = pypod.out("create", *network, *words, IMAGE)
    assert pypod.out("inspect", "--format", template, made) == expected.replace("{short}", made[:12])


#: flags, keys into config.json, and what is there.
CONFIGURED: dict[str, tuple[tuple[str, ...], tuple[str, ...], object]] = {
    "personality": (("--personality", "LINUX32"), ("linux", "personality", "domain"), "LINUX32"),
    "rdt-class": (("--rdt-class", "c1"), ("linux", "intelRdt", "closID"), "c1"),
}


@pytest.mark.parametrize("flag", CONFIGURED)
def test_configured(pypod: Tool, tmp_path: Path, flag: str) -> None:
    """What the runtime is told; whether it can do it is the machine's (resctrl) or its own affair."""
    flags, keys, expected = CONFIGURED[flag]
    # A runtime that keeps the bundle's configuration and does nothing else with the flag.
    keeper = tmp_path / "keeper"
    keeper.write_text(
        '#!/bin/sh\nfor w; do [ "$p" = --bundle ] && cp "$w/config.json" '
        f'{tmp_path}/; p=$w; done\nexec runc "$@"\n'
    )
    keeper.chmod(0o755)
    pypod("--runtime", str(keeper), "run", "--rm", *NONET, *flags, IMAGE, "true")
    found = json.loads((tmp_path / "config.json").read_text())
    for key in keys:
        found = found[key]
    assert found == expected


def test_hosts_of_a_file(pypod: Tool, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("192.0.2.9 fromfile # why\n")
    seen = _inside(pypod, ("--hosts-file", str(tmp_path / "hosts")), "cat /etc/hosts").splitlines()
    assert seen[0] == "192.0.2.9\tfromfile"


def test_kernel_memory_is_no_more(pypod: Tool) -> None:
    done = pypod("create", "--kernel-memory", "5m", *NONET, IMAGE, "true")
    assert "The --kernel-memory flag is no longer supported. This flag is a noop." in done.stderr
    pypod("rm", done.stdout.strip())


def test_signals_stay_outside(pypod: Tool) -> None:
    """--sig-proxy=false: SIGTERM ends the program, not the container; without it, the container is what it reaches."""
    for proxied in ("false", "true"):
        words = ("run", "--name", "sig", f"--sig-proxy={proxied}", *NONET, IMAGE, "sh", "-c")
        script = "trap 'exit 7' TERM; echo ready; while :; do sleep 0.05; done"
        with subprocess.Popen([*pypod.argv, *words, script], stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            assert running.stdout.readline() == "ready\n"
            running.terminate()
            status = running.wait(60)
        if proxied == "false":
            assert status != 7
            assert status_of(pypod, "sig") == "running"
        else:
            assert status == 7
        pypod("rm", "-f", "-t", "0", "sig")


def test_attach_and_streams(pypod: Tool) -> None:
    done = pypod("run", "--rm", *NONET, "--attach", "stdout", IMAGE, "sh", "-c", "echo out; echo err >&2")
    assert (done.stdout, done.stderr) == ("out\n", "")
    pypod("create", "--name", "c", *NONET, IMAGE, "sh", "-c", "echo out; echo err >&2")
    assert pypod("start", "--attach", "c").stderr == "err\n"


def test_namespaces_of_the_host_or_its_own(pypod: Tool) -> None:
    """--cgroupns, and ids from the named entries of /etc/subuid."""
    own = os.readlink("/proc/self/ns/cgroup")
    for kind, same in (("host", True), ("private", False)):
        seen = _inside(pypod, ("--cgroupns", kind), "readlink /proc/self/ns/cgroup")
        assert (seen == own) is same


def test_volumes_of_the_image(pypod: Tool, tmp_path: Path) -> None:
    """--image-volume decides what a VOLUME becomes."""
    (tmp_path / "box.tar").write_bytes(busybox_tar())
    pypod("import", "-c", "VOLUME /data", f"{tmp_path}/box.tar", "localhost/data")
    for kind, seen in (("ignore", ""), ("tmpfs", "tmpfs"), ("anonymous", "anonymous")):
        words = ("run", "--rm", *NONET, f"--image-volume={kind}", "localhost/data")
        found = pypod.out(*words, "sh", "-c", "grep ' /data ' /proc/self/mountinfo || :")
        if kind == "anonymous":
            assert "/_data /data " in found
        else:
            assert (" - tmpfs " in found) is bool(seen)
            assert bool(found) is bool(seen)


def test_descriptors_are_handed_over(pypod: Tool) -> None:
    """--preserve-fds takes those from 3 on."""
    words = ("run", "--rm", *NONET, "--preserve-fds", "1", IMAGE, "cat", "/proc/self/fd/3")
    shell = ["sh", "-c", 'exec "$@" 3</etc/hostname', "sh", *pypod.argv, *words]
    done = subprocess.run(shell, capture_output=True, text=True, check=True)
    assert done.stdout == Path("/etc/hostname").read_text()


def test_rmi_removes_the_image_with_its_last_container(pypod: Tool) -> None:
    pypod("tag", IMAGE, "localhost/other")
    pypod("run", "--rmi", *NONET, "localhost/other", "true")
    pypod("image", "exists", "localhost/other", status=1)


def test_flags_that_need_what_is_not_there(pypod: Tool) -> None:
    """What cannot be done here is one clear line and 125, or the runtime's own error."""
    for flags, word in (
        (("--subuidname", "nobody-has-this"), "nobody-has-this"),
        (("--subgidname", "nobody-has-this"), "nobody-has-this"),
        (("--init", "--init-path", "/none"), "/none"),
        (("--seccomp-policy", "wrong"), "invalid seccomp policy"),
    ):
        refused = pypod("run", "--rm", *NONET, *flags, IMAGE, status=125).stderr
        assert word in refused
        assert len(refused.splitlines()) <= 2


def test_the_hosts_kernel_files_are_not_shown_to_mapped_containers(pypod: Tool) -> None:
    """With the host's network a user namespace needs the host's /sys; debugfs and the like stay behind, on the host they stay."""
    # In a mount namespace of our own, which has such a mount for certain.
    setup = 'mount -t tmpfs fake /sys/kernel/debug; mount --make-rshared /; "$@"; echo; grep -c fake /proc/self/mountinfo'
    enter = ["unshare", "--mount", "sh", "-c", setup, "sh", *pypod.argv]

    def mounts(*flags: str) -> list[str]:
        words = ("run", "--rm", "--network", "host", "--uidmap", "0:100000:1000", "-v", "/run:/outer:shared")
        done = subprocess.run(
            [*enter, *words, *flags, IMAGE, "cat", "/proc/self/mountinfo"],
            capture_output=True,
            text=True,
            check=True,
        )
        seen, _, on_host = done.stdout.rpartition("\n\n")
        assert on_host == "1\n"
        return seen.splitlines()

    seen = mounts()
    assert [line for line in seen if line.split(" ")[4] == "/sys"]
    assert not [line for line in seen if line.split(" ")[4].startswith("/sys/kernel")]
    assert ["shared:" in line for line in seen if line.split(" ")[4] == "/outer"] == [True]
    assert [line for line in mounts("--privileged") if line.split(" ")[4] == "/sys/kernel/debug"]


def test_hooks(pypod: Tool, tmp_path: Path) -> None:
    """A poststop hook runs when the runtime deletes the container, and finds its root file system still mounted."""
    hooks, told = tmp_path / "hooks", tmp_path / "told"
    hooks.mkdir()
    script = tmp_path / "hook.sh"
    # The state on standard input names the bundle, whose config.json names the root file system.
    script.write_text(
        "#!/bin/sh\n"
        'bundle=$(sed \'s/.*"bundle": *"\\([^"]*\\)".*/\\1/\')\n'
        'root=$(sed \'s/.*"root": *{"path": *"\\([^"]*\\)".*/\\1/\' $bundle/config.json)\n'
        f'echo "$1 $(ls $root/bin/busybox)" >>{told}\n'
    )
    script.chmod(0o755)
    for stage in ("createRuntime", "poststop"):
        hook = {
            "version": "1.0.0",
            "hook": {"path": str(script), "args": ["hook", stage]},
            "when": {"annotations": {"^watched$": "yes"}},
            "stages": [stage],
        }
        (hooks / f"{stage}.json").write_text(json.dumps(hook))
    program = Tool([*pypod.argv, f"--hooks-dir={hooks}"], pypod.env)
    program("run", "--rm", *NONET, IMAGE, "true")
    assert not told.exists()
    program("run", "--rm", *NONET, "--annotation", "watched=yes", IMAGE, "true")
    lines = told.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["createRuntime", "poststop"]
    assert all(line.endswith("/merged/bin/busybox") for line in lines)


def test_wait_returns_when_all_is_cleaned_up(pypod: Tool, tmp_path: Path) -> None:
    """As podman's: a slow hook at the end is part of what is waited for."""
    script, mark = tmp_path / "slow.sh", tmp_path / "mark"
    script.write_text(f"#!/bin/sh\ncat >/dev/null\nsleep 1\necho done >{mark}\n")
    script.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    hook = {
        "version": "1.0.0",
        "hook": {"path": str(script)},
        "when": {"always": True},
        "stages": ["poststop"],
    }
    (hooks / "slow.json").write_text(json.dumps(hook))
    program = Tool([*pypod.argv, f"--hooks-dir={hooks}"], pypod.env)
    program("run", "-d", "--name", "slow", *NONET, IMAGE, "sh", "-c", "exit 3")
    assert pypod.out("wait", "slow") == "3"
    assert mark.read_text() == "done\n"
    pypod("rm", "slow")
