"""Locks over HTTP: who has what, for how long; what is given back, freed or run out is not listed."""

from typing import Any

from redis import Redis

from jobs import keys, lock, scripts
from jobs.scripts import Execution
from tests.api import Api
from tests.integration.test_locks import CHILD, execution, lost_lock, recover, settle
from tests.support import wait_for

__all__ = ["execution"]


def locks(api: Api, query: str = "") -> list[dict[str, Any]]:
    code, body = api.get(f"/api/locks{query}")
    assert (code, body["next"]) == (200, None)
    found: list[dict[str, Any]] = body["locks"]
    return found


def names(api: Api, query: str = "") -> list[str]:
    return [one["name"] for one in locks(api, query)]


def test_a_lock_is_listed_for_as_long_as_it_is_held(api: Api) -> None:
    with lock("thread:abc", ttl=60) as lease:
        lease.note(run_id=7)
        [one] = locks(api)
        assert (one["name"], one["job"], one["token"], one["run_id"]) == ("thread:abc", None, lease.token, "7")
        assert 0 < one["ttl"] <= 60
        assert one["since"].endswith("Z")
        with lock("other", ttl=60):
            assert names(api, "?prefix=thread") == ["thread:abc"]
    assert names(api) == []


def test_a_jobs_lock_names_it_and_goes_with_its_end(api: Api, client: Redis, execution: Execution) -> None:
    with lost_lock():
        assert [(one["job"], one["process"]) for one in locks(api)] == [(execution.id, CHILD)]
        settle(client, execution)
        assert names(api) == []
        assert not client.exists(keys.LOCKS)


def test_a_jobs_lock_goes_with_its_recovery(api: Api, client: Redis, execution: Execution) -> None:
    with lost_lock():
        recover(client)
        assert names(api) == []
        assert not client.exists(keys.LOCKS)


def test_one_that_ran_out_is_not_listed_and_leaves_nothing(api: Api, client: Redis) -> None:
    scripts.lock(client, "short", "me", 0.1, "host-1", None)
    wait_for(lambda: not client.exists(keys.LOCKS), "its name to go")
    scripts.lock(client, "long", "me", 60, "host-1", None)
    client.zadd(keys.LOCKS, {"old": 1.0})
    assert names(api) == ["long"]
    scripts.lock(client, "next", "me", 1, "host-1", None)
    assert client.zrange(keys.LOCKS, 0, -1) == [b"next", b"long"]
    assert client.pttl(keys.LOCKS) > 50_000


def test_renewing_keeps_it_listed(api: Api, client: Redis) -> None:
    scripts.lock(client, "a", "me", 1, "host-1", None)
    assert scripts.renew(client, "a", "me", 60)
    assert locks(api)[0]["ttl"] > 50
    assert client.pttl(keys.LOCKS) > 50_000


def test_the_single_worker_of_a_type_is_told(api: Api, client: Redis) -> None:
    token = scripts.take_instance(client, "inbound", "worker-a", '"host": "h"', 60).token
    [one] = api.get("/api/locks")[1]["types"]
    assert (one["type"], one["worker"], one["token"]) == ("inbound", "worker-a", token)
    assert 0 < one["ttl"] <= 60
