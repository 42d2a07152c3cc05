"""`pypod-systemd explain`: which line of a Quadlet file made which option."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.systemd.quadlet.service import Command as CommandLine
    from ocicore.systemd.unit_file import Entry

COMMAND = Command(
    "Show which line of a Quadlet file made which option",
    description=(
        "Prints the command lines of the service that a Quadlet file becomes, an option a line, each with the line of the "
        "file or drop-in that made it; what has none the generator adds by itself. Then what the service needs."
    ),
    options=(Option("user", help="As a user's service (an ordinary user's always is)"),),
    arguments=(Argument("file", metavar="FILE"),),
    examples=(("pypod-systemd explain web.container", "its command lines, taken apart"),),
)
_WIDTH = 48


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import Error
    from pypod_systemd import files

    service, wrong = files.service_of(args.file, files.host(args, ctx))
    if service is None:
        raise Error(wrong[0] if wrong else f"{args.file}: no service can be made of it")
    path = service.source.path
    ctx.print(f"{service.file_name}, from {path}")
    for key, command in service.commands:
        ctx.print(f"\n{key}:")
        for words, origin in _options(command):
            where = files.place(origin, path)
            ctx.print(f"  {words:<{_WIDTH}}  {where}".rstrip())
    needs = [(source.name, entry) for source, entry in service.needs]
    if needs:
        ctx.print("\nNeeds:")
        for name, entry in needs:
            ctx.print(f"  {name:<{_WIDTH}}  {files.place(entry, path)}".rstrip())
    for text in wrong:
        ctx.warn(text)
    return 0


def _options(command: CommandLine) -> list[tuple[str, Entry | None]]:
    """Words that belong together, quoted, with their origin: an option and its value, or all words of one assignment."""
    from ocicore.systemd.quoting import quote

    found: list[tuple[list[str], Entry | None]] = []
    for word, origin in zip(command.words, command.origins, strict=True):
        new = not found or origin is not found[-1][1] or (word.startswith("-") and bool(found))
        if new:
            found.append(([], origin))
        found[-1][0].append(quote(word, specifiers=False, variables=False))
    return [(" ".join(words), origin) for words, origin in found]
