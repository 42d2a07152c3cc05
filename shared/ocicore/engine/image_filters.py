"""--filter of images and image prune (podman's keys; values of one key are alternatives, `label` must all match)."""

from __future__ import annotations

from ocicore.engine.container_filters import match_label, parse_moment
from ocicore.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ocicore.engine.context import Engine
    from ocicore.image.local import LocalImage

    Test = Callable[[LocalImage], bool]

_ALL_MUST_MATCH = frozenset(("label", "label!"))


def apply(engine: Engine, images: Iterable[LocalImage], texts: Iterable[str]) -> list[LocalImage]:
    """The images that match. Raises InvalidInput, ImageNotKnown (before=, since=)."""
    groups: dict[str, list[Test]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(
                f'invalid image filter "{text}": must be in the format "filter=value or filter!=value"'
            )
        maker = _TESTS.get(key.removesuffix("!"))
        if maker is None:
            raise InvalidInput(f'unsupported image filter "{key.removesuffix("!")}"')
        groups.setdefault(key, []).append(maker(engine, value))
    kept = []
    for image in images:
        for key, tests in groups.items():
            combine = all if key in _ALL_MUST_MATCH else any
            if combine(test(image) for test in tests) == key.endswith("!"):
                break
        else:
            kept.append(image)
    return kept


def _bool(key: str, value: str) -> bool:
    if value.lower() in ("true", "1", "t"):
        return True
    if value.lower() in ("false", "0", "f"):
        return False
    raise InvalidInput(f'non-boolean value "{value}" for {key} filter')


def _dangling(engine: Engine, value: str) -> Test:
    wanted = _bool("dangling", value)
    return lambda image: (not image.repo_tags) == wanted


def _containers(engine: Engine, value: str) -> Test:
    used = {record.image for record in engine.store.containers()}
    if value == "external":
        own = {container.id for container in engine.state.containers.all()}
        foreign = {record.image for record in engine.store.containers() if record.id not in own}
        return lambda image: image.id in foreign
    wanted = _bool("containers", value)
    return lambda image: (image.id in used) == wanted


def _readonly(engine: Engine, value: str) -> Test:
    wanted = _bool("readonly", value)
    return lambda image: image.read_only == wanted


def _intermediate(engine: Engine, value: str) -> Test:
    from ocicore.image.ancestry import Ancestry

    wanted = _bool("intermediate", value)
    ancestry = Ancestry(engine.images)
    return lambda image: (not image.names and bool(ancestry.children(image))) == wanted


def _reference(engine: Engine, value: str) -> Test:
    import fnmatch

    from ocicore.errors import Error

    try:
        exact = engine.images.find(value).id
    except Error:
        exact = ""
    has_tag = ":" in value.rpartition("/")[2]

    def test(image: LocalImage) -> bool:
        if exact and image.id == exact:
            return True
        for name in image.names:
            repository, _, tag = name.rpartition(":") if ":" in name.rpartition("/")[2] else (name, "", "")
            parts = repository.split("/")
            # The pattern may leave out the registry, and the path in front of the last component.
            for start in range(len(parts)):
                short = "/".join(parts[start:])
                text = f"{short}:{tag}" if has_tag else short
                if fnmatch.fnmatchcase(text, value):
                    return True
        return False

    return test


def _label(engine: Engine, value: str) -> Test:
    return lambda image: match_label(image.labels, value)


def _before(engine: Engine, value: str) -> Test:
    other = engine.images.find(value)
    return lambda image: image.created < other.created


def _since(engine: Engine, value: str) -> Test:
    other = engine.images.find(value)
    return lambda image: image.created > other.created


def _until(engine: Engine, value: str) -> Test:
    moment = parse_moment(value)
    return lambda image: image.created < moment


def _id(engine: Engine, value: str) -> Test:
    return lambda image: image.id.startswith(value)


def _digest(engine: Engine, value: str) -> Test:
    return lambda image: any(digest.startswith(value) for digest in image.digests)


def _manifest(engine: Engine, value: str) -> Test:
    wanted = _bool("manifest", value)
    return lambda image: image.is_manifest_list == wanted


_TESTS: dict[str, Callable[[Engine, str], Test]] = {
    "after": _since,
    "before": _before,
    "containers": _containers,
    "dangling": _dangling,
    "digest": _digest,
    "id": _id,
    "intermediate": _intermediate,
    "label": _label,
    "manifest": _manifest,
    "readonly": _readonly,
    "reference": _reference,
    "since": _since,
    "until": _until,
}
