"""How short image names are completed: aliases and search registries, read only when a name is short."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ocicore.engine.context import Engine


def lookup(engine: Engine) -> Callable[[], tuple[Mapping[str, str], Sequence[str]]]:
    """A function that reads registries.conf when it is first called."""
    known: list[tuple[Mapping[str, str], Sequence[str]]] = []

    def read() -> tuple[Mapping[str, str], Sequence[str]]:
        if not known:
            from ocicore.config import registries_conf

            config = registries_conf.load(engine.user, engine.environ)
            known.append((config.aliases, config.unqualified_search))
        return known[0]

    return read
