"""Processes over HTTP: who is there and what each runs; a worker is stopped as by SIGTERM."""

import json
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from redis import Redis

from jobs import keys, queues
from jobs.queues import prepare
from tests import tasks as t
from tests.api import Api
from tests.integration.test_audit import said
from tests.pages import View, operator
from tests.support import Processes, wait_for

__all__ = ["operator"]


def workers(api: Api) -> list[dict[str, Any]]:
    code, body = api.get("/api/workers")
    assert code == 200
    found: list[dict[str, Any]] = body["workers"]
    return found


def test_a_worker_says_what_it_runs_and_ends_when_it_is_stopped(
    api: Api, client: Redis, processes: Processes, tmp_path: Path
) -> None:
    process = processes.start("-m", "jobs", "worker", JOBS_TASKS="tests.tasks", JOBS_HEARTBEAT="3")
    process.says("is ready")
    [job] = queues.submit(client, [prepare(t.note, str(tmp_path / "notes"), "x", 2.0)])
    [worker] = wait_for(lambda: [one for one in workers(api) if one["running"]], "the job to be shown")
    assert (worker["role"], worker["status"], worker["alive"], worker["outdated"]) == ("worker", "ready", True, False)
    assert (worker["queues"], worker["busy"], worker["slots"]) == (["default"], 1, 10)
    assert [(one["id"], one["seconds"] >= 0) for one in worker["running"]] == [(job.id, True)]
    assert set(worker["versions"]) == {"python", "rq", "redis"}
    assert api.get("/api/queues/default")[1]["workers"] == [worker["id"]]
    assert api.post(f"/api/workers/{worker['id']}/stop") == (202, {"id": worker["id"], "stopping": True})
    assert [(action, target) for _, action, target in said(client)] == [("worker.stop", worker["id"])]
    assert process.ends() == 0
    assert job.fetch().is_finished
    [gone] = workers(api)
    assert (gone["alive"], gone["status"]) == (False, "stopped")
    assert api.post(f"/api/workers/{worker['id']}/stop")[0] == 409


def publish(client: Redis, worker_id: str, **words: Any) -> None:
    row = {
        "id": worker_id,
        "role": "worker",
        "status": "ready",
        "queues": ["default"],
        "serializer": "json",
        "tasks": 3,
    }
    row |= {"code": "c", "commit": "old", "started_at": 1.0, "counters": {}} | words
    client.hset(keys.PROCESSES, worker_id, json.dumps(row))
    client.zadd(keys.SEEN, {worker_id: client.time()[0]})


def test_who_is_of_an_older_commit_is_outdated(api: Api, client: Redis) -> None:
    publish(client, "a")
    publish(client, "b", commit="new", started_at=2.0)
    publish(client, "c", commit="older", status="stopped")
    assert {one["id"]: one["outdated"] for one in workers(api)} == {"a": True, "b": False, "c": False}


def test_what_runs_goes_by_its_task_and_label(api: Api, client: Redis, operator: FlaskClient) -> None:
    letter, total = queues.submit(client, [prepare(t.write, "ada"), prepare(t.add, 1, 2)])
    running = [{"id": job.id, "for": 30.0, "left": None, "still": 0} for job in (letter, total)]
    publish(client, "a", running=running)
    [worker] = workers(api)
    assert [(one["id"], one["task"], one["label"]) for one in worker["running"]] == [
        (letter.id, "tests.tasks.write", "Letter to ada, Bonn"),
        (total.id, "tests.tasks.add", None),
    ]
    text = View(operator, "/workers").text
    assert f"Letter to ada, Bonn tests.tasks.write {letter.id[:8]}… for 3" in text
    assert f"tests.tasks.add {total.id[:8]}… for 3" in text


def test_only_a_worker_that_listens_is_stopped(api: Api, client: Redis) -> None:
    publish(client, "web-1", role="web")
    publish(client, "standby", status="standby")
    answers = {name: api.post(f"/api/workers/{name}/stop") for name in ("nobody", "web-1", "standby")}
    assert {name: code for name, (code, _) in answers.items()} == {"nobody": 404, "web-1": 409, "standby": 409}
    assert "stands by" in answers["standby"][1]["detail"]


def test_loops_are_shown(api: Api, client: Redis) -> None:
    loop = {"alive": True, "last_ping_ago": 0.4, "restarts": 2, "errors": 1, "max_silence": 60, "cycles": 3}
    publish(client, "loops-a", loops={"outbound": loop})
    assert workers(api)[0]["loops"] == [
        {"name": "outbound", "alive": True, "silence": 0.4, "limit": 60, "restarts": 2, "errors": 1},
    ]
