"""``/metrics``: what Prometheus reads, from real workers, and what the public dashboard of rq-exporter asks for."""

import re
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from redis import Redis
from rq import Queue, SimpleWorker

from jobs import Retry, connection, keys, queues, scripts
from jobs.address import parse
from jobs.health import metrics
from jobs.launcher.server import start
from jobs.queues import prepare
from jobs.scripts import Settlement, Waited
from jobs.worker.meter import Meter
from tests import tasks as t
from tests.support import Process, Processes, answers, free_port, get, post, wait_for

pytestmark = pytest.mark.usefixtures("tasks")

# What the panels of rq-exporter's dashboard (grafana/rq-dashboard.json, Grafana 12196) ask for; Prometheus itself adds
# the labels job and instance.
EXPRESSIONS = """
count(rq_workers{})
count(rq_workers{state="busy"}) / count(rq_workers{})
count(rq_workers{state="idle"}) / count(rq_workers{})
sum(rq_jobs{status="queued"}) by (queue)
sum(rq_jobs{status="started"}) by (queue)
sum(rq_jobs{status="finished"}) by (queue)
sum(rq_jobs{status="failed"}) by (queue)
sum(rq_jobs{status="deferred"}) by (queue)
sum(rq_jobs{status="scheduled"}) by (queue)
rate(rq_request_processing_seconds_sum{}[5m]) / rate(rq_request_processing_seconds_count{}[5m])
sum by (status) (rq_jobs{queue=~"default"}) / ignoring(status) group_left sum(rq_jobs{})
sum by (status, queue) (rq_jobs{}) / ignoring(status) group_left sum by (queue) (rq_jobs{})
"""
LABELS = {
    "rq_workers": {"name", "state", "queues"},
    "rq_workers_success": {"name", "queues"},
    "rq_workers_failed": {"name", "queues"},
    "rq_workers_working_time": {"name", "queues"},
    "rq_jobs": {"queue", "status"},
    "rq_request_processing_seconds": set(),
}


def page(port: int, **headers: str) -> str:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=headers)
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text: str = answer.read().decode()
    return text


def scrape(port: int, **headers: str) -> dict[str, Metric]:
    """The families by name, as Prometheus's own library reads them."""
    return {family.name: family for family in text_string_to_metric_families(page(port, **headers))}


def values(port: int, family: str, name: str = "") -> dict[tuple[str, ...], float]:
    """The values of a family's samples of one name by their labels' values; it may have none yet."""
    found = scrape(port)[family].samples
    return {tuple(one.labels.values()): one.value for one in found if one.name == (name or family)}


def submit(client: Redis, *calls: tuple[Any, ...], **options: Any) -> list[str]:
    return [job.id for job in queues.submit(client, [prepare(call[0], *call[1:], **options) for call in calls])]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def worker(url: str, port: int, processes: Processes) -> Process:
    found = processes.start("-m", "jobs", "worker", JOBS_WORKER_PORT=str(port), JOBS_CONCURRENCY="2")
    found.says("is ready")
    return found


class TestTheDashboardOfRqExporter:
    def test_each_metric_has_exactly_its_labels(self, worker: Process, port: int) -> None:
        families = scrape(port)
        for name, labels in LABELS.items():
            assert families[name].samples, name
            assert {frozenset(one.labels) for one in families[name].samples} == {frozenset(labels)}, name
        names = {sample.name for name in LABELS for sample in families[name].samples}
        assert {"rq_workers_success_total", "rq_workers_failed_total", "rq_workers_working_time_total"} <= names
        assert [families[name].type for name in LABELS] == ["gauge", *["counter"] * 3, "gauge", "summary"]

    def test_each_of_its_expressions_finds_what_it_asks_for(
        self, worker: Process, processes: Processes, client: Redis, port: int, tmp_path: Path
    ) -> None:
        idle = free_port()  # a second worker, so that one is busy and one is idle
        processes.start("-m", "jobs", "worker", "elsewhere", JOBS_WORKER_PORT=str(idle)).says("is ready")
        submit(client, (t.climb, str(tmp_path / "gate")), key="contact:1")
        wait_for(lambda: (("default", "started"), 1.0) in values(port, "rq_jobs").items(), "the job to run")
        samples = [sample for family in scrape(port).values() for sample in family.samples]
        for expression in EXPRESSIONS.strip().splitlines():
            for selector in re.findall(r"(rq_\w+)\{(.*?)\}", expression):
                assert chosen(samples, *selector), f"{selector} of {expression}"
        (tmp_path / "gate").touch()

    def test_the_counts_are_those_of_the_queues_and_the_workers(
        self, worker: Process, client: Redis, port: int
    ) -> None:
        submit(client, (t.add, 1, 2), (t.add, 3, 4), (t.fail,))
        submit(client, (t.add, 5, 6), delay=3600)
        ended = {"finished": 2.0, "failed": 1.0, "scheduled": 1.0, "queued": 0.0, "started": 0.0, "deferred": 0.0}
        wait_for(lambda: values(port, "rq_jobs") == {("default", name): n for name, n in ended.items()}, "the counts")
        done, failed = (values(port, f"rq_workers_{one}", f"rq_workers_{one}_total") for one in ("success", "failed"))
        [(name, served)] = done
        assert name.startswith("worker-")
        assert (served, failed) == ("default", {(name, "default"): 1.0})
        assert done[name, served] >= 2  # heartbeats are done too

    def test_loops_are_counted(self, url: str, processes: Processes, tmp_path: Path, port: int) -> None:
        environ = {"JOBS_TASKS": "tests.loops", "LOOPS_FOLDER": str(tmp_path), "JOBS_WORKER_PORT": str(port)}
        processes.start("-m", "jobs", "worker", "--runs", "loops", **environ)
        wait_for(lambda: answers(port), "it to listen")
        (tmp_path / "sync-dies").touch()

        def restarts() -> dict[str, float]:
            found = values(port, "signalbox_loop_restarts", "signalbox_loop_restarts_total")
            return {name: value for (_, name), value in found.items()}

        wait_for(lambda: restarts().get("sync") == 1, "the loop that died to be counted")
        assert {value for name, value in restarts().items() if name != "sync"} == {0}
        assert all(0 <= seconds < 5 for seconds in values(port, "signalbox_loop_silence_seconds").values())

    def test_a_worker_of_rqs_own_is_there_with_its_own_state(self, client: Redis, worker: Process, port: int) -> None:
        other = SimpleWorker([Queue("other", connection=client)], connection=client, name="stock")
        other.register_birth()
        other.set_state("idle")
        assert values(port, "rq_workers")["stock", "idle", "other"] == 1
        other.register_death()
        assert "stock" not in {name for name, _, _ in values(port, "rq_workers")}

    def test_suspended_workers_are_so(self, client: Redis, worker: Process, port: int) -> None:
        client.set(keys.SUSPENDED, 1)
        assert {state for _, state, _ in values(port, "rq_workers")} == {"suspended"}


def chosen(samples: list[Sample], name: str, matchers: str) -> list[Sample]:
    """The samples that a selector of PromQL chooses."""
    wanted = re.findall(r'(\w+)=~?"(.*?)"', matchers)
    return [one for one in samples if one.name == name and all(one.labels[label] == value for label, value in wanted)]


class TestOurs:
    def test_waits_and_durations_are_counted_by_queue_without_heartbeats(
        self, worker: Process, client: Redis, port: int, tmp_path: Path
    ) -> None:
        submit(client, *[(t.note, str(tmp_path / "log"), str(number), 0.2) for number in range(6)])
        for _ in range(2):
            assert post(port, "/health/probe", {})[0] == 200

        def told() -> bool:
            found = values(port, "signalbox_job_duration_seconds", "signalbox_job_duration_seconds_count")
            return found == {("default",): 6.0}

        wait_for(told, "the durations")
        durations = values(port, "signalbox_job_duration_seconds", "signalbox_job_duration_seconds_bucket")
        assert (durations["default", "0.1"], durations["default", "1"]) == (0, 6)
        [took] = values(port, "signalbox_job_duration_seconds", "signalbox_job_duration_seconds_sum").values()
        assert 1.2 <= took < 6
        waits = values(port, "signalbox_job_wait_seconds", "signalbox_job_wait_seconds_bucket")
        assert waits["default", "+Inf"] >= 6  # given out again, one is counted again
        assert waits["default", "0.1"] < waits["default", "15"]  # of two at a time, the last waited

    def test_a_child_that_is_told_to_end_tells_what_it_has_counted(
        self, worker: Process, client: Redis, port: int
    ) -> None:
        submit(client, *[(t.add, number, 1) for number in range(7)])
        wait_for(lambda: client.zcard(keys.registry("finished", "default")) == 7, "the jobs")
        worker.signal(signal.SIGTERM)
        worker.ends()
        assert sum(metrics.read(client).meters.histograms["duration", "default"].counts) == 7

    def test_a_pool_of_processes_is_counted_too(self, client: Redis, processes: Processes, port: int) -> None:
        worker = processes.start("-m", "jobs", "worker", "--pool", "process", JOBS_WORKER_PORT=str(port))
        worker.says("is ready")
        submit(client, (t.add, 1, 2))
        name = "signalbox_job_duration_seconds"
        wait_for(lambda: values(port, name, f"{name}_count") == {("default",): 1.0}, "the duration")

    def test_what_is_taken_back_is_counted(self, worker: Process, client: Redis, port: int) -> None:
        submit(client, (t.die, 1))
        wait_for(lambda: values(port, "rq_jobs")["default", "failed"] == 1, "it to have died often enough")
        name = "signalbox_jobs_recovered"
        assert values(port, name, f"{name}_total")[()] >= 3  # a heartbeat may have died with it

    def test_what_a_lost_worker_held_is_counted_when_it_is_taken_back(self, client: Redis) -> None:
        submit(client, (t.add, 1, 2), (t.add, 3, 4))
        scripts.grant(client, "lost.1", 60)
        assert len(scripts.claim(client, "lost", "lost.1", ["default"], 2) or []) == 2
        client.zadd(keys.LEASES, {"lost.1": 1})
        scripts.recover(client, 10, b"")
        assert metrics.read(client).meters.recovered == 2

    def test_a_result_that_comes_too_late_is_counted(self, client: Redis) -> None:
        submit(client, (t.add, 1, 2))
        scripts.grant(client, "w.1", 60)
        [one] = scripts.claim(client, "w", "w.1", ["default"], 1) or []
        ending = Settlement(one.id, one.token, "finished", b"", 1.0, 2.0)
        assert scripts.settle(client, "w", "w.1", [ending, ending]) == [1, 0]
        assert scripts.settle(client, "w", "w.1", [ending]) == [0]
        assert metrics.read(client).meters.refused == 2

    def test_the_queue_and_its_heartbeat_have_their_ages(self, worker: Process, client: Redis, port: int) -> None:
        submit(client, (t.add, 1, 2), queue="elsewhere")
        found = wait_for(lambda: values(port, "signalbox_oldest_job_age_seconds"), "the ages")
        assert found["elsewhere",] > 0
        assert found["default",] == 0
        assert post(port, "/health/probe", {})[0] == 200
        assert 0 <= values(port, "signalbox_heartbeat_age_seconds")["default",] < 15
        assert 0 < values(port, "signalbox_heartbeat_round_trip_seconds")["default",] < 5
        client.sadd(keys.PAUSED, "elsewhere")
        wait_for(lambda: values(port, "signalbox_findings") == {("queue_paused", "warn"): 1}, "the finding")

    def test_no_key_and_no_id_is_a_label(self, worker: Process, client: Redis, port: int, tmp_path: Path) -> None:
        gate = str(tmp_path / "gate")
        for number, call in enumerate([(t.climb, gate), (t.add, 1, 2), (t.pay, 7)]):
            options = {"key": f"contact:secret-{number}", "job_id": f"secret-order-{number}"}
            submit(client, call, retry=Retry(attempts=1), **options)
        submit(client, (t.add, 1, 2), job_id="secret-order-3", delay=3600)
        wait_for(lambda: values(port, "signalbox_lanes_halted") == {(): 1.0}, "a lane to halt")
        assert values(port, "signalbox_lanes") == {(): 2.0}
        assert "secret" not in page(port)
        assert "heartbeat-" not in page(port)
        Path(gate).touch()


class TestMeter:
    def test_what_redis_did_not_take_is_told_the_next_time(self, client: Redis) -> None:
        away = connection.open_client(parse(f"redis://127.0.0.1:{free_port()}"), "test", retries=0)
        meter = Meter("w.1")
        meter.ended([Settlement("a", "1", "finished", b"", 1.0, 1.3, queue="default", task="t")], [1])
        first, last, now = (f"2026-01-01T00:00:0{second}.000000Z".encode() for second in (0, 1, 2))
        meter.waited(Waited("default", 3, first, last, now, token=1))
        meter.tell(away)
        meter.ended([Settlement("b", "2", "failed", b"", 1.0, 1.4, queue="default", task="t")], [1])
        for _ in range(2):
            meter.tell(client)
        found = metrics.read(client).meters.histograms
        for kind, number, seconds in (("duration", 2, 0.7), ("wait", 3, 4.5)):
            assert sum(found[kind, "default"].counts) == number
            assert found[kind, "default"].sum == pytest.approx(seconds)

    def test_an_idle_child_tells_nothing(self, client: Redis) -> None:
        Meter("w.1").tell(client)
        assert not client.exists(keys.METERS)

    def test_those_claimed_at_once_have_the_waits_of_the_first_and_the_last(self, client: Redis) -> None:
        ids = submit(client, *[(t.add, number, 1) for number in range(3)])
        for job_id, stamp in zip(ids, ("2026-01-01T00:00:00Z", "junk", "2026-01-01T01:00:00.5Z"), strict=True):
            client.hset(keys.job(job_id), "enqueued_at", stamp)
        submit(client, (t.add, 1, 1), queue="other")
        scripts.grant(client, "w.1", 60)
        told: list[Waited] = []
        scripts.exchange(client, "w", "w.1", ["default", "other"], [], 10, tell=told.append)
        assert [(one.queue, one.jobs) for one in told] == [("default", 3), ("other", 1)]
        assert told[0].longest - told[0].shortest == pytest.approx(3600.5)
        assert 0 <= told[1].longest == told[1].shortest < 60


def test_it_is_for_those_with_the_token(url: str, processes: Processes) -> None:
    web, worker = free_port(), free_port()
    processes.start("-m", "web", PORT=str(web), JOBS_TOKEN="sidings")
    processes.start("-m", "jobs", "worker", JOBS_WORKER_PORT=str(worker), JOBS_TOKEN="sidings")
    for port in (web, worker):
        wait_for(partial(answers, port), "it to listen")
        assert get(port, "/metrics")[0] == 401
        assert "signalbox_redis_up" in scrape(port, Authorization="Bearer sidings")


class TestWithoutRedis:
    @pytest.fixture
    def redis(self, tmp_path: Path) -> Iterator["tuple[subprocess.Popen[bytes], int]"]:
        port = free_port()
        process = start(tmp_path, port, "--loglevel", "warning")
        wait_for(lambda: answers(port), "the server")
        yield process, port
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()

    def test_it_says_so_in_time(
        self, redis: "tuple[subprocess.Popen[bytes], int]", processes: Processes, port: int
    ) -> None:
        process, redis_port = redis
        processes.start("-m", "web", PORT=str(port), REDIS_URL=f"redis://127.0.0.1:{redis_port}/0")
        wait_for(lambda: answers(port), "web to listen")
        wait_for(lambda: values(port, "signalbox_redis_up") == {(): 1.0}, "Redis to be seen")
        process.send_signal(signal.SIGSTOP)
        families = scrape(port)
        assert families["signalbox_redis_up"].samples[0].value == 0
        assert families["signalbox_findings"].samples[0].labels["code"] == "redis_unreachable"
        assert "rq_jobs" not in families
        seconds = {one.name: one.value for one in families["rq_request_processing_seconds"].samples}
        assert seconds["rq_request_processing_seconds_sum"] / seconds["rq_request_processing_seconds_count"] < 2
