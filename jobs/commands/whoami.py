"""``python -m jobs whoami``: what a process that is started here would see, to lay beside what another says."""

import json
import time
from dataclasses import replace
from typing import Any

import click
from redis import Redis

from jobs import registry
from jobs.commands import shared
from jobs.connection import address
from jobs.health import snapshot
from jobs.health.diagnosis import Code, Finding, Limits, diagnose
from jobs.health.identity import describe
from jobs.health.inquiry import ask
from jobs.health.snapshot import Process
from jobs.settings import current

SHOWN = (
    *("redis", "fingerprint", "prefix", "marker", "server", "db_size", "queues", "serializer", "tasks", "code"),
    *("commit", "versions", "clock_offset", "environment", "host", "pid", "cwd", "workers"),
)
ABOUT_US: frozenset[Code] = frozenset(
    ("different_redis", "different_namespace", "no_worker", "serializer_mismatch", "unknown_task")
)
"""What would become of the jobs that a process with these settings puts in."""


@click.command("whoami")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(as_json: bool) -> None:
    """Show who a process started here is, and whether workers would take its jobs.

    Two that show the same marker are on the same data, whatever their URLs say. Nothing is written.
    """
    registry.load(current().tasks)
    row, wrong = _identity(shared.client())
    if as_json:
        click.echo(json.dumps({**row, "warnings": current().warnings, "findings": [one.as_dict() for one in wrong]}))
        return
    width = max(map(len, SHOWN))
    click.echo("\n".join(f"{name.replace('_', ' '):{width}}  {_words(row[name])}" for name in SHOWN))
    for words in (*current().warnings, *(f"{one.code}: {one.summary}. {one.remedy}" for one in wrong)):
        click.echo(f"! {words}")


def _identity(client: Redis) -> tuple[dict[str, Any], list[Finding]]:
    settings, inventory = current(), registry.inventory()
    asked = time.time()
    seconds, micro = client.time()
    offset = (asked + time.time()) / 2 - seconds - micro / 1e6
    row = describe(settings, "cli", settings.queues, client, inventory).as_dict()
    enqueues = {queue: list(inventory.names) for queue in settings.queues}
    me = {**row, "id": "this process", "role": "app", "status": "ready", "started_at": 0.0, "enqueues": enqueues}
    seen = snapshot.read(client, settings.queues, address(settings).db, asker=Process(me, 0.0, alive=True))
    if url := settings.worker_health_url:
        seen = replace(seen, answer=ask(url, settings.token))
    wrong = [one for one in diagnose(seen, Limits(settings.heartbeat)) if one.code in ABOUT_US]
    workers = [worker.id for worker in seen.alive("worker")]
    said = {"marker": seen.marker, "clock_offset": round(offset, 3), "workers": workers}
    return {name: row[name] for name in SHOWN if name not in said} | said, wrong


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {version}" for name, version in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value != "" else "none yet"
