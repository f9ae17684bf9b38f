"""The web part as it is served: every endpoint, with Redis up, silent and gone, and with no worker."""

import http.client
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import pytest
from redis import Redis

from jobs import keys
from jobs.launcher.server import start
from tests.support import Process, Processes, answers, free_port, get, post, statuses, wait_for
from web.__main__ import THREADS

ENDPOINTS = ("/livez", "/readyz", "/health", "/health/queue", "/queue/stats")
TOKEN = "a-token-for-tests"


@pytest.fixture
def redis_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A server of its own, so that it can be stopped; ``redis_process`` holds it."""
    port = free_port()
    monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{port}/0")
    return port


@pytest.fixture
def redis_process(redis_port: int, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = start(tmp_path, redis_port, "--loglevel", "warning")
    wait_for(lambda: answers(redis_port), "the server")
    yield process
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


def start_web(processes: Processes, **environ: str) -> int:
    port = free_port()
    processes.start("-m", "web", PORT=str(port), JOBS_TASKS="tests.tasks", **environ)
    wait_for(lambda: answers(port), "web to listen")
    return port


@pytest.fixture
def web(url: str, processes: Processes) -> int:
    port = start_web(processes)
    wait_for(lambda: get(port, "/readyz")[0] == 200, "web to be ready")
    return port


@pytest.fixture
def worker(processes: Processes) -> Process:
    process = processes.start("-m", "jobs", "worker", JOBS_TASKS="tests.tasks")
    process.says("is ready")
    return process


def codes(port: int) -> list[str]:
    return [finding["code"] for finding in get(port, "/health")[1]["findings"]]


def test_a_line_with_a_worker_is_clear(url: str, worker: Process, web: int) -> None:
    wait_for(lambda: codes(web) == [], "no finding")
    status, body, _ = get(web, "/health")
    assert (status, body["status"]) == (200, "pass")
    assert {process["role"] for process in body["processes"]} == {"web", "worker"}
    assert len({process["marker"] for process in body["processes"]}) == 1


def test_the_first_heartbeat_goes_from_web_through_the_worker_back_to_web(url: str, worker: Process, web: int) -> None:
    trip = wait_for(lambda: get(web, "/health/queue")[1]["line"].get("default"), "the heartbeat")
    assert 0 < trip["round_trip_ms"] < 5000


def test_every_endpoint_answers_within_two_seconds_whatever_redis_does(
    redis_process: "subprocess.Popen[bytes]", processes: Processes
) -> None:
    port = start_web(processes)
    wait_for(lambda: get(port, "/readyz")[0] == 200, "web to be ready")
    redis_process.send_signal(signal.SIGSTOP)
    expected = {"/livez": 200, "/readyz": 503, "/health": 503, "/health/queue": 503, "/queue/stats": 503}
    assert statuses(port, *ENDPOINTS) == expected
    assert codes(port) == ["redis_unreachable"]
    status, problem, took = post(port, "/api/jobs", {"task": "tests.tasks.add", "args": [1, 2]})
    assert (status, problem["title"]) == (503, "Redis does not answer")
    assert took < 2
    redis_process.send_signal(signal.SIGCONT)
    wait_for(lambda: get(port, "/readyz")[0] == 200, "web to recover")
    redis_process.kill()
    redis_process.wait()
    assert statuses(port, *ENDPOINTS) == expected


def test_web_starts_before_redis_and_becomes_ready_when_it_is_there(
    redis_port: int, processes: Processes, tmp_path: Path
) -> None:
    port = start_web(processes)
    assert get(port, "/livez")[0] == 200
    assert get(port, "/readyz")[0] == 503
    redis = start(tmp_path, redis_port, "--loglevel", "warning")
    try:
        wait_for(lambda: get(port, "/readyz")[0] == 200, "web to be ready")
    finally:
        redis.kill()
        redis.wait()


def test_a_job_goes_in_and_its_result_comes_out_by_the_api(url: str, worker: Process, web: int) -> None:
    status, accepted, _ = post(web, "/api/jobs", {"task": "tests.tasks.add", "args": [2, 3], "job_id": "sum-1"})
    assert (status, accepted) == (202, {"id": "sum-1", "queue": "default", "created": True})
    wait_for(lambda: get(web, "/api/jobs/sum-1")[1]["state"] == "finished", "the job")
    found = get(web, "/api/jobs/sum-1")[1]
    assert (found["task"], found["result"], found["error"]) == ("tests.tasks.add", 5, None)
    assert post(web, "/api/jobs", {"task": "tests.tasks.add", "args": [2, 3], "job_id": "sum-1"})[1]["created"] is False


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"task": "os.system", "args": ["true"]}, 404, "not a registered task"),
        ({"task": "tests.tasks.add", "args": [1]}, 422, "missing a required argument"),
        ({"task": "tests.tasks.add", "args": [1, 2], "job_id": "../x"}, 422, "letters, digits"),
        ({"task": "tests.tasks.add", "args": [1, 2], "delay": "soon"}, 422, "delay"),
        ({"task": "tests.tasks.add", "args": [1, 2], "colour": "red"}, 422, "'colour' is not known"),
        ({"task": "tests.tasks.add", "kwargs": {"queue": "x"}}, 422, "belongs beside"),
        ({"task": "tests.tasks.add", "args": [1, 2], "attempts": "many"}, 422, "attempts"),
        ({"task": "tests.tasks.echo", "args": ["x" * 300_000]}, 422, "262,144"),
        ({"args": []}, 422, "dotted name"),
        ([1, 2], 422, "JSON object"),
    ],
)
def test_a_bad_job_is_a_problem_in_words_and_leaves_nothing(
    web: int, client: Redis, body: object, status: int, said: str
) -> None:
    code, problem, _ = post(web, "/api/jobs", body)
    assert (code, problem["status"]) == (status, status)
    assert said in problem["detail"]
    assert not client.exists(keys.queue("default")) or client.llen(keys.queue("default")) <= 1  # the heartbeat
    assert not list(client.scan_iter(keys.job("[^h]*")))


def test_an_unknown_job_is_404(web: int) -> None:
    assert get(web, "/api/jobs/nobody")[0] == 404
    assert get(web, "/api/jobs/..%2f")[0] == 404


def test_the_api_is_closed_without_the_token_and_health_keeps_its_details(url: str, processes: Processes) -> None:
    port = start_web(processes, JOBS_TOKEN=TOKEN)
    wait_for(lambda: get(port, "/readyz")[0] == 200, "web to be ready")
    body = {"task": "tests.tasks.add", "args": [1, 2]}
    assert post(port, "/api/jobs", body)[0] == 401
    assert post(port, "/api/jobs", body, Authorization="Bearer wrong")[0] == 401
    assert post(port, "/api/jobs", body, Authorization=f"Bearer {TOKEN}")[0] == 202
    public, full = get(port, "/health")[1], get(port, "/health", Authorization=f"Bearer {TOKEN}")[1]
    assert "processes" not in public
    assert all(set(finding) == {"code", "severity"} for finding in public["findings"])
    assert "processes" in full
    assert "samples" not in get(port, "/queue/stats")[1]


def test_without_a_token_a_proxy_or_a_foreign_page_gets_nothing(web: int) -> None:
    body = {"task": "tests.tasks.add", "args": [1, 2]}
    for name, value, status in (
        ("X-Forwarded-For", "203.0.113.9", 401),
        ("Host", "evil.example", 401),
        ("Sec-Fetch-Site", "cross-site", 403),
    ):
        assert post(web, "/api/jobs", body, **{name: value})[0] == status, name
    assert post(web, "/api/jobs", body)[0] == 202


def test_on_a_platform_without_a_token_only_health_is_open(url: str, processes: Processes) -> None:
    port = start_web(processes, RAILWAY_ENVIRONMENT_NAME="production")
    assert post(port, "/api/jobs", {"task": "tests.tasks.add", "args": [1, 2]})[0] == 401
    assert get(port, "/health", Host="healthcheck.railway.app")[0] in (200, 503)


def test_a_form_cannot_post_a_job(web: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web)
    connection.request("POST", "/api/jobs", '{"task":"tests.tasks.add"}', {"Content-Type": "text/plain"})
    assert connection.getresponse().status == 415
    connection.close()


def test_the_page_says_in_words_what_is_wrong(web: int) -> None:
    wait_for(lambda: codes(web) == ["no_worker"], "the verdict")
    connection = http.client.HTTPConnection("127.0.0.1", web)
    connection.request("GET", "/")
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200
    assert "no_worker" in text
    assert "Start one with: <code>python -m jobs worker</code>" in text
    assert "frame-ancestors 'none'" in (answer.headers["Content-Security-Policy"] or "")


def test_a_lone_worker_on_a_platform_answers_health_checks_on_port(url: str, processes: Processes) -> None:
    port = free_port()
    environ = {"RAILWAY_ENVIRONMENT_NAME": "production", "JOBS_ROLE": "worker", "PORT": str(port)}
    worker = processes.start("-m", "jobs", "start", JOBS_TASKS="tests.tasks", **environ)
    worker.says("is ready")
    assert [get(port, path)[0] for path in ("/livez", "/readyz", "/health/queue", "/nothing")] == [200, 200, 200, 404]


def test_junk_in_redis_does_not_break_health(web: int, client: Redis) -> None:
    client.hset(keys.PROCESSES, mapping={"junk": "{}", "worse": "no json", "\xff": "[]"})
    client.sadd(keys.QUEUES, b"rq:queue:\xff\xfe", "rq:queue:odd")
    client.set(keys.queue("odd"), "not a list")
    assert get(web, "/readyz")[0] == 200
    wait_for(lambda: "no_worker" in codes(web), "the verdict")
    assert "odd" in get(web, "/health/queue")[1]["queue"]["queues"]


def test_a_neighbours_worker_does_not_hide_that_ours_is_gone(
    url: str, server_port: int, processes: Processes, worker: Process, web: int
) -> None:
    other = url.rsplit("/", 1)[0] + "/998"
    processes.start("-m", "jobs", "worker", JOBS_TASKS="tests.tasks", REDIS_URL=other).says("is ready")
    worker.signal(signal.SIGTERM)
    worker.ends()
    wait_for(lambda: codes(web) == ["no_worker"], "the verdict")
    Redis(port=server_port, db=998).flushdb()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"task": "tests.tasks.add", "args": [1, 2], "kwargs": {"retry": 1}}, 422),
        ({"task": "tests.tasks.add", "args": [1, 2], "backoff": -1}, 422),
        ({"task": "tests.tasks.greet", "args": [[]]}, 202),
        ({"task": "tests.tasks.badly_keyed", "args": [1]}, 422),
    ],
)
def test_odd_requests_are_answered_in_words(web: int, body: object, status: int) -> None:
    assert post(web, "/api/jobs", body)[0] == status


def test_json_that_is_nested_without_end_is_refused(web: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", web)
    connection.request("POST", "/api/jobs", "[" * 200_000, {"Content-Type": "application/json"})
    assert connection.getresponse().status in (400, 422)
    connection.close()


def test_web_with_a_wrong_password_ends_with_one_line(url: str, processes: Processes) -> None:
    secret = url.replace("redis://", "redis://somebody:hunter2-secret@")
    process = processes.start("-m", "web", PORT=str(free_port()), REDIS_URL=secret)
    assert process.ends() == 2
    assert "refused the user name or password" in process.lines[-1]
    assert "hunter2-secret" not in "\n".join(process.lines)


def test_clients_that_do_not_hang_up_hold_up_nobody(web: int) -> None:
    held = [socket.create_connection(("127.0.0.1", web)) for _ in range(30)]
    try:
        for one in held:
            one.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert get(web, "/livez")[2] < 5
    finally:
        for one in held:
            one.close()


@pytest.mark.parametrize("half", ["GET /", "POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\ntoken"])
def test_clients_that_send_half_a_request_hold_up_nobody_for_long(web: int, half: str) -> None:
    held = [socket.create_connection(("127.0.0.1", web)) for _ in range(THREADS)]
    try:
        for one in held:
            one.sendall(half.encode())
        assert get(web, "/livez")[2] < 10
        assert get(web, "/livez")[2] < 1
    finally:
        for one in held:
            one.close()


@pytest.mark.soak
def test_fifty_dashboards_hold_up_no_health_check(web: int, worker: Process, processes: Processes) -> None:
    processes.start("-m", "tests.watchers", str(web), "50").says("watching")
    took = [get(web, "/health")[2] for _ in range(1000)]
    assert quantiles(took, n=100)[98] < 0.050
