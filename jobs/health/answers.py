"""What each address of health answers, the same on web and on a worker."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from jobs.health import access, exposition, metrics, probe, report, samples
from jobs.health.access import Level
from jobs.health.look import Look
from jobs.health.metrics import Collected, Facts
from jobs.health.presence import Presence
from jobs.health.report import Document
from jobs.health.samples import Samples
from jobs.health.watch import View, Watch
from jobs.read import seconds
from jobs.settings import Settings

WITHIN = 1.8
"""Seconds in which everything is answered; with the way to the caller that stays below 2 s."""
PROBED, LONGEST = 5.0, 30.0
"""Seconds that a probe waits for its heartbeats, unless told otherwise, and at most."""
PROBES = 4
"""Probes under way at once, so that they never hold all threads."""
JSON = "application/json"
PROBLEM = "application/problem+json"
PROBE = "/health/probe"


class Answer(NamedTuple):
    """An answer over HTTP."""

    status: int
    media_type: str
    body: str

    @property
    def headers(self) -> dict[str, str]:
        challenge = {"WWW-Authenticate": "Bearer"} if self.status == 401 else {}
        return {"Content-Type": self.media_type, "Cache-Control": "no-store", **challenge}


class Answers:
    """Answers for one process. ``full``: the caller may see everything, which takes ``Level.READ``.

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
        self._facts: Look[Facts] = Look("facts")
        self._collected, self._counting = Collected(0, 0.0), threading.Lock()
        self._probes = threading.BoundedSemaphore(PROBES)
        self._pages: dict[str, Callable[[bool], Answer]] = {
            "/livez": lambda full: _health(report.live()),
            "/readyz": self._ready,
            "/health": self._whole,
            "/healthz": self._whole,
            "/health/queue": self._queues,
            "/queue/stats": self._stats,
            "/metrics": self._metrics,
        }

    def get(self, path: str, level: Level) -> Answer | None:
        """What there is at an address; None where there is none. Takes less than 2 s, and never raises for Redis."""
        page = self._pages.get(path)
        return page(level >= Level.READ) if page else None

    def probe(self, level: Level, query: Mapping[str, str]) -> Answer:
        """Send heartbeats now: down ``queue``, or each queue of the settings, and wait for at most ``within`` seconds.

        A worker that runs only loops has no queues: it takes all that there are. This does write, so it is for those
        who may do everything; and it takes as long as it waits.
        """
        if level is Level.NONE:
            return _problem(401, "Not allowed", access.refusal(self._settings))
        if level < Level.OPERATE:
            return _problem(403, "Not allowed", access.ONLY_READS)
        try:
            within = seconds(query.get("within", f"{PROBED:g}"))
        except ValueError as error:
            return _problem(422, "Not a time", f"within: {error}")
        if not self._probes.acquire(blocking=False):
            return _problem(429, "Too many probes", f"{PROBES} are under way; ask again when they are over")
        try:
            return self._probe(query.get("queue"), min(within, LONGEST))
        finally:
            self._probes.release()

    def _probe(self, queue: str | None, within: float) -> Answer:
        seen = self._watch.view().snapshot
        if seen.error:
            return _health(probe.refused(seen.error, seen.now))
        known = dict.fromkeys([*self._settings.queues, *(found.name for found in seen.queues)])
        if queue and queue not in known:
            return _problem(404, "No such queue", f"no worker serves a queue {queue!r}, and no job was ever in it")
        if not known:
            return _problem(404, "No queue", "this worker serves none, and there is none yet")
        try:
            took = probe.send(self._client, [queue] if queue else list(self._settings.queues or known), within)
        except RedisError as error:
            return _health(probe.refused(str(error), time.time()))
        return _health(probe.report(self._watch.view(), took, within))

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

    def _metrics(self, full: bool) -> Answer:
        if not full:
            return _problem(401, "Not allowed", access.refusal(self._settings))
        began = time.monotonic()
        view = self._watch.view()
        facts = None
        if not view.snapshot.error:
            facts = self._facts.take(lambda: metrics.read(self._client), began + WITHIN - time.monotonic())
        with self._counting:
            times, spent = self._collected
            collected = self._collected = Collected(times + 1, spent + time.monotonic() - began)
        return Answer(200, exposition.MEDIA_TYPE, exposition.render(metrics.families(view, facts, collected)))

    def _sampled(self, view: View, until: float) -> Samples:
        bare = samples.bare(view.snapshot)
        if not bare.waiting and not bare.active:
            return bare
        return self._samples.take(lambda: samples.read(self._client, bare), until - time.monotonic()) or bare


def _health(document: Document) -> Answer:
    return Answer(document[0], report.MEDIA_TYPE, json.dumps(document[1]))


def _problem(status: int, title: str, detail: str) -> Answer:
    """RFC 9457."""
    return Answer(
        status, PROBLEM, json.dumps({"type": "about:blank", "status": status, "title": title, "detail": detail})
    )


def _json(document: Document) -> Answer:
    return Answer(document[0], JSON, json.dumps(document[1]))
