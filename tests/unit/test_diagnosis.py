"""``jobs.health.diagnosis``: one fault, one finding; no fault, none."""

from dataclasses import replace
from typing import Any, get_args

import pytest

from jobs.catalog import Awaited
from jobs.health.diagnosis import Code, Finding, Limits, diagnose
from jobs.health.snapshot import (
    Answer,
    Depth,
    Elsewhere,
    Foreign,
    ForeignRun,
    Heartbeat,
    InVain,
    Lane,
    Parked,
    Process,
    QueueView,
    Refused,
    Server,
    Snapshot,
    Stray,
)

NOW = 1_800_000_000.0
LIMITS = Limits(heartbeat=15)
MIB = 1024 * 1024


def process(role: str, *, up: float = 3600, seen: float = 1, alive: bool = True, **row: Any) -> Process:
    """A process that started ``up`` seconds ago and was seen ``seen`` seconds ago."""
    said = {
        "id": f"{role}-host-1-b007",
        "role": role,
        "host": "host",
        "pid": 1,
        "status": "ready",
        "started_at": NOW - up,
        "queues": ["default"],
        "serializer": "json",
        "code": "c0de",
        "tasks": 3,
        "commit": "c0ffee",
        "versions": {"python": "3.11.7", "rq": "3.0.0", "redis": "8.1.0"},
    }
    return Process({**said, **row}, NOW - seen, alive)


def queue(name: str = "default", *, back: float | None = 5, **counts: Any) -> QueueView:
    """A queue whose last heartbeat came back ``back`` seconds ago."""
    beat = Heartbeat(NOW - back - 0.1, NOW - back, "worker", 0.1) if back is not None else None
    return QueueView(name, heartbeat=beat, **counts)


def loop(silent: float, may: float = 60.0) -> dict[str, Any]:
    """What a worker says of a loop."""
    return {"last_ping_ago": silent, "max_silence": may, "alive": True, "restarts": 1, "errors": 0}


def job(name: str = "a", *, runs: float = 50, left: float | None = 100, still: float = 0) -> dict[str, Any]:
    """What a worker says of a job that it runs."""
    return {"id": name, "for": runs, "left": left, "still": still}


def busy(*jobs: dict[str, Any], slots: int = 1, **row: Any) -> Process:
    """A worker that runs these."""
    youngest = min((one["for"] for one in jobs), default=0.0)
    return process("worker", slots=slots, busy=len(jobs), youngest=youngest, running=list(jobs), **row)


HEALTHY = Snapshot(
    NOW,
    leader="worker-host-1-b007",
    ticked=NOW - 0.5,
    processes=(process("web"), process("worker")),
    queues=(queue(),),
    marker="m",
)
WEB = process("web")
STANDBY = process("worker", status="standby", queues=[], code="", holder="worker-host-1-b007")
LOCKED_OUT = process("worker", status="standby", queues=[], type="inbound", holder="old:1", holder_stays=True)
STARTING = process("worker", status="starting", up=20, code="")
WEB_ONLY = replace(HEALTHY, processes=(WEB,), leader="scheduler-host-1-b007")
BACKLOG = queue(waiting=2, waiting_ids=("a", "b"), oldest_at=NOW - 600, head_format="json")
DEAD = process("worker", seen=7200, alive=False)
GONE = process("worker", id="worker-host-2-b008", seen=60, alive=False)
STOPPED = process("worker", seen=60, alive=False, status="stopped")
CRASHED = [process("worker", id=f"w{n}", up=60 - 10 * n, seen=58 - 10 * n, alive=False) for n in range(5)]
LOST: dict[str, Any] = {"marker": "m", "lost_marker": "old", "lost_until": NOW - 25, "lost_at": NOW - 20}
RISE = tuple(Depth(NOW - 300 + 5 * n, {"default": 100 + n}) for n in range(60))


def line(*processes: Process, queues: tuple[QueueView, ...] = (queue(),), **changes: Any) -> Snapshot:
    """A line of web and these."""
    return replace(HEALTHY, processes=(WEB, *processes), queues=queues, **changes)


def elsewhere(**identity: Any) -> Snapshot:
    """No worker here, and one at ``WORKER_HEALTH_URL`` that names another marker."""
    answer = Answer("http://worker:3001", marker="other", identity=identity)
    return replace(WEB_ONLY, answer=answer, server=Server(run_id="r"))


APP = process("app", up=60, enqueues={"default": ["shop.send", "shop.pay"]}, code="other")
KNOWS = {"c0de": frozenset({"shop.send", "shop.pay", "shop.more"})}


def astray(worker_at: float | None = None, knows: Any = KNOWS, **row: Any) -> Snapshot:
    """An app in db 3, where no worker is, or was a while ago."""
    stray = Stray("rq", 3, replace(APP, row={**APP.row, "id": "app-x", **row}), 5, worker_at)
    return line(process("worker"), strays=(stray,), knows=knows)


FAULTS: dict[str, list[Snapshot]] = {
    "redis_unreachable": [
        Snapshot(NOW, error="Connection refused"),
        Snapshot(NOW, error="Connection closed by server."),
        replace(HEALTHY, error="no answer within 1.5 s", suspended=True),
    ],
    "redis_is_a_cluster": [
        Snapshot(NOW, error="CROSSSLOT Keys in request don't hash to the same slot", kind="cluster"),
    ],
    "redis_readonly": [
        replace(HEALTHY, server=Server(replica_of="10.0.0.1:6379")),
        replace(HEALTHY, server=Server("READONLY You can't write", "readonly")),
        replace(HEALTHY, server=Server(replica_of="10.0.0.1:6379"), processes=(DEAD,), leader=""),
    ],
    "redis_forbids": [
        Snapshot(NOW, error="NOPERM this user has no permissions to run the 'eval' command", kind="permission"),
    ],
    "redis_refuses_writes": [
        replace(HEALTHY, server=Server("MISCONF Errors writing to the AOF file: No space left on device", "disk")),
        line(DEAD, server=Server("NOREPLICAS Not enough good replicas to write.", "replicas"), leader=""),
    ],
    "redis_full": [
        replace(HEALTHY, server=Server(used=10 * MIB, limit=10 * MIB)),
        line(process("worker"), queues=(queue(back=600),), server=Server(used=11 * MIB, limit=10 * MIB)),
        replace(HEALTHY, server=Server("OOM command not allowed when used memory > 'maxmemory'.", "full")),
    ],
    "redis_evicts": [
        replace(HEALTHY, server=Server(policy="allkeys-lru", evicted=7)),
        replace(HEALTHY, server=Server(policy="volatile-ttl")),
    ],
    "redis_not_persistent": [
        replace(HEALTHY, server=Server(persistent=False)),
        replace(HEALTHY, server=Server(broken="aof_last_write_status")),
    ],
    "redis_lost_data": [
        line(process("worker", **LOST), queues=(queue(back=30),)),
        line(process("worker", **LOST), process("worker", id="w2", **LOST), queues=(queue(back=30),)),
        line(process("worker"), process("web", id="w2", alive=False, seen=50, status="stopped", **LOST)),
        replace(HEALTHY, processes=(process("web", **LOST), process("worker"))),
    ],
    "data_not_on_a_volume": [replace(HEALTHY, fleeting=".signalbox (overlay)")],
    "different_redis": [
        elsewhere(server="q", redis="redis://other:6379/0", prefix="rq", id="worker-x"),
        elsewhere(),
        replace(elsewhere(server="q"), processes=(WEB, DEAD)),
        replace(elsewhere(server=""), server=Server()),
    ],
    "no_worker": [
        WEB_ONLY,
        replace(WEB_ONLY, queues=(BACKLOG,)),
        replace(WEB_ONLY, processes=(WEB, DEAD)),
        replace(WEB_ONLY, processes=(WEB, STOPPED)),
        replace(WEB_ONLY, processes=(WEB, STANDBY)),
        replace(WEB_ONLY, processes=(WEB, STANDBY, DEAD)),
        replace(WEB_ONLY, processes=(WEB, GONE), leader=""),
        replace(WEB_ONLY, processes=(WEB, replace(STARTING, row={**STARTING.row, "started_at": NOW - 130}))),
        replace(WEB_ONLY, answer=Answer("http://worker:3001", error="refused")),
        replace(WEB_ONLY, processes=(WEB, DEAD), elsewhere=(Elsewhere("rq", 1, "worker-host-2"),)),
    ],
    "different_namespace": [
        replace(WEB_ONLY, elsewhere=(Elsewhere("rq", 1, "worker-host-2"), Elsewhere("other", 0, "worker-host-3"))),
        elsewhere(server="r", redis="redis://here:6379/1", prefix="rq", id="worker-x"),
        astray(),
        astray(worker_at=NOW - 301),
    ],
    "worker_silent": [
        line(process("worker"), GONE),
        line(process("worker"), GONE, connected=frozenset([GONE.id])),
        line(GONE, connected=frozenset([GONE.id])),
        line(process("worker"), process("worker", id="w2", queues=["mail"], seen=60, alive=False), queues=(queue(),)),
        line(process("worker"), process("worker", id="w2", seen=60, alive=False, status="failed")),
    ],
    "worker_suspended": [
        replace(HEALTHY, suspended=True),
        replace(HEALTHY, suspended=True, queues=(queue(back=600),)),
    ],
    "queue_paused": [
        replace(HEALTHY, queues=(replace(BACKLOG, paused=True),)),
        replace(HEALTHY, queues=(queue(paused=True, back=600),)),
    ],
    "queue_not_consumed": [
        replace(HEALTHY, queues=(queue(), queue("mail", back=None, waiting=1, waiting_ids=("a",)))),
        replace(HEALTHY, queues=(queue(), queue("mail", back=None, waiting=4, oldest_at=NOW - 90))),
    ],
    "all_slots_busy": [
        line(busy(job()), queues=(BACKLOG,)),
        line(busy(job()), queues=(replace(BACKLOG, heartbeat=None),)),
        line(busy(job("a"), job("b", runs=41), slots=2), queues=(BACKLOG,)),
    ],
    "stuck_job": [
        line(busy(job(still=8), slots=2)),
        line(busy(job(still=60, left=None), job("b", still=60), slots=2), queues=(queue(back=600),)),
        line(busy(job(left=-16), slots=2)),
    ],
    "lane_halted": [replace(HEALTHY, halts=1, halted=(Lane("contact:42", "a", 8, NOW - 600),))],
    "lane_blocked": [
        replace(HEALTHY, held_up=(Lane("contact:42", "a", 2, NOW - 300),)),
        replace(HEALTHY, held_up=(Lane("contact:42", "a", 3, NOW - 300), Lane("contact:43", "b", 9, NOW - 900))),
    ],
    "waits_in_vain": [
        replace(HEALTHY, queues=(queue(in_vain=(InVain("b", Awaited("a", "failed")),)),)),
        replace(
            HEALTHY, queues=(queue(in_vain=(InVain("b", Awaited("a", None)), InVain("c", Awaited("a", "canceled")))),)
        ),
        replace(HEALTHY, queues=(queue(in_vain=tuple(InVain(f"b{n}", Awaited("a", "stopped")) for n in range(11))),)),
    ],
    "backlog_growing": [replace(HEALTHY, queues=(replace(BACKLOG, waiting=400),), past=RISE)],
    "serializer_mismatch": [
        line(process("worker", serializer="pickle")),
        replace(HEALTHY, queues=(replace(BACKLOG, head_format="pickle"),)),
        replace(HEALTHY, queues=(replace(BACKLOG, head_format="unknown"),)),
        replace(HEALTHY, queues=(queue(refused=Refused("a", "DeserializationError", "not json", NOW - 60)),)),
        line(process("worker"), process("app", up=11, serializer="pickle")),
    ],
    "unknown_task": [
        replace(HEALTHY, queues=(queue(refused=Refused("a", "UnknownTask", "'x' is not", NOW - 60)),)),
        line(process("worker"), APP, knows={"c0de": frozenset({"shop.send"})}),
        replace(HEALTHY, parked=(Parked("shop.send", 3, "a", "default", NOW - 601, NOW + 3000),)),
        line(
            process("worker"),
            APP,
            knows={"c0de": frozenset({"shop.send"})},
            parked=(Parked("shop.pay", 1, "a", "default", NOW - 9, NOW + 3000),),
        ),
    ],
    "foreign_worker": [replace(HEALTHY, foreign=(Foreign("stock", ("default", "mail")),))],
    "abandoned_job": [
        replace(HEALTHY, queues=(queue(foreign_runs=(ForeignRun("a", "stock", NOW + 88),)),)),
        line(process("worker"), queues=(queue(foreign_runs=(ForeignRun("a", "stock", NOW - 1),)),)),
    ],
    "code_mismatch": [
        line(process("worker", code="0ther", tasks=2)),
        line(process("worker", code="0ther", commit="")),
        line(process("worker", commit="0ld")),
        line(process("worker"), process("worker", up=11, code="0ther")),
    ],
    "version_mismatch": [
        line(process("worker", versions={"python": "3.11.9", "rq": "3.1.0", "redis": "8.1.0"})),
        line(process("worker", versions={"python": "3.12.0", "rq": "3.0.0", "redis": "8.1.0"})),
    ],
    "clock_skew": [line(process("worker", clock_offset=5.1)), line(process("worker", clock_offset=-3600))],
    "no_scheduler": [
        replace(HEALTHY, leader="", ticked=NOW - 3),
        replace(HEALTHY, leader="", ticked=0.0, queues=(queue(back=3000),)),
    ],
    "heartbeat_late": [
        replace(HEALTHY, queues=(queue(back=41),)),
        replace(HEALTHY, queues=(queue(back=None),)),
        line(busy(job(), slots=2), queues=(queue(back=41, active=1, active_ids=("a",)),)),
    ],
    "crash_loop": [
        line(process("worker", crashes=4), queues=(queue(back=600),)),
        line(process("worker", crashes=4, status="starting", code="")),
        line(*CRASHED, queues=(BACKLOG,)),
        line(*CRASHED[:4], process("worker", id="w5", up=9)),
        line(process("worker", crashes=4, fails_in="shop.tasks")),
    ],
    "import_hangs": [
        line(process("worker", hangs_in="shop.tasks", hangs_for=25.0)),
        line(process("worker", hangs_in="shop.tasks", hangs_for=25.0, status="starting", code="", up=25)),
    ],
    "draining_too_short": [
        line(process("worker", platform="Railway", draining=None, grace=10.0)),
        line(process("worker", platform="Railway", draining=15.0, grace=20.0)),
    ],
    "wrong_role": [
        line(process("web", id="web-2", jobs_role="worker", service="worker")),
        line(process("web", id="web-2", jobs_role="worker"), queues=(BACKLOG,)),
        line(process("worker"), process("web", id="web-2", jobs_role="worker")),
        line(process("worker", jobs_role="web")),
    ],
    "loop_silent": [
        line(process("worker"), process("loops", queues=[], loops={"in": loop(70.1)})),
        line(process("worker", loops={"in": loop(40.1, 2), "out": loop(1)})),
    ],
}
CASES = [(code, snapshot) for code, snapshots in FAULTS.items() for snapshot in snapshots]
WARN = {
    *("queue_paused", "all_slots_busy", "lane_halted", "lane_blocked", "backlog_growing", "code_mismatch"),
    *("waits_in_vain", "abandoned_job"),
    *("version_mismatch", "clock_skew", "draining_too_short", "redis_not_persistent", "stuck_job", "worker_silent"),
    *("import_hangs", "data_not_on_a_volume"),
}


def codes(snapshot: Snapshot, limits: Limits = LIMITS) -> set[str]:
    return {finding.code for finding in diagnose(snapshot, limits)}


def only(snapshot: Snapshot, limits: Limits = LIMITS) -> Finding:
    [finding] = diagnose(snapshot, limits)
    return finding


def test_every_code_has_its_faults() -> None:
    assert set(FAULTS) == set(get_args(Code))


@pytest.mark.parametrize(("code", "snapshot"), CASES)
def test_each_fault_gives_its_finding_alone(code: str, snapshot: Snapshot) -> None:
    assert [finding.code for finding in diagnose(snapshot, LIMITS)] == [code]


@pytest.mark.parametrize(("code", "snapshot"), CASES)
def test_every_finding_says_what_and_what_to_do(code: str, snapshot: Snapshot) -> None:
    for finding in diagnose(snapshot, LIMITS):
        assert finding.summary.strip()
        assert not finding.summary.endswith(".")
        assert finding.remedy.strip()
        assert finding.evidence
        assert finding.as_dict().keys() == {"code", "severity", "summary", "evidence", "remedy", "since"}
        assert finding.since is None or finding.since <= NOW


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_fails_unless_jobs_still_run(code: str) -> None:
    assert only(FAULTS[code][0]).severity == ("warn" if code in WARN else "fail")


HEALTHY_LINES: dict[str, Snapshot] = {
    "idle": HEALTHY,
    "an app that knows fewer tasks": line(process("worker"), APP, knows=KNOWS),
    "an app whose tasks cannot be compared": line(process("worker"), APP),
    "an app of other code that has just started": line(
        process("worker"), replace(APP, row={**APP.row, "started_at": NOW - 9}), knows={"c0de": frozenset()}
    ),
    "an app where workers import what is named": line(process("worker", allow="any"), APP, knows={"c0de": frozenset()}),
    "apps that come and go": line(process("worker"), *(replace(one, row=one.row | {"role": "app"}) for one in CRASHED)),
    "an app elsewhere whose worker is being replaced": astray(worker_at=NOW - 60),
    "an app elsewhere of another project": astray(knows={"c0de": frozenset({"other.task"})}),
    "an app elsewhere of another environment": astray(environment="staging"),
    "a backlog": replace(HEALTHY, queues=(BACKLOG,)),
    "no queue yet": replace(HEALTHY, queues=()),
    "a dead worker beside a live one": line(process("worker"), DEAD),
    "a dead process of other code": line(process("worker"), process("web", alive=False, code="0ld", serializer="x")),
    "a scheduler of other code": replace(HEALTHY, processes=(process("worker"), process("scheduler", code="0ther"))),
    "an empty queue that nobody serves": replace(HEALTHY, queues=(queue(), queue("mail", back=None))),
    "a heartbeat that is just in time": replace(HEALTHY, queues=(queue(back=36),)),
    "loops about to be started again": line(process("worker", loops={"in": loop(70), "out": loop(40, 2)})),
    "a loop of a process that is gone": line(process("worker"), process("loops", alive=False, loops={"in": loop(999)})),
    "who stands by beside one who works": line(process("worker"), STANDBY),
    "jobs that wait only for the clock": replace(HEALTHY, queues=(queue(scheduled=9, next_at=NOW + 600),)),
    "jobs that wait behind a lane's head": replace(HEALTHY, queues=(queue(deferred=9),)),
    "a long job that nobody waits for": line(busy(job(runs=7200)), queues=(queue(back=7200, active=1),)),
    "a long job beside others that move": line(busy(job(runs=7200), job("b", runs=2), slots=2), queues=(BACKLOG,)),
    "busy slots and a job that has just come": line(busy(job()), queues=(queue(waiting=1, oldest_at=NOW - 35),)),
    "a queue at its limit": line(busy(job(), slots=9, caps={"default": 1}), queues=(queue(back=600, active=1),)),
    "a job that holds its process for a moment": line(busy(job(still=7), slots=2)),
    "and the heartbeat that waits for it": line(busy(job(still=2), slots=2), queues=(queue(back=60),)),
    "a job that its keeper is about to end": line(busy(job(left=-14), slots=2)),
    "a lane whose head has just begun": replace(HEALTHY, held_up=(Lane("k", "a", 9, NOW - 299),)),
    "a long job alone in its lane": replace(HEALTHY, held_up=(Lane("k", "a", 1, NOW - 9000),)),
    "a burst that shrinks": replace(
        HEALTHY,
        queues=(replace(BACKLOG, waiting=8000),),
        past=tuple(Depth(NOW - 300 + 5 * n, {"default": max(0, 10000 - 30 * n) if n > 3 else 0}) for n in range(60)),
    ),
    "a trend too short to tell": replace(HEALTHY, queues=(replace(BACKLOG, waiting=400),), past=RISE[1:]),
    "a backlog that hardly grows": replace(
        HEALTHY, queues=(replace(BACKLOG, waiting=9),), past=tuple(Depth(one.at, {"default": 0}) for one in RISE)
    ),
    "memory to spare": replace(HEALTHY, server=Server(used=10 * MIB - 1, limit=10 * MIB)),
    "no limit of memory": replace(HEALTHY, server=Server(used=10 * MIB, limit=0)),
    "a failure of a worker since replaced": line(
        process("worker", up=50), queues=(queue(refused=Refused("a", "UnknownTask", "'x' is not", NOW - 60)),)
    ),
    "a pickled job for workers that read such jobs too": line(
        process("worker", reads_pickle=True),
        queues=(queue(waiting=1, waiting_ids=("a",), head_format="pickle", oldest_at=NOW - 5),),
    ),
    "what RQ's own worker runs on a queue of its own": replace(
        HEALTHY,
        foreign=(Foreign("stock", ("legacy",)),),
        queues=(queue(), queue("legacy", foreign_runs=(ForeignRun("a", "stock", NOW + 88),))),
    ),
    "RQ's own worker on a queue of its own": replace(HEALTHY, foreign=(Foreign("stock", ("legacy",)),)),
    "the same code from commits unknown": line(process("worker", commit="")),
    "clocks a little apart": line(process("worker", clock_offset=-4.9)),
    "other patch versions": line(process("worker", versions={"python": "3.11.1", "rq": "3.0.9", "redis": "8.1.4"})),
    "a leader about to be replaced": replace(HEALTHY, leader="", ticked=NOW - 2.9),
    "a child that has died of a job": line(process("worker", crashes=3)),
    "a worker that is up again": line(*CRASHED[:4], process("worker", id="w5", up=20)),
    "Railway that waits long enough": line(process("worker", platform="Railway", draining=15.0, grace=12.0)),
    "processes that run what their services are for": line(
        process("web", id="web-2", jobs_role="web"),
        process("worker", jobs_role="worker"),
        process("loops", jobs_role="worker", queues=[]),
        process("scheduler", jobs_role="scheduler"),
    ),
    "the parts of a combo": line(process("worker", jobs_role="combo"), process("web", id="web-2", jobs_role="combo")),
    "a script in a worker's service": line(process("worker"), process("app", jobs_role="worker", queues=[])),
    "data that was lost a day ago": line(process("worker", **LOST | {"lost_at": NOW - 86400})),
    "data that was lost elsewhere": line(process("worker", **LOST | {"marker": "other"})),
    "another platform": line(process("worker", platform="Heroku", draining=None, grace=10.0)),
    "a worker killed and started again": line(process("worker", up=50, seen=1), GONE),
    "a worker killed by a deploy that overlaps": line(process("worker", up=90), replace(GONE, seen_at=NOW - 20)),
    "a worker killed long ago": line(process("worker"), replace(GONE, seen_at=NOW - 1000)),
    "the worker that was asked is here": replace(HEALTHY, answer=Answer("u", marker="m")),
    "a worker that could not be asked": replace(HEALTHY, answer=Answer("u", error="refused")),
    "workers on another queue just coming": line(
        process("worker"), process("worker", status="starting", queues=["mail"], up=5), queues=(
            queue(), queue("mail", back=None, waiting=4, oldest_at=NOW - 90)
        )
    ),
    "a job that has just come, and nobody yet": line(
        process("worker"), queues=(queue(), queue("mail", back=None, waiting=4, oldest_at=NOW - 9))
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY_LINES)
def test_a_healthy_line_has_no_finding(name: str) -> None:
    assert diagnose(HEALTHY_LINES[name], LIMITS) == []


OLD, NEW = process("worker", up=3600, commit="0ld", code="0ld"), process("worker", id="w2", up=8)
DEPLOYS: dict[str, Snapshot] = {
    "the last worker has just stopped": line(replace(STOPPED, seen_at=NOW - 9)),
    "and its successor loads its code": line(STOPPED, STARTING),
    "one was killed, one starts": line(replace(GONE, seen_at=NOW - 14), process("worker", up=3)),
    "old and new together": line(OLD, NEW),
    "web first": line(OLD, process("web", up=8)),
    "the queue's own worker is being replaced": line(
        process("worker"),
        process("worker", queues=["mail"], status="stopped", alive=False, seen=9),
        queues=(queue(), queue("mail", waiting=3, oldest_at=NOW - 60)),
    ),
    "the same tasks of the next commit": line(process("worker", up=590, commit="n3xt")),
}


@pytest.mark.parametrize("name", DEPLOYS)
def test_a_deploy_is_no_fault(name: str) -> None:
    assert diagnose(DEPLOYS[name], LIMITS) == []


BLIND = {"redis_unreachable", "redis_is_a_cluster", "redis_readonly"}
ABSENT = {"no_worker", "different_namespace", "queue_not_consumed", "no_scheduler", "worker_silent"}


@pytest.mark.parametrize("code", sorted(ABSENT))
@pytest.mark.parametrize(
    "change", [{"limits": Limits(15, uptime=9.9)}, {"server": Server(uptime=9.9)}], ids=["web", "server"]
)
def test_absence_is_not_found_by_who_has_only_just_looked(code: str, change: dict[str, Any]) -> None:
    snapshot, limits = FAULTS[code][0], change.get("limits", LIMITS)
    assert codes(replace(snapshot, server=change.get("server", snapshot.server)), limits) == set()
    assert codes(snapshot, Limits(15, uptime=10)) == {code}


@pytest.mark.parametrize("uptime", [0, 1, 9.9])
def test_a_line_that_comes_up_together_raises_no_false_alarm(uptime: float) -> None:
    limits = Limits(heartbeat=15, uptime=uptime)
    young = (process("web", up=uptime), process("worker", up=uptime, code="0ther"))
    assert diagnose(Snapshot(NOW, processes=young, queues=(queue(back=None),)), limits) == []
    assert diagnose(Snapshot(NOW, processes=young, queues=(queue(back=3600),)), limits) == []


def test_a_new_worker_is_not_blamed_for_an_old_silence() -> None:
    young = line(process("worker", up=35), queues=(queue(back=3600),))
    assert diagnose(young, LIMITS) == []


@pytest.mark.parametrize(
    "change",
    [{"leader": "", "ticked": 0.0}, {"suspended": True}, {"processes": (WEB,)}, {"server": Server(used=1, limit=1)}],
    ids=["no scheduler sends any", "suspended workers run none", "no worker runs any", "none can be sent"],
)
def test_a_late_heartbeat_is_not_told_where_its_cause_is(change: dict[str, Any]) -> None:
    late = replace(HEALTHY, queues=(queue(back=3600),))
    assert codes(late) == {"heartbeat_late"}
    assert len(codes(replace(late, **change)) - {"heartbeat_late"}) == len(codes(replace(late, **change))) == 1


@pytest.mark.parametrize(("heartbeat", "late"), [(15, 36), (1, 8), (60, 126)])
def test_what_is_late_follows_the_setting(heartbeat: float, late: float) -> None:
    limits = Limits(heartbeat)
    assert codes(replace(HEALTHY, queues=(queue(back=late),)), limits) == set()
    assert codes(replace(HEALTHY, queues=(queue(back=late + 1),)), limits) == {"heartbeat_late"}


def test_a_killed_worker_that_alone_served_a_queue_is_a_failure() -> None:
    assert [only(snapshot).severity for snapshot in FAULTS["worker_silent"]] == ["warn", "warn", "fail", "fail", "warn"]


def test_two_killed_and_one_started_again_leave_one_missing() -> None:
    other = process("worker", id="worker-host-3-b009", seen=50, alive=False)
    assert codes(line(process("worker"), GONE, other, process("worker", id="new", up=30))) == {"worker_silent"}
    assert len(diagnose(line(process("worker"), GONE, other), LIMITS)) == 2


def test_a_queue_whose_worker_is_missed_no_longer_is_not_consumed() -> None:
    lost = process("worker", id="w2", queues=["mail"], seen=901, up=2000, alive=False)
    mail = queue("mail", back=None, waiting=1, oldest_at=NOW - 900)
    assert codes(line(process("worker"), lost, queues=(queue(), mail))) == {"queue_not_consumed"}


def test_the_gravest_come_first() -> None:
    both = line(process("worker", code="0ther"), leader="", ticked=0.0)
    assert [finding.severity for finding in diagnose(both, LIMITS)] == ["fail", "warn"]


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (
            replace(WEB_ONLY, processes=(WEB, DEAD), queues=(BACKLOG,)),
            ["2 pending", "worker-host-1-b007", "was last seen 2 h ago"],
        ),
        (FAULTS["no_worker"][3], ["stopped 60 s ago"]),
        (FAULTS["no_worker"][0], ["none has been seen here in 7 days"]),
        (FAULTS["no_worker"][4], ["; 1 worker standing by, see: python -m jobs locks"]),
        (FAULTS["no_worker"][7], ["has been starting for 2 min"]),
        (FAULTS["no_worker"][8], ["http://worker:3001 could not be asked: refused"]),
        (FAULTS["different_namespace"][0], ["db 0, prefix rq", "db 1, prefix rq", "db 0, prefix other"]),
        (FAULTS["different_namespace"][1], ["another db or prefix of this server (redis://here:6379/1, prefix rq)"]),
        (FAULTS["different_redis"][0], ["another Redis (redis://other:6379/0", "marker other", "stands m"]),
        (FAULTS["worker_silent"][0], ["for 60 s", "is gone, so it has been killed"]),
        (FAULTS["worker_silent"][2], ["is still open, so it is frozen", "nobody else serves 'default'"]),
        (FAULTS["worker_silent"][4], ["w2 ended with an error 60 s ago"]),
        (FAULTS["queue_paused"][0], ["'default' is paused", "2 jobs queued, the oldest for 10 min"]),
        (FAULTS["queue_not_consumed"][0], ["'mail' has 1 job queued;", "1 worker", "only default"]),
        (FAULTS["queue_not_consumed"][1], ["4 jobs queued, the oldest for 90 s"]),
        (FAULTS["all_slots_busy"][2], ["all 2 slots of 1 worker", "none has become free for 41 s", "a for 50 s"]),
        (FAULTS["stuck_job"][0], ["Job a holds", "moved for 8 s", "it ends at its timeout, in 100 s"]),
        (FAULTS["stuck_job"][1], ["One of the jobs a, b holds", "moved for 60 s"]),
        (FAULTS["stuck_job"][2], ["Job a runs 16 s past its timeout"]),
        (FAULTS["lane_halted"][0], ["1 lane halted", "the longest for 10 min", "contact:42 (7 waiting for a)"]),
        (FAULTS["lane_blocked"][1], ["8 jobs of lane contact:43 wait for b", "for 15 min", "1 other lane"]),
        (FAULTS["waits_in_vain"][0], ["1 job of 'default' waits in vain: b for a, which has failed"]),
        (FAULTS["waits_in_vain"][1], ["2 jobs", "b for a, which is gone, c for a, which was canceled"]),
        (
            FAULTS["waits_in_vain"][2],
            ["At least 11 jobs of 'default' wait", "b0 for a, which was stopped", "6 more"],
        ),
        (FAULTS["backlog_growing"][0], ["100 jobs waited 5 min ago, 400 now, 1 a second"]),
        (FAULTS["serializer_mismatch"][0], ["web-host-1-b007 uses json", "worker-host-1-b007 uses pickle"]),
        (FAULTS["serializer_mismatch"][1], ["a, is pickle", "read json"]),
        (FAULTS["unknown_task"][0], ["Job a of 'default' failed 60 s ago", "'x' is not"]),
        (FAULTS["foreign_worker"][0], ["stock takes jobs from default:"]),
        (FAULTS["abandoned_job"][0], ["1 job of 'default' ran under RQ's own workers, which are gone: a (stock)"]),
        (FAULTS["code_mismatch"][1], ["has 3 (c0de, commit c0ffee)", "(0ther, commit ?)"]),
        (FAULTS["code_mismatch"][2], ["different commits", "commit 0ld"]),
        (FAULTS["version_mismatch"][0], ["web-host-1-b007 has rq 3.0", "worker-host-1-b007 has rq 3.1"]),
        (FAULTS["clock_skew"][1], ["worker-host-1-b007 is 60 min behind"]),
        (FAULTS["heartbeat_late"][2], ["'default' for 41 s", "1 worker with a free slot", "1 job running"]),
        (FAULTS["crash_loop"][0], ["children of worker-host-1-b007", "4 times in a row"]),
        (FAULTS["crash_loop"][4], ["4 times in a row, while they import shop.tasks"]),
        (FAULTS["import_hangs"][1], ["of worker-host-1-b007 has been importing shop.tasks for 25 s"]),
        (FAULTS["crash_loop"][2], ["worker on host dies", "4 times in 60 s", "last was w4"]),
        (FAULTS["wrong_role"][0], ["JOBS_ROLE is worker, but web-2 of service worker runs web"]),
        (FAULTS["draining_too_short"][1], ["waits 15 s, and they take up to 20 s"]),
        (
            replace(FAULTS["redis_unreachable"][0], answer=Answer("u", marker="m", identity={"redis": "redis://r"})),
            ["Connection refused; but the worker at u reaches its own, redis://r"],
        ),
        (FAULTS["redis_full"][0], ["10.0 MiB of 10.0 MiB"]),
        (FAULTS["redis_evicts"][0], ["maxmemory-policy allkeys-lru", "dropped 7 keys"]),
        (FAULTS["redis_readonly"][0], ["replica of 10.0.0.1:6379"]),
    ],
)
def test_the_summary_says_how_it_is_known(snapshot: Snapshot, words: list[str]) -> None:
    summary = only(snapshot).summary
    for word in words:
        assert word in summary


def test_the_remedy_for_an_unserved_queue_names_it() -> None:
    assert "python -m jobs worker mail" in only(FAULTS["queue_not_consumed"][0]).remedy


def test_a_finding_tells_since_when_in_words_that_sort() -> None:
    assert only(FAULTS["queue_not_consumed"][1]).as_dict()["since"] == "2027-01-15T07:58:30+00:00"
    assert only(FAULTS["worker_suspended"][0]).as_dict()["since"] is None


def test_lost_data_is_a_fault_until_a_heartbeat_has_gone_round_on_the_new_data() -> None:
    lost = FAULTS["redis_lost_data"][0]
    assert only(lost).severity == "fail"
    assert "the marker was old until 07:59:35 UTC, and is m" in only(lost).summary
    works = replace(lost, queues=(queue(back=19),))
    assert only(works).severity == "warn"
    assert only(works).since == NOW - 20


@pytest.mark.parametrize(
    ("server", "says", "remedy"),
    [
        (
            Server(run_id="new", uptime=9000),
            "is another server than before (run id old, now new): the",
            "server before",
        ),
        (Server(run_id="new", uptime=30), "has lost its data", "started without its disk"),
        (Server(run_id="old", uptime=9000), "has lost its data", "who ran FLUSHALL"),
        (Server(), "has lost its data", "started without its disk"),
    ],
)
def test_that_another_server_answers_is_said_where_it_is_certain(server: Server, says: str, remedy: str) -> None:
    """A server that was up before the process had found another cannot be that one, started again."""
    worker = process("worker", up=7200, server="old", **LOST)
    found = only(line(worker, queues=(queue(back=30),), server=server))
    assert (says in found.summary, remedy in found.remedy) == (True, True), found


def test_of_several_losses_the_last_is_told() -> None:
    earlier = process("web", **LOST | {"lost_marker": "older", "lost_at": NOW - 90, "lost_until": NOW - 95})
    lost = replace(HEALTHY, processes=(earlier, process("worker", **LOST)))
    assert "the marker was old until" in only(lost).summary


@pytest.mark.parametrize(
    "seen",
    [
        replace(WEB_ONLY, processes=(WEB, LOCKED_OUT)),
        line(
            process("worker"), LOCKED_OUT, queues=(queue(), queue("inbound", back=None, waiting=1, oldest_at=NOW - 90))
        ),
    ],
)
def test_a_lock_that_never_runs_out_is_to_be_taken_away(seen: Snapshot) -> None:
    assert only(seen).remedy.endswith("python -m jobs locks release inbound --force")
    assert "held by old:1 and never runs out" in only(seen).remedy
