"""What is measured: each case gives pairs of commands that do the same."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from bench import generators, layers, mirroring, monitors
from bench.pairs import Counts, Pair, execute, quiet

REPOSITORY = Path(__file__).resolve().parents[1]
BIN = REPOSITORY / "build" / "bin"
LIMITS = ("--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000")


class Bench:
    """Stores, images and a registry, made once for all cases."""

    def __init__(self, folder: Path, *, runs: int, files: int, megabytes: int) -> None:
        self.folder, self.runs, self.files, self.megabytes = folder, runs, files, megabytes
        self.stack = contextlib.ExitStack()
        self.runtime = "crun" if self._crun_works() else "runc"
        run_root = Path(
            tempfile.mkdtemp(prefix="pypod-bench.", dir=os.environ.get("XDG_RUNTIME_DIR", "/run"))
        )
        self.stack.callback(shutil.rmtree, run_root, ignore_errors=True)

        def options(side: str) -> list[str]:
            return [
                "--root",
                str(folder / side),
                "--runroot",
                str(run_root / side),
                "--storage-driver",
                "overlay",
            ]

        self.pypod = [str(BIN / "pypod"), *options("ours"), "--runtime", self.runtime]
        self.pybuildah = [str(BIN / "pybuildah"), *options("ours")]
        self.pyskopeo = [str(BIN / "pyskopeo")]
        self.podman = ["podman", *options("theirs"), "--runtime", self.runtime]
        self.buildah = ["buildah", *options("theirs")]
        self.skopeo = ["skopeo", "--insecure-policy"]
        self.registry = ""
        self._numbers = itertools.count()

    @staticmethod
    def _crun_works() -> bool:
        return not Path("/sys/fs/cgroup/unified").is_dir() and shutil.which("crun") is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        quiet([*self.pypod, "rm", "-f", "-a", "-t", "0"], [*self.podman, "rm", "-f", "-a", "-t", "0"])()
        self.stack.close()

    def prepare(self) -> None:
        """A registry, a small and a large image in it and in both stores, a directory of many files."""
        from support.docker_registry import docker_registry
        from support.rootfs import busybox_tar

        self.registry = self.stack.enter_context(docker_registry(self.folder / "registry"))
        small = self.folder / "small.tar"
        small.write_bytes(busybox_tar())
        self.context = self.folder / "context"
        self.make_files(self.context / "data")
        (self.context / "Containerfile").write_text("FROM localhost/small\nCOPY data /data\n")
        self.steps = self.folder / "steps"
        self.steps.mkdir()
        lines = ["FROM localhost/small", *(f"ENV STEP{number}=1" for number in range(14))]
        lines += [f"RUN echo {number} >/step{number}" for number in range(5)]
        (self.steps / "Containerfile").write_text("\n".join(lines) + "\n")
        execute([*self.podman, "import", "-q", str(small), "localhost/small"])
        layers = self.folder / "layers"
        layers.mkdir()
        self._make_layers(layers)
        lines = ["FROM localhost/small", *(f"ADD {path.name} /" for path in sorted(layers.iterdir()))]
        (layers / "Containerfile").write_text("\n".join(lines) + "\n")
        execute([*self.buildah, "build", "-q", "--layers", "-t", f"{self.registry}/large", str(layers)])
        shutil.rmtree(layers)
        for name in ("localhost/small", f"{self.registry}/large"):
            target = f"docker://{self.registry}/{name.rpartition('/')[2]}"
            execute([*self.podman, "push", "-q", "--tls-verify=false", name, target])
        self.archive = self.folder / "large.tar"
        execute([*self.podman, "save", "-q", "-o", str(self.archive), f"{self.registry}/large"])
        execute([*self.pypod, "pull", "-q", "--tls-verify=false", f"{self.registry}/small"])
        execute([*self.pypod, "tag", f"{self.registry}/small", "localhost/small"])
        execute([*self.pypod, "pull", "-q", "--tls-verify=false", f"{self.registry}/large"])
        execute(
            [
                *self.pypod,
                "run",
                "-d",
                "--name",
                "up",
                "--network",
                "none",
                *LIMITS,
                "localhost/small",
                "sleep",
                "100000",
            ]
        )
        execute(
            [
                *self.podman,
                "run",
                "-d",
                "--name",
                "up",
                "--network",
                "none",
                *LIMITS,
                "localhost/small",
                "sleep",
                "100000",
            ]
        )

    def fill(self, containers: int) -> None:
        """Create that many containers on both sides."""
        for number in range(containers):
            for program in (self.pypod, self.podman):
                execute(
                    [
                        *program,
                        "create",
                        "--name",
                        f"c{number}",
                        "--network",
                        "none",
                        *LIMITS,
                        "localhost/small",
                        "true",
                    ]
                )

    def make_files(self, folder: Path) -> None:
        """Small files of noise, 200 to a directory."""
        chance = random.Random(1)
        for number in range(self.files):
            path = folder / f"d{number // 200}" / f"f{number}"
            if number % 200 == 0:
                path.parent.mkdir(parents=True)
            path.write_bytes(chance.randbytes(chance.randint(50, 4000)))

    def _make_layers(self, folder: Path, count: int = 12) -> None:
        chance = random.Random(2)
        for number in range(count):
            with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
                root = Path(scratch) / f"layer{number}"
                root.mkdir()
                each = max(1, self.files // count)
                size = self.megabytes * 1_000_000 // count // each
                for item in range(each):
                    if item % 200 == 0:
                        (root / f"d{item // 200}").mkdir()
                    noise = chance.randbytes(size // 2)
                    (root / f"d{item // 200}" / f"f{item}").write_bytes(noise + bytes(size - len(noise)))
                with tarfile.open(folder / f"layer{number:02}.tar", "w") as archive:
                    archive.add(root, arcname=root.name)

    def number(self) -> int:
        """A number not used before."""
        return next(self._numbers)

    def pair(self, name: str, ours: list[str], theirs: list[str], **more: object) -> Pair:
        """A pair with this bench's number of runs."""
        return Pair(name, ours, theirs, runs=int(str(more.pop("runs", self.runs))), **more)  # type: ignore[arg-type]


def run(bench: Bench) -> Iterator[Pair]:
    arguments = ["run", "--rm", "--network", "none", *LIMITS, "localhost/small", "true"]
    yield bench.pair(
        "run --rm --network none",
        [*bench.pypod, *arguments],
        [*bench.podman, *arguments],
        runs=bench.runs * 2,
    )
    detached = ["run", "-d", "--rm", "--network", "none", *LIMITS, "localhost/small", "true"]
    yield bench.pair("run -d --rm", [*bench.pypod, *detached], [*bench.podman, *detached])


def exec_(bench: Bench) -> Iterator[Pair]:
    yield bench.pair(
        "exec",
        [*bench.pypod, "exec", "up", "true"],
        [*bench.podman, "exec", "up", "true"],
        runs=bench.runs * 2,
    )


def lists(bench: Bench) -> Iterator[Pair]:
    for words in (
        ["ps"],
        ["ps", "-a", "--format", "json"],
        ["images"],
        ["inspect", "up"],
        ["image", "inspect", "localhost/small"],
    ):
        yield bench.pair(
            " ".join(words[:3]), [*bench.pypod, *words], [*bench.podman, *words], runs=bench.runs * 2
        )


def stop(bench: Bench) -> Iterator[Pair]:
    def again(program: list[str]) -> Callable[[], None]:
        return quiet([*program, "start", "up"])

    words = ["stop", "-t", "0", "up"]
    yield bench.pair(
        "stop -t 0",
        [*bench.pypod, *words],
        [*bench.podman, *words],
        before_ours=again(bench.pypod),
        before_theirs=again(bench.podman),
    )
    for program in (bench.pypod, bench.podman):
        again(program)()


def start(bench: Bench) -> Iterator[Pair]:
    def stopped(program: list[str]) -> Callable[[], None]:
        return quiet([*program, "stop", "-t", "0", "up"])

    yield bench.pair(
        "start",
        [*bench.pypod, "start", "up"],
        [*bench.podman, "start", "up"],
        before_ours=stopped(bench.pypod),
        before_theirs=stopped(bench.podman),
    )


def logs(bench: Bench) -> Iterator[Pair]:
    line = "a line of eighty bytes, which a program in a container writes over and over, so."
    count = bench.megabytes * 1_000_000 // (len(line) + 1)
    for program in (bench.pypod, bench.podman):
        writing = ["sh", "-c", f"yes '{line}' | head -n {count}"]
        options = ["--name", "talker", "--network", "none", "--log-driver", "k8s-file", *LIMITS]
        execute([*program, "run", "-d", *options, "localhost/small", *writing])
        execute([*program, "wait", "talker"])
    yield bench.pair(
        f"logs of {bench.megabytes} MB",
        [*bench.pypod, "logs", "talker"],
        [*bench.podman, "logs", "talker"],
        runs=3,
    )
    for program in (bench.pypod, bench.podman):
        execute([*program, "rm", "talker"])


def cp(bench: Bench) -> Iterator[Pair]:
    blob, out = bench.folder / "blob", bench.folder / "blob-out"
    with blob.open("wb") as stream:
        for _ in range(bench.megabytes):
            stream.write(os.urandom(1_000_000))
    for name, source, target in (
        ("into a container", str(blob), "up:/blob"),
        ("out of a container", "up:/blob", str(out)),
    ):
        words = ["cp", source, target]
        # Three pairs would be too few: how fast the disk takes a file varies by half.
        yield bench.pair(f"cp {name}, {bench.megabytes} MB", [*bench.pypod, *words], [*bench.podman, *words])
    blob.unlink()
    out.unlink(missing_ok=True)


def pull(bench: Bench) -> Iterator[Pair]:
    name = f"{bench.registry}/large"
    words = ["pull", "-q", "--tls-verify=false", name]
    yield bench.pair(
        f"pull, 12 layers, {bench.megabytes} MB",
        [*bench.pypod, *words],
        [*bench.podman, *words],
        before_ours=quiet([*bench.pypod, "rmi", "-f", name]),
        before_theirs=quiet([*bench.podman, "rmi", "-f", name]),
        runs=3,
    )


def load(bench: Bench) -> Iterator[Pair]:
    name = f"{bench.registry}/large"
    words = ["load", "-q", "-i", str(bench.archive)]
    yield bench.pair(
        "load of the same from an archive",
        [*bench.pypod, *words],
        [*bench.podman, *words],
        before_ours=quiet([*bench.pypod, "rmi", "-f", name]),
        before_theirs=quiet([*bench.podman, "rmi", "-f", name]),
        runs=3,
    )


def push(bench: Bench) -> Iterator[Pair]:
    def words(side: str) -> list[str]:
        name = f"docker://{bench.registry}/push-{side}:1"
        return ["push", "-q", "--tls-verify=false", f"{bench.registry}/large", name]

    def forget(side: str) -> Callable[[], None]:
        return lambda: shutil.rmtree(
            bench.folder / f"registry/data/docker/registry/v2/repositories/push-{side}", ignore_errors=True
        )

    yield bench.pair(
        "push of the same",
        [*bench.pypod, *words("ours")],
        [*bench.podman, *words("theirs")],
        before_ours=forget("ours"),
        before_theirs=forget("theirs"),
        runs=3,
    )


def copy(bench: Bench) -> Iterator[Pair]:
    source = f"docker://{bench.registry}/large"

    def words(side: str) -> list[str]:
        return [
            "copy",
            "-q",
            "--src-tls-verify=false",
            "--dest-tls-verify=false",
            source,
            f"docker://{bench.registry}/copy-{side}:1",
        ]

    def forget(side: str) -> Callable[[], None]:
        return lambda: shutil.rmtree(
            bench.folder / f"registry/data/docker/registry/v2/repositories/copy-{side}", ignore_errors=True
        )

    yield bench.pair(
        "copy registry to registry",
        [*bench.pyskopeo, *words("ours")],
        [*bench.skopeo, *words("theirs")],
        before_ours=forget("ours"),
        before_theirs=forget("theirs"),
        runs=3,
    )
    folders = {side: bench.folder / f"oci-{side}" for side in ("ours", "theirs")}

    def to_oci(side: str) -> list[str]:
        return ["copy", "-q", "--src-tls-verify=false", source, f"oci:{folders[side]}:1"]

    yield bench.pair(
        "copy registry to oci:",
        [*bench.pyskopeo, *to_oci("ours")],
        [*bench.skopeo, *to_oci("theirs")],
        before_ours=lambda: shutil.rmtree(folders["ours"], ignore_errors=True),
        before_theirs=lambda: shutil.rmtree(folders["theirs"], ignore_errors=True),
        runs=3,
    )
    words_inspect = ["inspect", "--tls-verify=false", f"docker://{bench.registry}/small"]
    yield bench.pair("inspect docker://", [*bench.pyskopeo, *words_inspect], [*bench.skopeo, *words_inspect])


def _build_words(bench: Bench, name: str, folder: Path, *more: str) -> list[str]:
    return ["build", "-q", "--layers", "--runtime", bench.runtime, *more, "-t", name, str(folder)]


def build_files(bench: Bench) -> Iterator[Pair]:
    def change() -> None:
        # A layer that is there already would be thrown away again. And for five seconds ext4 does not use inodes again,
        # and searches long for others: who comes after a removal of thousands of files pays for it.
        (bench.context / "data" / "changed").write_bytes(os.urandom(100))
        time.sleep(6)

    many = _build_words(bench, "localhost/many", bench.context, "--no-cache")
    yield bench.pair(
        f"build, COPY of {bench.files} files",
        [*bench.pybuildah, *many],
        [*bench.buildah, *many],
        before_ours=change,
        before_theirs=change,
        runs=3,
    )
    again = _build_words(bench, "localhost/many", bench.context)
    for program in (bench.pybuildah, bench.buildah):
        execute([*program, *again])
    yield bench.pair("the same from the cache", [*bench.pybuildah, *again], [*bench.buildah, *again], runs=3)


def build_steps(bench: Bench) -> Iterator[Pair]:
    steps = _build_words(bench, "localhost/steps", bench.steps, "--no-cache", *LIMITS)
    yield bench.pair("build of 20 steps", [*bench.pybuildah, *steps], [*bench.buildah, *steps], runs=3)
    cached = _build_words(bench, "localhost/steps", bench.steps, *LIMITS)
    for program in (bench.pybuildah, bench.buildah):
        execute([*program, *cached])
    yield bench.pair(
        "the same from the cache, 20 steps", [*bench.pybuildah, *cached], [*bench.buildah, *cached]
    )


def scratch(bench: Bench) -> Iterator[Pair]:
    script = bench.folder / "scratch.sh"
    script.write_text(
        "set -e\ncount=$1; shift\n"
        'for number in $(seq "$count"); do\n'
        'c=$("$@" from scratch)\n"$@" copy -q $c /bin/busybox /bin/\n"$@" config --cmd /bin/busybox $c\n'
        '"$@" commit -q $c localhost/loop$number >/dev/null\n"$@" rm $c >/dev/null\n'
        "done\n"
    )

    def loop(count: int, program: list[str]) -> list[str]:
        return ["sh", str(script), str(count), *program]

    yield bench.pair(
        "from scratch, copy, config, commit, rm", loop(1, bench.pybuildah), loop(1, bench.buildah)
    )
    yield bench.pair(
        "the same for 100 images",
        loop(100, bench.pybuildah),
        loop(100, bench.buildah),
        warm=False,
        runs=2,
    )


#: Cases that need nothing of what `Bench.prepare` makes.
STANDALONE = frozenset(
    (
        "inspect-remote",
        "list-tags",
        "copy-remote",
        "sync",
        "store-unpack",
        "store-diff",
        "store-commit",
        "quadlet",
    )
)


CASES: dict[str, Callable[[Bench], Iterator[Pair | Counts]]] = {
    "run": run,
    "exec": exec_,
    "lists": lists,
    "start": start,
    "stop": stop,
    "logs": logs,
    "cp": cp,
    "pull": pull,
    "load": load,
    "store-unpack": layers.unpack,
    "store-diff": layers.diff,
    "store-commit": layers.commit,
    "push": push,
    "copy": copy,
    "build-files": build_files,
    "build-steps": build_steps,
    "scratch": scratch,
    "inspect-remote": mirroring.inspect_remote,
    "list-tags": mirroring.list_tags,
    "copy-remote": mirroring.copy_remote,
    "sync": mirroring.sync,
    "conmon": monitors.conmon,
    "quadlet": generators.quadlet,
}
