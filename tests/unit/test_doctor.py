"""An examination: facts in, one check a line out."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.address import parse
from jobs.health.doctor import Check, Facts, examine, exit_code
from jobs.health.doctor.facts import Server
from jobs.health.snapshot import Answer, Process, Snapshot
from jobs.health.snapshot import Server as State
from jobs.settings import Settings

NOW = 1_700_000_000.0
MIB = 1024 * 1024
WHERE = parse("redis://cache:6379/0")
WORKER = Process(
    {
        "id": "worker-a-1",
        "role": "worker",
        "queues": ["default"],
        "status": "ready",
        "serializer": "json",
        "code": "",
        "tasks": 1,
        "commit": "",
        "started_at": NOW - 900,
        "service": "jobs",
        "jobs_role": "worker",
    },
    NOW - 1,
    alive=True,
)
WRONG = replace(WORKER, row={**WORKER.row, "id": "web-a-2", "role": "web", "service": "worker", "jobs_role": "worker"})
SEEN = Snapshot(
    NOW,
    marker="m",
    leader="worker-a-1",
    ticked=NOW,
    processes=(WORKER,),
    server=State(used=2 * MIB, version="Redis 7.2.4"),
)
SERVER = Server(
    "Redis", (7, 2, 4), aof=True, fsync="everysec", machine=1024 * MIB, latency=0.001, offset=0.1, scripts=9
)
RAILWAY = {"RAILWAY_ENVIRONMENT_NAME": "production", "JOBS_TOKEN": "t" * 16}
DRAINS = {**RAILWAY, "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "15"}


def settings(**environ: str) -> Settings:
    return Settings.from_environ({"REDIS_URL": "redis://cache:6379/0", **environ})


def facts(**change: Any) -> Facts:
    well = Facts(0.6, settings=settings(), where=WHERE, seen=SEEN, server=SERVER)
    return replace(well, **change)


def told(found: Facts, level: str) -> dict[str, Check]:
    return {check.name: check for check in examine(found) if check.level == level}


def test_all_is_well() -> None:
    checks = examine(facts(expected=WHERE.fingerprint))
    assert [check.name for check in checks] == [
        *("settings", "fingerprint", "redis", "version", "persistence", "eviction", "memory", "latency", "clock"),
        *("scripts", "line"),
    ]
    assert {check.level for check in checks} == {"ok"}
    assert exit_code(checks) == 0


CASES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "settings that cannot be used": (
        {"settings": None, "seen": None, "wrong": "PORT is 'x'"},
        "settings",
        "fail",
        "PORT is 'x'",
    ),
    "two addresses that differ": (
        {"settings": settings(REDISHOST="other")},
        "settings",
        "warn",
        "REDISHOST points to redis://other:6379/0, but REDIS_URL",
    ),
    "a setting that is misspelt": (
        {"strangers": (("JOBS_QUEUE", "JOBS_QUEUES"),)},
        "settings",
        "warn",
        "JOBS_QUEUE is set, and is no setting",
    ),
    "no token on a platform": ({"settings": settings(DYNO="web.1")}, "access", "warn", "nothing but health is shown"),
    "a token that can be guessed": (
        {"settings": settings(JOBS_TOKEN="hunter2")},
        "access",
        "warn",
        "JOBS_TOKEN has 7 characters, so it can be guessed",
    ),
    "another fingerprint": ({"expected": "0" * 12}, "fingerprint", "fail", f"is {WHERE.fingerprint}, of redis://cache"),
    "no Redis at all": ({"seen": None, "server": None, "where": None}, "redis", "warn", "does not run"),
    "a Redis that does not answer": (
        {"seen": Snapshot(NOW, error="no answer within 0.6 s"), "server": None},
        "redis",
        "fail",
        "Redis does not answer: no answer within 0.6 s",
    ),
    "a replica": ({"seen": replace(SEEN, server=State(replica_of="m:1"))}, "redis", "fail", "a replica of m:1"),
    "an old server": ({"server": replace(SERVER, version=(6, 2, 1))}, "version", "fail", "Redis 6.2.1 is too old"),
    "snapshots only": ({"server": replace(SERVER, aof=False)}, "persistence", "warn", "keeps only snapshots"),
    "nothing on disk": (
        {"seen": replace(SEEN, server=State(persistent=False)), "server": replace(SERVER, aof=False)},
        "persistence",
        "warn",
        "keeps nothing on disk",
    ),
    "eviction": ({"seen": replace(SEEN, server=State(policy="allkeys-lru"))}, "eviction", "warn", "allkeys-lru"),
    "little room": (
        {"seen": replace(SEEN, server=State(used=95, limit=100))},
        "memory",
        "warn",
        "nearly full: 0.0 MiB used of 0 MiB, its limit (95%)",
    ),
    "no room": ({"seen": replace(SEEN, server=State(used=100, limit=100))}, "memory", "fail", "Redis is full"),
    "a server that is far": ({"server": replace(SERVER, latency=0.18)}, "latency", "warn", "180.00 ms"),
    "a clock that is wrong": (
        {"server": replace(SERVER, offset=-60.0)},
        "clock",
        "warn",
        "60.000 s behind the server's",
    ),
    "a script that is refused": (
        {"server": replace(SERVER, refused={"admit": "NOPERM"})},
        "scripts",
        "fail",
        "1 of 9 scripts do not load, admit.lua first: NOPERM",
    ),
    "no worker": ({"seen": replace(SEEN, processes=())}, "no_worker", "fail", "No worker is alive"),
    "a worker that cannot be asked": (
        {"seen": replace(SEEN, answer=Answer("http://w:1", error="refused"))},
        "worker",
        "warn",
        "http://w:1 cannot be asked who it is: refused",
    ),
    "a worker on another Redis": (
        {"seen": replace(SEEN, answer=Answer("http://w:1", marker="other"))},
        "different_redis",
        "warn",
        "works on another Redis",
    ),
    "no draining": ({"settings": settings(**RAILWAY)}, "draining", "warn", "DRAINING_SECONDS is not set, and then it"),
    "no draining, but in a file that nobody reads": (
        {"settings": settings(**RAILWAY), "railway_file": True},
        "draining",
        "warn",
        "then it waits 0 s",
    ),
    "a draining that is too short": (
        {"settings": settings(**DRAINS, JOBS_GRACE="15")},
        "draining",
        "warn",
        "Railway waits 15 s, and parts take up to 15 s to end (JOBS_GRACE)",
    ),
    "a start command that is another role's": (
        {"settings": settings(**DRAINS), "seen": replace(SEEN, processes=(WORKER, WRONG))},
        "role",
        "warn",
        "JOBS_ROLE is worker, but web-a-2 of service worker runs web",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_with_what_to_do(case: str) -> None:
    change, name, level, words = CASES[case]
    found = facts(**change)
    check = told(found, level)[name]
    assert words in check.says
    assert check.remedy
    assert exit_code(examine(found)) == {"warn": 1, "fail": 2}[level]


def test_what_the_server_does_not_say_is_no_fault() -> None:
    silent = replace(SERVER, version=(), aof=None, fsync="", machine=0)
    found = facts(server=silent, seen=replace(SEEN, server=State()))
    assert exit_code(examine(found)) == 0
    assert {one.name for one in examine(found) if "does not say" in one.says} == {
        *("version", "persistence", "eviction", "memory")
    }


def test_a_finding_is_told_once() -> None:
    checks = examine(facts(seen=replace(SEEN, server=State(policy="allkeys-lru", evicted=3))))
    assert [check.name for check in checks if check.code == "redis_evicts"] == ["eviction"]
    assert checks[-1].says.startswith("no other finding")


def test_on_a_server_that_has_just_started_nobody_is_missed() -> None:
    [check] = [one for one in examine(facts(seen=Snapshot(NOW, server=State(uptime=3.0)))) if one.name == "line"]
    assert check.level == "ok"
    assert check.says.endswith("Redis has been up for 3 s only, so who is missing cannot be told yet")


def test_a_worker_that_reads_the_same_marker_is_told_of() -> None:
    [check] = [
        one
        for one in examine(facts(seen=replace(SEEN, answer=Answer("http://w:1", marker="m"))))
        if one.name == "worker"
    ]
    assert (check.level, check.says) == ("ok", "http://w:1 reads the same marker: both are on the same data")


def test_on_railway_the_variables_and_the_running_role_count() -> None:
    checks = {
        check.name: check.says
        for check in examine(facts(settings=settings(**DRAINS, JOBS_ROLE="worker", RAILWAY_SERVICE_NAME="jobs")))
        if check.name in ("draining", "role")
    }
    assert checks == {
        "draining": "Railway waits 15 s for a process to end",
        "role": "JOBS_ROLE is worker; service jobs runs worker-a-1",
    }


def test_of_a_railway_json_it_says_that_nobody_reads_it() -> None:
    [check] = [one for one in examine(facts(railway_file=True)) if one.name == "railway.json"]
    assert (check.level, "does not read this file from 2026-12-01 on" in check.says) == ("ok", True)
