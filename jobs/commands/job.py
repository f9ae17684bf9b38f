"""``python -m jobs job``: one job, readable, with every attempt. What it was called with is shown only when asked."""

from datetime import datetime

import click
from redis import Redis
from rich.markup import escape
from rich.table import Table

from jobs import catalog
from jobs.catalog import Detail
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
    found = catalog.detail(redis, job_id)
    if found is None:
        raise NoSuchJob(job_id)
    for name, value in _facts(found, _arguments(redis, job_id) if arguments else "redacted; --arguments shows them"):
        if value:
            click.echo(f"{name:<10} {value}")
    if found.attempts:
        console().print(_table(found.attempts))
    if failed := [one for one in found.attempts if one.error]:
        click.echo(f"\nattempt {failed[-1].number}:\n{failed[-1].error}")


def _facts(found: Detail, arguments: str) -> list[tuple[str, str | None]]:
    job, lane = found.job, found.lane
    return [
        ("job", job.id),
        ("state", job.state),
        ("task", job.task),
        ("label", job.label),
        ("arguments", arguments),
        ("queue", job.queue),
        ("key", job.key),
        ("in lane", f"{lane.position} of {lane.depth}, behind {lane.previous or 'nobody'}" if lane else None),
        ("waits for", ", ".join(f"{one.id} ({one.state or 'gone'})" for one in found.waits_for)),
        ("waits", "for a worker that knows its task; it fails when it is due" if job.unknown else None),
        ("in vain", f"for {', '.join(one.id for one in found.in_vain)}" if found.in_vain else None),
        ("awaited by", ", ".join(found.awaited_by)),
        ("accepted", _time(job.accepted_at)),
        ("queued", _time(job.queued_at)),
        ("due", _time(job.due_at)),
        ("started", _time(job.started_at)),
        ("ended", _time(job.ended_at)),
        ("worker", job.worker),
        ("warning", found.attempts[-1].note if found.attempts else None),
        ("retries", f"{job.retries_left} left" if job.retries_left and job.state != "finished" else None),
    ]


def _arguments(redis: Redis, job_id: str) -> str:
    job = Job.fetch(job_id, redis)
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
