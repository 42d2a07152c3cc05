"""The service manager, asked through systemctl: states of units, reload, stop."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ocicore.errors import Error, MissingProgram
from ocicore.linux import spawn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


#: There when systemd is the init system, sd_booted(3).
_BOOTED = "/run/systemd/system"


class Manager:
    """The system's manager, or a user's.

    Args:
        is_user: a user's.
        environ: with PATH, and XDG_RUNTIME_DIR for a user's.
    """

    def __init__(self, *, is_user: bool, environ: Mapping[str, str]) -> None:
        self._scope = "--user" if is_user else "--system"
        self._environ = {name: value for name, value in environ.items() if name != "NOTIFY_SOCKET"}

    def states(self, units: Sequence[str]) -> dict[str, tuple[str, str, str]]:
        """(LoadState, ActiveState, SubState) by unit.

        Raises:
            Error: there is no manager to ask.
        """
        if not units:
            return {}
        if not os.path.isdir(_BOOTED):
            return dict.fromkeys(units, ("not-found", "inactive", "dead"))
        keys = ("Id", "LoadState", "ActiveState", "SubState")
        text = self._call("show", "--property=" + ",".join(keys), "--", *units)
        found = {}
        for block, unit in zip(text.split("\n\n"), units, strict=False):
            values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
            found[unit] = (values["LoadState"], values["ActiveState"], values["SubState"])
        return found

    def reload(self) -> None:
        """Lets the manager read its units, and run its generators, again. Without a manager there is nothing to do.

        Raises:
            Error
        """
        if not os.path.isdir(_BOOTED):
            return
        self._call("daemon-reload")

    def stop(self, unit: str) -> None:
        """
        Raises:
            Error
        """
        self._call("stop", "--", unit)

    def _call(self, *words: str) -> str:
        systemctl = spawn.find("systemctl", self._environ.get("PATH", "/usr/bin:/bin").split(":"))
        if not systemctl:
            raise MissingProgram("cannot find the program systemctl", hint="install systemd")
        done = spawn.capture([systemctl, self._scope, "--no-ask-password", *words], self._environ)
        if done.status != 0:
            raise Error(
                f"systemctl {self._scope} {words[0]}: {' '.join(done.error_text().split()) or done.status}"
            )
        return done.stdout.decode("utf-8", "replace")
