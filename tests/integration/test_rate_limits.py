"""RQ's rate limits: who takes a slot, when it is given back, and to whom."""

import pytest
from redis import Redis
from rq import Queue, Repeat, Retry
from rq.group import Group
from rq.job import Job as RQJob
from rq.rate_limit import RateLimit, RateLimitRegistry

from jobs import catalog, keys, scripts, settings
from jobs.job import Job
from jobs.schedule.clock import Clock
from jobs.scripts import Held
from tests import tasks as t
from tests.integration.test_dead import CHILD, accept, claim, end, lease
from tests.support import wait_for

__all__ = ["lease"]
pytestmark = pytest.mark.usefixtures("tasks")

LIMIT = RateLimit("mail", 1)


@pytest.fixture
def queue(client: Redis) -> Queue:
    return Queue("default", connection=client, job_class=Job, serializer="json")


def two(queue: Queue, **options: object) -> tuple[RQJob, RQJob]:
    """The first has the only slot; the other waits for it."""
    first, second = (queue.enqueue(t.add, 1, 2, rate_limit=LIMIT, **options) for _ in range(2))
    assert states(first, second) == ["queued", "rate_limited"]
    return first, second


def states(*jobs: RQJob) -> list[str]:
    return [job.get_status().value for job in jobs]


def slots(client: Redis) -> tuple[list[str], list[str]]:
    """Who has one, who waits for one."""
    found = RateLimitRegistry("mail", client)
    return found.get_allowed_job_ids(), found.get_rate_limited_job_ids()


@pytest.mark.parametrize("outcome", ["finished", "failed", "stopped"])
def test_the_next_has_it_in_the_step_that_ends_a_job(client: Redis, queue: Queue, outcome: str) -> None:
    first, second = two(queue)
    end(client, claim(client)[0], outcome, "")
    assert states(first, second) == [outcome, "queued"]
    assert slots(client) == ([second.id], [])
    assert not client.exists(keys.OUTBOX)


def test_who_waits_for_another_attempt_does_not_keep_others_waiting(client: Redis, queue: Queue) -> None:
    """Nor itself, where there is one slot: it asks for it anew when it is due."""
    first, second = two(queue, retry=Retry(1, interval=60))
    end(client, claim(client)[0], "failed")
    assert states(first, second) == ["scheduled", "queued"]
    client.zadd(keys.registry("scheduled", "default"), {first.id: 1})
    assert scripts.promote(client, "default") == 1
    assert states(first, second) == ["rate_limited", "queued"]
    end(client, claim(client)[0], "finished", "")
    assert states(first, second) == ["queued", "finished"]


def test_who_goes_on_at_once_keeps_it(client: Redis, queue: Queue) -> None:
    first, second = two(queue, retry=Retry(1), repeat=Repeat(1))
    end(client, claim(client)[0], "failed")
    assert (states(first, second), slots(client)[0]) == (["queued", "rate_limited"], [first.id])
    end(client, claim(client)[0], "finished", "")
    assert (states(first, second), slots(client)[0]) == (["queued", "rate_limited"], [first.id])
    end(client, claim(client)[0], "finished", "")
    assert (states(first, second), slots(client)[0]) == (["finished", "queued"], [second.id])


def test_a_job_that_kills_its_workers_gives_it_back(client: Redis, queue: Queue) -> None:
    first, second = two(queue)
    [one] = claim(client)
    scripts.release(client, CHILD, [Held(one.id, one.token, charged=True, why=b"")], 0)
    assert states(first, second) == ["failed", "queued"]


def test_what_keeps_no_result_gives_it_back_and_leaves_its_group(client: Redis, queue: Queue) -> None:
    group = Group.create(connection=client, name="letters")
    data = Queue.prepare_data(t.add, (1, 2), result_ttl=0)
    [first] = group.enqueue_many(queue, [data])
    client.hset(keys.job(first.id), mapping={"rate_limit_key": "mail", "rate_limit_concurrency": 1})
    client.zadd("rq:rl:mail:allowed", {first.id: 1})
    client.hset("rq:rl:mail", "concurrency", 1)
    second = queue.enqueue(t.add, 1, 2, rate_limit=LIMIT)
    end(client, claim(client)[0], "finished", "")
    assert not client.exists(keys.job(first.id), "rq:group:letters")
    assert states(second) == ["queued"]


def test_who_depends_on_a_job_waits_for_a_slot_after_it(client: Redis, queue: Queue) -> None:
    first, second = two(queue)
    other = accept(client)
    third = queue.enqueue(t.add, 1, 2, depends_on=other.id, rate_limit=LIMIT)
    scripts.cancel(client, [first.id])
    scripts.follow(client, other.id, "finished")
    assert states(second, third) == ["queued", "rate_limited"]
    scripts.cancel(client, [second.id])
    assert states(third) == ["queued"]


def test_who_is_run_anew_waits_for_its_turn(client: Redis, queue: Queue) -> None:
    first, second = two(queue)
    end(client, claim(client)[0], "failed")
    assert catalog.act(client, "retry", [first.id]).ids == [first.id]
    assert slots(client) == ([second.id], [first.id])


def test_a_slot_whose_job_is_gone_is_found_and_given_on(client: Redis, queue: Queue) -> None:
    """As one is that expired in its queue; and a group whose jobs are gone goes too."""
    group = Group.create(connection=client, name="gone")
    [lost] = group.enqueue_many(queue, [Queue.prepare_data(t.add, (1, 2))])
    first, second = two(queue)
    client.delete(keys.job(first.id), keys.job(lost.id))
    Clock(client, settings.current()).tick(scripts.due(client))
    wait_for(lambda: slots(client) == ([second.id], []) and not client.exists("rq:groups"), "both to be found")


def test_who_waits_comes_in_order_to_its_slot_and_to_the_end_of_its_queue(client: Redis, queue: Queue) -> None:
    jobs = [queue.enqueue(t.add, 1, 2, job_id=name, rate_limit=LIMIT) for name in "zyxwv"]
    client.hset(keys.job("z"), "enqueue_at_front", 1)
    catalog.act(client, "cancel", [job.id for job in jobs])
    other = accept(client)
    assert scripts.requeue(client, [job.id for job in jobs]) == [True] * 5
    assert slots(client) == (["z"], ["y", "x", "w", "v"])
    assert [one.id for one in claim(client)] == [other.id, "z"]
