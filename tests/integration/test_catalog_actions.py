"""Acting on jobs: each in one step, whoever else acts at the same time."""

import threading
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.job import Dependency
from rq.rate_limit import RateLimit

from jobs import catalog, keys, lane, prepare, queues, reaper, scripts
from jobs.catalog import DEAD, Action, Filter
from jobs.job import Job
from jobs.queues import JobRef
from jobs.retry import Retry
from tests import crowd
from tests import tasks as t
from tests.integration.test_dead import CHILD, KEY, accept, claim, end, fail, ids, lease, status
from tests.support import Processes, wait_for

__all__ = ["lease"]
pytestmark = pytest.mark.usefixtures("tasks")


def act(client: Redis, action: Any, *jobs: JobRef) -> list[bool]:
    """For each whether it was done."""
    done = catalog.act(client, action, ids(list(jobs)))
    assert len(done.ids) + done.skipped == len(jobs)
    return [job.id in done.ids for job in jobs]


def traces(client: Redis, job: JobRef) -> set[str]:
    """The keys that hold its id."""
    found = set()
    for key in client.scan_iter(f"{keys.PREFIX}:*"):
        held: list[Any]
        match client.type(key):
            case b"list":
                held = client.lrange(key, 0, -1)
            case b"zset":
                held = client.zrange(key, 0, -1)
            case _:
                held = []
        if job.id.encode() in held:
            found.add(key.decode().removeprefix(f"{keys.PREFIX}:"))
    return found


class TestCancel:
    def test_one_that_waits_is_out_of_wherever_it_waited(self, client: Redis) -> None:
        queued, scheduled = accept(client), accept(client, delay=60)
        head, behind = accept(client, key=KEY), accept(client, key=KEY)
        retrying = accept(client, queue="mail", retry=Retry(2, backoff=60))
        end(client, claim(client, "mail")[0])
        jobs = (queued, scheduled, behind, retrying, head)
        assert act(client, "cancel", *jobs) == [True] * 5
        for job in jobs:
            assert status(client, job) == "canceled"
            assert traces(client, job) == {f"canceled:{job.queue}"}
            assert 31_000_000 < client.ttl(keys.job(job.id)) < 32_000_000
        assert not client.exists(keys.LANES, keys.lane(KEY))
        assert claim(client) == []

    def test_its_lane_goes_on(self, client: Redis) -> None:
        jobs = [accept(client, key=KEY) for _ in range(3)]
        act(client, "cancel", jobs[0])
        assert ids(claim(client)) == [jobs[1].id]
        act(client, "cancel", jobs[2])
        assert lane(KEY, client).depth == 1

    def test_what_runs_or_is_over_stays_as_it_is(self, client: Redis) -> None:
        [failed] = fail(client)
        running = accept(client)
        claim(client)
        client.hset(keys.job(running.id), "status", "queued")  # some tool has pushed it while it runs
        assert act(client, "cancel", running, failed) == [False, False]
        assert catalog.act(client, "cancel", ["nobody"]) == ([], 1, True)
        assert status(client, failed) == "failed"

    def test_who_depends_on_it_goes_on_waiting_as_with_rqs_own(self, client: Redis) -> None:
        first = accept(client)
        queue = Queue("default", connection=client, job_class=Job, serializer="json")
        second = queue.enqueue(t.add, 1, 2, depends_on=Job.fetch(first.id, client))
        act(client, "cancel", first)
        assert second.get_status() == "deferred"

    def test_retrying_one_that_depends_on_another_has_it_wait_for_that_again(self, client: Redis) -> None:
        first, failed = accept(client), fail(client, queue="mail")[0]
        queue = Queue("default", connection=client, job_class=Job, serializer="json")
        second = queue.enqueue(t.add, 1, 2, depends_on=first.id)
        third = queue.enqueue(t.add, 1, 2, depends_on=Dependency([failed.id], allow_failure=True))
        for action in ("cancel", "retry"):
            assert catalog.act(client, action, [second.id, third.id]).skipped == 0
        assert (second.get_status(), third.get_status()) == ("deferred", "queued")
        assert client.zscore(keys.registry("deferred", "default"), second.id)
        end(client, claim(client)[0], "finished", "")
        reaper.follow_up(client, first.id)
        assert second.get_status() == "queued"

    def test_retrying_many_of_one_lane_keeps_its_order(self, client: Redis) -> None:
        jobs = [accept(client, key=KEY) for _ in range(5)]
        canceled = catalog.act_on_all(client, "cancel", Filter(key=KEY)).ids
        assert canceled != ids(jobs)
        catalog.act(client, "retry", canceled)
        assert [job_id.decode() for job_id in client.lrange(keys.lane(KEY), 0, -1)] == ids(jobs)

    def test_a_slot_of_a_rate_limit_is_given_to_the_next(self, client: Redis) -> None:
        queue = Queue("default", connection=client, job_class=Job, serializer="json")
        limit = RateLimit("mail", 1)
        first, second = (queue.enqueue(t.add, 1, 2, rate_limit=limit) for _ in range(2))
        assert (first.get_status(), second.get_status()) == ("queued", "rate_limited")
        assert ids(catalog.page(client, Filter(states=frozenset({"blocked"}))).jobs) == [second.id]
        assert catalog.act(client, "cancel", [first.id]).ids == [first.id]
        assert second.get_status() == "queued"

    def test_who_waits_for_a_slot_is_canceled_and_the_next_has_it(self, client: Redis) -> None:
        queue = Queue("default", connection=client, job_class=Job, serializer="json")
        limit = RateLimit("mail", 1)
        first, second, third = (queue.enqueue(t.add, 1, 2, rate_limit=limit) for _ in range(3))
        assert catalog.act_on_all(client, "cancel", Filter(text=second.id)).ids == [second.id]
        end(client, claim(client)[0], "finished", "")
        assert [job.get_status().value for job in (first, second, third)] == ["finished", "canceled", "queued"]

    def test_retrying_it_takes_it_back(self, client: Redis) -> None:
        queued, scheduled = accept(client), accept(client, delay=60)
        due = client.zscore(keys.registry("scheduled", "default"), scheduled.id)
        assert act(client, "cancel", queued, scheduled) == [True, True]
        assert act(client, "retry", queued, scheduled) == [True, True]
        assert (status(client, queued), status(client, scheduled)) == ("queued", "scheduled")
        assert client.zscore(keys.registry("scheduled", "default"), scheduled.id) == pytest.approx(due)
        assert not client.hexists(keys.job(scheduled.id), "due")
        assert client.ttl(keys.job(scheduled.id)) == -1

    def test_a_scheduled_one_whose_time_has_passed_meanwhile_is_queued(self, client: Redis) -> None:
        job = accept(client, delay=60)
        act(client, "cancel", job)
        client.hset(keys.job(job.id), "due", 1)
        act(client, "retry", job)
        assert ids(claim(client)) == [job.id]

    def test_it_is_canceled_or_claimed_and_never_both(self, client: Redis) -> None:
        jobs = [accept(client) for _ in range(300)]
        claimed: list[str] = []

        def work() -> None:
            while given := scripts.claim(client, "worker-a", CHILD, ["default"], 3):
                claimed.extend(one.id for one in given)

        worker = threading.Thread(target=work)
        worker.start()
        canceled = [job_id for job in reversed(jobs) for job_id in catalog.act(client, "cancel", [job.id]).ids]
        worker.join()
        assert canceled
        assert claimed
        assert sorted([*canceled, *claimed]) == sorted(ids(jobs))
        assert {status(client, job) for job in jobs if job.id in claimed} == {"started"}


class TestRun:
    def test_a_scheduled_job_goes_to_its_queue_now(self, client: Redis) -> None:
        job, other = accept(client, delay=60), accept(client, delay=60)
        assert act(client, "run", job) == [True]
        assert ids(claim(client)) == [job.id]
        assert status(client, other) == "scheduled"

    def test_one_that_is_to_be_tried_again_goes_before_the_rest_of_its_lane(self, client: Redis) -> None:
        first, second = accept(client, key=KEY, retry=Retry(2, backoff=60)), accept(client, key=KEY)
        end(client, claim(client)[0])
        act(client, "run", first)
        [again] = claim(client)
        assert again.id == first.id
        end(client, again, "finished", "")
        assert ids(claim(client)) == [second.id]

    def test_one_whose_lane_is_busy_waits_for_its_turn(self, client: Redis) -> None:
        late, first = accept(client, key=KEY, delay=60), accept(client, key=KEY)
        act(client, "run", late)
        assert status(client, late) == "deferred"
        end(client, claim(client)[0], "finished", "")
        assert (first.id != late.id, ids(claim(client))) == (True, [late.id])

    def test_one_with_a_rate_limit_is_due_at_once(self, client: Redis) -> None:
        job = accept(client, delay=60)
        client.hset(keys.job(job.id), "rate_limit_key", "limit")
        assert act(client, "run", job) == [True]
        assert client.zrange("rq:rl:limit:allowed", 0, -1) == [job.id.encode()]
        assert status(client, job) == "queued"

    def test_what_is_not_scheduled_stays_as_it_is(self, client: Redis) -> None:
        queued, [failed] = accept(client, queue="mail"), fail(client)
        assert act(client, "run", queued, failed) == [False, False]
        assert client.llen(keys.queue("mail")) == 1


class TestStop:
    def test_a_worker_stops_it_and_it_is_a_dead_letter(
        self, client: Redis, processes: Processes, tmp_path: Path
    ) -> None:
        job = accept(client, t.climb, (str(tmp_path / "gate"),))
        assert not catalog.stop(client, job.id)
        processes.start("-m", "jobs", "worker").says("is ready")
        wait_for(lambda: catalog.stop(client, job.id), "it to run")
        wait_for(lambda: status(client, job) == "stopped", "it to be stopped")
        assert ids(catalog.page(client, Filter(states=DEAD)).jobs) == [job.id]
        assert not catalog.stop(client, job.id)


class TestAll:
    def test_only_what_matches_and_is_in_a_state_for_it_is_acted_upon(self, client: Redis) -> None:
        failed, [mail] = fail(client, 3), fail(client, queue="mail")
        waiting = accept(client)
        done = catalog.act_on_all(client, "retry", Filter(queue="default"))
        assert (sorted(done.ids), done.skipped, done.complete) == (sorted(ids(failed)), 0, True)
        assert (status(client, mail), status(client, waiting)) == ("failed", "queued")
        assert catalog.act_on_all(client, "retry", Filter(states=frozenset({"queued"}))) == ([], 0, True)
        assert sorted(catalog.act_on_all(client, "cancel", Filter()).ids) == sorted(ids([*failed, waiting]))

    def test_many_of_one_lane_run_anew_in_the_order_in_which_they_failed(self, client: Redis) -> None:
        jobs = fail(client, 5, key=KEY)
        catalog.act_on_all(client, "retry", Filter(key=KEY))
        assert [job_id.decode() for job_id in client.lrange(keys.lane(KEY), 0, -1)] == ids(jobs)

    def test_none_of_a_lane_is_left_whose_head_was_canceled_before_it(self, client: Redis) -> None:
        """The head came to its queue last, so it is met first, and the next takes its place before it is met."""
        jobs = [accept(client, key=KEY) for _ in range(300)]
        end(client, claim(client)[0], "finished", "")
        done = catalog.act_on_all(client, "cancel", Filter(key=KEY))
        assert sorted(done.ids) == sorted(ids(jobs[1:]))
        assert claim(client) == []

    @pytest.mark.parametrize("action", ["cancel", "delete"])
    def test_a_text_that_is_an_id_means_that_job_alone_as_in_a_list(self, client: Redis, action: Action) -> None:
        for job_id in ("a1", "a11", "a12"):
            accept(client, job_id=job_id)
        wanted, done = Filter(text="a1"), ["a1"] if action == "cancel" else []
        assert [job.id for job in catalog.page(client, wanted).jobs] == ["a1"]
        assert [job.id for job in catalog.matching(client, wanted)] == ["a1"]
        assert catalog.count(client, wanted) == (1, True)
        assert catalog.count(client, wanted, action) == (len(done), True)
        assert catalog.act_on_all(client, action, wanted) == (done, 0, True)

    def test_it_says_when_its_time_was_up_and_goes_on_when_sent_again(self, client: Redis) -> None:
        queues.submit(client, [prepare(t.add, 1, 2) for _ in range(60)])
        parts = [catalog.act_on_all(client, "cancel", Filter(), within=0)]
        while not parts[-1].complete:
            parts.append(catalog.act_on_all(client, "cancel", Filter(), within=0))
        assert [len(part.ids) for part in parts] == [25, 25, 10]

    def test_what_cannot_be_done_is_counted(self, client: Redis) -> None:
        owed, free = fail(client, 2)
        client.zadd(keys.OUTBOX, {f"{owed.id}:failed": 1})
        assert catalog.act_on_all(client, "delete", Filter()) == ([free.id], 1, True)


class TestCount:
    def test_it_ends_when_its_time_is_up_and_says_so(self, client: Redis) -> None:
        crowd.fill(client, 600)
        whole = catalog.count(client, Filter())
        assert whole == (600, True)
        part = catalog.count(client, Filter(), within=-1)
        assert not part.complete
        assert 0 < part.number < 600
        assert catalog.count(client, Filter(), "retry") == (72, True)
