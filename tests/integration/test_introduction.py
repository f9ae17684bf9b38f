"""A process that puts jobs in introduces itself, at no cost to it; one that does not, and our own, do not."""

import json
import signal
from contextlib import closing
from typing import Any

from redis import Redis

from jobs import keys, scripts
from jobs.health import snapshot
from tests.support import Processes, free_port, wait_for
from tests.tasks import add

PUT = "from tests.tasks import add; add.enqueue(1, 2, queue='mail')"
SHORT = {"JOBS_HEARTBEAT": "0.5", "JOBS_INTRODUCE": "1", "JOBS_TASKS": "tests.tasks"}


def apps(client: Redis) -> list[dict[str, Any]]:
    rows = (json.loads(text) for text in client.hvals(keys.PROCESSES))
    return [row for row in rows if row["role"] == "app"]


def test_a_script_that_stays_is_a_part_of_the_line(url: str, client: Redis, processes: Processes) -> None:
    script = processes.start("-c", f"{PUT}; import time; time.sleep(600)", **SHORT)
    [row] = wait_for(lambda: apps(client), "it to introduce itself")
    assert (row["redis"], row["prefix"], row["serializer"], row["pid"]) == (url, "rq", "json", script.popen.pid)
    assert row["enqueues"] == {"mail": ["tests.tasks.add"]}
    assert row["queues"] == ["mail"]
    script.signal(signal.SIGKILL)
    script.ends()
    seen = snapshot.read(client, ("mail",), 0)
    assert [one.role for one in seen.processes if one.alive] == [], "its connection has gone"


def test_a_script_that_ends_at_once_is_none_and_ends_at_once(url: str, client: Redis, processes: Processes) -> None:
    took = f"import time; began = time.monotonic(); {PUT}; print(time.monotonic() - began < 5)"
    script = processes.start("-c", took, **SHORT)
    assert script.ends() == 0
    assert script.lines == ["True"]
    assert apps(client) == []


def test_each_child_of_a_server_that_forks_speaks_for_itself(url: str, client: Redis, processes: Processes) -> None:
    """Also where the parent has put jobs in before, and has a thread that the children do not have."""
    code = f"{PUT}; import os, time; time.sleep(1); os.fork(); os.fork(); {PUT}; time.sleep(600)"
    parent = processes.start("-c", code, **SHORT)
    wait_for(lambda: len({row["pid"] for row in apps(client)}) == 4, "all four")
    names = {row["name"] for row in client.client_list() if row["name"].startswith("signalbox:app:")}
    assert {int(name.rpartition("-")[2]) for name in names} == {row["pid"] for row in apps(client)}
    assert parent.popen.pid in {row["pid"] for row in apps(client)}


def test_where_no_thread_runs_an_enqueue_speaks(url: str, client: Redis, processes: Processes) -> None:
    """As under uWSGI without threads."""
    no_threads = (
        "import threading; threading.Thread.start = lambda self: None; import jobs.introduction as i; i.LATE = 0"
    )
    processes.start("-c", f"{no_threads}; import time\nwhile True: {PUT}; time.sleep(0.1)", **SHORT)
    assert wait_for(lambda: apps(client), "it to introduce itself")


def test_a_client_of_ones_own_tells_where_it_puts_jobs(url: str, client: Redis, processes: Processes) -> None:
    own = f"Redis.from_url({url!r}, decode_responses=True)"
    code = f"from redis import Redis; from jobs import queues; from tests.tasks import add; import time; {own}.ping()"
    code += f"; queues.submit({own}, [add.prepare(1, 2, queue='mail')]); time.sleep(600)"
    script = processes.start("-c", code, **{**SHORT, "REDIS_URL": "redis://127.0.0.1:1"})
    [row] = wait_for(lambda: apps(client), "it to introduce itself")
    assert row["redis"] == url
    assert "accepted, but no worker has been seen on " + url in script.says("accepted, but")


def test_who_is_asked_to_be_silent_is(url: str, client: Redis, processes: Processes) -> None:
    names = "[one.name for one in __import__('threading').enumerate()]"
    script = processes.start("-c", f"{PUT}; print({names})", **{**SHORT, "JOBS_INTRODUCE": "0"})
    assert script.ends() == 0
    assert script.lines == ["['MainThread']"]


def test_who_puts_nothing_in_starts_no_thread_and_asks_nothing(url: str, client: Redis, processes: Processes) -> None:
    names = "[one.name for one in __import__('threading').enumerate()]"
    code = f"from jobs import prepare; import tests.tasks; prepare(tests.tasks.add, 1, 2); print({names})"
    script = processes.start("-c", code, **SHORT)
    assert script.ends() == 0
    assert script.lines == ["['MainThread']"]
    assert client.keys("*") == []


def test_our_own_processes_are_no_apps(url: str, client: Redis, processes: Processes) -> None:
    """A worker whose jobs put jobs in, web, and a command."""
    worker = processes.start("-m", "jobs", "combo", **SHORT, JOBS_QUEUES="default,mail", PORT=str(free_port()))
    worker.says("is ready")
    for _ in range(2):
        command = processes.start("-m", "jobs", "enqueue", "tests.tasks.chain", "3", "--import", "tests.tasks", **SHORT)
        assert command.ends() == 0, command.lines
    done = keys.registry("finished", "default")
    wait_for(lambda: int(client.zcard(done)) >= 6, "the jobs that jobs put in")
    later = client.time()[0] + 3
    wait_for(lambda: client.time()[0] > later, "a thread to have had its time")
    assert apps(client) == []


def test_a_look_at_another_db_stays_in_its_own(url: str, client: Redis, tasks: None) -> None:
    add.enqueue(1, 2)
    scripts.publish(client, "app-1", "{}", "m", memory=scripts.APPS)
    place, _, db = url.rpartition("/")
    with closing(Redis.from_url(f"{place}/998")) as other:
        seen = scripts.peek(other, int(db), keys.PREFIX, 9)
        assert (seen.rows, seen.waiting) == ({b"app-1": b"{}"}, {"default": 1})
        assert abs(seen.at - seen.times[b"app-1"]) < 5
        assert other.dbsize() == 0


def test_whoami_says_what_would_become_of_its_jobs(url: str, client: Redis, tasks: None, processes: Processes) -> None:
    """And which process it is, and that two variables disagree."""
    processes.start("-m", "jobs", "worker", JOBS_TASKS="tests.battery.tasks").says("is ready")
    odd = {"JOBS_SERIALIZER": "pickle", "REDISHOST": "10.0.0.1", "JOBS_HEARTBEAT": "0.5"}

    def ask() -> dict[str, Any] | None:
        told = processes.start("-m", "jobs", "whoami", "--json", **odd)
        assert told.ends() == 0
        said: dict[str, Any] = json.loads(told.lines[-1])
        assert said["pid"] == told.popen.pid
        codes = {one["code"] for one in said["findings"]}
        return said if codes == {"serializer_mismatch", "unknown_task"} else None

    said = wait_for(ask, "the worker to have settled")
    assert said["warnings"] == [f"REDISHOST points to redis://10.0.0.1:6379/0, but REDIS_URL, which is used, to {url}"]
    assert len(said["workers"]) == 1
    words = processes.start("-m", "jobs", "whoami", **odd)
    assert words.ends() == 0
    shown = words.says("! serializer_mismatch: Processes write and read jobs differently: ")
    assert "this process uses pickle" in shown
    assert words.says("! REDISHOST points to")


def test_doctor_compares_the_serializer_with_that_of_the_workers(url: str, processes: Processes) -> None:
    processes.start("-m", "jobs", "worker", JOBS_HEARTBEAT="1").says("is ready")
    asked = ("-m", "jobs", "doctor", "--within", "5")
    told = wait_for(lambda: ends_with(processes, asked, "serializer_mismatch"), "the worker to have settled")
    assert "this process uses pickle" in told


def ends_with(processes: Processes, command: tuple[str, ...], text: str) -> str | None:
    process = processes.start(*command, JOBS_SERIALIZER="pickle", JOBS_HEARTBEAT="1")
    process.ends()
    said = " ".join(process.lines)
    return said if text in said else None
