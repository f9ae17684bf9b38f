"""Jobs, queues and lanes that are not what they should be spoil no other: what some tool, or a person, has written."""

from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from jobs import attempts, catalog, keys, lanes, scripts
from jobs.job import Job
from jobs.retry import Retry
from tests import tasks as t
from tests.everybody import EVERYBODY, ask, come, routes
from tests.integration.test_engine import (
    CHILD,
    WORKER,
    accept,
    claim,
    expire,
    lease,
    members,
    settle,
    status,
    tick,
    waiting,
)
from tests.support import Processes, wait_for
from tests.visitors import Make, visitor

__all__ = ["lease", "visitor"]
pytestmark = pytest.mark.usefixtures("tasks")

UNREADABLE = "What is kept of the error cannot be read."
RAW = b"no-utf-8-\xff\xfe"
HEX = f"unreadable-{RAW.hex()}"


def accept_raw(client: Redis) -> None:
    """A job whose id is no text, as no client in Python could make it."""
    job = accept(client)
    client.rename(keys.job(job.id), keys.job("").encode() + RAW)
    client.lrem(keys.queue("default"), 1, job.id)
    client.rpush(keys.queue("default"), RAW)


def note(job_id: str) -> str:
    return attempts(job_id)[-1].note or ""


class TestWorker:
    """One worker, and jobs of which some cannot run."""

    def test_the_good_run_and_the_others_fail_by_name(
        self, client: Redis, processes: Processes, tmp_path: Path
    ) -> None:
        hour, garbage, unread = (accept(client) for _ in range(3))
        client.hset(keys.job(hour.id), "timeout", "1h")
        client.hset(keys.job(garbage.id), "timeout", "soon")
        client.hset(keys.job(unread.id), "data", b"\xff")
        accept_raw(client)
        unsettled = t.fail_until.enqueue(str(tmp_path / "runs"), 9, retry=Retry(3))
        client.hset(keys.job(unsettled.id), "retry_intervals", "soon")
        client.set(keys.queue("odd"), "no list")
        good = [accept(client) for _ in range(5)]
        worker = processes.start("-m", "jobs", "worker", JOBS_QUEUES="odd,default", JOBS_LOG_FORMAT="text")
        worker.says("is ready")
        wait_for(lambda: {status(client, one) for one in (hour, *good)} == {"finished"}, "the good jobs to finish")
        wait_for(lambda: {status(client, one) for one in (garbage, unread, unsettled)} == {"failed"}, "the bad to fail")
        assert "its timeout is b'soon'" in (attempts(garbage.id)[0].error or "")
        assert "is damaged" in (attempts(unread.id)[0].error or "")
        wait_for(lambda: client.hget(keys.job(HEX), "status") == b"failed", "the nameless one to fail")
        assert "its id was b'no-utf-8-\\xff\\xfe'" in (attempts(HEX)[0].error or "")
        assert "RuntimeError: run 1 of 9" in (attempts(unsettled.id)[0].error or "")
        assert "its ending could not be written down" in note(unsettled.id)
        worker.says(f"job failed job={unsettled.id}")
        assert scripts.held(client, child_of(client)) == []
        assert not [line for line in list(worker.lines) if "lost Redis" in line or "is broken" in line]


def child_of(client: Redis) -> str:
    [child] = {name.decode() for name in client.zrange(keys.LEASES, 0, -1)} - {CHILD}
    return child


class TestClaim:
    def test_a_timeout_in_rqs_words_is_read(self, client: Redis) -> None:
        texts = (b"1h", b"90", b"-1", b"soon", b"\xff")
        for text in texts:
            client.hset(keys.job(accept(client).id), "timeout", text)
        found = claim(client)
        assert [(one.timeout, bool(one.fault)) for one in found] == [
            (3600, False), (90, False), (-1, False), (0, True), (0, True),
        ]  # fmt: skip

    def test_rqs_own_class_reads_the_job_too(self, client: Redis) -> None:
        job = accept(client)
        for text, timeout in (("1h", 3600), ("soon", None)):
            client.hset(keys.job(job.id), "timeout", text)
            assert Job.fetch(job.id, client).timeout == timeout

    def test_a_job_whose_id_is_no_text_goes_on_under_another(self, client: Redis) -> None:
        accept_raw(client)
        good = accept(client)
        bad, fine = claim(client)
        assert (bad.id, bad.raw, fine.id, fine.raw) == (HEX, RAW, good.id, b"")
        scripts.rename(client, CHILD, bad.raw, bad.id)
        assert scripts.held(client, CHILD) == [(one.id, one.token) for one in (bad, fine)]
        assert members(client, "wip") == sorted(f"{one.id}:{one.token}" for one in (bad, fine))
        assert settle(client, bad, "failed", after=scripts.FINAL) == 1
        assert members(client, "failed") == [HEX]

    def test_a_queue_that_is_no_list_keeps_nobody_from_the_others(self, client: Redis) -> None:
        client.set(keys.queue("odd"), "no list")
        job = accept(client)
        assert [one.id for one in claim(client, 10, "odd", "default")] == [job.id]

    def test_a_lane_that_is_no_list_fails_its_own_job_alone(self, client: Redis) -> None:
        odd, good = accept(client, key="k"), accept(client)
        client.set(keys.lane("k"), "no list")
        assert [one.id for one in claim(client)] == [good.id]
        assert (status(client, odd), members(client, "failed")) == ("failed", [odd.id])
        assert "could not be given to a worker: WRONGTYPE" in note(odd.id)

    def test_a_right_that_is_missing_is_nobodys_failure(self, client: Redis) -> None:
        job = accept(client)
        [one] = claim(client)
        client.execute_command("ACL", "SETUSER", "clerk", "on", ">secret", "~*", "&*", "+@all", "-xadd")
        host = client.connection_pool.connection_kwargs
        clerk = Redis(port=host["port"], db=host["db"], username="clerk", password="secret")
        try:
            with pytest.raises(ResponseError, match=r"xadd|can't run this command"):
                settle(clerk, one)
        finally:
            clerk.close()
            client.execute_command("ACL", "DELUSER", "clerk")
        assert scripts.held(client, CHILD) == [(job.id, one.token)]
        assert settle(client, one) == 1


class TestSettle:
    @pytest.mark.parametrize("spoil", ["retry_intervals", "results", "lane"])
    def test_one_that_cannot_be_written_down_fails_alone(self, client: Redis, spoil: str) -> None:
        odd, good = accept(client, key="k", retry=Retry(3)), accept(client)
        after = accept(client, key="k")
        first, second = claim(client)
        if spoil == "retry_intervals":
            client.hset(keys.job(odd.id), "retry_intervals", "soon")
        else:
            client.set(keys.results(odd.id) if spoil == "results" else keys.lane("k"), "of another type")
        done = [
            scripts.Settlement(
                first.id, first.token, "failed" if spoil == "retry_intervals" else "finished", b"", 1, 2
            ),
            scripts.Settlement(second.id, second.token, "finished", b"", 1.0, 2.0),
        ]
        assert scripts.settle(client, WORKER, CHILD, done) == [4, 1]
        assert (status(client, odd), status(client, good)) == ("failed", "finished")
        assert (members(client, "failed"), members(client, "finished")) == ([odd.id], [good.id])
        assert scripts.held(client, CHILD) == []
        assert members(client, "wip") == []
        if spoil != "lane":
            assert waiting(client) == [after.id]
        if spoil != "results":
            assert "its ending could not be written down" in note(odd.id)


class TestKeeper:
    def test_a_tick_goes_past_what_is_of_another_type(self, client: Redis) -> None:
        client.sadd(keys.QUEUES, keys.queue("odd"))
        for key in (keys.registry("scheduled", "odd"), keys.registry("finished", "odd"), keys.queue("odd")):
            client.set(key, "of another type")
        client.zadd(keys.LANES, {"odd": 1})
        client.set(keys.lane("odd"), "no list")
        due = accept(client, delay=0.001)
        wait_for(lambda: tick(client, CHILD).moved == [due.id], "the due job to go")

    def test_what_a_lost_child_held_comes_back_but_for_the_one_that_cannot(self, client: Redis) -> None:
        odd, good = accept(client), accept(client)
        claim(client)
        client.delete(keys.job(odd.id))
        client.set(keys.job(odd.id), "no hash")
        expire(client)
        assert tick(client).recovered == [good.id]
        assert waiting(client) == [good.id]

    def test_what_is_held_under_an_id_that_is_no_text_is_told(self, client: Redis) -> None:
        client.hset(keys.held(CHILD), RAW, "7:default")
        assert scripts.held(client, CHILD) == [("no-utf-8-\\xff\\xfe", "7")]


def spoil(client: Redis) -> list[str]:
    """A line in which one of everything is not what it should be; the ids of its sound jobs."""
    sound = [accept(client).id for _ in range(3)]
    for kind in ("finished", "failed", "scheduled", "wip", "deferred", "canceled"):
        client.sadd(keys.QUEUES, keys.queue(kind))
        client.set(keys.registry(kind, kind), "of another type")
        client.zadd(keys.registry(kind, "default"), {RAW: 4e9, b"no-hash": 4e9 + 1, b"of-another-type": 4e9 + 2})
    client.set(keys.queue("failed"), "no list")
    client.sadd(keys.QUEUES, RAW)
    client.set(keys.job("of-another-type"), "no hash")
    client.rpush(keys.queue("default"), RAW, "of-another-type", "no-hash")
    fields: Any = dict.fromkeys(
        ("started_at", "ended_at", "enqueued_at", "timeout", "retries", "retries_left", "progress", "description"), RAW
    )
    for state in ("queued", "failed", "scheduled", "finished", "started"):
        job = accept(client, job_id=f"odd-{state}")
        client.hset(keys.job(job.id), mapping={**fields, "status": state, "progress_by": "7:1", "execution": "7"})
        client.xadd(keys.results(job.id), {"exc_string": RAW, "execution_ended_at": RAW, "worker_name": RAW})
        if state != "queued":
            client.lrem(keys.queue("default"), 1, job.id)
            name = job.id if state != "started" else f"{job.id}:7"
            kind = "wip" if state == "started" else state
            client.zadd(keys.registry(kind, "default"), {name: 1e300 if state == "scheduled" else 4e9})
    for lane in (b"one", b"\xff"):
        client.zadd(keys.LANES, {lane: 1})
        client.zadd(keys.HALTED, {lane: 1})
    client.set(keys.lane("one"), "no list")
    return sound


class TestLooking:
    def test_every_list_shows_the_sound_ones(self, client: Redis) -> None:
        sound = spoil(client)
        found = {job.id: job.state for job in catalog.matching(client)}
        assert {found[one] for one in sound} == {"queued"}
        assert {"odd-queued", "odd-failed", "odd-scheduled", "odd-finished"} <= set(found)
        assert [lane.key for lane in lanes.lanes(client)] == ["one", "\\xff"]

    @pytest.mark.parametrize("state", ["queued", "failed", "scheduled", "finished", "started"])
    def test_a_job_full_of_what_cannot_be_read_is_shown_without(self, client: Redis, state: str) -> None:
        spoil(client)
        found = catalog.detail(client, f"odd-{state}")
        assert found
        assert (found.timeout, found.attempts[0].error, found.attempts[0].started) == (None, UNREADABLE, None)

    def test_no_page_and_no_answer_of_the_api_breaks(self, client: Redis, visitor: Make) -> None:
        spoil(client)
        who = EVERYBODY["operator"]
        someone, known = come(visitor, who)
        for route in routes(someone):
            if route.method == "GET" and route.endpoint not in ("live.stream", "pulse.stream"):
                with ask(someone, route, who, known) as answer:
                    assert answer.status_code < 500 or answer.status_code == 503, (route, answer.text)
        for job_id in ("odd-failed", "of-another-type", "no-hash"):
            for path in (f"/jobs/{job_id}", f"/api/jobs/{job_id}"):
                assert someone.get(path, headers=known).status_code in (200, 404), path

    @pytest.mark.parametrize("command", ["status", "doctor", "dead", "dead --groups", "lanes", "locks", "schedules"])
    def test_no_command_breaks(self, client: Redis, processes: Processes, command: str) -> None:
        spoil(client)
        process = processes.start("-m", "jobs", *command.split())
        process.ends()
        assert not [line for line in process.lines if "Traceback" in line]
