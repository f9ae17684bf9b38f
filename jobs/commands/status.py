"""``python -m jobs status``: what waits, who works on what, and what is wrong; once, or as it goes on."""

import math
import sys
import time
from contextlib import nullcontext
from dataclasses import replace

import click
from redis import Redis
from redis.exceptions import RedisError
from rich.console import Console
from rich.live import Live

from jobs import connection, keys
from jobs.catalog import Title, titles
from jobs.commands import shared
from jobs.commands.overview import Look, of_queue, overview
from jobs.health import snapshot
from jobs.health.diagnosis import Limits, diagnose
from jobs.health.memory import Memory
from jobs.health.snapshot import Snapshot
from jobs.health.volume import fleeting
from jobs.settings import current
from jobs.supervise.stop import on_signal

EVERY = 1.0
DEADLINE = 2.0


@click.command("status")
@click.argument("queue", required=False)
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C, with a look a second.")
def command(queue: str | None, watch: bool) -> None:
    """Show queues, workers and findings, of QUEUE or of all.

    Jobs are shown by task and id, never with their arguments. The exit code is 1 where the line is blocked: when no
    worker runs, for one.
    """
    out = shared.console()
    if watch:
        _go_on(queue, out)
        return
    seen, tasks = _see(shared.client(), queue)
    # One who asks wants to know at once who is missing, however short a time the server has been up.
    findings = diagnose(replace(seen, server=replace(seen.server, uptime=math.inf)), Limits(current().heartbeat))
    look = Look(_place(), seen, tasks, findings)
    out.print(overview(look, queue, current().warnings))
    if any(one.severity == "fail" for one in of_queue(findings, queue)):
        sys.exit(1)


def _go_on(queue: str | None, out: Console) -> None:
    """Look until told to end; an outage is shown like all else."""
    client = connection.connect(current(), "cli", deadline=DEADLINE, retries=0)
    memory = Memory(Limits(current().heartbeat), -math.inf)  # one who asks wants to know at once who is missing
    done = on_signal()
    live = Live(console=out, auto_refresh=False, screen=True) if out.is_terminal else None
    with live or nullcontext():
        while not done.is_set():
            seen, tasks = _try(client, queue)
            picture = overview(
                Look(_place(), seen, tasks, memory.judge(seen, time.monotonic())), queue, current().warnings
            )
            if live:
                live.update(picture, refresh=True)
            else:
                out.print(picture)
            done.wait(EVERY)


def _place() -> str:
    where = connection.address(current())
    return f"{where.redacted}, prefix {keys.PREFIX}, fingerprint {where.fingerprint}"


def _try(client: Redis, queue: str | None) -> tuple[Snapshot, dict[str, Title]]:
    try:
        return _see(client, queue)
    except RedisError as error:
        return Snapshot.failed(error), {}


def _see(client: Redis, queue: str | None) -> tuple[Snapshot, dict[str, Title]]:
    """The line, and what the jobs that are to be shown are called, by their ids. Raises ``RedisError``."""
    watched = (queue,) if queue else current().queues
    seen = snapshot.read(client, watched, connection.address(current()).db)
    seen = replace(seen, fleeting=fleeting(current()))
    running = (job["id"] for worker in seen.alive("worker") for job in worker.running)
    first = (view.waiting_ids[0] for view in seen.queues if view.waiting_ids)
    shown = sorted({*running, *first})
    return seen, titles(client, shown)
