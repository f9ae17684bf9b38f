"""What every view needs of the line, kept on the app."""

import contextlib
import threading

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError

from jobs import logs
from jobs.connection import address, require
from jobs.dialing import RedisUnavailable
from jobs.health import access, heartbeat
from jobs.health.answers import Answers
from jobs.health.identity import Identity
from jobs.health.presence import Presence
from jobs.health.watch import Watch
from jobs.refusals import kind
from jobs.settings import Settings
from web.pulse import Pulse

log = logs.of("web")


class Line:
    """The web process's end of the line: it says who it is, and proves once that each queue is worked."""

    def __init__(self, settings: Settings, client: Redis, watch: Watch, presence: Presence) -> None:
        self.settings = settings
        self.client = client
        self.watch = watch
        self.presence = presence
        self.pulse = Pulse(watch, client)
        self.round_trips: dict[str, float] = {}
        """Seconds that our own heartbeat took to come back, for each queue from which one has."""
        self.answers = Answers(settings, client, watch, presence, self.round_trips)
        self._stop = threading.Event()

    def require(self) -> None:
        """Raise ``SettingsError`` when Redis answers and refuses us; one that does not answer may still come."""
        with contextlib.suppress(RedisUnavailable):
            require(self.client, address(self.settings))
        self.client.close()
        if not access.has_tokens(self.settings) and self.settings.platform is None:
            log.info("no JOBS_TOKEN: pages and API are open to this machine only; behind a proxy on it, set one")
        elif not access.has_tokens(self.settings):
            log.warning("no JOBS_TOKEN: nothing but health is shown on %s; set one", self.settings.platform)

    def start(self) -> None:
        """Begin, in threads: a Redis that is late delays nothing."""
        self.presence.start(self._prove_queues)

    def stop(self) -> None:
        self._stop.set()
        self.presence.stop()

    def _prove_queues(self, identity: Identity) -> None:
        for queue in self.settings.queues:
            threading.Thread(target=self._prove, args=(queue,), name=f"prove-{queue}", daemon=True).start()

    def _prove(self, queue: str) -> None:
        while not self._stop.is_set():
            try:
                took = heartbeat.round_trip(self.client, queue, self._stop)
            except RedisError as error:
                log.warning("no heartbeat could be sent down '%s': %s", queue, error)
                if kind(error) == "permission":
                    return
                self._stop.wait(2)
            else:
                if took is not None:
                    self.round_trips[queue] = took
                return


def line() -> Line:
    """The ``Line`` of the app that handles this request."""
    found: Line = current_app.extensions["line"]
    return found
