"""Defaults that containers.conf decides, as help pages show them (`Program.help_defaults`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ocicore.config.containers_conf import EngineTable


def retries(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of --retry and --retry-delay, by long name."""
    table = _engine_table(environ)
    if table is None:
        return {}
    found = {"retry": str(table.retry)}
    if table.retry_delay:
        found["retry-delay"] = f'"{table.retry_delay}"'
    return found


def retries_and_compression(environ: Mapping[str, str]) -> dict[str, str]:
    """Those of --retry, --retry-delay, --compression-format and --compression-level, by long name."""
    found = retries(environ)
    table = _engine_table(environ)
    if table is not None and table.compression_format:
        found["compression-format"] = f'"{table.compression_format}"'
    if table is not None and table.compression_level is not None:
        found["compression-level"] = str(table.compression_level)
    return found


def _engine_table(environ: Mapping[str, str]) -> EngineTable | None:
    """[engine], or None where the file cannot be read: whoever asks for help may be about to mend it."""
    from ocicore.config import containers_conf, paths
    from ocicore.errors import Error

    try:
        return containers_conf.load(paths.user_paths(environ), environ).engine
    except Error:
        return None
