"""Every Redis key: RQ's, which are the store, and ours, which lie under ``<prefix>:signalbox:``.

``KEYS`` is the table that ARCHITECTURE.md shows; a test keeps the two alike.
RQ's own names are those of RQ 3.0 (``rq.job``, ``rq.queue``, ``rq.registry``).
"""

import os
from typing import NamedTuple

from jobs.read import prefix

if not os.environ.get("RQ_KEY_PREFIX", "").strip():
    os.environ.pop("RQ_KEY_PREFIX", None)  # set but empty counts as unset, to RQ too
PREFIX = prefix(os.environ.get("RQ_KEY_PREFIX", "rq"))
"""Read once, like RQ does: it must be set before the first import."""

OURS = f"{PREFIX}:signalbox"

QUEUES = f"{PREFIX}:queues"
WORKERS = f"{PREFIX}:workers"
SUSPENDED = f"{PREFIX}:suspended"
LIMITS = f"{PREFIX}:rl-keys"
CLOCK = f"{PREFIX}:scheduler:scheduled_jobs"
MARKER = f"{OURS}:marker"
PROCESSES = f"{OURS}:processes"
SEEN = f"{OURS}:seen"
APPS = f"{OURS}:apps"
UNKNOWN = f"{OURS}:unknown"
LANES = f"{OURS}:lanes"
HALTED = f"{OURS}:halted"
LEADER = f"{OURS}:leader"
LEASES = f"{OURS}:leases"
TICKED = f"{OURS}:ticked"
EXECUTIONS = f"{OURS}:executions"
PAUSED = f"{OURS}:paused"
FENCE = f"{OURS}:fence"
LOCKS = f"{OURS}:locks"
SYNCED = f"{OURS}:synced"
OUTBOX = f"{OURS}:outbox"
SCHEDULES = f"{OURS}:schedules"
SLOTS = f"{OURS}:slots"
ORPHANS = f"{OURS}:orphans"
QUARANTINE = f"{OURS}:quarantine"
INSTANCES = f"{OURS}:instances"
METERS = f"{OURS}:meters"
AUDIT = f"{OURS}:audit"
HISTORY = f"{OURS}:history"
DEPLOYS = f"{OURS}:deploys"

HEARTBEAT = "heartbeat-"
"""How the ids of heartbeat jobs begin; no other job's id may."""
BEATS = f"{HEARTBEAT}every-"
"""How the ids of the entries begin that send them by the clock."""


class Key(NamedTuple):
    """One row of the key table; ``<p>`` stands for the prefix."""

    pattern: str
    type: str
    ttl: str
    purpose: str


KEYS = (
    Key("<p>:signalbox:marker", "string", "none", "random name of this db and prefix: same marker, same data"),
    Key("<p>:signalbox:processes", "hash", "none; 7 days, 64 of the dead", "the identity each process publishes"),
    Key("<p>:signalbox:seen", "zset", "none; 7 days, 64 of the dead", "when each process was last seen"),
    Key(
        "<p>:signalbox:apps",
        "zset",
        "none; 1 hour, 64 of the dead",
        "when each process that enqueues was last seen",
    ),
    Key("<p>:signalbox:tasks:<digest>", "set", "1 day after it was told", "the names of the tasks of that digest"),
    Key("<p>:signalbox:unknown", "zset", "1 day after their time", "tasks that jobs wait for, as no worker knew them"),
    Key("<p>:signalbox:unknown:<task>", "zset", "1 day after their time", "the jobs that wait so, by since when"),
    Key(
        "<p>:signalbox:suspects:<queue>",
        "list",
        "none; gone when empty",
        "queued jobs that run alone, as their process has died under them before",
    ),
    Key("<p>:signalbox:lanes", "zset", "none; gone when empty", "lanes that hold jobs, by when each was looked at"),
    Key("<p>:signalbox:lane:<key>", "list", "none; gone when empty", "the jobs of one key, in order; the head may run"),
    Key("<p>:signalbox:halted", "zset", "none; gone when empty", "lanes that a failed job halts, by since when"),
    Key("<p>:signalbox:unique:<id>", "string", "7 days", "ids of unique jobs, refused even after the job is gone"),
    Key(
        "<p>:signalbox:heartbeat:<queue>",
        "hash",
        "7 days",
        "a queue: the last heartbeat sent, the last back, by type",
    ),
    Key(
        "<p>:signalbox:leases",
        "zset",
        "none; gone with their keepers",
        "until when each child's hold on its jobs lasts",
    ),
    Key(
        "<p>:signalbox:held:<child>",
        "hash",
        "none; gone when empty",
        "the jobs a child holds, each with its token and its locks",
    ),
    Key("<p>:signalbox:lock:<name>", "hash", "the lock's ttl", "who has a lock, since when, its token and its note"),
    Key("<p>:signalbox:locks", "zset", "as the lock that lasts longest", "names of locks, by when each runs out"),
    Key("<p>:signalbox:fence", "string", "none", "the last fencing token given with a lock"),
    Key("<p>:signalbox:executions", "string", "none", "count of executions: the source of tokens"),
    Key("<p>:signalbox:ticked", "string", "1 day", "when a keeper last ticked"),
    Key("<p>:signalbox:paused", "set", "none; gone when empty", "queues that no child takes from"),
    Key("<p>:signalbox:outbox", "zset", "none; gone when empty", "ended jobs whose follow-ups are still to be done"),
    Key("<p>:signalbox:synced", "string", "1 day", "written before the server is asked whether all is on disk"),
    Key("<p>:signalbox:schedules", "hash", "none; 7 days as orphans", "what living code declares, by the task's name"),
    Key("<p>:signalbox:slots", "zset", "none; gone when empty", "schedules by their next slot"),
    Key("<p>:signalbox:schedule:<name>", "hash", "as its schedule", "last slot and job, pause or error of a schedule"),
    Key("<p>:signalbox:orphans", "zset", "7 days each", "schedules that no living code has, by their slot"),
    Key("<p>:signalbox:quarantine", "hash", "7 days", "rq-scheduler's entries that cannot be run, and why"),
    Key("<p>:signalbox:leader", "string", "10 s", "token of the process whose scheduler leads"),
    Key("worker:instance:lock:<type>", "string", "6 s", "who is the single worker of a type, and its token"),
    Key("<p>:signalbox:meters", "hash", "none", "counts of waits, durations, recovered jobs and refused results"),
    Key(
        "<p>:signalbox:kept:<ending>:<task>",
        "zset",
        "1 year",
        "finished or failed jobs of a task of which only the last are kept",
    ),
    Key("<p>:signalbox:audit", "stream", "90 days; 10,000 entries", "what people and programs did: who, what, to what"),
    Key("<p>:signalbox:told:<child>", "string", "1 day", "the last batch of counts that a child has told"),
    Key(
        "<p>:signalbox:history",
        "zset",
        "30 days; 100",
        "queues and tasks with a history, by when each was last told of",
    ),
    Key(
        "<p>:signalbox:minutes:<hour>:<name>",
        "hash",
        "24 h after it",
        "what ended in each minute of an hour, all or by name",
    ),
    Key(
        "<p>:signalbox:quarters:<day>:<name>",
        "hash",
        "30 days after it",
        "what ended in each hour of a day, under its first quarter",
    ),
    Key("<p>:signalbox:deploys", "zset", "30 days; 100", "commits of the app by when each was first seen"),
    Key("<p>:signalbox:instances", "hash", "none", "the last token of each type of single workers"),
)


def job(job_id: str) -> str:
    return f"{PREFIX}:job:{job_id}"


def unknown(task: str) -> str:
    """The jobs that wait for a worker that knows that task."""
    return f"{UNKNOWN}:{task}"


def task_names(code: str) -> str:
    """The set of names of the tasks whose digest that is."""
    return f"{OURS}:tasks:{code}"


def dependents(job_id: str) -> str:
    """RQ's set of the ids that depend on a job."""
    return f"{job(job_id)}:dependents"


def results(job_id: str) -> str:
    """RQ's stream of what became of each attempt of a job."""
    return f"{PREFIX}:results:{job_id}"


def queue(name: str) -> str:
    return f"{PREFIX}:queue:{name}"


def suspects(queue_name: str) -> str:
    """The jobs of a queue whose process has died under them more than once. Each runs alone, in a child of its own."""
    return f"{OURS}:suspects:{queue_name}"


def registry(kind: str, queue_name: str) -> str:
    """RQ's sorted set of the jobs of a queue in one state: wip, finished, failed, deferred, scheduled."""
    return f"{PREFIX}:{kind}:{queue_name}"


def limited(limit: str) -> str:
    """RQ's sorted set of the jobs that wait for a slot of a rate limit."""
    return f"{PREFIX}:rl:{limit}:rate_limited"


def worker(name: str) -> str:
    return f"{PREFIX}:worker:{name}"


def lane(key: str) -> str:
    return f"{OURS}:lane:{key}"


def lock(name: str) -> str:
    return f"{OURS}:lock:{name}"


def schedule(name: str) -> str:
    return f"{OURS}:schedule:{name}"


def held(child: str) -> str:
    return f"{OURS}:held:{child}"


def instance(kind: str) -> str:
    """The lock of a worker type: of this name by agreement, so the prefix stands before it only if it is not RQ's."""
    name = f"worker:instance:lock:{kind}"
    return name if PREFIX == "rq" else f"{PREFIX}:{name}"


def told(child: str) -> str:
    return f"{OURS}:told:{child}"


def minutes(hour: int, name: str) -> str:
    """The history of a name (``all``, ``queue:…``, ``task:…``) in an hour, counted since 1970 UTC; fields 0 to 59."""
    return f"{OURS}:minutes:{hour}:{name}"


def quarters(day: int, name: str) -> str:
    """The same in a day, counted since 1970 UTC; fields 0 to 95."""
    return f"{OURS}:quarters:{day}:{name}"


def heartbeat(queue_name: str) -> str:
    return f"{OURS}:heartbeat:{queue_name}"
