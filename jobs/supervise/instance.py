"""The single worker of a type: who holds its lock works, the others stand by.

The lock lives for its ttl and is renewed each third of it. Its holder trusts in it for five sixths, counted on its own
clock from before the call that renewed it, and ends its work then: while the lock still lives, so that nobody else has
begun. Its token grows with every holder; who is written to can refuse a lower one than it has seen.
"""

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import cast

from redis import Redis

from jobs import keys, logs, scripts
from jobs.errors import SignalboxError

log = logs.of("worker")

TOKEN = "JOBS_INSTANCE_TOKEN"  # noqa: S105 - the name under which jobs find it in their environment
HELD = 75
"""Exit code of a worker that was told not to stand by (``EX_TEMPFAIL`` of sysexits.h)."""
TRUST = 5 / 6
LOOK = 0.25
ASK = 1.0
"""Seconds between two questions whether the lock is free, at most."""


class HeldElsewhere(SignalboxError):
    """Another holds the type, and this worker is not to stand by."""


def instance_token() -> int:
    """The fencing token of the single worker that runs this job, to hand to what the job writes to.

    It grows with every holder. 0, lower than any, outside of such a worker.
    """
    return int(os.environ.get(TOKEN, "0"))


@dataclass(frozen=True)
class Holder:
    """What a lock says of who holds it."""

    worker: str
    """The id of its process; empty: nobody's, because it was taken away by hand."""
    host: str = ""
    replica: str = ""
    pid: int = 0
    boot: str = ""
    """Random per start: a restarted process is another, though host and pid be the same."""
    token: int = 0
    since: float = 0.0
    """The server's time, in seconds since 1970 UTC."""

    @classmethod
    def read(cls, value: str) -> "Holder":
        """From the value of the lock; what is not in our words is taken for a name."""
        try:
            row = json.loads(value)
            return cls(**{name: row[name] for name in cls.__dataclass_fields__ if name in row})
        except (ValueError, TypeError):
            return cls(value)

    def __str__(self) -> str:
        if not self.worker:
            return "nobody, since it was taken away"
        return f"{self.worker}, token {self.token}"


class Instance:
    """A type's lock as one worker sees it. Call ``attend`` often; ``is_ours`` is true while work may go on.

    ``trust(token, until)`` is called with each renewal; ``cut_off`` as soon as trust has run out, from a thread of its
    own when need be, because the caller may be waiting for Redis just then.
    """

    def __init__(
        self,
        client: Redis,
        kind: str,
        me: Holder,
        ttl: float,
        *,
        trust: Callable[[int, float], None],
        cut_off: Callable[[], None],
    ) -> None:
        self.type = kind
        self.holder = me
        """Who holds it, as of the last answer."""
        self.token = 0
        self._client = client
        self._me = me
        self._ttl = ttl
        self._trust = trust
        self._cut_off = cut_off
        self._until = 0.0
        self._next = 0.0
        self._refused = False
        self.never_ends = False
        """Is it another's, with no time to live? Then it does not run out by itself; no worker of ours takes such."""
        self._over = threading.Event()
        threading.Thread(target=self._guard, name="instance", daemon=True).start()

    @property
    def is_ours(self) -> bool:
        return bool(self.token) and time.monotonic() < self._until

    @property
    def is_held_elsewhere(self) -> bool:
        """Was it another's when last asked for?"""
        return self._refused and not self.token

    def attend(self) -> None:
        """Renew the lock, or ask for it, when it is time to. Raises ``RedisError``; call again then."""
        now = time.monotonic()
        if self.token and now >= self._until:
            self._lose("could not be renewed in time", now)
        elif now >= self._next:
            self._renew(now) if self.token else self._ask(now)

    def release(self) -> None:
        """Give the lock back, once the work has ended, so that the next can begin. Raises ``RedisError``."""
        self._over.set()
        token, self.token = self.token, 0
        if token and scripts.drop_instance(self._client, self.type, token):
            log.info("[%s] given back, token %d", self.type, token)

    def _ask(self, now: float) -> None:
        details = asdict(self._me)
        words = json.dumps({name: details[name] for name in ("host", "replica", "pid", "boot")})[1:-1]
        taken = scripts.take_instance(self._client, self.type, self._me.worker, words, self._ttl)
        before, self.holder = self.holder, Holder.read(taken.value)
        self._refused = not taken.token
        self.never_ends = not taken.token and taken.left < 0
        if taken.token:
            self.token = taken.token
            self._trust_until(now)
        else:
            self._next = now + min(ASK, self._ttl / 3, max(0.01, taken.left) if taken.left >= 0 else ASK)
            if (self.holder.worker, self.holder.token) != (before.worker, before.token):
                log.info("[%s] stands by: held by %s", self.type, self.holder)
                if self.never_ends:
                    log.warning("[%s] that lock never runs out. If its holder does not run: %s", *self._way_out)

    @property
    def _way_out(self) -> tuple[str, str]:
        return self.type, f"python -m jobs locks release {self.type} --force"

    def _renew(self, now: float) -> None:
        is_ours = scripts.renew_instance(self._client, self.type, self.token, self._ttl)
        if not is_ours:  # taken away, or lost by the server: let who stands by ask first
            self._lose("is no longer ours", self._next + self._ttl)
        elif time.monotonic() >= self._until:
            self._lose("was renewed too late", now)
        else:
            self._trust_until(now)

    def _trust_until(self, asked: float) -> None:
        self._until = asked + TRUST * self._ttl
        self._next = asked + self._ttl / 3
        self._trust(self.token, self._until)

    def _lose(self, why: str, ask_at: float) -> None:
        log.error("[%s] the lock %s (token %d); work stops", self.type, why, self.token)
        self.token, self._next = 0, ask_at
        self.holder, self._refused = Holder(""), False
        self._cut_off()

    def _guard(self) -> None:
        while not self._over.wait(max(0.01, min(LOOK, self._until - time.monotonic())) if self.token else LOOK):
            if self.token and time.monotonic() >= self._until:
                self._cut_off()


@dataclass(frozen=True)
class Lock:
    """The lock of a type as it is now."""

    type: str
    holder: Holder | None
    """None: free."""
    age: float
    """Seconds since its holder took it."""
    left: float
    """Seconds until it runs out, unless it is renewed; below zero: never."""


def locks(client: Redis) -> list[Lock]:
    """Every type that was ever single, by name. Raises ``RedisError``."""
    types = sorted(kind.decode() for kind in cast(list[bytes], client.hkeys(keys.INSTANCES)))
    with client.pipeline(transaction=False) as pipeline:
        pipeline.time()
        for kind in types:
            pipeline.get(keys.instance(kind))
            pipeline.pttl(keys.instance(kind))
        (seconds, micro), *replies = pipeline.execute()
    found = []
    for kind, value, left in zip(types, replies[::2], replies[1::2], strict=True):
        holder = Holder.read(value.decode()) if value else None
        age = seconds + micro / 1e6 - holder.since if holder and holder.since else 0.0
        found.append(Lock(kind, holder, age, left / 1000))
    return found


def revoke(client: Redis, kind: str) -> Lock | None:
    """Take a type from its holder, who stops within a third of the ttl; None when it was free. Raises ``RedisError``.

    Nobody can take it before ``left`` seconds have passed: until then its holder may trust in it.
    """
    found = scripts.revoke_instance(client, kind)
    return Lock(kind, Holder.read(found[0]), 0.0, found[1]) if found else None
