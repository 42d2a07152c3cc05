"""What one family of programs does to a store and the other one reads and goes on with.

Every operation is a function of (world, a, b): side `a` acts, side `b` must see it and be able to continue. All names are
new, so that any number of operations may run at the same time on one store – but those that are marked `alone`, which
touch what is not theirs.
"""

from __future__ import annotations

import json
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

from support.images import digest_of
from support.interop import Side, World

Operation = Callable[[World, Side, Side], None]

#: Every operation by name, those of the short run, and those that cannot share a store with others under way.
OPERATIONS: dict[str, Operation] = {}
SHORT: list[str] = []
ALONE: list[str] = []


def operation(*, short: bool = False, alone: bool = False) -> Callable[[Operation], Operation]:
    """Register an operation under its name."""

    def register(function: Operation) -> Operation:
        name = function.__name__.strip("_").replace("_", " ")
        OPERATIONS[name] = function
        if short:
            SHORT.append(name)
        if alone:
            ALONE.append(name)
        return function

    return register


def derived(world: World, side: Side) -> tuple[str, str]:
    """A new image on the base, made by `side`: (name, text of its file /new)."""
    name, text = f"localhost/{world.fresh('d')}", world.fresh("text")
    script = 'c=$($B from localhost/base); $B copy -q $c "$1" /new >/dev/null; $B commit -q $c "$2" >/dev/null; $B rm $c >/dev/null'
    side.shell(script, str(world.file(text.encode())), name)
    return name, text


def full(name: str) -> str:
    """As listings show it."""
    return name if ":" in name.rpartition("/")[2] else name + ":latest"


# -- images in and out --------------------------------------------------------------------------


@operation(short=True)
def pull(world: World, a: Side, b: Side) -> None:
    name = world.published()
    a.engine("pull", "-q", name)
    assert len(b.read(name, "file-1").encode("utf-8", "surrogateescape")) > 2000
    again = b.engine.out("pull", "-q", name)  # everything is there
    assert again == a.ids()[full(name)]
    b.engine("rmi", name)
    assert full(name) not in a.ids()


@operation()
def pull_of_what_the_other_removed(world: World, a: Side, b: Side) -> None:
    name = world.published()
    b.engine("pull", "-q", name)
    a.engine("rmi", name)
    b.engine("pull", "-q", name)
    assert full(name) in a.ids()
    a.engine("rmi", name)


@operation()
def pull_that_was_killed(world: World, a: Side, b: Side) -> None:
    name = world.published()
    for pause in (0.05, 0.15, 0.3):
        process = subprocess.Popen(
            [*a.engine.argv, "pull", "-q", name],
            env=a.engine.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
    b.engine("pull", "-q", name)
    assert b.read(name, "file-0")
    a.engine("rmi", name)


@operation(short=True)
def load_docker_archive(world: World, a: Side, b: Side) -> None:
    name, text = derived(world, b)
    archive = world.place()
    b.engine("save", "-q", "-o", str(archive), name)
    before = b.ids()[full(name)]
    b.engine("rmi", name)
    a.engine("load", "-q", "-i", str(archive))
    assert b.ids()[full(name)] == before
    assert b.read(name, "new") == text
    b.engine("rmi", name)


@operation()
def load_oci_archive(world: World, a: Side, b: Side) -> None:
    name, text = derived(world, b)
    archive = world.place()
    b.engine("save", "-q", "--format", "oci-archive", "-o", str(archive), name)
    b.engine("rmi", name)
    a.engine("load", "-q", "-i", str(archive))
    assert b.read(name, "new") == text
    assert b.engine.out("history", "-q", name)
    b.engine("rmi", name)


@operation()
def load_of_several_images(world: World, a: Side, b: Side) -> None:
    names = [derived(world, b)[0] for _ in range(2)]
    archive = world.place()
    b.engine("save", "-q", "-m", "-o", str(archive), *names)
    b.engine("rmi", *names)
    a.engine("load", "-q", "-i", str(archive))
    assert {full(name) for name in names} <= b.ids().keys()
    b.engine("rmi", *names)


@operation(short=True)
def import_(world: World, a: Side, b: Side) -> None:
    text = world.fresh("text")
    folder = world.context("", new=text)
    archive = world.place()
    with tarfile.open(archive, "w") as out:
        out.add(folder / "new", "new")
    world.give(archive)
    name = f"localhost/{world.fresh('i')}"
    a.engine("import", "-q", "-c", "ENV A=1", str(archive), name)
    assert b.read(name, "new") == text
    (found,) = json.loads(b.engine.out("image", "inspect", name))
    assert "A=1" in found["Config"]["Env"]
    assert found["RootFS"]["Layers"] == [digest_of(archive.read_bytes())]
    b.engine("rmi", name)


@operation()
def save_docker_archive(world: World, a: Side, b: Side) -> None:
    name, text = derived(world, b)
    archive = world.place()
    a.engine("save", "-q", "-o", str(archive), name)
    a.engine("rmi", name)
    b.engine("load", "-q", "-i", str(archive))
    assert b.read(name, "new") == text
    a.engine("rmi", name)


@operation(short=True)
def save_bit_for_bit(world: World, a: Side, b: Side) -> None:
    """Layers come out of the store as they went in, whoever asks."""
    name, _ = derived(world, b)
    contents = []
    for side in (a, b):
        folder = world.place()
        side.engine("save", "-q", "--format", "docker-dir", "-o", str(folder), name)
        manifest = json.loads((folder / "manifest.json").read_bytes())
        contents.append([layer["digest"] for layer in manifest["layers"]])
        (found,) = json.loads(side.engine.out("image", "inspect", name))
        plain = found["RootFS"]["Layers"]
        for layer, digest in zip(manifest["layers"], plain, strict=True):
            data = (folder / layer["digest"][7:]).read_bytes()
            if not layer["mediaType"].endswith("gzip"):
                assert digest_of(data) == digest
    a.engine("rmi", name)


@operation()
def push_then_pull(world: World, a: Side, b: Side) -> None:
    name, text = derived(world, b)
    target = f"{world.registry}/{world.fresh('pushed')}"
    a.engine("push", "-q", name, target)
    a.engine("rmi", name)
    b.engine("pull", "-q", target)
    assert b.read(target, "new") == text
    b.engine("rmi", target)


@operation()
def copy_into_the_store(world: World, a: Side, b: Side) -> None:
    made = world.image()
    folder = world.as_dir(made)
    name = f"localhost/{world.fresh('c')}:1"
    a.shell('$S --insecure-policy copy -q "dir:$1" "containers-storage:$2"', str(folder), name)
    out = json.loads(b.shell('$S inspect --raw "containers-storage:$1"', name))
    assert [layer["digest"] for layer in out["layers"]] == made.layers
    assert b.ids()[name] == digest_of(made.config)[7:]
    b.engine("rmi", name)


@operation()
def copy_out_of_the_store(world: World, a: Side, b: Side) -> None:
    name = world.published()
    b.engine("pull", "-q", name)
    folder = world.place()
    a.shell('$S --insecure-policy copy -q "containers-storage:$1" "oci:$2:x"', name, str(folder))
    back = f"localhost/{world.fresh('back')}:1"
    b.shell('$S --insecure-policy copy -q "oci:$1:x" "containers-storage:$2"', str(folder), back)
    assert a.ids()[back] == a.ids()[full(name)]
    a.engine("rmi", back)
    a.engine("rmi", name)


@operation()
def delete_through_the_copier(world: World, a: Side, b: Side) -> None:
    name, _ = derived(world, b)
    a.shell('$S delete "containers-storage:$1"', full(name))
    assert full(name) not in b.ids()


# -- names ---------------------------------------------------------------------------------------


@operation(short=True)
def tag(world: World, a: Side, b: Side) -> None:
    name, _ = derived(world, b)
    other = f"localhost/{world.fresh('t')}:2"
    a.engine("tag", name, other)
    assert b.ids()[other] == b.ids()[full(name)]
    b.engine("untag", name, name)
    assert a.ids().get(full(name)) is None
    b.engine("rmi", other)


@operation()
def untag(world: World, a: Side, b: Side) -> None:
    name, _ = derived(world, b)
    image = b.ids()[full(name)]
    a.engine("untag", name)
    assert full(name) not in b.ids()
    b.engine("tag", image, name)
    assert a.ids()[full(name)] == image
    a.engine("rmi", name)


@operation()
def tag_that_moves(world: World, a: Side, b: Side) -> None:
    """A name goes from one image to another; the first one keeps it in its history."""
    first, _ = derived(world, b)
    second, _ = derived(world, a)
    old = b.ids()[full(first)]
    a.engine("tag", second, first)
    assert b.ids()[full(first)] == b.ids()[full(second)]
    (found,) = json.loads(b.engine.out("image", "inspect", old))
    assert full(first) in found["NamesHistory"]
    b.engine("rmi", old, first, second)


@operation(short=True)
def rmi(world: World, a: Side, b: Side) -> None:
    name, text = derived(world, b)
    child = f"localhost/{world.fresh('child')}"
    folder = world.context(f"FROM {name}\nCOPY more /more\n", more=text + "2")
    b.builder("build", "-q", "--network", "none", "--layers", "-t", child, str(folder))
    a.engine("rmi", name)  # the layers stay for the child
    assert b.read(child, "new") == text
    a.engine("rmi", child)
    assert not {full(name), full(child)} & b.ids().keys()


@operation()
def rmi_with_force(world: World, a: Side, b: Side) -> None:
    name, _ = derived(world, b)
    other = f"localhost/{world.fresh('n')}:1"
    b.engine("tag", name, other)
    a.engine("rmi", "-f", b.ids()[other])
    assert not {full(name), other} & b.ids().keys()


@operation()
def rmi_of_an_image_in_use(world: World, a: Side, b: Side) -> None:
    name, _ = derived(world, b)
    container = b.builder.out("from", name)
    assert a.engine("rmi", name, status=None).returncode != 0
    assert b.builder.out("inspect", "--type", "container", "--format", "{{.FromImage}}", container) == full(
        name
    )
    b.builder("rm", container)
    a.engine("rmi", name)


# -- building ------------------------------------------------------------------------------------


@operation(short=True)
def build(world: World, a: Side, b: Side) -> None:
    name, text = f"localhost/{world.fresh('built')}", world.fresh("text")
    folder = world.context(
        "FROM localhost/base\nENV X=y\nCOPY new /dir/new\nRUN rm /etc/group && echo more >/dir/more\n",
        new=text,
    )
    a.builder("build", "-q", "--network", "none", "-t", name, str(folder))
    assert b.read(name, "dir/new") == text
    child = f"localhost/{world.fresh('child')}"
    folder = world.context(f"FROM {name}\nRUN test ! -e /etc/group && cat /dir/more /dir/new >/both\n")
    b.builder("build", "-q", "--network", "none", "-t", child, str(folder))
    assert a.read(child, "both") == f"more\n{text}"
    a.engine("rmi", child, name)


@operation()
def build_from_the_others_cache(world: World, a: Side, b: Side) -> None:
    """The same build twice gives images with the same first layers, each usable by the other."""
    folder = world.context("FROM localhost/base\nCOPY new /new\nENV A=1\n", new=world.fresh("text"))
    names = [f"localhost/{world.fresh('cached')}" for _ in range(2)]
    for side, name in zip((a, b), names, strict=True):
        side.builder("build", "-q", "--network", "none", "--layers", "-t", name, str(folder))
    assert a.read(names[1], "new") == b.read(names[0], "new")
    for name in names:
        b.engine("rmi", "-f", name)


@operation()
def squash(world: World, a: Side, b: Side) -> None:
    name, text = f"localhost/{world.fresh('squashed')}", world.fresh("text")
    folder = world.context("FROM localhost/base\nCOPY new /new\nRUN mv /new /moved\n", new=text)
    a.builder("build", "-q", "--network", "none", "--squash", "-t", name, str(folder))
    assert b.read(name, "moved") == text
    b.engine("rmi", name)


@operation(short=True)
def working_container(world: World, a: Side, b: Side) -> None:
    """Begun by one, filled and committed by the other."""
    text = world.fresh("text")
    container = a.builder.out("from", "localhost/base")
    b.builder("copy", "-q", container, str(world.file(text.encode())), "/new")
    b.builder("config", "--env", "WHO=b", "--label", "l=1", container)
    found = json.loads(a.builder.out("inspect", "--type", "container", container))
    assert "WHO=b" in found["OCIv1"]["config"]["Env"]
    name = f"localhost/{world.fresh('w')}"
    b.builder("commit", "-q", container, name)
    assert a.read(name, "new") == text
    a.builder("rm", container)
    assert container not in b.builder.out("containers").split()
    b.engine("rmi", name)


@operation()
def run_in_the_others_working_container(world: World, a: Side, b: Side) -> None:
    container = a.builder.out("from", "localhost/base")
    b.builder("run", "--network", "none", container, "--", "sh", "-c", "echo b >/by-b; rm /etc/passwd")
    a.builder(
        "run", "--network", "none", container, "--", "sh", "-c", "cat /by-b >/by-a; test ! -e /etc/passwd"
    )
    name = f"localhost/{world.fresh('ran')}"
    a.builder("commit", "-q", "--rm", container, name)
    assert b.read(name, "by-a") == "b"
    b.engine("rmi", name)


@operation()
def rename_a_working_container(world: World, a: Side, b: Side) -> None:
    container, other = a.builder.out("from", "localhost/base"), world.fresh("renamed")
    a.builder("rename", container, other)
    assert other in b.builder.out("containers").split()
    b.builder("rm", other)
    assert other not in a.builder.out("containers").split()


@operation()
def from_scratch(world: World, a: Side, b: Side) -> None:
    text, name = world.fresh("text"), f"localhost/{world.fresh('scratch')}"
    container = a.builder.out("from", "scratch")
    b.builder("copy", "-q", container, str(world.file(text.encode())), "/only")
    a.builder("commit", "-q", container, name)
    assert b.read(name, "only") == text
    b.builder("rm", container)
    b.engine("rmi", name)


@operation()
def manifest_list(world: World, a: Side, b: Side) -> None:
    listing = f"localhost/{world.fresh('list')}"
    name = world.published()
    a.builder("manifest", "create", listing)
    b.builder("manifest", "add", "--tls-verify=false", listing, f"docker://{name}")
    found = json.loads(a.builder.out("manifest", "inspect", listing))
    assert len(found["manifests"]) == 1
    a.builder("manifest", "rm", listing)
    assert full(listing) not in b.ids()


# -- containers ------------------------------------------------------------------------------------


def external(side: Side) -> str:
    """Ids of all containers, whoever made them."""
    return side.engine.out("ps", "-a", "--external", "--no-trunc", "--format", "{{.ID}}")


@operation(short=True)
def create(world: World, a: Side, b: Side) -> None:
    container = a.engine.out("create", "localhost/base", "true")
    assert container in external(b)
    assert b.engine("rmi", "localhost/base", status=None).returncode != 0
    a.engine("rm", container)
    assert container not in external(b)


@operation()
def rm(world: World, a: Side, b: Side) -> None:
    """What one made the other removes."""
    container = b.builder.out("from", "localhost/base")
    identity = b.builder.out("inspect", "--type", "container", "--format", "{{.ContainerID}}", container)
    assert identity in external(a)
    a.engine("rm", "-f", identity)
    assert identity not in external(b)


@operation()
def commit(world: World, a: Side, b: Side) -> None:
    container, name, text = world.fresh("made"), f"localhost/{world.fresh('committed')}", world.fresh("text")
    a.engine("create", "--name", container, "localhost/base", "true")
    a.engine("cp", str(world.file(text.encode())), f"{container}:/new")
    a.engine("commit", "-q", container, name)
    assert b.read(name, "new") == text
    a.engine("rm", container)
    b.engine("rmi", name)


@operation()
def run(world: World, a: Side, b: Side) -> None:
    name, text = derived(world, b)
    assert a.engine.out("run", "--rm", name, "cat", "/new") == text
    assert b.engine.out("run", "--rm", name, "cat", "/new") == text
    b.engine("rmi", name)


@operation()
def diff(world: World, a: Side, b: Side) -> None:
    """Both see the same changes of an image."""
    name, text = f"localhost/{world.fresh('diff')}", world.fresh("text")
    folder = world.context(
        "FROM localhost/base\nRUN rm /etc/group && echo x >/etc/new && mv /var /moved\n", new=text
    )
    a.builder("build", "-q", "--network", "none", "-t", name, str(folder))
    assert sorted(a.engine.out("image", "diff", name).splitlines()) == sorted(
        b.engine.out("image", "diff", name).splitlines()
    )
    b.engine("rmi", name)


# -- mounts ----------------------------------------------------------------------------------------


@operation(short=True)
def mount(world: World, a: Side, b: Side) -> None:
    """One mounts, the other counts and unmounts."""
    container, text = a.builder.out("from", "localhost/base"), world.fresh("text")
    script = 'm=$($B mount "$1"); echo "$2" >"$m/written"'
    a.shell(script, container, text)
    assert b.shell('m=$($B mount "$1"); cat "$m/written"; $B umount "$1" >/dev/null', container) == text
    # Still mounted for `a`, which only now lets go.
    assert (
        a.shell(
            'm=$($B mount "$1"); cat "$m/written"; $B umount "$1" >/dev/null; $B umount "$1" >/dev/null',
            container,
        )
        == text
    )
    b.builder("rm", container)


@operation()
def image_mount(world: World, a: Side, b: Side) -> None:
    name, text = derived(world, b)
    where = a.shell('m=$($E image mount "$1"); cat "$m/new"; echo; echo "$m"', name).splitlines()
    assert where[0] == text
    assert b.shell('$E image mount "$1"', name) == where[1]
    for side in (a, b):
        side.shell('$E image unmount "$1" >/dev/null', name)
    b.engine("rmi", name)


@operation()
def rm_of_what_is_mounted(world: World, a: Side, b: Side) -> None:
    # A name of its own: a derived one is free again at once, and another's a moment later.
    container = a.builder.out("from", "--name", world.fresh("mounted"), "localhost/base")
    a.shell('$B mount "$1" >/dev/null', container)
    b.builder("rm", container)
    assert container not in a.builder.out("containers").split()


# -- care ------------------------------------------------------------------------------------------


@operation(short=True, alone=True)
def prune(world: World, a: Side, b: Side) -> None:
    name, _ = derived(world, b)
    image = b.ids()[full(name)]
    b.engine("untag", name)
    a.engine("image", "prune", "-f")
    assert b.engine("image", "exists", image, status=None).returncode == 1
    assert "localhost/base:latest" in b.ids()


@operation(alone=True)
def system_prune(world: World, a: Side, b: Side) -> None:
    name, _ = derived(world, b)
    image = b.ids()[full(name)]
    container = a.engine.out("create", "localhost/base", "true")
    b.engine("untag", name)
    a.engine("system", "prune", "-f")
    assert container not in external(b)
    assert b.engine("image", "exists", image, status=None).returncode == 1


@operation(alone=True)
def repair_of_a_lost_layer(world: World, a: Side, b: Side) -> None:
    """A layer's directory vanishes: the repairing side removes the image, and the other one can make it again."""
    name = world.published()
    b.engine("pull", "-q", name)
    (found,) = json.loads(b.engine.out("image", "inspect", name))
    top = Path(found["GraphDriver"]["Data"]["UpperDir"]).parent
    a.shell('rm -rf "$1"', str(top))
    repair = a.engine("system", "check", "--repair", status=None)
    if "unrecognized" in repair.stderr or "Error: unknown" in repair.stderr:  # podman before 5.4
        world.ours.engine("system", "check", "--repair", status=None)
    assert full(name) not in b.ids()
    b.engine("pull", "-q", name)
    assert a.read(name, "file-0")
    a.engine("rmi", name)
