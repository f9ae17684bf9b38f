"""What a snapshot holds. Times are the server's, in seconds since 1970 UTC."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jobs import keys, refusals
from jobs.catalog.dependence import Awaited
from jobs.refusals import Kind

HELD = 2.0
"""Seconds without a turn of its housekeeping, which comes ten times a second."""


@dataclass(frozen=True)
class Process:
    """What a process said of itself, and when it was last seen."""

    row: dict[str, Any]
    seen_at: float
    alive: bool

    @property
    def id(self) -> str:
        return str(self.row["id"])

    @property
    def role(self) -> str:
        return str(self.row["role"])

    @property
    def status(self) -> str:
        return str(self.row.get("status", ""))

    @property
    def started_at(self) -> float:
        return float(self.row["started_at"])

    @property
    def queues(self) -> tuple[str, ...]:
        return tuple(self.row["queues"])

    @property
    def enqueues(self) -> dict[str, list[str]]:
        """Of an app: the tasks that it puts in, by queue."""
        return dict(self.row.get("enqueues", {}))

    @property
    def running(self) -> list[dict[str, Any]]:
        """Of a worker: the jobs it runs, those first of which a person would ask."""
        return list(self.row.get("running", ()))

    @property
    def works(self) -> bool:
        """Is it alive, and does what its role says? A worker that starts, or stands by for another of its type,
        does not."""
        return self.alive and self.status not in ("standby", "starting")

    @property
    def is_silent(self) -> bool:
        """Has it gone, and not because it was told to?"""
        return not self.alive and self.status != "stopped"

    @property
    def is_full(self) -> bool:
        """Of a worker: is every slot busy?"""
        slots = int(self.row.get("slots", 0))
        return 0 < slots <= int(self.row.get("busy", 0))

    @property
    def is_held(self) -> bool:
        """Of a worker: does a job seem to hold one of its processes, so that nothing else in it moves?"""
        return any(job.get("still", 0) >= HELD for job in self.running)


@dataclass(frozen=True)
class Heartbeat:
    """The last heartbeat sent down a queue, and the last that came back."""

    sent_at: float
    back_at: float | None = None
    back_by: str = ""
    took: float | None = None
    """Seconds from queue to worker to Redis."""
    waits: bool = False
    """The last one sent is not back yet."""
    types: Mapping[str, float] = field(default_factory=dict)
    """When each worker type brought one back; types that share a queue take turns, as they wait at the same bell."""


@dataclass(frozen=True)
class Refused:
    """The last job of a queue that no attempt could have run."""

    job: str
    kind: str
    """``UnknownTask`` or ``DeserializationError``."""
    why: str
    at: float

    def is_of(self, workers: Sequence[Process]) -> bool:
        """Was it one of these? All must have started before it."""
        return bool(workers) and self.at > max(worker.started_at for worker in workers)


@dataclass(frozen=True)
class InVain:
    """A job that waits for one that will not let it go by itself."""

    job: str
    awaited: Awaited


@dataclass(frozen=True)
class ForeignRun:
    """A job that runs, or ran, under a worker of RQ's own."""

    job: str
    worker: str
    until: float
    """Until when RQ gives it. A worker that lives moves that on."""


@dataclass(frozen=True)
class QueueView:
    """The counts of one queue, heartbeat jobs left out, and its first jobs."""

    name: str
    waiting: int = 0
    active: int = 0
    completed: int = 0
    failed: int = 0
    scheduled: int = 0
    """For their first run, or again because they repeat or were busy."""
    retrying: int = 0
    """They have failed, and wait for their next attempt."""
    due: int = 0
    """Of the scheduled: those whose time has come, which nobody has put in the queue yet."""
    deferred: int = 0
    waiting_ids: tuple[str, ...] = ()
    active_ids: tuple[str, ...] = ()
    oldest_at: float | None = None
    """When the first waiting job was put in the queue."""
    head_format: str = ""
    """``json``, ``pickle`` or ``unknown``: how the first waiting job's arguments are written."""
    heartbeat: Heartbeat | None = None
    paused: bool = False
    next_at: float | None = None
    """When the first of its scheduled jobs is due."""
    refused: Refused | None = None
    in_vain: tuple[InVain, ...] = ()
    """Of its first deferred jobs."""
    foreign_runs: tuple[ForeignRun, ...] = ()


@dataclass(frozen=True)
class Elsewhere:
    """A Signalbox worker connected to this server under another prefix or db."""

    prefix: str
    db: int
    instance: str


@dataclass(frozen=True)
class Stray:
    """A live process that puts jobs in on this server, where no worker is: under another prefix, or in another db."""

    prefix: str
    db: int
    process: Process
    waiting: int
    """Jobs in the queues that it puts them in."""
    worker_at: float | None
    """When a worker was last seen there, if one was in the last days."""


@dataclass(frozen=True)
class Lane:
    """A lane that others wait in, and the job that they wait for."""

    key: str
    head: str
    depth: int
    """Its jobs, the head among them."""
    since: float
    """Since when its head has halted it, or runs."""


@dataclass(frozen=True)
class Parked:
    """A task that jobs wait for, because no worker that was given one of them knew it."""

    task: str
    jobs: int
    job: str
    """The first of them."""
    queue: str
    since: float
    """When it was found out last that its worker does not know it."""
    until: float
    """When it fails; 0: it has just gone."""


@dataclass(frozen=True)
class Foreign:
    """A worker of RQ's own that is registered and lives."""

    name: str
    queues: tuple[str, ...]


@dataclass(frozen=True)
class Server:
    """The state of the server, as far as it tells. Sizes are in bytes."""

    refused: str = ""
    """Why it takes no writes; empty: it does."""
    why: Kind = ""
    """The kind of that."""
    replica_of: str = ""
    """Host and port of its master; empty: it is one."""
    used: int = 0
    limit: int = 0
    """0: none."""
    policy: str = "noeviction"
    evicted: int = 0
    persistent: bool = True
    broken: str = ""
    """What of its writing to disk went wrong last time."""
    uptime: float = float("inf")
    """Seconds since it started."""
    run_id: str = ""
    version: str = ""
    """What it is and of which version: ``Redis 8.0.1``; empty where it does not tell."""
    kept_by: str = ""
    """How it keeps what it is given: ``append-only file``, ``snapshots``, both, or nothing."""

    @property
    def is_closed(self) -> bool:
        """Does it take no write at all, not even the end of a job? A full server takes that."""
        return bool(self.replica_of) or self.why in ("readonly", "disk", "replicas")


@dataclass(frozen=True)
class Answer:
    """What the worker at ``WORKER_HEALTH_URL`` said when it was asked who it is."""

    url: str
    error: str = ""
    """Why it could not be asked."""
    marker: str = ""
    identity: dict[str, Any] = field(default_factory=dict)
    """Empty where the token was not accepted."""


@dataclass(frozen=True)
class Depth:
    """How many jobs waited in each queue at an earlier look."""

    at: float
    waiting: dict[str, int]


@dataclass(frozen=True)
class Snapshot:
    """The line at one moment, or why it could not be seen (``error``)."""

    now: float
    prefix: str = keys.PREFIX
    db: int = 0
    error: str = ""
    kind: Kind = "away"
    """Of the error."""
    marker: str = ""
    suspended: bool = False
    leader: str = ""
    ticked: float = 0.0
    """When a keeper last ticked."""
    processes: tuple[Process, ...] = ()
    queues: tuple[QueueView, ...] = ()
    halted: tuple[Lane, ...] = ()
    """The first of the lanes that a failed job halts."""
    halts: int = 0
    """How many there are."""
    held_up: tuple[Lane, ...] = ()
    """Lanes in which jobs wait for one of those that workers have named as running."""
    parked: tuple[Parked, ...] = ()
    server: Server = Server()
    foreign: tuple[Foreign, ...] = ()
    connected: frozenset[str] = frozenset()
    """Ids of the workers that have a connection; looked up only where one is missing."""
    elsewhere: tuple[Elsewhere, ...] = ()
    strays: tuple[Stray, ...] = ()
    knows: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The names of tasks, by their digest, of those workers whose tasks anybody else puts in."""
    answer: Answer | None = None
    past: tuple[Depth, ...] = ()
    """Earlier looks, the oldest first."""
    fleeting: str = ""
    """Where the local server keeps data that goes with its container."""

    @classmethod
    def failed(cls, error: Exception) -> "Snapshot":
        """One in which nothing is seen, because of this."""
        return cls(time.time(), error=refusals.said(error), kind=refusals.kind(error))

    @property
    def trouble(self) -> str:
        """The kind of the error in words; '' where there is none."""
        return refusals.WORDS[self.kind].title if self.error else ""

    def alive(self, role: str) -> tuple[Process, ...]:
        """The processes of a role that live and work."""
        return tuple(process for process in self.processes if process.works and process.role == role)

    def serving(self, queue: str) -> tuple[Process, ...]:
        """The workers that take from a queue."""
        return tuple(process for process in self.alive("worker") if queue in process.queues)
