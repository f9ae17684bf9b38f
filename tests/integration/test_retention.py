"""What is over is kept as long as was said and no longer, in small steps; what is not over is never touched."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest
import rq
from redis import Redis

from jobs import Retry, keys, prepare, queues, registry, retention, scripts, settings
from jobs.queues import JobRef
from jobs.scripts import Ticked
from jobs.settings import Settings
from jobs.spec import Spec
from jobs.timetable import Timetable
from tests import tasks as t
from tests.integration.test_dead import CHILD, KEY, WORKER, accept, claim, end, fail, ids, lease, status
from tests.integration.test_engine import tick
from tests.support import Processes, wait_for

__all__ = ["lease"]
pytestmark = pytest.mark.usefixtures("tasks")

LONG_AGO = "2020-01-01T00:00:00.000000Z"


def finish(client: Redis, count: int = 1, **options: Any) -> list[JobRef]:
    jobs = []
    for _ in range(count):
        jobs.append(accept(client, **options))
        for one in claim(client, options.get("queue", "default")):
            scripts.settle(client, WORKER, CHILD, [scripts.Settlement(one.id, one.token, "finished", b"", 1.0, 2.0)])
    return jobs


def kept(client: Redis, kind: str = "finished", queue: str = "default") -> list[str]:
    return [job_id.decode() for job_id in client.zrange(keys.registry(kind, queue), 0, -1)]


def age(client: Redis, *jobs: JobRef) -> None:
    """As if they had ended long ago."""
    for job in jobs:
        client.hset(keys.job(job.id), "ended_at", LONG_AGO)


def expire(client: Redis, kind: str, *jobs: JobRef) -> None:
    client.zadd(keys.registry(kind, "default"), {job.id: 1 for job in jobs})


def keep_last(count: int) -> Settings:
    return Settings.from_environ({"REDIS_URL": "redis://unused", "JOBS_KEEP_LAST": str(count)})


def tick_with(client: Redis, count: int) -> Ticked:
    return scripts.tick(client, WORKER, [CHILD], lease=60, leader_lease=10, survives=10, why=b"", keep_last=count)


def kept_with(client: Redis, count: int) -> list[str]:
    tick_with(client, count)
    return kept(client)


def anything_of(client: Redis, job: JobRef) -> list[bytes]:
    return [key for key in client.scan_iter("*") if job.id.encode() in key]


class TestTick:
    def test_it_keeps_the_last_so_many_of_each_queue(self, client: Redis) -> None:
        jobs, others = finish(client, 5), finish(client, 3, queue="mail")
        assert kept_with(client, 3) == ids(jobs[2:])
        assert kept(client, queue="mail") == ids(others)
        assert anything_of(client, jobs[0]) == []
        assert jobs[4].fetch().is_finished

    def test_it_takes_200_of_a_queue_at_a_time(self, client: Redis) -> None:
        jobs = [accept(client) for _ in range(450)]
        for one in claim(client):
            scripts.settle(client, WORKER, CHILD, [scripts.Settlement(one.id, one.token, "finished", b"", 1.0, 2.0)])
        assert [tick_with(client, 10).crowded for _ in range(4)] == [["default"], ["default"], [], []]
        assert kept(client) == ids(jobs[-10:])

    def test_it_keeps_any_number_unless_it_is_told(self, client: Redis) -> None:
        finish(client, 5)
        tick(client, CHILD)
        assert len(kept(client)) == 5

    def test_what_is_kept_for_ever_stays(self, client: Redis) -> None:
        [job] = finish(client)
        client.zadd(keys.registry("finished", "default"), {job.id: 4102444800})
        later = finish(client, 2)
        assert kept_with(client, 1) == [job.id]
        assert anything_of(client, later[0]) == []

    @pytest.mark.parametrize("kind", ["finished", "failed", "canceled"])
    def test_it_drops_what_has_expired_and_what_is_left_of_it(self, client: Redis, kind: str) -> None:
        [old, gone, young] = fail(client, 3) if kind != "finished" else finish(client, 3)
        if kind == "canceled":
            client.delete(keys.registry("failed", "default"))
            for job in (old, gone, young):
                client.hset(keys.job(job.id), "status", "canceled")
            client.zadd(keys.registry(kind, "default"), {young.id: client.time()[0]})
        expire(client, kind, old, gone)
        client.delete(keys.job(gone.id))
        tick(client, CHILD)
        assert kept(client, kind) == [young.id]
        assert anything_of(client, old) == []

    def test_a_finished_job_whose_follow_ups_are_owed_waits_for_them(self, client: Redis) -> None:
        [job, *_] = finish(client, 3)
        client.zadd(keys.OUTBOX, {f"{job.id}:finished": client.time()[0]})
        assert job.id in kept_with(client, 1)
        client.delete(keys.OUTBOX)
        assert job.id not in kept_with(client, 1)

    @pytest.mark.parametrize("state", ["queued", "deferred", "scheduled", "started"])
    def test_an_entry_of_a_job_that_is_not_over_goes_and_the_job_stays(self, client: Redis, state: str) -> None:
        [job] = finish(client)
        client.hset(keys.job(job.id), "status", state)
        assert kept_with(client, 0) == []
        assert status(client, job) == state

    def test_dead_letters_are_not_counted(self, client: Redis) -> None:
        jobs = fail(client, 5)
        kept_with(client, 0)
        assert kept(client, "failed") == ids(jobs)

    def test_a_worker_does_it_by_itself(self, url: str, client: Redis, processes: Processes) -> None:
        for _ in range(3):
            jobs = [accept(client) for _ in range(500)]
            endings = [scripts.Settlement(one.id, one.token, "finished", b"", 1.0, 2.0) for one in claim(client)]
            scripts.settle(client, WORKER, CHILD, endings)
        processes.start("-m", "jobs", "worker", JOBS_KEEP_LAST="2").says("is ready")
        began = time.monotonic()
        wait_for(lambda: len(kept(client)) == 2, "the worker to keep the last two")
        assert time.monotonic() - began < 5  # ticks alone would take 7 s
        assert set(kept(client)) < set(ids(jobs))

    def test_a_result_has_gone_by_itself_when_its_time_is_up(self, client: Redis) -> None:
        [job] = finish(client)
        for key in (keys.job(job.id), keys.results(job.id)):
            assert 0 < client.ttl(key) <= settings.current().keep


class TestClean:
    def test_it_removes_what_is_older_and_says_how_many(self, client: Redis) -> None:
        old, young = finish(client, 3), finish(client, 2)
        age(client, *old)
        assert retention.clean(client, settings.current()) == (3, True)
        assert kept(client) == ids(young)
        assert retention.clean(client, settings.current(), older=0) == (2, True)
        assert kept(client) == []

    def test_it_goes_through_all_queues_or_one(self, client: Redis) -> None:
        finish(client, 2)
        finish(client, 3, queue="mail")
        assert retention.clean(client, settings.current(), "mail", older=0).removed == 3
        assert retention.clean(client, settings.current(), older=0).removed == 2

    def test_dead_letters_go_only_when_asked(self, client: Redis) -> None:
        old, young = fail(client, 2)
        age(client, old)
        assert retention.clean(client, settings.current(), older=0).removed == 0
        assert retention.clean(client, settings.current(), failed=True).removed == 1
        assert kept(client, "failed") == [young.id]

    def test_it_keeps_the_last_so_many(self, client: Redis) -> None:
        jobs = finish(client, 5)
        assert retention.clean(client, keep_last(2)).removed == 3
        assert kept(client) == ids(jobs[3:])

    def test_many_go_in_small_steps(self, client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        jobs = finish(client, 25)
        age(client, *jobs[::2])
        monkeypatch.setattr(retention, "STEP", 4)
        assert retention.clean(client, settings.current()).removed == 13
        assert kept(client) == ids(jobs[1::2])

    def test_it_ends_when_its_time_is_up_and_says_so(self, client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        finish(client, 25)
        monkeypatch.setattr(retention, "STEP", 4)
        assert retention.clean(client, settings.current(), older=0, within=-1) == (4, False)

    def test_what_is_not_over_is_never_touched(self, client: Redis) -> None:
        jobs = [accept(client, key=KEY), accept(client, key=KEY), accept(client, delay=60), accept(client)]
        claim(client)
        queued = accept(client)
        states = [status(client, job) for job in (*jobs, queued)]
        assert retention.clean(client, keep_last(0), older=0, failed=True).removed == 0
        assert [status(client, job) for job in (*jobs, queued)] == states
        assert states == ["started", "deferred", "scheduled", "started", "queued"]

    def test_a_lane_that_one_had_halted_goes_on(self, client: Redis) -> None:
        head, following = accept(client, key=KEY, policy="halt"), accept(client, key=KEY)
        end(client, claim(client)[0])
        retention.clean(client, settings.current(), older=0, failed=True)
        assert (status(client, head), status(client, following)) == ("gone", "queued")

    def test_the_command_says_how_many(self, client: Redis, processes: Processes) -> None:
        finish(client, 2)
        age(client, *fail(client))
        for arguments, said in (
            ((), "0 jobs removed"),
            (("--failed",), "1 job removed"),
            (("mail", "--older", "0.001"), "0 jobs removed"),
            (("default", "--older", "0.001"), "2 jobs removed"),
        ):
            cleaned = processes.start("-m", "jobs", "clean", *arguments)
            assert (cleaned.ends(), cleaned.lines) == (0, [said])
        assert processes.start("-m", "jobs", "clean", "--older", "soon").ends() == 2


class TestOfATask:
    """``@task(keep=2, keep_failed=1)``."""

    @staticmethod
    def ended(client: Redis, *outcomes: str, **options: Any) -> list[JobRef]:
        """Jobs of that task that ended so, one after the other, and one of another task beside each."""
        jobs = []
        for outcome in outcomes:
            jobs.append(queues.submit(client, [prepare(t.publish, **options)])[0])
            accept(client)
            for one in claim(client):
                end(client, one, outcome if one.id == jobs[-1].id else "finished")
        return jobs

    def test_of_its_finished_jobs_the_last_so_many_are_kept(self, client: Redis) -> None:
        jobs = self.ended(client, *["finished"] * 5)
        assert [job.id for job in jobs if client.exists(keys.job(job.id))] == ids(jobs[3:])
        assert [one for one in kept(client) if one in ids(jobs)] == ids(jobs[3:])
        assert len(kept(client)) == 5 + 2
        assert anything_of(client, jobs[0]) == []

    def test_of_those_that_failed_too(self, client: Redis) -> None:
        jobs = self.ended(client, "failed", "finished", "stopped", "failed", retry=Retry(attempts=1))
        assert kept(client, "failed") == [jobs[3].id]
        assert jobs[1].id in kept(client)

    def test_one_that_is_run_anew_is_not_counted_as_failed(self, client: Redis) -> None:
        [first] = self.ended(client, "failed", retry=Retry(attempts=1))
        assert scripts.requeue(client, [first.id]) == [True]
        for one in claim(client):
            end(client, one, "finished")
        [second] = self.ended(client, "failed", retry=Retry(attempts=1))
        assert (status(client, first), kept(client, "failed")) == ("finished", [second.id])

    def test_many_that_end_in_one_step_leave_the_last(self, client: Redis) -> None:
        jobs = queues.submit(client, [prepare(t.publish) for _ in range(8)])
        endings = [scripts.Settlement(one.id, one.token, "finished", b"", 1.0, 2.0) for one in claim(client)]
        scripts.settle(client, WORKER, CHILD, endings)
        assert set(kept(client)) == set(ids(jobs[6:]))
        assert [len(anything_of(client, job)) for job in jobs[:6]] == [0] * 6

    def test_one_for_which_others_wait_stays(self, client: Redis) -> None:
        [job] = self.ended(client, "failed", retry=Retry(attempts=1))
        waiting = rq.Queue("default", connection=client, serializer="json").enqueue(t.add, 1, 2, depends_on=job.id)
        self.ended(client, "failed", retry=Retry(attempts=1))
        assert (status(client, job), waiting.get_status()) == ("failed", "deferred")

    def test_a_schedule_s_jobs_say_it_too(self) -> None:
        own = registry.of(t.publish)
        registry.register(replace(own, timetable=Timetable(every=5)))
        try:
            declared = json.dumps(registry.schedules()[own.name])
        finally:
            registry.register(own)
        assert Spec.read(own.name, declared).job(settings.current(), "1").fields["keep"] == f"2,1,{own.name}"
