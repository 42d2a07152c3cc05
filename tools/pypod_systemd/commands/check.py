"""`pypod-systemd check`: Quadlet files looked through, line by line."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Look for mistakes in Quadlet files",
    description=(
        "Says FILE:LINE:COLUMN of every mistake: keys and sections that do not exist (and which may have been meant), keys "
        "in a wrong section, values that are none or that the engine would refuse, files that are referred to and missing, "
        "rings of files that need each other. What systemd will replace in a value (%h, $NAME) keeps it from being judged, and "
        "what must be there only when the container is made (images, networks, paths) is not looked for. Keys younger than podman 5.4 are noted; with --podman, keys that this version lacks are mistakes.\n\n"
        "The other files in a file's folder are those that it may refer to."
    ),
    options=(
        Option("format", kind="string", help='Print the findings as "json"'),
        Option(
            "podman", kind="string", metavar="VERSION", help="Allow only the keys of this version of podman"
        ),
        Option("quiet", "q", help="Print mistakes only, no warnings and notes"),
        Option("user", help="Look at them as a user's services (an ordinary user always does)"),
    ),
    arguments=(Argument("files", metavar="FILE [FILE...]", min=1, max=None),),
    statuses=((0, "there is no mistake"), (1, "there is"), (125, "the command line is wrong")),
    examples=(("pypod-systemd check web.container", "what is wrong with it"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from ocicore.systemd.quadlet.lint import check
    from pypod_systemd import files, values

    if args.format not in ("", "json"):
        raise InvalidInput(f"unknown --format argument: {args.format}")
    version = None
    if args.podman:
        parts = args.podman.split(".")
        if not all(part.isdigit() for part in parts):
            raise InvalidInput(f"--podman {args.podman}: not a version such as 5.2")
        version = tuple(int(part) for part in parts)
    host = files.host(args, ctx)
    found = [
        finding for path in args.files for finding in check(path, host, version=version, judge=values.judge)
    ]
    failed = any(finding.level == "error" for finding in found)
    if args.quiet:
        found = [finding for finding in found if finding.level == "error"]
    if args.format == "json":
        from ocicore.cli.gojson import dumps

        rows = [
            {"File": f.path, "Line": f.line, "Column": f.column, "Level": f.level, "Message": f.message}
            for f in found
        ]
        ctx.print(dumps(rows, indent="  "))
    else:
        for finding in found:
            ctx.print(str(finding))
    return int(failed)
