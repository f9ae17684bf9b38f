"""Every Redis key: RQ's, which are the store, and ours, which lie under ``<prefix>:signalbox:``.

``KEYS`` is the table that ARCHITECTURE.md shows; a test keeps the two alike.
RQ's own names are those of RQ 3.0 (``rq.job``, ``rq.queue``, ``rq.registry``).
"""

import os
from typing import NamedTuple

PREFIX = os.environ.get("RQ_KEY_PREFIX", "rq")
"""Read once, like RQ does: it must be set before the first import."""

OURS = f"{PREFIX}:signalbox"

QUEUES = f"{PREFIX}:queues"
SUSPENDED = f"{PREFIX}:suspended"
CLOCK = f"{PREFIX}:scheduler:scheduled_jobs"
MARKER = f"{OURS}:marker"
PROCESSES = f"{OURS}:processes"
SEEN = f"{OURS}:seen"
LANES = f"{OURS}:lanes"
LEADER = f"{OURS}:leader"

HEARTBEAT = "heartbeat-"
"""How the ids of heartbeat jobs begin; no other job's id may."""


class Key(NamedTuple):
    """One row of the key table; ``<p>`` stands for the prefix."""

    pattern: str
    type: str
    ttl: str
    purpose: str


KEYS = (
    Key("<p>:signalbox:marker", "string", "none", "random name of this db and prefix: same marker, same data"),
    Key("<p>:signalbox:processes", "hash", "none; ≤ 64 rows, 7 days", "the identity each process publishes"),
    Key("<p>:signalbox:seen", "zset", "none; ≤ 64 rows, 7 days", "when each process was last seen"),
    Key("<p>:signalbox:lanes", "zset", "none; gone when empty", "lanes that hold jobs, by time of the first"),
    Key("<p>:signalbox:lane:<key>", "list", "none; gone when empty", "the jobs of one key, in order; the head may run"),
    Key("<p>:signalbox:unique:<id>", "string", "7 days", "ids of unique jobs, refused even after the job is gone"),
    Key("<p>:signalbox:heartbeat:<queue>", "hash", "7 days", "the last heartbeat sent down a queue and the last back"),
    Key("<p>:signalbox:leader", "string", "10 s", "token of the process whose scheduler leads"),
)


def job(job_id: str) -> str:
    return f"{PREFIX}:job:{job_id}"


def queue(name: str) -> str:
    return f"{PREFIX}:queue:{name}"


def registry(kind: str, queue_name: str) -> str:
    """RQ's sorted set of the jobs of a queue in one state: wip, finished, failed, deferred, scheduled."""
    return f"{PREFIX}:{kind}:{queue_name}"


def worker(name: str) -> str:
    return f"{PREFIX}:worker:{name}"


def lane(key: str) -> str:
    return f"{OURS}:lane:{key}"


def heartbeat(queue_name: str) -> str:
    return f"{OURS}:heartbeat:{queue_name}"
