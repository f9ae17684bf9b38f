"""``jobs.health.diagnosis``: one fault, one finding; no fault, none."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.health.diagnosis import LEADER_SLACK, Finding, Limits, diagnose
from jobs.health.snapshot import Elsewhere, Heartbeat, Process, QueueView, Snapshot

NOW = 1_800_000_000.0
LIMITS = Limits(heartbeat=15)
NEW = Limits(heartbeat=15, uptime=1)


def process(role: str, *, up: float = 3600, seen: float = 1, alive: bool = True, **row: Any) -> Process:
    """A process that started ``up`` seconds ago and was seen ``seen`` seconds ago."""
    said = {
        "id": f"{role}-host-1-b007",
        "role": role,
        "status": "ready",
        "started_at": NOW - up,
        "queues": ["default"],
        "serializer": "json",
        "code": "c0de",
        "tasks": 3,
        "commit": "c0ffee",
    }
    return Process({**said, **row}, NOW - seen, alive)


def queue(name: str = "default", *, back: float | None = 5, **counts: Any) -> QueueView:
    """A queue whose last heartbeat came back ``back`` seconds ago."""
    beat = Heartbeat(NOW - back - 0.1, NOW - back, "worker", 0.1) if back is not None else None
    return QueueView(name, heartbeat=beat, **counts)


def loop(silent: float, may: float = 60.0) -> dict[str, Any]:
    """What a worker says of a loop."""
    return {"last_ping_ago": silent, "max_silence": may, "alive": True, "restarts": 1, "errors": 0}


HEALTHY = Snapshot(
    NOW, leader="worker-host-1-b007", processes=(process("web"), process("worker")), queues=(queue(),), marker="m"
)
STANDBY = process("worker", status="standby", queues=[], code="", holder="worker-host-1-b007")
WEB_ONLY = replace(HEALTHY, processes=(process("web"),), leader="scheduler-host-1-b007")
BACKLOG = queue(waiting=2, waiting_ids=("a", "b"), oldest_at=NOW - 600, head_format="json")
DEAD = process("worker", seen=7200, alive=False)

FAULTS: dict[str, list[Snapshot]] = {
    "redis_unreachable": [
        Snapshot(NOW, error="Connection refused"),
        Snapshot(NOW, error="Connection closed by server."),
        replace(HEALTHY, error="no answer within 1.5 s", suspended=True),
    ],
    "no_worker": [
        WEB_ONLY,
        replace(WEB_ONLY, queues=(BACKLOG,)),
        replace(WEB_ONLY, processes=(process("web"), DEAD)),
        replace(WEB_ONLY, processes=(process("web"), process("worker", seen=60, alive=False, status="stopped"))),
        replace(WEB_ONLY, processes=(process("web"), STANDBY)),
        replace(WEB_ONLY, processes=(process("web"), STANDBY, DEAD)),
    ],
    "different_namespace": [
        replace(WEB_ONLY, elsewhere=(Elsewhere("rq", 1, "worker-host-2"), Elsewhere("other", 0, "worker-host-3"))),
    ],
    "worker_suspended": [replace(HEALTHY, suspended=True)],
    "queue_not_consumed": [
        replace(HEALTHY, queues=(queue(), queue("mail", back=None, waiting=1, waiting_ids=("a",)))),
        replace(HEALTHY, queues=(queue(), queue("mail", back=None, waiting=4, oldest_at=NOW - 90))),
    ],
    "serializer_mismatch": [
        replace(HEALTHY, processes=(process("web"), process("worker", serializer="pickle"))),
        replace(HEALTHY, queues=(replace(BACKLOG, head_format="pickle"),)),
        replace(HEALTHY, queues=(replace(BACKLOG, head_format="unknown"),)),
    ],
    "code_mismatch": [
        replace(HEALTHY, processes=(process("web"), process("worker", code="0ther", tasks=2))),
        replace(HEALTHY, processes=(process("web", commit=""), process("worker", code="0ther", commit=""))),
    ],
    "no_scheduler": [replace(HEALTHY, leader=""), replace(HEALTHY, leader="", queues=(queue(back=3000),))],
    "heartbeat_late": [
        replace(HEALTHY, queues=(queue(back=41),)),
        replace(HEALTHY, queues=(queue(back=None),)),
        replace(HEALTHY, queues=(queue(back=41, active=1, active_ids=("a",)),)),
    ],
    "loop_silent": [
        replace(HEALTHY, processes=(*HEALTHY.processes, process("loops", queues=[], loops={"in": loop(70.1)}))),
        replace(HEALTHY, processes=(process("web"), process("worker", loops={"in": loop(40.1, 2), "out": loop(1)}))),
    ],
}
CASES = [(code, snapshot) for code, snapshots in FAULTS.items() for snapshot in snapshots]


def codes(snapshot: Snapshot, limits: Limits = LIMITS) -> set[str]:
    return {finding.code for finding in diagnose(snapshot, limits)}


def only(snapshot: Snapshot, limits: Limits = LIMITS) -> Finding:
    [finding] = diagnose(snapshot, limits)
    return finding


@pytest.mark.parametrize(
    "snapshot",
    [
        HEALTHY,
        replace(HEALTHY, queues=(BACKLOG,)),
        replace(HEALTHY, queues=()),
        replace(HEALTHY, processes=(*HEALTHY.processes, DEAD)),
        replace(HEALTHY, processes=(*HEALTHY.processes, process("web", alive=False, code="0ld", serializer="pickle"))),
        replace(HEALTHY, processes=(process("worker"), process("scheduler", code="0ther"))),
        replace(HEALTHY, queues=(queue(), queue("mail", back=None))),
        replace(HEALTHY, queues=(queue(back=40),)),
        replace(HEALTHY, processes=(process("web"), process("worker", loops={"in": loop(70), "out": loop(40, 2)}))),
        replace(HEALTHY, processes=(*HEALTHY.processes, process("loops", alive=False, loops={"in": loop(999)}))),
    ],
    ids=[
        "idle",
        "backlog",
        "no queue yet",
        "a dead worker beside a live one",
        "a dead process of other code",
        "a scheduler of other code",
        "an empty queue that nobody serves",
        "a heartbeat that is just in time",
        "loops that are about to be started again",
        "a loop of a process that is gone",
    ],
)
def test_a_healthy_line_has_no_finding(snapshot: Snapshot) -> None:
    assert diagnose(snapshot, LIMITS) == []


@pytest.mark.parametrize(("code", "snapshot"), CASES)
def test_each_fault_gives_its_finding_alone(code: str, snapshot: Snapshot) -> None:
    assert codes(snapshot) == {code}


@pytest.mark.parametrize(("code", "snapshot"), CASES)
def test_every_finding_says_what_and_what_to_do(code: str, snapshot: Snapshot) -> None:
    for finding in diagnose(snapshot, LIMITS):
        assert finding.summary.strip()
        assert not finding.summary.endswith(".")
        assert finding.remedy.strip()
        assert finding.evidence
        assert finding.as_dict().keys() == {"code", "severity", "summary", "evidence", "remedy"}


@pytest.mark.parametrize(
    ("code", "severity"),
    [(code, "warn" if code == "code_mismatch" else "fail") for code in FAULTS],
)
def test_a_fault_fails_unless_jobs_still_run(code: str, severity: str) -> None:
    assert {finding.severity for finding in diagnose(FAULTS[code][0], LIMITS)} == {severity}


@pytest.mark.parametrize(
    ("snapshot", "limits", "severity"),
    [
        (WEB_ONLY, NEW, "warn"),
        (WEB_ONLY, replace(NEW, uptime=14.9), "warn"),
        (WEB_ONLY, replace(NEW, uptime=15), "fail"),
        (replace(WEB_ONLY, processes=(DEAD,)), NEW, "fail"),
    ],
    ids=["just started", "about to settle", "settled", "one was seen before"],
)
def test_no_worker_is_a_warning_only_while_none_could_have_come(
    snapshot: Snapshot, limits: Limits, severity: str
) -> None:
    finding = only(snapshot, limits)
    assert (finding.code, finding.severity) == ("no_worker", severity)


@pytest.mark.parametrize(("active", "severity"), [(0, "fail"), (1, "warn")])
def test_a_late_heartbeat_is_a_warning_while_jobs_run(active: int, severity: str) -> None:
    finding = only(replace(HEALTHY, queues=(queue(back=60, active=active),)))
    assert (finding.code, finding.severity) == ("heartbeat_late", severity)


@pytest.mark.parametrize("uptime", [0, 1, 14.9])
def test_a_line_that_comes_up_together_raises_no_false_alarm(uptime: float) -> None:
    limits = Limits(heartbeat=15, uptime=uptime)
    young = (process("web", up=uptime), process("worker", up=uptime, code="0ther"))
    assert diagnose(Snapshot(NOW, processes=young, queues=(queue(back=None),)), limits) == []
    assert diagnose(Snapshot(NOW, processes=young, queues=(queue(back=3600),)), limits) == []


def test_a_deploy_is_not_taken_for_a_mismatch() -> None:
    young = process("worker", up=14, code="0ther")
    assert diagnose(replace(HEALTHY, processes=(process("web"), process("worker"), young)), LIMITS) == []
    settled = replace(young, row={**young.row, "started_at": NOW - 15})
    assert codes(replace(HEALTHY, processes=(process("web"), settled))) == {"code_mismatch"}


def test_a_new_worker_is_not_blamed_for_an_old_silence() -> None:
    young = replace(HEALTHY, processes=(process("web"), process("worker", up=39)), queues=(queue(back=3600),))
    assert diagnose(young, LIMITS) == []


@pytest.mark.parametrize(("uptime", "found"), [(15 + LEADER_SLACK - 0.1, set()), (15 + LEADER_SLACK, {"no_scheduler"})])
def test_a_scheduler_has_time_to_take_the_lead(uptime: float, found: set[str]) -> None:
    assert codes(replace(HEALTHY, leader=""), Limits(heartbeat=15, uptime=uptime)) == found


@pytest.mark.parametrize(
    "change",
    [{"leader": ""}, {"suspended": True}, {"processes": (process("web"),)}],
    ids=["no scheduler sends any", "suspended workers run none", "no worker runs any"],
)
def test_a_late_heartbeat_is_not_told_where_its_cause_is(change: dict[str, Any]) -> None:
    late = replace(HEALTHY, queues=(queue(back=3600),))
    assert codes(late) == {"heartbeat_late"}
    assert "heartbeat_late" not in codes(replace(late, **change))


@pytest.mark.parametrize(("heartbeat", "late"), [(15, 40), (1, 12), (60, 130)])
def test_what_is_late_follows_the_setting(heartbeat: float, late: float) -> None:
    limits = Limits(heartbeat)
    assert codes(replace(HEALTHY, queues=(queue(back=late),)), limits) == set()
    assert codes(replace(HEALTHY, queues=(queue(back=late + 1),)), limits) == {"heartbeat_late"}


def test_the_gravest_come_first() -> None:
    both = replace(HEALTHY, leader="", processes=(process("web"), process("worker", code="0ther")))
    assert [finding.severity for finding in diagnose(both, LIMITS)] == ["fail", "warn"]


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (
            replace(WEB_ONLY, processes=(process("web"), DEAD), queues=(BACKLOG,)),
            ["2 waiting", "worker-host-1-b007", "was last seen 2 h ago"],
        ),
        (FAULTS["no_worker"][3], ["stopped 60 s ago"]),
        (FAULTS["no_worker"][0], ["none has been seen here in 7 days"]),
        (FAULTS["different_namespace"][0], ["db 0, prefix rq", "db 1, prefix rq", "db 0, prefix other"]),
        (FAULTS["queue_not_consumed"][0], ["'mail' has 1 job waiting;", "1 worker", "only default"]),
        (FAULTS["queue_not_consumed"][1], ["4 jobs waiting, the oldest for 90 s"]),
        (FAULTS["serializer_mismatch"][0], ["web-host-1-b007 uses json", "worker-host-1-b007 uses pickle"]),
        (FAULTS["serializer_mismatch"][1], ["a, is pickle", "read json"]),
        (FAULTS["code_mismatch"][1], ["has 3 (c0de, commit ?)", "(0ther, commit ?)"]),
        (FAULTS["heartbeat_late"][2], ["'default' for 41 s", "1 worker", "1 job running"]),
    ],
)
def test_the_summary_says_how_it_is_known(snapshot: Snapshot, words: list[str]) -> None:
    summary = only(snapshot).summary
    for word in words:
        assert word in summary


def test_the_remedy_for_an_unserved_queue_names_it() -> None:
    assert "python -m jobs worker mail" in only(FAULTS["queue_not_consumed"][0]).remedy


def test_who_stands_by_is_no_fault_beside_one_who_works() -> None:
    assert diagnose(replace(HEALTHY, processes=(*HEALTHY.processes, STANDBY)), LIMITS) == []


def test_where_workers_only_stand_by_it_says_where_to_look() -> None:
    [finding] = diagnose(replace(WEB_ONLY, processes=(process("web"), STANDBY)), LIMITS)
    assert finding.summary.endswith("; 1 worker standing by, see: python -m jobs locks")
