"""--health-*: the container's own health check, over what the image says (Docker's HEALTHCHECK as JSON)."""

from __future__ import annotations

from ocicore.engine.quantities import NANOSECONDS, parse_duration
from ocicore.errors import InvalidInput
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ocicore.engine.create_options import CreateOptions

ON_FAILURE = ("none", "kill", "restart", "stop")
DEFAULT_SECONDS = 30


def command(text: str) -> list[str]:
    """A check's Test list: a JSON array, or "CMD-SHELL" with the text. Raises InvalidInput."""
    if text.lstrip().startswith("["):
        try:
            words = quick_json.loads(text)
        except ValueError:
            words = None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            if words and words[0] not in ("CMD", "CMD-SHELL", "NONE"):
                return ["CMD", *words]
            return words
    if text == "none":
        return ["NONE"]
    return ["CMD-SHELL", text]


def interval(text: str, name: str, minimum: int) -> int:
    """Nanoseconds; "disable" is 0. Raises InvalidInput when shorter than `minimum` nanoseconds."""
    if text == "disable":
        return 0
    try:
        value = parse_duration(text)
    except InvalidInput as error:
        raise InvalidInput(f"invalid healthcheck-{name}: {error.message}") from error
    if value < minimum:
        least = "0 seconds" if not minimum else "1 second"
        raise InvalidInput(f"healthcheck-{name} must be at least {least}")
    return value


def read(
    *,
    image: dict[str, Any],
    disabled: bool,
    cmd: str,
    interval_text: str,
    retries: int,
    start_period: str,
    timeout: str,
    given: frozenset[str],
) -> dict[str, Any] | None:
    """The check in force, or None. `given` holds the attribute names of options on the command line."""
    if disabled:
        if cmd:
            raise InvalidInput("cannot specify both --no-healthcheck and --health-cmd")
        return None
    if cmd:
        test = command(cmd)
        check: dict[str, Any] = {"Test": test}
        base: dict[str, Any] = {}
    elif image.get("Test"):
        check = dict(image)
        test = list(image["Test"])
        base = image
    else:
        return None
    if not test or test[0] == "NONE":
        return None

    def choose(key: str, name: str, text: str, option: str, minimum: int) -> int:
        if option in given or not base.get(key):
            return interval(text, name, minimum)
        return int(base[key])

    check["Interval"] = choose("Interval", "interval", interval_text, "health_interval", 0)
    check["Timeout"] = choose("Timeout", "timeout", timeout, "health_timeout", NANOSECONDS)
    check["StartPeriod"] = choose("StartPeriod", "start-period", start_period, "health_start_period", 0)
    check["Retries"] = (
        retries if "health_retries" in given or not base.get("Retries") else int(base["Retries"])
    )
    if check["Retries"] < 1:
        raise InvalidInput("healthcheck-retries must be greater than 0")
    return check


def destination(text: str) -> str:
    """Where the log goes: "local", "events_logger" or a directory that exists. Raises InvalidInput."""
    if text in ("", "local"):
        return "local"
    if text == "events_logger":
        return text
    import os

    if not os.path.isabs(text):
        raise InvalidInput(f"HealthCheck Log '{text}' destination error: must be an absolute path")
    if not os.path.isdir(text):
        reason = "not a directory" if os.path.exists(text) else "no such file or directory"
        raise InvalidInput(f"HealthCheck Log '{text}' destination error: stat {text}: {reason}")
    return text


def startup(options: CreateOptions) -> dict[str, Any]:
    """The check that must succeed before the ordinary one counts. Raises InvalidInput."""
    return {
        "Test": command(options.health_startup_cmd),
        "Interval": interval(options.health_startup_interval, "startup-interval", 0),
        "Timeout": interval(options.health_startup_timeout, "startup-timeout", NANOSECONDS),
        "Retries": options.health_startup_retries,
        "Successes": options.health_startup_success or 1,
    }


def changed(check: dict[str, Any] | None, options: CreateOptions) -> dict[str, Any] | None:
    """What `update` makes of a check; only what is given changes. Raises InvalidInput."""
    given = options.given
    if options.no_healthcheck:
        if options.health_cmd:
            raise InvalidInput("cannot specify both --no-healthcheck and --health-cmd")
        return None
    result = dict(check) if check else {}
    if "health_cmd" in given:
        test = command(options.health_cmd)
        if test[0] == "NONE":
            return None
        if not result:
            result = {
                "Interval": DEFAULT_SECONDS * NANOSECONDS,
                "Timeout": DEFAULT_SECONDS * NANOSECONDS,
                "StartPeriod": 0,
                "Retries": 3,
                "on_failure": "none",
                "log_count": 5,
                "log_size": 500,
                "destination": "local",
            }
        result["Test"] = test
    if not result:
        raise InvalidInput("healthcheck command is not set")
    for name, key, minimum in (
        ("interval", "Interval", 0),
        ("timeout", "Timeout", NANOSECONDS),
        ("start-period", "StartPeriod", 0),
    ):
        option = f"health_{name.replace('-', '_')}"
        if option in given:
            result[key] = interval(getattr(options, option), name, minimum)
    if "health_retries" in given:
        if options.health_retries < 1:
            raise InvalidInput("healthcheck-retries must be greater than 0")
        result["Retries"] = options.health_retries
    if "health_on_failure" in given:
        if options.health_on_failure not in ON_FAILURE:
            raise InvalidInput(
                f"invalid on-failure action {options.health_on_failure!r} for health check: supported actions are "
                + ", ".join(ON_FAILURE)
            )
        result["on_failure"] = options.health_on_failure
    for option, key in (("health_max_log_count", "log_count"), ("health_max_log_size", "log_size")):
        if option in given:
            result[key] = getattr(options, option)
    if "health_log_destination" in given:
        result["destination"] = destination(options.health_log_destination)
    if any(name.startswith("health_startup") for name in given):
        result["startup"] = _changed_startup(result.get("startup"), options)
    return result


def _changed_startup(check: dict[str, Any] | None, options: CreateOptions) -> dict[str, Any]:
    given = options.given
    fresh = startup(options) if "health_startup_cmd" in given else None
    if check is None and fresh is None:
        raise InvalidInput("startup healthcheck command is not set")
    if check is None or fresh is None:
        result = dict(check or fresh or {})
    else:
        result = {**check, "Test": fresh["Test"]}
    if "health_startup_interval" in given:
        result["Interval"] = interval(options.health_startup_interval, "startup-interval", 0)
    if "health_startup_timeout" in given:
        result["Timeout"] = interval(options.health_startup_timeout, "startup-timeout", NANOSECONDS)
    if "health_startup_retries" in given:
        result["Retries"] = options.health_startup_retries
    if "health_startup_success" in given:
        result["Successes"] = options.health_startup_success or 1
    return result
