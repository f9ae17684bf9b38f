"""The whole line works under exactly the rights that docs/RIGHTS.md shows."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

import jobs
from jobs import connection, keys, lanes, registry, settings, workers
from jobs.catalog import detail
from jobs.health import snapshot
from jobs.health.diagnosis import Limits, diagnose
from jobs.health.snapshot import living
from tests import tasks as t
from tests.chaos.server import Server
from tests.support import ROOT, Processes, free_port, get, post, wait_for

USERS = dict(re.findall(r"^    ACL SETUSER (\w+) (.*)$", (ROOT / "docs/RIGHTS.md").read_text(), re.MULTILINE))
DETAILS = {"info", "config|get", "client|list"}
"""What may be forbidden."""
COMMANDS = (
    *("status", "list", "lanes", "locks", "schedules", "audit", "whoami", "recover", "clean", "dead", "dead --groups"),
    *("pause mail", "resume mail", "empty mail --yes", "dead retry --all", "enqueue tests.tasks.add 1 2", "doctor"),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("redis"))
    found.start()
    for user, rules in USERS.items():
        found.client.execute_command("ACL", "SETUSER", user, *rules.replace("PASSWORD", "s3cret").split())
    yield found
    found.close()


@pytest.fixture
def app(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """This process is an app, under the app's user."""
    monkeypatch.setenv("REDIS_URL", url(server, "app"))
    monkeypatch.setenv("JOBS_TASKS", "tests.tasks")
    caches = (settings.current, connection.default, connection.address)
    for cached in caches:
        cached.cache_clear()
    registry.load(("tests.tasks",))
    yield connection.default()
    connection.default().close()
    for cached in caches:
        cached.cache_clear()
    server.client.flushdb()


def url(server: Server, user: str) -> str:
    return f"redis://{user}:s3cret@127.0.0.1:{server.port}/0"


def denied(server: Server) -> set[tuple[str, str]]:
    """Who was refused what."""
    found = server.client.acl_log(128)
    return {(str(one["username"]), str(one["object"])) for one in found}


def test_every_part_works_under_its_own_rights_and_asks_for_no_more(
    server: Server, app: Redis, processes: Processes, tmp_path: Path
) -> None:
    all_of_them = {"REDIS_URL": url(server, "worker"), "JOBS_HEARTBEAT": "1", "JOBS_LEASE": "1.5"}
    ports = {user: free_port() for user in ("worker", "dashboard")}
    scheduler = processes.start("-m", "jobs", "scheduler", **all_of_them)
    worker = processes.start("-m", "jobs", "worker", "--type", "inbound", "--single", "default", **all_of_them)
    for user, port in ports.items():
        processes.start("-m", "web", **{**all_of_them, "REDIS_URL": url(server, user), "PORT": str(port)})
    for process in (scheduler, worker):
        process.says("is ready")

    def is_over(job_id: str, *ends: str) -> None:
        wait_for(lambda: (found := detail(app, job_id)) and found.job.state in ends, f"{job_id} to be {ends}")

    gate = tmp_path / "gate"
    for sent in (
        *(t.add.enqueue(1, 2), t.add.enqueue(1, 2, delay=0.5), t.add.enqueue(1, 2, job_id="once", unique=True)),
        *(t.greet.enqueue(1), t.greet.enqueue(1), t.fail_until.enqueue(str(tmp_path / "runs"), 2)),
        *jobs.enqueue_many([t.add.prepare(1, 2), t.add.prepare(3, 4)]),
    ):
        is_over(sent.id, "finished")
    is_over(t.pay.enqueue(1).id, "failed")
    assert lanes.lane("customer:1", app).state == "halted"
    climbing = t.climb.enqueue(str(gate))
    is_over(climbing.id, "running")
    with jobs.lock("thread:1", ttl=5) as lease:
        lease.note(run_id="r")
        assert jobs.active_run("thread:1") == "r"

    commands = (*COMMANDS, f"job {climbing.id}", f"cancel {t.add.enqueue(1, 1, delay=60).id}")
    for said in [processes.start("-m", "jobs", *command.split(), **all_of_them) for command in commands]:
        assert said.ends(60) in (0, 1), said.lines
        assert not [line for line in said.lines if "permi" in line], said.lines
    assert post(ports["worker"], f"/api/jobs/{climbing.id}/stop", {})[0] == 202
    gate.touch()
    assert post(ports["worker"], "/health/probe", {})[0] == 200
    for port in ports.values():
        for path in ("/readyz", "/health", "/queue/stats", "/api/queues", "/api/jobs", "/api/workers", "/api/history"):
            wait_for(lambda port=port, path=path: get(port, path)[0] == 200, f"{path} to answer 200")  # type: ignore[misc]
    assert {one["role"] for one in get(ports["dashboard"], "/health")[1]["processes"]} >= {"web", "worker", "scheduler"}
    assert post(ports["dashboard"], "/api/queues/default/pause", {})[0] == 503
    assert not app.sismember(keys.PAUSED, "default")
    assert get(ports["worker"], "/health")[1]["findings"] == []

    worker_id = next(one.id for one in living(app) if one.role == "worker")
    assert workers.stop(app, worker_id)
    assert worker.ends() == 0
    assert {what for user, what in denied(server) if user != "dashboard"} <= DETAILS


@pytest.fixture
def user(server: Server) -> Iterator[str]:
    """A user with the worker's rights, to be cut down."""
    server.client.execute_command("ACL", "SETUSER", "narrow", *USERS["worker"].replace("PASSWORD", "s3cret").split())
    yield "narrow"
    server.client.execute_command("ACL", "DELUSER", "narrow")


def found(server: Server) -> dict[str, str]:
    """What is said of the line, by code."""
    seen = snapshot.read(server.client, ["default"], 0)
    return {one.code: one.summary for one in diagnose(seen, Limits(15.0))}


def test_a_worker_that_may_not_listen_to_commands_is_named_until_it_may(
    server: Server, app: Redis, user: str, processes: Processes
) -> None:
    server.client.execute_command("ACL", "SETUSER", user, "resetchannels")
    worker = processes.start("-m", "jobs", "worker", REDIS_URL=url(server, user), JOBS_HEARTBEAT="1")
    worker.says("is ready")
    said = wait_for(lambda: found(server).get("redis_forbids"), "the finding")
    assert "to listen to commands" in said
    assert "channel" in said
    [me] = [one.id for one in living(app) if one.role == "worker"]
    assert not workers.stop(app, me)
    server.client.execute_command("ACL", "SETUSER", user, "&rq:pubsub:*")
    wait_for(lambda: "redis_forbids" not in found(server), "it to be gone")
    assert workers.stop(app, me)
    assert worker.ends() == 0


def test_without_eval_the_permission_is_named(server: Server, app: Redis, user: str, processes: Processes) -> None:
    server.client.execute_command("ACL", "SETUSER", user, "-eval", "-evalsha")
    doctor = processes.start("-m", "jobs", "doctor", "--json", REDIS_URL=url(server, user))
    assert doctor.ends() == 2
    [check] = [one for one in json.loads("\n".join(doctor.lines))["checks"] if one.get("code")]
    assert check["code"] == "redis_forbids"
    assert "'eval'" in check["says"]
    assert "ACL SETUSER" in check["remedy"]


def test_without_client_everything_works(server: Server, app: Redis, user: str, processes: Processes) -> None:
    server.client.execute_command("ACL", "SETUSER", user, "-client")
    processes.start("-m", "jobs", "worker", REDIS_URL=url(server, user)).says("is ready")
    job = t.add.enqueue(1, 2)
    wait_for(lambda: (one := detail(app, job.id)) and one.job.state == "finished", "the job to be done")
