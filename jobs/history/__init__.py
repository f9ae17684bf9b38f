"""What became of jobs over time, by queue and by task: how many ended and how, how long they waited and ran."""

from jobs.history.bins import Percentiles
from jobs.history.series import SPANS, Bucket, Deploy, Series, Span

__all__ = ["SPANS", "Bucket", "Deploy", "Percentiles", "Series", "Span"]
