"""Jobs that wait for others, by RQ's ``depends_on``: what they wait for is not taken from them, or they are told."""

from typing import Any

import pytest
import rq.job
from click.testing import CliRunner
from flask.testing import FlaskClient
from redis import Redis
from rq import Queue
from rq.job import Dependency

from jobs import catalog, gates, keys, reaper, retention, scripts, settings
from jobs.catalog import Awaited, Filter
from jobs.catalog.dependence import in_vain
from jobs.catalog.states import State
from jobs.cli import cli
from jobs.errors import JobAwaited
from jobs.health import snapshot
from jobs.health.snapshot import InVain
from jobs.job import Job
from jobs.queues import JobRef
from jobs.scripts import Held
from tests import tasks as t
from tests.api import Api
from tests.integration.test_dead import CHILD, accept, claim, end, fail, lease, status
from tests.pages import View, operator
from web.subjects import short

__all__ = ["lease", "operator"]
pytestmark = pytest.mark.usefixtures("tasks")


def after(client: Redis, *others: str, may_fail: bool = False, **options: Any) -> rq.job.Job:
    """A job that depends on others."""
    queue = Queue("mail", connection=client, job_class=Job, serializer="json")
    return queue.enqueue(t.add, 1, 2, depends_on=Dependency(list(others), allow_failure=may_fail), **options)


def ended(client: Redis, how: str) -> JobRef:
    """A job that is over."""
    if how == "failed":
        return fail(client)[0]
    job = accept(client)
    if how == "canceled":
        catalog.act(client, "cancel", [job.id])
    else:
        end(client, claim(client)[0], how, "")
        reaper.follow_up(client, job.id)
    return job


def in_full(client: Redis, job_id: str) -> catalog.Detail:
    found = catalog.detail(client, job_id)
    assert found
    return found


class TestDelete:
    @pytest.mark.parametrize("how", ["failed", "stopped", "canceled"])
    def test_what_others_wait_for_stays_until_they_are_canceled(self, client: Redis, how: str) -> None:
        job = ended(client, how)
        waiting = [after(client, job.id) for _ in range(2)]
        assert catalog.act(client, "delete", [job.id]) == ([], 1, True)
        assert catalog.act_on_all(client, "delete", Filter()) == ([], 1, True)
        assert status(client, job) == how
        why = catalog.kept(client, job.id)
        assert isinstance(why, JobAwaited)
        assert f"job '{job.id}' is {how}, and 2 jobs wait for it: " in str(why)
        assert sorted(why.waiting) == sorted(one.id for one in waiting)
        catalog.act(client, "cancel", list(why.waiting))
        assert catalog.kept(client, job.id) is None
        assert catalog.act(client, "delete", [job.id]).ids == [job.id]

    def test_or_until_it_is_retried_and_has_finished(self, client: Redis) -> None:
        job = ended(client, "failed")
        waiting = after(client, job.id)
        catalog.act(client, "retry", [job.id])
        end(client, claim(client)[0], "finished", "")
        reaper.follow_up(client, job.id)
        assert waiting.get_status() == "queued"
        assert catalog.act(client, "delete", [job.id]).ids == [job.id]

    def test_who_is_gone_or_came_to_that_id_anew_does_not_count(self, client: Redis) -> None:
        job = ended(client, "failed")
        after(client, job.id).delete()
        after(client, job.id, job_id="again").delete()
        first, again = (accept(client, key="lane", job_id=name) for name in ("first", "again"))
        assert (status(client, first), status(client, again)) == ("queued", "deferred")
        assert catalog.act(client, "delete", [job.id]).ids == [job.id]

    def test_who_waits_for_another_and_is_done_with_this_one_does_not_count(self, client: Redis) -> None:
        finished, failed, other = ended(client, "finished"), ended(client, "failed"), accept(client)
        waiting = after(client, finished.id, failed.id, other.id, may_fail=True)
        assert catalog.act(client, "delete", [finished.id, failed.id]).skipped == 0
        end(client, claim(client)[0], "finished", "")
        reaper.follow_up(client, other.id)
        assert waiting.get_status() == "queued"

    def test_many_are_counted_and_a_few_are_named(self, client: Redis) -> None:
        job = ended(client, "failed")
        names = [after(client, job.id, job_id=f"n{number}").id for number in range(5)]
        assert str(catalog.kept(client, job.id)) == (
            f"job '{job.id}' is failed, and 5 jobs wait for it: {', '.join(names[:3])} and 2 more; "
            "cancel these first, or retry this one"
        )

    def test_the_api_refuses_in_words(self, client: Redis, api: Api) -> None:
        job = ended(client, "stopped")
        waiting = after(client, job.id)
        code, problem = api.delete(f"/api/jobs/{job.id}")[:2]
        assert (code, problem["title"]) == (409, "Others wait for it")
        assert problem["detail"].endswith(
            f"is stopped, and 1 job waits for it: {waiting.id}; cancel that one first, or retry this one"
        )
        done = api.post("/api/jobs/actions", {"action": "delete", "ids": [job.id]})[1]
        assert (done["done"], done["skipped"]) == (0, 1)
        assert api.get(f"/api/jobs/{job.id}")[1]["awaited_by"] == [waiting.id]
        told = api.get(f"/api/jobs/{waiting.id}")[1]
        assert (told["waits_for"], told["waits_in_vain_for"]) == ([job.id], [{"id": job.id, "state": "stopped"}])

    def test_the_command_says_which_stay_and_why(self, client: Redis) -> None:
        job, free = fail(client, 2)
        waiting = after(client, job.id)
        asked = CliRunner().invoke(cli, ("dead", "delete", job.id, free.id))
        assert asked.exit_code == 1
        assert asked.output.splitlines() == [
            f"job '{job.id}' is failed, and 1 job waits for it: {waiting.id}; cancel that one first, or retry this one",
            "1 job deleted",
            "1 left: not there, not over, or others wait for them",
        ]


class TestRetention:
    def test_cleaning_up_leaves_what_others_wait_for(self, client: Redis) -> None:
        job, free = fail(client, 2)
        waiting = after(client, job.id)
        assert retention.clean(client, settings.current(), older=0, failed=True).removed == 1
        assert (status(client, job), status(client, free)) == ("failed", "gone")
        catalog.act(client, "cancel", [waiting.id])
        assert retention.clean(client, settings.current(), "default", older=0, failed=True).removed == 1

    def test_emptying_a_queue_only_cancels_what_others_wait_for(self, client: Redis) -> None:
        first, free = accept(client, key="lane"), accept(client)
        behind, waiting = accept(client, key="lane"), after(client, first.id)
        assert gates.empty(client, "default").removed == 2
        assert [status(client, job) for job in (first, free, behind)] == ["canceled", "gone", "queued"]
        assert client.lrange(keys.lane("lane"), 0, -1) == [behind.id.encode()]
        assert in_full(client, waiting.id).in_vain == [Awaited(first.id, "canceled")]
        assert catalog.act(client, "retry", [first.id]).ids


class TestLetGo:
    def test_who_depends_on_two_is_let_go_once(self, client: Redis) -> None:
        first, second = (accept(client, job_id=name) for name in ("first", "second"))
        waiting = after(client, first.id, second.id)
        for one in claim(client):
            end(client, one, "finished", "")
        for _ in range(2):
            reaper.follow_up(client, first.id)
            reaper.follow_up(client, second.id)
        assert client.lrange(keys.queue("mail"), 0, -1) == [waiting.id.encode()]
        assert waiting.get_status() == "queued"
        assert not client.exists(keys.registry("deferred", "mail"), keys.dependents(first.id), keys.OUTBOX)

    def test_a_follow_up_that_is_repeated_does_not_let_go_again(self, client: Redis) -> None:
        first = accept(client)
        waiting = after(client, first.id)
        [one] = claim(client)
        end(client, one, "finished", "")
        reaper.follow_up(client, first.id)
        [run] = claim(client, "mail")
        client.zadd(keys.OUTBOX, {f"{first.id}:finished": 1})
        client.sadd(keys.dependents(first.id), waiting.id)
        assert reaper.repeat_old(client) == 1
        assert (run.id, waiting.get_status()) == (waiting.id, "started")
        assert claim(client, "mail") == []

    def test_more_than_a_step_looks_at_are_all_let_go(self, client: Redis) -> None:
        first = accept(client)
        waiting = {after(client, first.id).id for _ in range(600)}
        end(client, claim(client)[0], "finished", "")
        assert scripts.follow(client, first.id, "finished", most=10) != 0
        reaper.follow_up(client, first.id)
        assert {one.id for one in claim(client, "mail")} == waiting

    @pytest.mark.parametrize(("outcome", "let_go"), [("finished", True), ("failed", False), ("stopped", False)])
    def test_who_waits_for_success_waits_for_that(self, client: Redis, outcome: str, let_go: bool) -> None:
        first = accept(client)
        waiting = after(client, first.id)
        end(client, claim(client)[0], outcome, "")
        reaper.follow_up(client, first.id)
        assert (waiting.get_status() == "queued") is let_go

    def test_it_goes_to_the_front_where_it_is_to_and_lives_as_long_again(self, client: Redis) -> None:
        first, other = accept(client), accept(client, queue="mail")
        queue = Queue("mail", connection=client, job_class=Job, serializer="json")
        waiting = queue.enqueue(t.add, 1, 2, depends_on=Dependency([first.id], enqueue_at_front=True), ttl=500)
        client.expire(keys.job(waiting.id), 7)
        end(client, claim(client)[0], "finished", "")
        reaper.follow_up(client, first.id)
        assert client.lrange(keys.queue("mail"), 0, -1) == [waiting.id.encode(), other.id.encode()]
        assert client.ttl(keys.job(waiting.id)) > 400

    def test_what_rq_has_made_ready_and_did_not_queue_is_queued(self, client: Redis) -> None:
        """As its functions leave it where another lets somebody go at the same time, or where they are killed."""
        first = accept(client)
        waiting = after(client, first.id)
        end(client, claim(client)[0], "finished", "")
        Queue("default", connection=client, job_class=Job, serializer="json").move_dependents_to_ready(
            Job.fetch(first.id, client)
        )
        assert (waiting.get_status(), catalog.page(client, Filter(states=frozenset({"blocked"}))).jobs) == (
            "ready_to_enqueue",
            [],
        )
        assert scripts.promote(client, "mail") == 1
        assert (waiting.get_status(), [one.id for one in claim(client, "mail")]) == ("queued", [waiting.id])

    def test_what_is_left_of_a_job_that_was_deleted_stops_nobody(self, client: Redis) -> None:
        first = accept(client)
        waiting, other = after(client, first.id), after(client, first.id)
        client.hdel(keys.job(waiting.id), "origin")
        end(client, claim(client)[0], "finished", "")
        reaper.follow_up(client, first.id)
        client.zadd(f"{keys.PREFIX}:ready:mail", {waiting.id: 1, "gone": 2})
        client.hset(keys.job(waiting.id), "status", "ready_to_enqueue")
        assert other.get_status() == "queued"
        assert scripts.promote(client, "mail") == 1
        assert [one.id for one in claim(client, "mail")] == [other.id]

    @pytest.mark.parametrize("kept", [500, 0, -1])
    def test_a_job_that_kills_its_workers_has_failed_for_who_waits_too(self, client: Redis, kept: int) -> None:
        """A keeper comes to it after 10 s at the soonest, however soon it is dropped."""
        first = accept(client)
        client.hset(keys.job(first.id), "failure_ttl", kept)
        waiting = after(client, first.id, may_fail=True)
        [one] = claim(client)
        scripts.release(client, CHILD, [Held(one.id, one.token, charged=True, why=b"")], 0)
        scripts.trim(client, "default", 100, 10)
        assert (status(client, first), client.ttl(keys.job(first.id)) > 3000) == ("failed", kept != -1)
        reaper.follow_up(client, first.id)
        assert waiting.get_status() == "queued"

    def test_who_waits_is_let_go_though_what_ended_is_there_no_more(self, client: Redis) -> None:
        """All were away for so long that the server has dropped it."""
        first = accept(client)
        waiting = after(client, first.id)
        end(client, claim(client)[0], "finished", "")
        client.delete(keys.job(first.id))
        client.zadd(keys.registry("finished", "default"), {first.id: 1})
        assert scripts.trim(client, "default", 100, 10) == 0
        reaper.follow_up(client, first.id)
        assert waiting.get_status() == "queued"
        assert scripts.trim(client, "default", 100, 10) == 1

    def test_one_that_cannot_be_followed_up_holds_no_other_up(
        self, client: Redis, caplog: pytest.LogCaptureFixture
    ) -> None:
        first = accept(client)
        waiting = after(client, first.id)
        end(client, claim(client)[0], "finished", "")
        client.set(keys.dependents("junk"), "junk")
        client.zadd(keys.OUTBOX, {"junk:finished": 1, f"{first.id}:finished": 2})
        assert reaper.repeat_old(client) == 2
        assert waiting.get_status() == "queued"
        assert [entry for entry, _ in client.zscan_iter(keys.OUTBOX)] == [b"junk:finished"]
        assert "what follows junk:finished cannot be done" in caplog.messages
        assert reaper.repeat_old(client) == 0


class TestFinding:
    """Named for all to see, from the first look until somebody has decided."""

    def found(self, client: Redis) -> tuple[InVain, ...]:
        return next(queue.in_vain for queue in snapshot.read(client, ("mail",), 0).queues if queue.name == "mail")

    @pytest.mark.parametrize("how", ["failed", "stopped", "canceled"])
    def test_who_waits_for_what_has_ended_badly(self, client: Redis, how: State) -> None:
        job, other = ended(client, how), accept(client)
        waiting, free = after(client, job.id, other.id), after(client, other.id)
        assert self.found(client) == (InVain(waiting.id, Awaited(job.id, how)),)
        catalog.act(client, "cancel", [waiting.id])
        assert self.found(client) == ()
        assert free.get_status() == "deferred"

    def test_who_waits_for_what_is_gone(self, client: Redis) -> None:
        job = ended(client, "canceled")
        waiting = after(client, job.id)
        Job.fetch(job.id, client).delete()
        assert self.found(client) == (InVain(waiting.id, Awaited(job.id, None)),)

    def test_nobody_who_allows_for_it_or_waits_for_many(self, client: Redis) -> None:
        job, others = ended(client, "failed"), [accept(client).id for _ in range(10)]
        after(client, job.id, others[0], may_fail=True)
        many = after(client, job.id, *others)
        assert self.found(client) == ()
        assert in_full(client, many.id).in_vain

    def test_no_junk_hides_another(self, client: Redis) -> None:
        job = ended(client, "failed")
        waiting = after(client, job.id)
        for number, junk in enumerate(("", "[", "{}", "7", '[{"a": 1}, null]', '["odd"]', "[" * 2000)):
            client.hset(keys.job(f"junk-{number}"), mapping={"status": "deferred", "dependency_ids": junk})
            client.zadd(keys.registry("deferred", "mail"), {f"junk-{number}": number})
        client.set(keys.job("odd"), "junk")
        client.zadd(keys.registry("deferred", "mail"), {"odd": 8, "none": 9})
        assert InVain(waiting.id, Awaited(job.id, "failed")) in self.found(client)


class TestPage:
    def test_it_says_what_one_waits_for_and_that_this_is_over(self, client: Redis, operator: FlaskClient) -> None:
        first, other = ended(client, "failed"), accept(client)
        waiting = after(client, first.id, other.id)
        found = View(operator, f"/jobs/{waiting.id}")
        assert "It waits in vain" in found.text
        assert f"{short(first.id)} has failed, and this one depends on it." in found.text
        assert short(waiting.id) in View(operator, f"/jobs/{first.id}").text
        catalog.act(client, "retry", [first.id])
        assert "It waits in vain" not in View(operator, f"/jobs/{waiting.id}").text

    def test_what_is_gone_is_waited_for_in_vain_and_a_retry_helps(self, client: Redis, operator: FlaskClient) -> None:
        first = ended(client, "canceled")
        waiting = after(client, first.id)
        Job.fetch(first.id, client).delete()
        found = View(operator, f"/jobs/{waiting.id}")
        assert f"{short(first.id)} is gone, and this one depends on it." in found.text
        assert f'href="/jobs/{first.id}"' not in found.main
        for action in ("cancel", "retry"):
            assert catalog.act(client, action, [waiting.id]).ids
        assert waiting.get_status() == "queued"

    def test_the_command_says_so_too(self, client: Redis) -> None:
        first = ended(client, "failed")
        waiting = after(client, first.id)
        lines = CliRunner().invoke(cli, ("job", waiting.id)).output.splitlines()
        assert f"waits for  {first.id} (failed)" in lines
        assert f"in vain    for {first.id}" in lines
        assert f"awaited by {waiting.id}" in CliRunner().invoke(cli, ("job", first.id)).output.splitlines()

    @pytest.mark.parametrize(
        ("states", "may_fail", "expected"),
        [
            (["queued", "finished"], False, []),
            (["queued", "failed", None], False, ["failed"]),
            (["queued", "failed"], True, []),
            (["failed", "canceled"], True, ["canceled"]),
            (["stopped", "canceled"], False, ["stopped", "canceled"]),
            (["running", None], False, []),
            (["finished", None], False, [None]),
            (["finished"], False, []),
        ],
    )
    def test_in_vain_is_what_nobody_will_change(self, states: list[Any], may_fail: bool, expected: list[Any]) -> None:
        found = in_vain([Awaited(str(number), state) for number, state in enumerate(states)], may_fail)
        assert [one.state for one in found] == expected


class TestNotes:
    """RQ's sets of who depends on whom."""

    def test_it_leaves_no_note_of_the_job_with_whom_it_depended_on(self, client: Redis) -> None:
        first = accept(client)
        second = after(client, first.id)
        assert client.smembers(keys.dependents(first.id)) == {second.id.encode()}
        assert catalog.act(client, "cancel", [second.id]).ids
        assert catalog.act(client, "delete", [second.id]).ids
        assert not client.exists(keys.dependents(first.id))
        assert [key for key in client.scan_iter("*") if second.id.encode() in key] == []

    def test_what_expires_leaves_none_of_rqs_notes_behind(self, client: Redis) -> None:
        """The server drops the hash by itself; nobody but us looks at the sets beside it."""
        first = accept(client)
        second = after(client, first.id, result_ttl=500)
        end(client, claim(client)[0], "finished", "")
        reaper.follow_up(client, first.id)
        end(client, claim(client, "mail")[0], "finished", "")
        assert client.smembers(f"{keys.PREFIX}:job::{second.id}:dependencies") == {first.id.encode()}
        client.delete(keys.job(second.id))
        client.zadd(keys.registry("finished", "mail"), {second.id: 1})
        assert scripts.trim(client, "mail", 100, 10) == 1
        assert [key for key in client.scan_iter("*") if b"dependenc" in key] == []

    def test_what_keeps_no_result_leaves_none_either(self, client: Redis) -> None:
        first = accept(client)
        second = after(client, first.id, result_ttl=0)
        end(client, claim(client)[0], "finished", "")
        reaper.follow_up(client, first.id)
        end(client, claim(client, "mail")[0], "finished", "")
        assert [key for key in client.scan_iter("*") if second.id.encode() in key] == []
