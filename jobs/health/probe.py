"""A heartbeat on demand: sent now, and waited for, or why it does not come."""

import time
from collections.abc import Mapping, Sequence

from redis import Redis

from jobs import keys
from jobs.health import heartbeat
from jobs.health.checks import iso
from jobs.health.outlook import outlook
from jobs.health.report import Document
from jobs.health.watch import View

PAUSE, SLOWER, MOST = 0.005, 1.5, 0.1


def send(client: Redis, queues: Sequence[str], within: float) -> dict[str, float | None]:
    """Send a heartbeat down each queue and wait until they are back, at most so many seconds.

    Returns the seconds that each took, None where none came. Where one still waited, none is added: that one counts
    then, with all the time it took. Raises ``RedisError``.
    """
    deadline = time.monotonic() + within
    before = {queue: _back(client, queue)[0] for queue in queues}
    for queue in queues:
        heartbeat.send(client, queue)
    took: dict[str, float | None] = dict.fromkeys(queues)
    pause = PAUSE
    while True:
        for queue in [queue for queue in queues if took[queue] is None]:
            job_id, seconds = _back(client, queue)
            took[queue] = seconds if job_id != before[queue] else None
        if None not in took.values() or time.monotonic() > deadline:
            return took
        time.sleep(pause)
        pause = min(pause * SLOWER, MOST)


def _back(client: Redis, queue: str) -> tuple[object, float]:
    """The last heartbeat that came back from a queue, and the seconds it took."""
    job_id, took = client.hmget(keys.heartbeat(queue), "back_id", "took")
    return job_id, float(took or 0)


def report(view: View, took: Mapping[str, float | None], within: float) -> Document:
    """The round trip of each queue, or why there was none: 503 when a heartbeat is not back. Pure."""
    failed = [queue for queue, seconds in took.items() if seconds is None]
    return (503 if failed else 200), {
        "status": "fail" if failed else "pass",
        "checks": {"heartbeat:roundTrip": [_check(view, queue, seconds, within) for queue, seconds in took.items()]},
        "timestamp": iso(view.snapshot.now),
    }


def refused(error: str, now: float) -> Document:
    """Redis took no heartbeat, or did not say whether one is back. Pure."""
    return 503, {"status": "fail", "output": f"Redis took no heartbeat: {error}", "timestamp": iso(now)}


def _check(view: View, queue: str, took: float | None, within: float) -> dict[str, object]:
    check = {"componentId": queue, "componentType": "component"}
    if took is not None:
        return {**check, "observedValue": round(took * 1000, 1), "observedUnit": "ms", "status": "pass"}
    return {**check, "status": "fail", "output": f"no heartbeat came back within {within:g} s: {_why(view, queue)}"}


def _why(view: View, queue: str) -> str:
    """What is known to be wrong with this queue, or with all of them, and what goes on in it."""
    known = [one.summary for one in view.findings if one.evidence.get("queue", queue) == queue]
    known += [outlook(seen, view.snapshot) for seen in view.snapshot.queues if seen.name == queue]
    return "; ".join(known)
