"""``jobs.health.checks``: what was measured, by ``component:measurement``."""

from typing import Any, Literal

from jobs.health.checks import checks
from jobs.health.diagnosis import Code, Finding
from jobs.health.snapshot import Heartbeat, Process, QueueView, Snapshot
from jobs.health.watch import View

NOW = 1_800_000_000.25
LOOPS = {"sync": {"last_ping_ago": 4}}
ROW = {"id": "worker-1", "role": "worker", "status": "ready", "queues": ["high"], "loops": LOOPS}
WORKER = Process(ROW, NOW - 1, alive=True)
QUEUES = (
    QueueView("high", waiting=3, oldest_at=NOW - 60, heartbeat=Heartbeat(NOW - 6, NOW - 5, "worker-1", took=1.0)),
    QueueView("low"),
)
SEEN = Snapshot(NOW, leader="worker-1", queues=QUEUES, processes=(WORKER,))


def finding(code: Code, severity: Literal["warn", "fail"] = "fail", **evidence: Any) -> Finding:
    return Finding(code, severity, f"{code} it is", evidence, "Repair it.")


def found(*findings: Finding, seen: Snapshot = SEEN) -> dict[str, list[dict[str, Any]]]:
    return checks(View(seen, list(findings)), 0.0042)


def wrong(*findings: Finding) -> set[tuple[str, str, str]]:
    """Component and measurement, of what, and the status, of each that is not well."""
    rows = ((name, check) for name, many in found(*findings).items() for check in many)
    return {(name, check.get("componentId", ""), check["status"]) for name, check in rows if check["status"] != "pass"}


def test_everything_measured_has_its_component_its_value_and_its_time() -> None:
    measured = found()
    values = {(name, one.get("componentId")): one["observedValue"] for name, many in measured.items() for one in many}
    assert values == {
        ("redis:responseTime", None): 4.2,
        ("worker:alive", None): 1,
        ("scheduler:leader", None): "worker-1",
        ("queue:waiting", "high"): 3,
        ("queue:waiting", "low"): 0,
        ("queue:oldest", "high"): 60,
        ("heartbeat:age", "high"): 5,
        ("loop:silence", "worker-1/sync"): 4,
    }
    assert all(name.count(":") == 1 for name in measured)
    assert {one["time"] for many in measured.values() for one in many} == {"2027-01-15T08:00:00.250Z"}
    assert measured["queue:oldest"][0]["observedUnit"] == "s"


def test_a_finding_gives_what_it_is_about_its_status_and_its_words() -> None:
    assert wrong() == set()
    assert wrong(finding("redis_full")) == {("redis:responseTime", "", "fail")}
    assert wrong(finding("no_worker")) == wrong(finding("worker_silent")) == {("worker:alive", "", "fail")}
    assert wrong(finding("no_scheduler")) == {("scheduler:leader", "", "fail")}
    assert wrong(finding("backlog_growing", "warn", queue="low")) == {("queue:waiting", "low", "warn")}
    assert wrong(finding("heartbeat_late", "warn", queue="high")) == {
        ("queue:waiting", "high", "warn"),
        ("queue:oldest", "high", "warn"),
        ("heartbeat:age", "high", "warn"),
    }
    assert wrong(finding("loop_silent", loop="sync", process="worker-1")) == {("loop:silence", "worker-1/sync", "fail")}
    assert wrong(finding("loop_silent", loop="sync", process="worker-2")) == set()
    [redis] = found(finding("redis_full"), finding("redis_evicts", "warn"))["redis:responseTime"]
    assert (redis["status"], redis["output"]) == ("fail", "redis_full it is; redis_evicts it is")


def test_without_redis_nothing_else_is_claimed() -> None:
    assert found(finding("redis_unreachable"), seen=Snapshot(NOW, error="refused")).keys() == {"redis:responseTime"}
