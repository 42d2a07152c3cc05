"""--health-*: the container's own health check, over what the image says (Docker's HEALTHCHECK as JSON)."""

from __future__ import annotations

from ocicore.engine.quantities import NANOSECONDS, parse_duration
from ocicore.errors import InvalidInput
from ocicore.files import quick_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
