"""Every job listed, by its state, in one order that holds while jobs come and go."""

import json
import random
import subprocess
import sys
from base64 import urlsafe_b64encode
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from rq import Queue

from jobs import catalog, keys, prepare, queues, scripts
from jobs.catalog import ANY, Filter, Summary, places
from jobs.catalog.pages import WITHIN
from jobs.catalog.states import LIE_IN
from jobs.errors import InvalidQuery
from jobs.job import Job
from jobs.queues import JobRef
from jobs.retry import Retry
from jobs.scripts import Held, NewJob
from tests import crowd
from tests import tasks as t
from tests.integration.test_dead import CHILD, KEY, accept, claim, end, fail, ids, lease, status
from tests.support import Processes, quickest, wait_for

__all__ = ["lease"]
pytestmark = pytest.mark.usefixtures("tasks")


def listed(client: Redis, limit: int = 50, **wanted: Any) -> list[Summary]:
    """All pages, one after the other."""
    found, cursor = [], None
    while True:
        page = catalog.page(client, Filter(**wanted), limit, cursor)
        found += page.jobs
        if (cursor := page.next) is None:
            return found


def states(client: Redis) -> dict[str, str]:
    return {job.id: job.state for job in listed(client)}


class TestStates:
    def test_each_is_that_of_a_job_that_a_worker_has_seen(
        self, client: Redis, processes: Processes, tmp_path: Path
    ) -> None:
        processes.start("-m", "jobs", "worker").says("is ready")
        gate = str(tmp_path / "gate")
        rq_queue = Queue("default", connection=client, job_class=Job, serializer="json")
        running, stopped = (accept(client, t.climb, (gate,), job_id=name) for name in ("running", "stopped"))
        accept(client, job_id="finished")
        accept(client, t.fail, (), job_id="failed")
        accept(client, t.fail, (), job_id="retrying", retry=Retry(2, backoff=300))
        accept(client, t.climb, (gate,), job_id="head", key=KEY)
        accept(client, key=KEY, job_id="in-lane")
        rq_queue.enqueue(t.add, 1, 2, depends_on=running.id, job_id="dependent")
        accept(client, delay=60, job_id="scheduled")
        accept(client, queue="nobody", job_id="queued")
        accept(client, delay=60, job_id="canceled")
        catalog.act(client, "cancel", ["canceled"])
        wait_for(lambda: catalog.stop(client, stopped.id), "a job to be told to stop")
        expected = {
            "running": "running", "stopped": "stopped", "finished": "finished", "failed": "failed",
            "retrying": "retrying", "head": "running", "in-lane": "blocked", "dependent": "blocked",
            "scheduled": "scheduled", "queued": "queued", "canceled": "canceled",
        }  # fmt: skip
        wait_for(lambda: states(client) == expected, f"{expected}; there is {states(client)}")
        for state in catalog.STATES:
            meant = [name for name, found in expected.items() if found == state]
            assert sorted(ids(listed(client, states=frozenset({state})))) == sorted(meant)
        Path(gate).touch()

    def test_one_that_snoozes_is_not_retrying_and_one_that_asked_to_be_retried_is(self, client: Redis) -> None:
        snoozed, retried = accept(client), accept(client)
        for one, how in zip(claim(client), ("snoozed", "retried"), strict=True):
            settlement = scripts.Settlement(one.id, one.token, how, b"", 1.0, 2.0, 60.0)  # type: ignore[arg-type]
            scripts.settle(client, "worker-a", CHILD, [settlement])
        assert states(client) == {snoozed.id: "scheduled", retried.id: "retrying"}


class TestSummary:
    def test_it_says_what_a_job_is_and_how_it_stands_and_not_with_what(self, client: Redis) -> None:
        job = accept(client, args=(987654321, 2), key=KEY, retry=Retry(3, backoff=60))
        end(client, claim(client)[0])
        [found] = listed(client)
        assert found[:5] == (job.id, "retrying", "tests.tasks.add", "default", KEY)
        assert (found.attempts, found.retries_left, found.worker) == (1, 1, "worker-a")
        assert found.error == "ValueError: order 1 is gone"
        assert found.accepted_at
        assert found.due_at
        assert found.ended_at
        assert 50 < (found.due_at - found.ended_at).total_seconds() < 75
        assert "987654321" not in repr(found)

    def test_secrets_in_errors_are_hidden(self, client: Redis) -> None:
        fail(client, error="ValueError: password=hunter22 is wrong\n")
        assert listed(client)[0].error == "ValueError: password=••• is wrong"

    def test_a_task_is_named_by_the_payload_where_the_description_does_not_unless_that_would_run_code(
        self, client: Redis
    ) -> None:
        plain = Queue("default", connection=client, serializer="json")
        plain.enqueue(t.add, 1, 2, job_id="json", description="the daily sum")
        plain.enqueue(t.echo, "".join(map(str, range(20_000))), job_id="large", description="something large")
        Queue("default", connection=client).enqueue(t.add, 1, 2, job_id="pickle", description="also a sum")
        Queue("default", connection=client).enqueue(t.add, 1, 2, job_id="called")
        assert {job.id: job.task for job in listed(client)} == {
            "json": "tests.tasks.add",
            "large": "?",
            "pickle": "?",
            "called": "tests.tasks.add",
        }
        assert [job.id for job in listed(client, task="tests.tasks.add")] == ["called", "json"]

    def test_what_is_no_job_any_more_or_lies_elsewhere_is_not_listed(self, client: Redis) -> None:
        gone, moved = accept(client), accept(client)
        [failed] = fail(client, queue="mail")
        client.delete(keys.job(gone.id))
        client.hset(keys.job(moved.id), "status", "deferred")
        client.zadd(keys.registry("finished", "mail"), {failed.id: 5e9})
        assert states(client) == {failed.id: "failed"}

    def test_what_a_tool_has_pushed_twice_is_listed_once(self, client: Redis) -> None:
        job = accept(client)
        client.rpush(keys.queue("default"), job.id)
        assert ids(listed(client)) == [job.id]

    def test_heartbeats_are_no_jobs(self, client: Redis) -> None:
        beat = NewJob(f"{keys.HEARTBEAT}1", "default", {"data": "[]", "origin": "default", "description": "beat()"})
        assert scripts.ring(client, beat, 60)
        assert listed(client) == []
        assert listed(client, text=f"{keys.HEARTBEAT}1") == []


class TestFilter:
    @pytest.fixture
    def members(self, client: Redis) -> list[crowd.Member]:
        return crowd.fill(client, 400)

    def test_by_queue_state_task_and_key(self, client: Redis, members: list[crowd.Member]) -> None:
        of_mail = crowd.in_order(members, lambda one: one.queue == "mail")
        of_key = crowd.in_order(members, lambda one: one.key == "k:7")
        of_task = crowd.in_order(members, lambda one: one.task == crowd.TASKS[1])
        assert ids(listed(client, queue="mail")) == of_mail
        assert ids(listed(client, key="k:7")) == of_key
        assert ids(listed(client, task=crowd.TASKS[1])) == of_task
        assert ids(listed(client, queue="mail", key="k:7")) == [one for one in of_mail if one in of_key]
        for job in listed(client):
            assert job.state == crowd.state_of(int(job.id, 16))

    def test_by_text_in_id_task_description_and_error(self, client: Redis, members: list[crowd.Member]) -> None:
        failed = {"failed", "retrying"}
        timeouts = crowd.in_order(members, lambda one: one.state in failed and one.number % 30 == 7)
        assert ids(listed(client, text="timeouterror: 7 s")) == timeouts
        assert ids(listed(client, error="timeouterror: # s")) == crowd.in_order(
            members, lambda one: one.state in failed
        )
        assert ids(listed(client, error=members[3].id)) == []
        assert ids(listed(client, text="RESIZE()")) == crowd.in_order(members, lambda one: one.task == crowd.TASKS[1])
        assert ids(listed(client, text=members[17].id)) == [members[17].id]
        assert ids(listed(client, text=members[17].id[-2:], key="k:17")) == [members[17].id]
        assert ids(listed(client, text=members[17].id, key="k:16")) == []

    def test_by_when_it_came_into_its_state(self, client: Redis, members: list[crowd.Member]) -> None:
        first, last = members[100].at - 0.001, members[300].at - 0.001
        between = crowd.in_order(members, lambda one: first <= one.at < last)
        assert ids(listed(client, since=first, until=last)) == between


class TestOrder:
    def test_the_latest_come_first_and_what_is_due_last_and_soonest_first(self, client: Redis) -> None:
        members = crowd.fill(client, 300)
        assert ids(listed(client, limit=7)) == ids(listed(client, limit=500)) == crowd.in_order(members)

    def test_more_of_one_time_than_fit_in_a_portion_are_all_found(
        self, client: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(places, "PORTION", 3)
        for how in ("finished", "failed"):
            queues.submit(client, [prepare(t.add, 1, 2) for _ in range(40)])
            ended = [scripts.Settlement(one.id, one.token, how, b"", 1.0, 2.0, -1.0) for one in claim(client)]
            scripts.settle(client, "worker-a", CHILD, ended)
        queues.submit(client, [prepare(t.add, 1, 2) for _ in range(40)])
        queues.submit(client, [prepare(t.add, 1, 2, delay=60) for _ in range(40)])
        assert len({job.id for job in listed(client, limit=6)}) == 160
        assert len(listed(client, limit=6)) == 160

    def test_a_long_queue_whose_front_is_out_of_order_is_listed_whole_and_once(self, client: Redis) -> None:
        for _ in range(5):
            queues.submit(client, [prepare(t.add, 1, 2) for _ in range(300)])
        given = scripts.claim(client, "worker-a", CHILD, ["default"], 100) or []
        scripts.release(client, CHILD, [Held(one.id, one.token, charged=False) for one in given], 3)
        for job_id in random.Random(1).sample(
            [one.decode() for one in client.lrange(keys.queue("default"), 0, -1)], 40
        ):
            client.delete(keys.job(job_id))
        found = listed(client, limit=70)
        assert len(found) == len(set(ids(found))) == 1460
        times = [job.queued_at for job in found if job.queued_at]
        assert times == sorted(times, reverse=True)

    @pytest.mark.parametrize("cursor", ["x", "W10=", "bnVsbA==", "é", "WzEsICJhIiwgImRlYWQiLCAicSJd", "//8="])
    def test_a_cursor_that_was_not_given_out_is_refused(self, client: Redis, cursor: str) -> None:
        with pytest.raises(InvalidQuery, match="cursor"):
            catalog.page(client, cursor=cursor)

    @pytest.mark.parametrize(("at", "job_id"), [(-1e300, "a"), (1e300, "a"), (float("nan"), "a"), (1, "\ud800")])
    def test_one_that_somebody_made_does_no_harm(self, client: Redis, at: float, job_id: str) -> None:
        accept(client)
        for kind in LIE_IN:
            made = urlsafe_b64encode(json.dumps([at, job_id, kind, "default"]).encode()).decode()
            with suppress(InvalidQuery):
                catalog.page(client, cursor=made)

    def test_a_page_looks_for_so_long_and_goes_on(self, client: Redis) -> None:
        first, *_ = [accept(client) for _ in range(4)]
        client.hset(keys.job(first.id), "key", KEY)
        found = [catalog.page(client, Filter(key=KEY), within=0)]
        while found[-1].next:
            found.append(catalog.page(client, Filter(key=KEY), 50, found[-1].next, 0))
        assert [ids(page.jobs) for page in found] == [[], [], [], [first.id], []]
        assert [(page.looked, page.total) for page in found[:-1]] == [(number, 4) for number in (1, 2, 3, 4)]

    def test_what_matches_behind_thousands_is_found_on_the_first_page(self, client: Redis) -> None:
        crowd.fill(client, 4000)
        [first] = catalog.page(client, Filter(task="shop.tasks.resize"), 1).jobs
        oldest = catalog.page(client, Filter(text=f"{7:032x}"[:-1]), within=60).jobs
        assert f"{7:032x}" in ids(oldest)
        assert first.task == "shop.tasks.resize"


class TestAKey:
    def test_its_lane_comes_first_without_a_search(self, client: Redis) -> None:
        lane = [accept(client, key=KEY) for _ in range(5)]
        crowd.fill(client, 300)
        first = catalog.page(client, Filter(key=KEY), 2)
        second = catalog.page(client, Filter(key=KEY), 2, first.next)
        assert ids([*first.jobs, *second.jobs]) == ids(lane)[:4]
        assert (first.looked, second.looked) == (2, 4)

    def test_those_that_left_it_come_behind_and_none_twice(self, client: Redis) -> None:
        [gone] = fail(client, key=KEY)
        lane = [accept(client, key=KEY) for _ in range(3)]
        later = accept(client, key=KEY, delay=3600)
        for limit in (1, 2, 50):
            assert ids(listed(client, limit, key=KEY)) == [*ids(lane), gone.id, later.id]

    def test_other_filters_hold_in_it(self, client: Redis) -> None:
        head, *rest = [accept(client, key=KEY) for _ in range(3)]
        assert ids(listed(client, key=KEY, states=frozenset({"blocked"}))) == ids(rest)
        assert ids(listed(client, key=KEY, states=frozenset({"queued"}))) == [head.id]
        assert listed(client, key=KEY, queue="mail") == []
        assert listed(client, key=KEY, since=client.time()[0] + 60) == []
        assert ids(list(catalog.matching(client, Filter(key=KEY)))) == ids([head, *rest])


class Crowd:
    """A line on which anything may happen to any job."""

    def __init__(self, client: Redis, seed: int) -> None:
        self.client = client
        self._random = random.Random(seed)
        scripts.grant(client, CHILD, 60)

    def marks(self) -> dict[str, tuple[Any, ...]]:
        """Of each job what tells where it lies: one whose mark stays the same has not been touched."""
        found = {}
        for key in self.client.scan_iter(f"{keys.PREFIX}:job:*"):
            job_id = key.decode().rpartition(":")[2]
            job = self.client.hmget(key, "status", "enqueued_at", "started_at", "ended_at", "execution")
            lies = [self.client.zscore(keys.registry("deferred", queue), job_id) for queue in ("p", "q", "default")]
            found[job_id] = (*job, *lies)
        return found

    def ids(self, *of: str) -> list[str]:
        found = [job_id for job_id, mark in self.marks().items() if (mark[0] or b"").decode() in of]
        return self._random.sample(sorted(found), min(len(found), 4))

    def act(self, what: str) -> None:
        client, luck = self.client, self._random
        match what:
            case "accept":
                key = luck.choice((None, "a", "b"))
                queues.submit(client, [prepare(t.add, 1, 2, key=key, queue=luck.choice("pq")) for _ in range(3)])
            case "delay":
                queues.submit(client, [prepare(t.add, 1, 2, delay=luck.choice((30, 60))) for _ in range(2)])
            case "claim":
                scripts.claim(client, "worker-a", CHILD, ["p", "q", "default"], luck.randint(1, 4))
            case "end":
                for job_id, token in scripts.held(client, CHILD)[:2]:
                    how = luck.choice(("finished", "failed", "stopped"))
                    settlement = scripts.Settlement(job_id, token, how, b"", 1.0, 2.0, luck.choice((0.0, -1.0)))  # type: ignore[arg-type]
                    scripts.settle(client, "worker-a", CHILD, [settlement])
            case "put back":
                held = [Held(job_id, token, charged=False) for job_id, token in scripts.held(client, CHILD)[:2]]
                scripts.release(client, CHILD, held, 3)
            case "cancel":
                catalog.act(client, "cancel", self.ids("queued", "deferred", "scheduled"))
            case "retry":
                catalog.act(client, "retry", self.ids("failed", "canceled"))
            case "run":
                catalog.act(client, "run", self.ids("scheduled"))
            case "delete":
                catalog.act(client, "delete", self.ids("finished", "failed", "canceled"))


HAPPENING = ("accept", "delay", "claim", "end", "put back", "cancel", "retry", "run", "delete")


class TestStability:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        seed=st.integers(0, 10**6),
        before=st.lists(st.sampled_from(HAPPENING), min_size=10, max_size=40),
        between=st.lists(st.lists(st.sampled_from(HAPPENING), max_size=4), max_size=12),
        limit=st.integers(1, 5),
    )
    def test_whoever_stays_where_he_is_is_shown_once_whatever_others_do(
        self, client: Redis, seed: int, before: list[str], between: list[list[str]], limit: int
    ) -> None:
        client.flushdb()
        line = Crowd(client, seed)
        for what in before:
            line.act(what)
        untouched = line.marks()
        shown: list[str] = []
        cursor = None
        while True:
            page = catalog.page(client, ANY, limit, cursor)
            shown += ids(page.jobs)
            if (cursor := page.next) is None:
                break
            for what in between.pop() if between else ():
                line.act(what)
            now = line.marks()
            untouched = {job_id: mark for job_id, mark in untouched.items() if now.get(job_id) == mark}
        assert {job_id: shown.count(job_id) for job_id in untouched} == dict.fromkeys(untouched, 1)

    def test_a_page_of_a_long_queue_that_is_canceled_hides_nobody(self, client: Redis) -> None:
        for _ in range(4):
            queues.submit(client, [prepare(t.add, 1, 2) for _ in range(500)])
        everybody = ids(listed(client, limit=500))
        first = catalog.page(client, limit=50)
        catalog.act(client, "cancel", ids(first.jobs))
        scripts.claim(client, "worker-a", CHILD, ["default"], 30)
        running = {job_id for job_id, _ in scripts.held(client, CHILD)}
        seen, cursor = ids(first.jobs), first.next
        while cursor:
            page = catalog.page(client, limit=200, cursor=cursor)
            seen, cursor = seen + ids(page.jobs), page.next
        assert seen == [job_id for job_id in everybody if job_id not in running]


def test_stock_rq_may_ask_too_and_finds_a_canceled_job_as_its_own(client: Redis, url: str) -> None:
    job = accept(client)
    catalog.act(client, "cancel", [job.id])
    line = [sys.executable, "-m", "rq.cli", "info", "--url", url]
    subprocess.run(line, check=True, capture_output=True, timeout=20)
    assert Job.fetch(job.id, client).is_canceled
    queue = Queue("default", connection=client)
    assert queue.canceled_job_registry.get_job_ids() == [job.id]


@pytest.fixture
def large(client: Redis) -> list[crowd.Member]:
    return crowd.fill(client, 10_000)


def test_ten_thousand_jobs_are_listed_a_page_in_a_fifth_of_a_second(client: Redis, large: list[crowd.Member]) -> None:
    took = []
    of_states = [Filter(states=frozenset({state})) for state in crowd.SHARES]
    for wanted in (ANY, *of_states):
        cursor = None
        for _ in range(4):
            page, seconds = quickest(partial(catalog.page, client, wanted, 50, cursor))
            took.append(seconds)
            if (cursor := page.next) is None:
                break
    assert sorted(took)[int(len(took) * 0.95)] < 0.2
    for wanted in (Filter(text="nowhere"), Filter(key="k:7")):
        assert quickest(partial(catalog.page, client, wanted))[1] < WITHIN + 1
    assert ids(listed(client, limit=500)) == crowd.in_order(large)


def test_who_is_listed_is_who_is_there(client: Redis) -> None:
    """What ``status`` finds in each state, ``listed`` finds too."""
    jobs: list[JobRef] = [accept(client) for _ in range(3)]
    assert {status(client, job) for job in jobs} == {"queued"}
    assert ids(listed(client)) == ids(sorted(jobs, key=lambda job: (job.fetch().enqueued_at, job.id), reverse=True))
