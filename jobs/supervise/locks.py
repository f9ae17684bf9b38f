"""Locks: code of one name runs in one place at a time, inside jobs and elsewhere.

redis-py's own ``Lock`` has no fencing token, no note, and no tie to the execution of a job that recovery could cut.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from secrets import token_hex
from typing import Any, NamedTuple, cast

from redis import Redis

from jobs import connection, keys, logs, queues, scripts
from jobs.errors import LockBusy, LockLost
from jobs.supervise import lease as leases
from jobs.supervise.lease import Lease

log = logs.of("lock")

TTL = 300.0
WAIT = 300.0
LOOK, LOOK_CAP = 0.05, 1.0


class Holder(NamedTuple):
    """Who has a lock, as it was when it was looked at."""

    job: str | None
    """Id of the job that took it; None when it was not taken in a job."""
    process: str
    """The child that runs the job; else host and pid."""
    token: int
    since: datetime
    note: dict[str, Any]

    @property
    def run_id(self) -> str | None:
        """The ``run_id`` that it has noted."""
        run = self.note.get("run_id")
        return None if run is None else str(run)


@contextmanager
def lock(
    name: str, ttl: float = TTL, wait: float | None = None, retry_delay: float = 1.0, client: Redis | None = None
) -> Iterator[Lease]:
    """Have a lock for the length of a ``with`` block: ``with lock("thread:abc") as lease``.

    It is renewed every 10 s, or every third of ``ttl`` (seconds) where that is shorter, for as long as the block lasts;
    ``ttl`` is how long it outlives a process that died outside a job. Taken in a job it belongs to the job's execution:
    whatever ends that, a crash and its recovery too, frees the lock in the same step. It cannot be taken twice, by its
    own holder neither, and those who wait get it in no order.

    ``wait`` is how many seconds to wait for it, asking again each ``retry_delay``: 300 by default, and 0 inside a job,
    where waiting would block a worker. Busy still, it raises ``LockBusy``, which snoozes a job that does not catch it.
    A thread that the job starts itself is not inside it; ``asyncio.to_thread`` is. In a coroutine, waiting holds up
    all coroutines of the process: leave ``wait`` at 0 there.

    The end of the block gives back what is still ours, and raises ``LockLost`` when nothing was, unless the block has
    raised already. Raises ``InvalidOption`` for a name that is no text of 1 to 512 bytes, a ``ttl`` or ``retry_delay``
    below 0.1 s, a negative ``wait``; ``LockLost`` in a job that is another worker's by now; ``RedisError``.
    """
    queues.checked_text("name", name)
    queues.checked_seconds("ttl", ttl, 0.1)
    queues.checked_seconds("retry_delay", retry_delay, 0.1)
    if wait is None:
        wait = 0.0 if leases.execution.get() else WAIT
    queues.checked_seconds("wait", wait, 0)
    lease = _take(client or connection.default(), name, ttl, wait, retry_delay)
    try:
        leases.renewals.add(lease)
        yield lease
    except BaseException as error:
        try:
            lease.end()
        except LockLost as lost:
            error.add_note(f"{lost}.")
        raise
    lease.end()


def _take(client: Redis, name: str, ttl: float, wait: float, retry_delay: float) -> Lease:
    owner, execution = token_hex(8), leases.execution.get()
    process = execution.child if execution else f"{socket.gethostname()}-{os.getpid()}"
    began = time.monotonic()
    deadline, waits = began + wait, False
    tell = partial(logs.say, log, logging.INFO, lock=name)
    while True:
        asked = time.monotonic()
        found = scripts.lock(client, name, owner, ttl, process, execution)
        if found.token == scripts.GONE:
            raise LockLost(f"lock {name!r} cannot be taken: the job that asks for it is another worker's by now")
        if found.token != scripts.BUSY:
            tell("lock acquired", token=found.token, waited=round(asked - began, 3) if waits else None)
            return Lease(client, name, owner, ttl, found.token, asked)
        if (left := deadline - asked) <= 0:
            tell("lock busy", holder=found.job or found.process, waited=round(asked - began, 3))
            who = f"job {found.job} on {found.process}" if found.job else found.process
            raise LockBusy(f"lock {name!r} is held by {who}, since {_utc(found.since)}; waited {wait:g} s for it")
        if not waits:
            waits = True
            tell("lock waited for", holder=found.job or found.process, at_most=round(left, 1))
        time.sleep(min(retry_delay, left))


def is_locked(name: str, client: Redis | None = None) -> bool:
    """Does anybody have this lock?"""
    return bool((client or connection.default()).exists(keys.lock(name)))


def holder(name: str, client: Redis | None = None) -> Holder | None:
    """Who has this lock; None when nobody has."""
    found = cast(dict[bytes, bytes], (client or connection.default()).hgetall(keys.lock(name)))
    return told(found) if found else None


def told(found: dict[bytes, bytes]) -> Holder:
    """What a lock says of who has it."""
    return Holder(
        found[b"job"].decode() or None,
        found[b"process"].decode(),
        int(found[b"token"]),
        _utc(float(found[b"since"])),
        json.loads(found.get(b"note", b"{}")),
    )


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def active_run(name: str, client: Redis | None = None) -> str | None:
    """The ``run_id`` that the holder of this lock has noted; None when nobody has it, or has noted none."""
    found = holder(name, client)
    return found.run_id if found else None


def wait_for_active_runs(name: str, max_wait: float, client: Redis | None = None) -> bool:
    """Wait until no run is noted on this lock, ``max_wait`` seconds at most; False when one still is.

    It looks and takes nothing: another run may begin at once. Take the lock to keep it out. A job that waits here
    keeps its worker's slot; ``lock`` in its place gives that back.
    """
    queues.checked_seconds("max_wait", max_wait, 0)
    deadline, pause = time.monotonic() + max_wait, LOOK
    while active_run(name, client) is not None:
        if (left := deadline - time.monotonic()) <= 0:
            return False
        time.sleep(min(pause, left))
        pause = min(pause * 2, LOOK_CAP)
    return True
