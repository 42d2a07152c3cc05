"""Which of a program's own streams take part in a container's or a process's."""

from __future__ import annotations


class Streams:
    """Which of our descriptors take part; None leaves a stream out.

    Slots: stdin, stdout, stderr; detach_keys: bytes of attach.parse_detach_keys; sig_proxy.
    """

    __slots__ = ("detach_keys", "sig_proxy", "stderr", "stdin", "stdout")

    def __init__(
        self,
        *,
        stdin: int | None,
        stdout: int | None,
        stderr: int | None,
        detach_keys: bytes,
        sig_proxy: bool,
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.detach_keys = detach_keys
        self.sig_proxy = sig_proxy
