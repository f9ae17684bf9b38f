"""Many jobs of mixed states, written as the engine leaves them: faster than it could make them."""

import json
import zlib
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from redis import Redis
from redis.client import Pipeline

from jobs import keys
from jobs.catalog import State
from jobs.queues import FAILURE_TTL
from jobs.settings import current

QUEUES = ("default", "mail", "reports")
TASKS = ("shop.tasks.send_receipt", "shop.tasks.resize", "shop.tasks.sync")
SHARES: dict[State, int] = {
    "finished": 50, "queued": 20, "failed": 10, "blocked": 8,
    "scheduled": 5, "retrying": 4, "canceled": 2, "running": 1,
}  # fmt: skip
STATUS = {"queued": "queued", "running": "started", "blocked": "deferred", "retrying": "scheduled"}
ERROR = 'Traceback (most recent call last):\n  File "shop.py", line 3, in send\nTimeoutError: {} s\n'
STEP = 0.01
"""Seconds between two jobs."""


class Member(NamedTuple):
    number: int
    id: str
    state: State
    at: float
    """Since when it is in its state, or when it is due."""
    queue: str
    task: str
    key: str


def state_of(number: int) -> State:
    """States in their shares, well mixed."""
    place = number * 37 % 100
    for state, share in SHARES.items():
        if (place := place - share) < 0:
            return state
    raise AssertionError("the shares are 100 together")


def fill(client: Redis, count: int) -> list[Member]:
    """Jobs that came into their states one after the other, the last one just now, or are due one after the other."""
    now = datetime.now(UTC).timestamp()
    crowd = []
    with client.pipeline(transaction=False) as pipeline:
        for number in range(count):
            state = state_of(number)
            at = now + 60 + number * STEP if state in ("scheduled", "retrying") else now - (count - number) * STEP
            one = Member(
                number, f"{number:032x}", state, at, QUEUES[number % 3], TASKS[number % 7 % 3], f"k:{number % 50}"
            )
            _write(pipeline, one)
            crowd.append(one)
            if number % 1000 == 999:
                pipeline.execute()
        for queue in QUEUES:
            pipeline.sadd(keys.QUEUES, keys.queue(queue))
        pipeline.execute()
    return crowd


def in_order(crowd: list[Member], meant: Callable[[Member], Any] = lambda one: True) -> list[str]:
    """The ids of those that are meant, as pages bring them."""
    due = [one for one in crowd if one.state in ("scheduled", "retrying") and meant(one)]
    others = [one for one in crowd if one.state not in ("scheduled", "retrying") and meant(one)]
    return [one.id for one in [*others[::-1], *due]]


def _write(pipeline: Pipeline, one: Member) -> None:
    fields: dict[Any, Any] = {
        "status": STATUS.get(one.state, one.state),
        "origin": one.queue,
        "key": one.key,
        "description": f"{one.task}()",
        "data": json.dumps([one.task, None, [one.number], {}]),
        "created_at": _stamp(one.at - 5),
        "enqueued_at": _stamp(one.at if one.state == "queued" else one.at - 2),
        "timeout": 180,
    }
    if one.state in ("running", "finished", "failed", "retrying"):
        fields |= {"started_at": _stamp(one.at if one.state == "running" else one.at - 1), "worker_name": "worker-a"}
    if one.state in ("finished", "failed", "canceled"):
        fields["ended_at"] = _stamp(one.at)
    if one.state == "retrying":
        fields |= {"retries": 2, "retries_left": 1}
    pipeline.hset(keys.job(one.id), mapping=fields)
    if one.state in ("finished", "failed", "retrying"):
        packed = b64encode(zlib.compress(ERROR.format(one.number % 30).encode()))
        kind: dict[Any, Any] = {"type": 1} if one.state == "finished" else {"type": 2, "exc_string": packed}
        pipeline.xadd(keys.results(one.id), kind | {"worker_name": "worker-a", "execution_ended_at": one.at})
    match one.state:
        case "queued":
            pipeline.rpush(keys.queue(one.queue), one.id)
        case "running":
            pipeline.zadd(keys.registry("wip", one.queue), {f"{one.id}:{one.number}": 4102444800})
        case "blocked":
            pipeline.zadd(keys.registry("deferred", one.queue), {one.id: one.at})
        case "scheduled" | "retrying":
            pipeline.zadd(keys.registry("scheduled", one.queue), {one.id: one.at})
        case "finished":
            pipeline.zadd(keys.registry("finished", one.queue), {one.id: one.at + current().keep})
        case "failed":
            pipeline.zadd(keys.registry("failed", one.queue), {one.id: one.at + FAILURE_TTL})
        case _:
            pipeline.zadd(keys.registry("canceled", one.queue), {one.id: one.at})


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
