"""What a finding is, what counts as late, and the words that all of them use."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from jobs.health.snapshot import Process, Snapshot

Severity = Literal["warn", "fail"]
Code = Literal[
    "redis_unreachable",
    "redis_is_a_cluster",
    "redis_forbids",
    "redis_readonly",
    "redis_refuses_writes",
    "redis_full",
    "redis_evicts",
    "redis_not_persistent",
    "redis_lost_data",
    "data_not_on_a_volume",
    "different_redis",
    "different_namespace",
    "no_worker",
    "worker_silent",
    "worker_suspended",
    "queue_paused",
    "queue_not_consumed",
    "all_slots_busy",
    "stuck_job",
    "lane_halted",
    "lane_blocked",
    "waits_in_vain",
    "backlog_growing",
    "serializer_mismatch",
    "unknown_task",
    "foreign_worker",
    "abandoned_job",
    "code_mismatch",
    "version_mismatch",
    "clock_skew",
    "no_scheduler",
    "heartbeat_late",
    "crash_loop",
    "import_hangs",
    "draining_too_short",
    "wrong_role",
    "loop_silent",
]


MISSED = 900.0
"""Seconds for which a worker that has gone is missed."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: what, how it is known, since when, and what to do about it."""

    code: Code
    severity: Severity
    summary: str
    evidence: dict[str, Any]
    remedy: str
    since: float | None = None
    """Seconds since 1970 UTC; None: it cannot be told."""

    def as_dict(self) -> dict[str, Any]:
        since = datetime.fromtimestamp(self.since, UTC).isoformat(timespec="seconds") if self.since else None
        return asdict(self) | {"since": since}


@dataclass(frozen=True)
class Limits:
    """What counts as late, in seconds."""

    heartbeat: float
    """Between two heartbeat jobs; what is slow to show follows from it."""
    uptime: float = float("inf")
    """How long the observer has had Redis in sight: absence needs time to prove."""
    start: float = 120.0
    """What a worker may take to load its code."""

    @property
    def settle(self) -> float:
        """What processes may take to come up, or to be replaced in a deploy: 10 s, or less with short heartbeats."""
        return max(3.0, min(10.0, self.heartbeat))

    @property
    def unattended(self) -> float:
        """For a job where nobody takes any: 30 s, of the heartbeat's default, after which its enqueuer says so."""
        return max(1.0, min(30.0, 2 * self.heartbeat))

    @property
    def late(self) -> float:
        """For a heartbeat, or for a job while all slots are busy: it is told of within two periods and 10 s."""
        return 2 * self.heartbeat + 6

    @property
    def patience(self) -> float:
        """For a lane to wait for its head, and for a backlog to grow: 5 min, of the heartbeat's default 15 s."""
        return 20 * self.heartbeat

    @property
    def deploy(self) -> float:
        """For a deploy that reaches one service after the other: 10 min, of the heartbeat's default."""
        return 40 * self.heartbeat


Check = Callable[[Snapshot, Limits], Iterator[Finding]]


def sight(snapshot: Snapshot, limits: Limits) -> float:
    """How long all could have been seen that was there: neither the observer nor the server has been up for less."""
    return min(limits.uptime, snapshot.server.uptime)


def ago(seconds: float) -> str:
    """``4 min``."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def clock(at: float) -> str:
    """``01:06:30 UTC``."""
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S} UTC"


def count(number: int, noun: str) -> str:
    """``1 job``, ``2 jobs``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(names: Iterable[str], most: int = 5) -> str:
    """The first of them, and how many more there are."""
    every = list(names)
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more} more" if more > 0 else "")


def ids(processes: Iterable[Process]) -> str:
    return listed(process.id for process in processes)


def locked_out(snapshot: Snapshot) -> str:
    """What to do where workers stand by for a lock that never runs out; empty where none does."""
    waiting = [one for one in snapshot.processes if one.alive and one.row.get("holder_stays")]
    ways = dict.fromkeys(f"python -m jobs locks release {one.row.get('type') or 'TYPE'} --force" for one in waiting)
    if not ways:
        return ""
    holders = listed(dict.fromkeys(str(one.row.get("holder") or "nobody that is known") for one in waiting))
    said = f"The lock of a worker type is held by {holders} and never runs out."
    return f"{said} If that does not run any more, take it away: {'; '.join(ways)}"
