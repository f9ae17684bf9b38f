"""``python -m jobs clean``: remove what is over and no longer wanted, now."""

import click

from jobs import retention
from jobs.commands.shared import client, note
from jobs.read import seconds
from jobs.settings import current


def _age(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    try:
        return seconds(text) if text else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("clean")
@click.argument("queue", required=False)
@click.option("--older", callback=_age, metavar="AGE", help="Ended longer ago, such as 12h; default: JOBS_KEEP.")
@click.option("--failed", is_flag=True, help="Dead letters and canceled jobs of that age too.")
def command(queue: str | None, older: float | None, failed: bool) -> None:
    """Remove the finished jobs of QUEUE, or of all.

    Workers do it by themselves, all the time; this does it now. What is beyond the last JOBS_KEEP_LAST goes too. What
    is not over is never touched.
    """
    redis = client()
    removed = retention.clean(redis, current(), queue, older=older, failed=failed).removed
    note(redis, "queue.clean", f"{queue or 'all queues'}: {removed} jobs")
    click.echo(f"{removed:,} {'job' if removed == 1 else 'jobs'} removed")
