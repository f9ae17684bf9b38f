"""Asking the worker itself who it is: where web cannot see it in Redis, that alone tells why.

A probe never waits for the answer: it is asked for in a thread, and what it said last counts for a while.
"""

import http.client
import json
import threading
import time
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

from jobs.health.snapshot import Answer

WITHIN = 1.5
"""Seconds that it may take to connect, and to say anything."""
EVERY = 5.0
GOOD_FOR = 15.0
"""Seconds for which an answer counts."""
MOST = 1024 * 1024


def ask(url: str, token: str | None) -> Answer:
    """What the worker whose health is at ``url`` says of itself; never raises for what goes wrong on the way.

    With the token that it shares with us it says all; without, its marker, which is what proves anything.
    """
    try:
        identity = _get(url, "/health", token).get("identity")
        if isinstance(identity, dict):
            return Answer(url, marker=str(identity.get("marker", "")), identity=identity)
        marker = str(_get(url, "/health/queue", token)["redis"]["marker"])
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError) as error:
        return Answer(url, error=str(error) or type(error).__name__)
    return Answer(url, marker=marker) if marker else Answer(url, error="it does not reach its Redis")


def _get(url: str, path: str, token: str | None) -> dict[str, Any]:
    """The document there, whatever its status; a redirect is not followed, because the token would go with it."""
    place = urlsplit(url)
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with closing(kind(place.hostname or "", place.port, timeout=WITHIN)) as connection:
        connection.request("GET", place.path.rstrip("/") + path, headers=headers)
        response = connection.getresponse()
        if response.status not in (200, 503):
            raise ValueError(f"it answers {path} with {response.status}")
        body = json.loads(response.read(MOST))
    if not isinstance(body, dict):
        raise ValueError(f"it answers {path} with something else than a document")
    return body


class Inquiry:
    """Asks at most every 5 s, and only while somebody wants to know."""

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._token = token
        self._answer: Answer | None = None
        self._answered = self._asked = float("-inf")
        self._asks: threading.Thread | None = None

    @property
    def latest(self) -> Answer | None:
        """What it said last, unless that was too long ago; asks anew when it is time to. Returns at once."""
        now = time.monotonic()
        if now - self._asked >= EVERY and not (self._asks and self._asks.is_alive()):
            self._asked = now
            self._asks = threading.Thread(target=self._ask, name="inquiry", daemon=True)
            self._asks.start()
        return self._answer if now - self._answered < GOOD_FOR else None

    def _ask(self) -> None:
        self._answer = ask(self._url, self._token)
        self._answered = time.monotonic()
