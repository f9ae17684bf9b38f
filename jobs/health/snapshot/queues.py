"""One queue as it is: its counts, what waits first, its heartbeat, and who could not run what."""

import contextlib
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from redis.client import Pipeline

from jobs import keys, records
from jobs.health.snapshot.model import Heartbeat, QueueView, Refused
from jobs.queues import MAX_PAYLOAD

SAMPLES = 10
BY_TYPE = b"back:"
LAST_FAILED = 3
"""Failures of a queue that are looked at, to see whether a worker could not even begin."""
HOPELESS = re.compile(r"^(?:jobs\.errors|rq\.exceptions)\.(UnknownTask|DeserializationError): (.*)$", re.MULTILINE)
COUNTED = ("wip", "finished", "failed", "scheduled", "deferred")


def ask(pipeline: Pipeline, name: str) -> None:
    """Ask for a queue; ``parse`` takes the replies."""
    pipeline.llen(keys.queue(name))
    pipeline.lrange(keys.queue(name), 0, SAMPLES)
    for kind in COUNTED:
        pipeline.zcard(keys.registry(kind, name))
    pipeline.zrange(keys.registry("wip", name), 0, SAMPLES)
    pipeline.hgetall(keys.heartbeat(name))
    pipeline.zrange(keys.registry("scheduled", name), 0, 0, withscores=True)
    pipeline.zrange(keys.registry("failed", name), -LAST_FAILED, -1)


EMPTY: tuple[Any, ...] = (0, [], 0, 0, 0, 0, 0, [], {}, [], [])


def parse(name: str, paused: bool, replies: Sequence[Any]) -> tuple[QueueView, tuple[str, ...]]:
    """The queue, and the ids of the last jobs that failed there."""
    length, waiting, active, finished, failed, scheduled, deferred, running, beat, due, last_failed = (
        default if isinstance(reply, Exception) else reply for reply, default in zip(replies, EMPTY, strict=True)
    )
    waiting_ids, waiting_beats = _without_heartbeats(text(job_id) for job_id in waiting)
    active_ids, active_beats = _without_heartbeats(text(entry).split(":")[0] for entry in running)
    view = QueueView(
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
        paused=paused,
        next_at=float(due[0][1]) if due else None,
    )
    return view, _without_heartbeats(text(job_id) for job_id in last_failed)[0]


def _without_heartbeats(job_ids: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """The first jobs that are no heartbeats, and how many heartbeats were among them."""
    every = list(job_ids)
    jobs = [job_id for job_id in every if not job_id.startswith(keys.HEARTBEAT)]
    return tuple(jobs[:SAMPLES]), len(every) - len(jobs)


def _heartbeat(row: dict[bytes, bytes]) -> Heartbeat | None:
    if b"sent_at" not in row:
        return None
    sent_at, waits = float(row[b"sent_at"]), row.get(b"sent_id") != row.get(b"back_id")
    if b"back_at" not in row:
        return Heartbeat(sent_at, waits=waits)
    types = {text(name.removeprefix(BY_TYPE)): float(at) for name, at in row.items() if name.startswith(BY_TYPE)}
    return Heartbeat(sent_at, float(row[b"back_at"]), text(row[b"back_by"]), float(row[b"took"]), waits, types)


def ask_jobs(pipeline: Pipeline, view: QueueView, failed: Sequence[str]) -> None:
    """Ask for its first waiting job and for why its last ones failed; ``with_jobs`` takes the replies."""
    pipeline.hmget(keys.job(view.waiting_ids[0] if view.waiting_ids else "-"), "enqueued_at", "data")
    for job_id in failed:
        pipeline.xrevrange(keys.results(job_id), count=1)


def with_jobs(view: QueueView, failed: Sequence[str], replies: Sequence[Any]) -> QueueView:
    """The queue with what its jobs tell."""
    head, *results = replies
    if not isinstance(head, Exception):
        enqueued_at, data = head
        view = replace(view, oldest_at=_time(enqueued_at), head_format=sniff(data) if data else "")
    refused = [_refused(*one) for one in zip(failed, results, strict=True)]
    return replace(view, refused=max(filter(None, refused), key=lambda one: one.at, default=None))


def _refused(job_id: str, entries: Any) -> Refused | None:
    """The failure, if it was that the job could not even be begun; junk is none."""
    with contextlib.suppress(Exception):
        [(entry, fields)] = entries
        if found := HOPELESS.search(records.error_of(fields) or ""):
            return Refused(job_id, found[1], found[2], int(text(entry).split("-")[0]) / 1000)
    return None


def sniff(data: bytes) -> str:
    """How a job's arguments are written: RQ's pickle starts with a protocol mark, our JSON with a bracket."""
    with contextlib.suppress(zlib.error):  # then it is not compressed
        machine = zlib.decompressobj()
        plain = machine.decompress(data, MAX_PAYLOAD)
        data = plain if machine.eof or machine.unconsumed_tail else data
    return "json" if data.startswith(b"[") else "pickle" if data.startswith(b"\x80") else "unknown"


def _time(stamp: bytes | None) -> float | None:
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text(stamp)).timestamp()
    return None


def text(value: bytes | None) -> str:
    return value.decode(errors="backslashreplace") if value else ""
