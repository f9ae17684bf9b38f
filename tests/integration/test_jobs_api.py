"""Jobs over HTTP: put in, listed, looked at in full, and acted upon; who did so is noted."""

from functools import partial
from typing import Any

import pytest
from redis import Redis

from jobs import keys
from jobs.catalog.pages import WITHIN
from jobs.retry import Retry
from tests import crowd
from tests import tasks as t
from tests.api import Api
from tests.integration.test_audit import said
from tests.integration.test_dead import KEY, accept, claim, end, fail, ids, lease, status
from tests.support import quickest
from tests.visitors import OPERATOR, READER, Make, visitor

__all__ = ["lease", "visitor"]

JOB = {"task": "tests.tasks.add", "args": [1, 2]}


def listed(api: Api, query: str = "") -> list[str]:
    code, page = api.get(f"/api/jobs?{query}")
    assert code == 200
    return [job["id"] for job in page["jobs"]]


class TestEnqueue:
    def test_an_accepted_job_says_where_to_look_and_is_one_however_often_it_is_sent(
        self, api: Api, client: Redis, visitor: Make
    ) -> None:
        answer = visitor().post(
            "/api/jobs", json=JOB | {"job_id": "a"}, headers={"Authorization": f"Bearer {OPERATOR}"}
        )
        assert (answer.status_code, answer.headers["Location"]) == (202, "/api/jobs/a")
        assert api.get("/api/jobs/a")[1]["state"] == "queued"
        assert api.post("/api/jobs", JOB | {"job_id": "a"}) == (202, {"id": "a", "queue": "default", "created": False})
        assert client.llen(keys.queue("default")) == 1

    def test_many_go_in_together_in_their_order(self, api: Api, client: Redis) -> None:
        jobs = [JOB | {"job_id": str(number), "key": KEY} for number in range(600)]
        code, body = api.post("/api/jobs/batch", {"jobs": jobs})
        assert (code, [one["created"] for one in body["jobs"]]) == (202, [True] * 600)
        assert [one.decode() for one in client.lrange(keys.lane(KEY), 0, -1)] == [str(number) for number in range(600)]
        assert said(client)[-1][1:] == ("job.enqueue", "600 jobs, 0 the first")
        again = api.post("/api/jobs/batch", {"jobs": [*jobs[:1], JOB]})[1]["jobs"]
        assert [one["created"] for one in again] == [False, True]

    @pytest.mark.parametrize(
        ("bad", "code", "words"),
        [
            ({"task": "os.system"}, 404, "jobs[1]: 'os.system'"),
            ({"task": "tests.tasks.add", "args": [1]}, 422, "jobs[1]: tests.tasks.add"),
            ({"task": "tests.tasks.echo", "args": ["x" * 300_000]}, 422, "jobs[1]: the arguments"),
            (JOB | {"colour": "red"}, 422, "jobs[1]: 'colour'"),
            ("a job", 422, "list of 1 to 1000"),
        ],
    )
    def test_where_one_is_refused_none_is_accepted(
        self, api: Api, client: Redis, bad: Any, code: int, words: str
    ) -> None:
        got, problem = api.post("/api/jobs/batch", {"jobs": [JOB, bad]})
        assert got == code
        assert words in problem["detail"]
        assert not list(client.scan_iter(keys.job("*")))

    @pytest.mark.parametrize("jobs", [[], [JOB] * 1001, {}, None])
    def test_a_batch_has_1_to_1000(self, api: Api, jobs: Any) -> None:
        assert api.post("/api/jobs/batch", {"jobs": jobs})[0] == 422

    def test_a_body_of_more_than_a_mebibyte_is_refused(self, api: Api, client: Redis) -> None:
        code, problem = api.post("/api/jobs", JOB | {"args": ["x" * 1024 * 1024]})
        assert (code, problem["status"]) == (413, 413)
        assert not list(client.scan_iter(keys.job("*")))


class TestList:
    def test_a_page_leads_to_the_next_and_tells_no_arguments(self, api: Api, client: Redis) -> None:
        members = crowd.fill(client, 120)
        seen, cursor = [], ""
        while True:
            code, page = api.get(f"/api/jobs?limit=50{cursor}")
            assert code == 200
            seen += page["jobs"]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert [job["id"] for job in seen] == crowd.in_order(members)
        assert set(seen[0]) == {
            "id", "state", "task", "queue", "key", "accepted_at", "queued_at", "due_at", "started_at", "ended_at",
            "attempts", "retries_left", "worker", "progress", "error", "label", "unknown",
        }  # fmt: skip
        assert seen[0]["accepted_at"].endswith("Z")

    def test_filters(self, api: Api, client: Redis) -> None:
        [failed], [mail] = fail(client), fail(client, queue="mail", error="KeyError: 'x'\n")
        scheduled, keyed = accept(client, delay=60), accept(client, key=KEY)
        assert listed(api, "state=failed,stopped") == [mail.id, failed.id]
        assert listed(api, "state=failed&queue=mail") == [mail.id]
        assert listed(api, "task=tests.tasks.add&state=scheduled") == [scheduled.id]
        assert listed(api, f"key={KEY}") == [keyed.id]
        assert listed(api, "text=keyerror") == listed(api, "error=KeyError") == [mail.id]
        assert listed(api, f"text={failed.id}") == [failed.id]
        assert listed(api, "since=1h") == [keyed.id, mail.id, failed.id, scheduled.id]
        assert listed(api, "until=1h") == []


class TestDetail:
    def test_a_job_in_full(self, api: Api, client: Redis) -> None:
        job = accept(client, t.log_in, ("ada", "hunter22"), key=KEY, retry=Retry(2, backoff=60))
        behind = accept(client, key=KEY)
        end(client, claim(client)[0])
        code, shown = api.get(f"/api/jobs/{job.id}")
        assert (code, shown["state"], shown["attempts"][0]["outcome"]) == (200, "retrying", "failed")
        assert shown["arguments"] == {"args": ["ada", "•••"], "kwargs": {}, "size": shown["arguments"]["size"]}
        assert shown["lane"] == {"position": 1, "depth": 2, "previous": None, "next": behind.id}
        assert {event["what"] for event in shown["timeline"]} == {"accepted", "started", "failed", "due"}
        assert shown["timeline"][-1]["at"] == shown["due_at"]

    def test_a_traceback_without_end_is_told_by_its_end(self, api: Api, client: Redis) -> None:
        [job] = fail(client, error="Traceback\n" + "  line\n" * 20_000 + "ValueError: at last\n")
        shown = api.get(f"/api/jobs/{job.id}")[1]
        assert len(shown["error"]) < 33_000
        assert shown["error"].startswith("…")
        assert shown["error"].endswith("ValueError: at last")


class TestAct:
    def test_each_action_says_what_the_job_is_now_and_what_takes_it_back(self, api: Api, client: Redis) -> None:
        [failed] = fail(client)
        scheduled, waiting = accept(client, delay=60), accept(client, queue="mail")
        undo = {"retry": None, "run": None, "cancel": "retry"}
        for action, job, state in (
            ("retry", failed, "queued"),
            ("run", scheduled, "queued"),
            ("cancel", waiting, "canceled"),
        ):
            expected = {"id": job.id, "state": state, "undo": undo[action]}
            assert api.post(f"/api/jobs/{job.id}/{action}") == (202, expected)
            code, problem = api.post(f"/api/jobs/{job.id}/{action}")
            assert (code, problem["title"]) == (409, "Not in this state")
            assert f"is {state}" in problem["detail"]
        assert api.delete(f"/api/jobs/{waiting.id}") == (200, {"id": waiting.id, "deleted": True})
        assert api.delete(f"/api/jobs/{waiting.id}")[0] == 404
        assert [entry[1:] for entry in said(client)] == [
            ("job.retry", failed.id), ("job.run", scheduled.id), ("job.cancel", waiting.id), ("job.delete", waiting.id),
        ]  # fmt: skip

    def test_one_that_does_not_run_is_not_stopped(self, api: Api, client: Redis) -> None:
        code, problem = api.post(f"/api/jobs/{accept(client).id}/stop")
        assert (code, "is queued" in problem["detail"]) == (409, True)

    @pytest.mark.parametrize("action", ["retry", "run", "cancel", "stop"])
    @pytest.mark.parametrize("job_id", ["nobody", "a.b", f"{keys.HEARTBEAT}1"])
    def test_who_is_not_there_is_404(self, api: Api, action: str, job_id: str) -> None:
        assert api.post(f"/api/jobs/{job_id}/{action}")[0] == 404
        assert api.delete(f"/api/jobs/{job_id}")[0] == 404

    def test_who_may_only_read_changes_nothing(self, visitor: Make, client: Redis) -> None:
        job = accept(client)
        reader = visitor()
        headers = {"Authorization": f"Bearer {READER}"}
        assert reader.get(f"/api/jobs/{job.id}", headers=headers).status_code == 200
        for path in (f"{job.id}/cancel", f"{job.id}/retry", "actions", "batch"):
            assert reader.post(f"/api/jobs/{path}", json={}, headers=headers).status_code == 403
        assert reader.delete(f"/api/jobs/{job.id}", headers=headers).status_code == 403
        assert status(client, job) == "queued"


class TestMany:
    def test_some_are_acted_upon_and_it_can_be_taken_back(self, api: Api, client: Redis) -> None:
        jobs = [accept(client) for _ in range(3)]
        chosen = ids(jobs[:2])
        code, body = api.post("/api/jobs/actions", {"action": "cancel", "ids": [*chosen, chosen[0], "nobody"]})
        undo = {"action": "retry", "ids": chosen}
        assert (code, body) == (200, {"done": 2, "skipped": 1, "complete": True, "undo": undo})
        assert api.post("/api/jobs/actions", body["undo"])[1]["done"] == 2
        assert {status(client, job) for job in jobs} == {"queued"}
        assert [entry[1:] for entry in said(client)] == [
            ("jobs.cancel", "2 jobs chosen"),
            ("jobs.retry", "2 jobs chosen"),
        ]

    def test_all_that_match_are_acted_upon(self, api: Api, client: Redis) -> None:
        fail(client, 3)
        [mail] = fail(client, queue="mail")
        body = {"action": "delete", "filter": {"state": "failed", "queue": "default", "text": ""}}
        assert api.post("/api/jobs/actions", body)[1] == {"done": 3, "skipped": 0, "complete": True, "undo": None}
        assert listed(api) == [mail.id]
        assert said(client)[-1][1:] == ("jobs.delete", "3 jobs matching state=failed, queue=default")
        assert api.post("/api/jobs/actions", {"action": "retry", "filter": {}})[1]["done"] == 1

    @pytest.mark.parametrize(
        "body",
        [
            {"action": "stop", "ids": ["a"]},
            {"action": "retry"},
            {"action": "retry", "ids": ["a"], "filter": {}},
            {"action": "retry", "ids": []},
            {"action": "retry", "ids": ["../x"]},
            {"action": "retry", "ids": ["a"] * 1001},
            {"action": "retry", "ids": "a"},
            {"action": "retry", "filter": []},
            {"action": "retry", "filter": {"colour": "red"}},
            {"action": "retry", "filter": {"state": "dead"}},
            {"action": "retry", "filter": {"queue": 1}},
            {"action": "retry", "filter": {"queue": "\ud800"}},
            {"ids": ["a"], "all": True},
        ],
    )
    def test_what_is_unclear_is_refused(self, api: Api, client: Redis, body: Any) -> None:
        [job] = fail(client)
        assert api.post("/api/jobs/actions", body)[0] == 422
        assert status(client, job) == "failed"


def test_ten_thousand_jobs_are_listed_over_http_within_a_fifth_of_a_second(api: Api, client: Redis) -> None:
    crowd.fill(client, 10_000)
    took = []
    for query in ("", "state=failed", "state=finished&task=shop.tasks.sync"):
        cursor = ""
        for _ in range(4):
            (_, page), seconds = quickest(partial(api.get, f"/api/jobs?{query}{cursor}"))
            took.append(seconds)
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
    assert sorted(took)[int(len(took) * 0.95)] < 0.2
    assert quickest(partial(api.get, "/api/jobs?text=nowhere"))[1] < WITHIN + 1
