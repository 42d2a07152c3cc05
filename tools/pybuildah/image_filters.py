"""--filter of `images`: dangling, intermediate, label, reference, before, since, id, readonly, manifest."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ocicore.image.local import LocalImage
    from pybuildah.session import Session


def keep(session: Session, images: list[LocalImage], filters: Sequence[str]) -> list[LocalImage]:
    """The images every filter accepts (values of one key are alternatives).

    Raises:
        InvalidInput: an unknown filter.
    """
    wanted: dict[str, list[str]] = {}
    for text in filters:
        key, separator, value = text.partition("=")
        if not separator:
            from ocicore.errors import InvalidInput

            raise InvalidInput(
                f'invalid image filter "{text}": must be in the format "filter=value or filter!=value"'
            )
        wanted.setdefault(key.strip(), []).append(value.strip())
    for key, values in wanted.items():
        negated = key.endswith("!")
        tests = [_test(session, key.rstrip("!"), value) for value in values]
        every = key.rstrip("!") in ("label", "before", "since")
        combine = all if every else any
        images = [image for image in images if combine(test(image) for test in tests) != negated]
    return images


def _test(session: Session, key: str, value: str) -> Callable[[LocalImage], bool]:
    from ocicore.cli import filters
    from ocicore.errors import InvalidInput

    if key == "dangling":
        dangling = filters.parse_bool(key, value)
        return lambda image: (not image.names) == dangling
    if key == "intermediate":
        from ocicore.image import ancestry

        wanted = filters.parse_bool(key, value)
        tree = ancestry.Ancestry(session.images)
        return lambda image: tree.is_intermediate(image) == wanted
    if key == "readonly":
        read_only = filters.parse_bool(key, value)
        return lambda image: image.read_only == read_only
    if key == "manifest":
        lists = filters.parse_bool(key, value)
        return lambda image: image.is_manifest_list == lists
    if key == "label":
        return lambda image: filters.match_label(image.labels, value)
    if key == "reference":
        return lambda image: any(_matches(name, value) for name in image.names)
    if key == "id":
        return lambda image: image.id.startswith(value)
    if key in ("before", "since", "after"):
        other = session.images.find(value)
        if key == "before":
            return lambda image: image.created < other.created
        return lambda image: image.created > other.created
    raise InvalidInput(
        f'unsupported image filter "{key}"',
        hint="dangling, before, since, label, reference, id, readonly, intermediate, manifest",
    )


def _matches(name: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase

    from ocicore.image import names

    repository = names.split_suffix(name)[0]
    short = repository.rpartition("/")[2]
    tag = names.split_suffix(name)[1]
    candidates = (name, repository, short, short + tag)
    return any(fnmatchcase(candidate, pattern) for candidate in candidates) or repository.endswith(
        "/" + pattern
    )
