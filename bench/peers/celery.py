"""Celery: its prefork pool, a result for each job, acknowledged when the job has ended."""

import os

from celery import Celery

from bench import record

WORKER = ("celery", "-A", __name__, "worker", "--pool", "prefork", "--concurrency", "2", "--loglevel", "WARNING")

app = Celery("bench", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.task_acks_late = True  # else a job is lost with the process that runs it


@app.task
def append(number: int) -> None:
    record.write(number)


def feed(jobs: int) -> None:
    for number in range(jobs):
        append.delay(number)
