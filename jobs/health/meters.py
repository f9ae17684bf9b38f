"""What is counted of jobs: how long they waited and ran, by queue; and what was taken back and refused.

The counts of all processes add up in one hash of Redis, so they outlive each of them. Fields: ``wait:<bound>:<queue>``
and ``duration:<bound>:<queue>``, the bound being the least of ``BOUNDS`` that is no less, or ``more``;
``wait:sum:<queue>`` in seconds; ``recovered`` and ``refused``, which the scripts count.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from redis import Redis

from jobs import keys

BOUNDS = (0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
"""Seconds. Few: each is a time series for each queue."""
NAMES = (*(f"{bound:g}" for bound in BOUNDS), "more")
KINDS = ("wait", "duration")


class Histogram:
    """How many took how long."""

    def __init__(self) -> None:
        self.counts = [0] * len(NAMES)
        """By the least of ``BOUNDS`` that is no less; the last is of those above them all."""
        self.sum = 0.0
        """Seconds."""

    def add(self, seconds: Sequence[float]) -> None:
        """Count each of these; many at once, because sorting them is cheaper than looking at each."""
        ordered = sorted(seconds)
        ends = [*(bisect_right(ordered, bound) for bound in BOUNDS), len(ordered)]
        for at, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            self.counts[at] += end - start
        self.sum += sum(ordered)

    def add_evenly(self, number: int, longest: float, shortest: float) -> None:
        """Count so many that lie evenly between two."""
        if (at := bisect_left(BOUNDS, longest)) == bisect_left(BOUNDS, shortest):
            self.counts[at] += number
            self.sum += number * (longest + shortest) / 2
            return
        step = (shortest - longest) / max(number - 1, 1)
        self.add([longest + step * at for at in range(number)])


class Meters(NamedTuple):
    """All that was counted since the db is in use. Histograms by kind and queue."""

    histograms: dict[tuple[str, str], Histogram]
    recovered: int
    """Executions whose process or worker was lost, and whose jobs were put back."""
    refused: int
    """Results that came after another worker had been given the job."""


class Change(NamedTuple):
    """What is to be added to one field; a whole number, but for sums."""

    field: str
    by: float


def changes(kind: str, queue: str, histogram: Histogram) -> Iterator[Change]:
    """What a histogram adds to the hash. Pure."""
    for name, count in zip(NAMES, histogram.counts, strict=True):
        if count:
            yield Change(f"{kind}:{name}:{queue}", count)
    if histogram.sum:
        yield Change(f"{kind}:sum:{queue}", histogram.sum)


def read(client: Redis) -> Meters:
    """All counts. Raises ``RedisError``."""
    found = cast(dict[bytes, bytes], client.hgetall(keys.METERS))
    return told({field.decode(errors="replace"): value for field, value in found.items()})


def told(fields: Mapping[str, bytes]) -> Meters:
    """What the hash says; what is in other words, as of another version, is left out. Pure."""
    found: dict[tuple[str, str], Histogram] = {}
    for field, value in fields.items():
        kind, _, rest = field.partition(":")
        name, _, queue = rest.partition(":")
        if kind in KINDS and (name == "sum" or name in NAMES):
            histogram = found.setdefault((kind, queue), Histogram())
            if name == "sum":
                histogram.sum = float(value)
            else:
                histogram.counts[NAMES.index(name)] = int(value)
    return Meters(found, int(fields.get("recovered", 0)), int(fields.get("refused", 0)))
