"""The heartbeat job: it goes the whole way, scheduler → queue → worker → Redis, and so proves that way open."""

import re
from secrets import token_hex

from redis import Redis
from rq import get_current_job

from jobs import registry, scripts
from jobs.job import serializer
from jobs.registry import Task
from jobs.retry import Retry
from jobs.scripts import NewJob

TIMEOUT = 10
LIVES = 3600


def beat(queue_name: str) -> None:
    """The task itself: write down that this heartbeat has reached a worker."""
    job = get_current_job()
    assert job, "beat runs only as a job"
    scripts.echo(job.connection, queue_name, job.id, job.worker_name or "?")


TASK = registry.register(Task(beat, retry=Retry(attempts=1)))


def send(client: Redis, queue_name: str, sender: str) -> str:
    """Send a heartbeat down a queue, in place of one that still waits there; returns its job id."""
    job_id = f"heartbeat-{re.sub(r'[^A-Za-z0-9_-]', '_', queue_name)}-{token_hex(6)}"
    job = NewJob(
        id=job_id,
        queue=queue_name,
        fields={
            "data": serializer().dumps((TASK.name, None, (queue_name,), {})),
            "description": f"{TASK.name}()",
            "origin": queue_name,
            "timeout": TIMEOUT,
            "result_ttl": 0,
            "failure_ttl": LIVES,
        },
        at_front=True,
    )
    scripts.ring(client, job, sender, LIVES)
    return job_id
