"""The heartbeat job: it goes the whole way, scheduler → queue → worker → Redis, and so proves that way open."""

import re
import threading
from secrets import token_hex

from redis import Redis
from rq import get_current_job

from jobs import keys, registry, scripts
from jobs.job import serializer
from jobs.registry import Task
from jobs.retry import Retry
from jobs.scripts import NewJob
from jobs.settings import current

TIMEOUT = 10
FAILURE_TTL = 3600
EXPIRES = 86400
"""Seconds after which one that nobody has taken is forgotten."""


def beat(queue_name: str) -> None:
    """The task itself: write down that this heartbeat has reached a worker."""
    job = get_current_job()
    assert job, "beat runs only as a job"
    scripts.echo(job.connection, queue_name, job.id, job.worker_name or "?", current().type)


TASK = registry.register(Task(beat, retry=Retry(attempts=1)))


def send(client: Redis, queue_name: str) -> str | None:
    """Send a heartbeat down a queue; returns its job id, or None when one still waits there."""
    job = NewJob(
        id=f"{keys.HEARTBEAT}{re.sub(r'[^A-Za-z0-9_-]', '_', queue_name)}-{token_hex(6)}",
        queue=queue_name,
        fields={
            "data": serializer().dumps((TASK.name, None, (queue_name,), {})),
            "description": f"{TASK.name}()",
            "origin": queue_name,
            "timeout": TIMEOUT,
            "result_ttl": 0,
            "failure_ttl": FAILURE_TTL,
        },
        at_front=True,
    )
    return job.id if scripts.ring(client, job, EXPIRES) else None


def round_trip(client: Redis, queue_name: str, stop: threading.Event) -> float | None:
    """Send a heartbeat and wait until it is back: the seconds it took, or None when ``stop`` was set first.

    Waits for as long as it takes, looking five times a second at first and every 2 s later. Raises ``RedisError``.
    """
    mine, pause = None, 0.2
    while not stop.is_set():
        row = client.hgetall(keys.heartbeat(queue_name))
        if mine and row.get(b"back_id") == mine.encode():
            return float(row[b"took"])
        if mine is None or row.get(b"sent_id") != mine.encode():
            mine = send(client, queue_name)
        stop.wait(pause)
        pause = min(pause * 1.1, 2.0)
    return None
