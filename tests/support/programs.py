"""The programs under test and the peers', run as whole processes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = REPOSITORY / "build" / "bin"

#: What real podman 4.3 needs on a host without CAP_SYS_RESOURCE and with hybrid cgroups.
PODMAN_RUN_FLAGS = ("--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000")


class Failed(AssertionError):
    """A command did not end as expected; the text has everything it said."""


def run(
    argv: list[str],
    *,
    status: int | None = 0,
    stdin: bytes | str | None = None,
    env: dict[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run `argv` and check its exit status (None: any).

    Returns the completed process; stdout and stderr are text, undecodable bytes escaped.
    """
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        argv,
        input=data if data is not None else b"",
        capture_output=True,
        env=env,
        cwd=cwd,
        timeout=timeout,
        check=False,
    )
    out = done.stdout.decode("utf-8", "surrogateescape")
    err = done.stderr.decode("utf-8", "surrogateescape")
    if status is not None and done.returncode != status:
        raise Failed(f"{argv} ended with {done.returncode} instead of {status}\nstdout: {out}\nstderr: {err}")
    return subprocess.CompletedProcess(argv, done.returncode, out, err)


class Tool:
    """One program with global options and, maybe, a user to run as."""

    def __init__(self, argv: list[str], env: dict[str, str] | None = None, cwd: str | None = None) -> None:
        self.argv = argv
        self.env = env
        self.cwd = cwd

    def __call__(
        self,
        *args: str,
        status: int | None = 0,
        stdin: bytes | str | None = None,
        timeout: float = 120,
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run with `args` appended."""
        base = dict(os.environ if self.env is None else self.env)
        base.update(env or {})
        return run([*self.argv, *args], status=status, stdin=stdin, env=base, cwd=self.cwd, timeout=timeout)

    def out(self, *args: str, **kwargs: object) -> str:
        """Its standard output without the last newline."""
        return self(*args, **kwargs).stdout.rstrip("\n")  # type: ignore[arg-type]

    def with_env(self, **variables: str) -> Tool:
        """The same program with more variables."""
        return Tool(self.argv, {**(os.environ if self.env is None else self.env), **variables}, self.cwd)

    def with_options(self, *options: str) -> Tool:
        """The same program with more global options."""
        return Tool([*self.argv, *options], self.env, self.cwd)


def ours(name: str, *options: str) -> Tool:
    """pypod, pybuildah, pyskopeo or pypod-systemd of this checkout."""
    return Tool([str(BIN / name), *options])


def theirs(name: str, *options: str) -> Tool:
    """podman, buildah or skopeo from the system."""
    extra = ["--runtime", "runc"] if name == "podman" else []
    return Tool([name, *extra, *options])
