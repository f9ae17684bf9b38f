"""Dead letters: found, counted by error, run anew with nothing of their first life in the way, deleted whole."""

import subprocess
import sys
import time
from typing import Any

import pytest
import rq
from redis import Redis
from rq import Queue

from jobs import attempts, catalog, keys, lane, queues, records, registry, scripts
from jobs.catalog import DEAD, Filter, places
from jobs.errorlines import NAMELESS
from jobs.errors import InvalidQuery
from jobs.job import Job
from jobs.queues import JobRef
from jobs.retry import Retry
from jobs.scripts import Claimed, Settlement
from jobs.worker.execution import packed
from tests import tasks as t
from tests.support import Processes, wait_for

pytestmark = pytest.mark.usefixtures("tasks")

LETTERS = Filter(states=DEAD)
WORKER, CHILD, KEY = "worker-a", "worker-a.1", "contact:42"
ERROR = 'Traceback (most recent call last):\n  File "shop.py", line 3, in send\nValueError: order {} is gone\n'


@pytest.fixture(autouse=True)
def lease(client: Redis) -> None:
    scripts.grant(client, CHILD, 60)


def accept(client: Redis, task: Any = t.add, args: tuple[Any, ...] = (1, 2), **options: Any) -> JobRef:
    apart = {name: options.pop(name) for name in registry.OPTIONS & set(options)}
    return queues.submit(client, [queues.made(task, args, options, **{"retry": Retry(1), **apart})])[0]


def claim(client: Redis, *names: str) -> list[Claimed]:
    """Everything that waits; a heartbeat that web has sent goes its way."""
    given = scripts.claim(client, WORKER, CHILD, names or ("default",), 1000) or []
    for one in given:
        if one.id.startswith(keys.HEARTBEAT):
            end(client, one, "finished", "")
    return [one for one in given if not one.id.startswith(keys.HEARTBEAT)]


def end(client: Redis, one: Claimed, outcome: Any = "failed", error: str = ERROR.format(1)) -> None:
    scripts.settle(client, WORKER, CHILD, [Settlement(one.id, one.token, outcome, packed(error), 1.0, 2.0)])


def fail(client: Redis, count: int = 1, error: str = ERROR, **options: Any) -> list[JobRef]:
    """Jobs that have failed for good, one after the other."""
    jobs = []
    for number in range(count):
        jobs.append(accept(client, **options))
        for one in claim(client, options.get("queue", "default")):
            end(client, one, error=error.format(number))
    return jobs


def status(client: Redis, job: JobRef) -> str:
    return (client.hget(keys.job(job.id), "status") or b"gone").decode()


def ids(jobs: list[Any]) -> list[str]:
    return [job.id for job in jobs]


def found(client: Redis, **wanted: Any) -> list[str]:
    return ids(catalog.page(client, Filter(states=DEAD, **wanted)).jobs)


class TestList:
    def test_a_letter_says_what_failed_where_and_why_and_not_with_what(self, client: Redis) -> None:
        [job] = fail(client, key=KEY, queue="mail")
        [letter] = catalog.page(client, LETTERS).jobs
        assert letter[:5] == (job.id, "failed", "tests.tasks.add", "mail", KEY)
        assert (letter.attempts, letter.worker, letter.error) == (1, WORKER, "ValueError: order 0 is gone")
        assert letter.ended_at
        assert abs(letter.ended_at.timestamp() - client.time()[0]) < 60

    def test_pages_of_all_queues_follow_one_another_newest_first(self, client: Redis) -> None:
        jobs = [fail(client, queue=("a", "b", "c")[number % 3])[0] for number in range(20)]
        seen, cursor = [], None
        while True:
            page = catalog.page(client, LETTERS, limit=6, cursor=cursor)
            seen += ids(page.jobs)
            if (cursor := page.next) is None:
                break
        assert seen == ids(jobs)[::-1]

    def test_a_page_is_not_confused_by_what_goes_meanwhile(self, client: Redis) -> None:
        jobs = fail(client, 9)
        first = catalog.page(client, LETTERS, limit=3)
        catalog.act(client, "delete", ids(first.jobs))
        assert ids(catalog.page(client, LETTERS, cursor=first.next).jobs) == ids(jobs)[5::-1]

    def test_more_of_one_time_than_fit_in_a_portion_are_all_found(
        self, client: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        jobs = fail(client, 30)
        client.zadd(keys.registry("failed", "default"), {job.id: 4e9 for job in jobs})
        monkeypatch.setattr(places, "PORTION", 4)
        assert sorted(found(client)) == sorted(ids(jobs))

    def test_filters(self, client: Redis) -> None:
        [plain] = fail(client)
        [keyed] = fail(client, key=KEY)
        [other] = fail(client, queue="mail", task=t.echo, args=("x",), error="KeyError: 'Name'\n")
        assert found(client, queue="mail") == [other.id]
        assert found(client, task="tests.tasks.add") == [keyed.id, plain.id]
        assert found(client, key=KEY) == [keyed.id]
        assert found(client, error="keyerror: 'na") == [other.id]
        assert found(client, error="order # is gone") == [keyed.id, plain.id]
        assert found(client, error="order # is gone", key=KEY) == [keyed.id]
        assert found(client, since=client.time()[0] - 60) == [other.id, keyed.id, plain.id]
        assert found(client, since=client.time()[0] + 60) == []
        assert found(client, queue="nowhere") == []

    def test_what_takes_long_is_looked_at_in_parts(self, client: Redis) -> None:
        [first, *_] = fail(client, 3)
        found = [catalog.page(client, Filter(states=DEAD, error="order 0"), within=0)]
        while found[-1].next:
            found.append(catalog.page(client, Filter(states=DEAD, error="order 0"), 50, found[-1].next, 0))
        assert [ids(page.jobs) for page in found] == [[], [], [first.id], []]
        assert [(page.looked, page.total) for page in found] == [(1, 3), (2, 3), (3, 3), (3, None)]

    def test_what_rq_enqueued_is_listed_by_its_task_and_nothing_is_unpickled(self, client: Redis) -> None:
        job = Queue("default", connection=client, serializer="pickle").enqueue(t.fail, "secret", retry=None)
        for one in claim(client):
            end(client, one)
        [letter] = catalog.page(client, LETTERS).jobs
        assert (letter.id, letter.task) == (job.id, "tests.tasks.fail")

    def test_a_job_that_is_gone_or_runs_anew_is_no_dead_letter(self, client: Redis) -> None:
        gone, anew = fail(client, 2)
        client.delete(keys.job(gone.id))
        client.hset(keys.job(anew.id), "status", "queued")
        assert found(client) == []

    @pytest.mark.parametrize("cursor", ["x", "W10=", "bnVsbA==", "é"])
    def test_a_cursor_that_was_not_given_out_is_refused(self, client: Redis, cursor: str) -> None:
        with pytest.raises(InvalidQuery, match="cursor"):
            catalog.page(client, cursor=cursor)

    def test_since_is_an_age_or_a_time(self) -> None:
        assert catalog.moment("2h") == pytest.approx(time.time() - 7200, abs=5)
        assert catalog.moment("2026-11-22T05:00:00Z") == catalog.moment("2026-11-22 05:00") == 1795323600
        with pytest.raises(InvalidQuery, match="'yesterday'"):
            catalog.moment("yesterday")


class TestGroups:
    def test_they_are_counted_by_task_class_and_the_last_line_of_ones_own(self, client: Redis) -> None:
        orders = fail(client, 3)
        [other] = fail(client, error="KeyError: 'name'\n")
        first, second = catalog.groups(client).groups
        assert (first.task, first.where) == ("tests.tasks.add", "shop.py:3 in send")
        assert (first.error, first.times, first.sample) == ("ValueError: order 2 is gone", 3, orders[-1].id)
        assert (second.error, second.times, second.sample) == ("KeyError: 'name'", 1, other.id)
        assert first.first
        assert first.last
        assert second.first
        assert first.first < first.last < second.first
        assert catalog.groups(client, Filter(error="KeyError")).groups == [second]

    def test_a_group_is_meant_whole_and_no_other_that_holds_its_words(self, client: Redis) -> None:
        [bare] = fail(client, error="LookupError\n")
        [other] = fail(client, error="LookupError: order 7\n")
        [silent] = fail(client, error="")
        found = {group.name: group.sample for group in catalog.groups(client).groups}
        add = "tests.tasks.add: "
        assert found == {
            f"{add}LookupError": bare.id,
            f"{add}LookupError: order #": other.id,
            f"{add}{NAMELESS}": silent.id,
        }
        for name, job_id in found.items():
            assert [job.id for job in catalog.matching(client, Filter(states=DEAD, group=name))] == [job_id]

    @pytest.mark.parametrize(
        "trace", [ERROR.replace("order {} is gone", "{}"), "ValueError: {}\n"], ids=["own", "none"]
    )
    def test_what_an_error_quotes_makes_no_group_of_its_own(self, client: Redis, trace: str) -> None:
        for name in ("'ada lovelace'", '"grace"', "“linus”"):
            fail(client, error=trace.replace("{}", f"{name} has no address"))
        [group] = catalog.groups(client).groups
        assert group.times == 3

    def test_the_same_error_of_another_task_or_line_is_another_group(self, client: Redis) -> None:
        fail(client)
        fail(client, task=t.fail, args=())
        fail(client, error=ERROR.replace("line 3", "line 7"))
        fail(client, error=ERROR.replace("ValueError", "KeyError"))
        assert len(catalog.groups(client).groups) == 4

    def test_when_the_time_is_up_it_is_told(self, client: Redis) -> None:
        fail(client, 3)
        found = catalog.groups(client, within=0)
        assert (found.groups[0].times, found.looked, found.total) == (1, 1, 3)
        assert catalog.groups(client).total is None


class TestRetry:
    def test_a_job_gets_all_its_attempts_again_and_has_no_error(self, client: Redis) -> None:
        job = accept(client, retry=Retry(3, backoff=0))
        for _ in range(3):
            end(client, claim(client)[0])
        assert status(client, job) == "failed"
        assert catalog.act(client, "retry", [job.id]).ids == [job.id]
        assert (status(client, job), found(client)) == ("queued", [])
        assert client.ttl(keys.job(job.id)) == -1
        fetched = job.fetch()
        assert (fetched.retries_left, fetched.ended_at, fetched.started_at) == (2, None, None)
        for _ in range(3):
            end(client, claim(client)[0])
        assert [one.number for one in attempts(job.id, client)] == [1, 2, 3, 4, 5, 6]
        assert status(client, job) == "failed"

    def test_rqs_own_retry_with_one_interval_for_all_is_given_back_whole(self, client: Redis) -> None:
        job = accept(client, retry=rq.Retry(max=3))
        for _ in range(4):
            end(client, claim(client)[0])
        catalog.act(client, "retry", [job.id])
        assert job.fetch().retries_left == 3

    def test_it_joins_the_tail_of_its_queue(self, client: Redis) -> None:
        [job] = fail(client)
        waiting = [accept(client) for _ in range(2)]
        catalog.act(client, "retry", [job.id])
        assert ids(claim(client)) == [*ids(waiting), job.id]

    def test_it_joins_the_tail_of_its_lane(self, client: Redis) -> None:
        [job] = fail(client, key=KEY)
        waiting = [accept(client, key=KEY) for _ in range(2)]
        catalog.act(client, "retry", [job.id])
        assert status(client, job) == "deferred"
        for expected in (*waiting, job):
            [one] = claim(client)
            assert one.id == expected.id
            end(client, one, "finished", "")
        assert not client.exists(keys.lane(KEY), keys.LANES)

    def test_the_head_that_halts_its_lane_stays_its_head_and_the_lane_goes_on(self, client: Redis) -> None:
        jobs = [accept(client, key=KEY, policy="halt") for _ in range(2)]
        end(client, claim(client)[0])
        assert lane(KEY, client).state == "halted"
        assert catalog.act(client, "retry", [jobs[0].id]).ids == [jobs[0].id]
        assert (lane(KEY, client).state, client.exists(keys.HALTED)) == ("queued", 0)
        assert ids(claim(client)) == [jobs[0].id]

    def test_many_of_one_lane_keep_the_order_in_which_they_failed(self, client: Redis, processes: Processes) -> None:
        jobs = fail(client, 5, key=KEY)
        retried = processes.start("-m", "jobs", "dead", "retry", "--all")
        assert (retried.ends(), retried.lines) == (0, ["5 jobs run anew"])
        order = [job_id.decode() for job_id in client.lrange(keys.lane(KEY), 0, -1)]
        assert order == ids(jobs)

    @pytest.mark.parametrize("state", ["queued", "started", "finished", "deferred", "scheduled"])
    def test_only_what_ended_badly_runs_anew(self, client: Redis, state: str) -> None:
        job = accept(client)
        client.hset(keys.job(job.id), "status", state)
        assert catalog.act(client, "retry", [job.id, "nobody"]).ids == []
        assert status(client, job) == state

    def test_a_stopped_job_is_a_dead_letter_too(self, client: Redis) -> None:
        job = accept(client)
        end(client, claim(client)[0], "stopped")
        assert [letter.state for letter in catalog.page(client, LETTERS).jobs] == ["stopped"]
        assert catalog.act(client, "retry", [job.id]).ids == [job.id]

    def test_one_with_a_rate_limit_asks_for_its_slot(self, client: Redis) -> None:
        [job] = fail(client)
        client.hset(keys.job(job.id), "rate_limit_key", "limit")
        assert catalog.act(client, "retry", [job.id]).ids == [job.id]
        assert client.zrange("rq:rl:limit:allowed", 0, -1) == [job.id.encode()]
        assert status(client, job) == "queued"

    def test_a_worker_runs_it_anew_and_its_dependent_after_it(
        self, url: str, client: Redis, processes: Processes, tmp_path: Any
    ) -> None:
        processes.start("-m", "jobs", "worker").says("is ready")
        queue = Queue("default", connection=client, job_class=Job, serializer="json")
        first = queue.enqueue(t.fail_until, str(tmp_path / "runs"), 2)
        second = queue.enqueue(t.add, 1, 2, depends_on=first)
        wait_for(lambda: first.get_status() == "failed", "it to fail")
        assert catalog.act(client, "retry", [first.id]).ids == [first.id]
        wait_for(lambda: second.get_status() == "finished", "both to finish")
        assert [one.outcome for one in records.attempts(first.id, client)] == ["failed", "finished"]

    def test_stock_rq_requeues_too(self, url: str, client: Redis) -> None:
        [job] = fail(client)
        line = [sys.executable, "-m", "rq.cli", "requeue", "--url", url, "--queue", "default", job.id]
        subprocess.run(line, check=True, capture_output=True, timeout=20)
        assert ids(claim(client)) == [job.id]
        assert found(client) == []


class TestDelete:
    def test_nothing_of_the_job_is_left(self, client: Redis) -> None:
        [job] = fail(client)
        client.sadd(f"{keys.job(job.id)}:dependents", "another")
        client.sadd(f"{keys.PREFIX}:group:g", job.id)
        client.hset(keys.job(job.id), "group_id", "g")
        assert catalog.act(client, "delete", [job.id]).ids == [job.id]
        assert [key for key in client.scan_iter("*") if job.id.encode() in key] == []
        assert not client.exists(keys.registry("failed", "default"), f"{keys.PREFIX}:group:g")

    def test_a_lane_goes_on_without_the_head_that_halted_it(self, client: Redis) -> None:
        jobs = [accept(client, key=KEY, policy="halt") for _ in range(2)]
        end(client, claim(client)[0])
        assert catalog.act(client, "delete", [jobs[0].id]).ids == [jobs[0].id]
        assert ids(claim(client)) == [jobs[1].id]
        assert not client.exists(keys.HALTED)

    @pytest.mark.parametrize("state", ["queued", "started", "deferred", "scheduled"])
    def test_what_is_not_over_stays(self, client: Redis, state: str) -> None:
        job = accept(client)
        client.hset(keys.job(job.id), "status", state)
        assert catalog.act(client, "delete", [job.id, "nobody"]).ids == []
        assert status(client, job) == state

    def test_a_canceled_job_that_still_runs_stays_until_it_has_ended(self, client: Redis) -> None:
        job = accept(client)
        [one] = claim(client)
        client.hset(keys.job(job.id), "status", "canceled")
        assert catalog.act(client, "delete", [job.id]).ids == []
        scripts.release(client, CHILD, [scripts.Held(one.id, one.token, charged=False)], 3)
        assert catalog.act(client, "delete", [job.id]).ids == [job.id]

    def test_what_is_still_owed_its_follow_ups_stays_until_they_are_done(self, client: Redis) -> None:
        [job] = fail(client)
        client.zadd(keys.OUTBOX, {f"{job.id}:failed": 1})
        assert catalog.act(client, "delete", [job.id]).ids == []
        client.delete(keys.OUTBOX)
        assert catalog.act(client, "delete", [job.id]).ids == [job.id]
