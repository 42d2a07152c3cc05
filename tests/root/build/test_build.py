"""Builds and working containers as root: what ends up in the image, what is left behind, what is reported."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from support import tree
from support.programs import Tool, ours, theirs

pytestmark = pytest.mark.root

BASE = "FROM scratch AS base\nADD base.tar /\n"


def build(
    own: Tool, context: Path, text: str, *options: str, status: int = 0
) -> subprocess.CompletedProcess[str]:
    (context / "Containerfile").write_text(text)
    return own("build", "--network", "none", *options, str(context), status=status)


def image_id(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.splitlines()[-1]


def read(own: Tool, image: str, path: str) -> str:
    container = own.out("from", "--pull-never", image)
    try:
        return (Path(own.out("mount", container)) / path).read_text()
    finally:
        own("umount", container)
        own("rm", container)


def configuration(own: Tool, image: str) -> dict[str, object]:
    found = json.loads(own.out("inspect", "--type", "image", image))
    config: dict[str, object] = json.loads(found["Config"])
    return config


def test_steps_in_a_script(own: Tool, context: Path) -> None:
    """The mission's example: from scratch, copy, config, run, commit."""
    container = own.out("from", "scratch")
    assert container == "working-container"
    assert own.out("from", "scratch") == "working-container-1"
    own("add", container, str(context / "base.tar"), "/")
    digest = own.out("copy", container, str(context / "a"), "/app/a")
    assert len(digest) == 64
    own("config", "--cmd", "cat /app/a", "--env", "A=1", "--label", "x=y", container)
    assert own.out("run", "--network", "none", container, "--", "sh", "-c", "echo $A") == "1"
    assert own("run", "--network", "none", container, "--", "sh", "-c", "exit 7", status=7).stderr
    image = own.out("commit", container, "myimage")
    assert image[:12] in own.out("images")
    assert own.out("from", "myimage") == "myimage-working-container"
    config = configuration(own, "myimage")["config"]
    assert isinstance(config, dict)
    assert config["Cmd"] == ["cat", "/app/a"]
    assert read(own, "myimage", "app/a") == "a\n"
    own("rm", "-a")
    assert own.out("containers", "-q") == ""
    assert own.out("rmi", "myimage").splitlines() == ["untagged: localhost/myimage:latest", image]


def test_cache(own: Tool, context: Path) -> None:
    text = BASE + "FROM base\nENV A=1\nWORKDIR /w\nCOPY a b /c/\nRUN echo $A > made\nLABEL l=1\n"
    first = build(own, context, text, "--layers", "-t", "one")
    again = build(own, context, text, "--layers", "-t", "one")
    assert image_id(again) == image_id(first)
    assert again.stdout.count("--> Using cache") == 6
    assert build(own, context, text, "--layers", "--no-cache").stdout.count("Using cache") == 0
    os.utime(context / "a", (1, 1))
    assert build(own, context, text, "--layers").stdout.count("Using cache") == 6
    (context / "a").write_text("changed\n")
    assert build(own, context, text, "--layers").stdout.count("Using cache") == 3
    explained = build(own, context, text.replace("l=1", "l=2"), "--layers", "--explain-cache").stdout
    assert "cache hit" in explained and "cache miss" in explained
    assert own.out("containers", "-q") == ""


def test_the_same_digest_twice_in_different_stores(context: Path, tmp_path: Path) -> None:
    text = (
        BASE
        + 'FROM base\nCOPY a /x/\nRUN sleep 1; rm -r /home /etc/group; mkdir /new; echo made > /new/file; touch /etc/passwd\nCMD ["x"]\n'
    )
    ids = []
    for number, options in enumerate(((), ("--layers",), (), ("--layers",))):
        own = ours(
            "pybuildah", "--root", str(tmp_path / f"r{number}"), "--runroot", str(tmp_path / f"u{number}")
        )
        os.utime(context / "a", (number, number))
        ids.append(image_id(build(own, context, text, *options)))
        theirs("umount", "-l", "-R", str(tmp_path / f"r{number}" / "overlay"))(status=None)
    assert ids[0] == ids[2]
    assert ids[1] == ids[3]


def test_times(own: Tool, context: Path) -> None:
    text = BASE + "COPY a /a\nRUN echo > /made\n"
    build(own, context, text, "--timestamp", "1000", "-t", "stamped")
    assert configuration(own, "stamped")["created"] == "1970-01-01T00:16:40Z"
    container = own.out("from", "stamped")
    root = Path(own.out("mount", container))
    assert {(root / name).stat().st_mtime for name in ("a", "made", "bin/busybox", "etc")} == {1000}
    own("umount", container)
    own("rm", container)
    own("build", "--network", "none", "-t", "epoch", str(context), env={"SOURCE_DATE_EPOCH": "2000"})
    container = own.out("from", "epoch")
    root = Path(own.out("mount", container))
    assert {(root / name).stat().st_mtime for name in ("a", "made")} == {2000}
    assert (root / "bin" / "busybox").stat().st_mtime == 1_700_000_000
    own("umount", container)
    own("rm", container)


def test_squash_and_target(own: Tool, context: Path) -> None:
    text = BASE + "FROM base AS one\nCOPY a /a\nRUN rm /etc/group\nFROM one AS two\nCOPY b /b\n"
    build(own, context, text, "--squash", "-t", "squashed")
    rootfs = configuration(own, "squashed")["rootfs"]
    assert isinstance(rootfs, dict)
    assert len(rootfs["diff_ids"]) == 1
    container = own.out("from", "squashed")
    names = set(tree.describe(own.out("mount", container)))
    assert {"a", "b", "etc/passwd"} <= names
    assert "etc/group" not in names
    own("umount", container)
    own("rm", container)
    done = build(own, context, text, "--target", "one", "-t", "targeted")
    assert "COPY b" not in done.stdout


def test_run_mounts(own: Tool, context: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    text = (
        BASE
        + """FROM base AS other
RUN echo from-other > /data
FROM base
RUN --mount=type=secret,id=s,required cat /run/secrets/s > /seen && stat -c %a /run/secrets/s >> /seen
RUN --mount=type=secret,id=e,env=FROM_ENV echo $FROM_ENV > /env
RUN --mount=type=bind,target=/ctx cat /ctx/a > /bound && ! touch /ctx/new
RUN --mount=type=bind,target=/ctx,rw touch /ctx/new
RUN --mount=type=bind,from=other,source=/data,target=/d cat /d > /other
RUN --mount=type=cache,target=/cache,id=pybuildah-test echo x >> /cache/log
RUN --mount=type=cache,target=/cache,id=pybuildah-test,sharing=locked wc -l < /cache/log > /lines
RUN --mount=type=tmpfs,target=/t touch /t/x
RUN <<EOF
echo one > /heredoc
echo two >> /heredoc
EOF
RUN <<SCRIPT
#!/bin/ash
echo $0 > /script
SCRIPT
COPY <<FILE /copied
hello
FILE
"""
    )
    cache = {"TMPDIR": str(tmp_path), "SECRET_VARIABLE": "v"}
    (context / "Containerfile").write_text(text)
    own(
        *(
            "build",
            "--network",
            "none",
            "--secret",
            f"id=s,src={secret}",
            "--secret",
            "id=e,env=SECRET_VARIABLE",
        ),
        *("-t", "mounts", str(context)),
        env=cache,
    )
    container = own.out("from", "mounts")
    root = Path(own.out("mount", container))
    expected = {
        "seen": "s3cret400\n",
        "env": "v\n",
        "bound": "a\n",
        "other": "from-other\n",
        "lines": "1\n",
        "heredoc": "one\ntwo\n",
        "script": "/dev/pipes/SCRIPT\n",
        "copied": "hello\n",
    }
    assert {name: (root / name).read_text() for name in expected} == expected
    # What was only mounted leaves nothing behind but empty folders above it.
    names = {path.name for path in root.iterdir()}
    assert not names & {"ctx", "d", "cache", "t", "proc", "sys", "dev"}
    assert [path.name for path in (root / "run").rglob("*")] == ["secrets"]
    assert not (context / "new").exists()
    own("umount", container)
    own("rm", container)


def test_failures_leave_nothing_behind(own: Tool, context: Path, tmp_path: Path) -> None:
    done = build(own, context, BASE + "RUN echo said; exit 9\n", status=9)
    assert 'building at STEP "RUN echo said; exit 9": while running runtime: exit status 9' in done.stderr
    assert "said" in done.stdout
    done = build(own, context, BASE + "COPY aa /x\n", status=125)
    assert "did you mean a?" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Containerfile:3" in done.stderr
    done = build(own, context, BASE + "COPY --from=nothing / /\n", status=125)
    assert "COPY --from=nothing: no stage or image found with that name" in done.stderr
    (context / "out").symlink_to("/etc/passwd")
    done = build(own, context, BASE + "COPY out /x\n", status=125)
    assert "no such file or directory" in done.stderr
    assert own.out("containers", "-a", "-q") == ""
    assert own.out("images", "-a", "-q") == ""


def test_kill_in_the_middle(own: Tool, context: Path) -> None:
    """What a killed build leaves is a working container that everybody sees and can remove."""
    (context / "Containerfile").write_text(BASE + "RUN echo started && sleep 30\n")
    process = subprocess.Popen(
        [*own.argv, "build", "--network", "none", str(context)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    while b"started" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (left,) = own.out("containers", "-q").splitlines()
    subprocess.run(["pkill", "-KILL", "-P", str(process.pid)], check=False)
    theirs("runc", "delete", "--force", f"buildah-{left[:12]}")(status=None)
    own("rm", "-a")
    assert own.out("containers", "-a", "-q") == ""
    build(own, context, BASE + "RUN true\n")


def test_parallel_stages(own: Tool, context: Path) -> None:
    text = BASE + "".join(f"FROM base AS s{n}\nRUN echo {n} > /{n}\n" for n in range(3))
    text += "FROM scratch\n" + "".join(f"COPY --from=s{n} /{n} /\n" for n in range(3))
    one = image_id(build(own, context, text, "--jobs", "1"))
    assert image_id(build(own, context, text, "--jobs", "4")) == one
    assert read(own, one, "2") == "2\n"
    build(own, context, text.replace("echo 1", "exit 3; echo 1"), "--jobs", "4", status=3)
    assert own.out("containers", "-a", "-q") == ""


def test_files_and_outputs(own: Tool, context: Path, tmp_path: Path) -> None:
    (context / "Containerfile").write_text("FROM scratch\nCOPY a /a\nCOPY --from=more extra /extra\n")
    more = tmp_path / "more"
    more.mkdir()
    (more / "extra").write_text("extra\n")
    done = own(
        *("build", "-q", "--iidfile", str(tmp_path / "iid"), "--metadata-file", str(tmp_path / "meta")),
        *("--build-context", f"more={more}", "--output", str(tmp_path / "files"), "-t", "x", "-t", "y:2"),
        *("--label", "k=v w", "--annotation", "n=m", str(context)),
    )
    assert done.stdout == ""
    iid = (tmp_path / "iid").read_text()
    assert json.loads((tmp_path / "meta").read_text())["containerimage.config.digest"] == iid
    assert (tmp_path / "files" / "extra").read_text() == "extra\n"
    config = configuration(own, "y:2")["config"]
    assert isinstance(config, dict)
    assert config["Labels"]["k"] == "v w"
    found = json.loads(own.out("inspect", "--type", "image", "x"))
    assert json.loads(found["Manifest"])["annotations"]["n"] == "m"
    assert own.out("build", "-q", "-f", "-", str(context), stdin="FROM scratch\nCOPY b /b\n")
    assert own.out("build", "-q", "-", stdin="FROM scratch\nENV A=1\n")
    assert own("build", "-f", "missing", str(context), status=125).stderr.startswith("Error: stat ")


def test_add_from_a_server(own: Tool, context: Path, tmp_path: Path) -> None:
    served = tmp_path / "served"
    served.mkdir()
    (served / "file.txt").write_text("served\n")
    digest = theirs("sha256sum", str(served / "file.txt"))().stdout.split()[0]

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/file.txt"
        build(own, context, f"FROM scratch\nADD {url} /d/\nADD --chmod=644 {url} /named\n", "-t", "fetched")
        assert read(own, "fetched", "d/file.txt") == read(own, "fetched", "named") == "served\n"
        build(own, context, f"FROM scratch\nADD --checksum=sha256:{digest} {url} /x\n")
        done = build(own, context, f"FROM scratch\nADD --checksum=sha256:{'0' * 64} {url} /x\n", status=125)
        assert "unexpected response digest" in done.stderr
        assert "status 404" in build(own, context, f"FROM scratch\nADD {url}.no /x\n", status=125).stderr
        assert "can't be a URL" in build(own, context, f"FROM scratch\nCOPY {url} /x\n", status=125).stderr
    finally:
        server.shutdown()
        server.server_close()


def test_onbuild_triggers_run_in_the_next_build(own: Tool, context: Path) -> None:
    build(
        own,
        context,
        BASE + "ONBUILD COPY a /triggered\nONBUILD RUN echo $A > /later\n",
        "--format",
        "docker",
        "-t",
        "parent",
    )
    done = build(own, context, "ARG A=x\nFROM parent\nENV B=1\n", "--format", "docker", "-t", "child")
    assert "STEP 2/4: COPY a /triggered" in done.stdout
    assert read(own, "child", "triggered") == "a\n"
    config = configuration(own, "child")["config"]
    assert isinstance(config, dict)
    assert not config.get("OnBuild")


def test_copy_options(own: Tool, context: Path) -> None:
    (context / "d" / "deep").mkdir(parents=True)
    (context / "d" / "deep" / "x.txt").write_text("x")
    (context / "d" / "skip.md").write_text("s")
    text = (
        BASE
        + "COPY --parents d/deep/x.txt /p/\nCOPY --exclude=**/*.md d /e\nCOPY --chown=user:staff --chmod=600 a /o\n"
    )
    build(own, context, text, "-t", "copied")
    container = own.out("from", "copied")
    found = tree.describe(own.out("mount", container))
    assert "p/d/deep/x.txt" in found
    assert "e/deep/x.txt" in found
    assert "e/skip.md" not in found
    status = os.stat(Path(own.out("mount", container)) / "o")
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (1000, 50, 0o600)
    own("umount", container)
    own("umount", container)
    own("rm", container)


def test_containers_can_be_kept_and_lists_filled(own: Tool, context: Path) -> None:
    options = ("--layers", "--rm=false", "--manifest", "list", "-t", "kept")
    done = build(own, context, BASE + "RUN touch /kept\n", *options)
    _, container = own.out("containers", "-q").splitlines()
    assert (Path(own.out("mount", container)) / "kept").exists()
    own("umount", container)
    own("rm", "-a")
    listed = json.loads(own.out("manifest", "inspect", "list"))
    (entry,) = listed["manifests"]
    found = json.loads(own.out("inspect", "--type", "image", image_id(done)))
    assert entry["digest"] == found["FromImageDigest"]


def test_hooks_of_containers_conf_run(own: Tool, context: Path, tmp_path: Path) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    script = tmp_path / "hook.sh"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    hook = {
        "version": "1.0.0",
        "hook": {"path": str(script)},
        "when": {"always": True},
        "stages": ["prestart"],
    }
    (hooks / "h.json").write_text(json.dumps(hook))
    (tmp_path / "containers.conf").write_text(f'[engine]\nhooks_dir = ["{hooks}"]\n')
    (context / "Containerfile").write_text(BASE + "RUN true\n")
    own(
        "build", "--network", "none", str(context), env={"CONTAINERS_CONF": str(tmp_path / "containers.conf")}
    )
    assert (tmp_path / "ran").exists()


def test_options_about_every_run_and_the_preprocessor(own: Tool, context: Path) -> None:
    (context / "Containerfile.in").write_text(
        '#define NAME value\n#include "common"\nRUN test -f /mounted/a && test ! -s /etc/hosts && echo NAME > /made\n'
    )
    (context / "common").write_text("FROM scratch\nADD base.tar /\n")
    own(
        *("build", "--network", "none", "--no-hosts", "--mount", "type=bind,target=/mounted", "-t", "made"),
        *("--os-version", "10.1", "--os-feature", "x", "-f", "Containerfile.in", str(context)),
    )
    assert read(own, "made", "made") == "value\n"
    config = configuration(own, "made")
    assert (config["os.version"], config["os.features"]) == ("10.1", ["x"])


def test_another_user_namespace(own: Tool, context: Path) -> None:
    maps = ("--userns-uid-map", "0:200000:65536", "--userns-gid-map", "0:200000:65536")
    text = BASE + "COPY --chown=5:6 a /w/\nRUN touch /made && cut -c1-30 /proc/self/uid_map > /map\n"
    plain = image_id(build(own, context, BASE + "COPY --chown=5:6 a /w/\n"))
    assert image_id(build(own, context, BASE + "COPY --chown=5:6 a /w/\n", *maps)) == plain
    build(own, context, text, *maps, "-t", "mapped")
    assert read(own, "mapped", "map").split()[:2] == ["0", "200000"]
    container = own.out("from", "mapped")
    root = Path(own.out("mount", container))
    assert {(root / name).stat().st_uid for name in ("made", "bin/busybox")} == {0}
    assert (root / "w" / "a").stat().st_uid == 5
    own("umount", container)
    own("rm", container)
