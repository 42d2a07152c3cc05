"""--security-opt, --cap-add/--cap-drop, --privileged: rights of the container.

Syntax and names are podman's (which are Docker's with `label`, `mask`, `unmask`, `proc-opts` besides).
"""

from __future__ import annotations

from ocicore.engine.quantities import parse_bool
from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ocicore.runtime.types import Security


def read(
    options: Sequence[str],
    *,
    privileged: bool,
    cap_add: Sequence[str],
    cap_drop: Sequence[str],
    default_capabilities: Sequence[str],
    default_seccomp: str,
    default_apparmor: str,
) -> tuple[Security, list[str]]:
    """The merged rights, and the label options (for SELinux). Raises InvalidInput, Error."""
    result: Security = {"privileged": privileged, "cap_add": list(cap_add), "cap_drop": list(cap_drop)}
    if default_capabilities:
        result["capabilities"] = list(default_capabilities)
    if default_seccomp:
        result["seccomp"] = default_seccomp
    if default_apparmor:
        result["apparmor"] = default_apparmor
    labels: list[str] = []
    for option in options:
        if option == "no-new-privileges":
            result["no_new_privileges"] = True
            continue
        key, separator, value = option.partition("=")
        if not separator:
            key, separator, value = option.partition(":")
        if not separator:
            raise InvalidInput(f'invalid --security-opt 1: "{option}"')
        if key == "no-new-privileges":
            result["no_new_privileges"] = parse_bool(value, "--security-opt no-new-privileges")
        elif key == "label":
            if value == "nested" or value == "disable" or ":" in value:
                labels.append(value)
            else:
                raise InvalidInput(
                    f'invalid --security-opt label="{value}": must be disable, nested or KEY:VALUE'
                )
        elif key == "apparmor":
            result["apparmor"] = value
        elif key == "seccomp":
            if value != "unconfined" and not value.startswith("/"):
                import os

                value = os.path.abspath(value)
            if value != "unconfined":
                _readable(value)
            result["seccomp"] = value
        elif key == "mask":
            result["mask"] = [*result.get("mask", []), *value.split(":")]
        elif key == "unmask":
            paths = value.split(":") if value else []
            result["unmask"] = [*result.get("unmask", []), *paths]
        elif key == "proc-opts":
            result["proc_opts"] = value.split(",")
        else:
            raise InvalidInput(f'invalid --security-opt 2: "{option}"')
    return result, labels


def _readable(path: str) -> None:
    import os

    if not os.access(path, os.R_OK):
        raise Error(f"opening seccomp profile failed: open {path}: no such file or directory")
