"""A look at the line that always answers in time, whatever Redis does."""

import threading
import time
from dataclasses import dataclass, replace
from functools import cache, partial

from redis import Redis
from redis.exceptions import RedisError

from jobs.connection import address
from jobs.health import snapshot
from jobs.health.diagnosis import Finding, Limits
from jobs.health.inquiry import Inquiry
from jobs.health.look import Look
from jobs.health.memory import Memory
from jobs.health.snapshot import Snapshot
from jobs.health.volume import fleeting
from jobs.settings import Settings

WITHIN = 1.5
"""Seconds after which a probe stops waiting for Redis; with the rest of an answer that stays below 2 s."""


@dataclass(frozen=True)
class View:
    """What was seen, and what is wrong with it."""

    snapshot: Snapshot
    findings: list[Finding]

    @property
    def status(self) -> str:
        """``pass``, ``warn`` or ``fail``, as in draft-inadarei-api-health-check-06."""
        severities = {finding.severity for finding in self.findings}
        return "fail" if "fail" in severities else "warn" if "warn" in severities else "pass"


class Watch:
    """Looks at the line when asked. Callers that ask at once share one look, so a slow Redis is asked once.

    ``client`` should have a deadline below ``WITHIN`` and no retries.
    """

    def __init__(self, settings: Settings, client: Redis) -> None:
        self._settings = settings
        self._client = client
        self._inquiry = Inquiry(settings.worker_health_url, settings.token) if settings.worker_health_url else None
        self._memory = Memory(Limits(settings.heartbeat), time.monotonic())
        self._lock = threading.Lock()
        self._fleeting = cache(partial(fleeting, settings))  # no folder moves to a volume under a server that runs
        self._look: Look[Snapshot] = Look("watch")

    @property
    def place(self) -> str:
        """Where it looks, without the password."""
        return address(self._settings).redacted

    def view(self) -> View:
        """The line as it is now; takes at most ``WITHIN`` seconds and never raises for Redis."""
        seen = self._look.take(self._read, WITHIN)
        if seen is None:
            seen = Snapshot(now=time.time(), error=f"no answer within {WITHIN} s")
        seen = replace(seen, fleeting=self._fleeting())
        if self._inquiry:
            seen = replace(seen, answer=self._inquiry.latest)
        with self._lock:
            return View(seen, self._memory.judge(seen, time.monotonic()))

    def _read(self) -> Snapshot:
        try:
            return snapshot.read(self._client, self._settings.queues, address(self._settings).db)
        except RedisError as error:
            return Snapshot.failed(error)
