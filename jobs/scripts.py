"""Each atomic step is one Lua file; here each has one typed function.

A line ``-- @include name`` in a script stands for ``lua/lib/name.lua``. The scripts take their time from
the server, so that no clock of ours can break an order.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import NoScriptError

from jobs import keys

UNIQUE_FOR = 7 * 86400
FOLDER = Path(__file__).with_name("lua")

Value = str | bytes | int | float


@dataclass(frozen=True)
class NewJob:
    """A job that has passed every check and is ready to be admitted."""

    id: str
    queue: str
    fields: Mapping[str, Value]
    key: str = ""
    delay: float = 0.0
    at_front: bool = False
    unique: bool = False


class Promoted(NamedTuple):
    moved: int
    rate_limited: list[str]


class Published(NamedTuple):
    marker: str
    at: float
    """The server's time, in seconds since 1970 UTC."""


def admit(client: Redis, jobs: Sequence[NewJob], wait_aof: int | None = None) -> list[bool]:
    """Save new jobs and hand them over, all in one step; True for each that was not there already.

    With ``wait_aof`` (milliseconds) the reply waits until the server has the jobs on disk. Raises
    ``TimeoutError`` when it has not in time; the jobs are accepted all the same.
    """
    arguments: list[Value] = [keys.PREFIX, UNIQUE_FOR]
    for job in jobs:
        arguments += [job.id, job.queue, job.key, job.delay, int(job.at_front), int(job.unique), len(job.fields)]
        for name, value in job.fields.items():
            arguments += [name, value]
    if wait_aof is None:
        return [reply == 1 for reply in _run(client, "admit", [keys.QUEUES], arguments)]
    try:
        created, (local, _) = _run_and_wait(client, arguments, wait_aof)
    except NoScriptError:
        client.script_load(_source("admit"))
        created, (local, _) = _run_and_wait(client, arguments, wait_aof)
    if not local:
        raise TimeoutError(f"the server did not write to disk within {wait_aof} ms")
    return [reply == 1 for reply in created]


def advance(client: Redis, lanes: Sequence[str]) -> list[str]:
    """Let the next job of each lane go, where the one before it is over; the ids let go."""
    return [_text(job_id) for job_id in _run(client, "advance", [keys.LANES], [keys.PREFIX, *lanes])]


def promote(client: Redis, queue: str, limit: int = 500) -> Promoted:
    """Hand over the scheduled jobs of a queue that are due, oldest first."""
    scheduled = keys.registry("scheduled", queue)
    moved, *limited = _run(client, "promote", [scheduled], [keys.PREFIX, queue, limit])
    return Promoted(int(moved), [_text(job_id) for job_id in limited])


def publish(client: Redis, process_id: str, row: str, marker: str) -> Published:
    """Say that a process lives; ``marker`` is set where this db and prefix have none."""
    found, at = _run(client, "publish", [keys.PROCESSES, keys.SEEN, keys.MARKER], [process_id, row, marker])
    return Published(_text(found), float(at))


def ring(client: Redis, job: NewJob) -> bool:
    """Send a heartbeat job to the front of its queue; False when one still waits there."""
    arguments: list[Value] = [keys.PREFIX, job.id]
    for name, value in job.fields.items():
        arguments += [name, value]
    names = [keys.queue(job.queue), keys.heartbeat(job.queue), keys.QUEUES, keys.job(job.id)]
    return bool(_run(client, "ring", names, arguments))


def echo(client: Redis, queue: str, job_id: str, worker: str) -> bool:
    """Write down that a heartbeat came back; False when a later one has been sent since."""
    return bool(_run(client, "echo", [keys.heartbeat(queue)], [job_id, worker]))


def _run_and_wait(client: Redis, arguments: Sequence[Value], milliseconds: int) -> Any:
    with client.pipeline(transaction=False) as pipeline:  # one connection: WAITAOF waits for its own writes
        pipeline.evalsha(_digest("admit"), 1, keys.QUEUES, *arguments)
        pipeline.execute_command("WAITAOF", 1, 0, milliseconds)
        return pipeline.execute()


def _run(client: Redis, script: str, names: Sequence[str], arguments: Sequence[Value]) -> Any:
    sendable: list[Any] = [*names, *arguments]
    try:
        return client.evalsha(_digest(script), len(names), *sendable)
    except NoScriptError:
        return client.eval(_source(script), len(names), *sendable)


@cache
def _source(script: str) -> str:
    text = (FOLDER / f"{script}.lua").read_text()
    return re.sub(r"^-- @include (\w+)$", lambda found: _library(found[1]), text, flags=re.M)


def _library(name: str) -> str:
    return (FOLDER / "lib" / f"{name}.lua").read_text()


@cache
def _digest(script: str) -> str:
    return hashlib.sha1(_source(script).encode(), usedforsecurity=False).hexdigest()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
