"""What of a plan needs no copy: settled by one HEAD to the destination and one to the source, many on the way at once.

Between registries, where the copy would leave manifests as they are. All other images, and those the answers do not
settle, are left to `sync_image`, with what was learnt.
"""

from __future__ import annotations

from ocicore.errors import Error
from ocicore.image.docker import DockerReference, open_endpoint
from ocicore.image.sync_run import Asked, SyncResult, listed_digest
from ocicore.oci import media_types
from ocicore.registry.heads import Heads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ocicore.config.registries_conf import Endpoint
    from ocicore.image.sync_plan import SyncItem
    from ocicore.image.sync_run import Pair, SyncSettings
    from ocicore.image.types import ImageReference, SystemContext
    from ocicore.registry.client import Registry
    from ocicore.registry.heads import Found


def settle(
    work: Sequence[Pair], settings: SyncSettings, on_result: Callable[[SyncResult], None]
) -> tuple[list[SyncResult | None], list[Asked]]:
    """The results of what is settled, None for the rest; and what was learnt of each."""
    stage = _Stage(settings, on_result, len(work))
    for number, (item, target) in enumerate(work):
        stage.begin(number, item, target)
    stage.heads.run()
    return stage.results, stage.asked


class _Stage:
    def __init__(self, settings: SyncSettings, on_result: Callable[[SyncResult], None], length: int) -> None:
        self._settings = settings
        self._on_result = on_result
        self._places: dict[tuple[object, ...], tuple[Registry, str]] = {}
        self.heads = Heads(settings.jobs)
        self.results: list[SyncResult | None] = [None] * length
        self.asked = [Asked() for _ in range(length)]

    def begin(self, number: int, item: SyncItem, target: ImageReference) -> None:
        """Put the first question about an image."""
        settings = self._settings
        names = str(item.source), str(target)
        if settings.state is not None and (digest := settings.state.digest(*names)):
            self._done(number, SyncResult(*names, "done before", digest))
            return
        if settings.altered or settings.referrers:
            return
        if not isinstance(item.source, DockerReference) or not isinstance(target, DockerReference):
            return
        source, asked = item.source, self.asked[number]

        def ask_source(expected: str) -> None:
            registries = item.context.registries
            self._ask(
                item.context,
                source,
                lambda name: registries.find(name)[0],
                source_answered,
                expected=expected,
            )

        def ask_destination() -> None:
            self._ask(settings.context, target, settings.context.registries.push_endpoint, present_answered)

        def source_answered(found: Found, settled: bool) -> None:
            asked.source, asked.source_known = found, settled
            if not settled:
                return
            if asked.present_known:
                self._compare(number, item, names)
                return
            assert settings.memory is not None
            listed = listed_digest(item, found)
            digest = settings.memory.digest(*names, listed)
            if digest:
                result = SyncResult(*names, "unchanged", digest)
                settings.remember(item, result, listed)
                self._done(number, result)
            else:
                ask_destination()

        def present_answered(found: Found, settled: bool) -> None:
            asked.present, asked.present_known = found, settled
            if found is None:  # unknown, or to be copied in any case
                return
            if asked.source_known:
                self._compare(number, item, names)
            else:
                ask_source(found[0])

        if settings.memory is not None:
            ask_source(settings.memory.expected(*names, item.platforms))
        else:
            ask_destination()

    def _ask(
        self,
        context: SystemContext,
        reference: DockerReference,
        find: Callable[[str], Endpoint],
        then: Callable[[Found, bool], None],
        *,
        expected: str = "",
    ) -> None:
        named = reference.named
        # Mirrors may be for digests only, so the kind of name matters; the rest is by repository.
        key = (id(context), named.domain, named.path, named.digest is None)
        try:
            place = self._places.get(key)
            if place is None:
                place = self._places[key] = open_endpoint(context, find(str(named)))
        except Error:  # told when the image is copied
            then(None, False)
            return
        self.heads.ask(*place, named.digest or named.tag or "latest", then, expected=expected)

    def _compare(self, number: int, item: SyncItem, names: tuple[str, str]) -> None:
        asked = self.asked[number]
        if asked.source is None or asked.present is None or asked.source[0] != asked.present[0]:
            return
        if not asked.source[1]:
            # The answer said no more than that it is what was expected: the destination's.
            asked.source = asked.present
        if media_types.is_index(asked.source[1]) and (
            self._settings.multi_arch == "system" or item.platforms
        ):
            # Of a list that is copied in part the destination is to have another manifest.
            return
        result = SyncResult(*names, "unchanged", asked.present[0])
        self._settings.remember(item, result, listed_digest(item, asked.source))
        self._done(number, result)

    def _done(self, number: int, result: SyncResult) -> None:
        self.results[number] = result
        self._on_result(result)
