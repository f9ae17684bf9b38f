"""Lanes over HTTP: who waits for whom and why, page by page, and a hand on each."""

import pytest
from redis import Redis

from jobs import gates, keys, lanes, paging
from jobs.errors import InvalidQuery
from tests.api import Api
from tests.integration.test_audit import said
from tests.integration.test_lanes import KEY, accept, claim, end, halted, lease

__all__ = ["lease"]


def keys_of(api: Api, query: str) -> list[str]:
    code, body = api.get(f"/api/lanes?{query}")
    assert (code, body["next"]) == (200, None)
    return sorted(one["key"] for one in body["lanes"])


class TestList:
    def test_a_lane_says_who_waits_for_whom_and_why(self, api: Api, client: Redis) -> None:
        head, *_ = halted(client)
        [one] = api.get("/api/lanes")[1]["lanes"]
        since, blocked = one.pop("since"), one.pop("blocked")
        assert one == {"key": KEY, "depth": 3, "head": head.id, "state": "halted", "queue": "default"}
        assert since.endswith("Z")
        assert head.id in blocked
        assert "skip goes on without it" in blocked

    def test_filters(self, api: Api, client: Redis) -> None:
        halted(client)
        accept(client, key="contact:7", queue="mail")
        accept(client, key="con*:8")
        claim(client)
        assert keys_of(api, "") == ["con*:8", "contact:42", "contact:7"]
        assert keys_of(api, "state=halted") == ["contact:42"]
        assert keys_of(api, "state=queued") == ["contact:7"]
        assert keys_of(api, "queue=mail") == ["contact:7"]
        assert keys_of(api, "prefix=contact") == ["contact:42", "contact:7"]
        assert keys_of(api, "prefix=con*") == ["con*:8"]
        assert keys_of(api, "key=contact:7") == ["contact:7"]
        assert keys_of(api, "key=nobody") == []

    def test_pages_hold_each_lane_once_though_sweeps_shuffle_them(
        self, api: Api, client: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(paging, "PORTION", 10)
        for number in range(300):
            accept(client, key=f"k{number}")
        seen, cursor = [], ""
        while True:
            _, body = api.get(f"/api/lanes?limit=70{cursor}")
            assert len(body["lanes"]) <= 70
            seen += [one["key"] for one in body["lanes"]]
            client.zadd(keys.LANES, dict.fromkeys(seen[-30:], 9000000000.0))
            if body["next"] is None:
                break
            cursor = f"&cursor={body['next']}"
        assert sorted(seen) == sorted(f"k{number}" for number in range(300))

    def test_why_names_a_queue_that_is_paused_or_not_served(self, api: Api, client: Redis) -> None:
        accept(client)
        assert "no worker serves" in api.get("/api/lanes")[1]["lanes"][0]["blocked"]
        gates.pause(client, "default")
        assert "is paused" in api.get("/api/lanes")[1]["lanes"][0]["blocked"]

    @pytest.mark.parametrize("query", ["state=blocked", "limit=0", "limit=x", "cursor=x", "colour=red"])
    def test_a_bad_query_is_a_problem(self, api: Api, query: str) -> None:
        assert api.get(f"/api/lanes?{query}")[0] == 422

    @pytest.mark.parametrize("place", [[-1, "a"], [2**64, "a"], [0, 1], [True, "a"], {}, [[[]]], "a"])
    def test_a_cursor_of_somebody_elses_is_refused(self, place: object) -> None:
        with pytest.raises(InvalidQuery):
            paging.place(paging.cursor(place))  # type: ignore[arg-type]


class TestActions:
    def test_resume_runs_the_failed_job_again(self, api: Api, client: Redis) -> None:
        head, *_ = halted(client)
        assert api.post("/api/lanes/resume", {"key": KEY}) == (200, {"key": KEY, "depth": 3, "state": "queued"})
        assert [one.id for one in claim(client)] == [head.id]
        assert api.post("/api/lanes/resume", {"key": KEY})[0] == 409

    def test_skip_goes_on_without_it(self, api: Api, client: Redis) -> None:
        _, second, _ = halted(client)
        assert api.post("/api/lanes/skip", {"key": KEY})[1]["depth"] == 2
        [one] = claim(client)
        assert one.id == second.id
        end(client, one)

    def test_clear_cancels_what_waits(self, api: Api, client: Redis) -> None:
        accept(client)
        claim(client)
        accept(client)
        assert api.post("/api/lanes/clear", {"key": KEY}) == (200, {"key": KEY, "canceled": 1})
        assert lanes.lane(KEY, client).depth == 1

    @pytest.mark.parametrize("action", ["resume", "skip", "clear"])
    def test_what_is_not_there_or_is_no_key_is_refused(self, api: Api, action: str) -> None:
        assert api.post(f"/api/lanes/{action}", {"key": "nobody"})[0] == 404
        bodies: tuple[object, ...] = (
            {},
            {"key": ""},
            {"key": 7},
            {"key": "\ud800"},
            {"key": "x" * 513},
            {"lane": "x"},
            [],
        )
        for body in bodies:
            assert api.post(f"/api/lanes/{action}", body)[0] == 422
        assert api.post(f"/api/lanes/{action}")[0] == 415

    def test_who_did_it_is_put_down(self, api: Api, client: Redis) -> None:
        halted(client)
        for action in ("resume", "resume", "skip", "clear"):
            api.post(f"/api/lanes/{action}", {"key": KEY})
        noted = [(action, target) for _, action, target in said(client)]
        assert noted == [("lane.resume", KEY), ("lane.clear", f"{KEY}: 3 jobs canceled")]
