"""Prometheus's text format, version 0.0.4. Pure.

``prometheus_client`` is made for what a process counts itself; here all is read from Redis for many processes, and all
that would be left of it is this page, for some megabytes in each of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


class Sample(NamedTuple):
    """One value. ``suffix`` is what its name has beyond the family's, such as ``_bucket``."""

    value: float
    labels: Mapping[str, str] = {}
    suffix: str = ""


class Family(NamedTuple):
    """One metric with all its samples; a counter's name ends with ``_total``."""

    name: str
    kind: Literal["gauge", "counter", "summary", "histogram"]
    purpose: str
    samples: Iterable[Sample]


def render(families: Iterable[Family]) -> str:
    """The page; a family without samples still says what it is for."""
    return "".join(line + "\n" for family in families for line in _lines(family))


def histogram(bounds: Sequence[float], counts: Sequence[int], total: float, labels: Mapping[str, str]) -> list[Sample]:
    """A histogram's samples from how many were in each bucket; ``counts`` has one more, of those above all bounds."""
    names, below, samples = [*(f"{bound:g}" for bound in bounds), "+Inf"], 0, []
    for name, count in zip(names, counts, strict=True):
        below += count
        samples.append(Sample(below, {**labels, "le": name}, "_bucket"))
    return [*samples, Sample(total, labels, "_sum"), Sample(below, labels, "_count")]


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.purpose}"
    yield f"# TYPE {family.name} {family.kind}"
    for value, labels, suffix in family.samples:
        pairs = ",".join(f'{name}="{text.translate(ESCAPED)}"' for name, text in labels.items())
        yield f"{family.name}{suffix}{'{' + pairs + '}' if pairs else ''} {float(value)!r}"
