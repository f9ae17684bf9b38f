"""Watching the line come up: Redis answers, web is ready, a heartbeat has gone all the way round."""

import time
from collections.abc import Callable

from jobs.launcher import probe

PATIENCE = 3.0
"""Seconds after which it says what it waits for, and then says it again."""


class Clearance:
    """Says ``line is clear`` once, when a heartbeat that web has sent was worked and is seen by web."""

    def __init__(self, port: int, say: Callable[[str], None]) -> None:
        self._port = port
        self._say = say
        self._next_look = 0.0
        self._next_word = time.monotonic() + PATIENCE
        self.is_clear = False

    def look(self) -> None:
        """One look, at most three a second; does nothing once the line is clear."""
        now = time.monotonic()
        if self.is_clear or now < self._next_look:
            return
        self._next_look = now + 0.3
        answer = probe.get(self._port, "/health/queue")
        clear = _round_trip(answer)
        if clear:
            self.is_clear = True
            queue, milliseconds = clear
            self._say(f"line is clear: web → {queue} → worker → web in {milliseconds:.0f} ms")
            self._say(f"web is at http://localhost:{self._port}/")
        elif now >= self._next_word:
            self._next_word = now + PATIENCE
            self._say(f"waiting: {_reason(answer)}")


def _round_trip(answer: probe.Answer) -> tuple[str, float] | None:
    trips = answer[1].get("line", {}) if answer else {}
    return next(((queue, trip["round_trip_ms"]) for queue, trip in trips.items()), None)


def _reason(answer: probe.Answer) -> str:
    if answer is None:
        return "web does not answer yet"
    findings = answer[1].get("findings", [])
    return ", ".join(findings) if findings else "the first heartbeat is on its way"
