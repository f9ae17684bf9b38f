"""The locks that are held, page by page."""

from itertools import islice
from typing import NamedTuple

from redis import Redis

from jobs import keys, paging
from jobs.supervise.locks import Holder, told

AT_ONCE = 100


class Held(NamedTuple):
    """A lock that somebody has."""

    name: str
    holder: Holder
    left: float
    """Seconds until it runs out, unless it is renewed."""


class Page(NamedTuple):
    """Some locks; ``next`` is None once these were the last."""

    locks: list[Held]
    next: str | None


def page(client: Redis, begins: str = "", limit: int = 50, cursor: str | None = None) -> Page:
    """One page of the locks whose name ``begins`` so; ``cursor`` is the ``next`` of the page before.

    Raises ``InvalidQuery`` for a cursor that was not given out.
    """
    places = paging.walk(client, keys.LOCKS, begins, paging.place(cursor))
    found: list[Held] = []
    while portion := list(islice(places, AT_ONCE)):
        for at, one in zip(portion, _read(client, [at.name for at in portion]), strict=True):
            if one:
                found.append(one)
            if len(found) == limit:
                return Page(found, paging.cursor(at))
    return Page(found, None)


def _read(client: Redis, names: list[str]) -> list[Held | None]:
    """None for each that nobody has any more."""
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.hgetall(keys.lock(name))
            pipeline.pttl(keys.lock(name))
        replies = pipeline.execute()
    pairs = zip(names, replies[::2], replies[1::2], strict=True)
    return [Held(name, told(row), max(left, 0) / 1000) if row else None for name, row, left in pairs]
