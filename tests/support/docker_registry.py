"""Debian's docker-registry on loopback, for one test or one session."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path


def free_port() -> int:
    """A TCP port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def docker_registry(
    folder: Path, *, htpasswd: Path | None = None, certificate: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """Start a registry with its data below `folder`; yields HOST:PORT and stops it afterwards.

    Args:
        htpasswd: basic authentication with this (bcrypt) file.
        certificate: (certificate, key) for TLS.
    """
    program = shutil.which("docker-registry")
    if program is None:
        raise FileNotFoundError("docker-registry: install the package docker-registry (`make deps`)")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    lines = [
        "version: 0.1",
        "log: {level: error, accesslog: {disabled: true}}",
        f"storage: {{filesystem: {{rootdirectory: {folder / 'data'}}}, delete: {{enabled: true}}}}",
        f"http: {{addr: '127.0.0.1:{port}'"
        + (f", tls: {{certificate: {certificate[0]}, key: {certificate[1]}}}" if certificate else "")
        + "}",
    ]
    if htpasswd is not None:
        lines.append(f"auth: {{htpasswd: {{realm: test, path: {htpasswd}}}}}")
    configuration = folder / "config.yml"
    configuration.write_text("\n".join(lines) + "\n")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
        )
    try:
        _wait(process, port, folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"docker-registry ended with {process.returncode}: {log.read_text()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("docker-registry did not listen within 20 seconds")


def fetch(url: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """GET without any of our code: (status, body)."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
