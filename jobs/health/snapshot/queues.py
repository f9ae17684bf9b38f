"""One queue as it is: its counts, what waits first, its heartbeat, and who could not run what."""

import contextlib
import re
import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import starmap
from typing import Any

from jobs import keys, records
from jobs.catalog.dependence import Awaited, in_vain
from jobs.catalog.states import BY_STATUS, State
from jobs.health.snapshot.model import ForeignRun, Heartbeat, InVain, QueueView, Refused
from jobs.queues import MAX_PAYLOAD
from jobs.scripts.call import pairs

SAMPLES = 10
BY_TYPE = b"back:"
LAST_FAILED = 3
"""Failures of a queue that are looked at, to see whether a worker could not even begin."""
HOPELESS = re.compile(r"^(?:jobs\.errors|rq\.exceptions)\.(UnknownTask|DeserializationError): (.*)$", re.MULTILINE)
LOOKED_AT = 500
"""Scheduled jobs that are looked at to tell retries from others: those due first, queue after queue."""
EMPTY: tuple[Any, ...] = (0, [], 0, 0, 0, 0, 0, [], [], [], (None, None), [], [], 0, 0, [])


def parse(name: str, paused: bool, replies: Sequence[Any]) -> QueueView:
    """A queue, by what ``snapshot.lua`` returns of it; where that is an error, as if there was nothing."""
    found = (default if isinstance(reply, Exception) else reply for reply, default in zip(replies, EMPTY, strict=True))
    length, waiting, active, finished, failed, scheduled, deferred, running, beat, next_due, head, *more = found
    last_failed, dependent, again, due, foreign = more
    waiting_ids, waiting_beats = _without_heartbeats(text(job_id) for job_id in waiting)
    active_ids, active_beats = _without_heartbeats(text(entry).split(":")[0] for entry in running)
    enqueued_at, data = head
    return QueueView(
        name=name,
        waiting=length - waiting_beats,
        active=active - active_beats,
        completed=finished,
        failed=failed,
        scheduled=max(scheduled - again, 0),
        retrying=min(again, scheduled),
        due=due,
        deferred=deferred,
        waiting_ids=waiting_ids,
        active_ids=active_ids,
        oldest_at=_time(enqueued_at),
        head_format=sniff(data) if data else "",
        heartbeat=_heartbeat(dict(pairs(beat))),
        paused=paused,
        next_at=float(next_due[1]) if next_due else None,
        refused=max(filter(None, starmap(_refused, pairs(last_failed))), key=lambda one: one.at, default=None),
        in_vain=tuple(filter(None, starmap(_in_vain, dependent))),
        foreign_runs=tuple(ForeignRun(text(job), text(worker), float(until)) for job, until, worker in foreign),
    )


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


def _refused(job_id: bytes, latest: Any) -> Refused | None:
    """The failure, if it was that the job could not even be begun; junk is none."""
    with contextlib.suppress(Exception):
        entry, fields = latest
        if found := HOPELESS.search(records.error_of(dict(pairs(fields))) or ""):
            return Refused(text(job_id), found[1], found[2], int(text(entry).split("-")[0]) / 1000)
    return None


def _in_vain(job_id: bytes, may_fail: bytes | None, others: Sequence[Any]) -> InVain | None:
    """The job, if one that it depends on will let it go no more."""
    found = [Awaited(text(other), _state(status)) for other, status in pairs(others)]
    dead = in_vain(found, may_fail == b"1")
    return InVain(text(job_id), dead[0]) if dead else None


def _state(status: Any) -> State | None:
    return None if status is None else BY_STATUS.get(text(status) if isinstance(status, bytes) else "", "blocked")


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
