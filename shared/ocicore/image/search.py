"""What `search` finds: images at the registries that are asked, or the tags of one repository."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ocicore.errors import Error, InvalidInput
from ocicore.image.docker import DockerReference
from ocicore.image.types import SystemContext
from ocicore.oci.reference import parse_normalized
from ocicore.registry.client import Registry
from ocicore.registry.search import search as search_registry

_QUERIES = 25
_AT_ONCE = 6


@dataclass(frozen=True)
class Found:
    """One result; `official` and `automated` are "[OK]" or ""."""

    index: str
    name: str
    description: str = ""
    stars: int = 0
    official: str = ""
    automated: str = ""
    tag: str = ""


@dataclass(frozen=True)
class Filters:
    """--filter: stars at least; official and automated only when they are said."""

    stars: int = 0
    official: bool | None = None
    automated: bool | None = None


def parse_filters(texts: Sequence[str]) -> Filters:
    """Raises InvalidInput."""
    stars, official, automated = 0, None, None
    for text in texts:
        key, equals, value = text.partition("=")
        if key == "stars":
            if not value.isdigit():
                raise InvalidInput(f"incorrect value type for stars filter: {value!r}")
            stars = int(value)
        elif key in ("is-official", "is-automated"):
            wanted = not equals or value.lower() != "false"
            if key == "is-official":
                official = wanted
            else:
                automated = wanted
        else:
            raise InvalidInput(
                f'invalid filter type "{text}"', hint="choose from stars=N, is-official, is-automated"
            )
    return Filters(stars, official, automated)


def search(context: SystemContext, term: str, *, limit: int, filters: Filters) -> list[Found]:
    """Results of every registry that could be asked.

    Args:
        term: with a registry before the first slash only that one is asked, else the unqualified-search registries.
        limit: for each registry, 0 for the default of 25.

    Raises:
        Error: none could be asked.
    """
    hosts, rest = _hosts(context, term)
    failures: list[Error] = []
    found: list[Found] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for task in [pool.submit(_search_one, context, host, rest, limit, filters) for host in hosts]:
            try:
                found += task.result()
            except Error as error:
                failures.append(error)
    if not found and failures:
        message = "; ".join(error.message for error in failures)
        count = len(failures)
        raise Error(f"{count} error{'s' if count > 1 else ''} occurred: {message}")
    return found


def _hosts(context: SystemContext, term: str) -> tuple[list[str], str]:
    host, slash, rest = term.partition("/")
    if slash:
        return [host], rest
    return list(context.registries.unqualified_search), term


def _search_one(context: SystemContext, host: str, term: str, limit: int, filters: Filters) -> list[Found]:
    client = _client(context, host)
    if host == "docker.io":
        # Docker's index knows official images without their namespace.
        term = term.removeprefix("library/")
    results = search_registry(client, term, limit or _QUERIES)
    found = []
    for item in results[: limit or _QUERIES]:
        official, automated = bool(item.get("is_official")), bool(item.get("is_automated"))
        stars = int(item.get("star_count") or 0)
        if (filters.official is not None and official != filters.official) or (
            filters.automated is not None and automated != filters.automated
        ):
            continue
        if stars < filters.stars:
            continue
        name = item["name"]
        prefix = "docker.io/library" if host == "docker.io" and "/" not in name else host
        found.append(
            Found(
                index=host,
                name=f"{prefix}/{name}",
                description=str(item.get("description") or ""),
                stars=stars,
                official="[OK]" if official else "",
                automated="[OK]" if automated else "",
            )
        )
    return found


def _client(context: SystemContext, host: str) -> Registry:
    """The client of a registry as registries.conf describes it."""
    endpoint = context.registries.push_endpoint(f"{host}/library/any:latest")
    where = "index.docker.io" if host == "docker.io" else parse_normalized(endpoint.reference).domain
    return context.connections.registry(context, where, "", insecure=endpoint.insecure)


def tags(context: SystemContext, term: str, *, limit: int) -> list[Found]:
    """The tags of a repository, of every registry that may be meant. Raises Error, InvalidInput."""
    hosts, rest = _hosts(context, term)
    found: list[Found] = []
    for host in hosts:
        name = f"{host}/{rest}"
        try:
            reference = DockerReference(parse_normalized(name))
        except InvalidInput as error:
            raise InvalidInput(f'reference "{rest}" must be a docker reference') from error
        client, repository = DockerReference(reference.named.with_default_tag()).connect(context)
        try:
            known = client.tags(repository)
        except Error as error:
            raise Error(f"getting repository tags: {error.message}") from error
        found += [Found(index=host, name=reference.named.name, tag=tag) for tag in known[: limit or _QUERIES]]
    return found
