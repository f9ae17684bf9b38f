"""The history: what really ended is what it says, in a real server with real workers."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from flask.testing import FlaskClient
from redis import Redis
from redis.exceptions import OutOfMemoryError

from jobs import connection, history, keys, prepare, queues, reaper, scripts
from jobs.address import parse
from jobs.history import Bucket, bins, cells
from jobs.scripts import Settlement, Waited
from jobs.worker.execution import packed
from jobs.worker.meter import Meter
from tests import tasks as t
from tests.support import Process, Processes, free_port, wait_for
from web import create_app

pytestmark = pytest.mark.usefixtures("tasks")

Counts = tuple[int, int, int]
CELLS = "a1X7e+1e<1"


def submit(client: Redis, *calls: tuple[Any, ...], **options: Any) -> list[str]:
    return [job.id for job in queues.submit(client, [prepare(call[0], *call[1:], **options) for call in calls])]


def counts(client: Redis, **whose: str) -> Counts:
    """Finished, failed and retried in the last hour."""
    total = history.read(client, "1h", **whose).total
    return total.finished, total.failed, total.retried


def ours(client: Redis) -> list[str]:
    """The keys that hold buckets."""
    found = [key.decode() for kind in ("minutes", "quarters") for key in client.scan_iter(f"{keys.OURS}:{kind}:*")]
    return sorted(found)


def settlement(number: int, outcome: Any, started: float = 1.0, ended: float = 1.2, **fields: Any) -> Settlement:
    known = {"queue": "default", "task": "shop.send"} | fields
    return Settlement(f"job-{number}", str(number), outcome, b"", started, ended, **known)


@pytest.fixture
def web(url: str) -> FlaskClient:
    return create_app().test_client()


@pytest.fixture
def worker(url: str, processes: Processes) -> Process:
    found = processes.start("-m", "jobs", "worker", "default", "mail", JOBS_CONCURRENCY="4", JOBS_HEARTBEAT="3")
    found.says("is ready")
    return found


class TestCounts:
    def test_jobs_of_known_endings_give_exactly_these_counts(
        self, worker: Process, client: Redis, tmp_path: Path
    ) -> None:
        submit(client, *[(t.add, number, 1) for number in range(40)])
        submit(client, *[(t.add, number, 1) for number in range(7)], queue="mail")
        submit(client, *[(t.fail,)] * 5, queue="mail")
        submit(client, (t.fail_until, str(tmp_path / "runs"), 2))
        submit(client, (t.snooze_until, str(tmp_path / "snoozes"), 3, 0.1))
        wait_for(lambda: sum(counts(client)) >= 55, "all to be counted")
        worker.signal(signal.SIGTERM)
        worker.ends()
        assert counts(client) == (40 + 7 + 1 + 1, 5, 1)
        assert counts(client, queue="default") == (42, 0, 1)
        assert counts(client, queue="mail") == (7, 5, 0)
        assert counts(client, task="tests.tasks.add") == (47, 0, 0)
        assert counts(client, task="tests.tasks.fail") == (0, 5, 0)
        assert counts(client, task="tests.tasks.fail_until") == (1, 0, 1)
        assert counts(client, task="tests.tasks.snooze_until") == (1, 0, 0)
        names = history.names(client)  # and no heartbeat, though one came back at least
        assert names.queues == ("default", "mail")
        assert names.tasks == tuple(f"tests.tasks.{name}" for name in ("add", "fail", "fail_until", "snooze_until"))

    def test_a_child_that_is_killed_loses_nothing_that_it_has_told(self, worker: Process, client: Redis) -> None:
        submit(client, *[(t.add, number, 1) for number in range(11)])
        wait_for(lambda: counts(client) == (11, 0, 0), "the first to be told")
        [child] = worker.running("jobs.worker.child")
        child.kill()
        submit(client, *[(t.add, number, 1) for number in range(13)])
        wait_for(lambda: counts(client) == (24, 0, 0), "those of the next child")
        assert counts(client, task="tests.tasks.add") == (24, 0, 0)

    def test_a_job_that_kills_its_process_fails_in_the_history_too(self, worker: Process, client: Redis) -> None:
        submit(client, (t.die, 1))
        wait_for(lambda: counts(client) == (0, 1, 0), "it to have died often enough")
        assert counts(client, queue="default") == counts(client, task="tests.tasks.die") == (0, 1, 0)

    def test_one_that_overran_in_a_pool_is_counted_under_its_task(self, client: Redis, processes: Processes) -> None:
        processes.start("-m", "jobs", "worker", "--pool", "process").says("is ready")
        submit(client, (t.spin,), (t.add, 1, 2))
        wait_for(lambda: counts(client) == (1, 1, 0), "both")
        assert counts(client, task="tests.tasks.spin") == (0, 1, 0)
        assert counts(client, task="tests.tasks.add") == (1, 0, 0)

    def test_waits_and_runs_are_where_they_belong(self, worker: Process, client: Redis, tmp_path: Path) -> None:
        [one] = submit(client, (t.note, str(tmp_path / "log"), "a", 0.3), delay=0)
        wait_for(lambda: counts(client) == (1, 0, 0), "it")
        total = history.read(client, "1h", task="tests.tasks.note").total
        assert total.run
        assert total.wait
        assert 0.25 <= total.run.p50 <= 0.5
        assert 0 <= total.wait.p99 < 0.25
        assert one


class TestMeter:
    def test_only_accepted_endings_count(self, client: Redis) -> None:
        meter = Meter("w.1")
        endings = ["finished", "finished", "failed", "failed", "retried", "exhausted", "stopped", "snoozed"]
        replies = [1, 0, 1, 3, 3, 1, 2, 1]
        meter.ended([settlement(at, outcome) for at, outcome in enumerate(endings)], replies)
        meter.tell(client)
        assert counts(client) == counts(client, task="shop.send") == (1, 3, 2)

    def test_the_waits_of_those_claimed_at_once_follow_their_order(self, client: Redis) -> None:
        first, last, now = (f"2026-01-01T0{hour}:00:00.000000Z".encode() for hour in (0, 1, 1))
        waited = Waited("default", 3, first, last, now, token=7)  # an hour, half of one, none
        meter = Meter("w.1")
        for number, task in ((7, "a"), (8, "b"), (9, "c")):
            meter.ended([settlement(number, "finished", task=task, waited=waited)], [1])
        meter.tell(client)
        for task, low, high in (("a", 1800, 3600), ("b", 900, 1800), ("c", 0, 0.001)):
            wait = history.read(client, "1h", task=task).total.wait
            assert wait
            assert low <= wait.p50 <= high

    def test_what_redis_could_not_take_is_told_the_next_time_and_once(self, client: Redis) -> None:
        away = connection.open_client(parse(f"redis://127.0.0.1:{free_port()}"), "test", retries=0)
        meter = Meter("w.1")
        for number in range(3):
            meter.ended([settlement(number, "finished")], [1])
            meter.tell(away)
        meter.tell(client)
        meter.tell(client)
        assert counts(client) == (3, 0, 0)

    def test_a_batch_whose_answer_was_lost_counts_once(self, client: Redis) -> None:
        for batch, taken in (("one", True), ("one", False), ("two", True)):
            assert scripts.tell(client, "w.1", batch, {"wait:5:default": 2}, {"all": CELLS}) is taken
        assert counts(client) == (2, 0, 0)
        assert client.hgetall(keys.METERS) == {b"wait:5:default": b"4"}
        assert 0 < client.ttl(keys.told("w.1")) <= 86400

    def test_a_full_redis_takes_a_batch_whole_or_not_at_all(self, client: Redis) -> None:
        meter = Meter("w.1")
        meter.ended([settlement(1, "finished")], [1])
        client.config_set("maxmemory", 1)
        try:
            meter.tell(client)
            with pytest.raises(OutOfMemoryError):
                scripts.tell(client, "w.2", "one", {}, {"all": CELLS})
        finally:
            client.config_set("maxmemory", 0)
        assert ours(client) == []
        meter.tell(client)
        assert counts(client) == (1, 0, 0)

    def test_a_lost_worker_is_to_blame_for_its_job_in_the_history(self, client: Redis) -> None:
        submit(client, (t.add, 1, 2))
        scripts.grant(client, "w.1", 60)
        assert scripts.claim(client, "w", "w.1", ["default"], 1)
        client.zadd(keys.LEASES, {"w.1": 1})
        scripts.recover(client, 0, reaper.POISON)
        assert counts(client) == counts(client, task="tests.tasks.add") == (0, 1, 0)

    def test_a_description_that_is_no_call_is_no_task(self, client: Redis) -> None:
        [first, second] = submit(client, (t.add, 1, 2), (t.add, 1, 2))
        for job_id in (first, second):
            client.hset(keys.job(job_id), "description", "Letter to Ada (urgent)")
        scripts.grant(client, "w.1", 60)
        assert scripts.claim(client, "w", "w.1", ["default"], 1)
        client.zadd(keys.LEASES, {"w.1": 1})
        scripts.recover(client, 0, reaper.POISON)
        meter = Meter("w")
        meter.ended([Settlement(second, "1", "failed", packed("late"), 1.0, 9.0)], [1])
        meter.tell(client)
        assert history.names(client) == (("default",), ())

    def test_the_keeper_counts_what_it_wrote_down_itself(self, client: Redis) -> None:
        [job_id] = submit(client, (t.add, 1, 2), queue="mail")
        meter = Meter("w")
        meter.ended([Settlement(job_id, "1", "failed", packed("late"), 1.0, 9.0)], [1])
        meter.tell(client)
        assert counts(client, queue="mail") == counts(client, task="tests.tasks.add") == (0, 1, 0)


class TestKeys:
    def test_each_bucket_expires_when_it_is_kept_no_longer(self, client: Redis) -> None:
        scripts.tell(client, "w.1", "one", {}, {"all": CELLS, "queue:default": CELLS})
        more = CELLS.replace("X7", "X9")
        scripts.tell(client, "w.1", "two", {}, {"all": more, "queue:default": more})
        scripts.tell(client, "w.1", "two", {}, {"all": more, "queue:default": more})
        now = client.time()[0]
        hour, day = now // 3600, now // 86400
        for name in ("all", "queue:default"):
            assert client.hgetall(keys.minutes(hour, name)) == {b"%d" % (now // 60 % 60): b"a2X9e+2e<2"}
            assert client.expiretime(keys.minutes(hour, name)) == (hour + 25) * 3600
            assert client.hgetall(keys.quarters(day, name)) == {b"%d" % (now // 3600 % 24 * 4): b"a2X9e+2e<2"}
            assert client.expiretime(keys.quarters(day, name)) == (day + 31) * 86400
        assert len(ours(client)) == 4
        assert 0 < client.ttl(keys.HISTORY) <= 30 * 86400

    def test_there_are_100_names_at_most_and_the_silent_make_room(self, client: Redis) -> None:
        tell = {f"queue:{number}": CELLS for number in range(101)}
        scripts.tell(client, "w.1", "one", {}, {"all": "a101", **tell})
        assert len(history.names(client).queues) == client.zcard(keys.HISTORY) == 100
        assert counts(client) == (101, 0, 0)
        assert counts(client, queue="100") == (0, 0, 0)
        client.zincrby(keys.HISTORY, -86401, "queue:7")
        scripts.tell(client, "w.1", "two", {}, {"queue:100": CELLS})
        assert counts(client, queue="100") == (1, 0, 0)
        assert "7" not in history.names(client).queues

    def test_a_busy_bucket_is_small(self, client: Redis) -> None:
        """Runs within a factor of ten, and waits within a hundred."""
        busy = cells.cells(
            {"finished": 1000, "failed": 10, "retried": 1},
            bins.count([0.01 * 100 ** (at / 1000) for at in range(1000)]),
            bins.count([0.1 * 10 ** (at / 1000) for at in range(1000)]),
        )
        for field in range(24):
            client.hset(keys.quarters(0, "all"), str(field), cells.pack(busy))
        assert cast(int, client.memory_usage(keys.quarters(0, "all"))) < 24 * 400

    def test_what_an_earlier_version_has_kept_is_counted(self, client: Redis) -> None:
        now = client.time()[0]
        client.hset(keys.quarters(now // 86400, "all"), str(now // 900 % 96), "a5b2k7H7")
        scripts.tell(client, "w.1", "one", {}, {"all": CELLS})
        total = history.read(client, "7d").total
        assert (total.finished, total.failed) == (6, 2)
        assert total.wait
        assert total.wait.p99 == pytest.approx(7e-6)


class TestDeploys:
    def test_a_commit_is_marked_when_the_first_process_has_it(self, client: Redis) -> None:
        for process, commit in (("web-1", "one"), ("worker-1", "one"), ("web-2", "two"), ("web-3", "")):
            scripts.publish(client, process, "{}", "m", commit)
        first = history.read(client, "1h").deploys
        assert [one.commit for one in first] == ["one", "two"]
        scripts.publish(client, "web-1", "{}", "m", "other")  # no new process
        scripts.publish(client, "web-4", "{}", "m", "one")
        assert history.read(client, "1h").deploys == first
        assert first[0].at < first[1].at <= datetime.now(UTC) + timedelta(seconds=1)
        assert 0 < client.ttl(keys.DEPLOYS) <= 30 * 86400

    def test_the_latest_100_are_kept(self, client: Redis) -> None:
        for number in range(103):
            scripts.publish(client, f"web-{number}", "{}", "m", f"commit-{number}")
        assert [one.commit for one in history.read(client, "30d").deploys] == [f"commit-{at}" for at in range(3, 103)]

    def test_a_worker_says_of_which_commit_it_is(self, url: str, client: Redis, processes: Processes) -> None:
        processes.start("-m", "jobs", "worker", RAILWAY_GIT_COMMIT_SHA="abc123").says("is ready")
        wait_for(lambda: [one.commit for one in history.read(client, "1h").deploys] == ["abc123"], "its commit")


class TestApi:
    def test_it_tells_buckets_totals_and_names(self, web: FlaskClient, client: Redis) -> None:
        told = {"all": "a5b1c2X200000Y200000E+8E<8", "queue:mail": "a5", "task:shop.send": "b1c2"}
        scripts.tell(client, "w.1", "one", {}, told)
        scripts.publish(client, "web-9", "{}", "m", "abc123")
        for span, steps, step in (("1h", 60, 60), ("24h", 144, 600), ("7d", 168, 3600), ("30d", 120, 21600)):
            found = web.get(f"/api/history?span={span}").get_json()
            assert (found["span"], found["step"], len(found["buckets"])) == (span, step, steps)
            last = max(found["buckets"], key=lambda bucket: int(bucket["finished"]))
            assert (last["finished"], last["failed"], last["retried"]) == (5, 1, 2)
            assert last["wait"] == last["run"] == {"p50": 0.2, "p95": 0.2, "p99": 0.2}
            assert found["total"]["finished"] == 5
            assert found["buckets"][0]["wait"] is None
            assert (found["queues"], found["tasks"]) == (["mail"], ["shop.send"])
            assert "abc123" in [one["commit"] for one in found["deploys"]]
            assert datetime.fromisoformat(last["start"]).tzinfo
        assert web.get("/api/history?queue=mail").get_json()["total"]["finished"] == 5
        assert web.get("/api/history?task=shop.send").get_json()["total"]["failed"] == 1
        assert web.get("/api/history?task=shop.nothing").get_json()["total"]["failed"] == 0

    @pytest.mark.parametrize(
        ("query", "words"),
        [("span=2h", "expected one of 1h, 24h, 7d, 30d"), ("queue=a&task=b", "one of them"), ("since=1", "not known")],
    )
    def test_what_cannot_be_asked_is_said(self, web: FlaskClient, query: str, words: str) -> None:
        answer = web.get(f"/api/history?{query}")
        assert answer.status_code == 422
        assert words in answer.get_json()["detail"]

    def test_it_is_for_those_who_may_look(self, web: FlaskClient) -> None:
        assert web.get("/api/history", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 401


def test_an_empty_line_has_an_empty_history(client: Redis) -> None:
    found = history.read(client, "24h")
    assert found.total == Bucket(found.buckets[0].start)
    assert history.names(client) == ((), ())
