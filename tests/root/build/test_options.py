"""Options of build, commit, from and run as root: isolation, volumes, platforms, layers of their own, scans, caches."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.docker_registry import docker_registry
from support.programs import Tool, theirs

pytestmark = pytest.mark.root

BASE = "FROM scratch AS base\nADD base.tar /\n"


@contextmanager
def git_daemon(folder: Path) -> Iterator[str]:
    """HOST:PORT at which git serves what is below the folder; it is there from the first moment on."""
    command = ["git", "daemon", "--inetd", "--export-all", f"--base-path={folder}"]
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return  # shut down
                with connection:
                    subprocess.run(
                        command, stdin=connection, stdout=connection, stderr=subprocess.DEVNULL, check=False
                    )

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{listening.getsockname()[1]}"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def build(own: Tool, context: Path, text: str, *options: str) -> str:
    (context / "Containerfile").write_text(text)
    return own("build", "--network", "none", *options, str(context)).stdout


def inspected(own: Tool, image: str, template: str) -> str:
    return own.out("inspect", "--type", "image", "--format", template, image)


def test_isolation_chroot(own: Tool, context: Path) -> None:
    out = own(
        *("build", "--isolation", "chroot", "-t", "made", "-f", "-", str(context)),
        stdin=BASE
        + "RUN readlink /proc/self/ns/pid; id -u; cat /proc/self/status | grep CapBnd; ls /dev/null; hostname\n"
        "USER 7:8\nRUN id -u; id -g; touch /dev/shm/x && echo shm\nRUN false || true\n",
    ).stdout
    assert os.readlink("/proc/self/ns/pid") in out.splitlines()
    assert "CapBnd:\t00000000800405fb" in out
    for line in ("0", "7", "8", "/dev/null", "build", "shm"):
        assert line in out.splitlines()
    container = own.out("from", "--isolation", "chroot", "made")
    done = own("run", container, "sh", "-c", "exit 3", status=3)
    assert done.stderr.splitlines()[-1] == "Error: while running runtime: exit status 3"
    refused = own("run", "--isolation", "chroot", "--network", "none", container, "true", status=125)
    assert "cannot set --network other than host with --isolation chroot" in refused.stderr
    lost = own("run", "--isolation", "chroot", "--user", "nobody2", container, "true", status=125)
    assert 'unknown user error looking up user "nobody2"' in lost.stderr


def test_volumes_with_owner_and_overlay(own: Tool, context: Path, tmp_path: Path) -> None:
    build(own, context, BASE, "-t", "base")
    container = own.out("from", "base")
    data, upper, work = tmp_path / "data", tmp_path / "upper", tmp_path / "work"
    for folder in (data, upper, work):
        folder.mkdir()
    (data / "file").write_text("x\n")
    none = ("run", "--network", "none")
    own(*none, "-v", f"{data}:/v:O", container, "sh", "-c", "echo y > /v/file; echo new > /v/new")
    assert (data / "file").read_text() == "x\n"
    assert not (data / "new").exists()
    own(
        *none,
        *("-v", f"{data}:/v:O,upperdir={upper},workdir={work}"),
        *(container, "sh", "-c", "echo y > /v/file"),
    )
    assert (upper / "file").read_text() == "y\n"
    own(*none, "--user", "7:8", "-v", f"{data}:/v:U", container, "touch", "/v/mine")
    assert ((data / "file").stat().st_uid, (data / "mine").stat().st_gid) == (7, 8)


def test_a_terminal_where_the_caller_has_none(own: Tool, context: Path) -> None:
    build(own, context, BASE, "-t", "base")
    container = own.out("from", "base")
    done = own(
        "run",
        "--network",
        "none",
        "--terminal",
        container,
        "sh",
        "-c",
        "test -t 1 && read x && echo got $x",
        stdin="w\n",
    )
    assert "got w\r\n" in done.stdout or "got w\n" in done.stdout


def test_several_platforms_make_a_list(own: Tool, context: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    text = BASE + "ARG TARGETARCH\nRUN echo $TARGETARCH > /arch\n"
    build(
        own,
        context,
        text,
        *("--platform", "linux/amd64,linux/arm64/v8", "--manifest", "all", "--jobs", "2"),
        *("--logfile", str(log), "--logsplit", "--iidfile", str(tmp_path / "id")),
    )
    entries = json.loads(own.out("manifest", "inspect", "all"))["manifests"]
    assert [entry["platform"]["architecture"] for entry in entries] == ["amd64", "arm64"]
    assert "echo $TARGETARCH" in (tmp_path / "log_linux_arm64").read_text()
    assert (tmp_path / "id").read_text().startswith("sha256:")


def test_an_inline_platform_is_the_image_s(own: Tool, context: Path) -> None:
    build(own, context, "FROM --platform=linux/arm64/v8 scratch\nCOPY a /a\n", "-t", "inline")
    assert inspected(own, "inline", "{{.OCIv1.Architecture}}/{{.OCIv1.Variant}}") == "arm64/v8"


def test_compatible_volumes(own: Tool, context: Path) -> None:
    text = BASE + "VOLUME /v\nRUN echo x > /v/x\nCOPY a /v/a\n"
    for options, names in (((), ["a", "x"]), (("--compat-volumes",), ["a"])):
        build(own, context, text, *options, "-t", "made")
        container = own.out("from", "made")
        assert sorted(os.listdir(os.path.join(own.out("mount", container), "v"))) == names
        own("rm", container)


def test_stages_are_kept_and_labelled(own: Tool, context: Path) -> None:
    text = "FROM scratch AS first\nCOPY a /a\nFROM scratch AS second\nCOPY --from=first /a /b\n"
    build(own, context, text, "--save-stages", "--stage-labels", "-t", "last")
    images = json.loads(own.out("images", "--json"))
    assert len(images) == 2
    labels = {
        inspected(own, image["id"], '{{index .OCIv1.Config.Labels "io.buildah.stage.name"}}')
        for image in images
    }
    assert labels == {"first", "second"}
    assert (
        "--stage-labels requires --save-stages"
        in own("build", "--stage-labels", str(context), status=125).stderr
    )


def test_source_policy(own: Tool, context: Path, tmp_path: Path) -> None:
    build(own, context, BASE, "-t", "good")
    build(own, context, BASE + "RUN touch /bad\n", "-t", "bad")
    rules = [
        {
            "action": "CONVERT",
            "selector": {"identifier": "docker-image://localhost/bad:*"},
            "updates": {"identifier": "docker-image://localhost/good:latest"},
        },
        {"action": "DENY", "selector": {"identifier": "docker-image://localhost/evil:*"}},
    ]
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"rules": rules}))
    option = ("--source-policy-file", str(policy))
    build(own, context, "FROM localhost/bad\nRUN test ! -e /bad\n", *option, "-t", "made")
    (context / "Containerfile").write_text("FROM localhost/evil\n")
    assert "denied by source policy" in own("build", *option, str(context), status=125).stderr
    policy.write_text('{"rules": [{"action": "MAYBE"}]}')
    assert 'unknown action "MAYBE"' in own("build", *option, str(context), status=125).stderr


def test_added_files_and_linked_layers(own: Tool, context: Path, tmp_path: Path) -> None:
    build(own, context, BASE, "-t", "base")
    container = own.out("from", "base")
    own("copy", "--link", container, str(context / "a"), "/bin/linked")
    own("run", "--network", "none", container, "sh", "-c", "echo below > /bin/linked")
    for squash, layers in (((), "4"), (("--squash",), "1")):
        own("commit", *squash, "--add-file", f"{context / 'a'}:/new/place", container, "made")
        assert inspected(own, "made", "{{len .OCIv1.RootFS.DiffIDs}}") == layers
        other = own.out("from", "made")
        root = Path(own.out("mount", other))
        assert (root / "new/place").read_text() == "a\n"
        assert (root / "bin/linked").read_text() == "a\n"
        assert (root / "bin/sh").exists()
        own("rm", other)
    assert "is not a regular file" in own("commit", "--add-file", "/etc", container, "x", status=125).stderr


def test_layers_named_in_their_compressed_form(own: Tool, context: Path) -> None:
    build(own, context, "FROM scratch\nCOPY a /a\n", "--disable-compression=false", "-t", "made")
    layer = json.loads(inspected(own, "made", "{{.Manifest}}"))["layers"][0]
    assert layer["mediaType"].endswith("+gzip")
    build(own, context, "FROM made\nCOPY a /b\n", "-t", "second")
    assert len(json.loads(inspected(own, "second", "{{.Manifest}}"))["layers"]) == 2


def test_a_scan_goes_into_the_image_and_beside_it(own: Tool, context: Path, tmp_path: Path) -> None:
    build(own, context, BASE, "-t", "scanner")
    document = '{"components":[{"name":"n","version":"1","purl":"pkg:x/n@1"}]}'
    options = (
        *(
            "--sbom-scanner-image",
            "scanner",
            "--sbom-merge-strategy",
            "merge-cyclonedx-by-component-name-and-version",
        ),
        *("--sbom-scanner-command", f"ls {{ROOTFS}}/bin/sh && echo '{document}' > {{OUTPUT}}"),
        *("--sbom-scanner-command", f"ls {{CONTEXT}}/a && echo '{document}' > {{OUTPUT}}"),
        *("--sbom-output", str(tmp_path / "sbom"), "--sbom-purl-output", str(tmp_path / "purl")),
        *("--sbom-image-output", "/root/sbom.json", "-t", "made"),
    )
    # The command has characters a shell would act on, so the scanner's shell gets it whole.
    (context / "Containerfile").write_text(BASE)
    own("build", *options, str(context))
    assert json.loads((tmp_path / "sbom").read_text())["components"][0]["name"] == "n"
    assert json.loads((tmp_path / "purl").read_text()) == {"image_contents": {"dependencies": ["pkg:x/n@1"]}}
    container = own.out("from", "made")
    inside = Path(own.out("mount", container)) / "root/sbom.json"
    assert inside.read_bytes() == (tmp_path / "sbom").read_bytes()
    own("rm", "-a")


def test_a_cache_at_a_registry(own: Tool, context: Path, tmp_path: Path) -> None:
    text = BASE + "RUN echo $RANDOM > /once\n"
    with docker_registry(tmp_path / "registry") as host:
        options = ("--layers", "--tls-verify=false")
        out = build(own, context, text, *options, "--cache-to", f"{host}/cache", "-t", "first")
        assert out.count(f"--> Pushing cache [{host}/cache]:") == 2
        first = inspected(own, "first", "{{.FromImageID}}")
        own("rmi", "-af")
        out = build(own, context, text, *options, "--cache-from", f"{host}/cache", "-t", "second")
        assert out.count(f"--> Cache pulled from remote {host}/cache:") == 2
        assert inspected(own, "second", "{{.FromImageID}}") == first
        # Found in the store: nobody knows whether the registry has it.
        out = build(
            own, context, text, *options, "--cache-from", f"{host}/cache", "--cache-to", f"{host}/cache"
        )
        assert (out.count("--> Pushing cache"), out.count("--> Using cache"), out.count("pulled")) == (
            2,
            2,
            0,
        )


def test_keys_and_agents(own: Tool, context: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    theirs("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))()
    text = BASE + 'RUN --mount=type=ssh test -S $SSH_AUTH_SOCK && echo socket\nRUN test -z "$SSH_AUTH_SOCK"\n'
    folder = tmp_path / ("long" * 25)  # a socket by this name could not be
    folder.mkdir()
    own = Tool(own.argv, {**os.environ, "TMPDIR": str(folder)})
    assert "socket" in build(own, context, text, "--ssh", f"default={key}").splitlines()
    assert os.listdir(folder) == []
    assert "no such file" in own("build", "--ssh", f"default={key}2", str(context), status=125).stderr


def test_logout_from_a_file_that_is_not_there(own: Tool) -> None:
    for option in ("--authfile", "--compat-auth-file"):
        said = own("logout", option, "/nowhere/auth.json", "localhost:1", status=125).stderr
        assert said.startswith(
            "Error: credential file is not accessible: stat /nowhere/auth.json: no such file"
        )


def test_a_context_out_of_an_archive_belongs_to_nobody_in_particular(own: Tool, context: Path) -> None:
    """Owners in a context's archive mean nothing: they may be ids that the user does not have."""
    with io.BytesIO() as stream:
        with tarfile.open(fileobj=stream, mode="w") as archive:
            for name, text in (("Containerfile", "FROM scratch\nCOPY a /\n"), ("a", "a\n")):
                member = tarfile.TarInfo(name)
                member.size, member.uid, member.gid = len(text), 2_000_000_000, 2_000_000_000
                archive.addfile(member, io.BytesIO(text.encode()))
        assert own("build", "-", stdin=stream.getvalue()).returncode == 0


def test_order_of_options_and_the_other_names(own: Tool, context: Path) -> None:
    assert own("rm", "x", "-a", status=125).stderr == (
        "Error: no options (-a) can be specified after the image or container name\n"
    )
    assert own.out("passwd", "x").startswith("$2a$10$")
    refused = own("mkcw", "a", "b", status=125).stderr
    assert refused.startswith("Error: confidential workload: ")
    assert refused.count("\n") == 1
    container = own.out("from", "scratch")
    assert own("commit", "--cw", "type=SNP", container, "x", status=125).stderr == refused
    (context / "Containerfile").write_text("FROM scratch\n")
    assert own("build", "--cw", "type=SNP", "-t", "x", str(context), status=125).stderr == refused
    assert own.out("images", "-q") == ""


def test_user_namespaces(own: Tool, context: Path) -> None:
    out = build(
        own,
        context,
        BASE + "RUN cat /proc/self/uid_map\n",
        *("--userns-uid-map", "0:100000:1000", "--userns-gid-map", "0:100000:1000"),
    )
    assert "0     100000       1000" in out
    refused = own("from", "--userns", "host", "--userns-uid-map", "0:1:1", "scratch", status=125)
    assert "can not specify ID mappings while using host's user namespace" in refused.stderr
    assert (
        "userns-uid-map setting is malformed"
        in own("from", "--userns-uid-map", "1:2", "scratch", status=125).stderr
    )


def test_verify(own: Tool, context: Path) -> None:
    first = BASE + "COPY a /b\nRUN echo x > /x && rm /b\n"
    for layers in ("--layers", "--layers=false"):
        said = build(own, context, first, "--verify", layers, "-t", "same")
        images = own.out("images", "-a", "-q").split()
        assert (
            f"Verified: both builds are {own.out('inspect', '--format', '{{.FromImageDigest}}', 'same')}"
            in said
        )
        text = BASE + "RUN cat /proc/sys/kernel/random/uuid > /random\n"
        (context / "Containerfile").write_text(text)
        done = own("build", "--network", "none", "--verify", layers, "-t", "other", str(context), status=125)
        assert done.stderr.count("\n") == 1
        assert "--verify: the second build is another one: layer " in done.stderr
        assert "/random: content: " in done.stderr
        # The second build's images are gone, the first one's stay.
        more = set(own.out("images", "-a", "-q").split()) - set(images)
        assert len(more) == 1


def test_a_quiet_build_tells_what_commands_complain_about(own: Tool, context: Path) -> None:
    text = BASE + "FROM base\nRUN echo said; echo complained >&2; exit 3\n"
    (context / "Containerfile").write_text(text.replace("3", "0"))
    done = own("build", "-q", "--network=none", str(context))
    assert (len(done.stdout), done.stderr) == (65, "complained\n")
    (context / "Containerfile").write_text(text)
    failed = own("build", "-q", "--network=none", str(context), status=3)
    assert failed.stdout == ""
    assert failed.stderr.splitlines()[0] == "complained"
    assert "exit status 3" in failed.stderr.splitlines()[1]


def test_progress(own: Tool, context: Path) -> None:
    text = BASE + "RUN echo said; echo wrong >&2\nFROM base\nCOPY --from=base /bin/sh /x\n"
    events = [
        json.loads(line) for line in build(own, context, text, "--progress=json", "-t", "made").splitlines()
    ]
    assert events[-1]["event"] == "result"
    assert events[-1]["names"] == ["localhost/made:latest"]
    assert events[-1]["image"] == inspected(own, "made", "{{.FromImageID}}")
    # Two pipes have no order between them.
    output = {(event["stream"], event["text"]) for event in events if event["event"] == "output"}
    assert output == {("stdout", "said"), ("stderr", "wrong")}
    steps = [event["instruction"] for event in events if event["event"] == "step"]
    assert "RUN echo said; echo wrong >&2" in steps
    assert len([event for event in events if event["event"] == "done"]) == len(steps)
    (context / "Containerfile").write_text(BASE + "RUN echo before; exit 3\n")
    failed = own("build", "--network", "none", "--progress=json", str(context), status=3)
    kinds = [json.loads(line)["event"] for line in failed.stdout.splitlines()]
    assert kinds[-2:] == ["output", "failed"]
    live = own("build", "--network", "none", "--progress=tty", str(context), status=3)
    assert "before" in live.stdout
    assert live.stderr.count("\n") == 1
    assert own("build", "--progress=none", str(context), status=125).stderr.startswith(
        'Error: unknown --progress "none"'
    )


def test_a_repository_is_the_same_twice(own: Tool, context: Path, tmp_path: Path) -> None:
    """ADD of a git repository keeps .git, as buildah does, and the image is the same however often it is cloned."""
    top = tmp_path / "served"
    git = theirs("git", "-C", str(top / "it.git"), "-c", "user.name=n", "-c", "user.email=e")
    theirs("git", "init", "-q", "-b", "main", str(top / "it.git"))()
    for number in range(3):
        (top / "it.git" / "file").write_text("line\n" * 100 * number)
        git("add", "file")
        git("commit", "-q", "-m", str(number))
    with git_daemon(top) as address:
        url = f"git://{address}/it.git"
        text = BASE + f"ADD {url}#main /with\nADD --keep-git-dir=false {url} /without\n"
        first = build(own, context, text, "--no-cache", "-t", "first").splitlines()[-1]
        assert build(own, context, text, "--no-cache").splitlines()[-1] == first
        container = own.out("from", "first")
        root = Path(own.out("mount", container))
        assert not (root / "without" / ".git").exists()
        # Git wants a repository to be its caller's.
        copy = theirs("git", "-C", str(root / "with"), "-c", "safe.directory=*")
        assert copy.out("rev-parse", "HEAD") == git.out("rev-parse", "HEAD")
        assert copy.out("status", "--porcelain") == ""
        own("umount", container)
        own("rm", container)
