"""What every view needs of the line, kept on the app."""

import time
from dataclasses import dataclass

from flask import current_app
from redis import Redis

from jobs.health import heartbeat
from jobs.health.identity import Identity
from jobs.health.presence import Presence
from jobs.health.watch import Watch
from jobs.settings import Settings


@dataclass(frozen=True)
class Line:
    """The web process's end of the line."""

    settings: Settings
    client: Redis
    watch: Watch
    presence: Presence

    def start(self) -> None:
        """Say who we are, from a thread, and send one heartbeat down each queue to see that it comes back."""
        self.presence.start(self._ring)

    def stop(self) -> None:
        self.presence.stop()

    def _ring(self, identity: Identity) -> None:
        for queue in self.settings.queues:
            heartbeat.send(self.client, queue, identity.id)

    @property
    def last_seen(self) -> float:
        """Seconds since Redis last took our heartbeat."""
        return time.monotonic() - self.presence.last_seen


def line() -> Line:
    """The ``Line`` of the app that handles this request."""
    found: Line = current_app.extensions["line"]
    return found
