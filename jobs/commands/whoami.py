"""``python -m jobs whoami``: what a process that is started here would see, to lay beside what another says."""

import json
import time
from typing import Any, cast

import click
from redis import Redis

from jobs import keys, registry
from jobs.commands import shared
from jobs.health.identity import describe
from jobs.settings import current

SHOWN = (
    *("redis", "fingerprint", "prefix", "marker", "server", "db_size", "queues", "serializer", "tasks", "code"),
    *("commit", "versions", "clock_offset", "environment", "host", "cwd"),
)


@click.command("whoami")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(as_json: bool) -> None:
    """Show who a process started here is.

    Two that show the same marker are on the same data, whatever their URLs say. Nothing is written.
    """
    registry.load(current().tasks)
    row = _identity(shared.client())
    if as_json:
        click.echo(json.dumps(row))
    else:
        width = max(map(len, SHOWN))
        click.echo("\n".join(f"{name.replace('_', ' '):{width}}  {_words(row[name])}" for name in SHOWN))


def _identity(client: Redis) -> dict[str, Any]:
    asked = time.time()
    seconds, micro = client.time()
    offset = (asked + time.time()) / 2 - seconds - micro / 1e6
    marker = cast(bytes | None, client.get(keys.MARKER)) or b""
    row = describe(current(), "cli", current().queues, client, registry.inventory()).as_dict()
    return {name: row[name] for name in SHOWN} | {"marker": marker.decode(), "clock_offset": round(offset, 3)}


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value))
    return str(value) if value != "" else "none yet"
