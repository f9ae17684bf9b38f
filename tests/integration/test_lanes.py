"""Lanes: what holds one up, what lets it go on, what RQ's own tools do to who waits, and how many run at once."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.registry import CanceledJobRegistry, DeferredJobRegistry

from jobs import is_busy, keys, lane, lanes, prepare, queues, scripts, settings, wait_until_idle
from jobs.errors import InvalidOption
from jobs.job import Job
from jobs.queues import JobRef
from jobs.retry import Retry
from jobs.scripts import Claimed, Settlement
from tests import tasks as t
from tests.support import Process, Processes, wait_for

pytestmark = pytest.mark.usefixtures("tasks")

WORKER, CHILD, KEY = "worker-a", "worker-a.1", "contact:42"
FOR_GOOD = Retry(1)


@pytest.fixture(autouse=True)
def lease(client: Redis) -> None:
    scripts.grant(client, CHILD, 60)


def accept(client: Redis, **options: Any) -> JobRef:
    job = prepare(t.add, 1, 2, **{"key": KEY, "retry": FOR_GOOD, **options})
    return queues.submit(client, [job])[0]


def claim(client: Redis, wanted: int = 10) -> list[Claimed]:
    return scripts.claim(client, WORKER, CHILD, ("default",), wanted) or []


def end(client: Redis, one: Claimed, outcome: Any = "finished") -> None:
    scripts.settle(client, WORKER, CHILD, [Settlement(one.id, one.token, outcome, b"", 1.0, 2.0)])


def snooze(client: Redis, one: Claimed) -> None:
    scripts.settle(client, WORKER, CHILD, [Settlement(one.id, one.token, "snoozed", b"", 1.0, 2.0, 60.0)])


def status(client: Redis, job: JobRef) -> str:
    return (client.hget(keys.job(job.id), "status") or b"gone").decode()


def runs_next(client: Redis, job: JobRef) -> None:
    """Nothing but this job of the lane can be claimed; it runs to its end."""
    [one] = claim(client)
    assert one.id == job.id
    end(client, one)


def halted(client: Redis, successors: int = 2) -> list[JobRef]:
    jobs = [accept(client, policy="halt") for _ in range(1 + successors)]
    [head] = claim(client)
    end(client, head, "failed")
    assert claim(client) == []
    return jobs


class TestPolicy:
    def test_a_lane_halts_at_a_job_that_failed_for_good(self, client: Redis) -> None:
        head, *_ = halted(client)
        found = lane(KEY, client)
        assert (found.depth, found.head, found.state, found.queue) == (3, head.id, "halted", "default")
        assert found.since
        assert client.zrange(keys.HALTED, 0, -1) == [KEY.encode()]

    def test_a_sweep_leaves_it_halted(self, client: Redis) -> None:
        halted(client)
        assert lanes.sweep(client) == []

    def test_resume_runs_the_failed_job_again_first_with_all_its_attempts(self, client: Redis) -> None:
        jobs = [accept(client, policy="halt", retry=Retry(3, backoff=0)) for _ in range(2)]
        for _ in range(3):
            [head] = claim(client)
            end(client, head, "failed")
        assert lane(KEY, client).state == "halted"
        assert lanes.resume(client, KEY)
        assert client.hget(keys.job(jobs[0].id), "retries_left") == b"2"
        assert not client.zscore(keys.registry("failed", "default"), jobs[0].id)
        for job in jobs:
            runs_next(client, job)
        assert not client.exists(keys.HALTED, keys.LANES, keys.lane(KEY))

    def test_skip_leaves_the_failed_job_where_it_is(self, client: Redis) -> None:
        head, *rest = halted(client)
        assert lanes.skip(client, KEY)
        for job in rest:
            runs_next(client, job)
        assert status(client, head) == "failed"
        assert client.zscore(keys.registry("failed", "default"), head.id)

    def test_clear_cancels_who_waits(self, client: Redis) -> None:
        _, *rest = halted(client)
        assert lanes.clear(client, KEY) == 2
        assert {status(client, job) for job in rest} == {"canceled"}
        assert not client.exists(keys.HALTED, keys.LANES, keys.lane(KEY), keys.registry("deferred", "default"))

    def test_clear_leaves_what_runs(self, client: Redis) -> None:
        jobs = [accept(client) for _ in range(3)]
        [head] = claim(client)
        assert lanes.clear(client, KEY) == 2
        assert lane(KEY, client) == lane(KEY, client)._replace(depth=1, head=jobs[0].id, state="running")
        end(client, head)
        assert not is_busy(KEY, client)

    def test_clear_takes_a_long_lane_in_small_steps_from_its_tail(self, client: Redis) -> None:
        head, *rest = halted(client, 3 * lanes.STEP)
        assert scripts.clear(client, KEY, 0, lanes.STEP) == (lanes.STEP, lanes.STEP, lanes.STEP)
        assert [status(client, job) for job in (rest[0], rest[-1])] == ["deferred", "canceled"]
        assert lane(KEY, client).state == "halted"
        assert lanes.clear(client, KEY) == len(rest) - lanes.STEP
        assert {status(client, job) for job in rest} == {"canceled"}
        assert status(client, head) == "failed"
        assert not client.exists(keys.HALTED, keys.LANES, keys.lane(KEY), keys.registry("deferred", "default"))

    @pytest.mark.parametrize("step", [lanes.resume, lanes.skip])
    def test_a_lane_that_is_not_halted_is_left_alone(self, client: Redis, step: Callable[[Redis, str], bool]) -> None:
        jobs = [accept(client) for _ in range(2)]
        assert not step(client, KEY)
        assert not step(client, "no such lane")
        for job in jobs:
            runs_next(client, job)

    def test_stock_requeue_of_the_failed_head_lets_the_lane_go_on(self, client: Redis) -> None:
        head, *rest = halted(client)
        Job.fetch(head.id, client).requeue()
        for job in (head, *rest):
            runs_next(client, job)
        assert not client.exists(keys.HALTED)

    def test_deleting_the_failed_head_lets_the_lane_go_on(self, client: Redis) -> None:
        head, *rest = halted(client)
        Job.fetch(head.id, client).delete()
        assert lanes.sweep(client) == [rest[0].id]
        for job in rest:
            runs_next(client, job)

    def test_a_poisoned_head_halts_too(self, client: Redis) -> None:
        accept(client, policy="halt")
        accept(client, policy="halt")
        [head] = claim(client)
        scripts.release(client, CHILD, [scripts.Held(head.id, head.token, charged=True, why=b"x")], survives=0)
        assert lane(KEY, client).state == "halted"
        assert claim(client) == []

    @pytest.mark.parametrize("how", ["task", "queue", "job"])
    def test_it_is_the_jobs_the_tasks_or_the_queues(
        self, client: Redis, how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if how == "queue":
            monkeypatch.setenv("JOBS_HALT", "money,default")
            settings.current.cache_clear()
        job = (
            prepare(t.pay, 1)
            if how == "task"
            else prepare(t.add, 1, 2, key=KEY, policy="halt" if how == "job" else None)
        )
        assert job.fields["policy"] == "halt"

    @pytest.mark.parametrize("policy", ["stop", "", 1, True])
    def test_any_other_policy_is_refused(self, policy: Any) -> None:
        with pytest.raises(InvalidOption, match="policy is"):
            prepare(t.add, 1, 2, key=KEY, policy=policy)


class TestHead:
    def test_a_head_that_fails_three_times_keeps_its_lane_until_the_end(self, client: Redis) -> None:
        _, after = accept(client, retry=Retry(3, backoff=0)), accept(client)
        for _ in range(3):
            [head] = claim(client)
            assert status(client, after) == "deferred"
            end(client, head, "failed")
        runs_next(client, after)

    @pytest.mark.parametrize("waits", ["backs off", "snoozes"])
    def test_a_head_that_waits_for_the_clock_keeps_its_lane(self, client: Redis, waits: str) -> None:
        accept(client, retry=Retry(2, backoff=60)), accept(client)
        [head] = claim(client)
        if waits == "snoozes":
            snooze(client, head)
        else:
            end(client, head, "failed")
        assert not claim(client)
        assert not lanes.sweep(client)
        assert lane(KEY, client).state == "retrying"

    def test_a_snooze_spends_no_attempt(self, client: Redis) -> None:
        job = accept(client, retry=Retry(2, backoff=60))
        [head] = claim(client)
        snooze(client, head)
        assert client.hmget(keys.job(job.id), "retries_left", "snoozes", "status") == [b"1", b"1", b"scheduled"]

    @pytest.mark.parametrize("gone", ["deleted", "canceled", "expired"])
    def test_a_head_that_is_gone_is_passed_over(self, client: Redis, gone: str) -> None:
        head, after = accept(client), accept(client)
        if gone == "expired":
            client.delete(keys.job(head.id))
        else:
            getattr(Job.fetch(head.id, client), {"deleted": "delete", "canceled": "cancel"}[gone])()
        lanes.sweep(client)
        runs_next(client, after)


class TestStockTools:
    """What ``rq`` and dashboards do to jobs that wait in a lane."""

    def test_who_waits_is_listed_and_counted_as_deferred(self, client: Redis) -> None:
        _, *waiting = [accept(client) for _ in range(3)]
        registry = DeferredJobRegistry("default", connection=client)
        assert registry.get_job_ids() == [job.id for job in waiting]
        assert registry.get_job_count(cleanup=False) == 2

    def test_a_count_that_cleans_up_loses_nobody(self, client: Redis) -> None:
        jobs = [accept(client) for _ in range(3)]
        assert DeferredJobRegistry("default", connection=client).count == 2
        for job in jobs:
            runs_next(client, job)

    def test_requeueing_who_waits_does_not_let_it_overtake(self, client: Redis) -> None:
        jobs = [accept(client) for _ in range(3)]
        DeferredJobRegistry("default", connection=client, serializer="json").requeue(jobs[2].id)
        for job in jobs:
            runs_next(client, job)

    def test_canceling_who_waits_takes_it_out(self, client: Redis) -> None:
        first, second, third = (accept(client) for _ in range(3))
        Job.fetch(second.id, client).cancel()
        for job in (first, third):
            runs_next(client, job)
        assert CanceledJobRegistry("default", connection=client).get_job_ids() == [second.id]

    def test_deleting_who_waits_takes_it_out(self, client: Redis) -> None:
        first, second, third = (accept(client) for _ in range(3))
        Job.fetch(second.id, client).delete()
        for job in (first, third):
            runs_next(client, job)

    def test_emptying_the_queue_takes_the_head_and_the_lane_goes_on(self, client: Redis) -> None:
        _, *rest = [accept(client) for _ in range(3)]
        Queue("default", connection=client, serializer="json").empty()
        lanes.sweep(client)
        for job in rest:
            runs_next(client, job)


class TestCap:
    def test_no_more_run_at_once_than_the_queue_may(self, client: Redis) -> None:
        [accept(client, key=None) for _ in range(5)]
        scripts.grant(client, "other.1", 60)
        limits = {"default": 3}
        mine = scripts.exchange(client, WORKER, CHILD, ("default",), (), 2, limits)[1] or []
        others = scripts.exchange(client, "other", "other.1", ("default",), (), 5, limits)[1] or []
        assert (len(mine), len(others)) == (2, 1)
        done = [Settlement(mine[0].id, mine[0].token, "finished", b"", 1.0, 2.0)]
        assert len(scripts.exchange(client, WORKER, CHILD, ("default",), done, 5, limits)[1] or []) == 1

    def test_over_two_workers(self, url: str, client: Redis, processes: Processes, tmp_path: Path) -> None:
        for _ in range(2):
            processes.start("-m", "jobs", "worker", JOBS_MAX_RUNNING="default=3").says("is ready")
        log = tmp_path / "log"
        queues.submit(client, [prepare(t.note, str(log), str(n), 0.05) for n in range(30)])
        wait_for(lambda: log.exists() and log.read_text().count("end") == 30, "all jobs")
        running, most = 0, 0
        for line in log.read_text().splitlines():
            running += 1 if line.startswith("start") else -1
            most = max(most, running)
        assert most == 3


class TestOrder:
    def test_it_is_the_servers_order_of_arrival_for_ten_enqueuers_at_once(self, client: Redis, url: str) -> None:
        accepted: list[str] = []
        lock = threading.Lock()

        def enqueue_some() -> None:
            own = Redis.from_url(url)
            for _ in range(20):
                with lock:  # the order in which the replies are known is then the order of acceptance
                    accepted.append(accept(own).id)

        threads = [threading.Thread(target=enqueue_some) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [job_id.decode() for job_id in client.lrange(keys.lane(KEY), 0, -1)] == accepted

    def test_a_clients_clock_does_not_matter(self, client: Redis, url: str) -> None:
        hour = 3600
        code = (
            "import sys, time; real = time.time; time.time = lambda: real() + float(sys.argv[1]); "
            "from tests import tasks; print(tasks.add.enqueue(1, 2, key='contact:42').id)"
        )
        found = [
            subprocess.run([sys.executable, "-c", code, str(shift)], capture_output=True, text=True, check=True)
            for shift in (hour, -hour, 0)
        ]
        order = [one.stdout.strip() for one in found]
        assert [job_id.decode() for job_id in client.lrange(keys.lane(KEY), 0, -1)] == order
        stamps = [client.hget(keys.job(job_id), "created_at") for job_id in order]
        assert stamps == sorted(stamps, key=bytes)  # type: ignore[arg-type]


class TestLooking:
    def test_a_lane_that_holds_nothing_is_idle(self, client: Redis) -> None:
        assert lane("nobody", client) == lanes.Lane("nobody", 0, None, "idle", None, None)
        assert not is_busy("nobody", client)

    def test_all_lanes_or_those_of_a_queue(self, client: Redis) -> None:
        accept(client), accept(client, key="other", queue="low")
        assert {one.key for one in lanes.lanes(client)} == {KEY, "other"}
        assert [one.key for one in lanes.lanes(client, "low")] == ["other"]

    def test_waiting_until_a_lane_is_idle(self, client: Redis) -> None:
        accept(client)
        [one] = claim(client)
        assert not wait_until_idle(KEY, 0.01, client)
        ending = threading.Timer(0.2, end, (client, one))
        ending.start()
        assert wait_until_idle(KEY, 10, client)
        ending.join()


class TestCommand:
    def run(self, processes: Processes, *arguments: str) -> Process:
        process = processes.start("-m", "jobs", "lanes", *arguments)
        assert process.ends() == 0
        return process

    def test_lists_resumes_skips_and_clears(self, client: Redis, processes: Processes) -> None:
        assert self.run(processes).lines == ["no lane holds a job"]
        head, *_ = halted(client)
        title, row = self.run(processes, "default").lines
        assert title.split() == ["key", "state", "depth", "head", "since", "queue"]
        assert row.split()[:4] == [KEY, "halted", "3", head.id]
        assert self.run(processes, "low").lines == ["no lane of low holds a job"]
        assert self.run(processes, "resume", KEY).lines == [
            f"{KEY} goes on with the job that failed; 3 jobs in the lane"
        ]
        assert self.run(processes, "skip", KEY).lines == [f"{KEY} was not halted; 3 jobs in the lane"]
        assert self.run(processes, "clear", KEY).lines == [f"{KEY}: 3 jobs canceled"]
