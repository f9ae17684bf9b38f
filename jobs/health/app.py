"""What a process that puts jobs in says of itself, and to whoever reads its log where nobody takes them.

``jobs.introduction`` loads this with a process's first job, and takes the turns.
"""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from secrets import token_hex

from redis import BlockingConnectionPool, ConnectionPool, Redis

from jobs import keys, logs, registry, scripts
from jobs.address import Address
from jobs.connection import address, client_name, default
from jobs.health import inquiry, snapshot
from jobs.health.diagnosis import Code, Finding, Limits, diagnose
from jobs.health.diagnosis.finding import ago, count
from jobs.health.identity import Identity, describe
from jobs.health.snapshot import QueueView, Snapshot
from jobs.registry import Inventory
from jobs.settings import Settings, current

log = logs.of("process")

LATELY = 600.0
"""Seconds for which what was put in counts as what this process puts in."""
MOST = 50
"""Queues that a row names, and tasks of each."""
EXPLAIN: frozenset[Code] = frozenset(
    ("different_redis", "different_namespace", "no_worker", "worker_silent", "crash_loop", "queue_not_consumed")
)


class Party:
    """One process that puts jobs in. ``period`` is the seconds between two turns."""

    def __init__(self, period: float) -> None:
        self._settings = current()
        self._limits = Limits(self._settings.heartbeat)
        self._period = period
        self._given: Redis | None = None
        self._client: Redis | None = None
        self._identity: Identity | None = None
        self._warned = float("-inf")

    def turn(self, client: Redis, puts: dict[tuple[str, str], float]) -> None:
        """Publish a row where this process puts its jobs, and look whether anybody takes them. Raises ``RedisError``.

        ``puts`` is when each queue got a job of each description; what is old is taken out.
        """
        if client is not self._given:
            self._given, self._client, self._identity = client, _named(client), None
        now = time.monotonic()
        for put in [put for put, at in list(puts.items()) if now - at > LATELY]:
            puts.pop(put, None)
        enqueues = _by_queue(list(puts))
        if enqueues and self._client:
            self._publish(self._client, enqueues)
            self._look(self._client, [*enqueues], now)

    def _publish(self, client: Redis, enqueues: Mapping[str, list[str]]) -> None:
        if self._identity is None:
            found = registry.inventory()
            inventory = Inventory(found.tasks, found.code)
            self._identity = describe(self._settings, "app", (), client, inventory, _place(self._settings, client))
        identity = replace(
            self._identity,
            status="ready",
            period=self._period,
            client_id=client.client_id(),
            queues=tuple(enqueues),
            enqueues=dict(enqueues),
        )
        row = json.dumps(identity.as_dict())
        seen = scripts.publish(client, identity.id, row, token_hex(6), identity.commit, memory=scripts.APPS)
        self._identity = replace(self._identity, marker=seen.marker)

    def _look(self, client: Redis, queues: Sequence[str], now: float) -> None:
        assert self._identity
        where = _place(self._settings, client)
        seen = snapshot.read(client, queues, where.db, wide=False)
        left = unattended(seen, queues, self._limits.unattended)
        if not left or now - self._warned < 2 * self._limits.unattended - 1:
            return
        self._warned = now
        if url := self._settings.worker_health_url:
            seen = replace(seen, answer=inquiry.ask(url, self._settings.token))
        log.warning("%s", warning(where.redacted, keys.PREFIX, left, seen.now, diagnose(seen, self._limits)))


def _by_queue(puts: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for queue, description in sorted(puts):
        tasks = found.setdefault(queue, [])
        if len(tasks) < MOST:
            tasks.append(description.removesuffix("()"))
    return dict(list(found.items())[:MOST])


def unattended(seen: Snapshot, queues: Iterable[str], patience: float) -> list[QueueView]:
    """Those of the queues in which a job has waited for so long, and from which nobody is known to take. Pure."""
    served = {name for one in seen.processes if one.alive and one.role == "worker" for name in one.queues}
    served |= {name for other in seen.foreign for name in other.queues}
    watched = set(queues) - served
    return [one for one in seen.queues if one.name in watched and _waits(one, seen.now, patience)]


def _waits(queue: QueueView, now: float, patience: float) -> bool:
    since = queue.oldest_at if queue.waiting else None
    back = queue.heartbeat.back_at if queue.heartbeat else None
    return since is not None and now - max(since, back or 0.0) >= patience


def warning(place: str, prefix: str, left: Sequence[QueueView], now: float, findings: Iterable[Finding]) -> str:
    """What a process says whose jobs nobody takes: where they are, what is seen there, what to do. Pure."""
    waiting = count(sum(queue.waiting for queue in left), "job")
    oldest = min(queue.oldest_at or now for queue in left)
    names = ", ".join(f"'{queue.name}'" for queue in left)
    seen = [one for one in findings if one.code in EXPLAIN]
    why = " ".join(f"{one.summary}. {one.remedy}" for one in seen) or (
        "Start a worker there with: python -m jobs worker, or give this process the workers' Redis, db and prefix."
    )
    return (
        f"accepted, but no worker has been seen on {place}, prefix {prefix}, for {names}: {waiting} waiting, the first "
        f"for {ago(now - oldest)}. {why}"
    )


def _named(client: Redis) -> Redis:
    """A client of one's own, under a name by which others find it; the default one has it already."""
    pool = client.connection_pool
    if client is default() or type(pool) not in (ConnectionPool, BlockingConnectionPool):
        return client
    options = {**pool.connection_kwargs, "client_name": client_name("app"), "decode_responses": False}
    return Redis(connection_pool=ConnectionPool(pool.connection_class, max_connections=2, **options))


def _place(settings: Settings, client: Redis) -> Address:
    """Where a client puts jobs: that of the settings, or what a client of one's own says."""
    if client is default():
        return address(settings)
    said = client.connection_pool.connection_kwargs
    db = int(said.get("db") or 0)
    if path := said.get("path"):
        return Address("unix", path=str(path), db=db)
    if host := said.get("host"):
        return Address("redis", ((str(host), int(said.get("port") or 6379)),), db=db)
    return replace(address(settings), db=db)
