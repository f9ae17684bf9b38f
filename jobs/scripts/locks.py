"""What is one's own for a while: locks for code, and the place of the single worker of a type."""

from typing import NamedTuple

from redis import Redis

from jobs import keys
from jobs.scripts.call import run, text

BUSY, GONE = 0, -1


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


def lock(client: Redis, name: str, owner: str, ttl: float, process: str, execution: Execution | None) -> Locked:
    """Take a lock for ``ttl`` seconds, in a job for its execution; with the same owner, sending again is safe."""
    names, who = [keys.lock(name), keys.FENCE, keys.LOCKS, *_holding(execution)], _who(execution)
    token, *found = run(client, "lock", names, [name, owner, int(ttl * 1000), process, *who])
    if not found:
        return Locked(token)
    job, where, since = map(text, found)
    return Locked(token, job, where, float(since))


def renew(client: Redis, name: str, owner: str, ttl: float) -> bool:
    """Have a lock last ``ttl`` seconds from now; False when it is not its owner's."""
    return bool(run(client, "renew", [keys.lock(name), keys.LOCKS], [owner, int(ttl * 1000), name]))


def annotate(client: Redis, name: str, owner: str, note: str) -> bool:
    """Leave a note (JSON) on a lock; False when it is not its owner's."""
    return bool(run(client, "annotate", [keys.lock(name)], [owner, note]))


def unlock(client: Redis, name: str, owner: str, execution: Execution | None) -> bool | None:
    """Give a lock back; None when nobody has it, False when it, or its execution, is another's by now."""
    names = [keys.lock(name), keys.LOCKS, *_holding(execution)]
    reply = run(client, "unlock", names, [name, owner, *_who(execution)])
    return None if reply == 0 else reply == 1


def _holding(execution: Execution | None) -> list[str]:
    return [keys.held(execution.child)] if execution else []


def _who(execution: Execution | None) -> tuple[str, str]:
    return (execution.id, execution.token) if execution else ("", "")


class Taken(NamedTuple):
    """What came of asking for the lock of a type."""

    token: int
    """Grows with every holder; 0: another holds it."""
    value: str
    """What the lock says of its holder."""
    left: float
    """Seconds that it still lives; below zero: for ever."""


def take_instance(client: Redis, kind: str, worker: str, details: str, ttl: float) -> Taken:
    """Become the single worker of a type for ``ttl`` seconds, if it has none; ``details``: members of a JSON object."""
    names = [keys.instance(kind), keys.INSTANCES]
    token, value, left = run(client, "take_instance", names, [kind, worker, details, int(ttl * 1000)])
    return Taken(int(token), text(value), left / 1000)


def renew_instance(client: Redis, kind: str, token: int, ttl: float) -> bool:
    """Stay the single worker of a type for another ``ttl`` seconds; False when its lock is no longer ours."""
    return bool(run(client, "renew_instance", [keys.instance(kind)], [token, int(ttl * 1000)]))


def drop_instance(client: Redis, kind: str, token: int) -> bool:
    """Give back the lock of a type; False when it was no longer ours."""
    return bool(run(client, "drop_instance", [keys.instance(kind)], [token]))


def revoke_instance(client: Redis, kind: str) -> tuple[str, float] | None:
    """Take the lock of a type from its holder: its value, and the seconds until it is free; None when it was free."""
    found = run(client, "revoke_instance", [keys.instance(kind), keys.INSTANCES], [kind])
    return (text(found[0]), found[1] / 1000) if found else None
