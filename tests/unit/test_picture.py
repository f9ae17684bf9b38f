"""The picture of the line is broken where the findings say so."""

from dataclasses import replace

import pytest

from jobs.health.diagnosis import Code, Finding
from jobs.health.diagnosis.finding import Severity
from jobs.health.snapshot import Heartbeat, Process, QueueView, Snapshot, Stray
from web.picture import Plan, draw, plan

NOW = 1_000_000.0


def process(id_: str, role: str, *queues: str) -> Process:
    row = {"id": id_, "role": role, "status": "ready", "queues": list(queues), "started_at": NOW, "host": "a", "pid": 7}
    return Process(row, NOW, alive=True)


WEB, FIRST, SECOND = process("web-a", "web"), process("w1", "worker", "default"), process("w2", "worker", "mail")
QUEUES = tuple(
    QueueView(name, heartbeat=Heartbeat(NOW, NOW), deferred=held) for name, held in (("default", 0), ("mail", 4))
)
SEEN = Snapshot(NOW, leader="x", processes=(WEB, FIRST, SECOND), queues=QUEUES)


def finding(code: Code, severity: Severity = "fail", **evidence: object) -> Finding:
    return Finding(code, severity, "", evidence, "")


def broken(found: Plan) -> tuple[set[str], set[tuple[str, str]]]:
    """The parts and the ways that are."""
    ways = {(link.start, link.end) for link in found.links if link.broken}
    return {node.id for node in found.nodes if node.findings}, ways


def test_a_line_in_order_has_a_way_through_and_nothing_that_is_broken() -> None:
    found = plan(SEEN, [])
    ways = {(link.start, link.end) for link in found.links}
    assert {("web", "redis"), ("redis", "queue:mail"), ("queue:default", "w1"), ("queue:mail", "w2")} <= ways
    assert ("queue:default", "w2") not in ways
    assert broken(found) == (set(), set())


def test_what_else_puts_jobs_in_is_a_part_of_the_line() -> None:
    apps = (process("app-a", "app", "default"), process("app-b", "app", "default"))
    seen = replace(SEEN, processes=(*SEEN.processes, *apps), strays=(Stray("rq", 3, process("app-c", "app"), 5, None),))
    astray = finding("different_namespace", processes=["app-c"])
    found = plan(seen, [astray, finding("unknown_task", "warn", queue="mail", process="app-b")])
    notes = {node.id: node.note for node in found.of("source") if node.id.startswith("app")}
    assert notes == {"app": "a · 7", "app-b": "a · 7", "app-c": "db 3, prefix rq"}
    assert broken(found) == ({"app-b", "app-c", "queue:mail"}, {("app-c", "redis"), ("queue:mail", "w2")})
    assert {node.id: node.note for node in plan(seen, []).of("source")}["app"] == "2 processes"


@pytest.mark.parametrize(
    ("one", "nodes", "ways"),
    [
        (finding("queue_paused", "warn", queue="mail"), {"queue:mail"}, {("queue:mail", "w2")}),
        (finding("heartbeat_late", queue="default"), {"queue:default"}, {("queue:default", "w1")}),
        (finding("crash_loop", process="w1"), {"w1"}, {("queue:default", "w1")}),
        (finding("import_hangs", "warn", process="w2"), {"w2"}, set()),
        (finding("stuck_job", "warn", worker="w2"), {"w2"}, set()),
        (finding("backlog_growing", "warn", queue="mail"), {"queue:mail"}, set()),
        (finding("no_scheduler"), {"scheduler"}, set()),
        (finding("redis_not_persistent", "warn"), {"redis"}, set()),
        (finding("lane_halted", "warn", lanes=1), {"queue:mail"}, set()),
    ],
    ids=lambda one: one.code if isinstance(one, Finding) else "",
)
def test_a_finding_shows_where_it_is(one: Finding, nodes: set[str], ways: set[tuple[str, str]]) -> None:
    assert broken(plan(SEEN, [one])) == (nodes, ways)


def test_where_nobody_works_every_way_to_workers_is_broken() -> None:
    found = plan(replace(SEEN, processes=(WEB,)), [finding("no_worker", last_worker=None)])
    assert broken(found) == ({"nobody"}, {("queue:default", "nobody"), ("queue:mail", "nobody")})
    assert [node.ghost for node in found.of("worker")] == [True]


def test_where_redis_is_gone_nothing_goes_anywhere() -> None:
    found = plan(Snapshot(NOW, error="refused"), [finding("redis_unreachable")])
    assert ("web", "redis") in broken(found)[1]


def test_of_many_those_in_trouble_are_drawn_and_the_others_counted() -> None:
    many = tuple(QueueView(f"q{number}") for number in range(20))
    found = plan(replace(SEEN, queues=many), [finding("backlog_growing", "warn", queue="q19")])
    assert "queue:q19" in {node.id for node in found.of("queue")}
    assert found.more == {"queue": 14}


def test_what_users_named_stays_text() -> None:
    hostile = "<script>alert(1)</script>"
    drawn = draw(plan(replace(SEEN, queues=(QueueView(hostile),)), []), hostile)
    assert "<script" not in drawn
    assert "&lt;script&gt;" in drawn
