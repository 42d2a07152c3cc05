"""`pypod events`, `pypod system events`."""

from __future__ import annotations

from ocicore.cli.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.cli.bind import Args
    from ocicore.cli.context import Context

COMMAND = Command(
    "Show system events",
    description="Monitor system events: what happens to containers, images, volumes and secrets. By default, streaming mode is used, printing new events as they occur.",
    options=(
        Option(
            "filter",
            "f",
            kind="stringArray",
            help="filter output",
            completer="pypod.complete_options:event_filter",
        ),
        Option(
            "format",
            kind="string",
            help="format the output using a Go template",
            completer="pypod.complete_fields:printed",
        ),
        Option("no-trunc", default=True, help="do not truncate the output"),
        Option("since", kind="string", help="show all events created since timestamp"),
        Option(
            "stream", default=True, help="stream events and do not exit when returning the last known event"
        ),
        Option("until", kind="string", help="show all events until timestamp"),
    ),
    examples=(
        ("pypod events --since 1h --stream=false", "the last hour"),
        ("pypod events -f event=died", "ends of containers, as they happen"),
    ),
)


def run(args: Args, ctx: Context) -> int:
    import time

    from ocicore.cli import template
    from ocicore.cli.units import parse_since, parse_time
    from ocicore.engine import event_reading
    from ocicore.errors import InvalidInput
    from pypod.session import open_engine

    engine = open_engine(ctx)
    now = time.time_ns()
    try:
        since = parse_since(args.since, now) if args.since else None
        until = parse_since(args.until, now, ahead=True) if args.until else None
    except InvalidInput as error:
        raise InvalidInput(f"failed to parse event filters: {error.message}") from None
    matches = event_reading.matcher(engine, args.filter)
    follow = args.stream and (until is None or until > now)
    start = since if since is not None or not follow else now
    for event in event_reading.read(engine, follow=follow, until=until, since=start):
        moment = parse_time(event["Time"])
        if (start is not None and moment < start) or not matches(event):
            continue
        if until is not None and moment > until:
            break
        if not args.format:
            ctx.stdout.write(_line(event, args.no_trunc) + "\n")
        elif template.is_json(args.format):
            from ocicore.cli.gojson import dumps

            ctx.stdout.write(dumps(_json(event, moment)) + "\n")
        else:
            template.print_one(ctx.stdout, args.format, _fields(event, moment), name="events")
        ctx.stdout.flush()
    return 0


def _local(text: str) -> str:
    import time

    from ocicore.cli.units import parse_time

    seconds, fraction = divmod(parse_time(text), 1_000_000_000)
    local = time.localtime(seconds)
    return (
        time.strftime("%Y-%m-%d %H:%M:%S", local)
        + f".{fraction:09d}".rstrip("0").rstrip(".")
        + time.strftime(" %z %Z", local)
    )


def _line(event: dict[str, Any], full: bool) -> str:
    kind = event.get("Type", "")
    identifier = str(event.get("ID", ""))
    identifier = identifier if full else identifier[:12]
    head = f"{_local(event['Time'])} {kind} {event.get('Status', '')}"
    if kind == "container":
        details = [f"image={event.get('Image', '')}", f"name={event.get('Name', '')}"]
        if event.get("PodID"):
            details.append(f"pod_id={event['PodID']}")
        if event.get("Status") == "health_status":
            details.append(f"health_status={event.get('HealthStatus', '')}")
            details.append(f"health_failing_streak={event.get('HealthFailingStreak', 0)}")
            details.append(f"health_log={event.get('HealthLog', '')}")
        attributes = event.get("Attributes") or {}
        details += [f"{key}={attributes[key]}" for key in sorted(attributes)]
        return f"{head} {identifier} ({', '.join(details)})"
    if kind in ("volume", "secret"):
        return f"{head} {event.get('Name', '')}"
    error = event.get("Error")
    return f"{head} {identifier} {event.get('Name', '')}" + (f" {error}" if error else "")


def _fields(event: dict[str, Any], moment: int) -> dict[str, Any]:
    keys = (
        "Error",
        "HealthStatus",
        "HealthLog",
        "HealthFailingStreak",
        "ContainerExitCode",
        "ContainerInspectData",
        "ID",
        "Image",
        "Name",
        "Network",
        "PodID",
        "Status",
        "Type",
        "Attributes",
    )
    empty: dict[str, Any] = {"ContainerExitCode": None, "HealthFailingStreak": 0, "Attributes": {}}
    fields = {key: event.get(key, empty.get(key, "")) for key in keys}
    fields["Details"] = {key: fields[key] for key in ("ContainerInspectData", "PodID", "Attributes")}
    return {**fields, "Time": moment // 1_000_000_000, "TimeNano": moment}


def _json(event: dict[str, Any], moment: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        key: event[key] for key in ("ContainerExitCode", "ID", "Image", "Name", "Status") if key in event
    }
    result.update({"time": moment // 1_000_000_000, "timeNano": moment, "Type": event.get("Type", "")})
    result["Attributes"] = event.get("Attributes") or None
    return result
