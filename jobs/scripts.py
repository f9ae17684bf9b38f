"""Each atomic step is one Lua file; here each has one typed function.

A line ``-- @include name`` in a script stands for ``lua/lib/name.lua``. The scripts take their time from
the server, so that no clock of ours can break an order.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from redis import Redis
from redis.connection import ConnectionInterface
from redis.exceptions import NoScriptError, OutOfMemoryError, ResponseError

from jobs import keys
from jobs.errors import DurabilityUnconfirmed

DAY = 86400
UNIQUE_FOR = 7 * DAY
FINAL = -1.0
WORKER_TTL = 90
BUSY, GONE = 0, -1
UNLIMITED: Mapping[str, int] = {}
FOLDER = Path(__file__).with_name("lua")

Value = str | bytes | int | float
Outcome = Literal["finished", "failed", "stopped", "retried", "exhausted", "snoozed"]


class NewJob(NamedTuple):
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


class Claimed(NamedTuple):
    """One execution that a child has been given."""

    id: str
    token: str
    """Grows with every execution: whoever holds a later one is right."""
    queue: str
    data: bytes
    timeout: float
    special: bool
    """It has callbacks, webhooks, a repeat, a group or a rate limit, and takes the long way."""


class Report(NamedTuple):
    """How far a job says that it is."""

    id: str
    token: str
    number: int
    """Grows with everything that is said in a process: the highest of an execution is right."""
    share: float
    """From 0 to 1."""
    text: str


class Settlement(NamedTuple):
    """How one execution ended. Times are seconds since 1970 UTC."""

    id: str
    token: str
    outcome: Outcome
    value: bytes
    """``finished``: the result in base64, empty for None; else the traceback, zlib and base64."""
    started: float
    ended: float
    after: float = 0.0
    """``failed``: ``FINAL`` when it is not to be tried again; ``retried``, ``snoozed``: the seconds to wait."""
    report: Report | None = None
    """How far the job said last that it was, where that is not written yet."""


class Held(NamedTuple):
    """An execution that is to be put back; ``charged`` when it was running and may be to blame."""

    id: str
    token: str
    charged: bool
    why: bytes = b""
    """How it was interrupted, for the record of its attempts: a traceback, zlib and base64; empty: not started."""
    suspect: bool = False
    """It was running, and so were others: it shares the blame, and runs alone if that happens again."""


class Execution(NamedTuple):
    """What a child runs: whose the locks are that a job takes."""

    child: str
    id: str
    token: str


class Locked(NamedTuple):
    """What came of asking for a lock."""

    token: int
    """The fencing token; ``BUSY`` when somebody else has the lock, ``GONE`` when the execution is over."""
    job: str = ""
    """Whose job has it; empty when it was not taken in a job."""
    process: str = ""
    since: float = 0.0
    """Since when: seconds since 1970 UTC, of the server."""


class Ticked(NamedTuple):
    """What a tick found and did."""

    gone: list[str]
    """The keeper's children whose lease has run out: what they still run is another's now."""
    recovered: list[str]
    moved: list[str]
    rate_limited: list[str]
    crowded: list[str]
    """Queues with more to drop: a tick drops 200 of each. See ``trim``."""
    leads: bool
    """Is this keeper's the scheduler that leads?"""
    due: int
    """Schedules and rq-scheduler's entries that are due."""
    schedules: int
    """How many schedules there are."""
    owed: int
    """Follow-ups that somebody should have done by now."""
    done: int
    failed: int
    at: float
    """The server's time, in seconds since 1970 UTC."""


class Due(NamedTuple):
    """What a scheduler of its own looks at; see ``Ticked``."""

    due: int
    schedules: int
    at: float


class Slot(NamedTuple):
    """One time at which a schedule is due. Times are seconds since 1970 UTC."""

    schedule: str
    at: float
    following: float
    last: bool = False
    overlap: bool = False
    """May its job wait or run beside the one of an earlier slot?"""
    kept: Mapping[str, Value] = {}
    """What is written down of the schedule once this slot has happened."""


class Taken(NamedTuple):
    """What came of asking for the lock of a type."""

    token: int
    """Grows with every holder; 0: another holds it."""
    value: str
    """What the lock says of its holder."""
    left: float
    """Seconds that it still lives; below zero: for ever."""


class Published(NamedTuple):
    marker: str
    at: float
    """The server's time, in seconds since 1970 UTC."""


def admit(client: Redis, jobs: Sequence[NewJob], wait_aof: int | None = None) -> list[bool]:
    """Save new jobs and hand them over, all in one step; True for each that was not there already.

    With ``wait_aof`` (milliseconds) the reply waits until the server has the jobs on disk, those too that were there
    already. Raises ``DurabilityUnconfirmed`` when it has not in time; the jobs are accepted all the same.
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
        raise DurabilityUnconfirmed(f"accepted, but the server did not say within {wait_aof} ms that it is on disk")
    return [reply == 1 for reply in created]


def advance(client: Redis, lanes: Sequence[str]) -> list[str]:
    """Let the next job of each lane go, where the one before it is over; the ids let go."""
    return [_text(job_id) for job_id in _run(client, "advance", [keys.LANES], [keys.PREFIX, *lanes])]


def resume(client: Redis, lane: str, again: bool) -> bool:
    """Let a halted lane go on, with the job that halted it or without it; False when it was not halted."""
    return bool(_run(client, "resume", [keys.lane(lane), keys.HALTED], [keys.PREFIX, lane, int(again)]))


def clear(client: Redis, lane: str) -> int:
    """Cancel what waits in a lane, and end its halt; how many jobs."""
    return int(_run(client, "clear", [keys.lane(lane), keys.HALTED], [keys.PREFIX, lane]))


def requeue(client: Redis, job_ids: Sequence[str]) -> list[bool]:
    """Have jobs run anew that failed, were stopped or were canceled; True for each that does."""
    names = [keys.QUEUES, keys.HALTED]
    return [reply == 1 for reply in _run(client, "requeue", names, [keys.PREFIX, *job_ids])]


def delete(client: Redis, job_ids: Sequence[str]) -> list[bool | None]:
    """Remove jobs that are over; False for each that is not there or not over, None while its follow-ups are owed."""
    return [{1: True, 0: False}.get(reply) for reply in _run(client, "delete", [], [keys.PREFIX, *job_ids])]


def trim(client: Redis, queue: str, last: int, most: int) -> int:
    """Drop what has expired, and all but the ``last`` finished jobs; looks at ``most`` of each kind. How many."""
    return int(_run(client, "trim", [], [keys.PREFIX, queue, last, most]))


def purge(client: Redis, kind: str, queue: str, seconds: float, first: int, most: int) -> tuple[int, int]:
    """Remove jobs of a registry that ended longer ago; how many of ``most`` were there to look at, how many went."""
    looked, removed = _run(client, "purge", [keys.registry(kind, queue)], [keys.PREFIX, seconds, first, most])
    return int(looked), int(removed)


def promote(client: Redis, queue: str, limit: int = 500) -> Promoted:
    """Hand over the scheduled jobs of a queue that are due, oldest first."""
    scheduled = keys.registry("scheduled", queue)
    moved, *limited = _run(client, "promote", [scheduled], [keys.PREFIX, queue, limit])
    return Promoted(int(moved), [_text(job_id) for job_id in limited])


def grant(client: Redis, child: str, seconds: float) -> None:
    """Give a new child its lease."""
    _run(client, "grant", [keys.LEASES], [child, seconds])


def exchange(
    client: Redis,
    worker: str,
    child: str,
    queues: Sequence[str],
    settlements: Sequence[Settlement],
    wanted: int,
    limits: Mapping[str, int] = UNLIMITED,
) -> tuple[list[int], list[Claimed] | None]:
    """Settle what a child has done and claim what it does next, in one round trip.

    ``limits`` says how many jobs of a queue may run at once, over all workers.

    Returns for each settlement 1 accepted, 2 accepted with follow-ups, 0 refused because the child does not hold
    it; and what was claimed, or None when the child has no lease. Raises ``RedisError`` when nothing is known
    of either: the settlements may then be sent again, and what was claimed must be found by ``held``.
    """
    settle = _call(
        "settle", [keys.held(child), keys.worker(worker), keys.OUTBOX], _settle_arguments(worker, settlements)
    )
    claim = _claim_call(worker, child, queues, wanted, limits)
    calls = ([("settle", settle)] if settlements else []) + ([("claim", claim)] if wanted else [])
    reports = [one.report for one in settlements if one.report]
    with client.pipeline(transaction=False) as pipeline:
        for one in reports:
            pipeline.eval(_source("report"), *_report_call(one)[1:])
        for _, call in calls:
            pipeline.evalsha(*call)
        answers = pipeline.execute(raise_on_error=False)[len(reports) :]
        replies = dict(zip((name for name, _ in calls), answers, strict=True))
    for name, call in calls:
        if isinstance(replies[name], NoScriptError):
            client.script_load(_source(name))
            replies[name] = client.evalsha(*call)
        if isinstance(replies[name], Exception):
            raise replies[name]
    return list(replies.get("settle", [])), _claimed(replies.get("claim", []))


def await_jobs(
    line: ConnectionInterface,
    worker: str,
    child: str,
    queues: Sequence[str],
    queue: str,
    wanted: int,
    seconds: int,
    limits: Mapping[str, int] = UNLIMITED,
) -> tuple[str, list[Claimed] | None]:
    """Wait on a connection of one's own until ``queue`` holds something, at most so long, and claim then.

    Returns the id at its head, or '' when it stayed empty, and what ``claim`` returns. A server that is full lets
    nobody wait but does give, and answers at once. Raises ``RedisError`` as ``exchange`` does.
    """
    key = keys.queue(queue)
    call = _claim_call(worker, child, queues, wanted, limits)
    try:
        line.send_packed_command(
            line.pack_commands([("BLMOVE", key, key, "LEFT", "LEFT", seconds), ("EVALSHA", *call)])
        )
        seen, claimed = _answer(line), _answer(line)
        if isinstance(claimed, NoScriptError):
            line.send_command("EVAL", _source("claim"), *call[1:])
            claimed = _answer(line)
    except BaseException:
        line.disconnect()
        raise
    for reply in (claimed, None if isinstance(seen, OutOfMemoryError) else seen):
        if isinstance(reply, Exception):
            raise reply
    return _text(seen) if isinstance(seen, bytes) else "", _claimed(claimed)


def _answer(line: ConnectionInterface) -> Any:
    try:
        return line.read_response()
    except ResponseError as error:
        return error


def _claim_call(worker: str, child: str, queues: Sequence[str], wanted: int, limits: Mapping[str, int]) -> list[Any]:
    names = [keys.LEASES, keys.held(child), keys.EXECUTIONS, keys.SUSPENDED, keys.PAUSED, *map(keys.queue, queues)]
    caps = [limits.get(name, "") for name in queues]
    return _call("claim", names, [keys.PREFIX, child, worker, wanted, *queues, *caps])


def claim(client: Redis, worker: str, child: str, queues: Sequence[str], wanted: int) -> list[Claimed] | None:
    """``exchange`` that settles nothing."""
    return exchange(client, worker, child, queues, (), wanted)[1]


def settle(client: Redis, worker: str, child: str, settlements: Sequence[Settlement]) -> list[int]:
    """``exchange`` that claims nothing."""
    return exchange(client, worker, child, (), settlements, 0)[0]


def _settle_arguments(worker: str, settlements: Sequence[Settlement]) -> list[Value]:
    arguments: list[Value] = [keys.PREFIX, worker]
    for one in settlements:
        arguments += [one.id, one.token, one.outcome, one.value, one.started, one.ended, one.after]
    return arguments


def report(client: Redis, reports: Sequence[Report]) -> list[bool]:
    """Write down how far jobs say they are; False for each that no longer runs so, which is left as it is."""
    with client.pipeline(transaction=False) as pipeline:
        for one in reports:
            pipeline.eval(_source("report"), *_report_call(one)[1:])
        return [bool(reply) for reply in pipeline.execute()]


def _report_call(one: Report) -> list[Any]:
    return _call("report", [keys.job(one.id)], [one.token, one.number, f"{one.share:.4g}", one.text])


def _claimed(reply: list[Any] | None) -> list[Claimed] | None:
    if reply is None:
        return None
    return [
        Claimed(
            reply[at].decode(),
            reply[at + 1].decode(),
            reply[at + 2].decode(),
            reply[at + 3],
            float(reply[at + 4] or 0),
            bool(reply[at + 5]),
        )
        for at in range(0, len(reply), 6)
    ]


def retire(client: Redis, child: str) -> bool:
    """Take away the lease of a child that has ended; False when it still holds something."""
    return bool(_run(client, "retire", [keys.LEASES, keys.held(child)], [child]))


def recover(client: Redis, survives: int, why: bytes) -> list[str]:
    """Take back now what the lost hold; the ids put back. ``survives`` is how many lost leases a job does."""
    return [_text(job_id) for job_id in _run(client, "recover", [keys.LEASES], [keys.PREFIX, survives, why])]


def release(client: Redis, child: str, executions: Sequence[Held], survives: int) -> tuple[int, int]:
    """Put what a child holds back at the front of its queues, first given first; how many, and how many failed.

    A job that was charged more than ``survives`` times fails instead.
    """
    arguments: list[Value] = [keys.PREFIX, child, survives]
    for one in executions:
        arguments += [one.id, one.token, 1 if one.charged else 2 if one.suspect else 0, one.why]
    back, failed = _run(client, "release", [keys.held(child)], arguments)
    return int(back), int(failed)


def held(client: Redis, child: str) -> list[tuple[str, str]]:
    """What a child holds, as id and token, first given first."""
    found = cast(dict[bytes, bytes], client.hgetall(keys.held(child)))
    tokens = {job_id.decode(): held.decode().partition(":")[0] for job_id, held in found.items()}
    return sorted(tokens.items(), key=lambda one: int(one[1]))


def tick(
    client: Redis,
    keeper: str,
    children: Sequence[str],
    *,
    lease: float,
    leader_lease: float,
    survives: int,
    why: bytes,
    keep_last: int | None = None,
) -> Ticked:
    """What a keeper does once a second; ``survives`` is how many lost leases a job does. Leases are in seconds.

    Of the finished jobs of a queue, ``keep_last`` are kept.
    """
    names = [keys.LEASES, keys.TICKED, keys.QUEUES, keys.LANES]
    names += [keys.worker(keeper), keys.LEADER, keys.CLOCK, keys.OUTBOX, keys.SLOTS, keys.SCHEDULES]
    arguments: list[Value] = [keys.PREFIX, lease, survives, why, WORKER_TTL, keeper, int(leader_lease * 1000)]
    arguments.append("" if keep_last is None else keep_last)
    *lists, numbers = _run(client, "tick", names, [*arguments, *children])
    gone, recovered, moved, limited, crowded = ([_text(item) for item in found] for found in lists)
    leads, due, schedules, owed, done, failed, at = numbers
    return Ticked(gone, recovered, moved, limited, crowded, bool(leads), due, schedules, owed, done, failed, float(at))


def step_down(client: Redis, holder: str) -> bool:
    """Give back the scheduler's lease; False when it was another's."""
    return bool(_run(client, "step_down", [keys.LEADER], [holder]))


def lock(client: Redis, name: str, owner: str, ttl: float, process: str, execution: Execution | None) -> Locked:
    """Take a lock for ``ttl`` seconds, in a job for its execution; with the same owner, sending again is safe."""
    names, who = [keys.lock(name), keys.FENCE, *_holding(execution)], _who(execution)
    token, *found = _run(client, "lock", names, [name, owner, int(ttl * 1000), process, *who])
    if not found:
        return Locked(token)
    job, where, since = map(_text, found)
    return Locked(token, job, where, float(since))


def renew(client: Redis, name: str, owner: str, ttl: float) -> bool:
    """Have a lock last ``ttl`` seconds from now; False when it is not its owner's."""
    return bool(_run(client, "renew", [keys.lock(name)], [owner, int(ttl * 1000)]))


def annotate(client: Redis, name: str, owner: str, note: str) -> bool:
    """Leave a note (JSON) on a lock; False when it is not its owner's."""
    return bool(_run(client, "annotate", [keys.lock(name)], [owner, note]))


def unlock(client: Redis, name: str, owner: str, execution: Execution | None) -> bool | None:
    """Give a lock back; None when nobody has it, False when it, or its execution, is another's by now."""
    names = [keys.lock(name), *_holding(execution)]
    reply = _run(client, "unlock", names, [name, owner, *_who(execution)])
    return None if reply == 0 else reply == 1


def _holding(execution: Execution | None) -> list[str]:
    return [keys.held(execution.child)] if execution else []


def _who(execution: Execution | None) -> tuple[str, str]:
    return (execution.id, execution.token) if execution else ("", "")


def take_instance(client: Redis, kind: str, worker: str, details: str, ttl: float) -> Taken:
    """Become the single worker of a type for ``ttl`` seconds, if it has none; ``details``: members of a JSON object."""
    names = [keys.instance(kind), keys.INSTANCES]
    token, value, left = _run(client, "take_instance", names, [kind, worker, details, int(ttl * 1000)])
    return Taken(int(token), _text(value), left / 1000)


def renew_instance(client: Redis, kind: str, token: int, ttl: float) -> bool:
    """Stay the single worker of a type for another ``ttl`` seconds; False when its lock is no longer ours."""
    return bool(_run(client, "renew_instance", [keys.instance(kind)], [token, int(ttl * 1000)]))


def drop_instance(client: Redis, kind: str, token: int) -> bool:
    """Give back the lock of a type; False when it was no longer ours."""
    return bool(_run(client, "drop_instance", [keys.instance(kind)], [token]))


def revoke_instance(client: Redis, kind: str) -> tuple[str, float] | None:
    """Take the lock of a type from its holder: its value, and the seconds until it is free; None when it was free."""
    found = _run(client, "revoke_instance", [keys.instance(kind), keys.INSTANCES], [kind])
    return (_text(found[0]), found[1] / 1000) if found else None


def due(client: Redis) -> Due:
    """What a scheduler of its own looks at once a second."""
    due, schedules, at = _run(client, "due", [keys.CLOCK, keys.SLOTS, keys.SCHEDULES], [])
    return Due(due, schedules, float(at))


def declare(client: Redis, schedule: str, spec: str, slot: float) -> bool:
    """Have a schedule be what the code says; True when it is new or another. ``slot`` is when it is due next."""
    names = [keys.SCHEDULES, keys.SLOTS, keys.schedule(schedule), keys.ORPHANS]
    return bool(_run(client, "declare", names, [schedule, spec, slot]))


def fire(client: Redis, slots: str, own: str, slot: Slot, job: NewJob) -> bool:
    """Let one slot happen: move its schedule on and admit its job; False when there was nothing to do or it waits.

    ``slots`` is the key of the sorted set that holds it, ``own`` that of the hash with what is kept of the schedule.
    """
    arguments: list[Value] = [keys.PREFIX, slot.schedule, slot.at, slot.following, int(slot.last), int(slot.overlap)]
    arguments += [job.id, job.queue, job.key, int(job.at_front), len(slot.kept)]
    for name, value in [*slot.kept.items(), *job.fields.items()]:
        arguments += [name, value]
    return bool(_run(client, "fire", [slots, own, keys.QUEUES], arguments))


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
        pipeline.set(keys.SYNCED, 1, ex=DAY)  # a write of its own, after what another connection has accepted before
        pipeline.execute_command("WAITAOF", 1, 0, milliseconds)
        created, _, confirmed = pipeline.execute()
        return created, confirmed


def _run(client: Redis, script: str, names: Sequence[str], arguments: Sequence[Value]) -> Any:
    call = _call(script, names, arguments)
    try:
        return client.evalsha(*call)
    except NoScriptError:
        return client.eval(_source(script), *call[1:])


def _call(script: str, names: Sequence[str], arguments: Sequence[Value]) -> list[Any]:
    return [_digest(script), len(names), *names, *arguments]


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
