"""Flags that no other test names: what each of them changes in a record, in an image, or for a command."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from support.docker_registry import docker_registry
from support.programs import Tool, ours

pytestmark = pytest.mark.root

BASE = "FROM scratch AS base\nADD base.tar /\n"
#: What `from`, `build` and `run` have in common, and what a command of busybox sees of it.
SEEN = {
    "--add-host=example.com:10.9.8.7": ("cat /etc/hosts", "10.9.8.7\texample.com"),
    "--cap-add=CAP_SYS_TIME": ("grep CapEff /proc/self/status", "CapEff:\t00000000820405fb"),
    "--cap-drop=CAP_KILL": ("grep CapEff /proc/self/status", "CapEff:\t00000000800405db"),
    "--dns-search=example.org": ("cat /etc/resolv.conf", "search example.org"),
    "--dns-option=ndots:7": ("cat /etc/resolv.conf", "options ndots:7"),
    "--group-add=4321": ("id -G", "0 4321"),
    "--shm-size=3m": ("df -k /dev/shm", "3072"),
    "--security-opt=no-new-privileges": ("grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t1"),
    "--ulimit=core=0:0": ("ulimit -c", "0"),
}
#: The host's namespaces, by the kernel's names for them.
NAMESPACES = {"ipc": "ipc", "pid": "pid", "uts": "uts", "cgroupns": "cgroup", "net": "net"}


@pytest.fixture
def base(own: Tool, context: Path) -> str:
    """The name of an image with a shell."""
    (context / "Containerfile").write_text(BASE)
    own("build", "-q", "--identity-label=false", "-t", "base", str(context))
    return "base"


def record(tmp_path: Path, own: Tool, name: str) -> Any:
    """buildah.json of a working container."""
    identity = own.out("containers", "--filter", f"name={name}", "-q", "--notruncate")
    return json.loads((tmp_path / f"root/overlay-containers/{identity}/userdata/buildah.json").read_text())


def image(own: Tool, name: str) -> Any:
    return json.loads(own.out("inspect", "--type", "image", name))


def test_from_remembers_how_commands_run(own: Tool, base: str, tmp_path: Path) -> None:
    limits = {
        "cpu-period": ("50000", "CPUPeriod", 50000),
        "cpu-quota": ("20000", "CPUQuota", 20000),
        "cpu-shares": ("77", "CPUShares", 77),
        "cpuset-cpus": ("0", "CPUSetCPUs", "0"),
        "cpuset-mems": ("0", "CPUSetMems", "0"),
        "memory": ("64m", "Memory", 64 << 20),
        "memory-swap": ("-1", "MemorySwap", -1),
        "cgroup-parent": ("/parent", "CgroupParent", "/parent"),
        "http-proxy": ("false", "HTTPProxy", False),
    }
    words = [f"--{name}={value}" for name, (value, _, _) in limits.items()]
    folders = [f"--cni-config-dir={tmp_path}/cni", f"--cni-plugin-path={tmp_path}/plugins"]
    folders += [f"--cdi-config-dir={tmp_path}/cdi", f"--cidfile={tmp_path}/cid", "--suffix=apart"]
    name = own.out("from", *words, *folders, base)
    assert name == "base-apart"
    found = record(tmp_path, own, name)
    options = found["CommonBuildOpts"]
    assert {key: options[key] for _, key, _ in limits.values()} == {
        key: want for _, key, want in limits.values()
    }
    assert found["CNIConfigDir"] == f"{tmp_path}/cni"
    assert found["CNIPluginPath"] == f"{tmp_path}/plugins"
    assert found["CDIConfigDir"] == f"{tmp_path}/cdi"
    assert (tmp_path / "cid").read_text().strip() == found["container-id"]


def test_what_commands_of_a_container_see(own: Tool, base: str) -> None:
    for flag, (command, expected) in SEEN.items():
        container = own.out("from", "--network=host", flag, base)
        assert expected in own.out("run", container, "sh", "-c", command), flag
        own("rm", container)
    for option, kind in NAMESPACES.items():
        container = own.out("from", f"--{option}=host", base)
        inside = own.out("run", container, "readlink", f"/proc/self/ns/{kind}")
        assert inside == os.readlink(f"/proc/self/ns/{kind}"), option
        # What `run` itself is given comes before that.
        if option != "net":
            again = own.out("run", f"--{option}=private", container, "readlink", f"/proc/self/ns/{kind}")
            assert again != inside, option
        own("rm", container)


def test_what_commands_of_a_build_see(own: Tool, base: str, context: Path) -> None:
    for number, (flag, (command, expected)) in enumerate(SEEN.items()):
        (context / "Containerfile").write_text(f"FROM base\nARG n={number}\nRUN {command}\n")
        assert expected in own.out("build", "--network=host", flag, str(context)), flag
    for option, kind in NAMESPACES.items():
        (context / "Containerfile").write_text(f"FROM base\nRUN readlink /proc/self/ns/{kind}\n")
        out = own.out("build", f"--{option}=host", str(context))
        assert os.readlink(f"/proc/self/ns/{kind}") in out.splitlines(), option


def test_run_flags(own: Tool, base: str, tmp_path: Path) -> None:
    container = own.out("from", "--network=none", base)
    effective = own.out(
        "run",
        "--cap-add=CAP_SYS_TIME",
        "--cap-drop=CAP_KILL",
        container,
        "grep",
        "CapEff",
        "/proc/self/status",
    )
    assert effective == "CapEff:\t00000000820405db"
    (tmp_path / "there").mkdir()
    (tmp_path / "there/file").write_text("from there\n")
    mount = ("--mount=type=bind,source=file,target=/bound", "--contextdir", str(tmp_path / "there"))
    assert own.out("run", *mount, container, "cat", "/bound") == "from there"
    own("run", "--add-history", container, "true")
    own("config", "--add-history", "--env", "A=1", container)
    fresh = own.out("from", "--network=none", base)
    own("run", "--no-hostname", "--no-pivot", fresh, "sh", "-c", "! test -e /etc/hostname")
    own("commit", "-q", container, "made")
    created = [entry.get("created_by", "") for entry in image(own, "made")["OCIv1"]["history"]]
    assert any("true" in text for text in created)
    own("run", "--tty=false", container, "sh", "-c", "! test -t 0")
    assert own("run", "--runtime-flag=debug", container, "true").returncode == 0


def test_config_flags(own: Tool, context: Path) -> None:
    container = own.out("from", "scratch")
    check = {"interval": "7s", "timeout": "8s", "start-period": "9s", "start-interval": "3s", "retries": "4"}
    own(
        *("config", "--comment=what it is", "--created-by=me", "--domainname=example.org"),
        *('--entrypoint=["/a","b"]', "--stop-signal=SIGUSR1", "--onbuild=RUN x", "--healthcheck=CMD /check"),
        *(f"--healthcheck-{name}={value}" for name, value in check.items()),
        *("--history-comment=why", "--label=keep=1", "--label=drop=2", "--annotation=gone=1", "--env=E=1"),
        container,
    )
    own("config", "--unsetlabel=drop", "--unsetannotation=gone", container)
    own("commit", "-q", "--format=docker", container, "made")
    found = image(own, "made")["Docker"]
    config = found["config"]
    assert found["comment"] == "what it is"
    assert config["Domainname"] == "example.org"
    assert config["Entrypoint"] == ["/a", "b"]
    assert config["StopSignal"] == "SIGUSR1"
    assert config["OnBuild"] == ["RUN x"]
    assert config["Healthcheck"] == {
        "Test": ["CMD", "/check"],
        "Interval": 7 * 10**9,
        "Timeout": 8 * 10**9,
        "StartPeriod": 9 * 10**9,
        "StartInterval": 3 * 10**9,
        "Retries": 4,
    }
    assert config["Labels"].get("keep") == "1"
    assert "drop" not in config["Labels"]
    last = found["history"][-1]
    assert (last["created_by"], last["comment"]) == ("me", "why")
    own("commit", "-q", "--format=oci", "--unsetenv=E", "--omit-history", container, "second")
    second = image(own, "second")
    assert "gone" not in (second["ImageAnnotations"] or {})
    assert not [text for text in second["OCIv1"]["config"].get("Env", ()) if text.startswith("E=")]
    assert not second["OCIv1"].get("history")


def test_copy_flags(own: Tool, context: Path) -> None:
    container = own.out("from", "scratch")
    root = Path(own.out("mount", container))
    (context / "link").symlink_to("a")
    (context / "skip").write_text("")
    (context / "ignore").write_text("skip\n")
    own("copy", "--no-follow-symlinks", container, str(context / "link"), "/kept")
    assert os.readlink(root / "kept") == "a"
    own("copy", container, str(context / "link"), "/followed")
    assert (root / "followed").read_text() == "a\n"
    own("copy", f"--contextdir={context}", f"--ignorefile={context}/ignore", container, ".", "/all/")
    assert (root / "all/a").exists()
    assert not (root / "all/skip").exists()
    own("add", f"--contextdir={context}", f"--ignorefile={context}/ignore", container, ".", "/added/")
    assert not (root / "added/skip").exists()
    own("copy", "--allow-empty-wildcard", container, str(context / "none*"), "/x/")
    assert own("copy", container, str(context / "none*"), "/x/", status=125).stderr.count("\n") == 1
    assert (
        "wildcard"
        in own("copy", "--allow-wildcard=false", container, str(context / "?"), "/x/", status=125).stderr
    )
    own("copy", "--add-history", container, str(context / "a"), "/noted")
    own("umount", container)
    own("commit", "-q", container, "made")
    texts = [entry.get("created_by", "") for entry in image(own, "made")["OCIv1"]["history"]]
    assert any("COPY file:" in text and "/noted" in text for text in texts)


def test_build_flags_of_the_image(own: Tool, base: str, context: Path, tmp_path: Path) -> None:
    (context / "Containerfile").write_text("FROM base\nARG one\nENV E=1 KEEP=$one\nLABEL l=1 m=2\n")
    (tmp_path / "args").write_text("one=two\n")
    words = (
        "--unsetenv=E",
        "--unsetlabel=m",
        "--identity-label=false",
        "--omit-history",
        "--created-annotation",
    )
    files = (f"--iidfile-raw={tmp_path}/raw", f"--build-arg-file={tmp_path}/args", "--annotation=n=1")
    own("build", "-q", *words, *files, "-t", "made", str(context))
    found = image(own, "made")
    assert found["OCIv1"]["config"]["Labels"] == {"l": "1"}
    assert [text for text in found["OCIv1"]["config"]["Env"] if not text.startswith("PATH=")] == ["KEEP=two"]
    assert not found["OCIv1"].get("history")
    assert "org.opencontainers.image.created" in found["ImageAnnotations"]
    assert (tmp_path / "raw").read_text() == found["FromImageID"]
    (context / "Containerfile").write_text("FROM made\nENV NEW=1\n")
    without = ("--inherit-labels=false", "--inherit-annotations=false", "--identity-label=false")
    own("build", "-q", *without, "-t", "bare", str(context))
    bare = image(own, "bare")
    assert not bare["OCIv1"]["config"].get("Labels")
    assert "n" not in (bare["ImageAnnotations"] or {})
    own("build", "-q", "--unsetannotation=n", "-t", "other", str(context))
    assert "n" not in (image(own, "other")["ImageAnnotations"] or {})
    (context / "Containerfile.in").write_text("FROM base\n#ifdef WANTED\nLABEL wanted=yes\n#endif\n")
    own("build", "-q", "--cpp-flag=-DWANTED", "-f", "Containerfile.in", "-t", "cpp", str(context))
    assert image(own, "cpp")["OCIv1"]["config"]["Labels"]["wanted"] == "yes"


def test_build_flags_of_the_work(own: Tool, base: str, context: Path, tmp_path: Path) -> None:
    text = "FROM base AS unused\nCOPY b /never\nFROM base\nRUN cat > /got\nCOPY a b /\n"
    (context / "Containerfile").write_text(text)
    (context / "ignore").write_text("b\n")
    usage = tmp_path / "usage"
    words = ("--skip-unused-stages=false", "--stdin", "--log-rusage", f"--rusage-logfile={usage}")
    out = own("build", *words, "-t", "made", str(context), stdin="handed over\n").stdout
    assert "COPY b /never" in out
    assert usage.read_text().count("(elapsed)") == 3
    container = own.out("from", "made")
    assert (Path(own.out("mount", container)) / "got").read_text() == "handed over\n"
    own("umount", container)
    (context / "Containerfile").write_text("FROM base\nCOPY a b /\n")
    refused = own("build", f"--ignorefile={context}/ignore", str(context), status=125)
    assert "b" in refused.stderr
    (context / "Containerfile").write_text("FROM base\nLABEL x=1\nCOPY a /\n")
    own("build", "-q", "--layers", "--layer-label=of=step", "-t", "one", str(context))
    middle = own.out("images", "-a", "-q", "--no-trunc", "--filter", "label=of=step")
    assert middle, "images of steps have the label"
    assert "of" not in (image(own, "one")["OCIv1"]["config"].get("Labels") or {})
    assert "Using cache" in own.out(
        "build", "--layers", "--cache-ttl=1h", "--layer-label=of=step", str(context)
    )
    assert "Using cache" not in own.out(
        "build", "--layers", "--cache-ttl=1ns", "--layer-label=of=step", str(context)
    )
    (context / "Containerfile").write_text("FROM base\nCOPY a /packed\n")
    own("build", "-q", "--compress", "-t", "packed", str(context))
    assert image(own, "packed")["Manifest"].count("tar+gzip") >= 1
    epoch = ("--source-date-epoch=1000000000", "--rewrite-timestamp")
    own("build", "-q", *epoch, "-t", "old", str(context))
    assert image(own, "old")["OCIv1"]["created"] == "2001-09-09T01:46:40Z"


def test_commit_flags(own: Tool, tmp_path: Path) -> None:
    container = own.out("from", "scratch")
    reference = tmp_path / "reference"
    reference.write_text("")
    os.utime(reference, (1_000_000_000, 1_000_000_000))
    own("commit", "-q", f"--reference-time={reference}", "--identity-label=false", container, "made")
    found = image(own, "made")["OCIv1"]
    assert found["created"] == "2001-09-09T01:46:40Z"
    assert "io.buildah.version" not in (found["config"].get("Labels") or {})
    own("commit", "-q", "--omit-timestamp", container, "second")
    assert image(own, "second")["OCIv1"]["created"] == "1970-01-01T00:00:00Z"
    own(
        "commit",
        "-q",
        "--source-date-epoch=5",
        "--rewrite-timestamp",
        "--created-annotation",
        container,
        "third",
    )
    third = image(own, "third")
    assert third["OCIv1"]["created"] == "1970-01-01T00:00:05Z"
    assert third["ImageAnnotations"]["org.opencontainers.image.created"] == "1970-01-01T00:00:05Z"
    sealed = own(
        "commit", "-q", "--encryption-key=jwe:/no/key", "--encrypt-layer=0", container, "x", status=125
    )
    assert "/no/key" in sealed.stderr


def test_manifest_flags(own: Tool, base: str, context: Path) -> None:
    own("manifest", "create", "list")
    artifact = (
        *("--artifact", "--artifact-type=application/x-test", "--artifact-config-type=application/x-config"),
        *(
            "--artifact-layer-type=application/x-layer",
            "--artifact-annotation=k=v",
            "--artifact-exclude-titles",
        ),
    )
    own("manifest", "add", *artifact, "list", str(context / "a"))
    own("manifest", "add", "--os-features=f1", "--features=f2", "list", base)
    entries = json.loads(own.out("manifest", "inspect", "list"))["manifests"]
    found = next(entry for entry in entries if entry.get("artifactType"))
    assert found["artifactType"] == "application/x-test"
    other = next(entry for entry in entries if not entry.get("artifactType"))
    assert other["platform"]["os.features"] == ["f1"]
    own("manifest", "annotate", "--index", "--annotation=whole=1", f"--subject={base}", "list")
    index = json.loads(own.out("manifest", "inspect", "list"))
    assert index["annotations"] == {"whole": "1"}
    assert index["subject"]["digest"].startswith("sha256:")
    own("manifest", "create", "--amend", "list", base)
    assert own("manifest", "create", "list", status=125).stderr.count("\n") == 1
    refused = own("manifest", "add", "--insecure", "--tls-verify", "list", "127.0.0.1:1/x", status=125)
    assert "--insecure may not be used with --tls-verify" in refused.stderr


def test_global_flags(own: Tool, base: str, tmp_path: Path) -> None:
    other = Tool([own.argv[0], "--root", f"{tmp_path}/root2", "--runroot", f"{tmp_path}/run2"])
    found = other.out("--imagestore", f"{tmp_path}/root", "images", "-q", "--no-trunc")
    assert found == own.out("images", "-q", "--no-trunc")
    debug = other("--debug", "images").stderr
    assert "level=debug" in debug
    refused = own("--storage-opt=overlay.nope=1", "images", status=None)
    assert refused.stderr.count("\n") <= 1
    conf = tmp_path / "registries.conf"
    conf.write_text('unqualified-search-registries = ["nowhere.invalid"]\n')
    aliases = tmp_path / "aliases.conf"
    aliases.write_text('[aliases]\n"short" = "127.0.0.1:1/long"\n')
    words = (
        f"--registries-conf={conf}",
        f"--registries-conf-dir={tmp_path}",
        f"--short-name-alias-conf={aliases}",
    )
    failed = own(*words, "pull", "--retry=0", "short", status=125)
    assert "127.0.0.1:1/long" in failed.stderr


def test_flags_about_registries(own: Tool, context: Path, tmp_path: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch\nCOPY a big /\n")
    (context / "big").write_bytes(bytes(range(256)) * 4000)
    insecure = "--tls-verify=false"
    auth = f"--authfile={tmp_path}/auth.json"
    with docker_registry(tmp_path / "registry") as host:
        said = own.out("login", auth, insecure, "--verbose", "--username=me", "--password=secret", host)
        assert f"{tmp_path}/auth.json" in said
        assert own.out("login", auth, "--get-login", host) == "me"
        own("login", auth, insecure, "--username=you", "--password-stdin", host, stdin="secret\n")
        assert own.out("login", auth, "--get-login", host) == "you"
        own("build", "-q", "--platform=linux/amd64,linux/s390x", "--manifest=both", str(context))
        own("manifest", "push", "--all", "--add-compression=zstd", insecure, "both", f"docker://{host}/both")
        index = json.loads(own.out("manifest", "inspect", insecure, f"docker://{host}/both"))
        assert len(index["manifests"]) == 4
        (context / "Containerfile").write_text(f"FROM {host}/both\nLABEL x=1\n")
        out = own.out("build", insecure, "--all-platforms", "--manifest=all", str(context))
        assert "[linux/s390x]" in out
        assert "[linux/amd64]" in out
        sizes = []
        for level in ("1", "19"):
            words = ("--compression-format=zstd", f"--compression-level={level}", insecure)
            own("push", *words, "both", f"docker://{host}/level{level}")
            raw = ours("pyskopeo").out("inspect", "--raw", insecure, f"docker://{host}/level{level}")
            sizes.append(sum(layer["size"] for layer in json.loads(raw)["layers"]))
        assert sizes[0] > sizes[1]
        for tag in ("one", "two"):
            own("push", insecure, "both", f"docker://{host}/tags:{tag}")
        signed = ("push", insecure, "--sign-by=nobody@example.com", "both", f"docker://{host}/signed")
        assert "nobody@example.com" in own(*signed, status=125).stderr
        own("rmi", "-a", "-f")
        own("pull", insecure, "--all-tags", f"{host}/tags")
        names = own.out("images", "--format", "{{.Name}}:{{.Tag}}").splitlines()
        assert {f"{host}/tags:one", f"{host}/tags:two"} <= set(names)
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    (certificates / "client.cert").write_text("")
    failed = own("pull", f"--cert-dir={certificates}", "--retry=0", "127.0.0.1:1/x", status=125)
    assert "client.cert" in failed.stderr


def test_flags_about_the_engine(own: Tool, base: str, context: Path, tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "secret").write_text("told\n")
    (tmp_path / "mounts.conf").write_text(f"{given}:/run/given\n")
    container = own.out(f"--default-mounts-file={tmp_path}/mounts.conf", "from", "--network=none", base)
    assert own.out("run", container, "cat", "/run/given/secret") == "told"
    own("run", "--valid-exit-codes=0,3", container, "sh", "-c", "exit 3")
    own("run", "--valid-exit-codes=3", container, "sh", "-c", "exit 4", status=4)
    own("--cgroup-manager=cgroupfs", "run", container, "true")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    hook = {
        "version": "1.0.0",
        "hook": {"path": "/usr/bin/touch", "args": ["touch", str(tmp_path / "hooked")]},
    }
    (hooks / "one.json").write_text(json.dumps({**hook, "when": {"always": True}, "stages": ["prestart"]}))
    (context / "Containerfile").write_text("FROM base\nRUN true\n")
    own("build", "-q", "--network=none", f"--hooks-dir={hooks}", "--disable-content-trust", str(context))
    assert (tmp_path / "hooked").exists()
    own("build", "-q", "--network=none", "--loglevel=3", str(context))
    with pytest.raises(AssertionError, match="of-nobody"):
        own("from", "--userns-uid-map-user=of-nobody", "--userns-gid-map-group=of-nobody", base)
    transient = own.out("--transient-store", "from", "--name=passing", "scratch")
    assert transient not in own.out("containers")
    assert transient in own.out("--transient-store", "containers")
    own("--transient-store", "rm", transient)
    own("source", "create", "--time-stamp=false", str(tmp_path / "source"))
    blobs = [path.read_text() for path in (tmp_path / "source/blobs/sha256").iterdir()]
    assert not any('"created"' in text for text in blobs)
    own("manifest", "create", "parts")
    (context / "config.json").write_text("{}")
    extra = ("--artifact", f"--artifact-config={context}/config.json", f"--artifact-subject={base}")
    own("manifest", "add", *extra, "parts", str(context / "a"))
    assert json.loads(own.out("manifest", "inspect", "parts"))["manifests"]
