"""The pages of queues and lanes without a browser: what they say, and to whom."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from jobs import gates, keys, lanes
from jobs.retry import Retry
from tests.integration.test_dead import KEY, accept, claim, end, fail, lease
from tests.pages import View, a_task, operator, reader

__all__ = ["lease", "operator", "reader"]
SCRIPT = "<script>alert('x')</script>"


class TestLanes:
    def test_a_line_without_lanes_says_what_one_is_and_how_to_have_one(self, operator: FlaskClient) -> None:
        found = View(operator, "/lanes")
        assert "those of one key run one after the other while other keys go on" in found.text
        assert f'enqueue("{a_task()}", …, key="customer:42")' in found.text

    def test_no_match_is_something_else(self, client: Redis, operator: FlaskClient) -> None:
        accept(client, key=KEY)
        for query in ("prefix=other", "state=halted", "queue=mail"):
            assert "No lane matches" in View(operator, f"/lanes?{query}").text
        assert "'asleep'" in View(operator, "/lanes?state=asleep").text

    def test_each_state_is_told_with_what_is_waited_for(self, client: Redis, operator: FlaskClient) -> None:
        fail(client, key="halted", policy="halt")
        fail(client, key="retries", retry=Retry(3, backoff=60))
        accept(client, key="runs")
        claim(client)
        for _ in range(2):
            accept(client, key="next", queue="mail")
        text = View(operator, "/lanes").text
        for words in (
            "Its head has failed for good: resume tries it again, skip goes on without it. ValueError: order 0 is gone",
            "Its head waits for its next attempt, and keeps its place.",
            "Nothing: nobody is behind it.",
            "Its head is next, but no worker serves queue 'mail'.",
        ):
            assert words in text

    def test_buttons_are_those_of_the_state_and_say_how_many(self, client: Redis, operator: FlaskClient) -> None:
        accept(client, key=KEY)
        claim(client)
        assert View(operator, "/lanes").actions() == set()
        accept(client, key=KEY)
        found = View(operator, "/lanes")
        assert found.actions() == {"/api/lanes/clear"}
        assert "Cancel 1 job waiting in lane “contact:42”? What runs goes on." in found.main
        fail(client, key="halted", policy="halt")
        assert View(operator, "/lanes?prefix=halt").actions() == {
            f"/api/lanes/{one}" for one in ("resume", "skip", "clear")
        }

    def test_halted_lanes_come_first_and_once_and_pages_go_on(
        self, client: Redis, operator: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("web.pages.lanes.SHOWN", 5)
        for number in range(12):
            accept(client, key=f"a:{number:02}")
        fail(client, key="z:halted", policy="halt", queue="mail")
        shown: list[str] = []
        path = "/lanes"
        while path:
            found = View(operator, path)
            rows = found.values('<tr data-key="')
            shown += rows
            path = next(iter(found.values('<a class="button small" href="', "cursor=")), "")
        assert shown[0] == "z:halted"
        assert set(shown) == {f"a:{number:02}" for number in range(12)} | {"z:halted"}
        assert f"of {lanes.count(client)} lanes" in View(operator, "/lanes").text

    def test_who_may_only_read_has_nothing_to_press(self, client: Redis, reader: FlaskClient) -> None:
        fail(client, key="halted", policy="halt")
        found = View(reader, "/lanes")
        assert "halted" in found.text
        assert found.actions() == set()

    def test_no_key_is_markup(self, client: Redis, operator: FlaskClient) -> None:
        fail(client, key=SCRIPT, policy="halt", error=f"ValueError: {SCRIPT}\n")
        found = View(operator, f"/lanes?prefix={SCRIPT}")
        assert SCRIPT in found.text
        assert SCRIPT not in found.html


class TestQueues:
    def test_a_queue_that_nobody_serves_says_so(self, client: Redis, operator: FlaskClient) -> None:
        accept(client, queue="mail")
        for path in ("/queues", "/queues/mail"):
            assert "no worker serves it" in View(operator, path).text.lower()

    def test_buttons_are_those_of_what_is_there(self, client: Redis, operator: FlaskClient) -> None:
        accept(client)
        assert View(operator, "/queues/default").actions() == {
            f"/api/queues/default/{one}" for one in ("pause", "empty")
        }
        [one] = claim(client)
        end(client, one, "finished", "")
        with operator.post("/api/queues/default/pause") as answer:
            assert answer.status_code == 200
        found = View(operator, "/queues/default")  # at once, though a look may be a second old
        assert found.actions() == {f"/api/queues/default/{one}" for one in ("resume", "clean")}
        assert "Remove 1 finished job of “default” now" in found.main

    def test_one_that_is_not_there_is_told_of_in_words(self, operator: FlaskClient) -> None:
        found = View(operator, "/queues/nope")
        assert found.status == 404
        assert "there is no queue 'nope'" in found.text

    def test_who_may_only_read_has_nothing_to_press(self, client: Redis, reader: FlaskClient) -> None:
        accept(client)
        for path in ("/queues", "/queues/default"):
            found = View(reader, path)
            assert "default" in found.text
            assert found.actions() == set()

    def test_no_name_is_markup(self, client: Redis, operator: FlaskClient) -> None:
        job = accept(client)
        client.sadd(keys.QUEUES, keys.queue(SCRIPT))
        client.rpush(keys.queue(SCRIPT), job.id)
        gates.pause(client, SCRIPT)
        for path in ("/queues", f"/queues/{SCRIPT}"):
            found = View(operator, path)
            assert (found.status, SCRIPT in found.text) == (200, True), path
            assert SCRIPT not in found.html


def test_a_redis_that_is_gone_is_told_and_not_taken_for_none(operator: FlaskClient, monkeypatch: Any) -> None:
    line = operator.application.extensions["line"]
    line.client.connection_pool.disconnect()
    monkeypatch.setitem(line.client.connection_pool.connection_kwargs, "port", 1)
    for path in ("/jobs", "/failures", "/queues", "/lanes"):
        found = View(operator, path)
        assert (found.status, "Redis does not answer" in found.text) == (200, True), path
    for path in ("/jobs/one", "/queues/default"):
        found = View(operator, path)
        assert (found.status, "Redis does not answer" in found.text) == (503, True), path


def test_a_redis_that_refuses_is_told_as_it_is(client: Redis, operator: FlaskClient, monkeypatch: Any) -> None:
    pool = operator.application.extensions["line"].client.connection_pool
    client.acl_setuser("blind", enabled=True, passwords=["+pw"], commands=["+ping", "+client"], keys=["*"])
    pool.disconnect()
    monkeypatch.setitem(pool.connection_kwargs, "username", "blind")
    monkeypatch.setitem(pool.connection_kwargs, "password", "pw")
    for path in ("/", "/jobs", "/failures", "/queues", "/lanes", "/schedules"):
        found = View(operator, path)
        assert (found.status, "Redis does not permit this command" in found.text) == (200, True), path
        assert "does not answer" not in found.text, path
    client.acl_deluser("blind")


class TestFindings:
    PAGES = ("/", "/line", "/queues/default")

    @pytest.mark.parametrize("path", PAGES)
    def test_what_can_be_done_is_a_button_for_who_may_act_and_names_lead_to_pages(
        self, client: Redis, operator: FlaskClient, reader: FlaskClient, path: str
    ) -> None:
        accept(client)
        gates.pause(client, "default")
        found, seen = View(operator, path), View(reader, path)
        assert "/api/queues/default/resume" in found.actions()
        assert not seen.actions()
        for one in (found, seen):
            assert "Resume it, and its workers take from it again." in one.text
            assert "python -m jobs resume" not in one.text
            assert "/queues/default" in one.values('<a href="')

    def test_a_halted_lane_is_resumed_from_its_finding(self, client: Redis, operator: FlaskClient) -> None:
        [job] = fail(client, key=KEY, policy="halt")
        found = View(operator, "/")
        assert {"/api/lanes/resume", "/api/lanes/skip"} <= found.actions()
        assert f"/jobs/{job.id}" in found.values('<a href="')
        assert operator.post("/api/lanes/resume", json={"key": KEY}).status_code == 200
        assert "lane_halted" not in View(operator, "/").text
