"""Why a lane waits, in words."""

import pytest

from jobs.health.blocked import why
from jobs.lanes import Lane, State


def lane(state: State, depth: int = 2, queue: str = "mail") -> Lane:
    return Lane("contact:42", depth, "head-1" if depth else None, state, queue, None)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (lane("halted", 1), "job head-1 has failed for good: resume tries it again, skip goes on without it"),
        (lane("idle"), "its head is over, or gone: the next second lets the next job go"),
        (lane("retrying", 1), "job head-1 waits for its next attempt, and keeps its place"),
        (lane("running"), "job head-1 runs, and the others follow it"),
        (lane("queued"), "job head-1 waits for a worker"),
        (lane("queued", 1, "slow"), "job head-1 is next, but queue 'slow' is paused"),
        (lane("queued", 1, "odd"), "job head-1 is next, but no worker serves queue 'odd'"),
        (lane("running", 1), None),
        (lane("queued", 1), None),
        (lane("idle", 0), None),
    ],
)
def test_why(one: Lane, said: str | None) -> None:
    assert why(one, {"slow"}, {"mail", "slow"}) == said
