"""What the server has, read in one step."""

import json
from typing import Any, cast

from redis import Redis
from rq.registry import (
    BaseRegistry,
    CanceledJobRegistry,
    DeferredJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
)

from jobs import keys

WORKER, CHILDREN, QUEUES, LANES = "w", ("w.1", "w.2", "w.3"), ("high", "low"), ("a", "b")
IDS = [f"{lane}{number}" for number in range(4) for lane in (*LANES, "x")]
HALTING = ("b0", "b1", "b2", "b3")
"""Jobs that halt their lane where they fail."""
SURVIVES = 1
TASK = "shop.task"
"""What jobs are found to be of that their worker does not know."""
REGISTRY: dict[str, type[BaseRegistry]] = {
    "deferred": DeferredJobRegistry,
    "scheduled": ScheduledJobRegistry,
    "finished": FinishedJobRegistry,
    "failed": FailedJobRegistry,
    "canceled": CanceledJobRegistry,
}
KINDS = {status: status for status in REGISTRY} | {"stopped": "failed"}
"""In which of RQ's registries a job of each status is."""
LONG_AGO = 1e6
"""Scores below this are times that the machine has set, one after the other."""
ENDED = ("finished", "failed", "canceled")
"""Registries of what is over."""
OVER = ("finished", "failed", "stopped", "canceled", None)
LOOK = """
local read = { list = { 'LRANGE', 0, -1 }, zset = { 'ZRANGE', 0, -1, 'WITHSCORES' }, hash = { 'HGETALL' },
  set = { 'SMEMBERS' }, stream = { 'XLEN' }, string = { 'GET' } }
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  found[key] = { kind, redis.call(read[kind][1], key, unpack(read[kind], 2)) }
end
return cjson.encode(found)
"""


def lane_of(job: str) -> str:
    return job[0] if job[0] in LANES else ""


def queue_of(job: str) -> str:
    return QUEUES[int(job[1]) % 2]


class State:
    """All that the server has."""

    def __init__(self, client: Redis, look: str) -> None:
        raw = json.loads(cast(bytes, client.evalsha(look, 0)).decode("latin-1"))
        self.all: dict[str, Any] = {
            key: dict(zip(value[::2], value[1::2], strict=True)) if kind in ("hash", "zset") else value
            for key, (kind, value) in raw.items()
        }
        self.jobs = {job: self.all[keys.job(job)] for job in IDS if keys.job(job) in self.all}
        self.queues: dict[str, list[str]] = {name: self.all.get(keys.queue(name), []) for name in QUEUES}
        self.apart: dict[str, list[str]] = {name: self.all.get(keys.suspects(name), []) for name in QUEUES}
        self.lanes: dict[str, list[str]] = {name: self.all.get(keys.lane(name), []) for name in LANES}
        self.held: dict[str, dict[str, str]] = {
            child: {job: held.partition(":")[0] for job, held in self.all.get(keys.held(child), {}).items()}
            for child in CHILDREN
        }
        self.leases: dict[str, str] = self.all.get(keys.LEASES, {})

    def status(self, job: str) -> str | None:
        return self.jobs[job]["status"] if job in self.jobs else None

    def number(self, job: str, name: str) -> int:
        return int(self.jobs[job].get(name) or 0)

    def suspects(self, job: str) -> str:
        return str(self.jobs.get(job, {}).get("suspect", ""))

    def registry(self, kind: str, queue: str) -> dict[str, str]:
        return cast(dict[str, str], self.all.get(keys.registry(kind, queue), {}))

    def registries(self, job: str) -> set[str]:
        return {kind for kind in REGISTRY for queue in QUEUES if job in self.registry(kind, queue)}

    def waits(self, job: str) -> int:
        return sum(found.count(job) for found in (*self.queues.values(), *self.apart.values()))

    def place(self, job: str) -> tuple[object, ...]:
        holders = tuple(held.get(job) for held in self.held.values())
        return self.status(job), self.registries(job), self.waits(job) > 0, holders

    def parked(self) -> list[str]:
        """The jobs that wait for a worker that knows their task, in the order of the server."""
        found = self.all.get(keys.unknown(TASK), {})
        return sorted(found, key=lambda job: (float(found[job]), job))

    def is_parked(self, job: str) -> bool:
        return self.status(job) == "scheduled" and "unknown" in self.jobs[job]

    def due(self, queue: str) -> list[str]:
        """The scheduled jobs that are due, oldest first."""
        return self.expired("scheduled", queue)

    def expired(self, kind: str, queue: str) -> list[str]:
        """The entries of a registry whose time is up, oldest first."""
        found = self.registry(kind, queue)
        return [job for job in self.in_order(kind, queue) if float(found[job]) < LONG_AGO]

    def in_order(self, kind: str, queue: str) -> list[str]:
        """A registry as the server orders it."""
        found = self.registry(kind, queue)
        return sorted(found, key=lambda job: (float(found[job]), job))

    def may_go(self, job: str) -> bool:
        """Is it over, and run by nobody?"""
        if self.status(job) in (None, "queued", "started", "deferred", "scheduled"):
            return False
        return self.status(job) != "canceled" or job not in self.held.get(self.jobs[job].get("held_by", ""), {})

    def halts(self, job: str) -> bool:
        """Does it halt the lane that it heads?"""
        return self.status(job) == "failed" and self.jobs[job].get("policy") == "halt"

    def is_halted(self, lane: str) -> bool:
        return lane in self.all.get(keys.HALTED, {})

    def traces(self, job: str) -> list[str]:
        """The keys that say anything of a job."""
        return [key for key, value in self.all.items() if job in key.split(":") or _holds(value, job)]


def _holds(value: Any, job: str) -> bool:
    return isinstance(value, list | dict) and any(one.partition(":")[0] == job for one in value)
