"""Who did what to the line, and when: people and programs, by the pages, the API and the command line."""

import re
import time
from datetime import UTC, datetime
from typing import NamedTuple, cast

from redis import Redis

from jobs import keys
from jobs.errors import InvalidQuery

MOST = 10_000
"""Entries that are kept, about."""
KEPT = 90 * 24 * 60 * 60
"""Seconds for which they are kept."""
LONGEST = 300
CURSOR = re.compile(r"[1-9]\d{0,17}-\d{1,18}", re.ASCII)
"""The id of an entry, which Redis makes of the time, in milliseconds."""


class Entry(NamedTuple):
    """One thing that was done."""

    id: str
    at: datetime
    """UTC, by the clock of Redis."""
    actor: str
    action: str
    """What was done to what kind of thing, such as ``queue.pause``."""
    target: str
    """To which, in words."""


class Page(NamedTuple):
    """Some entries, latest first; ``next`` is None when these are the last."""

    entries: list[Entry]
    next: str | None


def note(client: Redis, actor: str, action: str, target: str) -> None:
    """Write down what was done. Raises ``RedisError``."""
    oldest = int((time.time() - KEPT) * 1000)
    fields = {"actor": actor, "action": action, "target": target}
    with client.pipeline(transaction=False) as pipeline:
        pipeline.xadd(
            keys.AUDIT, {name: _written(value) for name, value in fields.items()}, maxlen=MOST, approximate=True
        )
        pipeline.xtrim(keys.AUDIT, minid=f"{oldest}-0", approximate=False)
        pipeline.expire(keys.AUDIT, KEPT)
        pipeline.execute()


def entries(client: Redis, limit: int = 50, cursor: str | None = None) -> Page:
    """A page of what was done, latest first; ``cursor`` is the ``next`` of the page before.

    Raises ``InvalidQuery`` for a cursor that was not given out.
    """
    if cursor is not None and not CURSOR.fullmatch(cursor):
        raise InvalidQuery("cursor: expected the 'next' of the page before")
    start = f"({cursor}" if cursor else "+"
    found = cast(list[tuple[bytes, dict[bytes, bytes]]], client.xrevrange(keys.AUDIT, start, count=limit + 1))
    shown = [_entry(entry_id.decode(), fields) for entry_id, fields in found[:limit]]
    return Page(shown, shown[-1].id if len(found) > limit else None)


def _entry(entry_id: str, fields: dict[bytes, bytes]) -> Entry:
    said = (fields.get(name, b"").decode(errors="replace") for name in (b"actor", b"action", b"target"))
    return Entry(entry_id, datetime.fromtimestamp(int(entry_id.partition("-")[0]) / 1000, UTC), *said)


def _written(text: str) -> bytes:
    return (text if len(text) <= LONGEST else text[: LONGEST - 1] + "…").encode(errors="replace")
