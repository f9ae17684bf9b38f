"""Schedules over HTTP: listed with what went wrong, run now, paused and resumed."""

from datetime import UTC, datetime

import pytest
from redis import Redis
from rq_scheduler import Scheduler

from jobs import keys
from tests.api import Api
from tests.integration.test_audit import said
from tests.integration.test_schedules import NIGHTLY, OFTEN, book, clockwork, ours

__all__ = ["book", "clockwork", "ours"]


def rows(api: Api) -> dict[str, dict[str, object]]:
    code, body = api.get("/api/schedules")
    assert code == 200
    return {row["name"]: row for row in body["schedules"]}


@pytest.mark.usefixtures("book")
class TestSchedules:
    def test_a_job_is_made_now_and_the_slot_stays(self, api: Api, client: Redis) -> None:
        before = rows(api)[NIGHTLY]
        code, job = api.post(f"/api/schedules/{NIGHTLY}/run")
        assert (code, job["created"]) == (202, True)
        assert client.hget(keys.job(job["id"]), "status") == b"queued"
        assert rows(api)[NIGHTLY]["next_at"] == before["next_at"]

    def test_a_paused_one_has_no_next_slot_until_it_is_resumed(self, api: Api, client: Redis) -> None:
        assert api.post(f"/api/schedules/{OFTEN}/pause")[1]["changed"] is True
        assert api.post(f"/api/schedules/{OFTEN}/pause")[1]["changed"] is False
        paused = rows(api)[OFTEN]
        assert (paused["paused"], paused["state"], paused["next_at"]) == (True, "paused", None)
        answer = api.post(f"/api/schedules/{OFTEN}/resume")[1]
        assert (answer["changed"], answer["next_at"]) == (True, rows(api)[OFTEN]["next_at"])
        assert [(action, target) for _, action, target in said(client)] == [
            ("schedule.pause", OFTEN),
            ("schedule.resume", OFTEN),
        ]
        assert api.post(f"/api/schedules/{OFTEN}/resume")[1] == {
            "name": OFTEN,
            "paused": False,
            "changed": False,
            "next_at": None,
        }

    def test_its_error_is_told(self, api: Api, client: Redis) -> None:
        client.hset(keys.schedule(OFTEN), "error", "no such zone: Mars")
        row = rows(api)[OFTEN]
        assert (row["state"], row["error"]) == ("error", "no such zone: Mars")


def test_an_unknown_one_is_404(api: Api) -> None:
    for action in ("run", "pause", "resume"):
        assert api.post(f"/api/schedules/nothing/{action}")[0] == 404


def test_entries_of_rq_scheduler_are_listed_and_not_ours(api: Api, client: Redis) -> None:
    entry = Scheduler(connection=client).schedule(datetime.now(UTC), "tests.tasks.add", interval=60)
    row = rows(api)[entry.id]
    assert (row["state"], row["spec"], row["ours"]) == ("rq-scheduler", "every 1 min", False)
    assert api.post(f"/api/schedules/{entry.id}/pause")[0] == 404
