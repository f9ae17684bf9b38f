"""Why the jobs of a lane wait, in words."""

from collections.abc import Container, Sequence

from redis import Redis

from jobs import gates
from jobs.health.snapshot import living, served
from jobs.lanes import Lane


def reasons(client: Redis, lanes: Sequence[Lane]) -> list[str | None]:
    """Why the jobs of each wait; None where none has to. Two round trips. Raises ``RedisError``."""
    if not lanes:
        return []
    paused, workers = gates.paused(client), served(living(client))
    return [why(lane, paused, workers) for lane in lanes]


def why(lane: Lane, paused: Container[str], served: Container[str]) -> str | None:
    """What its jobs wait for. Pure; ``paused`` and ``served`` are names of queues."""
    if lane.state == "halted":
        return f"job {lane.head} has failed for good: resume tries it again, skip goes on without it"
    if lane.state == "idle":
        return "its head is over, or gone: the next second lets the next job go" if lane.depth else None
    if lane.state == "retrying":
        return f"job {lane.head} waits for its next attempt, and keeps its place"
    if lane.state == "queued" and lane.queue in paused:
        return f"job {lane.head} is next, but queue '{lane.queue}' is paused"
    if lane.state == "queued" and lane.queue not in served:
        return f"job {lane.head} is next, but no worker serves queue '{lane.queue}'"
    if lane.depth == 1:
        return None
    return f"job {lane.head} " + ("runs, and the others follow it" if lane.state == "running" else "waits for a worker")
