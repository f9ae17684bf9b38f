"""``web.pulse.signature``: another one as soon as something is another that pages show."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.health.diagnosis import Finding
from jobs.health.snapshot import Foreign, Heartbeat, Lane, Process, QueueView, Server, Snapshot
from jobs.health.watch import View
from web.pulse import signature

NOW = 1_800_000_000.0
LOOP = {"last_ping_ago": 1.0, "alive": True, "restarts": 0, "errors": 0, "max_silence": 30.0}
ROW: dict[str, Any] = {
    "id": "worker-a", "role": "worker", "status": "ready", "queues": ["default"], "tasks": 3, "code": "c0de",
    "commit": "c0ffee", "started_at": NOW - 60, "counters": {"processed": 5, "failed": 1, "uptime": 60}, "slots": 10,
    "busy": 1, "crashes": 0, "running": [{"id": "a", "for": 1.0, "left": None, "still": 0}], "loops": {"feed": LOOP},
}  # fmt: skip
QUEUE = QueueView("default", waiting=1, heartbeat=Heartbeat(NOW - 5, NOW - 4))
SEEN = Snapshot(NOW, queues=(QUEUE,), processes=(Process(ROW, NOW, True),), marker="m", leader="worker-a")


def of(seen: Snapshot, *findings: Finding) -> str:
    return signature(View(seen, list(findings)), ())


def with_row(**changes: Any) -> Snapshot:
    return replace(SEEN, processes=(Process({**ROW, **changes}, NOW, True),))


def with_loop(**changes: Any) -> Snapshot:
    return with_row(loops={"feed": {**LOOP, **changes}})


@pytest.mark.parametrize(
    "changed",
    [
        with_loop(alive=False),
        with_loop(restarts=1),
        with_loop(errors=1),
        with_loop(last_ping_ago=31.0),
        with_row(loops={}),
        with_row(busy=2),
        with_row(slots=4),
        with_row(crashes=1),
        with_row(counters={"processed": 6, "failed": 1}),
        with_row(status="draining"),
        with_row(running=[]),
        replace(SEEN, processes=(Process(ROW, NOW, False),)),
        replace(SEEN, queues=(replace(QUEUE, scheduled=1),)),
        replace(SEEN, queues=(replace(QUEUE, deferred=1),)),
        replace(SEEN, queues=(replace(QUEUE, heartbeat=Heartbeat(NOW, NOW)),)),
        replace(SEEN, foreign=(Foreign("rq-1", ("default",)),)),
        replace(SEEN, halted=(Lane("k", "a", 2, NOW),), halts=1),
        replace(SEEN, server=Server(broken="aof_last_write_status")),
    ],
)
def test_what_a_page_shows_changes_it(changed: Snapshot) -> None:
    assert of(changed) != of(SEEN)


def test_time_that_passes_does_not() -> None:
    later = with_row(
        counters={"processed": 5, "failed": 1, "uptime": 65}, loops={"feed": {**LOOP, "last_ping_ago": 6.0}}
    )
    assert of(replace(later, now=NOW + 5)) == of(SEEN)
