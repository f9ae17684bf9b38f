"""What the process that leads does by the clock: schedules, rq-scheduler's entries, a heartbeat for each queue, and the
upkeep of RQ's rate limits and groups.
"""

import time
from typing import Any

from redis import Redis
from rq.group import Group
from rq.rate_limit import RateLimitRegistry

from jobs.aside import Aside
from jobs.health.snapshot import living, served
from jobs.schedule.book import Book
from jobs.schedule.declared import declared
from jobs.schedule.store import Store
from jobs.scripts import Due, Ticked
from jobs.settings import Settings

CARE = 15.0
"""Seconds between two looks at who is alive: which queues they serve, and which schedules their code declares."""
UPKEEP = 300.0
"""Seconds between two looks for slots of rate limits whose jobs are gone, and for groups whose jobs are."""


class Clock:
    """Keeper and scheduler call ``tick`` once a second while they lead, and ``take_over`` when they begin to."""

    def __init__(self, client: Redis, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._store = Store(client)
        self._book = Book(client, settings)
        self._own: dict[str, Any] | None = None
        self._next_care = 0.0
        self._next_upkeep = 0.0
        self._upkeep = Aside("upkeep of rate limits and groups", self._keep_up)

    def declare(self, schedules: dict[str, Any]) -> None:
        """Say what this process's own code declares, once that is known."""
        self._own = schedules
        self._next_care = 0.0

    def take_over(self) -> None:
        """Look anew at what is kept: another has led until now."""
        self._book.forget()
        self._next_care = 0.0

    def tick(self, seen: Due | Ticked) -> None:
        """Let what is due happen. Raises ``RedisError``."""
        if time.monotonic() >= self._next_care:
            self._care(seen)
            self._next_care = time.monotonic() + min(CARE, self._settings.heartbeat)
        if time.monotonic() >= self._next_upkeep:
            self._next_upkeep = time.monotonic() + UPKEEP
            self._upkeep.start()
        if seen.due:
            self._store.run_due(seen.at)
            self._book.run_due(seen.at)

    def _care(self, seen: Due | Ticked) -> None:
        alive = living(self._client, seen.at)
        queues = dict.fromkeys([*self._settings.queues, *served(alive)])
        self._store.keep_heartbeats(tuple(queues), self._settings.heartbeat)
        schedules = declared(alive, self._own)
        if schedules is not None:
            self._book.keep(schedules, seen.schedules, seen.at)

    def _keep_up(self) -> None:
        """RQ asks for each of them by itself, and there may be thousands."""
        for limit in RateLimitRegistry.all(self._client):
            limit.cleanup()
        Group.clean_registries(self._client)
