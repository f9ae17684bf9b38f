"""What the model has found: each bug with a test of its own."""

import pytest
from redis import Redis
from rq.registry import CanceledJobRegistry, FailedJobRegistry
from rq.serializers import JSONSerializer

from jobs import keys, scripts
from jobs.scripts import Claimed, Held, NewJob, Settlement, Value
from tests.model.state import SURVIVES, WORKER, queue_of


def given(client: Redis, child: str, job: str = "x0") -> Claimed:
    """A job, accepted if need be, and run by a child."""
    scripts.grant(client, child, 60)
    scripts.admit(client, [NewJob(job, queue_of(job), {"data": b"[]", "timeout": 60})])
    found = scripts.claim(client, WORKER, child, [queue_of(job)], 1)
    assert found
    return found[0]


def settled(client: Redis, child: str, one: Claimed) -> None:
    scripts.settle(client, WORKER, child, [Settlement(one.id, one.token, "finished", b"", 1, 2)])


def test_a_job_that_was_pushed_while_it_ran_is_not_lost_with_its_child(client: Redis) -> None:
    one = given(client, "w.1")
    client.hset(keys.job("x0"), "status", "queued")
    client.rpush(keys.queue("high"), "x0")
    assert scripts.claim(client, WORKER, "w.1", ["high"], 1) == []
    scripts.release(client, "w.1", [Held("x0", one.token, False)], SURVIVES)
    assert client.lrange(keys.queue("high"), 0, -1) == [b"x0"]


@pytest.mark.parametrize("end", ["settle", "release", "recover"])
def test_a_job_that_was_deleted_while_it_ran_leaves_nothing_in_wip(client: Redis, end: str) -> None:
    one = given(client, "w.1")
    client.delete(keys.job("x0"))
    if end == "settle":
        settled(client, "w.1", one)
    elif end == "release":
        scripts.release(client, "w.1", [Held("x0", one.token, False)], SURVIVES)
    else:
        client.zadd(keys.LEASES, {"w.1": 1})
        scripts.recover(client, SURVIVES, b"lost")
    assert client.zrange(keys.registry("wip", "high"), 0, -1) == []


def test_an_execution_whose_job_was_deleted_does_not_end_the_next_job_of_that_id(client: Redis) -> None:
    old = given(client, "w.1")
    client.delete(keys.job("x0"))
    new = given(client, "w.2")
    settled(client, "w.1", old)
    assert client.hget(keys.job("x0"), "status") == b"started"
    settled(client, "w.2", new)
    assert client.hget(keys.job("x0"), "status") == b"finished"


def test_an_execution_whose_job_was_deleted_does_not_take_the_next_job_of_that_id_back(client: Redis) -> None:
    old = given(client, "w.1")
    client.delete(keys.job("x0"))
    given(client, "w.2")
    scripts.release(client, "w.1", [Held("x0", old.token, False)], SURVIVES)
    assert client.hget(keys.job("x0"), "status") == b"started"
    assert client.lrange(keys.queue("high"), 0, -1) == []


def failed(client: Redis, job: str, **fields: Value) -> None:
    """A job that has failed for good."""
    scripts.grant(client, "w.1", 60)
    whole = {"data": b"[]", "timeout": 60, **fields}
    scripts.admit(client, [NewJob(job, queue_of(job), whole, str(fields.get("key", "")))])
    [one] = scripts.claim(client, WORKER, "w.1", [queue_of(job)], 1) or []
    scripts.settle(client, WORKER, "w.1", [Settlement(one.id, one.token, "failed", b"", 1, 2, scripts.FINAL)])


def test_a_lane_whose_head_rq_has_run_anew_is_not_called_halted(client: Redis) -> None:
    failed(client, "b0", key="b", policy="halt")
    assert client.zrange(keys.HALTED, 0, -1) == [b"b"]
    FailedJobRegistry("high", client, serializer=JSONSerializer).requeue("b0")
    scripts.advance(client, ["b"])
    assert client.zrange(keys.HALTED, 0, -1) == []


def test_who_is_canceled_is_in_its_lane_no_more_though_it_was_in_it_twice(client: Redis) -> None:
    """Its hash was deleted while it waited there, and its id was used again."""
    for job in ("b0", "b1", "b1"):
        client.delete(keys.job("b1"))
        scripts.admit(client, [NewJob(job, queue_of(job), {"data": b"[]", "key": "b"}, "b")])
    assert scripts.cancel(client, ["b1"]) == [True]
    assert client.lrange(keys.lane("b"), 0, -1) == [b"b0"]


def test_what_was_due_before_it_was_canceled_is_forgotten_once_it_has_run(client: Redis) -> None:
    scripts.admit(client, [NewJob("x0", "high", {"data": b"[]", "timeout": 60}, delay=60)])
    scripts.cancel(client, ["x0"])
    CanceledJobRegistry("high", client, serializer=JSONSerializer).requeue("x0")
    failed(client, "x0")
    assert scripts.requeue(client, ["x0"]) == [True]
    assert client.lrange(keys.queue("high"), 0, -1) == [b"x0"]
