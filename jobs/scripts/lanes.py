"""What lets jobs go: out of their lanes, once they are due, and after those that they depend on."""

from collections.abc import Sequence

from redis import Redis

from jobs import keys
from jobs.scripts.call import run, text


def advance(client: Redis, lanes: Sequence[str]) -> list[str]:
    """Let the next job of each lane go, where the one before it is over; the ids let go."""
    return [text(job_id) for job_id in run(client, "advance", [keys.LANES], [keys.PREFIX, *lanes])]


def resume(client: Redis, lane: str, again: bool) -> bool:
    """Let a halted lane go on, with the job that halted it or without it; False when it was not halted."""
    return bool(run(client, "resume", [keys.lane(lane), keys.HALTED], [keys.PREFIX, lane, int(again)]))


def clear(client: Redis, lane: str, first: int, most: int) -> tuple[int, int, int]:
    """Cancel what waits in a lane, the last first, and end its halt.

    How many of ``most`` were there to look at, how many are gone, and how many of these were canceled.
    """
    names = [keys.lane(lane), keys.HALTED]
    looked, gone, canceled = run(client, "clear", names, [keys.PREFIX, lane, first, most])
    return int(looked), int(gone), int(canceled)


def promote(client: Redis, queue: str, limit: int = 500) -> int:
    """Hand over the scheduled jobs of a queue that are due, oldest first; how many these were."""
    return int(run(client, "promote", [keys.registry("scheduled", queue)], [keys.PREFIX, queue, limit]))


def follow(client: Redis, job_id: str, outcome: str, at: int = 0, most: int = 200) -> int:
    """Let those go that depend on a job that has ``finished`` or ``failed``; looks at about ``most`` of them.

    Where to go ``at`` next; 0 when all were looked at.
    """
    return int(run(client, "follow", [keys.dependents(job_id)], [keys.PREFIX, job_id, outcome, at, most]))
