"""``jobs.health.report``: the health documents, for those who may see all and for those who may not."""

import json
from dataclasses import replace
from typing import Any

import pytest

from jobs.health import report, samples
from jobs.health.diagnosis import Finding, Limits, diagnose
from jobs.health.identity import Identity
from jobs.health.snapshot import Heartbeat, Process, QueueView, Snapshot
from jobs.health.watch import View

NOW = 1_800_000_000.25
SECRET = "sidings"
ME = Identity(
    id="web-host-1-b007",
    role="web",
    host="host",
    pid=1,
    boot="b007",
    service="web",
    replica="",
    type="",
    status="ready",
    cwd=f"/{SECRET}",
    environment="local",
    redis=f"redis://{SECRET}:6379/0",
    fingerprint="f",
    prefix="rq",
    queues=("default",),
    serializer="json",
    tasks=1,
    code="c0de",
    commit="c0ffee",
    versions={},
    started_at=NOW - 60,
)
WARN = Finding("queue_paused", "warn", f"{SECRET} is wrong", {"seen": SECRET}, f"Repair {SECRET}.")
FAIL = Finding("no_worker", "fail", f"{SECRET} is wrong", {"seen": SECRET}, f"Repair {SECRET}.")


def view(*findings: Finding, queues: tuple[QueueView, ...] = (), error: str = "", **seen: Any) -> View:
    return View(Snapshot(NOW, queues=queues, error=error, **seen), list(findings))


def row(role: str, *, alive: bool = True) -> Process:
    return Process({"id": f"{role}-host", "role": role, "queues": ["high"], "cwd": f"/{SECRET}"}, NOW - 2, alive)


BUSY = (
    QueueView("high", waiting=1, active=2, completed=3, failed=4, scheduled=5, deferred=6),
    QueueView("low", waiting=10, active=20, completed=30, failed=40, scheduled=50, deferred=60),
)


@pytest.mark.parametrize(
    ("findings", "code", "status", "words"),
    [
        ((), 200, "pass", "healthy"),
        ((WARN,), 200, "warn", "warning"),
        ((FAIL,), 503, "fail", "unhealthy"),
        ((FAIL, WARN), 503, "fail", "unhealthy"),
    ],
)
def test_only_a_failure_is_answered_with_503(findings: tuple[Finding, ...], code: int, status: str, words: str) -> None:
    seen = view(*findings)
    for full in (True, False):
        found, body = report.health(seen, ME, 0.004, full)
        assert (found, body["status"]) == (code, status)
    found, body = report.queue_health(seen, {}, 1000)
    assert (found, body["status"]) == (code, words)


def test_a_live_process_says_so_without_a_look() -> None:
    assert report.live() == (200, {"status": "pass"})


@pytest.mark.parametrize(
    ("error", "last_seen", "code", "status"),
    [
        ("", 0, 200, "pass"),
        ("", 30, 200, "pass"),
        ("", 30.1, 503, "fail"),
        ("", float("inf"), 503, "fail"),
        ("Connection refused", 0, 503, "fail"),
        ("Connection refused", float("inf"), 503, "fail"),
    ],
)
def test_ready_is_who_is_heard_by_redis(error: str, last_seen: float, code: int, status: str) -> None:
    seen = view(*[FAIL] if error else [], error=error)
    found, body = report.ready(seen, last_seen, ME, full=True)
    assert (found, body["status"]) == (code, status)
    assert ("reason" in body) is (code == 503)


@pytest.mark.parametrize("full", [True, False])
def test_who_holds_a_type_is_said_only_to_those_who_may_see_all(full: bool) -> None:
    standby = replace(ME, type="inbound", status="standby", holder=f"worker-{SECRET}")
    said = {"type": "inbound", "state": "standby", **({"holder": f"worker-{SECRET}"} if full else {})}
    assert report.ready(view(), 1, standby, full)[1]["instance"] == said
    assert report.health(view(), standby, 0.004, full)[1]["instance"] == said


def test_findings_about_others_do_not_make_a_process_unready() -> None:
    assert report.ready(view(FAIL), 1, ME, full=True)[0] == 200


def test_the_full_body_has_evidence_identity_and_processes() -> None:
    _, body = report.health(view(FAIL, processes=(row("web"), row("worker", alive=False))), ME, 0.004, full=True)
    assert body["findings"] == [FAIL.as_dict()]
    assert body["identity"] == ME.as_dict()
    assert [(found["id"], found["alive"], found["seen_ago"]) for found in body["processes"]] == [
        ("web-host", True, 2.0),
        ("worker-host", False, 2.0),
    ]
    assert (body["serviceId"], body["releaseId"]) == ("web-host-1-b007", "c0ffee")
    json.dumps(body)


def test_the_full_body_may_come_before_the_identity() -> None:
    assert report.health(view(), None, 0.004, full=True)[1]["identity"] is None


def test_the_public_body_has_codes_and_severities_only() -> None:
    seen = view(FAIL, WARN, processes=(row("web"),))
    assert report.health(seen, ME, 0.004, full=False)[1] == {
        "status": "fail",
        "findings": [{"code": "no_worker", "severity": "fail"}, {"code": "queue_paused", "severity": "warn"}],
        "timestamp": "2027-01-15T08:00:00.250Z",
    }


def test_what_anybody_may_read_holds_no_word_of_the_findings_or_the_identity() -> None:
    seen = view(FAIL, processes=(row("web"),), queues=BUSY, error=f"{SECRET}:6379 refused")
    documents = (
        report.health(seen, ME, 0.004, full=False),
        report.queue_health(seen, {}, 1000),
        report.stats(seen, None),
    )
    assert SECRET not in json.dumps(documents)


def test_ready_does_not_tell_anybody_where_redis_is() -> None:
    seen = Snapshot(NOW, error=f"Error 111 connecting to {SECRET}:6379. Connection refused.")
    assert SECRET not in json.dumps(report.ready(View(seen, diagnose(seen, Limits(15))), 0, ME, full=False))


def test_queue_health_has_exactly_the_words_of_the_audit() -> None:
    _, body = report.queue_health(view(WARN, queues=BUSY, marker="m", processes=(row("worker"), row("web"))), {}, 1000)
    assert list(body) == ["status", "redis", "queue", "heartbeat", "line", "findings", "timestamp"]
    assert body["redis"] == {"connected": True, "marker": "m"}
    assert body["findings"] == ["queue_paused"]
    assert body["timestamp"] == "2027-01-15T08:00:00.250Z"


def test_queue_health_counts_each_queue_and_all() -> None:
    processes = (row("worker"), row("worker", alive=False), row("web"))
    _, body = report.queue_health(view(queues=BUSY, processes=processes), {}, 1000)
    counts = {
        "waiting": 11,
        "active": 22,
        "completed": 33,
        "failed": 44,
        "scheduled": 55,
        "retrying": 0,
        "deferred": 66,
    }
    high = {"waiting": 1, "active": 2, "completed": 3, "failed": 4, "scheduled": 5, "retrying": 0, "deferred": 6}
    queues = body["queue"].pop("queues")
    assert queues["high"] == {"pending": 7, **high, "consumers": 1}
    assert queues["low"]["consumers"] == 0
    assert body["queue"] == {"pending": 77, **counts, "consumers": 1}


def test_queue_health_says_when_redis_is_gone() -> None:
    code, body = report.queue_health(view(FAIL, error="refused"), {}, 1000)
    assert (code, body["status"], body["redis"]) == (503, "unhealthy", {"connected": False, "marker": ""})


@pytest.mark.parametrize("kind", ["waiting", "deferred", "retrying", "due"])
@pytest.mark.parametrize(("count", "status"), [(499, "healthy"), (500, "warning")])
def test_from_so_many_pending_jobs_on_there_is_a_warning(kind: str, count: int, status: str) -> None:
    counts: dict[str, Any] = {kind: count - 1}
    queues = (QueueView("high", **counts), QueueView("low", waiting=1, active=5000, completed=5000))
    code, body = report.queue_health(view(queues=queues), {}, 500)
    assert (code, body["status"]) == (200, status)
    assert body.get("reason") == ("500 jobs are pending; JOBS_WARN_PENDING is 500" if status == "warning" else None)


def test_many_pending_jobs_do_not_soften_a_failure() -> None:
    _, body = report.queue_health(view(FAIL, queues=(QueueView("low", waiting=5000),)), {}, 1000)
    assert body["status"] == "unhealthy"


@pytest.mark.parametrize(
    ("beat", "expected"),
    [
        (None, None),
        (Heartbeat(NOW - 5), None),
        (Heartbeat(NOW - 5, waits=True), {"waiting": 5.0}),
        (
            Heartbeat(NOW - 3, NOW - 18, "worker-1", took=0.25, waits=True),
            {"age": 18.0, "round_trip_ms": 250.0, "waiting": 3.0},
        ),
        (Heartbeat(NOW - 5, NOW - 4.75, "worker-1", took=0.25), {"age": 4.75, "round_trip_ms": 250.0}),
        (
            Heartbeat(NOW - 5, NOW - 4.75, "worker-1", took=0.25, types={"inbound": NOW - 8}),
            {"age": 4.75, "round_trip_ms": 250.0, "types": {"inbound": 8.0}},
        ),
    ],
    ids=["never sent", "long gone", "under way", "the next is under way", "back", "back to a type"],
)
def test_queue_health_tells_of_the_last_heartbeat(beat: Heartbeat | None, expected: dict[str, Any] | None) -> None:
    _, body = report.queue_health(view(queues=(QueueView("default", heartbeat=beat),)), {}, 1000)
    assert body["heartbeat"] == {"default": expected}


def test_stats_sum_up_all_queues() -> None:
    code, body = report.stats(view(queues=BUSY), None)
    assert code == 200
    assert body["stats"] == {"pending": 77, "processing": 22, "completed": 33, "failed": 44, "total": 176}
    assert body["consumers"] == 0
    assert body.keys() == {"stats", "consumers", "timestamp"}


def test_stats_show_at_most_ten_samples_and_only_to_those_who_may_see_all() -> None:
    many = tuple(
        QueueView(
            name,
            waiting=8,
            waiting_ids=tuple(f"{name}-w{at}" for at in range(8)),
            active_ids=tuple(f"{name}-a{at}" for at in range(8)),
        )
        for name in ("high", "low")
    )
    chosen = samples.bare(view(queues=many).snapshot)
    assert [one["id"] for one in chosen.waiting] == [f"high-w{at}" for at in range(8)] + ["low-w0", "low-w1"]
    assert [one["id"] for one in chosen.active] == [f"high-a{at}" for at in range(8)] + ["low-a0", "low-a1"]
    assert report.stats(view(queues=many), chosen)[1]["samples"] == chosen._asdict()
    assert "samples" not in report.stats(view(queues=many), None)[1]


def test_stats_fail_only_without_redis() -> None:
    assert report.stats(view(FAIL), None)[0] == 200
    assert report.stats(view(FAIL, error="refused"), None)[0] == 503
