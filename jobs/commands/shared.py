"""What every command needs."""

from redis import Redis
from rich.console import Console

from jobs import connection
from jobs.settings import current


def client() -> Redis:
    """A client that answers. Raises ``RedisUnavailable`` or ``SettingsError``, which end the command with 2."""
    found = connection.connect(current(), "cli")
    connection.require(found, connection.address(current()))
    return found


def console() -> Console:
    """Where tables go; into a file or a pipe they are as wide as they need."""
    found = Console()
    return found if found.is_terminal else Console(width=200)
