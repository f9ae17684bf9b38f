"""Findings over HTTP."""

from contextlib import closing

import pytest
from redis import Redis

from jobs import gates, settings
from tests.api import Api
from tests.support import wait_for


def test_a_finding_says_what_why_and_what_to_do(api: Api, client: Redis) -> None:
    gates.pause(client, "default")
    wait_for(lambda: api.get("/api/findings")[1]["findings"], "the findings")
    body = api.get("/api/findings")[1]
    [paused] = [one for one in body["findings"] if one["code"] == "queue_paused"]
    assert (paused["severity"], paused["evidence"]["queue"], paused["since"]) == ("warn", "default", None)
    assert paused["remedy"] == "Let it go on with: python -m jobs resume default"
    assert body["status"] in ("warn", "fail")
    assert body["seen_at"].endswith("Z")


def test_a_redis_that_is_gone_is_a_finding_and_elsewhere_503(tasks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    settings.current.cache_clear()
    with closing(Api()) as gone:
        code, body = gone.get("/api/findings")
        assert (code, [one["code"] for one in body["findings"]]) == (200, ["redis_unreachable"])
        for path in ("queues", "queues/default", "workers", "lanes", "locks", "schedules"):
            assert gone.get(f"/api/{path}")[0] == 503, path
    settings.current.cache_clear()
