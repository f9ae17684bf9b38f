"""``python -m jobs``: the commands that do one thing and end. Bad settings and an absent Redis are one line and 2."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import click
from redis.exceptions import RedisError

from jobs import __version__, queues, refusals, registry, scripts
from jobs.commands import (
    act,
    audit,
    clean,
    dead,
    doctor,
    example,
    gate,
    job,
    lanes,
    locks,
    schedules,
    shared,
    status,
    watch,
    whoami,
)
from jobs.daemons import DAEMONS
from jobs.errors import SignalboxError
from jobs.introduction import keep_silent
from jobs.reaper import LOST_LEASES, POISON
from jobs.settings import current


class Commands(click.Group):
    """The one-shot commands, with the daemons beside them in the help."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Run and stay"):
            formatter.write_dl([(name, daemon.purpose) for name, daemon in DAEMONS.items()])
        super().format_commands(ctx, formatter)


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="signalbox")
def cli() -> None:
    """Signalbox: jobs that are not lost, run in order, and never go quiet without a named cause."""


cli.add_command(lanes.group)
cli.add_command(locks.group)
cli.add_command(status.command)
cli.add_command(doctor.command)
cli.add_command(watch.watch)
cli.add_command(example.group)
cli.add_command(job.command)
cli.add_command(dead.group)
cli.add_command(act.show)
cli.add_command(act.cancel)
cli.add_command(act.run)
cli.add_command(act.stop)
cli.add_command(gate.pause)
cli.add_command(gate.resume)
cli.add_command(gate.empty)
cli.add_command(clean.command)
cli.add_command(schedules.group)
cli.add_command(whoami.command)
cli.add_command(audit.command)


@cli.command()
@click.argument("task")
@click.argument("arguments", nargs=-1, metavar="[ARG]…")
@click.option("--kwargs", default="{}", metavar="JSON", help="Keyword arguments, as a JSON object.")
@click.option("--queue", help="Default: the task's queue, else the first of JOBS_QUEUES.")
@click.option("--key", help="The job's lane: jobs of one key run one at a time, in order.")
@click.option(
    "--policy", type=click.Choice(["continue", "halt"]), help="What the lane does once it has failed for good."
)
@click.option("--delay", type=float, default=0.0, metavar="SECONDS", help="Run it this much later.")
@click.option("--job-id", help="Accept the job once, however often it is sent.")
@click.option("--unique", is_flag=True, help="Refuse the job id for 7 days, even after the job is gone.")
@click.option("--import", "tasks", metavar="MODULES", help="Modules that hold tasks (JOBS_TASKS).")
def enqueue(task: str, arguments: tuple[str, ...], kwargs: str, tasks: str | None, **options: Any) -> None:
    """Accept a job and print its id.

    TASK is a dotted name such as shop.tasks.send. Each ARG is read as JSON where it is JSON, else as text.
    """
    registry.load(tuple(tasks.split(",")) if tasks else current().tasks)
    client = shared.client()
    job = queues.made(task, tuple(map(_value, arguments)), _object(kwargs), **options)
    [accepted] = queues.submit(client, [job])
    click.echo(accepted.id if accepted.created else f"{accepted.id} (was there already)")


@cli.command()
def recover() -> None:
    """Put back what lost workers hold.

    Living workers do it within seconds by themselves; this does it now.
    """
    found = scripts.recover(shared.client(), LOST_LEASES, POISON)
    click.echo("\n".join(found) if found else "nothing to put back")


@cli.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path), metavar="[FILE|FOLDER]…")
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C.")
def demo(paths: tuple[Path, ...], keep: bool) -> None:
    """Count the words of your files, as jobs.

    From nothing to a printed result; by default the files are this project's own.
    """
    from jobs.examples.demo import run as run_demo

    sys.exit(run_demo(current(), paths or (Path.cwd(),), keep))


def _value(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_json)
    except ValueError:
        return text


def _no_json(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


def _object(text: str) -> dict[str, Any]:
    value = _value(text)
    if not isinstance(value, dict):
        raise click.BadParameter("expected a JSON object", param_hint="--kwargs")
    if clash := sorted(registry.OPTIONS & set(value)):
        raise click.BadParameter(f"{clash[0]!r} is an option; give it beside --kwargs", param_hint="--kwargs")
    return value


def main() -> None:
    """Run the command line."""
    keep_silent()
    try:
        logging.basicConfig(format="signalbox: %(message)s", level=logging.WARNING)
        cli(prog_name="python -m jobs")
    except (SignalboxError, RedisError) as error:
        told = str(error) if isinstance(error, SignalboxError) else refusals.told(error)
        click.echo(f"signalbox: {told}", err=True)
        sys.exit(2)
