"""The inside of a child, in this process: lost replies, deadlines at the last moment, what RQ's classes must not do."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis.exceptions
from redis import Redis
from rq.registry import FinishedJobRegistry
from rq.timeouts import JobTimeoutException

from jobs import connection, keys, prepare, queues, scripts, settings
from jobs.job import Job
from jobs.scripts import Settlement
from jobs.worker.deadlines import Slot, Watch
from jobs.worker.event_loop import EventLoop
from jobs.worker.execution import Runner
from jobs.worker.keeper import Keeper
from jobs.worker.life import Life
from jobs.worker.link import Link
from jobs.worker.looper import Looper
from jobs.worker.nursery import Nursery
from jobs.worker.slots import Slots
from jobs.worker.table import Table
from tests import tasks as t
from tests.support import wait_for

pytestmark = pytest.mark.usefixtures("tasks")

WORKER, CHILD = "worker-a", "worker-a.1"


@pytest.fixture
def slots(request: pytest.FixtureRequest, client: Redis) -> Iterator[Slots]:
    """Four threads; two turns at a time, unless the test asks for another number."""
    scripts.grant(client, CHILD, 600)
    stop = threading.Event()
    link = Link(
        connection.connect(settings.current(), "child", retries=0),
        connection.connect(settings.current(), "bell", deadline=12, retries=0),
        WORKER,
        CHILD,
        ("default",),
    )
    found = Slots(
        link,
        Table.create(4),
        4,
        getattr(request, "param", 2),
        Runner(client, CHILD),
        EventLoop(),
        Life(client, WORKER),
        lambda done, replies: None,
        lambda job_id: None,
        stop,
    )
    yield found
    stop.set()


def start(slots: Slots) -> Callable[[], None]:
    """Run the slots; the function returned ends them and waits."""
    thread = threading.Thread(target=slots.run, daemon=True)
    thread.start()

    def end() -> None:
        slots.stop.set()
        slots.wake()
        thread.join(10)
        assert not thread.is_alive()

    return end


@pytest.mark.parametrize(("slots", "together"), [(1, False), (2, True)], indirect=["slots"])
def test_no_more_turns_are_on_their_way_than_there_may_be(
    client: Redis, slots: Slots, together: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real, inside, met = scripts.exchange, set(), threading.Event()

    def exchange(*args: Any) -> Any:
        inside.add(threading.get_ident())
        if len(inside) > 1:
            met.set()
        met.wait(0.2)
        try:
            return real(*args)
        finally:
            inside.remove(threading.get_ident())

    monkeypatch.setattr(scripts, "exchange", exchange)
    accept(client, tmp_path / "log", 40)
    end = start(slots)
    wait_for(lambda: finished(client) == 40, "the jobs to be handed in")
    end()
    assert met.is_set() == together


def test_at_the_end_everybody_has_been_told_of_what_was_handed_in(client: Redis, slots: Slots, tmp_path: Path) -> None:
    """Else the last lines of the log, and what follows a job, would be cut off."""
    told: list[tuple[str, bool]] = []

    def tell(done: Sequence[Settlement], replies: Sequence[int]) -> None:
        over = slots._over.wait(0.3)
        told.extend((one.id, over) for one in done)

    slots._ended = tell
    job_id = accept(client, tmp_path / "log", 1)[0]
    end = start(slots)
    wait_for(lambda: finished(client), "the job to be handed in")
    end()
    assert told == [(job_id, False)]


def test_what_was_handed_in_for_busy_threads_and_came_back_at_the_end_is_handed_in_again(
    client: Redis, slots: Slots, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real, gate, asked, fails = scripts.exchange, tmp_path / "gate", threading.Event(), threading.Event()

    def help_out() -> bool:
        slots.help_out()
        return asked.is_set()

    helper = threading.Thread(target=wait_for, args=(help_out, "it to be due"), daemon=True)

    def exchange(*args: Any) -> Any:
        if threading.current_thread() is helper:
            asked.set()
            assert fails.wait(20)
            raise redis.exceptions.ConnectionError("as if the connection had broken")
        return real(*args)

    monkeypatch.setattr(scripts, "exchange", exchange)
    queues.submit(client, [prepare(t.climb, str(tmp_path / name)) for name in ("first", *["gate"] * 11)])
    end = start(slots)
    wait_for(lambda: slots._ready and not slots._free, "all threads to be busy, and more to wait")
    (tmp_path / "first").touch()
    wait_for(lambda: slots._done and not slots._free, "a result that nobody has time to hand in")
    helper.start()
    assert asked.wait(20)
    slots.stop.set()
    gate.touch()
    wait_for(lambda: finished(client) == 4, "the others to be handed in")
    fails.set()
    end()
    helper.join()
    assert finished(client) == 5


def accept(client: Redis, log: Path, count: int) -> list[str]:
    jobs = [prepare(t.note, str(log), str(number)) for number in range(count)]
    return [job.id for job in queues.submit(client, jobs)]


def finished(client: Redis) -> int:
    return client.zcard(keys.registry("finished", "default"))


def lose_replies(monkeypatch: pytest.MonkeyPatch, lost: set[int]) -> None:
    """The server does what it is asked, and then the connection breaks before it can say so."""
    real, calls = scripts.exchange, iter(range(1_000_000))

    def exchange(*args: Any) -> Any:
        reply = real(*args)
        if next(calls) in lost:
            raise redis.exceptions.ConnectionError("as if the reply had been lost")
        return reply

    monkeypatch.setattr(scripts, "exchange", exchange)


def test_what_a_lost_reply_had_given_is_put_back_and_everything_runs_once(
    client: Redis, slots: Slots, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lose_replies(monkeypatch, {0, 2, 3})
    accept(client, tmp_path / "log", 60)
    end = start(slots)
    wait_for(lambda: finished(client) == 60, "all jobs")
    end()
    lines = Counter((tmp_path / "log").read_text().splitlines())
    assert lines == Counter({f"{word} {number}": 1 for number in range(60) for word in ("start", "end")})
    assert scripts.held(client, CHILD) == []
    assert any("that a lost reply had given it" in line for line in caplog.messages)


def test_stopping_gives_back_what_was_not_started_in_order(client: Redis, slots: Slots, tmp_path: Path) -> None:
    job_ids = [
        job.id
        for job in queues.submit(client, [prepare(t.note, str(tmp_path / "log"), str(n), 0.2) for n in range(40)])
    ]
    end = start(slots)
    wait_for((tmp_path / "log").exists, "the first job")
    end()
    left = [job_id.decode() for job_id in client.lrange(keys.queue("default"), 0, -1)]
    assert left == job_ids[finished(client) :]
    assert (tmp_path / "log").read_text().count("start") == (tmp_path / "log").read_text().count("end")


def test_a_child_whose_lease_is_gone_stops(client: Redis, slots: Slots, caplog: pytest.LogCaptureFixture) -> None:
    client.zrem(keys.LEASES, CHILD)
    end = start(slots)
    wait_for(slots.stop.is_set, "the child to stop")
    end()
    assert any("has lost its lease" in line for line in caplog.messages)


def test_a_deadline_at_the_very_end_of_a_job_hurts_nobody() -> None:
    slot, stop, outside = Slot(0), threading.Event(), []
    table = Table.create(1)
    watch = Watch([slot], table, EventLoop(), 180)
    threading.Thread(target=watch.run, args=(stop,), daemon=True).start()

    def spin(until: float) -> None:
        while time.monotonic() < until:
            pass

    for number in range(300):
        deadline = time.monotonic() + 0.002
        try:
            slot.call(spin, (deadline + (number % 5 - 2) * 0.0002,), {}, deadline)
        except JobTimeoutException:
            continue
        try:
            for _ in range(200):
                pass
        except JobTimeoutException:
            outside.append(number)
    stop.set()
    assert outside == []


def test_a_keeper_leaves_the_clients_timeouts_and_name_alone(client: Redis) -> None:
    nursery = Nursery(client, "w", ("default",), count=1, threads=1, lease=6, survives=3)
    before = dict(client.connection_pool.connection_kwargs)
    keeper = Keeper(
        settings.current(),
        "w",
        client,
        nursery,
        Looper(settings.current(), threading.Event()),
        threading.Event(),
        lambda: None,
    )
    assert client.connection_pool.connection_kwargs == before
    assert client.client_info()["name"].startswith("signalbox:test:")
    assert keeper.ip_address.startswith("127.0.0.1:")


@pytest.mark.parametrize("error", [redis.exceptions.TimeoutError, redis.exceptions.ReadOnlyError, ValueError])
def test_the_command_thread_survives_every_error(
    client: Redis, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    stop.set()
    nursery = Nursery(client, "w", ("default",), count=1, threads=1, lease=6, survives=3)
    keeper = Keeper(settings.current(), "w", client, nursery, Looper(settings.current(), stop), stop, lambda: None)
    keeper._pubsub_exception_handler(error("as if"), client.pubsub(), threading.Thread())  # type: ignore[arg-type]
    assert any("listening again" in line for line in caplog.messages)


def test_a_result_kept_for_ever_can_be_read_by_rqs_registry(client: Redis, slots: Slots, tmp_path: Path) -> None:
    [job_id] = accept(client, tmp_path / "log", 1)
    client.hset(keys.job(job_id), "result_ttl", -1)
    end = start(slots)
    wait_for(lambda: finished(client) == 1, "the job")
    end()
    registry = FinishedJobRegistry("default", client)
    assert registry.get_expiration_time(Job.fetch(job_id, client)).year == 2100
    assert client.ttl(keys.job(job_id)) == -1


def test_a_paused_queue_does_not_ring_without_end(
    client: Redis, slots: Slots, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls: list[float] = []
    real = scripts.exchange

    def exchange(*args: Any) -> Any:
        calls.append(time.monotonic())
        return real(*args)

    monkeypatch.setattr(scripts, "exchange", exchange)
    client.sadd(keys.PAUSED, "default")
    accept(client, tmp_path / "log", 1)
    end = start(slots)
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 2, "two seconds of silence")
    assert len(calls) < 20
    client.srem(keys.PAUSED, "default")
    wait_for(lambda: finished(client) == 1, "the job, once the queue goes on")
    end()


@pytest.fixture(autouse=True)
def hear(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_what_follows_a_job_is_left_to_a_keeper_where_redis_does_not_answer(
    client: Redis, slots: Slots, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the outbox; the child, and what else it runs, go on."""

    def fail(job_id: str) -> None:
        raise redis.exceptions.ConnectionError("gone, as asked")

    monkeypatch.setattr(slots, "_followups", fail)
    first, *_ = queues.submit(client, [prepare(t.add, 1, 2)])
    client.sadd(keys.dependents(first.id), "another")
    end = start(slots)
    wait_for(lambda: finished(client) == 1, "the job")
    queues.submit(client, [prepare(t.add, 1, 2)])
    wait_for(lambda: finished(client) == 2, "the one after it")
    end()
    assert f"what follows job {first.id} is left to a keeper: gone, as asked" in caplog.messages
    assert client.zrange(keys.OUTBOX, 0, -1) == [f"{first.id}:finished".encode()]
