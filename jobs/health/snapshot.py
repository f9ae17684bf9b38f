"""Everything health needs, read in three round trips: O(queues + processes), and nothing that acts.

RQ's ``Worker.all`` and registry counts clean up as they count, so the keys are read instead.
"""

import contextlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from jobs import keys

SAMPLES = 10
NEEDED = {"id", "role", "status", "queues", "serializer", "tasks", "code", "commit", "started_at", "counters"}
ALIVE_FOR = 15.0
"""Seconds after which a process that has not been seen counts as gone; it says so every 5."""


@dataclass(frozen=True)
class Process:
    """What a process said of itself, and when it was last seen (server time, seconds since 1970 UTC)."""

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
    def works(self) -> bool:
        """Is it alive, and does what its role says? A worker that starts, or stands by for another of its type, does not."""
        return self.alive and self.row.get("status") not in ("standby", "starting")


@dataclass(frozen=True)
class Heartbeat:
    """The last heartbeat sent down a queue, and the last that came back; times as in ``Process``."""

    sent_at: float
    back_at: float | None = None
    back_by: str = ""
    took: float | None = None
    """Seconds from queue to worker to Redis."""


@dataclass(frozen=True)
class QueueView:
    """The counts of one queue, heartbeat jobs left out, and its first jobs."""

    name: str
    waiting: int = 0
    active: int = 0
    completed: int = 0
    failed: int = 0
    scheduled: int = 0
    deferred: int = 0
    waiting_ids: tuple[str, ...] = ()
    active_ids: tuple[str, ...] = ()
    oldest_at: float | None = None
    """When the first waiting job was put in the queue."""
    head_format: str = ""
    """``json``, ``pickle`` or ``unknown``: how the first waiting job's arguments are written."""
    heartbeat: Heartbeat | None = None


@dataclass(frozen=True)
class Elsewhere:
    """A Signalbox worker connected to this server under another prefix or db."""

    prefix: str
    db: int
    instance: str


@dataclass(frozen=True)
class Snapshot:
    """The line at one moment, or why it could not be seen (``error``)."""

    now: float
    prefix: str = keys.PREFIX
    db: int = 0
    error: str = ""
    marker: str = ""
    suspended: bool = False
    leader: str = ""
    processes: tuple[Process, ...] = ()
    queues: tuple[QueueView, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = field(default=())

    def alive(self, role: str) -> tuple[Process, ...]:
        """The processes of a role that live and work."""
        return tuple(process for process in self.processes if process.works and process.role == role)


def living(client: Redis) -> tuple[Process, ...]:
    """The processes that are alive, the one seen last first. Raises ``RedisError``."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.time()
        pipeline.hgetall(keys.PROCESSES)
        pipeline.zrange(keys.SEEN, 0, -1, withscores=True)
        (seconds, _), rows, seen = pipeline.execute()
    return tuple(process for process in _processes(rows, dict(seen), seconds) if process.alive)


def served(processes: Iterable[Process]) -> tuple[str, ...]:
    """The queues that the workers among them serve."""
    workers = [process for process in processes if process.role == "worker"]
    return tuple(dict.fromkeys(name for process in workers for name in process.row["queues"]))


def read(client: Redis, watched: Iterable[str], db: int) -> Snapshot:
    """See the line: the queues that exist and those that are ``watched``. Raises ``RedisError``."""
    with client.pipeline(transaction=False) as pipeline:
        pipeline.time()
        pipeline.mget(keys.MARKER, keys.LEADER)
        pipeline.exists(keys.SUSPENDED)
        pipeline.hgetall(keys.PROCESSES)
        pipeline.zrange(keys.SEEN, 0, -1, withscores=True)
        pipeline.smembers(keys.QUEUES)
        (seconds, micro), (marker, leader), suspended, rows, seen, known = pipeline.execute()
    now = seconds + micro / 1e6
    processes = _processes(rows, dict(seen), now)
    start = len(keys.queue(""))
    names = dict.fromkeys([*watched, *sorted(_text(key)[start:] for key in known)])
    workers = any(process.alive and process.role == "worker" for process in processes)
    return Snapshot(
        now=now,
        db=db,
        marker=_text(marker),
        leader=_text(leader),
        suspended=bool(suspended),
        processes=processes,
        queues=_queues(client, list(names)),
        elsewhere=() if workers else _elsewhere(client, db),
    )


def _processes(rows: dict[bytes, bytes], seen: dict[bytes, float], now: float) -> tuple[Process, ...]:
    found = []
    for process_id, text in rows.items():
        row, at = _row(text), seen.get(process_id, 0.0)
        if row:
            found.append(Process(row, at, alive=row["status"] != "stopped" and now - at < ALIVE_FOR))
    return tuple(sorted(found, key=lambda process: process.seen_at, reverse=True))


def _row(text: bytes) -> dict[str, Any] | None:
    """What a process has said of itself; None when it is not in words we know, as of another version's."""
    try:
        row = json.loads(text)
        known = row.keys() >= NEEDED and isinstance(row["queues"], list) and isinstance(row.get("loops", {}), dict)
        return row if known else None
    except (ValueError, AttributeError):
        return None


def _queues(client: Redis, names: list[str]) -> tuple[QueueView, ...]:
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.llen(keys.queue(name))
            pipeline.lrange(keys.queue(name), 0, SAMPLES)
            for kind in ("wip", "finished", "failed", "scheduled", "deferred"):
                pipeline.zcard(keys.registry(kind, name))
            pipeline.zrange(keys.registry("wip", name), 0, SAMPLES)
            pipeline.hgetall(keys.heartbeat(name))
        replies = pipeline.execute(raise_on_error=False)
    width = len(replies) // len(names) if names else 1
    views = [_queue(name, replies[width * at : width * (at + 1)]) for at, name in enumerate(names)]
    return _with_heads(client, views)


def _queue(name: str, replies: list[Any]) -> QueueView:
    empty: tuple[Any, ...] = (0, [], 0, 0, 0, 0, 0, [], {})
    length, waiting, active, finished, failed, scheduled, deferred, running, beat = (
        default if isinstance(reply, Exception) else reply for reply, default in zip(replies, empty, strict=True)
    )
    waiting_ids, waiting_beats = _without_heartbeats(_text(job_id) for job_id in waiting)
    active_ids, active_beats = _without_heartbeats(_text(entry).split(":")[0] for entry in running)
    return QueueView(
        name=name,
        waiting=length - waiting_beats,
        active=active - active_beats,
        completed=finished,
        failed=failed,
        scheduled=scheduled,
        deferred=deferred,
        waiting_ids=waiting_ids,
        active_ids=active_ids,
        heartbeat=_heartbeat(beat),
    )


def _without_heartbeats(job_ids: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """The first jobs that are no heartbeats, and how many heartbeats were among them."""
    every = list(job_ids)
    jobs = [job_id for job_id in every if not job_id.startswith(keys.HEARTBEAT)]
    return tuple(jobs[:SAMPLES]), len(every) - len(jobs)


def _heartbeat(row: dict[bytes, bytes]) -> Heartbeat | None:
    if b"sent_at" not in row:
        return None
    sent_at = float(row[b"sent_at"])
    if b"back_at" not in row:
        return Heartbeat(sent_at)
    return Heartbeat(sent_at, float(row[b"back_at"]), _text(row[b"back_by"]), float(row[b"took"]))


def _with_heads(client: Redis, views: list[QueueView]) -> tuple[QueueView, ...]:
    with client.pipeline(transaction=False) as pipeline:
        for view in views:
            pipeline.hmget(keys.job(view.waiting_ids[0] if view.waiting_ids else "-"), "enqueued_at", "data")
        heads = pipeline.execute(raise_on_error=False)
    return tuple(
        view if isinstance(head, Exception) else _with_head(view, *head)
        for view, head in zip(views, heads, strict=True)
    )


def _with_head(view: QueueView, enqueued_at: bytes | None, data: bytes | None) -> QueueView:
    oldest = None
    with contextlib.suppress(ValueError):
        oldest = datetime.fromisoformat(_text(enqueued_at)).timestamp()
    return QueueView(**{**vars(view), "oldest_at": oldest, "head_format": sniff(data) if data else ""})


def sniff(data: bytes) -> str:
    """How a job's arguments are written: RQ's pickle starts with a protocol mark, our JSON with a bracket."""
    with contextlib.suppress(zlib.error):  # then it is not compressed
        data = zlib.decompress(data)
    return "json" if data.startswith(b"[") else "pickle" if data.startswith(b"\x80") else "unknown"


def _elsewhere(client: Redis, db: int) -> tuple[Elsewhere, ...]:
    """Signalbox workers that are connected to this server but not to this db and prefix, by client name."""
    try:
        clients = client.client_list()
    except ResponseError:  # an ACL may forbid it; then we do not know
        return ()
    found = set()
    for row in clients:
        mark, _, rest = row.get("name", "").partition(":")
        role, _, rest = rest.partition(":")
        prefix, _, instance = rest.rpartition(":")
        if (mark, role) == ("signalbox", "worker") and (prefix != keys.PREFIX or int(row["db"]) != db):
            found.add(Elsewhere(prefix, int(row["db"]), instance))
    return tuple(sorted(found, key=lambda other: other.instance))


def _text(value: bytes | None) -> str:
    return value.decode(errors="backslashreplace") if value else ""
