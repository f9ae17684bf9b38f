"""When to try again: a pure function of the attempt. Attempts count executions, so 3 means two retries."""

from dataclasses import dataclass

from jobs.errors import InvalidOption

MAX_ATTEMPTS = 100


@dataclass(frozen=True)
class Retry:
    """How often a job is tried, and how long it waits in between.

    The delay before attempt *n* + 1 is ``backoff * factor ** (n - 1)`` seconds, at most ``cap``, plus up
    to ``jitter`` of itself. ``Retry()`` tries three times, after 2 and 4 s.

    Raises ``InvalidOption`` for fewer than 1 or more than 100 attempts, and for negative times.
    """

    attempts: int = 3
    backoff: float = 2.0
    factor: float = 2.0
    cap: float = 300.0
    jitter: float = 0.1

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or not 1 <= self.attempts <= MAX_ATTEMPTS:
            raise InvalidOption(f"attempts is {self.attempts!r}: expected a whole number from 1 to {MAX_ATTEMPTS}")
        for name in ("backoff", "factor", "cap", "jitter"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise InvalidOption(f"{name} is {value!r}: expected a number, zero or more")

    def delay(self, attempt: int) -> float:
        """Seconds to wait after ``attempt`` (1 for the first) has failed, before jitter."""
        try:
            return float(min(self.cap, self.backoff * self.factor ** (attempt - 1)))
        except OverflowError:
            return float(self.cap) if self.backoff else 0.0

    def intervals(self, luck: float = 0.0) -> list[float]:
        """Every delay of one job, as RQ keeps them on the job; ``luck`` from 0 to 1 is its share of the jitter."""
        return [round(self.delay(attempt) * (1 + luck * self.jitter), 3) for attempt in range(1, self.attempts)]
