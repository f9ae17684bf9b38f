"""Dead letters and cleaning up over HTTP."""

import json
import urllib.request
from typing import Any

import pytest
from redis import Redis

from tests.integration.test_dead import accept, claim, fail, ids, lease, status
from tests.integration.test_retention import finish
from tests.integration.test_web import TOKEN, start_web, web
from tests.support import Processes, ask, get, post, wait_for

__all__ = ["lease", "web"]
pytestmark = pytest.mark.usefixtures("tasks")

SECRET = 987654321
LETTERS = "/api/jobs?state=failed,stopped"


def delete(port: int, path: str, **headers: str) -> tuple[int, dict[str, Any], float]:
    return ask(urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers, method="DELETE"))


class TestApi:
    def test_letters_are_listed_page_by_page_without_arguments(self, client: Redis, web: int) -> None:
        jobs = fail(client, 3, args=(SECRET, 1))
        status_, first, _ = get(web, f"{LETTERS}&limit=2")
        assert status_ == 200
        assert [letter["id"] for letter in first["jobs"]] == ids(jobs)[:0:-1]
        assert first["jobs"][0]["error"] == "ValueError: order 2 is gone"
        second = get(web, f"{LETTERS}&limit=2&cursor={first['next']}")[1]
        assert [letter["id"] for letter in second["jobs"]] == [jobs[0].id]
        assert second["next"] is None
        assert get(web, f"{LETTERS}&error=order%201")[1]["jobs"][0]["id"] == jobs[1].id
        shown = get(web, f"/api/jobs/{jobs[0].id}")[1]
        assert 'File "shop.py", line 3' in shown["attempts"][0]["error"]
        assert str(SECRET) not in json.dumps([first, second])

    def test_errors_are_counted(self, client: Redis, web: int) -> None:
        jobs = fail(client, 3)
        body = get(web, "/api/dead/groups")[1]
        [group] = body["groups"]
        assert body["complete"] is True
        assert (group["error"], group["count"], group["sample"]) == ("ValueError: order 2 is gone", 3, jobs[-1].id)
        assert (group["task"], group["where"], body["looked"]) == ("tests.tasks.add", "shop.py:3 in send", 3)
        assert group["first_at"] <= group["last_at"]

    def test_how_many_are_meant_is_told_before_anything_is_done(self, client: Redis, web: int) -> None:
        fail(client, 2)
        accept(client, delay=60)
        assert get(web, "/api/count")[1] == {"count": 3, "complete": True}
        assert get(web, "/api/count?action=retry")[1]["count"] == 2
        assert (
            get(web, "/api/count?action=retry&group=tests.tasks.add:%20ValueError%20at%20shop.py:3%20in%20send")[1][
                "count"
            ]
            == 2
        )
        assert get(web, "/api/count?action=run&state=failed")[1]["count"] == 0
        code, problem, _ = get(web, "/api/count?action=burn")
        assert (code, "'burn'" in problem["detail"]) == (422, True)

    def test_a_letter_is_retried_once_and_shows_its_old_error_only_among_its_attempts(
        self, client: Redis, web: int
    ) -> None:
        [job] = fail(client)
        assert get(web, f"/api/jobs/{job.id}")[1]["error"]
        code, body, _ = post(web, f"/api/jobs/{job.id}/retry", None)
        assert (code, body) == (202, {"id": job.id, "state": "queued", "undo": None})
        shown = get(web, f"/api/jobs/{job.id}")[1]
        assert (shown["state"], shown["error"], len(shown["attempts"])) == ("queued", None, 1)
        code, problem, _ = post(web, f"/api/jobs/{job.id}/retry", None)
        assert (code, problem["title"]) == (409, "Not in this state")
        assert "is queued" in problem["detail"]

    def test_a_letter_is_deleted_and_what_is_not_over_is_not(self, client: Redis, web: int) -> None:
        [job] = fail(client)
        assert delete(web, f"/api/jobs/{job.id}")[:2] == (200, {"id": job.id, "deleted": True})
        assert delete(web, f"/api/jobs/{job.id}")[0] == 404
        running = accept(client)
        claim(client)
        assert delete(web, f"/api/jobs/{running.id}")[0] == 409
        assert status(client, running) == "started"

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=x", "since=yesterday", "until=x", "state=dead", "cursor=x", "colour=red"]
    )
    def test_a_bad_query_is_a_problem(self, web: int, query: str) -> None:
        code, problem, _ = get(web, f"/api/jobs?{query}")
        assert (code, problem["title"]) == (422, "Bad query")

    @pytest.mark.parametrize("path", ["/api/jobs/nobody/retry", "/api/jobs/a.b/retry"])
    def test_who_is_not_there_is_not_retried(self, web: int, path: str) -> None:
        assert post(web, path, None)[0] == 404

    def test_all_of_it_is_closed_without_the_token(self, client: Redis, processes: Processes) -> None:
        [job] = fail(client)
        port = start_web(processes, JOBS_TOKEN=TOKEN)
        wait_for(lambda: get(port, "/readyz")[0] == 200, "web to be ready")
        assert get(port, LETTERS)[0] == get(port, "/api/dead/groups")[0] == 401
        assert post(port, f"/api/jobs/{job.id}/retry", None)[0] == post(port, "/queue/clean", {})[0] == 401
        assert delete(port, f"/api/jobs/{job.id}")[0] == 401
        assert status(client, job) == "failed"
        assert get(port, LETTERS, Authorization=f"Bearer {TOKEN}")[0] == 200


class TestClean:
    def test_it_says_how_many(self, client: Redis, web: int) -> None:
        finish(client, 2)
        fail(client)
        assert post(web, "/queue/clean", {})[:2] == (200, {"removed": 0, "complete": True})
        assert post(web, "/queue/clean", {"older": 0, "queue": "mail"})[1]["removed"] == 0
        assert post(web, "/queue/clean", {"older": 0})[1]["removed"] == 2
        assert post(web, "/queue/clean", {"older": 0, "failed": True})[1]["removed"] == 1

    @pytest.mark.parametrize("body", [{"older": "7d"}, {"older": -1}, {"failed": 1}, {"all": True}, [], {"queue": 1}])
    def test_it_refuses_what_it_does_not_know(self, web: int, body: Any) -> None:
        assert post(web, "/queue/clean", body)[0] == 422
