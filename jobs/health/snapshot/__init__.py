"""Everything health needs to see, at one moment."""

from jobs.health.snapshot.model import (
    Answer,
    Depth,
    Elsewhere,
    Foreign,
    ForeignRun,
    Heartbeat,
    InVain,
    Lane,
    Parked,
    Process,
    QueueView,
    Refused,
    Server,
    Snapshot,
    Stray,
)
from jobs.health.snapshot.processes import living, served
from jobs.health.snapshot.queues import sniff
from jobs.health.snapshot.read import read

__all__ = [
    "Answer",
    "Depth",
    "Elsewhere",
    "Foreign",
    "ForeignRun",
    "Heartbeat",
    "InVain",
    "Lane",
    "Parked",
    "Process",
    "QueueView",
    "Refused",
    "Server",
    "Snapshot",
    "Stray",
    "living",
    "read",
    "served",
    "sniff",
]
