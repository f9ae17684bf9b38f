"""What each address of health answers, the same on web and on a worker."""

import json
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from redis import Redis

from jobs.health import report, samples
from jobs.health.look import Look
from jobs.health.presence import Presence
from jobs.health.report import Document
from jobs.health.samples import Samples
from jobs.health.watch import View, Watch
from jobs.settings import Settings

WITHIN = 1.8
"""Seconds in which everything is answered; with the way to the caller that stays below 2 s."""
JSON = "application/json"
PATHS = ("/livez", "/readyz", "/health", "/healthz", "/health/queue", "/queue/stats")


class Answer(NamedTuple):
    """An answer over HTTP."""

    status: int
    media_type: str
    body: str


class Answers:
    """Answers for one process. ``full`` says whether the caller may see everything.

    ``client`` should have a deadline below ``WITHIN`` and no retries. ``round_trips`` as in ``report.queue_health``.
    """

    def __init__(
        self,
        settings: Settings,
        client: Redis,
        watch: Watch,
        presence: Presence,
        round_trips: Mapping[str, float],
    ) -> None:
        self._settings = settings
        self._client = client
        self._watch = watch
        self._presence = presence
        self._round_trips = round_trips
        self._samples: Look[Samples] = Look("samples")
        self._pages: dict[str, Callable[[bool], Answer]] = {
            "/livez": lambda full: _health(report.live()),
            "/readyz": self._ready,
            "/health": self._whole,
            "/healthz": self._whole,
            "/health/queue": self._queues,
            "/queue/stats": self._stats,
        }

    def get(self, path: str, full: bool) -> Answer | None:
        """What there is at an address; None where there is none. Takes less than 2 s, and never raises for Redis."""
        page = self._pages.get(path)
        return page(full) if page else None

    def _ready(self, full: bool) -> Answer:
        last_seen = time.monotonic() - self._presence.last_seen
        return _health(report.ready(self._watch.view(), last_seen, self._presence.identity, full))

    def _whole(self, full: bool) -> Answer:
        began = time.monotonic()
        view = self._watch.view()
        return _health(report.health(view, self._presence.identity, time.monotonic() - began, full))

    def _queues(self, full: bool) -> Answer:
        return _json(report.queue_health(self._watch.view(), self._round_trips, self._settings.warn_pending))

    def _stats(self, full: bool) -> Answer:
        began = time.monotonic()
        view = self._watch.view()
        found = self._sampled(view, began + WITHIN) if full else None
        return _json(report.stats(view, found))

    def _sampled(self, view: View, until: float) -> Samples:
        bare = samples.bare(view.snapshot)
        if not bare.waiting and not bare.active:
            return bare
        return self._samples.take(lambda: samples.read(self._client, bare), until - time.monotonic()) or bare


def _health(document: Document) -> Answer:
    return Answer(document[0], report.MEDIA_TYPE, json.dumps(document[1]))


def _json(document: Document) -> Answer:
    return Answer(document[0], JSON, json.dumps(document[1]))
