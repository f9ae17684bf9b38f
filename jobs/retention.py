"""How long what is over is kept. Keepers see to it with every tick; ``clean`` does it now."""

import time
from typing import NamedTuple, cast

from redis import Redis

from jobs import keys, scripts
from jobs.scripts.call import text
from jobs.settings import Settings

STEP = 200
"""Jobs that one step looks at: a few milliseconds of the server's time."""


class Cleaned(NamedTuple):
    removed: int
    complete: bool
    """False: the time was up, and there may be more."""


def clean(
    client: Redis,
    settings: Settings,
    queue: str | None = None,
    *,
    older: float | None = None,
    failed: bool = False,
    within: float = float("inf"),
) -> Cleaned:
    """Remove finished jobs that ended more than ``older`` seconds ago (``JOBS_KEEP``), of ``queue`` or of all.

    Expired entries go too, and what is beyond the last ``JOBS_KEEP_LAST``. With ``failed``, dead letters and canceled
    jobs that old go as well. Done in small steps, for ``within`` seconds at most; what is not over is never touched.
    """
    age = settings.keep if older is None else older
    deadline = time.monotonic() + within
    kinds = ("finished", "failed", "canceled") if failed else ("finished",)
    removed = 0
    for name in [queue] if queue else _queues(client):
        while dropped := scripts.trim(client, name, settings.keep_last, STEP):
            removed += dropped
            if time.monotonic() > deadline:
                return Cleaned(removed, False)
        for kind in kinds:
            passed, looked = 0, STEP
            while looked == STEP:
                looked, gone = scripts.purge(client, kind, name, age, passed, STEP)
                passed += looked - gone
                removed += gone
                if time.monotonic() > deadline:
                    return Cleaned(removed, False)
    return Cleaned(removed, True)


def _queues(client: Redis) -> list[str]:
    start = len(keys.queue(""))
    return sorted(text(key)[start:] for key in cast(set[bytes], client.smembers(keys.QUEUES)))
