"""Image configurations (image-spec 1.1, config.md; Docker's additions Healthcheck, Shell, OnBuild).

A thin reader over the parsed JSON: unknown keys stay in `raw` and survive rewriting.
"""

from __future__ import annotations

from ocicore.errors import Corrupted
from ocicore.oci.platform import Platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class InvalidConfig(Corrupted):
    """Bytes are no image configuration."""


class ImageConfig:
    """One image configuration; `raw` is the whole JSON object, `config` its execution part."""

    __slots__ = ("config", "raw")

    def __init__(self, raw: dict[str, object]) -> None:
        self.raw = raw
        config = raw.get("config")
        if config is None:
            config = {}
        if not isinstance(config, dict):
            raise InvalidConfig("parsing image configuration: config is not an object")
        self.config: dict[str, object] = config

    def _text(self, key: str) -> str:
        value = self.config.get(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise InvalidConfig(f"parsing image configuration: {key} is not a string")
        return value

    def _list(self, key: str) -> list[str]:
        value = self.config.get(key)
        if value is None:
            return []
        if isinstance(value, str):  # written by some old builders for Entrypoint and Cmd
            return [value]
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InvalidConfig(f"parsing image configuration: {key} is not a list of strings")
        return list(value)

    def _keys(self, key: str) -> list[str]:
        value = self.config.get(key)
        if value is None:
            return []
        if not isinstance(value, dict):
            raise InvalidConfig(f"parsing image configuration: {key} is not an object")
        return list(value)

    @property
    def env(self) -> list[str]:
        """`NAME=value` strings, in order."""
        return self._list("Env")

    @property
    def cmd(self) -> list[str]:
        """Default arguments."""
        return self._list("Cmd")

    @property
    def entrypoint(self) -> list[str]:
        """Program and fixed arguments."""
        return self._list("Entrypoint")

    @property
    def user(self) -> str:
        """`USER[:GROUP]`, names or numbers; empty for root."""
        return self._text("User")

    @property
    def working_dir(self) -> str:
        """Working directory; empty for /."""
        return self._text("WorkingDir")

    @property
    def stop_signal(self) -> str:
        """Signal name or number; empty for SIGTERM."""
        return self._text("StopSignal")

    @property
    def labels(self) -> dict[str, str]:
        """Labels."""
        value = self.config.get("Labels")
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise InvalidConfig("parsing image configuration: Labels is not an object")
        return {str(key): str(item) for key, item in value.items()}

    @property
    def volumes(self) -> list[str]:
        """Paths declared as volumes."""
        return self._keys("Volumes")

    @property
    def exposed_ports(self) -> list[str]:
        """`PORT[/PROTOCOL]` strings."""
        return self._keys("ExposedPorts")

    @property
    def shell(self) -> list[str]:
        """The shell of RUN's shell form (Docker's extension)."""
        return self._list("Shell")

    @property
    def on_build(self) -> list[str]:
        """ONBUILD triggers (Docker's extension)."""
        return self._list("OnBuild")

    @property
    def healthcheck(self) -> dict[str, object]:
        """`Test Interval Timeout StartPeriod StartInterval Retries`, durations in ns; empty when there is none."""
        value = self.config.get("Healthcheck")
        return dict(value) if isinstance(value, dict) else {}

    @property
    def diff_ids(self) -> list[str]:
        """Digests of the uncompressed layers, bottom first."""
        rootfs = self.raw.get("rootfs")
        if not isinstance(rootfs, dict):
            return []
        value = rootfs.get("diff_ids")
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise InvalidConfig("parsing image configuration: diff_ids is not a list of strings")
        return list(value)

    @property
    def history(self) -> list[dict[str, object]]:
        """History entries, oldest first."""
        value = self.raw.get("history")
        return [dict(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    @property
    def created(self) -> str:
        """RFC 3339 time of creation, or empty."""
        value = self.raw.get("created")
        return value if isinstance(value, str) else ""

    @property
    def author(self) -> str:
        """Author, or empty."""
        value = self.raw.get("author")
        return value if isinstance(value, str) else ""

    @property
    def architecture(self) -> str:
        """Architecture, as Go names it."""
        value = self.raw.get("architecture")
        return value if isinstance(value, str) else ""

    @property
    def os(self) -> str:
        """Operating system, as Go names it."""
        value = self.raw.get("os")
        return value if isinstance(value, str) else ""

    @property
    def variant(self) -> str:
        """Architecture's variant, or empty."""
        value = self.raw.get("variant")
        return value if isinstance(value, str) else ""

    @property
    def platform(self) -> Platform:
        """The three above."""
        return Platform(self.os, self.architecture, self.variant)


def parse(data: bytes, loads: Callable[[bytes], object] | None = None) -> ImageConfig:
    """Parse the bytes of a configuration blob; raises InvalidConfig.

    `loads` reads JSON in place of the package json, whose import `run` cannot afford.
    """
    if loads is None:
        import json

        loads = json.loads
    try:
        value = loads(data)
    except (ValueError, RecursionError) as exc:
        raise InvalidConfig(f"parsing image configuration: not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise InvalidConfig("parsing image configuration: not a JSON object")
    return ImageConfig(value)
