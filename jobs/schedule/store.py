"""rq-scheduler's store, made safe: what is due is run from a fresh job, so nothing is lost or doubled.

Its own loop re-queues the same job (four pushes while no worker ran were four runs), forgets it when
stopped between two commands, and lets one bad entry block the rest.
"""

import math
import os
import time
from datetime import UTC, datetime
from typing import Any, cast

import rq
import rq_scheduler
from redis import Redis
from redis.exceptions import ConnectionError, RedisError, TimeoutError
from rq.job import JobStatus

from jobs import keys, logs, scripts
from jobs.health import heartbeat
from jobs.job import Job, serializer
from jobs.plainpickle import adopted, alike, pickled, read
from jobs.scripts import NewJob, Slot, Value
from jobs.spec import mark
from jobs.timetable import Timetable, next_slot

log = logs.of("schedule")

WAITING = {b"", *(status.value.encode() for status in (JobStatus.CREATED, JobStatus.SCHEDULED))}
"""A one-time entry in any other state was handed over before, by a process that died before it removed it."""
LOOK_AGAIN = 3600.0
"""Seconds after which an entry that cannot be run is looked at again."""
KEEP = 7 * 86400
KEEP_CANCELED = 30 * 86400
"""Seconds past its next time after which the hash of a periodic entry goes, should it have been cancelled by then."""
OF_THE_CLOCK = ("interval", "cron_string", "repeat", "use_local_timezone")
CARRIED = (
    "description",
    "timeout",
    "result_ttl",
    "failure_ttl",
    *(f"{kind}_callback_{what}" for kind in ("success", "failure", "stopped") for what in ("name", "timeout")),
)
"""What the job of a tick has from its entry, beside its payload."""


class Store(rq_scheduler.Scheduler):  # type: ignore[misc]
    """``rq_scheduler.Scheduler`` under our key prefix, with our job class and no loop of its own."""

    scheduled_jobs_key = keys.CLOCK
    job_class = Job

    def __init__(self, client: Redis) -> None:
        super().__init__(connection=client)
        self._hearts: frozenset[str] = frozenset()
        """Queues that are to have heartbeats."""

    def cancel(self, job: Job | str) -> None:
        """Take an entry out of the store, and its hash with it, unless its job is on its way."""
        entry = job if isinstance(job, str) else job.id
        super().cancel(entry)
        if (self.connection.hget(keys.job(entry), "status") or b"") in WAITING:
            self.connection.delete(keys.job(entry))

    def keep_heartbeats(self, queues: tuple[str, ...], every: float) -> None:
        """See to it that each queue has its heartbeat in the store; an entry that is right is left alone.

        Those of other queues end when they are due: nobody has served them for a while. An entry that somebody has
        canceled comes back. It is a pickle of plain values, which rq-scheduler's own clients read.
        """
        self._hearts = frozenset(queues)
        for queue in queues:
            entry = f"{keys.BEATS}{queue.replace('_', '_5f').replace('.', '_2e').replace(':', '_3a')}"
            data = pickled((heartbeat.TASK.name, None, (queue,), {}))
            meta = pickled({"interval": every})
            with self.connection.pipeline(transaction=False) as pipeline:
                pipeline.hmget(keys.job(entry), "data", "meta")
                pipeline.zscore(self.scheduled_jobs_key, entry)
                kept, due = pipeline.execute()
            if kept != [data, meta] or due is None:
                with self.connection.pipeline() as pipeline:
                    row: dict[Any, Any] = {"data": data, "meta": meta, "origin": queue, "status": "scheduled"}
                    pipeline.hset(keys.job(entry), mapping=row)
                    pipeline.zadd(self.scheduled_jobs_key, {entry: time.time()})
                    pipeline.execute()

    def run_due(self, now: float) -> int:
        """Queue what is due, and set each periodic entry to its next time. Returns how many were queued.

        An entry that cannot be run is put off for an hour, and its error written down; it holds up no other.
        """
        done = 0
        for raw, due in self.connection.zrangebyscore(self.scheduled_jobs_key, "-inf", now, withscores=True):
            entry = raw.decode(errors="surrogateescape")
            try:
                done += self._run_entry(entry, float(due), now)
            except (ConnectionError, TimeoutError):
                raise
            except RedisError as error:
                log.warning("schedule entry %r: %s; tried again in a second", raw, error)
            except Exception as error:
                self._quarantine(raw, error, now)
        return done

    def _quarantine(self, entry: bytes, error: Exception, now: float) -> None:
        log.warning("schedule entry %s cannot be run: %s", entry.decode(errors="backslashreplace"), error)
        with self.connection.pipeline() as pipeline:
            pipeline.zadd(self.scheduled_jobs_key, {entry: now + LOOK_AGAIN}, xx=True)
            pipeline.hset(keys.QUARANTINE, entry, str(error) or repr(error))
            pipeline.expire(keys.QUARANTINE, KEEP)
            pipeline.execute()

    def _run_entry(self, entry: str, due: float, now: float) -> bool:
        row = cast(dict[bytes, bytes], self.connection.hgetall(keys.job(_known(entry))))
        if not row.get(b"data"):
            raise ValueError("its job is gone, or is empty")
        meta = read(row[b"meta"]) if row.get(b"meta") else {}
        if not isinstance(meta, dict):
            raise ValueError("its meta is no dict")
        following = _following(meta, due, now)
        if entry.startswith(keys.BEATS):
            return self._beat(entry, row[b"origin"].decode(), following)
        if following is None:
            return self._hand_over(entry, row, meta)
        return self._tick(entry, row, meta, due, following, now)

    def _beat(self, entry: str, queue: str, following: float | None) -> bool:
        if queue not in self._hearts:
            self.cancel(entry)
            return False
        heartbeat.send(self.connection, queue)
        self.connection.zadd(self.scheduled_jobs_key, {entry: following or 0.0})
        return True

    def _hand_over(self, entry: str, row: dict[bytes, bytes], meta: dict[str, Any]) -> bool:
        """Queue the job of a one-time entry, which is the entry itself, unless that has been done."""
        waits = row.get(b"status", b"") in WAITING
        if waits:
            fields: dict[Any, Any] = {"data": adopted(row[b"data"]), "meta": serializer().dumps(meta)}
            self.connection.hset(keys.job(entry), mapping=fields)
            job = Job.fetch(entry, self.connection)
            self.get_queue_for_job(job).enqueue_job(job, at_front=bool(job.enqueue_at_front))
        self.connection.zrem(self.scheduled_jobs_key, entry)
        self.connection.hdel(keys.QUARANTINE, entry)
        return waits

    def _tick(
        self, entry: str, row: dict[bytes, bytes], meta: dict[str, Any], due: float, following: float, now: float
    ) -> bool:
        """Let one slot of a periodic entry happen, by a job of its own."""
        left = int(meta["repeat"]) - 1 if "repeat" in meta else 1
        kept: dict[str, Value] = {"meta": alike(row[b"meta"], meta | {"repeat": left})} if "repeat" in meta else {}
        done = scripts.fire(
            self.connection,
            self.scheduled_jobs_key,
            keys.job(entry),
            Slot(entry, due, following, last=left <= 0, kept=kept),
            _fresh(entry, row, meta, due),
        )
        with self.connection.pipeline(transaction=False) as pipeline:
            pipeline.hdel(keys.QUARANTINE, entry)
            pipeline.expire(keys.job(entry), math.ceil(following - now) + KEEP_CANCELED)
            pipeline.execute()
        return done


def _known(entry: str) -> str:
    entry.encode()  # raises ValueError for an id that is no text
    return entry


def _following(meta: dict[str, Any], due: float, now: float) -> float | None:
    """When an entry is due next, or None when this was its only time.

    An interval is counted from the slot, not from now, so that it does not drift; missed slots are one.
    """
    if interval := meta.get("interval"):
        if float(interval) <= 0:
            raise ValueError(f"its interval is {interval!r}")
        return due + float(interval) * (math.floor((now - due) / float(interval)) + 1)
    if cron := meta.get("cron_string"):
        times = Timetable(cron=cron, tz=_local_zone() if meta.get("use_local_timezone") else "UTC")
        return next_slot(times, datetime.fromtimestamp(now, UTC)).timestamp()
    return None


def _local_zone() -> str:
    """The name of this host's zone, for an entry that asks for it."""
    return os.environ.get("TZ", "").lstrip(":") or os.path.realpath("/etc/localtime").partition("zoneinfo/")[2] or "UTC"


def _fresh(entry: str, row: dict[bytes, bytes], meta: dict[str, Any], due: float) -> NewJob:
    """A job of its own for one tick. Its id is the tick's, so that a tick repeated after a crash is no second job."""
    fields: dict[str, Value] = {name: row[name.encode()] for name in CARRIED if row.get(name.encode())}
    if float(fields.get("result_ttl", 0)) <= 0:
        fields.pop("result_ttl", None)
    fields.setdefault("timeout", rq.Queue.DEFAULT_TIMEOUT)
    fields["data"] = adopted(row[b"data"])
    own = {name: value for name, value in meta.items() if name not in OF_THE_CLOCK}
    fields["meta"] = serializer().dumps(own | {"schedule": entry})
    front = row.get(b"enqueue_at_front") in (b"1", b"True")
    return NewJob(f"{entry}-{mark(due)}", row.get(b"origin", b"default").decode(), fields, at_front=front)
