"""Queues over HTTP: counted in the words for states, paused, cleaned, and emptied without a lane being lost."""

from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.rate_limit import RateLimit

from jobs import gates, keys, prepare, queues, scripts
from jobs.job import Job
from jobs.queues import JobRef
from jobs.retry import Retry
from tests import tasks as t
from tests.api import Api
from tests.integration.test_audit import said
from tests.integration.test_dead import CHILD, KEY, accept, claim, end, fail, ids, lease, status
from tests.integration.test_retention import anything_of, finish

__all__ = ["lease"]


def counts(api: Api, queue: str = "default") -> dict[str, Any]:
    code, row = api.get(f"/api/queues/{queue}")
    assert code == 200
    return row


def waiting(client: Redis, queue: str = "default") -> list[str]:
    return [job_id.decode() for job_id in client.lrange(keys.queue(queue), 0, -1)]


class TestCounts:
    def test_each_job_is_counted_once_by_its_state(self, api: Api, client: Redis) -> None:
        fail(client)
        finish(client, 2)
        accept(client, retry=Retry(3, backoff=60))
        [retried] = claim(client)
        end(client, retried)
        accept(client, delay=60)
        for _ in range(3):
            accept(client, key=KEY)
        accept(client)
        [running, *rest] = claim(client)
        for one in rest:
            end(client, one, "finished", "")
        accept(client)
        row = counts(api)
        said = {name: row[name] for name in ("queued", "running", "scheduled", "retrying", "blocked", "failed")}
        assert said == {"queued": 1, "running": 1, "scheduled": 1, "retrying": 1, "blocked": 2, "failed": 1}
        assert running
        assert row["finished"] == 3
        assert 0 <= row["oldest"] < 60
        assert (row["paused"], row["workers"]) == (False, [])

    def test_a_queue_in_which_nothing_waits_has_no_oldest_job(self, api: Api, client: Redis) -> None:
        finish(client, 1, queue="mail")
        assert counts(api, "mail")["oldest"] is None

    def test_waits_are_those_of_the_last_minutes(self, api: Api, client: Redis) -> None:
        finish(client)
        now = client.time()[0] // 60
        minutes = ((now - 6, "X9000E+9"), (now - 5, "X900a+1"), (now - 1, "X900a+1"), (now, "X2000000a+1W+1"))
        for minute, cells in minutes:
            client.hset(keys.minutes(minute // 60, "queue:default"), str(minute % 60), cells)
        wait = counts(api)["wait"]
        assert wait["p50"] <= 0.001
        assert wait["p95"] > 1
        client.delete(*client.scan_iter(keys.minutes(0, "queue:default").replace(":0:", ":*:")))
        assert counts(api)["wait"] is None

    def test_every_queue_is_listed_and_an_unknown_one_is_404(self, api: Api, client: Redis) -> None:
        accept(client, queue="mail")
        assert [row["name"] for row in api.get("/api/queues")[1]["queues"]] == ["default", "mail"]
        assert api.get("/api/queues/nowhere")[0] == 404
        for action in ("pause", "resume", "clean"):
            assert api.post(f"/api/queues/nowhere/{action}")[0] == 404
        assert not client.exists(keys.PAUSED)

    def test_reading_acts_on_nothing(self, api: Api, client: Redis) -> None:
        finish(client, 1)
        client.zadd(keys.registry("finished", "default"), {"gone": 1})
        client.sadd(keys.WORKERS, keys.worker("dead"))
        before = sorted(client.scan_iter("*"))
        assert counts(api)["finished"] == 2
        assert client.sismember(keys.WORKERS, keys.worker("dead"))
        assert sorted(client.scan_iter("*")) == before


class TestPause:
    def test_a_paused_queue_gives_nothing_until_it_is_resumed(self, api: Api, client: Redis) -> None:
        accept(client)
        assert api.post("/api/queues/default/pause") == (200, {"queue": "default", "paused": True, "changed": True})
        assert api.post("/api/queues/default/pause")[1]["changed"] is False
        assert counts(api)["paused"] is True
        assert claim(client) == []
        assert api.post("/api/queues/default/resume") == (200, {"queue": "default", "paused": False, "changed": True})
        assert api.post("/api/queues/default/resume")[1]["changed"] is False
        assert len(claim(client)) == 1


class TestClean:
    def test_it_removes_what_is_over_of_this_queue(self, api: Api, client: Redis) -> None:
        finish(client, 2)
        finish(client, 1, queue="mail")
        fail(client)
        assert api.post("/api/queues/default/clean") == (200, {"removed": 0, "complete": True})
        assert api.post("/api/queues/default/clean", {"older": 0})[1] == {"removed": 2, "complete": True}
        assert api.post("/api/queues/default/clean", {"older": 0, "failed": True})[1]["removed"] == 1
        assert counts(api, "mail")["finished"] == 1

    @pytest.mark.parametrize("body", [{"older": "7d"}, {"failed": 1}, {"queue": "mail"}, []])
    def test_it_refuses_what_it_does_not_know(self, api: Api, body: Any) -> None:
        assert api.post("/api/queues/default/clean", body)[0] == 422


class TestEmpty:
    def test_it_removes_what_waits_and_nothing_else(self, api: Api, client: Redis) -> None:
        running = accept(client)
        claim(client)
        [dead], [done] = fail(client, queue="mail"), finish(client, queue="mail")
        later = accept(client, delay=60)
        jobs = [accept(client) for _ in range(3)]
        elsewhere = accept(client, queue="mail")
        assert api.post("/api/queues/default/empty", {"confirm": "default"}) == (200, {"removed": 3, "complete": True})
        assert [anything_of(client, job) for job in jobs] == [[], [], []]
        assert waiting(client) == []
        left = {job.id: status(client, job) for job in (running, later, dead, done, elsewhere)}
        assert list(left.values()) == ["started", "scheduled", "failed", "finished", "queued"]

    @pytest.mark.parametrize("body", [None, {}, {"confirm": "mail"}, {"confirm": True}, {"confirm": "default", "a": 1}])
    def test_it_wants_the_name_of_the_queue(self, api: Api, client: Redis, body: Any) -> None:
        job = accept(client)
        assert api.post("/api/queues/default/empty", body)[0] in (415, 422)
        assert status(client, job) == "queued"

    def test_lanes_go_on_with_their_next_job(self, client: Redis) -> None:
        first, second, third = (accept(client, key=KEY) for _ in range(3))
        assert gates.empty(client, "default") == (1, True)
        assert (status(client, first), status(client, second), status(client, third)) == ("gone", "queued", "deferred")
        for job in (second, third):
            [one] = claim(client)
            assert one.id == job.id
            end(client, one, "finished", "")

    def test_a_job_that_a_child_holds_stays_though_a_tool_put_it_there(self, client: Redis) -> None:
        job = accept(client)
        [one] = claim(client)
        client.rpush(keys.queue("default"), job.id)
        client.hset(keys.job(job.id), "status", "queued")
        assert gates.empty(client, "default").removed == 0
        assert scripts.held(client, CHILD) == [(job.id, one.token)]

    def test_a_job_with_a_rate_limit_gives_its_slot_back(self, client: Redis) -> None:
        queue = Queue("default", connection=client, job_class=Job, serializer="json")
        first, second = (queue.enqueue(t.add, 1, 2, rate_limit=RateLimit("mail", 1)) for _ in range(2))
        assert gates.empty(client, "default").removed == 1
        assert not client.exists(keys.job(first.id))
        assert (waiting(client), second.get_status()) == ([second.id], "queued")

    def test_what_a_job_that_is_removed_lets_go_stays(self, client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        """It goes to the end of the queue, where a later step of the same call comes by."""
        monkeypatch.setattr(gates, "STEP", 2)
        _, late = (accept(client, key="lane") for _ in range(2))
        for _ in range(3):
            accept(client)
        assert gates.empty(client, "default").removed == 4
        assert waiting(client) == [late.id]

    def test_heartbeats_stay_and_more_than_a_step_holds_goes(
        self, client: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gates, "STEP", 4)
        beat = f"{keys.HEARTBEAT}x"
        client.lpush(keys.queue("default"), beat)
        client.hset(keys.job(beat), mapping={"status": "queued", "enqueued_at": "", "origin": "default"})
        jobs: list[JobRef] = queues.submit(client, [prepare(t.add, 1, 2) for _ in range(11)])
        assert gates.empty(client, "default") == (11, True)
        assert waiting(client) == [beat]
        assert not client.exists(*(keys.job(job_id) for job_id in ids(jobs)))

    def test_it_stops_when_the_time_is_up_and_says_so(self, client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gates, "STEP", 4)
        for _ in range(6):
            accept(client)
        assert gates.empty(client, "default", within=0) == (4, False)
        assert len(waiting(client)) == 2


def test_who_did_it_is_put_down_where_something_changed(api: Api, client: Redis) -> None:
    accept(client)
    for action, body in (("pause", None), ("pause", None), ("resume", None), ("resume", None), ("clean", {})):
        assert api.post(f"/api/queues/default/{action}", body)[0] == 200
    api.post("/api/queues/default/empty", {"confirm": "default"})
    api.post("/api/queues/default/empty", {"confirm": "mail"})
    assert [(action, target) for _, action, target in said(client)] == [
        ("queue.pause", "default"),
        ("queue.resume", "default"),
        ("queue.clean", "default: 0 jobs"),
        ("queue.empty", "default: 1 jobs"),
    ]
