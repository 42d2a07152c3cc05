"""One store, two families of programs: what `interop_operations` runs on.

Both sides are told about the store by the same storage.conf and containers.conf, so that no global option is in the way, and
both by the same user: root, or an ordinary one with its namespace.
"""

from __future__ import annotations

import itertools
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from support.images import MadeImage, make_image
from support.programs import BIN, Tool
from support.rootfs import busybox_tar
from support.users import OrdinaryUser


class Side:
    """The three programs of one family on the store.

    Attributes:
        name: "ours" or "theirs".
        engine, builder, copier: podman, buildah and skopeo, or what corresponds.
    """

    def __init__(
        self,
        name: str,
        programs: tuple[str, str, str],
        become: list[str],
        env: dict[str, str],
        *,
        rootless: bool,
    ) -> None:
        self.name = name
        self.engine, self.builder, self.copier = (
            Tool([*become, program], env, env["HOME"]) for program in programs
        )
        self._env = {**env, "E": programs[0], "B": programs[1], "S": programs[2]}
        # Mounts of an ordinary user live in its namespace: a shell that looks at them has to be there.
        shell = ["sh", "-euc"]
        self._shell = Tool([*become, programs[0], "unshare", *shell] if rootless else shell, self._env)

    def shell(self, script: str, *words: str) -> str:
        """Run a script in which $E, $B and $S are the engine, the builder and the copier, and $1 … the words."""
        return self._shell.out(script, "sh", *words)

    def read(self, image: str, path: str) -> str:
        """A file of an image, through a mount of it."""
        script = 'm=$($E image mount "$1"); cat "$m/$2"; $E image unmount "$1" >/dev/null'
        return self.shell(script, image, path)

    def ids(self) -> dict[str, str]:
        """Every image: {name: id}."""
        out = self.engine("images", "--format", "json", status=None if self.name == "theirs" else 0)
        while (
            out.returncode and "not known" in out.stderr
        ):  # podman gives up when an image goes while it lists
            out = self.engine("images", "--format", "json", status=None)
        listed = json.loads(out.stdout or "[]")
        return {name: entry["Id"] for entry in listed for name in entry.get("Names") or [] if name}


class World:
    """A store, a registry, and files for the operations.

    Args:
        folder: for the store; a short path (podman refuses long run roots).
        registry: HOST:PORT.
        user: whose store it is, None for root.
    """

    def __init__(self, folder: Path, registry: str, user: OrdinaryUser | None = None) -> None:
        self.folder, self.registry, self.user = folder, registry, user
        self.files = folder / "files"
        self.files.mkdir()
        self._number = itertools.count(1)
        runtime = "runc" if Path("/sys/fs/cgroup/unified").is_dir() or not shutil.which("crun") else "crun"
        # podman before 5 takes an ordinary user's roots from no other file than the user's own.
        settings = folder / "containers"
        settings.mkdir()
        (settings / "storage.conf").write_text(
            f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
        )
        # An ordinary user's processes are started here without a login, so there is no manager of the session.
        (folder / "containers.conf").write_text(
            '[containers]\nnetns = "none"\npids_limit = 0\ndefault_ulimits = ["nofile=1000:1000", "nproc=1000:1000"]\n'
            f'[engine]\nruntime = "{runtime}"\nevents_logger = "file"\ncgroup_manager = "cgroupfs"\ntmp_dir = "{folder}/tmp"\n'
            f'static_dir = "{folder}/graph/libpod"\n'
        )
        (folder / "registries.conf").write_text(f'[[registry]]\nlocation = "{registry}"\ninsecure = true\n')
        (folder / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "XDG_CONFIG_HOME": str(folder),
            "CONTAINERS_CONF": f"{folder}/containers.conf",
            "CONTAINERS_REGISTRIES_CONF": f"{folder}/registries.conf",
            "BUILDAH_RUNTIME": runtime,
        }
        become: list[str] = []
        programs = BIN
        if user is None:
            env["CONTAINERS_STORAGE_CONF"] = f"{settings}/storage.conf"
        else:
            env.update(user.environment(), PATH=env["PATH"])
            become = user.become
            programs = user.programs
        self.env = env
        own = tuple(str(programs / name) for name in ("pypod", "pybuildah", "pyskopeo"))
        rootless = user is not None
        self.ours = Side("ours", own, become, env, rootless=rootless)  # type: ignore[arg-type]
        self.theirs = Side("theirs", ("podman", "buildah", "skopeo"), become, env, rootless=rootless)
        self.give(folder)

    def give(self, path: Path) -> Path:
        """Make a file or folder the user's; returns it."""
        if self.user is not None:
            subprocess.run(["chown", "-R", f"{self.user.uid}:{self.user.gid}", str(path)], check=True)
        return path

    def prepare(self) -> None:
        """The image that operations build on."""
        self.theirs.engine("import", "-q", str(self.file(busybox_tar())), "localhost/base")

    def fresh(self, word: str) -> str:
        """A name nothing has yet."""
        return f"{word}{next(self._number)}"

    def file(self, data: bytes, name: str = "") -> Path:
        """A file with this content."""
        path = self.files / (name or self.fresh("f"))
        path.write_bytes(data)
        return self.give(path)

    def place(self) -> Path:
        """A path in the store's folder at which nothing is."""
        return self.files / self.fresh("p")

    def context(self, containerfile: str, **files: str) -> Path:
        """A folder to build from."""
        folder = self.place()
        folder.mkdir()
        for name, text in {"Containerfile": containerfile, **files}.items():
            (folder / name).write_text(text)
        return self.give(folder)

    def image(self) -> MadeImage:
        """An image of two layers no other operation has."""
        return make_image(seed=next(self._number) + (1 << 20 if self.user else 0), size=3000)

    def published(self) -> str:
        """The name of a new image in the registry."""
        folder = self.as_dir(self.image())
        name = f"{self.registry}/{'user' if self.user else 'root'}{self.fresh('i')}"
        command = ["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false"]
        subprocess.run([*command, f"dir:{folder}", f"docker://{name}"], check=True, env=self.env)
        return name

    def as_dir(self, image: MadeImage) -> Path:
        """The image as a `dir:` folder."""
        folder = self.place()
        folder.mkdir()
        (folder / "version").write_text("Directory Transport Version: 1.1\n")
        (folder / "manifest.json").write_bytes(image.manifest)
        for digest, data in image.blobs.items():
            (folder / digest[7:]).write_bytes(data)
        return self.give(folder)

    # -- are both content? -----------------------------------------------------------------------

    def check(self) -> None:
        """Both programs' checks of the store find nothing. Raises AssertionError."""
        out = self.ours.engine("system", "check")
        assert not out.stdout.strip(), f"ours: {out.stdout}"
        listed = self.theirs.engine("system", "check", "--help", status=None)
        if listed.returncode == 0 and "--quick" in listed.stdout:
            out = self.theirs.engine("system", "check", status=None)
            assert (out.returncode, out.stdout.strip()) == (0, ""), f"theirs: {out.stdout}{out.stderr}"
        else:
            self._check_by_reading()

    def _check_by_reading(self) -> None:
        """What a check of theirs does, with the programs of a release that has none: every layer read back."""
        script = """
            for layer in $(containers-storage layers -j | tr ',' '\\n' | sed -n 's/.*"id":"\\([0-9a-f]*\\)".*/\\1/p'); do
                containers-storage diff -f /dev/null "$layer" >/dev/null
            done
            containers-storage images >/dev/null; containers-storage containers >/dev/null
        """
        options = f"--graph {self.folder}/graph --run {self.folder}/run --storage-driver overlay"
        self.theirs.shell(script.replace("containers-storage", f"containers-storage {options}"))

    # -- the end ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Remove containers, mounts and files."""
        for side in (self.theirs, self.ours):
            side.builder("rm", "-a", status=None)
            side.engine("rm", "-a", "-f", "-t", "0", status=None)
        script = f"""
            while read -r _ _ _ _ target _; do
                case $target in {shlex.quote(str(self.folder))}/*) umount -l "$target" || : ;; esac
            done </proc/self/mountinfo
        """
        self.theirs.shell(script)
        if self.user is not None:
            self.theirs.engine(
                "unshare", "rm", "-rf", f"{self.folder}/graph", f"{self.folder}/run", status=None
            )
        shutil.rmtree(self.folder, ignore_errors=os.geteuid() != 0)
