"""When to try again: pure functions of the attempt. Attempts count executions, so 3 means two retries."""

from dataclasses import dataclass

from jobs.errors import InvalidOption

MAX_ATTEMPTS = 100
BUSY_FIRST, BUSY_CAP = 2.0, 32.0
MAX_BUSY = 3600.0

Errors = tuple[type[Exception], ...]


class Snooze(Exception):
    """Raised by a task: run this job again in so many seconds; that was no attempt.

    For what has nothing to do with the job itself: a service that is busy, a thing that is not there yet.
    Its lane waits with it.
    """

    def __init__(self, seconds: float) -> None:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
            raise InvalidOption(f"seconds is {seconds!r}: expected a number, zero or more")
        super().__init__(f"again in {seconds:g} s")
        self.seconds = float(seconds)


def busy_delay(before: int, max_busy: float = MAX_BUSY) -> float | None:
    """Seconds to wait for what is busy: 2, 4, 8, 16, 32, then 32 each; None once that has lasted ``max_busy``.

    ``before`` is how often the job has waited already.
    """
    delays = [min(BUSY_CAP, BUSY_FIRST * 2.0**number) for number in range(before + 1)]
    return delays[-1] if sum(delays[:-1]) < max_busy else None


@dataclass(frozen=True)
class Retry:
    """How often a job is tried, and how long it waits in between.

    The delay before attempt *n* + 1 is ``backoff * factor ** (n - 1)`` seconds, at most ``cap``, plus up
    to ``jitter`` of itself. ``Retry()`` tries three times, after 2 and 4 s.
    Only errors of the classes in ``retry_on`` are tried again, and none of those in ``never_on``.

    Raises ``InvalidOption`` for fewer than 1 or more than 100 attempts, for negative times, and for what is
    no exception class.
    """

    attempts: int = 3
    backoff: float = 2.0
    factor: float = 2.0
    cap: float = 300.0
    jitter: float = 0.1
    retry_on: Errors = (Exception,)
    never_on: Errors = ()

    def __post_init__(self) -> None:
        if type(self.attempts) is not int or not 1 <= self.attempts <= MAX_ATTEMPTS:
            raise InvalidOption(f"attempts is {self.attempts!r}: expected a whole number from 1 to {MAX_ATTEMPTS}")
        for name in ("backoff", "factor", "cap", "jitter"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise InvalidOption(f"{name} is {value!r}: expected a number, zero or more")
        for name in ("retry_on", "never_on"):
            value = getattr(self, name)
            if not isinstance(value, tuple) or not all(isinstance(x, type) and issubclass(x, Exception) for x in value):
                raise InvalidOption(f"{name} is {value!r}: expected a tuple of exception classes")

    @property
    def classes_given(self) -> bool:
        return (self.retry_on, self.never_on) != ((Exception,), ())

    def covers(self, error: BaseException) -> bool:
        """Is an attempt that failed so to be followed by another?"""
        return isinstance(error, self.retry_on) and not isinstance(error, self.never_on)

    def delay(self, attempt: int) -> float:
        """Seconds to wait after ``attempt`` (1 for the first) has failed, before jitter."""
        try:
            return float(min(self.cap, self.backoff * self.factor ** (attempt - 1)))
        except OverflowError:
            return float(self.cap) if self.backoff else 0.0

    def intervals(self, luck: float = 0.0) -> list[float]:
        """Every delay of one job, as RQ keeps them on the job; ``luck`` from 0 to 1 is its share of the jitter."""
        return [round(self.delay(attempt) * (1 + luck * self.jitter), 3) for attempt in range(1, self.attempts)]
