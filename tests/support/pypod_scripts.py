"""What scripts written for podman rely on beyond a container's life: options, words of errors, files, formats.

As with `pypod_life`, a test module derives a class from `Scripts` and gives the fixture `pypod`.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
from pathlib import Path

from ocicore.cli import bind
from support.declared import commands
from support.programs import Tool
from support.pypod_life import IMAGE, NONET, names, read_until, started, status_of, terminal, until

#: Commands whose words after --latest are not names.
_LATEST_AND_WORDS = ("exec", "list", "port", "ps", "top")


def with_descriptors(pypod: Tool, script: str, *args: str) -> subprocess.CompletedProcess[str]:
    """pypod started by a shell whose redirections give it descriptors."""
    command = " ".join([*pypod.argv, *args])
    return subprocess.run(
        ["bash", "-c", f"{command} {script}"],
        env=pypod.env,
        cwd=pypod.cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def completions(pypod: Tool, *words: str, env: dict[str, str] | None = None) -> list[str]:
    """What the last word may become; without the line that says what the shell does."""
    at = next(index for index, word in enumerate(pypod.argv) if word.endswith("/pypod")) + 1
    argv = [*pypod.argv[:at], "__completeNoDesc", *pypod.argv[at:]]
    return Tool(argv, pypod.env, pypod.cwd).out(*words, env=env).splitlines()[:-1]


class Scripts:
    """Tests; see the module."""

    def test_output_goes_elsewhere(self, pypod: Tool) -> None:
        place = pypod.out("run", "--rm", *NONET, IMAGE, "echo", "seen")
        assert place == "seen"
        assert pypod.with_options("--noout").out("create", *NONET, "--name", "quiet", IMAGE) == ""
        assert names(pypod, "-a") == ["quiet"]
        refused = pypod.with_options("--out", "/nosuch/file")("ps", status=1).stderr
        assert refused.startswith("Error: unable to open file for standard output: ")

    def test_words_of_refusals(self, pypod: Tool, tmp_path: Path) -> None:
        """What scripts compare word by word, and that nothing else is printed before."""
        pypod("create", "--name", "one", *NONET, IMAGE, "true")
        pypod("tag", IMAGE, "base")
        second = pypod.out("commit", "-q", "one", "second")
        pypod("create", "--name", "two", *NONET, second, "true")
        done = pypod("rmi", "-a", status=2)
        lines = done.stderr.splitlines()
        assert lines[0] == "Error: 2 errors occurred:"
        assert len(lines) == 3
        for line in lines[1:]:
            assert line.startswith("\t* image used by ")
            assert line.endswith("consider listing external containers and force-removing image")
        refusals = (
            (
                ("commit", "-m", "text", "one", "x"),
                "messages are only compatible with the docker image format (-f docker)",
            ),
            (
                ("create", "--pod", "none", "--userns", "host", IMAGE),
                "--userns and --pod cannot be set together",
            ),
            (("kill", "-s", "-SIGBADSIG", "one"), "invalid signal: SIGBADSIG"),
            (("kill", "-s", "-65", "one"), "valid signals are 1 through 64"),
            (("create", "--stop-signal=99", IMAGE), "valid signals are 1 through 64"),
            (
                ("login", "--authfile", "a", "--compat-auth-file", "b", "127.0.0.1:1"),
                "options for paths to the credential file and to the Docker-compatible credential file can not be "
                "set simultaneously",
            ),
            (
                ("login", "-u", "me", "127.0.0.1:1"),
                "getting username and password: standard input ended (use --password-stdin)",
            ),
            (
                ("build",),
                "no context directory and no Containerfile specified (for the folder you are in: build .)",
            ),
        )
        for words, text in refusals:
            done = pypod(*words, status=125)
            assert done.stderr.removeprefix("Password: ") == f"Error: {text}\n"
        done = pypod("rmi", "-a", "-f")
        words = [line.split(":")[0] for line in done.stdout.splitlines()]
        assert words == sorted(words, reverse=True)  # what was untagged, then what was deleted
        assert pypod.out("images", "-aq") == ""

    def test_latest_stands_alone(self, pypod: Tool) -> None:
        """In podman's words: which scripts look for."""
        tried = 0
        for program, path, module in commands():
            longs = {option.long for option in bind.load_command(module).options}
            if program.name != "pypod" or "latest" not in longs or path[-1] in _LATEST_AND_WORDS:
                continue
            done = pypod(*path, "--latest", "nosuch", status=125)
            if done.stderr.endswith(" a container requires root\n"):
                continue  # an ordinary user hears that first
            tried += 1
            assert re.fullmatch(
                r"Error: .*--latest and (containers|pods|arguments) cannot be used together\n", done.stderr
            ), (path, done.stderr)
            if "all" in longs:
                done = pypod(*path, "--latest", "--all", status=125)
                assert re.fullmatch(
                    r"Error: --all(, --latest and (containers|arguments)| and --latest) cannot be used together\n",
                    done.stderr,
                ), (path, done.stderr)
        assert tried > 30

    def test_inspect_finds_pods(self, pypod: Tool) -> None:
        """After what else may have the name."""
        pypod("pod", "create", "--name", "group", "--infra=false")
        pypod("volume", "create", "both")
        pypod("pod", "create", "--name", "both", "--infra=false")
        assert pypod.out("inspect", "group", "--format", "{{.ExitPolicy}} {{.Labels}}") == "continue map[]"
        assert pypod.out("inspect", "--type", "pod", "both", "--format", "{{.Name}}") == "both"
        assert pypod.out("inspect", "both", "--format", "{{.Driver}}") == "local"
        assert "no such pod" in pypod("inspect", "--type", "pod", "nosuch", status=125).stderr
        pypod("secret", "create", "--env", "hidden", "HIDDEN", env={"HIDDEN": "x"})
        listed = pypod.out("secret", "ls", "--format", "{{.ID}}")
        assert pypod.out("secret", "inspect", "hidden", "--format", "{{.ID}}") == listed
        pypod("pod", "rm", "group", "both")

    def test_modules_are_looked_at_first(self, pypod: Tool, tmp_path: Path) -> None:
        """Before a wrong command, and before help."""
        begin = "Failed to obtain podman configuration: "
        missing = (
            f'{begin}could not resolve module "/no,such": faccessat /no,such: no such file or directory\n'
        )
        broken = tmp_path / "broken.conf"
        broken.write_text("[containers]\nsdf=\n")
        reason = "toml: line 3 (last key \"containers.sdf\"): expected value but found '\\n' instead"
        torn = f'{begin}reading additional config "{broken}": decode configuration {broken}: {reason}\n'
        for words in ((), ("no-such-command",), ("ps",), ("ps", "--no-such-option")):
            assert pypod.with_options("--module", "/no,such")(*words, status=1).stderr == missing
            assert pypod.with_options("--module", str(broken))(*words, status=1).stderr == torn
        lines = pypod.with_options("--module=nowhere")("nope", status=1).stderr.splitlines()
        assert lines[0].endswith(f'could not resolve module "nowhere": {len(lines) - 1} errors occurred:')
        assert (
            lines[-1]
            == "\t* faccessat /usr/share/containers/containers.conf.modules/nowhere: no such file or directory"
        )

    def test_completion_of_global_options(self, pypod: Tool) -> None:
        levels = completions(pypod, "--log-level", "")
        assert levels == ["trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"]
        assert completions(pypod, "--log-level", "wa") == ["warn", "warning"]
        assert completions(pypod, "--cgroup-manager=") == ["cgroupfs", "systemd"]
        assert completions(pypod, "--events-backend", "j") == ["journald"]
        assert completions(pypod, "--module", "/etc/") == []

    def test_completion_of_paths_and_fields(self, pypod: Tool) -> None:
        def complete(*words: str) -> list[str]:
            return completions(pypod, *words)

        for command in ("create", "run"):
            assert "/bin/" in complete(command, IMAGE, "")
            assert "/bin/sh" in complete(command, IMAGE, "/bin")
            assert complete(command, IMAGE, "/bin/s") == [
                f for f in complete(command, IMAGE, "/bin/") if "/s" in f
            ]
            assert "bin/" in complete(command, IMAGE, "b")
            assert "../../bin/" in complete(command, IMAGE, "../../")
            assert complete(command, "no-such-image", "/") == []
        pypod("create", "--name", "box", *NONET, IMAGE, "true")
        assert "box:" in complete("cp", "")
        assert "box:/bin/" in complete("cp", "box:")
        assert "box:/bin/sh" in complete("cp", "/etc/hosts", "box:/bin/sh")
        pypod("volume", "create", "stuff")
        kinds = (((), "Args"), (("box",), "Args"), ((IMAGE,), "Digest"), (("stuff",), "Anonymous"))
        for words, field in kinds:
            assert f"{{{{.{field}}}}}" in complete("inspect", *words, "-f", "{{.")
        assert "{{.State." in complete("inspect", "box", "-f", "{{.S")
        pypod("rm", "box")  # nothing is mounted any more

    def test_build_in_the_folder_of_its_file(self, pypod: Tool, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("content")
        (tmp_path / "Containerfile").write_text(f"FROM {IMAGE}\nCOPY file /file\n")
        pypod("build", "-q", "-t", "built", "-f", f"{tmp_path}/Containerfile")
        assert pypod.out("run", "--rm", *NONET, "built", "cat", "/file") == "content"

    def test_disk_usage_of_images(self, pypod: Tool) -> None:
        """Layers count once; what only children stand on is shared."""
        size = int(pypod.out("image", "inspect", IMAGE, "--format", "{{.Size}}"))
        assert pypod.out("system", "df", "--format", "{{.RawSize}}").splitlines()[0] == str(size)
        pypod("create", "--name", "one", *NONET, IMAGE, "true")
        assert json.loads(pypod.out("system", "df", "--format", "json"))[0]["Reclaimable"] == "0B (0%)"
        pypod("cp", "/etc/hostname", "one:/added")
        child = pypod.out("commit", "-q", "one")
        row = json.loads(pypod.out("system", "df", "--format", "json"))[0]
        both = int(pypod.out("image", "inspect", child, "--format", "{{.Size}}"))
        assert size < row["RawSize"] <= both + size // 2
        assert row["Reclaimable"].endswith(" (100%)")

    def test_connections_of_remote_clients(self, pypod: Tool, tmp_path: Path) -> None:
        file = tmp_path / "connections.json"
        env = {"PODMAN_CONNECTIONS_CONF": str(file)}
        columns = ["Name", "URI", "Identity", "Default", "ReadWrite"]
        assert pypod.out("system", "connection", "ls", env=env).split() == columns
        assert pypod.with_options("--noout").out("system", "connection", "ls", env=env) == ""
        file.write_text(
            '{"Connection": {"Default": "b", "Connections": {"b": {"URI": "ssh://b", "Identity": "/k"}}}}'
        )
        row = {
            "Name": "b",
            "URI": "ssh://b",
            "Identity": "/k",
            "Default": True,
            "ReadWrite": True,
        }
        assert json.loads(pypod.out("system", "connection", "ls", "--format", "json", env=env)) == [row]
        assert pypod.out("system", "connection", "ls", "-q", env=env) == "b"
        assert pypod.out("system", "connection", "ls", env=env).split()[-5:] == [
            "b",
            "ssh://b",
            "/k",
            "true",
            "true",
        ]
        file.write_text("{")
        wrong = pypod("system", "connection", "ls", env=env, status=125).stderr
        assert wrong.startswith(f"Error: reading {file}: ") and wrong.count("\n") == 1

    def test_help_shows_configured_defaults(self, pypod: Tool, tmp_path: Path) -> None:
        conf = tmp_path / "containers.conf"
        conf.write_text(
            '[engine]\nretry=7\nretry_delay="5s"\ncompression_format="zstd"\ncompression_level=1\n'
        )
        env = {"CONTAINERS_CONF": str(conf), "COLUMNS": "200"}
        push = pypod.out("push", "--help", env=env)
        for text in (
            "performing push (default 7)",
            'push failures (default "5s")',
            '(default "zstd")',
            "(default 1)",
        ):
            assert text in push
        for command in ("pull", "run", "create"):
            text = pypod.out(command, "--help", env=env)
            assert "performing pull (default 7)" in text
            assert 'pull failures (default "5s")' in text

    def test_standard_output_is_not_replaced(self, pypod: Tool, tmp_path: Path) -> None:
        out = tmp_path / "standard-output"
        out.symlink_to("/proc/self/fd/1")
        for form in ("docker-archive", "oci-archive"):
            saved = tmp_path / form
            saved.touch()
            saved.chmod(0o666)
            done = with_descriptors(pypod, f">{saved}", "save", "-q", "--format", form, "-o", str(out), IMAGE)
            assert (done.returncode, done.stderr) == (0, "")
            assert out.is_symlink()
            pypod("load", "-q", "-i", str(saved))
        box = pypod.out("create", *NONET, IMAGE)
        done = with_descriptors(pypod, f">{tmp_path}/file", "cp", f"{box}:/bin/sh", str(out))
        assert done.returncode == 125
        assert f'invalid destination: "{out}" must be a directory or a regular file' in done.stderr
        assert out.is_symlink()

    def test_remote_is_refused(self, pypod: Tool) -> None:
        assert "works on its own host only" in pypod.with_options("--remote")("ps", status=125).stderr
        assert "CONTAINER_HOST asks" in pypod("ps", status=125, env={"CONTAINER_HOST": "unix:/x"}).stderr
        assert "unknown flag: --remote" in pypod("ps", "--remote", status=125).stderr

    def test_log_levels(self, pypod: Tool) -> None:
        said = pypod.with_options("--log-level=trace")("version").stderr
        assert all(f" level={level} " in said for level in ("trace", "debug", "info"))
        assert "Shutting down engines" in said
        assert " level=" not in pypod("version").stderr
        both = pypod.with_options("--debug", "--log-level=panic")("version", status=1).stderr
        assert both == "Setting --log-level and --debug is not allowed\n"

    def test_descriptors_keep_their_numbers(self, pypod: Tool, tmp_path: Path) -> None:
        pypod("run", "-d", "--name", "fds", *NONET, IMAGE, "sleep", "1000")
        done = with_descriptors(
            pypod,
            "9<<<nine 40<<<forty",
            "exec",
            "--preserve-fd=9,40",
            "fds",
            "sh",
            "-c",
            "'cat <&9; cat <&40'",
        )
        # Only some runtimes can pass on descriptors with gaps; all refuse loudly.
        assert done.stdout == "nine\nforty\n" or done.returncode != 0, done.stderr
        missing = with_descriptors(pypod, "", "exec", "--preserve-fd=77", "fds", "true")
        assert missing.returncode == 125
        assert "file descriptor 77 is not available" in missing.stderr

    def test_files_of_the_root(self, pypod: Tool) -> None:
        assert pypod.out("run", "--rm", *NONET, IMAGE, "readlink", "/etc/mtab") == "/proc/mounts"
        assert pypod.out("run", "--rm", *NONET, IMAGE, "stat", "-c", "%s", "/run/.containerenv") == "0"
        shown = pypod.out("run", "--rm", *NONET, "--tz", "Asia/Tokyo", IMAGE, "date", "+%z")
        assert shown == "+0900"
        own = "mkdir -p /usr/share/zoneinfo/Asia; echo x >/usr/share/zoneinfo/Asia/Tokyo"
        pypod("run", "--name", "zones", *NONET, IMAGE, "sh", "-c", own)
        pypod("commit", "-q", "zones", "localhost/zones")
        found = pypod.out(
            "run", "--rm", *NONET, "--tz", "Asia/Tokyo", "localhost/zones", "readlink", "/etc/localtime"
        )
        assert found == "../usr/share/zoneinfo/Asia/Tokyo"

    def test_own_run_directory_stays_clean(self, pypod: Tool) -> None:
        pypod("volume", "create", "rundir")
        pypod("run", "--rm", *NONET, "-v", "rundir:/run", IMAGE, "test", "!", "-e", "/run/.containerenv")

    def test_read_only_without_tmpfs(self, pypod: Tool) -> None:
        files = "for f in /tmp/a /dev/b /dev/shm/c; do touch $f 2>/dev/null && echo $f; done; true"
        shell = (IMAGE, "sh", "-c", files)
        assert pypod.out("run", "--rm", *NONET, "--read-only", "--read-only-tmpfs=false", *shell) == ""
        assert pypod.out("run", "--rm", *NONET, "--read-only", *shell) == "/tmp/a\n/dev/b\n/dev/shm/c"

    def test_cidfile_is_overwritten(self, pypod: Tool) -> None:
        folder = pypod.out("volume", "inspect", "--format", "{{.Mountpoint}}", pypod.out("volume", "create"))
        for _ in range(2):
            made = pypod.out("create", *NONET, "--cidfile", f"{folder}/cid", IMAGE)
        assert pypod.out("rm", "--cidfile", f"{folder}/cid") == made

    def test_mounts_of_the_configuration(self, pypod: Tool, tmp_path: Path) -> None:
        given = tmp_path / "given"
        given.mkdir()
        (given / "secret").write_text("from the host")
        listing = tmp_path / "mounts.conf"
        listing.write_text(f"{given}:/run/secrets\n/nosuch:/x\n")
        tool = pypod.with_options("--default-mounts-file", str(listing))
        assert tool.out("run", "--rm", *NONET, IMAGE, "cat", "/run/secrets/secret") == "from the host"

    def test_ipc_modes(self, pypod: Tool) -> None:
        missing = pypod("run", "--rm", *NONET, "--ipc=none", IMAGE, "ls", "/dev/shm", status=1).stderr
        assert "No such file or directory" in missing
        pypod("run", "-d", "--name", "own", *NONET, "--ipc=private", IMAGE, "sleep", "1000")
        refused = pypod("create", *NONET, "--ipc=container:own", IMAGE, status=125).stderr
        assert "is not allowed: non-shareable IPC (hint: use IpcMode:shareable" in refused

    def test_names_taken_by_others(self, pypod: Tool) -> None:
        pypod("create", *NONET, "--name", "mine", IMAGE)
        again = pypod("create", *NONET, "--name", "mine", IMAGE, status=125).stderr
        assert 'creating container storage: the container name "mine" is already in use by' in again
        assert "or use --replace to instruct Podman to do so." in again

    def test_start_chooses(self, pypod: Tool) -> None:
        pypod("create", *NONET, "--name", "one", "--restart", "always", IMAGE, "sleep", "1000")
        pypod("create", *NONET, "--name", "two", "--restart", "on-failure", IMAGE, "sleep", "1000")
        assert pypod.out("start", "--filter", "restart-policy=on-failure", "one", "two") == "two"
        assert (
            "fakepolicy invalid restart policy"
            in pypod("start", "--filter", "restart-policy=fakepolicy", "one", status=125).stderr
        )
        first = pypod.out("inspect", "--format", "{{.ID}}", "one")
        assert pypod.out("start", "--all") == first
        both = pypod("start", "--all", "one", status=125).stderr
        assert both == "Error: either start all containers or the container(s) provided in the arguments\n"
        assert pypod.out("ps", "-a", "--filter", "name=^/one$", "--format", "{{.Names}}") == "one"

    def test_rm_of_dependents_and_strangers(self, pypod: Tool) -> None:
        needed = pypod.out("create", *NONET, IMAGE)
        other = pypod.out("create", f"--net=container:{needed}", IMAGE)
        assert pypod.out("rm", "--depend", needed).split() == [other, needed]
        missing = pypod("rm", "nosuch", status=1).stderr
        assert missing == 'Error: no container with ID or name "nosuch" found: no such container\n'

    def test_events_file_rotates_and_none_is_an_error(self, pypod: Tool, tmp_path: Path) -> None:
        folder = pypod.out("volume", "inspect", "--format", "{{.Mountpoint}}", pypod.out("volume", "create"))
        conf = tmp_path / "events.conf"
        path = f"{folder}/events.log"
        conf.write_text(f'[engine]\nevents_logfile_path="{path}"\nevents_logfile_max_size=1000\n')
        tool = pypod.with_options("--events-backend=file")
        env = {"CONTAINERS_CONF_OVERRIDE": str(conf)}
        for number in range(16):
            tool("volume", "create", f"vol{number:02}", env=env)
        lines = tool.out("events", "--stream=false", "--format", "{{.Status}} {{.Name}}", env=env).split("\n")
        assert (lines[0], lines[-1]) == (f"log-rotation {path}", "create vol15")
        assert 0 < len([line for line in lines if line.startswith("create")]) < 16
        none = pypod.with_options("--events-backend=none")("events", status=125).stderr
        assert none == 'Error: cannot read events with the "none" backend\n'

    def test_events_follow_over_a_rotation(self, pypod: Tool, tmp_path: Path) -> None:
        folder = pypod.out("volume", "inspect", "--format", "{{.Mountpoint}}", pypod.out("volume", "create"))
        conf = tmp_path / "events.conf"
        conf.write_text(f'[engine]\nevents_logfile_path="{folder}/log"\nevents_logfile_max_size=1500\n')
        tool = pypod.with_options("--events-backend=file")
        tool.env = {**os.environ, **(pypod.env or {}), "CONTAINERS_CONF_OVERRIDE": str(conf)}
        tool("volume", "create", "v00")
        process = started(tool, "events", "--since", "1h", "--filter", "type=volume", "--format", "{{.Name}}")
        assert process.stdout is not None
        try:
            seen = [process.stdout.readline()]
            for number in range(1, 16):
                tool("volume", "create", f"v{number:02}")
                seen.append(process.stdout.readline())
        finally:
            process.kill()
            process.communicate()
        assert seen == [f"v{number:02}\n".encode() for number in range(16)]

    def test_events_words(self, pypod: Tool) -> None:
        bad = pypod("events", "--since", "the dawn of time", status=125).stderr
        assert bad.startswith("Error: failed to parse event filters: ")
        pypod("volume", "create", "prefixed")
        tool = pypod.with_options("--events-backend=file")
        tool("volume", "create", "prefix-two")
        shown = tool.out("events", "--stream=false", "--filter", "volume=prefix-", "--format", "{{.Name}}")
        assert shown == "prefix-two"

    def test_volumes(self, pypod: Tool) -> None:
        pypod("run", "--rm", *NONET, "-v", "vol:/vol", "-v", "vol:/vol", IMAGE, "true")
        twice = pypod("run", "--rm", *NONET, "-v", "vol:/vol", "-v", "vol2:/vol", IMAGE, "true", status=125)
        assert twice.stderr == "Error: /vol: duplicate mount destination\n"
        form = "{{.NeedsCopyUp}} {{.NeedsChown}}"
        assert pypod.out("volume", "inspect", "--format", form, "vol") == "true true"
        pypod("run", "--rm", *NONET, "-v", "vol:/etc", IMAGE, "test", "-e", "/etc/passwd")
        assert pypod.out("volume", "inspect", "--format", form, "vol") == "false false"
        bind = pypod("volume", "create", "-o", "type=bind", "-o", "device=/bogus", "b", status=125).stderr
        assert "invalid volume option device for driver 'local'" in bind
        pypod("volume", "create", "owned", "--uid", "12", "--gid", "34")
        owner = pypod.out("run", "--rm", *NONET, "-v", "owned:/o", IMAGE, "stat", "-c", "%u:%g", "/o")
        assert owner == "12:34"
        asked = pypod.out("volume", "prune", stdin="n\n").split("\n")
        assert asked[0].endswith("The following volumes will be removed:") and "owned" in asked

    def test_template_fields_that_json_omits(self, pypod: Tool) -> None:
        pypod("create", *NONET, "--name", "fields", IMAGE)
        form = "{{.State.StoppedByUser}} {{.State.Healthcheck.Status}}|{{.ID}}"
        shown = pypod.out("container", "inspect", "--format", form, "fields")
        assert shown.startswith("false |") and len(shown) == 71
        assert "StoppedByUser" not in json.loads(pypod.out("inspect", "fields"))[0]["State"]

    def test_top_with_the_hosts_ps(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "top", *NONET, IMAGE, "sleep", "1000")
        lines = pypod.out("top", "top", "-eo", "pid comm").split("\n")
        assert lines[0].split() == ["PID", "COMMAND"]
        assert lines[1].split() == ["1", "sleep"]

    def test_logs_until(self, pypod: Tool) -> None:
        script = "while :; do echo x; sleep 0.1; done"
        pypod("run", "-d", "--name", "talks", *NONET, IMAGE, "sh", "-c", script)
        assert "x" in pypod.out("logs", "-f", "--until", "1s", "talks", timeout=30)
        pypod("rm", "-f", "-t", "0", "talks")

    def test_detached_exec_of_nothing(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "idle", *NONET, IMAGE, "sleep", "1000")
        pypod("exec", "-d", "idle", "/nosuch", status=125)
        until(lambda: status_of(pypod, "idle") == "running", "it still runs")

    def test_static_dir_of_the_configuration(self, pypod: Tool, tmp_path: Path) -> None:
        folder = pypod.out("volume", "inspect", "--format", "{{.Mountpoint}}", pypod.out("volume", "create"))
        conf = tmp_path / "static.conf"
        conf.write_text(f'[engine]\nstatic_dir="{folder}/static"\n')
        env = {"CONTAINERS_CONF_OVERRIDE": str(conf)}
        pypod("run", "--name", "apart", *NONET, IMAGE, "true", env=env)
        pypod("container", "exists", "apart", status=1)
        pypod("rm", "apart", env=env)

    def test_passthrough_prints_the_containers_output_only(self, pypod: Tool) -> None:
        log = ("--log-driver", "passthrough")
        done = with_descriptors(
            pypod, "< /dev/null | cat", "run", "-d", "--name", "p", *NONET, *log, IMAGE, "echo", "hi"
        )
        assert done.stdout == "hi\n"
        missing = pypod("container", "inspect", "none", status=125).stderr
        assert missing == "Error: no such container none\n"

    def test_update_of_a_running_health_check(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "ward", *NONET, IMAGE, "sleep", "1000")
        refused = pypod("update", "--health-retries", "2", "ward", status=125).stderr
        assert "healthcheck command is not set" in refused
        pypod("update", "--health-cmd", "echo new", "--health-interval", "200ms", "ward")
        form = "{{.State.Health.Status}} {{.Config.Healthcheck.Interval}}"
        until(lambda: pypod.out("inspect", "--format", form, "ward") == "healthy 200ms", "a check by itself")
        pypod("update", "--health-cmd", "false", "--health-retries", "1", "ward")
        until(lambda: "unhealthy" in pypod.out("inspect", "--format", form, "ward"), "the new command")
        pypod("update", "--no-healthcheck", "ward")
        assert pypod.out("inspect", "--format", "{{.Config.Healthcheck.Test}}", "ward") == "[NONE]"
        pypod("update", "--env", "A=b", "--ulimit", "nofile=99:99", "ward")
        pypod("restart", "-t", "0", "ward")
        assert pypod.out("exec", "ward", "sh", "-c", "echo $A; ulimit -Sn") == "b\n99"

    def test_terminal_passed_through(self, pypod: Tool) -> None:
        options = ("run", "--rm", *NONET, "--log-driver", "passthrough-tty")
        with terminal(
            pypod, *options, IMAGE, "sh", "-c", "test -t 0 && test -t 1 && echo a terminal"
        ) as pair:
            read_until(pair[0], b"a terminal")
            assert pair[1].wait(60) == 0

    def test_wrong_option_before_a_wrong_command(self, pypod: Tool) -> None:
        assert (
            pypod("bad", "--invalid", status=125).stderr
            == "Error: unknown flag: --invalid\nSee 'pypod --help'\n"
        )

    def test_files_named_on_the_command_line(self, pypod: Tool) -> None:
        said = pypod("create", *NONET, "--authfile", "/nosuch/auth.json", IMAGE, status=125).stderr
        assert (
            said
            == "Error: credential file is not accessible: faccessat /nosuch/auth.json: no such file or directory\n"
        )

    def test_log_driver_as_it_was_named(self, pypod: Tool) -> None:
        pypod(
            "create",
            *NONET,
            "--name",
            "json",
            "--log-driver",
            "json-file",
            "--log-opt",
            "max-size=1.5m",
            IMAGE,
        )
        form = "{{.HostConfig.LogConfig.Type}} {{.HostConfig.LogConfig.Size}}"
        assert pypod.out("inspect", "--format", form, "json") == "json-file 1.5MB"

    def test_stop_after_the_monitor_was_killed(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "lost", *NONET, IMAGE, "sleep", "1000")
        monitor = pypod.out("inspect", "--format", "{{.State.ConmonPid}}", "lost")
        os.kill(int(monitor), 9)
        assert "conmon exited prematurely" in pypod("stop", "-t", "0", "lost", status=125).stderr
        assert status_of(pypod, "lost") == "exited"
        pypod("rm", "lost")

    def test_cdi_devices(self, pypod: Tool, tmp_path: Path) -> None:
        folder = tmp_path / "cdi"
        folder.mkdir()
        (tmp_path / "vendor.txt").write_text("from the vendor")
        mount = {"hostPath": f"{tmp_path}/vendor.txt", "containerPath": "/vendor.txt"}
        edits = {
            "env": ["VENDOR=yes"],
            "mounts": [mount],
            "deviceNodes": [{"path": "/dev/vnull", "hostPath": "/dev/null"}],
        }
        spec = {
            "cdiVersion": "0.6.0",
            "kind": "vendor.com/thing",
            "devices": [{"name": "one", "containerEdits": edits}],
        }
        (folder / "vendor.json").write_text(json.dumps(spec))
        tool = pypod.with_options("--cdi-spec-dir", str(folder))
        show = "echo $VENDOR; cat /vendor.txt; echo; test -c /dev/vnull && echo node"
        device = ("--device", "vendor.com/thing=one")
        shown = tool.out("run", "--rm", *NONET, *device, IMAGE, "sh", "-c", show)
        assert shown == "yes\nfrom the vendor\nnode"
        missing = tool("create", *NONET, "--gpus", "all", IMAGE, status=125).stderr
        assert "unresolvable CDI devices nvidia.com/gpu=all" in missing
        (folder / "broken.json").write_text("{")
        assert (
            f"reading CDI specification {folder}/broken.json"
            in tool("create", *NONET, *device, IMAGE, status=125).stderr
        )

    def test_chroot_directories_and_seccomp_of_the_image(self, pypod: Tool) -> None:
        script = (
            "mkdir -p /jail/etc /jail/run; touch /jail/etc/hosts /jail/etc/hostname /jail/etc/resolv.conf"
        )
        pypod("run", "--name", "jail", *NONET, IMAGE, "sh", "-c", script)
        profile = '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}'
        pypod(
            "commit", "-q", "-c", f"LABEL io.containers.seccomp.profile='{profile}'", "jail", "localhost/jail"
        )
        cat = ("--chrootdirs", "/jail", "localhost/jail", "grep", "-c", "localhost", "/jail/etc/hosts")
        assert int(pypod.out("run", "--rm", *NONET, *cat)) > 0
        pypod("run", "--rm", *NONET, "localhost/jail", "mkdir", "/new")
        pypod("run", "--rm", *NONET, "--seccomp-policy", "image", "localhost/jail", "mkdir", "/new", status=1)
        wrong = pypod("create", *NONET, "--seccomp-policy", "none", IMAGE, status=125).stderr
        assert 'invalid seccomp policy "none"' in wrong

    def test_wait_for_the_first(self, pypod: Tool) -> None:
        pypod("run", "-d", "--name", "long", *NONET, IMAGE, "sleep", "1000")
        pypod("run", "-d", "--name", "short", *NONET, IMAGE, "sh", "-c", "exit 5")
        assert pypod.out("wait", "--exit-first-match", "long", "short") == "5"

    def test_exec_by_cidfile(self, pypod: Tool, tmp_path: Path) -> None:
        (tmp_path / "cid").write_text(pypod.out("run", "-d", *NONET, IMAGE, "sleep", "1000"))
        assert pypod.out("exec", "--cidfile", str(tmp_path / "cid"), "echo", "hi") == "hi"

    def test_secrets_for_people(self, pypod: Tool) -> None:
        made = pypod.out("secret", "create", "-l", "a=b", "s1", "-", stdin="x")
        assert pypod.out("secret", "create", "--ignore", "s1", "-", stdin="y") == made
        shown = pypod.out("secret", "inspect", "--pretty", "--showsecret", "s1").split("\n")
        assert shown[0] == f"ID:                {made}" and shown[3] == " - a=b" and shown[-1].endswith(" x")

    def test_prune_options(self, pypod: Tool) -> None:
        pypod("volume", "create", "named")
        anonymous = pypod.out("volume", "create")
        pypod("run", "--rm", *NONET, "-v", "/anon", IMAGE, "true")
        assert set(pypod.out("volume", "prune", "--dry-run").split()) == {"named", anonymous}
        assert "named" not in pypod.out("volume", "prune", "-f", "--all=false").split()
        assert "named" in pypod.out("volume", "ls", "-q").split()
        both = pypod("system", "prune", "--external", "--volumes", status=125).stderr
        assert both == "Error: --external cannot be combined with other options\n"
        assert "nothing to migrate" in pypod("system", "migrate", "--migrate-db", status=125).stderr

    def test_mounts_of_every_kind(self, pypod: Tool, tmp_path: Path) -> None:
        for name in ("g1", "g2"):
            (tmp_path / name).write_text(name)
        glob = ("--mount", f"type=glob,src={tmp_path}/g*,dst=/globbed,ro")
        assert pypod.out("run", "--rm", *NONET, *glob, IMAGE, "ls", "/globbed") == "g1\ng2"
        none = pypod("create", *NONET, "--mount", f"type=glob,src={tmp_path}/x*", IMAGE, status=125).stderr
        assert none == f'Error: no file paths matching glob "{tmp_path}/x*"\n'
        image = ("--mount", f"type=image,src={IMAGE},dst=/img,readwrite=true")
        pypod("create", "--name", "img", *NONET, *image, IMAGE)
        assert pypod.out("inspect", "--format", "{{(index .Mounts 0).Source}}", "img") == IMAGE
        conf = tmp_path / "mounts.conf"
        conf.write_text(f'[containers]\nmounts=["type=bind,src={tmp_path}/g1,dst=/always,ro"]\n')
        env = {"CONTAINERS_CONF_OVERRIDE": str(conf)}
        assert pypod.out("run", "--rm", *NONET, IMAGE, "cat", "/always", env=env) == "g1"

    def test_cp_words_and_memory(self, pypod: Tool, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("content")
        pypod("run", "-d", "--name", "box", *NONET, "--tmpfs", "/mem", IMAGE, "sleep", "1000")
        pypod("cp", f"{tmp_path}/file", "box:/mem")
        assert pypod.out("exec", "box", "cat", "/mem/file") == "content"
        missing = pypod("cp", "box:/no*", str(tmp_path), status=125).stderr
        assert missing == 'Error: "/no*" could not be found on container box: no such file or directory\n'
        here = pypod("cp", f"{tmp_path}/nosuch", "box:/tmp", status=125).stderr
        assert (
            here == f'Error: "{tmp_path}/nosuch" could not be found on the host: no such file or directory\n'
        )

    def test_cp_of_a_compressed_stream(self, pypod: Tool, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("content")
        packed = subprocess.run(
            ["tar", "-C", str(tmp_path), "-czf", "-", "file"], check=True, capture_output=True
        ).stdout
        pypod("run", "-d", "--name", "box", *NONET, IMAGE, "sleep", "1000")
        pypod("cp", "-", "box:/tmp", stdin=packed)
        assert pypod.out("exec", "box", "cat", "/tmp/file") == "content"
        for data in (b"", b"no archive", bytes(1024), gzip.compress(b"no archive")):
            wrong = pypod("cp", "-", "box:/tmp", stdin=data, status=125).stderr
            assert wrong == "Error: source must be a (compressed) tar archive when copying from stdin\n"
        cut = pypod("cp", "-", "box:/tmp", stdin=gzip.decompress(packed)[:515], status=125).stderr
        assert cut.startswith("Error: ") and cut.count("\n") == 1
        (tmp_path / "folder").mkdir()
        pypod("exec", "box", "touch", "/tmp/folder")
        wrong = pypod("cp", str(tmp_path / "folder"), "box:/tmp", status=125).stderr
        assert 'error creating "/tmp/folder": ' in wrong and wrong.endswith(": file exists\n")
        pypod("cp", "--overwrite", str(tmp_path / "folder"), "box:/tmp")
        wrong = pypod("cp", "box:/tmp/file", "/dev/null", status=125).stderr
        assert wrong == 'Error: invalid destination: "/dev/null" must be a directory or a regular file\n'
