"""What web and a worker answer alike, over HTTP: to whom, how fast, and whatever Redis does."""

import http.client
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs import keys, queues
from jobs.launcher.server import start
from jobs.queues import prepare
from tests import tasks as t
from tests.network import Way, way
from tests.support import Processes, answers, free_port, get, post, statuses, wait_for

pytestmark = pytest.mark.usefixtures("tasks")

TOKEN = "a-token-for-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
RAILWAY = {"Host": "healthcheck.railway.app"}
ENDPOINTS = ("/livez", "/readyz", "/health", "/healthz", "/health/queue", "/queue/stats")
PUBLIC = {"status", "findings", "timestamp"}
MANY = 48
"""Callers at once."""
AWAITS = {"/livez": 2, "/readyz": 5, "/health": 5}
"""How often an answer waits for a processor, per wait of a server that reads a file: those that look at Redis wait for
a thread of their own, for Redis, and for what it says."""

Serve = Callable[..., int]


@pytest.fixture(params=["web", "worker"])
def serve(request: pytest.FixtureRequest, processes: Processes) -> Serve:
    """Start one that answers, web or a worker; its port."""

    def begin(**environ: str) -> int:
        port = free_port()
        command, variable = (("web",), "PORT") if request.param == "web" else (("jobs", "worker"), "JOBS_WORKER_PORT")
        processes.start("-m", *command, **{variable: str(port)}, **environ)
        wait_for(lambda: answers(port), f"{request.param} to listen")
        return port

    return begin


@pytest.fixture
def port(url: str, serve: Serve) -> int:
    """One that is ready, in development without a token."""
    return ready(serve())


def ready(port: int) -> int:
    wait_for(lambda: get(port, "/readyz")[0] == 200, "it to be ready")
    return port


def submit(client: Redis, *numbers: int, **options: Any) -> None:
    queues.submit(client, [prepare(t.add, number, 1, **options) for number in numbers])


def enqueue_raw(client: Redis, job_id: str, payload: str) -> None:
    """A job as somebody else writes it."""
    client.hset(keys.job(job_id), mapping={"origin": "elsewhere", "description": "some.task()", "data": payload})
    client.rpush(keys.queue("elsewhere"), job_id)


class TestWhoMaySeeWhat:
    def test_without_the_token_health_says_only_that_something_is_wrong(self, url: str, serve: Serve) -> None:
        port = ready(serve(JOBS_TOKEN=TOKEN))
        for path in ("/health", "/healthz"):
            public, full = get(port, path)[1], get(port, path, **BEARER)[1]
            assert public.keys() == PUBLIC
            assert all(finding.keys() == {"code", "severity"} for finding in public["findings"])
            assert {"checks", "identity", "processes", "serviceId"} <= full.keys()
        assert get(port, "/health", Authorization="Bearer wrong")[1].keys() == PUBLIC

    def test_samples_are_for_those_with_the_token(self, url: str, client: Redis, serve: Serve) -> None:
        port = ready(serve(JOBS_TOKEN=TOKEN))
        submit(client, *range(12), queue="elsewhere")
        public, full = get(port, "/queue/stats")[1], get(port, "/queue/stats", **BEARER)[1]
        assert public["stats"]["pending"] == full["stats"]["pending"] == 12
        assert "samples" not in public
        assert [one["description"] for one in full["samples"]["waiting"]] == ["tests.tasks.add()"] * 10
        assert {one["queue"] for one in full["samples"]["waiting"]} == {"elsewhere"}
        assert [one["task"] for one in full["samples"]["waiting"]] == ["tests.tasks.add"] * 10
        assert full["samples"]["active"] == []

    def test_a_sample_shows_what_its_task_is_called_with_but_no_secret(
        self, url: str, client: Redis, serve: Serve
    ) -> None:
        port = ready(serve(JOBS_TOKEN=TOKEN))
        t.add.enqueue(1, 2, queue="elsewhere")
        client.hset(keys.job("large"), mapping={"origin": "elsewhere", "description": "large()", "data": b"x" * 20_000})
        enqueue_raw(client, "secret", '["some.task", null, ["ada"], {"password": "hunter2", "to": 7}]')
        client.rpush(keys.queue("elsewhere"), "large")
        first, second, third = get(port, "/queue/stats", **BEARER)[1]["samples"]["waiting"]
        assert first["data"] == {"args": [1, 2], "kwargs": {}}
        assert second["data"] == {"args": ["ada"], "kwargs": {"password": "•••", "to": 7}}
        assert (third["task"], "data" in third) == ("large", False)

    def test_railways_health_check_is_answered_by_its_name(self, url: str, serve: Serve) -> None:
        port = ready(serve(RAILWAY_ENVIRONMENT_NAME="production"))
        assert get(port, "/readyz", **RAILWAY)[0] == 200
        assert get(port, "/health", **RAILWAY)[1].keys() == PUBLIC

    def test_a_proxy_on_this_machine_sees_what_anybody_sees(self, port: int) -> None:
        assert "checks" in get(port, "/health")[1]
        assert get(port, "/health", **{"X-Forwarded-For": "203.0.113.9"})[1].keys() == PUBLIC


class TestWhatIsSaid:
    def test_health_is_health_json_with_its_checks(self, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/health")
        answer = connection.getresponse()
        connection.close()
        assert answer.headers["Content-Type"] == "application/health+json"
        assert answer.headers["Cache-Control"] == "no-store"
        checks = get(port, "/health")[1]["checks"]
        assert {"redis:responseTime", "worker:alive", "scheduler:leader", "queue:waiting"} <= checks.keys()
        [redis] = checks["redis:responseTime"]
        assert (redis["status"], redis["componentType"], redis["observedUnit"]) == ("pass", "datastore", "ms")
        assert 0 < redis["observedValue"] < 2000

    def test_head_is_get_without_the_body(self, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("HEAD", "/readyz")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"")
        assert int(answer.headers["Content-Length"]) > 0
        connection.close()

    def test_from_so_many_pending_jobs_on_the_queue_warns_and_says_why(
        self, url: str, client: Redis, serve: Serve, processes: Processes
    ) -> None:
        port = ready(serve(JOBS_WARN_PENDING="5"))
        processes.start("-m", "jobs", "worker").says("is ready")
        queues.submit(client, [prepare(t.sleep_through, key="lane", timeout=60)])
        submit(client, 1, 2, 3, 4, key="lane")
        wait_for(lambda: get(port, "/health/queue")[1]["status"] == "healthy", "the line to be clear")
        submit(client, 5, key="lane")
        status, body, _ = get(port, "/health/queue")
        assert (status, body["status"], body["queue"]["pending"]) == (200, "warning", 5)
        assert body["reason"] == "5 jobs are pending; JOBS_WARN_PENDING is 5"
        assert body["queue"]["consumers"] == body["queue"]["queues"]["default"]["consumers"] >= 1

    def test_a_job_that_is_not_a_job_is_shown_by_its_id(self, port: int, client: Redis) -> None:
        client.rpush(keys.queue("odd"), "odd-one")
        client.sadd(keys.QUEUES, keys.queue("odd"))
        client.set(keys.job("odd-one"), "no hash")
        assert {"id": "odd-one"} in get(port, "/queue/stats")[1]["samples"]["waiting"]

    def test_anything_else_is_404(self, port: int) -> None:
        assert [get(port, path)[0] for path in ("/nothing", "/livez/", "/health/queue/more")] == [404] * 3


class TestProbe:
    def test_it_goes_down_each_queue_and_tells_the_round_trip(
        self, url: str, serve: Serve, processes: Processes
    ) -> None:
        environ = {"JOBS_QUEUES": "high,low"}
        port = ready(serve(**environ))
        processes.start("-m", "jobs", "worker", **environ).says("is ready")
        status, body, took = post(port, "/health/probe", {})
        assert (status, body["status"]) == (200, "pass")
        trips = body["checks"]["heartbeat:roundTrip"]
        assert [trip["componentId"] for trip in trips] == ["high", "low"]
        assert all(0 < trip["observedValue"] < 5000 and trip["observedUnit"] == "ms" for trip in trips)
        assert took < 5

    def test_each_probe_is_a_heartbeat_of_its_own(
        self, url: str, serve: Serve, client: Redis, processes: Processes
    ) -> None:
        port = ready(serve())
        processes.start("-m", "jobs", "worker").says("is ready")
        seen = set()
        for _ in range(3):
            assert post(port, "/health/probe?queue=default", {})[0] == 200
            seen.add(client.hget(keys.heartbeat("default"), "back_id"))
        assert len(seen) == 3

    def test_types_that_share_a_queue_bring_one_back_each(
        self, url: str, serve: Serve, client: Redis, processes: Processes
    ) -> None:
        types = {"inbound", "outbound"}
        port = ready(serve())
        for name in types:
            shared = {"JOBS_TYPES": "inbound=default;outbound=default"}
            processes.start("-m", "jobs", "worker", "--type", name, **shared).says("is ready")

        def all_have() -> bool:
            post(port, "/health/probe?queue=default", {})
            brought: dict[str, float] = get(port, "/health/queue")[1]["heartbeat"]["default"].get("types", {})
            return brought.keys() == types

        wait_for(all_have, "both types to have brought a heartbeat back")

    def test_where_nobody_takes_it_the_answer_says_why_and_in_time(self, port: int, client: Redis) -> None:
        submit(client, 1, queue="emails")
        wait_for(lambda: "emails" in get(port, "/health/queue")[1]["queue"]["queues"], "the queue to be known")
        status, body, took = post(port, "/health/probe?queue=emails&within=0.5", {})
        assert (status, body["status"]) == (503, "fail")
        [trip] = body["checks"]["heartbeat:roundTrip"]
        assert trip["status"] == "fail"
        assert trip["output"].startswith("no heartbeat came back within 0.5 s: ")
        assert "1 job queued, waiting for a worker" in trip["output"]  # that lasts too shortly to be a finding
        assert 0.5 <= took < 2
        wait_for(lambda: get(port, "/health")[1]["findings"], "the finding")
        [trip] = post(port, "/health/probe?queue=emails&within=0.1", {})[1]["checks"]["heartbeat:roundTrip"]
        assert "No worker is alive" in trip["output"] or "'emails' has 1 job queued" in trip["output"]

    @pytest.mark.parametrize(
        ("query", "status", "said"),
        [
            ("?within=soon", 422, "within: expected a time"),
            ("?queue=nowhere", 404, "no worker serves a queue 'nowhere'"),
        ],
    )
    def test_what_cannot_be_is_said(self, port: int, query: str, status: int, said: str) -> None:
        code, problem, _ = post(port, f"/health/probe{query}", {})
        assert (code, problem["status"]) == (status, status)
        assert said in problem["detail"]

    def test_it_is_for_those_with_the_token(self, url: str, serve: Serve, client: Redis) -> None:
        port = ready(serve(JOBS_TOKEN=TOKEN))
        for headers in ({}, {"Authorization": "Bearer wrong"}, RAILWAY):
            assert post(port, "/health/probe?queue=nowhere", {}, **headers)[0] == 401
        assert post(port, "/health/probe?queue=nowhere", {}, **BEARER)[0] == 404

    def test_a_worker_that_runs_only_loops_probes_the_queues_that_there_are(
        self, url: str, client: Redis, processes: Processes, tmp_path: Path
    ) -> None:
        port = free_port()
        environ = {"JOBS_TASKS": "tests.loops", "LOOPS_FOLDER": str(tmp_path), "JOBS_WORKER_PORT": str(port)}
        processes.start("-m", "jobs", "worker", "--runs", "loops", **environ)
        wait_for(lambda: answers(port), "it to listen")
        assert post(port, "/health/probe", {})[0] == 404
        processes.start("-m", "jobs", "worker").says("is ready")
        submit(client, 1)
        status, body, _ = post(port, "/health/probe", {})
        assert (status, [one["componentId"] for one in body["checks"]["heartbeat:roundTrip"]]) == (200, ["default"])

    def test_few_at_a_time(self, port: int, client: Redis) -> None:
        client.sadd(keys.PAUSED, "default")
        with ThreadPoolExecutor(5) as callers:
            found = list(callers.map(lambda _: post(port, "/health/probe?within=1.5", {})[0], range(5)))
        assert sorted(found) == [429, 503, 503, 503, 503]


class TestWhateverRedisDoes:
    """Each answer within 2 s, and the right one."""

    DOWN: dict[str, int] = {path: 200 if path == "/livez" else 503 for path in ENDPOINTS}  # noqa: RUF012

    @pytest.fixture
    def redis_port(self) -> int:
        return free_port()

    @pytest.fixture
    def redis(self, redis_port: int, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
        process = start(tmp_path, redis_port, "--loglevel", "warning")
        wait_for(lambda: answers(redis_port), "the server")
        yield process
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()

    @pytest.fixture
    def line(self, redis: object, redis_port: int) -> Iterator[Way]:
        with way(redis_port) as found:
            yield found

    @pytest.fixture
    def port(self, line: Way, serve: Serve) -> int:
        return ready(serve(REDIS_URL=f"redis://127.0.0.1:{line.port}/0"))

    def test_it_is_stopped(self, port: int, redis: "subprocess.Popen[bytes]") -> None:
        redis.send_signal(signal.SIGSTOP)
        assert statuses(port, *ENDPOINTS) == self.DOWN
        redis.send_signal(signal.SIGCONT)
        ready(port)

    def test_it_is_gone(self, port: int, line: Way, redis: "subprocess.Popen[bytes]") -> None:
        redis.kill()
        line.close()
        assert statuses(port, *ENDPOINTS) == self.DOWN

    def test_nothing_of_it_arrives(self, port: int, line: Way) -> None:
        line.cut()
        assert statuses(port, *ENDPOINTS) == self.DOWN
        status, body, took = post(port, "/health/probe", {})
        assert (status, body["status"]) == (503, "fail")
        assert body["output"].startswith("Redis took no heartbeat: ")
        assert took < 2
        line.mend()
        ready(port)

    def test_it_is_read_only(self, port: int, redis_port: int) -> None:
        client = Redis(port=redis_port)
        client.sadd(keys.QUEUES, keys.queue("fresh"))
        client.replicaof("127.0.0.1", "1")
        found = statuses(port, *ENDPOINTS)
        status, body, took = post(port, "/health/probe?queue=fresh", {})
        assert (status, "read only" in body["output"], took < 2) == (503, True, True)
        assert (found["/livez"], found["/readyz"], found["/queue/stats"]) == (200, 503, 200)

    def test_it_is_full(self, port: int, redis_port: int) -> None:
        Redis(port=redis_port).config_set("maxmemory", 1)
        found = statuses(port, *ENDPOINTS)
        assert (found["/livez"], found["/readyz"], found["/queue/stats"]) == (200, 200, 200)

    def test_it_was_never_there(self, redis_port: int, serve: Serve) -> None:
        port = serve(REDIS_URL=f"redis://127.0.0.1:{redis_port}/0")
        assert statuses(port, *ENDPOINTS) == self.DOWN
        [redis] = get(port, "/health")[1]["checks"]["redis:responseTime"]
        assert redis["status"] == "fail"
        assert "does not answer" in redis["output"]

    def test_many_ask_at_once_while_nothing_arrives(self, port: int, line: Way) -> None:
        line.cut()
        with ThreadPoolExecutor(MANY) as callers:
            asked = [(path, callers.submit(get, port, path)) for path in ENDPOINTS * (MANY // len(ENDPOINTS))]
        assert {(path, answer.result()[0]) for path, answer in asked} == set(self.DOWN.items())
        assert max(answer.result()[2] for _, answer in asked) < 2


@pytest.mark.parametrize("pool", ["thread", "process"])
def test_ten_jobs_that_hog_the_cpu_hold_up_no_answer_of_the_worker(
    client: Redis, processes: Processes, tmp_path: Path, pool: str
) -> None:
    port, idle, log = free_port(), free_port(), tmp_path / "log"
    for path in AWAITS:
        (tmp_path / path.strip("/")).write_text("{}")
    processes.start("-m", "http.server", str(idle), "--bind", "127.0.0.1", "--directory", str(tmp_path))
    processes.start("-m", "jobs", "worker", "--pool", pool, JOBS_WORKER_PORT=str(port)).says("is ready")
    queues.submit(client, [prepare(t.burn, str(log)) for _ in range(10)])
    wait_for(lambda: log.exists() and len(log.read_text().splitlines()) == 10, "ten jobs to run", within=60)
    for path in AWAITS:
        wait_for(partial(is_quick, port, idle, path), f"{path} to be answered as by a server without jobs", within=60)


def is_quick(port: int, idle: int, path: str) -> bool:
    """Return whether 49 of 50 answers take 20 ms at most beside what the machine lets a server without jobs wait."""
    took = [(get(port, path)[2], get(idle, path)[2]) for _ in range(50)]
    answer, wait = (sorted(one[which] for one in took)[48] for which in (0, 1))
    return answer < 0.020 + AWAITS[path] * wait
