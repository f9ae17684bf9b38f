"""What the history tells: one bucket after the other, and the whole of them. Pure data."""

from datetime import datetime
from typing import Literal, NamedTuple, get_args

from jobs.history.bins import Percentiles

Span = Literal["1h", "24h", "7d", "30d"]
SPANS: tuple[Span, ...] = get_args(Span)


class Bucket(NamedTuple):
    """What ended within one stretch of time."""

    start: datetime
    """UTC."""
    finished: int = 0
    failed: int = 0
    """For good, or stopped."""
    retried: int = 0
    """Failed, to be tried again."""
    wait: Percentiles | None = None
    """How long they had been in their queue; None where nothing ended."""
    run: Percentiles | None = None
    """How long they ran."""

    @property
    def ended(self) -> int:
        """Executions that came to an end."""
        return self.finished + self.failed + self.retried


class Deploy(NamedTuple):
    """When a commit of the app was first seen at work."""

    commit: str
    at: datetime
    """UTC."""


class Series(NamedTuple):
    """A queue, a task or all of them over a span of time."""

    span: Span
    step: int
    """Seconds from the start of one bucket to that of the next."""
    buckets: tuple[Bucket, ...]
    """Oldest first, none left out; the last one is still going on."""
    total: Bucket
    """All of them as one."""
    deploys: tuple[Deploy, ...]
    """Oldest first, those within the span."""
