"""The line is called clear only where a heartbeat really went round."""

import pytest

from jobs.health.diagnosis import Finding, Limits
from jobs.health.diagnosis.finding import Severity
from jobs.health.snapshot import Heartbeat, Process, QueueView, Snapshot
from jobs.health.verdict import verdict

NOW = 1_000_000.0
LIMITS = Limits(15.0)
LATE = LIMITS.late + 1


def queue(name: str, back: float | None) -> QueueView:
    beat = Heartbeat(NOW - back - 0.01, NOW - back, "worker-a", 0.009) if back is not None else Heartbeat(NOW - 1)
    return QueueView(name, heartbeat=beat)


def worker(*queues: str) -> Process:
    row = {"id": "worker-a", "role": "worker", "status": "running", "queues": list(queues), "started_at": NOW - 60}
    return Process(row, NOW, alive=True)


def finding(severity: Severity) -> Finding:
    return Finding("no_worker", severity, "", {}, "")


@pytest.mark.parametrize(
    ("backs", "state"),
    [
        ({"default": 4.0}, "pass"),
        ({"default": None}, "unknown"),
        ({"default": LATE}, "unknown"),
        ({}, "unknown"),
        ({"default": 4.0, "mail": None}, "unknown"),
        ({"default": 4.0, "mail": 5.0}, "pass"),
    ],
)
def test_clear_is_what_a_heartbeat_has_proven_for_every_queue(backs: dict[str, float | None], state: str) -> None:
    seen = Snapshot(
        NOW, processes=(worker("mail"),) if "mail" in backs else (), queues=tuple(map(queue, backs, backs.values()))
    )
    found = verdict(seen, [], ["default"], LIMITS)
    assert found.state == state
    assert ("clear" in found.words) == (state == "pass")


def test_a_queue_that_nobody_serves_and_nobody_asks_for_need_not_prove_anything() -> None:
    seen = Snapshot(NOW, queues=(queue("default", 4.0), QueueView("old")))
    assert verdict(seen, [], ["default"], LIMITS).state == "pass"


@pytest.mark.parametrize(("severities", "state"), [(["warn"], "warn"), (["warn", "fail"], "fail")])
def test_findings_say_more_than_heartbeats(severities: list[Severity], state: str) -> None:
    seen = Snapshot(NOW, queues=(queue("default", 4.0),))
    found = verdict(seen, [finding(one) for one in severities], ["default"], LIMITS)
    assert found.state == state
    assert found.back_at == NOW - 4.0


def test_the_evidence_says_which_way_it_went_and_how_long_it_took() -> None:
    found = verdict(Snapshot(NOW, queues=(queue("default", 4.0),)), [], ["default"], LIMITS)
    assert found.evidence == "Heartbeats go round web → Redis → worker through default in 9 ms"
