"""What lies around the line on the same server: who is connected, and who puts jobs in where no worker is.

It changes slowly, and to ask costs more the more clients there are; so it is asked for every 5 s at most.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import cast
from weakref import WeakKeyDictionary

from redis import Redis
from redis.exceptions import ResponseError

from jobs import keys, scripts
from jobs.health.snapshot import processes
from jobs.health.snapshot.model import Process, Stray
from jobs.health.snapshot.processes import Clients
from jobs.scripts.call import text

EVERY = 5.0
"""Seconds."""
PLACES, QUEUES = 5, 50
"""Places, and queues of each, that are looked at."""


@dataclass(frozen=True)
class Surroundings:
    clients: Clients | None = None
    """None: the server does not tell."""
    listed: float = 0.0
    """When it told, by its clock."""
    strays: tuple[Stray, ...] = ()
    searched: float = 0.0


_seen: WeakKeyDictionary[Redis, Surroundings] = WeakKeyDictionary()
_named: dict[str, frozenset[str]] = {}
"""What a digest stands for never changes."""


def look(client: Redis, db: int, now: float, *, missing: bool, wide: bool) -> Surroundings:
    """Where somebody is ``missing``, what is so now; else what was seen last, unless that is too long ago.

    ``now`` is the server's time. Not ``wide``: only where somebody is missing. Raises ``RedisError``.
    """
    last = _seen.get(client, Surroundings())
    if not (missing or (wide and now - last.listed >= EVERY)):
        return last if wide else Surroundings()
    found = replace(last, clients=processes.clients(client), listed=now)
    if wide and now - last.searched >= EVERY:
        found = replace(found, strays=_strays(client, found, db), searched=now)
    _seen[client] = found
    return found


def without_the_gone(found: Iterable[Process], around: Surroundings) -> tuple[Process, ...]:
    """The processes; an app has gone once its connection has: it says nothing when it ends, and little before."""
    return tuple(replace(one, alive=_lives(one, around)) for one in found)


def _lives(one: Process, around: Surroundings) -> bool:
    if not one.alive or one.role != "app" or around.clients is None or one.seen_at >= around.listed:
        return one.alive
    return one.row.get("client_id") in around.clients.ids


def _strays(client: Redis, around: Surroundings, db: int) -> tuple[Stray, ...]:
    apps = (one for one in around.clients.ours if one.role == "app") if around.clients else ()
    places = sorted({(one.prefix, one.db) for one in apps} - {(keys.PREFIX, db)})
    try:
        return tuple(stray for place in places[:PLACES] for stray in _at(client, around, *place))
    except ResponseError:  # an ACL may forbid to look there, and a cluster has no other db
        return ()


def _at(client: Redis, around: Surroundings, prefix: str, db: int) -> Iterator[Stray]:
    """The live apps of a place where no worker lives."""
    seen = scripts.peek(client, db, prefix, QUEUES)
    found = processes.parse(seen.rows, seen.times, seen.at)
    workers = [one for one in found if one.role == "worker"]
    if any(one.alive for one in workers):
        return
    for one in found:
        if one.role == "app" and _lives(one, around):
            jobs = sum(seen.waiting.get(queue, 0) for queue in one.queues)
            yield Stray(prefix, db, one, jobs, max((worker.seen_at for worker in workers), default=None))


def names(client: Redis, found: Iterable[Process], around: Surroundings) -> dict[str, frozenset[str]]:
    """The names of the tasks of the live workers, by digest; none where no app is there to ask after them."""
    every = [*found, *(stray.process for stray in around.strays)]
    if not any(one.alive and one.role == "app" for one in every):
        return {}
    wanted = {str(one.row["code"]) for one in every if one.alive and one.role == "worker" and one.row["code"]}
    for code in wanted - _named.keys():
        with suppress(ResponseError):  # somebody has put something else there
            if names := cast(set[bytes], client.smembers(keys.task_names(code))):
                _named[code] = frozenset(map(text, names))
    return {code: _named[code] for code in wanted if code in _named}
