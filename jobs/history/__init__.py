"""What became of jobs over time, by queue and by task: how many ended and how, how long they waited and ran."""

from jobs.history.bins import Percentiles
from jobs.history.reading import Names, names, read
from jobs.history.recent import waits
from jobs.history.series import SPANS, Bucket, Deploy, Series, Span

__all__ = ["SPANS", "Bucket", "Deploy", "Names", "Percentiles", "Series", "Span", "names", "read", "waits"]
