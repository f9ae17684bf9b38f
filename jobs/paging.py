"""Going through an index page by page, while it changes: what is there all along is met, and met once."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import NamedTuple, cast

from redis import Redis

from jobs.errors import InvalidQuery

PORTION = 500
LAST_SCAN = 2**64


class Place(NamedTuple):
    """Where a name was met: in which portion of the index, and which it is there."""

    scan: int
    name: str


def walk(client: Redis, index: str, begins: str = "", after: Place | None = None) -> Iterator[Place]:
    """The names in a sorted set that begin so, after a place; in no order that means anything.

    Its scores may change meanwhile, which would upset any order by them.
    """
    scan, last = after or (0, "")
    pattern = re.sub(r"([\\*?\[\]])", r"\\\1", begins) + "*"
    while True:
        following, found = cast(
            tuple[int, list[tuple[bytes, float]]], client.zscan(index, scan, match=pattern, count=PORTION)
        )
        for name in sorted({name.decode(errors="replace") for name, _ in found}):
            if name > last:
                yield Place(scan, name)
        if not following:
            return
        scan, last = int(following), ""


def cursor(place: Place) -> str:
    """A place as the caller is given it."""
    return urlsafe_b64encode(json.dumps(place).encode()).decode()


def place(cursor: str | None) -> Place | None:
    """The place that a cursor stands for. Raises ``InvalidQuery`` for one that was not given out."""
    if cursor is None:
        return None
    try:
        scan, name = json.loads(urlsafe_b64decode(cursor.encode()))
        if type(scan) is int and 0 <= scan < LAST_SCAN and isinstance(name, str):
            return Place(scan, name)
    except (ValueError, TypeError, RecursionError):
        pass
    raise InvalidQuery("cursor: expected the 'next' of the page before")
