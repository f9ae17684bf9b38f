"""Lanes: the jobs of one key run one at a time, in the order they were accepted.

A lane is a list; its head is the one job that may be in a queue. The order is the server's.
"""

from typing import cast

from redis import Redis

from jobs import keys, scripts

SWEEP = 500


def sweep(client: Redis) -> list[str]:
    """Let the next job of every lane go whose head is over, 500 lanes at most; the ids let go.

    The repair for a worker that died between the end of a job and the step that follows it.
    """
    lanes = [key.decode() for key in cast(list[bytes], client.zrange(keys.LANES, 0, SWEEP - 1))]
    return scripts.advance(client, lanes) if lanes else []
