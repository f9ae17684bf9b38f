"""rq-scheduler's store, made safe: what is due is run from a fresh job, so nothing is lost or doubled.

Its own loop re-queues the same job (four pushes while no worker ran were four runs), forgets it when
stopped between two commands, and lets one bad entry block the rest.
"""

import json
import logging
import math
import time
from typing import Any

import rq
import rq_scheduler
from redis import Redis
from redis.exceptions import ConnectionError, TimeoutError
from rq.job import JobStatus
from rq_scheduler.utils import get_next_scheduled_time, to_unix

from jobs import keys, scripts
from jobs.health import heartbeat
from jobs.job import Job, serializer
from jobs.scripts import NewJob
from jobs.settings import current

log = logging.getLogger(__name__)

WAITING = (None, JobStatus.CREATED, JobStatus.SCHEDULED)
"""A one-time entry in any other state was handed over before, by a process that died before it removed it."""


class Store(rq_scheduler.Scheduler):  # type: ignore[misc]
    """``rq_scheduler.Scheduler`` under our key prefix, with our job class and no loop of its own."""

    scheduled_jobs_key = keys.CLOCK
    job_class = Job

    def __init__(self, client: Redis) -> None:
        super().__init__(connection=client)
        self._skipped: set[str] = set()

    def keep_heartbeats(self, queues: tuple[str, ...], every: float) -> None:
        """See to it that each queue has its heartbeat in the store; an entry that is right is left alone."""
        for queue in queues:
            entry = f"{keys.HEARTBEAT}every-{queue.replace('_', '_5f').replace('.', '_2e').replace(':', '_3a')}"
            data = serializer().dumps((heartbeat.TASK.name, None, (queue,), {}))
            meta = serializer().dumps({"interval": every})
            if self.connection.hmget(keys.job(entry), "data", "meta") != [data, meta]:
                with self.connection.pipeline() as pipeline:
                    row: dict[Any, Any] = {"data": data, "meta": meta, "origin": queue, "status": "scheduled"}
                    pipeline.hset(keys.job(entry), mapping=row)
                    pipeline.zadd(self.scheduled_jobs_key, {entry: time.time()})
                    pipeline.execute()

    def run_due(self, now: float) -> int:
        """Queue what is due, and set each periodic entry to its next time. Returns how many were queued.

        An entry that cannot be read is left where it is, with a warning; it does not hold up the others.
        """
        done = 0
        for raw, due in self.connection.zrangebyscore(self.scheduled_jobs_key, "-inf", now, withscores=True):
            entry = raw.decode(errors="backslashreplace")
            try:
                done += self._run_entry(entry, float(due), now)
            except (ConnectionError, TimeoutError):
                raise
            except Exception as error:
                if entry not in self._skipped:
                    log.warning("schedule entry %s cannot be run and is skipped: %r", entry, error)
                    self._skipped.add(entry)
        return done

    def _run_entry(self, entry: str, due: float, now: float) -> int:
        job = Job.fetch(entry, self.connection)
        if "unserialized" in job.meta:
            raise ValueError(f"its meta is not {current().serializer}")
        following, periodic = self._next(job, due, now)
        if job.func_name == heartbeat.TASK.name:
            heartbeat.send(self.connection, job.origin)
        elif not periodic and job.get_status(refresh=False) in WAITING:
            self.get_queue_for_job(job).enqueue_job(job, at_front=bool(job.enqueue_at_front))
        elif periodic:
            scripts.admit(self.connection, [_fresh(job, due)])
        with self.connection.pipeline() as pipeline:
            if "repeat" in job.meta:
                pipeline.hset(keys.job(entry), "meta", job.serializer.dumps(job.meta))
            if following is None:
                pipeline.zrem(self.scheduled_jobs_key, entry)
            else:
                pipeline.zadd(self.scheduled_jobs_key, {entry: following})
            pipeline.execute()
        return 1

    def _next(self, job: Job, due: float, now: float) -> tuple[float | None, bool]:
        """When an entry is due next, None when it is over; and whether it ever was more than one job."""
        following = _following(job.meta, due, now)
        if following is None or "repeat" not in job.meta:
            return following, following is not None
        job.meta["repeat"] -= 1
        return (following if job.meta["repeat"] > 0 else None), True


def _following(meta: dict[str, Any], due: float, now: float) -> float | None:
    """When an entry is due next, or None when this was its only time.

    An interval is counted from the slot, not from now, so that it does not drift; missed slots are one.
    """
    if interval := meta.get("interval"):
        return due + float(interval) * (math.floor((now - due) / float(interval)) + 1)
    if cron := meta.get("cron_string"):
        return float(to_unix(get_next_scheduled_time(cron, use_local_timezone=meta.get("use_local_timezone"))))
    return None


def _fresh(job: Job, due: float) -> NewJob:
    """A job of its own for one tick. Its id is the tick's, so that a tick repeated after a crash is no second job."""
    fields: dict[str, scripts.Value] = {
        "data": job.data,
        "description": job.description or "",
        "meta": json.dumps({"schedule": job.id}),
        "timeout": math.ceil(job.timeout or rq.Queue.DEFAULT_TIMEOUT),
    }
    if job.result_ttl and job.result_ttl > 0:
        fields["result_ttl"] = job.result_ttl
    return NewJob(id=f"{job.id}-{int(due)}", queue=job.origin, fields=fields)
