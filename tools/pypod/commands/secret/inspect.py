"""`pypod secret inspect`."""

from __future__ import annotations

from ocicore.cli.declare import Argument, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context
    from ocicore.engine.context import Engine

COMMAND = Command(
    "Inspect a secret",
    options=(
        Option(
            "format",
            "f",
            kind="string",
            default="json",
            help="Format inspect output using Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("pretty", help="Print inspect output in human-readable format"),
        Option("showsecret", help="Display the secret"),
    ),
    arguments=(
        Argument("secrets", max=None, metavar="SECRET [SECRET...]", completer="pypod.complete:secrets"),
    ),
    examples=(("pypod secret inspect my_secret", "everything but the secret"),),
)


def run(args: Args, ctx: Context) -> int:
    from ocicore.errors import InvalidInput
    from pypod.inspecting import show
    from pypod.session import open_engine

    engine = open_engine(ctx)
    if args.pretty:
        if args.given("format"):
            raise InvalidInput("--format and --pretty cannot be used together")
        for name in args.secrets:
            _print(ctx, _describe(engine, name, args.showsecret))
        return 0
    return show(
        ctx,
        args.secrets,
        lambda name: _describe(engine, name, args.showsecret),
        args.format,
        indent="    ",
        omitted={"SecretData": ""},
    )


def _describe(engine: Engine, name: str, reveal: bool) -> dict[str, Any]:
    from ocicore.engine import secrets

    secret = secrets.find(engine, name)
    result: dict[str, Any] = {
        "ID": secret["id"],
        "CreatedAt": secret["created"],
        "UpdatedAt": secret["updated"],
        "Spec": {
            "Name": secret["name"],
            "Driver": {"Name": secret["driver"], "Options": secret["driver_opts"]},
            "Labels": secret["labels"],
        },
    }
    if reveal:
        result["SecretData"] = secrets.data(engine, secret).decode("utf-8", "replace")
    return result


def _print(ctx: Context, secret: dict[str, Any]) -> None:
    """A secret as lines for people."""
    spec = secret["Spec"]
    rows = [("ID:", secret["ID"]), ("Name:", spec["Name"])]
    labels = spec["Labels"] or {}
    if labels:
        rows.append(("Labels:", ""))
        rows += [(f" - {key}={labels[key]}", "") for key in sorted(labels)]
    rows += [("Driver:", spec["Driver"]["Name"]), ("Created at:", secret["CreatedAt"])]
    rows.append(("Updated at:", secret["UpdatedAt"]))
    if "SecretData" in secret:
        rows.append(("Secret:", secret["SecretData"]))
    for title, value in rows:
        ctx.print(f"{title:<19}{value}".rstrip())
