"""The engine's scripts, one by one, on a real server: claims, settlements, leases, recovery."""

import json
from base64 import b64encode
from typing import Any

import pytest
from redis import Redis

from jobs import keys, prepare, queues, scripts
from jobs.job import Job
from jobs.queues import JobRef
from jobs.retry import Retry
from jobs.scripts import Claimed, Held, Settlement, Ticked
from jobs.worker.execution import packed
from tests import tasks as t
from tests.support import wait_for

pytestmark = pytest.mark.usefixtures("tasks")

WORKER, CHILD = "worker-a", "worker-a.1"


@pytest.fixture(autouse=True)
def lease(client: Redis) -> None:
    scripts.grant(client, CHILD, 60)


def accept(client: Redis, *args: Any, **options: Any) -> JobRef:
    return queues.submit(client, [prepare(t.add, *(args or (1, 2)), **options)])[0]


def claim(client: Redis, wanted: int = 10, *names: str, child: str = CHILD) -> list[Claimed]:
    found = scripts.claim(client, WORKER, child, names or ("default",), wanted)
    assert found is not None
    return found


def apart(client: Redis, wanted: int = 1) -> list[Claimed]:
    """Claim of those whose process has died before."""
    return scripts.claim(client, WORKER, CHILD, ("default",), wanted, keys.suspects) or []


def settle(client: Redis, one: Claimed, outcome: Any = "finished", value: bytes = b"", after: float = 0) -> int:
    [reply] = scripts.settle(client, WORKER, CHILD, [Settlement(one.id, one.token, outcome, value, 1.0, 2.5, after)])
    return reply


def tick(client: Redis, *children: str, lease: float = 60, survives: int = 10) -> Ticked:
    return scripts.tick(
        client, WORKER, children, lease=lease, leader_lease=10, survives=survives, why=packed("it was lost\n")
    )


def expire(client: Redis, child: str = CHILD) -> None:
    """As if the lease had run out, with somebody else ticking all along."""
    client.set(keys.TICKED, str(client.time()[0]))
    client.zadd(keys.LEASES, {child: 1})


def status(client: Redis, job: JobRef | Claimed) -> str:
    found = client.hget(keys.job(job.id), "status")
    return found.decode() if found else "gone"


def waiting(client: Redis, queue: str = "default") -> list[str]:
    return [job_id.decode() for job_id in client.lrange(keys.queue(queue), 0, -1)]


def members(client: Redis, kind: str) -> list[str]:
    return [entry.decode() for entry in client.zrange(keys.registry(kind, "default"), 0, -1)]


class TestClaim:
    def test_gives_jobs_in_order_with_tokens_that_grow(self, client: Redis) -> None:
        jobs = [accept(client) for _ in range(3)]
        found = claim(client)
        assert [one.id for one in found] == [job.id for job in jobs]
        assert [int(one.token) for one in found] == sorted(int(one.token) for one in found)
        assert {status(client, job) for job in jobs} == {"started"}
        assert members(client, "wip") == sorted(f"{one.id}:{one.token}" for one in found)

    def test_takes_the_first_queue_first_and_no_more_than_wanted(self, client: Redis) -> None:
        low, high = [accept(client, queue="low") for _ in range(2)], [accept(client, queue="high") for _ in range(2)]
        assert [one.id for one in claim(client, 3, "high", "low")] == [high[0].id, high[1].id, low[0].id]
        assert waiting(client, "low") == [low[1].id]

    def test_gives_nothing_without_a_lease(self, client: Redis) -> None:
        accept(client)
        assert scripts.claim(client, WORKER, "nobody", ("default",), 1) is None

    def test_gives_nothing_while_the_lease_has_run_out_and_nobody_took_it(self, client: Redis) -> None:
        accept(client)
        expire(client)
        assert scripts.claim(client, WORKER, CHILD, ("default",), 1) == []

    def test_gives_nothing_while_suspended_or_paused(self, client: Redis) -> None:
        job = accept(client)
        client.set(keys.SUSPENDED, 1)
        assert claim(client) == []
        client.delete(keys.SUSPENDED)
        client.sadd(keys.PAUSED, "default")
        assert claim(client) == []
        client.delete(keys.PAUSED)
        assert [one.id for one in claim(client)] == [job.id]

    @pytest.mark.parametrize("state", ["canceled", "finished", "failed", "started", "scheduled", "deferred"])
    def test_passes_over_what_is_not_queued(self, client: Redis, state: str) -> None:
        job, good = accept(client), accept(client)
        client.hset(keys.job(job.id), "status", state)
        assert [one.id for one in claim(client)] == [good.id]
        assert waiting(client) == []

    def test_passes_over_a_job_whose_hash_is_gone(self, client: Redis) -> None:
        job, good = accept(client), accept(client)
        client.delete(keys.job(job.id))
        assert [one.id for one in claim(client)] == [good.id]

    def test_does_not_give_a_running_job_again_that_some_tool_has_requeued(self, client: Redis) -> None:
        job = accept(client)
        claim(client)
        client.hset(keys.job(job.id), "status", "queued")
        client.rpush(keys.queue("default"), job.id)
        assert claim(client) == []

    def test_sends_a_job_that_was_pushed_past_its_lane_back_to_wait(self, client: Redis) -> None:
        head, after = accept(client, key="k"), accept(client, key="k")
        client.hset(keys.job(after.id), "status", "queued")
        client.lpush(keys.queue("default"), after.id)
        assert [one.id for one in claim(client)] == [head.id]
        assert status(client, after) == "deferred"

    def test_a_job_with_a_ttl_does_not_expire_while_it_runs(self, client: Redis) -> None:
        job = accept(client)
        client.hset(keys.job(job.id), "ttl", 60)
        client.expire(keys.job(job.id), 60)
        claim(client)
        assert client.ttl(keys.job(job.id)) == -1


class TestSettle:
    def test_a_result_is_kept_as_rq_reads_it(self, client: Redis) -> None:
        accept(client)
        [one] = claim(client)
        assert settle(client, one, value=b64encode(json.dumps({"sum": 3}).encode())) == 1
        job = Job.fetch(one.id, client)
        assert (job.get_status().value, job.return_value()) == ("finished", {"sum": 3})
        latest = job.latest_result()
        assert latest
        assert (latest.execution_id, latest.worker_name) == (one.token, WORKER)
        assert members(client, "finished") == [one.id]
        assert members(client, "wip") == []
        assert 0 < client.ttl(keys.job(one.id)) <= 7 * 86400

    def test_what_is_kept_of_a_job_is_small(self, client: Redis) -> None:
        """A stream of one entry that is written as usual takes more than 4 KB."""
        accept(client)
        [one] = claim(client)
        settle(client, one)
        client.xadd("as usual", {"type": "1", "worker_name": WORKER})
        small, usual = client.memory_usage(keys.results(one.id)), client.memory_usage("as usual")
        assert small
        assert usual
        assert small < 1024 < 4096 < usual
        assert client.ttl(keys.results(one.id)) == pytest.approx(client.ttl(keys.job(one.id)), abs=1)

    def test_the_worker_is_credited(self, client: Redis) -> None:
        accept(client), accept(client)
        first, second = claim(client)
        settle(client, first)
        settle(client, second, "failed", packed("no\n"), scripts.FINAL)
        row = client.hgetall(keys.worker(WORKER))
        assert (row[b"successful_job_count"], row[b"failed_job_count"]) == (b"1", b"1")
        assert float(row[b"total_working_time"]) == 3.0

    def test_a_second_result_is_refused(self, client: Redis) -> None:
        accept(client)
        [one] = claim(client)
        assert (settle(client, one), settle(client, one, "failed", packed("late\n"))) == (1, 0)
        assert status(client, one) == "finished"

    def test_the_result_of_a_lost_lease_is_refused_and_the_new_holders_taken(self, client: Redis) -> None:
        accept(client)
        [old] = claim(client)
        expire(client)
        assert tick(client).recovered == [old.id]
        scripts.grant(client, CHILD, 60)
        [new] = claim(client)
        assert int(new.token) > int(old.token)
        assert (settle(client, old), settle(client, new)) == (0, 1)

    def test_a_failure_with_attempts_left_is_scheduled_and_then_due(self, client: Redis) -> None:
        job = accept(client, retry=Retry(attempts=3, backoff=0.2, jitter=0))
        [one] = claim(client)
        settle(client, one, "failed", packed("once\n"))
        assert status(client, job) == "scheduled"
        [(_, due)] = client.zrange(keys.registry("scheduled", "default"), 0, -1, withscores=True)
        assert float(due) == pytest.approx(client.time()[0] + 0.7, abs=0.8)
        wait_for(lambda: tick(client).moved == [job.id], "the second attempt")
        assert client.hget(keys.job(job.id), "retries_left") == b"1"

    def test_a_failure_without_backoff_is_queued_at_once(self, client: Redis) -> None:
        job = accept(client, retry=Retry(attempts=2, backoff=0))
        settle(client, claim(client)[0], "failed", packed("once\n"))
        assert waiting(client) == [job.id]

    def test_the_last_failure_and_a_final_one_are_kept_as_failed(self, client: Redis) -> None:
        accept(client, retry=Retry(attempts=1)), accept(client)
        for one, after in zip(claim(client), (0, scripts.FINAL), strict=True):
            settle(client, one, "failed", packed("ValueError: for good\n"), after)
            job = Job.fetch(one.id, client)
            latest = job.latest_result()
            assert job.get_status().value == "failed"
            assert latest
            assert latest.exc_string == "ValueError: for good\n"
        assert len(members(client, "failed")) == 2

    def test_the_next_of_the_lane_goes_in_the_same_step(self, client: Redis) -> None:
        head, after = accept(client, key="k"), accept(client, key="k")
        [one] = claim(client)
        assert one.id == head.id
        settle(client, one)
        assert waiting(client) == [after.id]

    def test_a_lane_waits_while_its_head_is_to_be_tried_again(self, client: Redis) -> None:
        accept(client, key="k", retry=Retry(attempts=2, backoff=60))
        accept(client, key="k")
        settle(client, claim(client)[0], "failed", packed("once\n"))
        assert waiting(client) == []

    def test_a_job_with_result_ttl_zero_leaves_nothing(self, client: Redis) -> None:
        job = accept(client)
        client.hset(keys.job(job.id), "result_ttl", 0)
        settle(client, claim(client)[0])
        assert not list(client.scan_iter(f"*{job.id}*"))
        assert members(client, "finished") == []

    def test_a_job_deleted_while_it_ran_is_no_error(self, client: Redis) -> None:
        job = accept(client)
        [one] = claim(client)
        client.delete(keys.job(job.id))
        assert settle(client, one) == 1
        assert status(client, job) == "gone"

    def test_dependents_go_to_the_outbox_in_the_same_step(self, client: Redis) -> None:
        job = accept(client)
        client.sadd(f"{keys.job(job.id)}:dependents", "another")
        assert settle(client, claim(client)[0]) == 2
        assert [entry.decode() for entry in client.zrange(keys.OUTBOX, 0, -1)] == [f"{job.id}:finished"]

    def test_a_repeat_runs_again_as_rq_counts(self, client: Redis) -> None:
        job = accept(client)
        client.hset(keys.job(job.id), mapping={"repeats_left": 2, "repeat_intervals": "[0, 60]"})
        settle(client, claim(client)[0])
        assert waiting(client) == [job.id]
        assert client.hmget(keys.job(job.id), "repeats_left", "repeat_intervals") == [b"1", b"[60]"]
        settle(client, claim(client)[0])
        assert status(client, job) == "scheduled"


class TestRelease:
    def test_puts_jobs_back_at_the_front_in_their_order(self, client: Redis) -> None:
        jobs = [accept(client) for _ in range(4)]
        found = claim(client, 3)
        held = [Held(one.id, one.token, charged=False) for one in found]
        assert scripts.release(client, CHILD, held, 3) == (3, 0)
        assert waiting(client) == [job.id for job in jobs]
        assert members(client, "wip") == []
        assert scripts.held(client, CHILD) == []

    def test_puts_back_only_what_the_child_holds(self, client: Redis) -> None:
        accept(client)
        [one] = claim(client)
        settle(client, one)
        assert scripts.release(client, CHILD, [Held(one.id, one.token, charged=False)], 3) == (0, 0)
        assert status(client, one) == "finished"

    def test_a_job_that_was_running_too_often_when_its_process_died_fails(self, client: Redis) -> None:
        job = accept(client)
        for times, expected in enumerate(((1, 0), (1, 0), (1, 0), (0, 1))):
            [one] = claim(client) or apart(client)
            assert times < 2 or client.hget(keys.job(job.id), "suspect")
            held = [Held(one.id, one.token, charged=True, why=packed("killed\n"))]
            assert scripts.release(client, CHILD, held, 3) == expected
        assert status(client, job) == "failed"
        assert waiting(client) == []
        latest = Job.fetch(job.id, client).latest_result()
        assert latest
        assert latest.exc_string == "killed\n"

    def test_what_brings_its_child_down_again_waits_apart_and_runs_alone(self, client: Redis) -> None:
        killers, good = [accept(client).id for _ in range(2)], [accept(client).id for _ in range(2)]
        for _ in range(2):
            held = [Held(one.id, one.token, False, packed("killed\n"), suspect=True) for one in claim(client, 2)]
            assert [one.id for one in held] == killers
            scripts.release(client, CHILD, held, 3)
            assert waiting(client) == [*killers, *good]
        assert [one.id for one in claim(client, 4)] == good
        assert client.lrange(keys.suspects("default"), 0, -1) == [job.encode() for job in killers]
        assert client.hget(keys.job(killers[0]), "status") == b"queued"
        assert [one.id for one in apart(client)] == killers[:1]

    def test_a_poisoned_head_lets_its_lane_go_on(self, client: Redis) -> None:
        accept(client, key="k")
        after = accept(client, key="k")
        [one] = claim(client)
        scripts.release(client, CHILD, [Held(one.id, one.token, charged=True, why=packed("killed\n"))], 0)
        assert waiting(client) == [after.id]


class TestTick:
    def test_renews_the_leases_of_its_children_only(self, client: Redis) -> None:
        scripts.grant(client, "other", 1)
        before = client.zscore(keys.LEASES, "other")
        client.set(keys.TICKED, str(client.time()[0]))
        scripts.grant(client, CHILD, 1)
        assert tick(client, CHILD).gone == []
        assert float(client.zscore(keys.LEASES, CHILD) or 0) > client.time()[0] + 50
        assert client.zscore(keys.LEASES, "other") == before

    def test_takes_back_what_a_lost_child_held_in_order(self, client: Redis) -> None:
        jobs = [accept(client) for _ in range(3)]
        claim(client, 2)
        expire(client)
        assert sorted(tick(client).recovered) == sorted(job.id for job in jobs[:2])
        assert waiting(client) == [job.id for job in jobs]
        assert client.zscore(keys.LEASES, CHILD) is None

    def test_tells_a_keeper_that_its_childs_lease_is_gone(self, client: Redis) -> None:
        expire(client)
        tick(client)
        assert tick(client, CHILD).gone == [CHILD]

    def test_gives_everybody_time_after_nobody_ticked(self, client: Redis) -> None:
        accept(client)
        claim(client)
        client.set(keys.TICKED, str(client.time()[0] - 3600))
        client.zadd(keys.LEASES, {CHILD: client.time()[0] - 1800})
        assert tick(client).recovered == []
        assert tick(client, CHILD).gone == []

    def test_a_job_whose_lease_is_lost_again_and_again_fails(self, client: Redis) -> None:
        job = accept(client)
        for _ in range(3):
            scripts.grant(client, CHILD, 60)
            claim(client)
            expire(client)
            tick(client, survives=2)
        assert status(client, job) == "failed"

    def test_jobs_that_are_lost_together_become_suspects_and_only_one_that_is_lost_alone_fails(
        self, client: Redis
    ) -> None:
        first, second = accept(client), accept(client)
        for _ in range(3):
            scripts.grant(client, CHILD, 60)
            assert [one.id for one in claim(client)] == [first.id, second.id]
            expire(client)
            tick(client, survives=2)
        scripts.grant(client, CHILD, 60)
        assert claim(client) == []
        assert [one.id for one in apart(client)] == [first.id]
        expire(client)
        assert tick(client, survives=2).suspected == ["default"]
        assert (status(client, first), status(client, second)) == ("failed", "queued")

    def test_a_suspect_that_comes_to_an_end_is_none_any_more(self, client: Redis) -> None:
        job = accept(client, retry=Retry(3, backoff=0))
        client.hset(keys.job(job.id), mapping={"suspect": "blamed", "shared": 2})
        assert claim(client) == []
        [one] = apart(client)
        settle(client, one, "failed")
        assert client.hmget(keys.job(job.id), ["suspect", "shared"]) == [None, None]

    def test_leads_where_nobody_does_and_steps_down_for_nobody_else(self, client: Redis) -> None:
        assert tick(client).leads is True
        client.set(keys.LEADER, "another", px=10_000)
        assert tick(client).leads is False
        assert scripts.step_down(client, WORKER) is False
        assert scripts.step_down(client, "another") is True

    def test_counts_what_is_due_and_owed(self, client: Redis) -> None:
        client.zadd(keys.CLOCK, {"entry": 1})
        client.zadd(keys.OUTBOX, {"job:finished": 1})
        found = tick(client)
        assert (found.due, found.owed) == (1, 1)


def test_retire_leaves_a_child_that_still_holds_something(client: Redis) -> None:
    accept(client)
    [one] = claim(client)
    assert scripts.retire(client, CHILD) is False
    settle(client, one)
    assert scripts.retire(client, CHILD) is True
    assert client.zscore(keys.LEASES, CHILD) is None


def test_every_script_works_after_the_server_has_forgotten_it(client: Redis) -> None:
    accept(client)
    client.script_flush()
    [one] = claim(client)
    client.script_flush()
    assert settle(client, one) == 1
