"""What Tab offers for pypod's commands, as tests that hold for root and for an ordinary user alike.

As with `pypod_life`, a test module derives a class from `Completions` and gives the fixture `pypod`.
"""

from __future__ import annotations

import json
from pathlib import Path

from support.programs import Tool
from support.pypod_life import IMAGE, NONET
from support.pypod_scripts import completions

#: Words of a command line -> which of the objects of `_objects` are offered as the next one.
ARGUMENTS: dict[str, str] = {
    "rm": "made runs",
    "logs": "made runs",
    "container exists": "made runs",
    "restart": "made runs",
    "wait": "made runs",
    "commit": "made runs",
    "container clone": "made runs",
    "init": "made",
    "start": "made",
    "stop": "runs",
    "kill": "runs",
    "pause": "runs",
    "attach": "runs",
    "exec": "runs",
    "stats": "runs",
    "container cleanup": "",
    "unpause": "",
    "diff": "made runs image",
    "container restore": "made runs image",
    "generate spec": "made runs pod",
    "generate systemd": "made runs pod",
    "kube generate": "made runs pod volume",
    "inspect": "made runs image pod volume network",
    "pod rm": "pod",
    "pod logs": "pod",
    "pod stop": "",
    "pull": "image",
    "push": "image",
    "tag": "image",
    "tag one": "image",
    "commit made": "image",
    "container clone made": "",
    "container clone made name": "image",
    "image scp": "image",
    "container runlabel": "",
    "container runlabel label": "image",
    "manifest add list": "image",
    "volume rm": "volume",
    "volume inspect": "volume",
    "secret rm": "secret",
    "secret inspect": "secret",
    "network inspect": "network",
    "network connect net": "made runs",
    # After the last argument there is nothing.
    "rename made": "",
    "image history image": "",
    "pod exists pod": "",
    "volume exists stuff": "",
    "exec runs": "",
    # Values of options.
    "run --volumes-from": "made runs",
    "run --pod": "pod",
    "run --secret": "secret",
    "pod logs -c": "made runs",
    "pod create --infra-image": "image",
}

#: Words of a command line, the last one half typed -> all that is offered, in any order.
VALUES: dict[str, str] = {
    "ps --filter stat": "status=",
    "ps --filter status=p": "status=paused",
    "ps --filter=status=p": "status=paused",
    "ps --filter volume=": "volume=stuff",
    "ps --filter name=m": "name=made",
    "pod ps --filter ctr-names=r": "ctr-names=runs",
    "volume ls --filter dangling=": "dangling=true dangling=false",
    "secret ls --filter name=": "name=hidden",
    "events --filter event=unm": "event=unmount",
    "system prune --filter u": "until=",
    "run --network b": "bridge",
    "run --network container:m": "container:made",
    "run --userns k": "keep-id",
    "run --userns ns:": "",
    "run --ipc s": "shareable",
    "run --pull n": "never newer",
    "run --restart on": "on-failure",
    "run --log-driver k": "k8s-file",
    "run --log-opt max": "max-size=",
    "run --security-opt label=d": "label=disable",
    "run --cap-add SYS_PT": "SYS_PTRACE",
    "run --cap-add CHOWN,CAP_SYS_PT": "CHOWN,CAP_SYS_PTRACE",
    "run --health-on-failure ki": "kill",
    "run --sdnotify h": "healthy",
    "run --image-volume t": "tmpfs",
    "run --user roo": "root:",
    "run --volume st": "stuff:",
    "run --mount type=t": "type=tmpfs,",
    "run --detach-keys ctrl-p,": "ctrl-p,ctrl-",
    "run --attach std": "stdin stdout stderr",
    "kill --signal SIGWI": "SIGWINCH",
    "kill --signal us": "usr1 usr2",
    "kill --signal PO": "POLL",
    "stop --filter id=zz": "",
    "wait --condition pa": "paused",
    "pod create --share ipc,n": "ipc,net ipc,none",
    "network create --driver m": "macvlan",
    "commit --change EN": "ENTRYPOINT ENV",
    "commit --format d": "docker",
    "save --format oci": "oci-dir oci-archive",
    "inspect --type v": "volume",
    "image trust set -t s": "signedBy",
    "ps --sort si": "size",
    "images --sort t": "tag",
    "build --pull=m": "missing",
    "completion z": "zsh",
    "help image tr": "tree trust",
    "ps --format j": "json",
    "ps --format {{.Net": "{{.Networks}}",
    "ps --format {{.ID}}_{{.Pi": "{{.ID}}_{{.Pid}}",
    "info --format {{.Host.Ker": "{{.Host.Kernel}}",
    "inspect -f {{.State.Health.S": "{{.State.Health.Status}}",
    "image inspect -f {{.RootFS.": "{{.RootFS.Layers}} {{.RootFS.Type}}",
    "inspect stuff -f {{.Anon": "{{.Anonymous}}",
    "top runs pc": "pcpu",
    "top --latest pc": "pcpu",
    "exec -l mad": "",
    "run --rootfs loc": "",
}

#: Words of a command line -> what the shell is told when nothing is typed behind them (cobra's numbers).
TOLD: dict[str, int] = {
    "ps": 4,
    "rm": 4,
    "exec runs": 0,
    "exec runs sh": 0,
    "container runlabel label image": 0,
    "build": 0,
    "run --rootfs": 16,
    "exec --latest": 0,
    "unshare": 0,
    "cp": 2,
    "load -i": 0,
    "run --env": 4,
    "run --env-file": 0,
    "run --userns ns:": 4,
    "ps --filter": 6,
    "quadlet install": 0,
    "secret create": 4,
    "secret create name": 0,
    "volume export": 4,
    "run no-such-image": 0,
}


def told(pypod: Tool, *words: str) -> int:
    """The number of the line that says what the shell does."""
    at = next(index for index, word in enumerate(pypod.argv) if word.endswith("/pypod")) + 1
    argv = [*pypod.argv[:at], "__completeNoDesc", *pypod.argv[at:]]
    done = Tool(argv, pypod.env, pypod.cwd)(*words)
    assert done.stderr.startswith("Completion ended with directive: ShellCompDirective"), done.stderr
    assert done.stderr.count("\n") == 1
    return int(done.stdout.splitlines()[-1].removeprefix(":"))


class Completions:
    """Tests; see the module."""

    def test_what_is_offered(self, pypod: Tool) -> None:
        """Of each kind there is something; every command offers what it takes, in the states in which it takes it."""
        pypod("create", "--name", "made", *NONET, "-v", "stuff:/stuff", IMAGE, "true")
        pypod("run", "-d", "--name", "runs", *NONET, IMAGE, "sleep", "1000")
        pypod("pod", "create", "--name", "group")
        pypod("secret", "create", "--env", "hidden", "HIDDEN", env={"HIDDEN": "x"})
        image_id = pypod.out("image", "inspect", IMAGE, "--format", "{{.Id}}")
        names = {
            "made": "made",
            "runs": "runs",
            "image": f"{IMAGE}:latest",
            "pod": "group",
            "volume": "stuff",
            "secret": "hidden",
            "network": "podman",
        }
        for line, kinds in ARGUMENTS.items():
            offered = set(completions(pypod, *line.split(), ""))
            wanted = {names[kind] for kind in kinds.split()}
            assert offered & set(names.values()) == wanted, line
        for line, text in VALUES.items():
            assert set(completions(pypod, *line.split())) == set(text.split()), line
        for line, number in TOLD.items():
            assert told(pypod, *line.split(), "") == number, line
        self._ids_and_short_names(pypod, image_id)
        self._descriptions(pypod)
        pypod("rm", "-f", "-t", "0", "runs", "made")
        pypod("pod", "rm", "group")

    def _ids_and_short_names(self, pypod: Tool, image_id: str) -> None:
        """From the second letter on; ends of images' names from the first."""
        box = pypod.out("container", "inspect", "made", "--format", "{{.Id}}")
        for command, id in (("rm", box), ("run", image_id), ("inspect", image_id), ("inspect", box)):
            for length, wanted in ((1, False), (2, True), (12, True)):
                offered = completions(pypod, command, id[:length])
                assert (id[:12] in offered) is wanted, (command, length)
            assert completions(pypod, command, id[:20]) == [id[:20]]
        assert "box:latest" in completions(pypod, "run", "b")
        assert "box:latest" not in completions(pypod, "run", "")
        assert f"{IMAGE}:latest" in completions(pypod, "run", "loc")

    def _descriptions(self, pypod: Tool) -> None:
        pypod("create", "--name", "member", "--pod", "group", IMAGE, "true")
        at = next(index for index, word in enumerate(pypod.argv) if word.endswith("/pypod")) + 1
        described = Tool([*pypod.argv[:at], "__complete", *pypod.argv[at:]], pypod.env, pypod.cwd)
        assert "member\tgroup" in described.out("rm", "m").splitlines()
        pypod("rm", "member")

    def test_registries_are_those_for_short_names(self, pypod: Tool, tmp_path: Path) -> None:
        conf = tmp_path / "registries.conf"
        conf.write_text('unqualified-search-registries = ["quay.io", "docker.io"]\n')
        for command in ("login", "logout", "image trust set", "image trust show"):
            offered = completions(pypod, *command.split(), "", env={"CONTAINERS_REGISTRIES_CONF": str(conf)})
            assert offered == ["quay.io", "docker.io"], command
            assert completions(pypod, *command.split(), "one", "") == []

    def test_fields_offered_are_fields(self, pypod: Tool) -> None:
        """Everything offered for --format renders."""
        pypod("run", "-d", "--name", "runs", *NONET, "--health-cmd", "true", IMAGE, "sleep", "1000")
        pypod("pod", "create", "--name", "group")
        pypod("volume", "create", "stuff")
        pypod("secret", "create", "--env", "hidden", "HIDDEN", env={"HIDDEN": "x"})
        for line in (
            "ps",
            "images",
            f"history {IMAGE}",
            "pod ps",
            "volume ls",
            "secret ls",
            "network ls",
            "info",
            "version",
            "system df",
            "container inspect runs",
            "inspect runs",
            f"inspect {IMAGE}",
            f"image inspect {IMAGE}",
            "pod inspect group",
            "inspect group",
            "volume inspect stuff",
            "secret inspect hidden",
            "network inspect podman",
            "stats --no-stream runs",
        ):
            self._all_render(pypod, line.split())
        pypod("rm", "-f", "-t", "0", "runs")
        pypod("pod", "rm", "group")

    def _all_render(self, pypod: Tool, line: list[str]) -> None:
        begun = ["{{."]
        offered: list[str] = []
        while begun:
            for word in completions(pypod, *line, "--format", begun.pop()):
                (begun if word.endswith(".") else offered).append(word)
        assert len(offered) > 3, line
        # One that is a map or a list is no text; json makes one of all.
        template = "\n".join(f"{{{{json {word[2:-2]}}}}}" for word in offered)
        done = pypod(*line, "--format", template, status=None)
        assert done.returncode == 0, (line, done.stderr)
        for text in done.stdout.splitlines()[: len(offered)]:
            json.loads(text)
