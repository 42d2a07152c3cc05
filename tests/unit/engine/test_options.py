"""Options of run and create: what each syntax means, and podman's words for what it does not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ocicore.engine import create_namespaces, image_changes
from ocicore.engine.create_options import CreateOptions
from ocicore.engine.options import (
    env,
    health,
    labels,
    mounts,
    namespaces,
    resources,
    restart,
    security,
    ulimits,
    volumes,
)
from ocicore.errors import Error, InvalidInput


def test_env_entries_take_values_from_the_host() -> None:
    host = {"A": "1", "AB": "2", "B": "3"}
    assert env.read_entries(["X=y=z", "A", "MISSING", "EMPTY="], host) == {"X": "y=z", "A": "1", "EMPTY": ""}
    assert env.read_entries(["A*"], host) == {"A": "1", "AB": "2"}
    assert env.read_entries([""], host) == {}
    with pytest.raises(InvalidInput, match="name is empty"):
        env.read_entries(["=x"], host)


def test_env_file(tmp_path: Path) -> None:
    path = tmp_path / "env"
    path.write_text("# comment\n\n  A=1 2 # not a comment\nHOST\nB=\r\n")
    assert env.read_file(str(path), {"HOST": "h"}) == {"A": "1 2 # not a comment", "HOST": "h", "B": ""}
    path.write_text("ODD KEY=1\nAND ANOTHER\n")  # as podman 5 has it
    assert env.read_file(str(path), {}) == {"ODD KEY": "1"}
    path.write_text("A=1\n=2\n")
    with pytest.raises(InvalidInput, match='line 2: invalid variable: "=2"'):
        env.read_file(str(path), {})
    with pytest.raises(Error, match="no such file"):
        env.read_file(str(tmp_path / "missing"), {})


def merged(**more: Any) -> dict[str, str]:
    values: dict[str, Any] = {
        "configured": ["PATH=/bin", "C=conf"],
        "image": ["I=image", "C=image"],
        "host": {"H": "host", "http_proxy": "p"},
        "use_host": False,
        "use_proxy": False,
        "files": [],
        "entries": [],
        "merged": [],
        "unset": [],
        "unset_all": False,
        **more,
    }
    return env.merge(**values)


def test_env_precedence() -> None:
    assert merged() == {"PATH": "/bin", "C": "image", "I": "image"}
    assert merged(use_proxy=True)["http_proxy"] == "p"
    assert merged(use_host=True, entries=["H=mine"])["H"] == "mine"
    assert merged(entries=["C=mine"], merged=["C=${C}-more"])["C"] == "mine-more"
    assert merged(unset=["I"]) == {"PATH": "/bin", "C": "image"}
    assert merged(unset_all=True, entries=["X=1"]) == {"X": "1"}


def test_labels(tmp_path: Path) -> None:
    path = tmp_path / "labels"
    path.write_text("a=file\nb\n# no\n")
    assert labels.read_labels([str(path)], ["a=given"]) == {"a": "given", "b": ""}
    with pytest.raises(InvalidInput, match="key is empty"):
        labels.read_labels([], ["=x"])
    with pytest.raises(InvalidInput, match="KEY=VALUE"):
        labels.read_annotations(["x"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nofile=10:20", {"type": "nofile", "soft": 10, "hard": 20}),
        ("nofile=10", {"type": "nofile", "soft": 10, "hard": 10}),
        ("RLIMIT_CORE=-1", {"type": "core", "soft": -1, "hard": -1}),
        ("core=0:unlimited", {"type": "core", "soft": 0, "hard": -1}),
    ],
)
def test_ulimits(text: str, expected: dict[str, Any]) -> None:
    assert ulimits.read([text]) == ([expected], False)


def test_ulimit_mistakes() -> None:
    assert ulimits.read(["host"]) == ([], True)
    assert ulimits.read(["core=1", "core=2"])[0][0]["soft"] == 2
    for text, words in (
        ("nofile", "invalid ulimit argument"),
        ("x=1", "invalid ulimit type"),
        ("core=3:2", "less than"),
    ):
        with pytest.raises(InvalidInput, match=words):
            ulimits.read([text])


def test_restart_policies() -> None:
    assert restart.read("on-failure:3") == {"name": "on-failure", "max_retries": 3}
    assert restart.read("never")["name"] == "no"
    for text in ("sometimes", "always:3", "on-failure:x"):
        with pytest.raises(InvalidInput):
            restart.read(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data", {"type": "volume", "name": "", "anonymous": True, "destination": "/data"}),
        ("/a:/b", {"type": "bind", "source": "/a", "destination": "/b", "options": []}),
        ("./a/..:/b:ro", {"type": "bind", "source": "/here", "destination": "/b", "options": ["ro"]}),
        (
            "vol:/b:Z,nocopy",
            {"type": "volume", "name": "vol", "destination": "/b", "options": ["Z", "nocopy"]},
        ),
        ("/a:/b:O", {"type": "overlay", "source": "/a", "destination": "/b", "options": ["O"]}),
        (r"/a\:b:/c/", {"type": "bind", "source": "/a:b", "destination": "/c", "options": []}),
    ],
)
def test_volume_syntax(text: str, expected: dict[str, Any]) -> None:
    assert volumes.read_volume(text, working_dir="/here") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/a:b", "must be an absolute path"),
        (":/b", "host directory cannot be empty"),
        ("/a:/b:ro,rw", "cannot pass more than one"),
        ("/a:/b:bogus", "invalid mount option"),
        ("/a:/b:ro:x", "incorrect volume format"),
        ("", "incorrect volume format"),
    ],
)
def test_volume_mistakes(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        volumes.read_volume(text, working_dir="/")


def test_two_mounts_in_one_place() -> None:
    one = volumes.read_tmpfs("/t:size=1m")
    assert one["options"] == ["size=1m"]
    with pytest.raises(InvalidInput, match="/t: duplicate mount destination"):
        volumes.unify([one, volumes.read_volume("/x:/t", working_dir="/")])


def test_volumes_from() -> None:
    assert volumes.read_volumes_from("web:ro,z") == ("web", ["ro", "z"])
    with pytest.raises(InvalidInput, match="cannot specify both"):
        volumes.read_volumes_from("web:ro,rw")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "type=bind,src=/a,dst=/b,ro",
            {"type": "bind", "source": "/a", "destination": "/b", "options": ["ro"]},
        ),
        (
            "type=bind,source=/a,target=/b,bind-propagation=rslave,relabel=private,ro=false",
            {"type": "bind", "source": "/a", "destination": "/b", "options": ["rslave", "Z", "rw"]},
        ),
        ("src=v,dst=/b,U", {"type": "volume", "name": "v", "destination": "/b", "options": ["U"]}),
        (
            "type=volume,src=v,dst=/b,subpath=x",
            {"type": "volume", "name": "v", "destination": "/b", "options": [], "sub_path": "x"},
        ),
        (
            "type=tmpfs,dst=/t,tmpfs-size=1k,tmpfs-mode=700,notmpcopyup",
            {
                "type": "tmpfs",
                "source": "tmpfs",
                "destination": "/t",
                "options": ["size=1024", "mode=700", "notmpcopyup"],
            },
        ),
        (
            "type=image,src=i,dst=/i,rw=true",
            {"type": "image", "name": "i", "destination": "/i", "read_write": True, "sub_path": ""},
        ),
        (
            "type=devpts,dst=/p,uid=1",
            {"type": "devpts", "source": "devpts", "destination": "/p", "options": ["uid=1"]},
        ),
    ],
)
def test_mount_syntax(text: str, expected: dict[str, Any]) -> None:
    assert mounts.read(text, working_dir="/") == [expected]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("type=bogus,dst=/x", 'invalid filesystem type "bogus"'),
        ("type=bind,dst=/x", "host directory cannot be empty"),
        ("type=bind,src=/x", "must set volume destination"),
        ("type=bind,src=/x,dst=/y,bogus=1", "bogus: invalid mount option"),
        ("type=tmpfs,src=/x,dst=/y", "src: invalid mount option"),
        ("type=bind,src=/a,src=/b,dst=/c", "more than once"),
        ("type=image,dst=/x", "must set source"),
    ],
)
def test_mount_mistakes(text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        mounts.read(text, working_dir="/")


def test_glob_mount(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.bin"):
        (tmp_path / name).touch()
    found = mounts.read(f"type=glob,src={tmp_path}/*.txt,dst=/m,ro", working_dir="/")
    assert [mount["destination"] for mount in found] == ["/m/a.txt", "/m/b.txt"]
    with pytest.raises(InvalidInput, match="no file paths matching"):
        mounts.read(f"type=glob,src={tmp_path}/*.zip,dst=/m", working_dir="/")


def test_namespace_modes(tmp_path: Path) -> None:
    def resolve(name: str) -> str:
        return name * 8

    assert namespaces.check("pid", "", resolve) == ""
    assert namespaces.check("ipc", "shareable", resolve) == "shareable"
    assert namespaces.check("pid", "container:ab", resolve) == "container:" + "ab" * 8
    assert namespaces.check("uts", f"ns:{tmp_path}", resolve) == f"ns:{tmp_path}"
    for kind, text in (("pid", "shareable"), ("uts", "bogus"), ("pid", "container:"), ("pid", "ns:/nowhere")):
        with pytest.raises(InvalidInput):
            namespaces.check(kind, text, resolve)
    assert namespaces.resolve_mode("pid", "container:x", lambda _: 7, default="private") == {
        "mode": "path",
        "path": "/proc/7/ns/pid",
    }
    assert namespaces.resolve_mode("ipc", "", lambda _: 7, default="host") == {"mode": "host"}


def limits(**values: Any) -> dict[str, Any]:
    options = CreateOptions(values)
    return dict(resources.read(options, default_pids_limit=2048, cgroups="enabled", given=options.given))


def test_resources() -> None:
    assert limits() == {"pids_limit": 2048}
    assert limits(memory="10m") == {"memory": 10 << 20, "memory_swap": 20 << 20, "pids_limit": 2048}
    assert limits(memory="10m", memory_swap="-1")["memory_swap"] == -1
    assert limits(cpus=1.5) == {"cpu_period": 100_000, "cpu_quota": 150_000, "pids_limit": 2048}
    assert "pids_limit" not in limits(pids_limit=-1)
    assert limits(cgroup_conf=["memory.high=1000"])["unified"] == {"memory.high": "1000"}  # --cgroup-conf
    assert limits(device_read_bps=["/dev/sda:1mb"])["device_read_bps"] == [
        {"path": "/dev/sda", "rate": 1 << 20}
    ]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"memory": "x"}, "invalid value for memory"),
        ({"memory_swap": "10m"}, "always set the memory limit"),
        ({"memory": "10m", "memory_swap": "5m"}, "larger than memory limit"),
        ({"memory": "10m", "memory_reservation": "20m"}, "reservation"),
        ({"cpus": 1.0, "cpu_quota": 5}, "cannot be set together"),
        ({"blkio_weight": "5"}, "from 10 to 1000"),
        ({"memory_swappiness": 101}, "range is 0-100"),
        ({"device_read_iops": ["sda:1"]}, "bad format"),
    ],
)
def test_resource_mistakes(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        limits(**values)


def rights(*options: str) -> dict[str, Any]:
    found, _ = security.read(
        options,
        privileged=False,
        cap_add=(),
        cap_drop=(),
        default_capabilities=("CAP_CHOWN",),
        default_seccomp="",
        default_apparmor="",
    )
    return dict(found)


def test_security_options(tmp_path: Path) -> None:
    assert rights("no-new-privileges")["no_new_privileges"] is True
    assert rights("no-new-privileges:false")["no_new_privileges"] is False
    assert rights("seccomp=unconfined")["seccomp"] == "unconfined"
    assert rights("mask=/a:/b", "unmask=ALL")["mask"] == ["/a", "/b"]
    assert rights("proc-opts=hidepid=2,nosuid")["proc_opts"] == ["hidepid=2", "nosuid"]
    for text in ("bogus", "bogus=1", "label=nonsense"):
        with pytest.raises(InvalidInput):
            rights(text)
    with pytest.raises(Error, match="opening seccomp profile failed"):
        rights(f"seccomp={tmp_path}/missing.json")


def check(given: frozenset[str] = frozenset(), **more: Any) -> dict[str, Any] | None:
    values: dict[str, Any] = {
        "image": {},
        "disabled": False,
        "cmd": "",
        "interval_text": "30s",
        "retries": 3,
        "start_period": "0s",
        "timeout": "30s",
        **more,
    }
    return health.read(given=given, **values)


def test_health_checks() -> None:
    second = 1_000_000_000
    assert check() is None
    assert check(cmd="curl x") == {
        "Test": ["CMD-SHELL", "curl x"],
        "Interval": 30 * second,
        "Timeout": 30 * second,
        "StartPeriod": 0,
        "Retries": 3,
    }
    assert (check(cmd='["curl", "x"]') or {})["Test"] == ["CMD", "curl", "x"]
    assert check(cmd="none") is None
    assert check(image={"Test": ["NONE"]}) is None
    own = check(
        image={"Test": ["CMD", "x"], "Interval": 5 * second}, given=frozenset(("health_retries",)), retries=9
    )
    assert own is not None
    assert (own["Interval"], own["Retries"]) == (5 * second, 9)
    assert (check(cmd="x", interval_text="disable") or {})["Interval"] == 0
    for more in ({"retries": 0}, {"timeout": "1ms"}, {"interval_text": "x"}):
        with pytest.raises(InvalidInput):
            check(cmd="x", **more)
    with pytest.raises(InvalidInput, match="cannot specify both"):
        check(cmd="x", disabled=True)


def test_keep_id_maps_the_user_to_itself() -> None:
    host = SimpleNamespace(
        uid_map=[(0, 1000, 1), (1, 100000, 65536)], gid_map=[(0, 1000, 1), (1, 100000, 65536)]
    )
    engine: Any = SimpleNamespace(
        rootless=True, host=host, user=SimpleNamespace(uid=1000, gid=1000), environ={}
    )
    mapping = create_namespaces.user_mapping(engine, CreateOptions({}), "keep-id")
    assert create_namespaces.describe(mapping.uids) == ["0:1:1000", "1000:0:1", "1001:1001:64536"]
    assert mapping.user == "1000:1000"
    other = create_namespaces.user_mapping(engine, CreateOptions({}), "keep-id:uid=5,gid=6,size=10")
    assert create_namespaces.describe(other.uids) == ["0:1:5", "5:0:1", "6:6:4"]
    with pytest.raises(InvalidInput, match="unknown option"):
        create_namespaces.user_mapping(engine, CreateOptions({}), "keep-id:x=1")


def test_unknown_create_option() -> None:
    with pytest.raises(AttributeError):
        CreateOptions({}).bogus  # noqa: B018


def test_image_changes() -> None:
    settings: dict[str, Any] = {"Env": ["A=1"]}
    image_changes.apply(
        settings,
        [
            "ENV A=2",
            "ENV B=two words",
            'CMD ["x", "y"]',
            "ENTRYPOINT run it",
            "EXPOSE 80 53/udp",
            "LABEL k='v w'",
            "USER me",
            "workdir=/w",
        ],
    )
    assert settings["Env"] == ["A=2", "B=two", "words="]
    assert settings["Cmd"] == ["x", "y"]
    assert settings["Entrypoint"] == ["/bin/sh", "-c", "run it"]
    assert settings["ExposedPorts"] == {"80/tcp": {}, "53/udp": {}}
    assert settings["Labels"] == {"k": "v w"}
    assert (settings["User"], settings["WorkingDir"]) == ("me", "/w")
    with pytest.raises(InvalidInput, match="must be one of"):
        image_changes.apply(settings, ["RUN x"])
