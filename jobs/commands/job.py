"""``python -m jobs job``: one job, readable, with every attempt. What it was called with is shown only when asked."""

from datetime import UTC, datetime

import click
from redis import Redis
from rich.markup import escape
from rich.table import Table
from rq.exceptions import NoSuchJobError

from jobs import keys, records
from jobs.commands.shared import NoSuchJob, client, console
from jobs.errorlines import error_line
from jobs.job import Job
from jobs.records import Attempt


@click.command("job")
@click.argument("job_id", metavar="ID")
@click.option("--arguments", is_flag=True, help="Show what it was called with, in clear.")
def command(job_id: str, arguments: bool) -> None:
    """Show a job, and every attempt at it."""
    redis = client()
    try:
        job = Job.fetch(job_id, redis)
    except NoSuchJobError:
        raise NoSuchJob(job_id) from None
    tried = records.attempts(job.id, redis)
    for name, value in _facts(redis, job, arguments):
        if value:
            click.echo(f"{name:<10} {value}")
    if tried:
        console().print(_table(tried))
    if failed := [one for one in tried if one.error]:
        click.echo(f"\nattempt {failed[-1].number}:\n{failed[-1].error}")


def _facts(redis: Redis, job: Job, arguments: bool) -> list[tuple[str, str | None]]:
    state = job.get_status(refresh=False).value
    due = redis.zscore(keys.registry("scheduled", job.origin), job.id) if state == "scheduled" else None
    return [
        ("job", job.id),
        ("state", state),
        ("task", job.task_name),
        ("arguments", _arguments(job) if arguments else "redacted; --arguments shows them"),
        ("queue", job.origin),
        ("key", job.key_of_lane),
        ("accepted", _time(job.created_at)),
        ("queued", _time(job.enqueued_at)),
        ("due", _time(datetime.fromtimestamp(due, UTC)) if due else None),
        ("started", _time(job.started_at)),
        ("ended", _time(job.ended_at)),
        ("worker", job.worker_name),
        ("retries", f"{job.retries_left} left" if job.retries_left and state != "finished" else None),
    ]


def _arguments(job: Job) -> str:
    return ", ".join([*map(repr, job.args), *(f"{name}={value!r}" for name, value in job.kwargs.items())]) or "none"


def _table(tried: list[Attempt]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("attempt", "outcome", "started", "took", "worker", "error"):
        table.add_column(title, justify="right" if title in ("attempt", "took") else "left", no_wrap=title != "error")
    for one in tried:
        took = f"{(one.ended - one.started).total_seconds():.3f} s" if one.started else ""
        error = escape(error_line(one.error or ""))
        table.add_row(str(one.number), one.outcome, _time(one.started), took, one.worker, error)
    return table


def _time(when: datetime | None) -> str | None:
    return when.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] if when else None
