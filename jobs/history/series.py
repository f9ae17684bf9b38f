"""What the history tells: one bucket after the other, and the whole of them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple, get_args

from jobs.history import bins, cells
from jobs.history.bins import Percentiles
from jobs.history.cells import Cells

Span = Literal["1h", "24h", "7d", "30d"]
SPANS: tuple[Span, ...] = get_args(Span)
STEPS: dict[Span, tuple[int, int]] = {"1h": (60, 60), "24h": (600, 144), "7d": (3600, 168), "30d": (21600, 120)}
"""How long a step is, in seconds, and how many make up the span."""


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
    deploys: tuple[Deploy, ...] = ()
    """Oldest first, those within the span."""


def start_of(span: Span, now: float) -> int:
    """When the first step of the span begins whose last one holds ``now``; seconds since 1970 UTC."""
    step, steps = STEPS[span]
    return int(now) // step * step - (steps - 1) * step


def build(span: Span, start: int, kept: Mapping[int, Cells], deploys: Sequence[Deploy] = ()) -> Series:
    """The series that begins at ``start``, of what was kept, by when it began; what lies outside is left out."""
    step, steps = STEPS[span]
    grouped: dict[int, list[Cells]] = {at: [] for at in range(start, start + step * steps, step)}
    for at, one in kept.items():
        grouped.get(start + (at - start) // step * step, []).append(one)
    sums = {at: cells.together(many) for at, many in grouped.items()}
    buckets = tuple(_bucket(at, one) for at, one in sums.items())
    return Series(span, step, buckets, _bucket(start, cells.together(list(sums.values()))), tuple(deploys))


def moment(seconds: float) -> datetime:
    """Of seconds since 1970, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _bucket(start: int, one: Cells) -> Bucket:
    finished, failed, retried = one.ends
    return Bucket(moment(start), finished, failed, retried, bins.percentiles(one.waits), bins.percentiles(one.runs))
