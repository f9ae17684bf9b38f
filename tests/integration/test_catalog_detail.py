"""One job in full: its timeline with waits and durations, its place in its lane, what it was called with."""

from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue

from jobs import catalog, keys, records, scripts
from jobs.catalog import Awaited, Detail, Neighbours
from jobs.catalog.detail import MOST_SHOWN, timeline
from jobs.job import Job
from jobs.records import Attempt
from jobs.retry import Retry
from jobs.scripts import Claimed, Report, Settlement
from tests import tasks as t
from tests.integration.test_dead import CHILD, KEY, WORKER, accept, claim, end, fail, lease
from tests.support import Processes, wait_for

__all__ = ["lease"]
pytestmark = pytest.mark.usefixtures("tasks")


def detail(client: Redis, job_id: str) -> Detail:
    found = catalog.detail(client, job_id)
    assert found
    return found


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(1_800_000_000 + seconds, UTC)


def returned(client: Redis, given: Claimed, value: bytes) -> None:
    """A job has finished with this, as its serializer writes it."""
    settlement = Settlement(given.id, given.token, "finished", b64encode(value), 1.0, 2.0)
    assert scripts.settle(client, WORKER, CHILD, [settlement]) == [1]


class TestTimeline:
    def test_it_tells_each_wait_and_each_attempt(self, client: Redis) -> None:
        accept(client, job_id="a", retry=Retry(2, backoff=60))
        end(client, claim(client)[0])
        found = detail(client, "a").job._replace(accepted_at=at(0), queued_at=at(1), due_at=at(90))
        tried = [
            Attempt(1, "worker-a", at(2), at(5), "failed", "Traceback …\nValueError: no"),
            Attempt(2, "worker-b", None, at(8), "interrupted", records.LOST),
            Attempt(3, "worker-b", at(10), at(10.5), "failed", "KeyError: 1"),
        ]
        told = sorted(timeline(found, tried), key=lambda event: event.at)
        assert [(event.what, event.attempt, event.seconds, event.worker) for event in told] == [
            ("accepted", None, None, None),
            ("queued", None, None, None),
            ("started", 1, 2.0, "worker-a"),
            ("failed", 1, 3.0, "worker-a"),
            ("interrupted", 2, None, "worker-b"),
            ("started", 3, 2.0, "worker-b"),
            ("failed", 3, 0.5, "worker-b"),
            ("due", None, None, None),
        ]
        assert told[3].error == "ValueError: no"

    def test_clocks_that_disagree_make_no_negative_waits(self, client: Redis) -> None:
        job = catalog.one(client, accept(client).id)
        assert job
        early = Attempt(1, "w", at(-5), at(-6), "finished", None)
        told = timeline(job._replace(accepted_at=at(0), queued_at=None), [early])
        assert [event.seconds for event in told] == [None, 0.0, 0.0]

    def test_a_worker_leaves_one_that_can_be_read_from_top_to_bottom(
        self, client: Redis, processes: Processes, tmp_path: Path
    ) -> None:
        processes.start("-m", "jobs", "worker").says("is ready")
        job = accept(client, t.fail_until, (str(tmp_path / "runs"), 2), retry=Retry(2, backoff=0.2, jitter=0))
        wait_for(lambda: (client.hget(keys.job(job.id), "status") or b"") == b"finished", "it to finish")
        found = detail(client, job.id)
        assert [event.what for event in found.timeline if event.what != "queued"] == [
            "accepted", "started", "failed", "started", "finished",
        ]  # fmt: skip
        times = [event.at for event in found.timeline]
        assert times == sorted(times)
        again = [event for event in found.timeline if event.what == "started"][1]
        assert again.seconds
        assert 0.2 <= again.seconds < 5
        assert found.result
        assert (found.result.value, found.job.attempts) == (2, 2)

    def test_one_that_runs_and_one_that_was_canceled(self, client: Redis) -> None:
        running, canceled = accept(client, queue="a"), accept(client, queue="b")
        claim(client, "a")
        catalog.act(client, "cancel", [canceled.id])
        assert [event.what for event in detail(client, running.id).timeline] == ["accepted", "started"]
        assert [event.what for event in detail(client, canceled.id).timeline] == ["accepted", "canceled"]


class TestLane:
    def test_it_knows_who_is_before_and_behind_it(self, client: Redis) -> None:
        first, second, third = (accept(client, key=KEY).id for _ in range(3))
        assert detail(client, first).lane == Neighbours(1, 3, None, second)
        assert detail(client, second).lane == Neighbours(2, 3, first, third)
        assert detail(client, third).lane == Neighbours(3, 3, second, None)

    def test_one_without_a_lane_or_out_of_it_has_none(self, client: Redis) -> None:
        [failed] = fail(client, key=KEY)
        assert detail(client, failed.id).lane is None
        assert detail(client, accept(client).id).lane is None
        assert detail(client, accept(client, key=KEY, delay=60).id).lane is None


def test_one_that_depends_on_another_says_on_which_while_it_waits(client: Redis) -> None:
    first = accept(client)
    queue = Queue("default", connection=client, job_class=Job, serializer="json")
    second = queue.enqueue(t.add, 1, 2, depends_on=first.id)
    assert detail(client, second.id).waits_for == [Awaited(first.id, "queued")]
    catalog.act(client, "cancel", [second.id])
    assert detail(client, second.id).waits_for == []


class TestArguments:
    def test_they_are_shown_without_their_secrets_and_so_is_what_tells_of_them(
        self, client: Redis, processes: Processes
    ) -> None:
        processes.start("-m", "jobs", "worker").says("is ready")
        job = accept(client, t.log_in, ("ada", "hunter22"), session={"api_key": "k-123456"})
        wait_for(lambda: (client.hget(keys.job(job.id), "status") or b"") == b"failed", "it to fail")
        found = detail(client, job.id)
        assert found.arguments.args == ["ada", "•••"]
        assert found.arguments.kwargs == {"session": {"api_key": "•••"}}
        assert found.job.error == "ValueError: ada cannot log in with •••"
        assert "hunter22" not in repr(found._replace(arguments=found.arguments._replace(secrets=frozenset())))
        assert [one.error for one in found.timeline if one.error] == [found.job.error]

    def test_what_is_large_or_is_no_json_is_not_shown(self, client: Redis) -> None:
        large = accept(client, t.echo, ("x" * 20_000,))
        shown = detail(client, large.id).arguments
        assert (shown.args, shown.kwargs) == (None, None)
        assert shown.size > 20_000
        client.hset(keys.job(large.id), "data", b"\x80\x05cos\nsystem\n.")
        assert detail(client, large.id).arguments.args is None

    def test_a_task_that_is_not_known_here_hides_by_name_what_it_can(self, client: Redis) -> None:
        job = accept(client)
        client.hset(keys.job(job.id), "data", '["gone.task", null, ["a"], {"token": "t-123456"}]')
        assert detail(client, job.id).arguments[:2] == (["a"], {"token": "•••"})


class TestResult:
    def test_one_that_is_large_is_told_by_its_size(self, client: Redis, processes: Processes) -> None:
        processes.start("-m", "jobs", "worker").says("is ready")
        small, large = accept(client, t.echo, ({"a": [1]},)), accept(client, t.echo, ("x" * MOST_SHOWN,))
        for job in (small, large):
            wait_for(lambda job=job: (client.hget(keys.job(job.id), "status") or b"") == b"finished", "it to finish")  # type: ignore[misc]
        assert detail(client, small.id).result == ({"a": [1]}, len('{"a": [1]}'))
        assert detail(client, large.id).result == (None, MOST_SHOWN + 2)

    def test_it_is_shown_without_secrets_as_is_what_a_job_says_of_itself(self, client: Redis) -> None:
        job = accept(client, t.log_in, ("ada", "hunter22"))
        [given] = claim(client)
        scripts.report(client, [Report(job.id, given.token, 1, 0.5, "as ada with hunter22, token=t-123456")])
        shown = catalog.one(client, job.id)
        assert shown
        assert shown.progress
        assert shown.progress.text == "as ada with hunter22, token=•••"
        told = detail(client, job.id).job.progress
        assert told
        assert told.text == "as ada with •••, token=•••"
        returned(client, given, b'{"session": {"api_key": "k-123456"}, "as": "ada:hunter22", "file_key": "a"}')
        result = detail(client, job.id).result
        assert result
        assert result.value == {"session": {"api_key": "•••"}, "as": "ada:•••", "file_key": "a"}

    @pytest.mark.parametrize("packed", [b"\x80\x04K\x03.", b"{", b"[" * 60_000], ids=["pickle", "junk", "nested"])
    def test_one_that_cannot_be_read_is_told_by_its_size(self, client: Redis, packed: bytes) -> None:
        accept(client, job_id="a")
        returned(client, claim(client)[0], packed)
        assert detail(client, "a").result == (None, len(packed))

    def test_there_is_none_before_the_end(self, client: Redis) -> None:
        assert detail(client, accept(client).id).result is None
        assert catalog.detail(client, "nobody") is None
