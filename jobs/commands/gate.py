"""``python -m jobs pause``, ``resume`` and ``empty``: a hand on a queue."""

import click

from jobs import gates
from jobs.commands.shared import client, note


@click.command()
@click.argument("queue")
def pause(queue: str) -> None:
    """Let no worker take from a queue.

    What of QUEUE runs goes on; the rest waits until it is resumed.
    """
    redis = client()
    if gates.pause(redis, queue):
        note(redis, "queue.pause", queue)
    click.echo(f"{queue} is paused; {gates.waiting(redis, queue)} jobs queued")


@click.command()
@click.argument("queue")
def resume(queue: str) -> None:
    """Let workers take from a queue again."""
    redis = client()
    if was_paused := gates.resume(redis, queue):
        note(redis, "queue.resume", queue)
    click.echo(f"{queue} {'goes on' if was_paused else 'was not paused'}; {gates.waiting(redis, queue)} jobs queued")


@click.command()
@click.argument("queue")
@click.option("--yes", is_flag=True, help="Do not ask.")
def empty(queue: str, yes: bool) -> None:
    """Remove the jobs that wait in a queue.

    What of QUEUE runs, is scheduled or waits in a lane stays.
    """
    redis = client()
    if not yes:
        click.confirm(f"remove the {gates.waiting(redis, queue):,} jobs that wait in {queue}?", abort=True)
    removed = gates.empty(redis, queue).removed
    note(redis, "queue.empty", f"{queue}: {removed} jobs")
    click.echo(f"{removed:,} {'job' if removed == 1 else 'jobs'} removed")
