"""What is tried again, and after how long."""

from __future__ import annotations

import time

from ocicore.registry.problems import CutConnection, RegistryError, TlsFailure, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_RETRIED_STATUSES = frozenset((408, 429, 500, 502, 503, 504))
#: Longest wait in seconds that a registry's Retry-After is obeyed for.
MAX_WAIT = 120.0


class RetryPolicy:
    """Attempts with doubling delays.

    Args:
        attempts: tries in all for one request.
        first_delay: seconds before the second attempt.
        fixed_delay: seconds between attempts whatever happened (`--retry-delay`), None to double.
        sleep: how to wait; tests pass their own.
        warn: told in one line what is tried again.

    Attributes:
        doing: what the requests are part of, for `warn`; "" for nothing.
    """

    def __init__(
        self,
        *,
        attempts: int = 4,
        first_delay: float = 0.5,
        fixed_delay: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.attempts = attempts
        self.first_delay = first_delay
        self.fixed_delay = fixed_delay
        self.sleep = sleep
        self.warn = warn
        self.doing = ""

    def wait_after_status(self, attempt: int, status: int, headers: Mapping[str, str]) -> bool:
        """Wait before attempt number `attempt` + 1; False when the answer is final."""
        if attempt >= self.attempts or status not in _RETRIED_STATUSES:
            return False
        delay = _retry_after(headers.get("retry-after", ""))
        if delay is not None and delay > MAX_WAIT:
            return False
        self._pause(attempt, delay if delay is not None else self._delay(attempt), f"HTTP status {status}")
        return True

    def wait_after_error(self, attempt: int, error: RegistryError) -> bool:
        """As `wait_after_status`, for a failure of the connection."""
        if attempt >= self.attempts or isinstance(error, TlsFailure):
            return False
        # A host that refuses or does not exist will not change its mind within seconds; who gives a delay knows better.
        if (
            self.fixed_delay is None
            and isinstance(error, Unreachable)
            and isinstance(error.__cause__, ConnectionRefusedError | OSError)
            and not isinstance(error.__cause__, ConnectionResetError | TimeoutError | BrokenPipeError)
        ):
            return False
        if not isinstance(error, Unreachable | CutConnection):
            return False
        self._pause(attempt, self._delay(attempt), error.message)
        return True

    def _delay(self, attempt: int) -> float:
        if self.fixed_delay is not None:
            return self.fixed_delay
        import random

        return float(self.first_delay * 2 ** (attempt - 1) * (0.75 + random.random() / 2))

    def _pause(self, attempt: int, delay: float, why: str) -> None:
        if self.warn is not None:
            # The words of common/pkg/retry.
            told = f"{self.doing}: {why}" if self.doing else why
            self.warn(f"Failed, retrying in {delay:.3g}s ... ({attempt}/{self.attempts - 1}). Error: {told}")
        if delay > 0:
            self.sleep(delay)


def _retry_after(text: str) -> float | None:
    """Seconds of a Retry-After header: a number or an HTTP date."""
    text = text.strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return float(text)
    import email.utils

    try:
        moment = email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return None
    return max(0.0, moment - time.time())
