"""``job_id`` with ``unique=True``: a message that is delivered twice is one job, for 7 days, come what may."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from redis import Redis

from jobs import catalog, connection, enqueue, keys, prepare, queues, registry, retention, scripts, settings
from jobs.address import parse
from jobs.queues import JobRef
from jobs.retry import Retry
from tests import tasks as t
from tests.integration.test_dead import claim, end, lease, status

__all__ = ["lease"]
pytestmark = pytest.mark.usefixtures("tasks")

AT_ONCE = 10
ROUNDS = 20


def deliver(number: int = 1, job_id: str = "hook-1") -> JobRef:
    return enqueue(t.add, number, 1, job_id=job_id, unique=True, retry=Retry(1))


def is_refused(client: Redis, job_id: str) -> bool:
    """The message comes again: no job is made of it, and the answer names the one there was."""
    before = client.exists(keys.job(job_id))
    again = deliver(job_id=job_id)
    return (again.id, again.created, client.exists(keys.job(job_id))) == (job_id, False, before)


def send_with_others(url: str, start: threading.Barrier, number: int) -> list[bool]:
    """In a process of its own: send the ids that the others send, at the same moments."""
    registry.load(("tests.tasks",))
    client = connection.open_client(parse(url), f"sender-{number}")
    created = []
    for turn in range(ROUNDS):
        job = prepare(t.add, number, turn, job_id=f"hook-{turn}", unique=True)
        start.wait(30)
        created.append(queues.submit(client, [job])[0].created)
    return created


class TestAtOnce:
    def test_ten_threads_that_send_one_id_make_one_job(self, url: str, client: Redis) -> None:
        start = threading.Barrier(AT_ONCE)

        def send(number: int) -> list[JobRef]:
            sent = []
            for turn in range(ROUNDS):
                start.wait(30)
                sent.append(deliver(number, f"hook-{turn}"))
            return sent

        with ThreadPoolExecutor(AT_ONCE) as pool:
            sent = list(pool.map(send, range(AT_ONCE)))
        for turn in range(ROUNDS):
            assert {refs[turn].id for refs in sent} == {f"hook-{turn}"}
            assert [refs[turn].created for refs in sent].count(True) == 1
        assert client.llen(keys.queue("default")) == ROUNDS

    def test_ten_processes_that_send_one_id_make_one_job(self, url: str, client: Redis) -> None:
        context = multiprocessing.get_context("spawn")
        with context.Manager() as manager, context.Pool(AT_ONCE) as pool:
            start = manager.Barrier(AT_ONCE)
            created = pool.map(partial(send_with_others, url, start), range(AT_ONCE), chunksize=1)
        assert [sum(turn) for turn in zip(*created, strict=True)] == [1] * ROUNDS
        assert client.llen(keys.queue("default")) == ROUNDS

    def test_the_arguments_of_the_first_are_the_jobs(self, client: Redis) -> None:
        deliver(1)
        assert deliver(2).fetch().args == [1, 1]

    def test_one_call_that_holds_it_twice_makes_one(self, client: Redis) -> None:
        jobs = [prepare(t.add, number, 1, job_id="hook-1", unique=True) for number in range(2)]
        assert [job.created for job in queues.submit(client, jobs)] == [True, False]


class TestForSevenDays:
    def test_the_id_is_kept_for_7_days_from_when_it_was_accepted(self, client: Redis) -> None:
        deliver()
        key = f"{keys.OURS}:unique:hook-1"
        left = client.ttl(key)
        assert 7 * 86400 - 60 < left <= 7 * 86400
        client.expire(key, 1000)
        assert is_refused(client, "hook-1")
        assert client.ttl(key) <= 1000

    @pytest.mark.parametrize("outcome", ["finished", "failed", "stopped"])
    def test_it_stays_refused_once_the_job_is_over_and_once_it_is_gone(self, client: Redis, outcome: str) -> None:
        job = deliver()
        for one in claim(client):
            end(client, one, outcome, "")
        assert is_refused(client, job.id)
        client.delete(keys.job(job.id), keys.results(job.id))
        assert is_refused(client, job.id)
        assert status(client, job) == "gone"

    def test_neither_deleting_it_nor_retention_lifts_it(self, client: Redis) -> None:
        gone = [deliver(job_id=f"hook-{number}") for number in range(3)]
        for number, one in enumerate(claim(client)):
            end(client, one, "failed" if number == 0 else "finished", "")
        catalog.act(client, "delete", [gone[0].id])
        scripts.trim(client, "default", 1, 200)
        retention.clean(client, settings.current(), older=0, failed=True)
        assert [status(client, job) for job in gone] == ["gone"] * 3
        assert all(is_refused(client, job.id) for job in gone)

    def test_it_is_accepted_again_when_the_time_is_up(self, client: Redis) -> None:
        job = deliver()
        client.delete(keys.job(job.id), f"{keys.OURS}:unique:{job.id}")
        assert deliver().created

    def test_without_unique_an_id_is_free_once_its_job_is_gone(self, client: Redis) -> None:
        job = enqueue(t.add, 1, 2, job_id="sum")
        assert not enqueue(t.add, 1, 2, job_id="sum").created
        client.delete(keys.job(job.id))
        assert enqueue(t.add, 1, 2, job_id="sum").created
