"""``WORKER_HEALTH_URL``: the worker itself is asked on which data it is. And ``whoami``, the same by hand."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from jobs import keys
from jobs.health.inquiry import WITHIN, Inquiry, ask
from tests.chaos.server import Server
from tests.support import Processes, free_port, get, wait_for

TOKEN = "a-token-for-tests"


@pytest.fixture
def deaf() -> Iterator[str]:
    """Who takes a connection and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def start_worker(processes: Processes, **environ: str) -> str:
    port = free_port()
    processes.start("-m", "jobs", "worker", JOBS_WORKER_PORT=str(port), **environ).says("is ready")
    return f"http://127.0.0.1:{port}"


def start_web(processes: Processes, **environ: str) -> int:
    port = free_port()
    processes.start("-m", "web", PORT=str(port), **environ)
    wait_for(lambda: get_or_none(port, "/readyz"), "web to be ready")
    return port


def get_or_none(port: int, path: str) -> bool:
    try:
        return get(port, path)[0] == 200
    except OSError:
        return False


def test_a_worker_tells_its_marker_to_anybody(url: str, client: Redis, processes: Processes) -> None:
    place = start_worker(processes)
    answer = ask(place, None)
    assert (answer.url, answer.error) == (place, "")
    assert answer.marker.encode() == client.get(keys.MARKER)


def test_who_shares_the_token_is_told_everything(url: str, processes: Processes) -> None:
    port = start_web(processes, JOBS_TOKEN=TOKEN)
    place = f"http://127.0.0.1:{port}/"
    assert ask(place, "another").identity == {}
    assert ask(place, TOKEN).identity["redis"] == url
    assert ask(place, TOKEN).marker == ask(place, "another").marker != ""


def test_nobody_there_is_an_answer_too(deaf: str) -> None:
    assert "refused" in ask(f"http://127.0.0.1:{free_port()}", None).error
    began = time.monotonic()
    assert "timed out" in ask(deaf, None).error
    assert time.monotonic() - began < WITHIN + 0.4


def test_who_wants_to_know_never_waits(deaf: str) -> None:
    inquiry = Inquiry(deaf, None)
    began = time.monotonic()
    assert inquiry.latest is None
    assert time.monotonic() - began < 0.2
    assert wait_for(lambda: inquiry.latest, "the answer").error == "timed out"


def test_a_probe_never_waits_for_the_worker(url: str, processes: Processes, deaf: str) -> None:
    web = start_web(processes, WORKER_HEALTH_URL=deaf)
    for _ in range(5):
        assert get(web, "/health")[2] < 1
    finding = wait_for(lambda: get(web, "/health")[1]["findings"], "the verdict")[0]
    assert finding["code"] == "no_worker"
    assert f"{deaf} could not be asked: timed out" in finding["summary"]


@pytest.mark.parametrize("token", ["", TOKEN], ids=["open", "with a token"])
def test_a_worker_on_another_redis_is_proven(url: str, processes: Processes, tmp_path: Path, token: str) -> None:
    other = Server(tmp_path)
    other.start()
    try:
        place = start_worker(processes, REDIS_URL=other.url, JOBS_TOKEN=token)
        web = start_web(processes, WORKER_HEALTH_URL=place, JOBS_TOKEN=token)
        asked = {"Authorization": f"Bearer {token}"}
        finding = wait_for(lambda: get(web, "/health", **asked)[1]["findings"], "the verdict")[0]
        assert finding["code"] == "different_redis"
        assert f"reads the marker {ask(place, token).marker}" in finding["summary"]
        assert get(web, "/health", **asked)[0] == 503
        start_worker(processes, JOBS_TOKEN=token)
        wait_for(lambda: get(web, "/health")[0] == 200, "it to be of less weight where another works", within=15)
    finally:
        other.close()


def test_whoami_and_a_worker_show_the_same_marker(url: str, client: Redis, processes: Processes) -> None:
    alone = processes.start("-m", "jobs", "whoami", JOBS_TASKS="tests.tasks")
    assert alone.ends() == 0
    assert "marker        none yet" in alone.lines
    assert not client.keys("*"), "it has written something"
    place = start_worker(processes)
    told = processes.start("-m", "jobs", "whoami", "--json")
    assert told.ends() == 0
    row = json.loads(told.lines[-1])
    assert row["marker"] == ask(place, None).marker
    assert (row["redis"], row["prefix"], row["queues"]) == (url, "rq", ["default"])
    assert abs(row["clock_offset"]) < 1
