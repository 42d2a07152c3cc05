"""Which containers a command means: names, --all, --latest, --cidfile, --filter; and doing one thing to each."""

from __future__ import annotations

from ocicore.cli.declare import Option
from ocicore.errors import Error, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine
    from ocicore.engine.records import Container

LATEST = Option("latest", "l", help="Act on the latest container pypod is aware of")
CIDFILE = Option("cidfile", kind="stringArray", help="Read the container ID from the file", completer="file")
FILTER = Option(
    "filter",
    "f",
    kind="stringArray",
    help="Filter output based on conditions given",
    completer="pypod.complete_options:container_filter",
)


def all_option(what: str) -> Option:
    """--all, -a."""
    return Option("all", "a", help=what)


def read_cidfiles(paths: Iterable[str], *, ignore_missing: bool = False) -> list[str]:
    """The first line of each file. Raises Error."""
    found = []
    for path in paths:
        try:
            with open(path) as file:
                found.append(file.readline().strip())
        except OSError as error:
            if ignore_missing and isinstance(error, FileNotFoundError):
                continue
            raise Error(f"reading CIDFile: open {path}: {(error.strerror or '').lower()}") from error
    return found


def check(args: Args, *, lenient: bool = False, filtered: bool = False) -> None:
    """Raises InvalidInput for combinations that make no sense, in podman's words.

    Args:
        lenient: nothing named is fine; filtered: --filter also chooses among names.
    """
    values = args.as_dict()
    every, latest = bool(values.get("all")), bool(values.get("latest"))
    names = bool(values.get("containers"))
    cidfiles, filters = bool(values.get("cidfile")), bool(values.get("filter"))
    if every and latest:
        raise InvalidInput("--all and --latest cannot be used together")
    if names and every:
        raise InvalidInput("no arguments are needed with --all")
    if names and latest:
        raise InvalidInput("--latest and containers cannot be used together")
    if cidfiles and (every or latest):
        option = "--all" if every else "--latest"
        raise InvalidInput(f"{option} and --cidfile cannot be used together")
    if names and cidfiles:
        raise InvalidInput("no arguments are needed with --latest or --cidfile")
    if names and filters and not filtered:
        raise InvalidInput("--filter takes no arguments")
    if not (names or every or latest or cidfiles or filters or lenient):
        raise InvalidInput("you must provide at least one name or id")


def chosen(
    engine: Engine,
    args: Args,
    *,
    wanted: Callable[[Container], bool] | None = None,
    ignore: bool = False,
    ignore_files: bool = False,
    filtered: bool = False,
    partly: bool = False,
) -> tuple[list[tuple[str, Container]], list[Error]]:
    """((what was typed, container) in order, errors of names that mean none).

    As with podman nothing is done to any when one of the names means none: then there is no container in the answer.

    Args:
        partly: the containers that are there all the same.
        wanted: which of --all's containers.
        ignore: names that mean none are no errors.
        ignore_files: only --cidfile files that are missing are none.
        filtered: --filter also chooses among names.
    """
    values = args.as_dict()
    table = engine.state.containers
    found: list[tuple[str, Container]] = []
    errors: list[Error] = []
    if values.get("latest"):
        newest = table.latest()
        return [(newest.id, newest)], []
    if values.get("all") or (values.get("filter") and not values.get("containers")):
        everything = table.all()
        if values.get("filter"):
            from ocicore.engine import container_filters

            everything = container_filters.apply(engine, everything, args.filter)
        found = [(c.id, c) for c in everything if wanted is None or wanted(c)]
        return found, []
    names = [
        *read_cidfiles(
            getattr(args, "cidfile", ()) if "cidfile" in values else (),
            ignore_missing=ignore or ignore_files,
        ),
        *args.containers,
    ]
    seen = set()
    for name in names:
        try:
            container = table.find(name)
        except Error as error:
            if not ignore:
                errors.append(error)
            continue
        if container.id not in seen:
            seen.add(container.id)
            found.append((name, container))
    if errors and not partly:
        return [], errors
    if filtered and values.get("filter"):
        from ocicore.engine import container_filters

        kept = {c.id for c in container_filters.apply(engine, [c for _, c in found], args.filter)}
        found = [(name, container) for name, container in found if container.id in kept]
    return found, errors


def each(
    ctx: Context,
    engine: Engine,
    found: list[tuple[str, Container]],
    errors: list[Error],
    action: Callable[[Container], object],
    *,
    show: Callable[[str, Container], str] | None = None,
) -> int:
    """Do something to each container, print what was typed for each success and every error; the exit status."""
    for typed, container in found:
        try:
            action(container)
        except Error as error:
            errors.append(error)
            continue
        ctx.stdout.write((show(typed, container) if show else typed) + "\n")
    return report(ctx, errors)


def report(ctx: Context, errors: list[Error]) -> int:
    """Print errors one a line; 125 when there are any, or the status they bring."""
    if not errors:
        return 0
    for error in errors[:-1]:
        hint = f" ({error.hint})" if error.hint else ""
        ctx.stdout.flush()
        ctx.stderr.write(f"Error: {error.message}{hint}\n")
    raise errors[-1]
