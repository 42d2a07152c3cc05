"""Confidential workloads (mkcw, --cw): images whose files lie encrypted on a disk for a protected virtual machine.

They need a LUKS volume and the firmware whose measurement the attestation server compares. Neither is written here:
whoever asks learns which part is missing before anything is changed.
"""

from __future__ import annotations

import os

from ocicore.errors import MissingProgram, NotFound, Unsupported

_FIRMWARE = ("libkrunfw-sev.so.4", "libkrunfw-tdx.so.4", "libkrunfw-sev.so", "libkrunfw-tdx.so")
_FOLDERS = ("/usr/lib64", "/usr/lib", "/usr/local/lib64", "/usr/local/lib", "/lib64", "/lib")


def require(firmware: str = "") -> None:
    """Always raises; the error names the first part that is missing.

    Args:
        firmware: --firmware-library, "" to look where distributions put it.

    Raises:
        NotFound, MissingProgram, Unsupported
    """
    if firmware and not os.path.exists(firmware):
        raise NotFound(f"confidential workload: firmware library {firmware}: no such file or directory")
    if not firmware and not any(
        os.path.exists(os.path.join(folder, name)) for folder in _FOLDERS for name in _FIRMWARE
    ):
        raise NotFound(
            "confidential workload: no firmware library found",
            hint=f"install the package with {_FIRMWARE[0]}, or name it with --firmware-library",
        )
    from ocicore.linux import spawn

    if not spawn.find("cryptsetup", ["/usr/sbin", "/sbin", "/usr/bin"]):
        raise MissingProgram(
            "confidential workload: cryptsetup is not installed", hint="install the package cryptsetup-bin"
        )
    raise Unsupported(
        "confidential workload: encrypted disks for protected virtual machines are not written by this program",
        hint="convert the finished image with buildah mkcw",
    )
