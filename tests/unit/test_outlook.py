"""``jobs.health.outlook``: what a queue waits for, where that is no fault too."""

from dataclasses import replace

import pytest

from jobs.health.outlook import outlook
from jobs.health.snapshot import QueueView, Snapshot
from tests.unit.test_diagnosis import BACKLOG, HEALTHY, NOW, WEB_ONLY, busy, job, line, queue


@pytest.mark.parametrize(
    ("seen", "snapshot", "words"),
    [
        (queue(), HEALTHY, "idle"),
        (queue(active=1), HEALTHY, "1 job running"),
        (queue(scheduled=3, next_at=NOW + 40), HEALTHY, "3 waiting for the clock, the next for 40 s"),
        (queue(scheduled=1, next_at=NOW - 1), HEALTHY, "1 waiting for the clock, the next for 0 s"),
        (queue(active=1, deferred=5), HEALTHY, "1 job running; 5 blocked by another job"),
        (BACKLOG, HEALTHY, "2 jobs queued, waiting for their turn, the oldest for 10 min"),
        (BACKLOG, line(busy(job())), "2 jobs queued, waiting for a slot, the oldest for 10 min"),
        (BACKLOG, WEB_ONLY, "2 jobs queued, waiting for a worker, the oldest for 10 min"),
        (queue("mail", waiting=1), HEALTHY, "1 job queued, waiting for a worker"),
        (
            replace(BACKLOG, paused=True),
            HEALTHY,
            "2 jobs queued, waiting until the queue is resumed, the oldest for 10 min",
        ),
        (
            BACKLOG,
            replace(HEALTHY, suspended=True),
            "2 jobs queued, waiting until workers are resumed, the oldest for 10 min",
        ),
    ],
)
def test_it_says_what_a_queue_waits_for(seen: QueueView, snapshot: Snapshot, words: str) -> None:
    assert outlook(seen, snapshot) == words
