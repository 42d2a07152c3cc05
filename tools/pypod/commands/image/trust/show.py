"""`pypod image trust show`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Display trust policy for the system",
    description="Displays what policy.json requires of images, and where their signatures are kept.",
    options=(
        Option("json", "j", help="Output as json"),
        Option("noheading", "n", help="Do not print column headings"),
        Option("policypath", kind="path", hidden=True, help="Policy file"),
        Option("raw", help="Output raw policy file"),
        Option("registrypath", kind="path", hidden=True, help="Directory of registries.d"),
    ),
    arguments=(Argument("registry", min=0, metavar="[REGISTRY]", completer="pypod.complete:registries"),),
    examples=(("pypod image trust show --raw", "the file itself"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.cli.table import print_table
    from ocicore.config import policy, registries_d
    from ocicore.config.paths import user_paths
    from ocicore.errors import Error
    from ocicore.image import go_json, simple_signing, trust_policy

    user = user_paths(ctx.environ)
    path = args.policypath or policy.default_path(user, ctx.environ)
    try:
        raw, value = trust_policy.read(path)
    except Error as error:
        error.message = f"could not read trust policies: {error.message}"
        raise
    if args.raw:
        ctx.stdout_bytes.write(raw.rstrip(b"\n") + b"\n")
        ctx.stdout_bytes.flush()
        return 0
    storage = registries_d.load(args.registrypath or registries_d.default_directory(user))
    entries = trust_policy.describe(value, storage, simple_signing.user_ids)
    if args.registry:
        entries = [entry for entry in entries if entry["repo_name"] == args.registry]
    if args.json:
        ctx.print(go_json.pretty(entries, "  "))
        return 0
    keys = ("transport", "repo_name", "type", "gpg_id", "sigstore")
    rows = [[entry.get(key, "") for key in keys] for entry in entries]
    headers = ("TRANSPORT", "NAME", "TYPE", "ID", "STORE")
    print_table(ctx.stdout, headers, rows, headings=not args.noheading)
    return 0
