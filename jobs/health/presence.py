"""Saying "I am here" every few seconds, from a thread that nothing else in the process can hold up."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from secrets import token_hex
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from jobs import logs, registry, scripts
from jobs.connection import address, wait
from jobs.dialing import BACKOFF_CAP
from jobs.errors import SettingsError
from jobs.health import moved
from jobs.health.identity import Identity, describe, process_id
from jobs.introduction import keep_silent
from jobs.registry import Inventory
from jobs.settings import Settings
from jobs.supervise import notify

log = logs.of("process")

OFTEN, SELDOM = 1.0, 5.0
"""Bounds of the time between two words of a process: a third of ``JOBS_HEARTBEAT``, which shortens tests."""


class Presence:
    """Publishes a process's identity every 5 s (see ``SELDOM``), and once more, as stopped, when it ends."""

    def __init__(
        self,
        settings: Settings,
        role: str,
        client: Redis,
        *,
        queues: tuple[str, ...],
        counters: Callable[[], Mapping[str, int]] = dict,
        inventory: Callable[[], Inventory] = registry.inventory,
        state: Callable[[], Mapping[str, Any]] = dict,
        loops: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self._settings = settings
        self._role = role
        self._period = max(OFTEN, min(SELDOM, settings.heartbeat / 3))
        self._client = client
        self._queues = queues
        self._counters = counters
        self._inventory = inventory
        self._state = state
        self._loops = loops
        self._stop = threading.Event()
        self._news = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
        self._moved = ""
        self._born = time.monotonic()
        self._said_at = 0.0
        """When Redis last took our word, by the server's clock."""
        self.identity: Identity | None = None
        """None until Redis has answered once."""
        self.last_seen = float("-inf")
        """When Redis last took our word, on the monotonic clock."""

    def start(self, then: Callable[[Identity], None] = lambda identity: None) -> None:
        """Return at once; as soon as Redis answers, publish and call ``then``, in the thread."""
        keep_silent()
        self._then = then
        self._thread.start()

    def tell(self) -> None:
        """Publish now instead of at the next turn, because ``state`` has changed."""
        self._news.set()

    def stop(self, failed: bool = False) -> None:
        """Publish that this process has stopped, or that it ends because it failed; takes no longer than the client's
        deadline."""
        self._stop.set()
        self._news.set()
        if self.identity:
            try:
                self._publish("failed" if failed else "stopped")
            except RedisError as error:
                log.warning("could not say that %s has stopped: %s", self.identity.id, error)

    def _run(self) -> None:
        if self._introduce_when_redis_answers():
            threading.Thread(target=self._watch_name, name="moved", daemon=True).start()
            while self._wait():
                try:
                    self._publish("ready")
                except RedisError as error:
                    log.warning("could not say that %s is ready: %s", process_id(self._role), error)

    def _watch_name(self) -> None:
        """Ask now and then where the name of our Redis leads: in a thread, for a resolver may take its time."""
        where = address(self._settings)
        while moved.has_name(where) and not self._stop.wait(self._period):
            before, self._moved = self._moved, moved.elsewhere(where, self.identity.marker if self.identity else "")
            if self._moved and not before:
                log.warning("%s leads to another Redis now: %s", where.redacted, self._moved)

    def _wait(self) -> bool:
        """Wait for the next turn, or for news; False when it is time to stop."""
        self._news.wait(self._period)
        self._news.clear()
        return not self._stop.is_set()

    def _introduce_when_redis_answers(self) -> bool:
        delay = 0.25
        while not self._stop.is_set():
            try:
                if wait(self._client, address(self._settings), self._stop):
                    self._then(self._introduce())
                    return True
            except (RedisError, SettingsError) as error:
                log.warning("could not say who we are: %s; next try in %.2g s", error, delay)
                self._stop.wait(delay)
                delay = min(2 * delay, BACKOFF_CAP)
        return False

    def _introduce(self) -> Identity:
        self.identity = describe(self._settings, self._role, self._queues, self._client, self._inventory())
        self._publish("starting")  # its answer holds the marker, which the next one publishes
        self._publish("ready")
        return self.identity

    def _publish(self, status: str) -> None:
        assert self.identity
        counters = {"uptime": int(time.monotonic() - self._born), **self._counters()}
        identity = replace(
            self.identity,
            status=status,
            period=self._period,
            counters=counters,
            queues=self._queues,
            loops=dict(self._loops()),
            moved=self._moved,
        )
        if not identity.code:  # nobody could tell yet
            inventory = self._inventory()
            identity = replace(identity, tasks=inventory.tasks, code=inventory.code, schedules=inventory.schedules)
        if status == "ready":
            identity = replace(identity, **self._state())
        asked = time.time()
        row = json.dumps(identity.as_dict())
        seen = scripts.publish(self._client, identity.id, row, token_hex(6), identity.commit, identity.code)
        if not seen.named and (names := self._inventory().names):
            scripts.name_tasks(self._client, identity.code, names)
        self.last_seen = time.monotonic()
        offset = round((asked + time.time()) / 2 - seen.at, 3)
        before, self.identity = self.identity, replace(identity, marker=seen.marker, clock_offset=offset)
        if before.marker and before.marker != seen.marker:
            self._note_loss(before.marker, seen.at)
        self._said_at = seen.at
        if identity.status not in ("starting", "stopped", "failed"):
            notify.introduce(self.identity.as_dict())
            if identity.status != before.status:
                log.info("%s", self.identity.line)

    def _note_loss(self, marker: str, at: float) -> None:
        """The data that was here is not any more: say so at once, and in every word from now on."""
        assert self.identity
        self.identity = replace(self.identity, lost_marker=marker, lost_until=self._said_at, lost_at=at)
        log.error("Redis has other data than before: the marker was %s and is %s", marker, self.identity.marker)
        self.tell()
