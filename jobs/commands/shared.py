"""What every command needs."""

import getpass
import os
import socket

import click
from redis import Redis
from redis.exceptions import RedisError
from rich.console import Console

from jobs import audit, connection
from jobs.errors import SignalboxError
from jobs.settings import current


class NoSuchJob(SignalboxError):
    """There is no job of that id."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job {job_id!r}; finished jobs are kept for JOBS_KEEP")


def client() -> Redis:
    """A client that answers. Raises ``RedisUnavailable`` or ``SettingsError``, which end the command with 2."""
    found = connection.connect(current(), "cli", deadline=4, within=2)
    connection.require(found, connection.address(current()))
    return found


def console() -> Console:
    """Where tables go; into a file or a pipe they are as wide as they need."""
    found = Console()
    return found if found.is_terminal else Console(width=200)


def note(redis: Redis, action: str, target: str) -> None:
    """Put down in the audit what was done here; it was done, whether that is noted or not."""
    try:
        audit.note(redis, f"command line, {_user()}@{socket.gethostname()}", action, target)
    except RedisError as error:
        click.echo(f"signalbox: this is not in the audit: {error}", err=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container may run as a number that has no name
        return str(os.getuid())


class ListByDefault(click.Group):
    """Runs ``list`` when the first word is none of its commands, so that ``lanes QUEUE`` works."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or not (args[0] in self.commands or args[0] == "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)
