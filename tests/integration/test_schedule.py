"""The scheduler: one leader, heartbeats without a pile, rq-scheduler's own entries, nothing that blocks the rest."""

import signal
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
import rq.job
import rq_scheduler
from redis import Redis

from jobs import keys, scripts, settings
from jobs.health import heartbeat
from jobs.job import Job
from jobs.schedule.clock import Clock
from jobs.schedule.leader import Leader
from jobs.schedule.loop import tick
from jobs.schedule.store import Store
from tests import tasks as t
from tests.support import Processes, wait_for

pytestmark = pytest.mark.usefixtures("tasks")


@pytest.fixture
def store(client: Redis) -> Store:
    return Store(client)


def now(client: Redis) -> float:
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6


def ticked(client: Redis) -> bool:
    tick(client, Clock(client, settings.current()))
    return True


def waiting(client: Redis) -> list[str]:
    return [job_id.decode() for job_id in client.lrange(keys.queue("default"), 0, -1)]


def test_each_queue_has_one_heartbeat_entry_however_often_it_is_kept(client: Redis, store: Store) -> None:
    for _ in range(3):
        store.keep_heartbeats(("default", "high"), 15)
    assert client.zcard(keys.CLOCK) == 2


def test_a_changed_period_changes_the_entry(client: Redis, store: Store) -> None:
    store.keep_heartbeats(("default",), 15)
    store.keep_heartbeats(("default",), 5)
    [(entry, _)] = client.zrange(keys.CLOCK, 0, -1, withscores=True)
    assert rq.job.Job.fetch(entry.decode(), client).meta == {"interval": 5}


def test_a_plain_client_reads_every_entry_and_cancels_them_all_and_heartbeats_come_back(
    url: str, client: Redis, processes: Processes
) -> None:
    """As users of rq-scheduler do when they start, before they schedule anew."""
    beats = keys.heartbeat("default")
    processes.start("-m", "jobs", "worker", JOBS_HEARTBEAT="1").says("is ready")
    wait_for(lambda: client.hget(beats, "back_id"), "a heartbeat")
    theirs = rq_scheduler.Scheduler(connection=client)
    theirs.schedule(datetime.now(UTC) + timedelta(seconds=60), t.add, [1, 1], interval=60)
    for entry in theirs.get_jobs():
        assert (entry.func_name, entry.meta) in (
            ("jobs.health.heartbeat.beat", {"interval": 1.0}),
            ("tests.tasks.add", {"interval": 60}),
        )
        theirs.cancel(entry)
    canceled, before = time.monotonic(), client.hget(beats, "back_id")
    wait_for(lambda: client.hget(beats, "back_id") != before, "the next heartbeat")
    assert time.monotonic() - canceled < 4
    assert [job.func_name for job in theirs.get_jobs()] == ["jobs.health.heartbeat.beat"]


def test_an_entry_that_is_run_again_and_again_stays_readable_by_who_made_it(client: Redis, store: Store) -> None:
    theirs = rq_scheduler.Scheduler(connection=client)
    theirs.schedule(datetime.now(UTC) - timedelta(seconds=5), t.add, [1, 1], interval=60, repeat=2)
    assert store.run_due(now(client)) == 1
    [entry] = theirs.get_jobs()
    assert entry.meta == {"interval": 60, "repeat": 1}


def test_a_dead_worker_finds_one_heartbeat_and_not_a_pile(client: Redis, store: Store) -> None:
    store.keep_heartbeats(("default",), 15)
    for later in range(0, 150, 15):
        store.run_due(now(client) + later)
    assert len(waiting(client)) == 1


def test_a_queue_that_nobody_serves_any_more_gets_no_more_heartbeats(client: Redis, store: Store) -> None:
    store.keep_heartbeats(("default", "high"), 15)
    store.keep_heartbeats(("default",), 15)
    store.run_due(now(client))
    assert len(client.zrange(keys.CLOCK, 0, -1)) == 1
    assert len(list(client.scan_iter(f"{keys.job(keys.BEATS)}*"))) == 1
    assert not client.exists(keys.queue("high"))
    store.keep_heartbeats(("default", "high"), 15)
    store.run_due(now(client))
    assert client.llen(keys.queue("high")) == 1


def test_a_heartbeat_costs_the_same_however_much_waits(client: Redis) -> None:
    """Measured by what the server says that it spent: its time alone would be the machine's as well."""
    spent = {}
    for depth in (0, 100_000):
        client.rpush(keys.queue("default"), *range(depth)) if depth else None
        heartbeat.send(client, "default")  # so that the script is known
        client.config_resetstat()
        for _ in range(200):
            client.lpop(keys.queue("default"))
            assert heartbeat.send(client, "default")
        spent[depth] = client.info("commandstats")["cmdstat_evalsha"]["usec_per_call"]
    assert spent[100_000] < 5 * spent[0] + 50
    assert spent[0] / 15e6 < 0.001, "more than 0.1 % of the server's time, one a queue each 15 s"


def test_heartbeats_do_not_drift_and_missed_ones_are_one(client: Redis, store: Store) -> None:
    store.keep_heartbeats(("default",), 15)
    first = float(client.zrange(keys.CLOCK, 0, -1, withscores=True)[0][1])
    store.run_due(first + 100)
    assert client.zrange(keys.CLOCK, 0, -1, withscores=True)[0][1] == pytest.approx(first + 105)


def test_a_heartbeat_goes_past_a_backlog(client: Redis) -> None:
    jobs = [t.add.enqueue(1, 1) for _ in range(3)]
    sent = heartbeat.send(client, "default")
    assert waiting(client) == [sent, *(job.id for job in jobs)]


def test_entries_made_with_rq_schedulers_api_run(client: Redis, store: Store) -> None:
    theirs = rq_scheduler.Scheduler(connection=client, job_class=Job)
    once = theirs.enqueue_at(datetime.now(UTC) - timedelta(seconds=5), t.add, 1, 2)
    often = theirs.schedule(datetime.now(UTC) - timedelta(seconds=5), t.add, [3, 4], interval=60)
    store.run_due(now(client))
    found = [Job.fetch(job_id, client) for job_id in waiting(client)]
    assert once.id in {job.id for job in found}
    assert sorted(job.args for job in found) == [[1, 2], [3, 4]]
    assert [entry.decode() for entry in client.zrange(keys.CLOCK, 0, -1)] == [often.id]


def test_a_tick_repeated_after_a_crash_is_no_second_job(client: Redis, store: Store) -> None:
    theirs = rq_scheduler.Scheduler(connection=client, job_class=Job)
    entry = theirs.schedule(datetime.now(UTC) - timedelta(seconds=5), t.add, [3, 4], interval=60)
    score = client.zscore(keys.CLOCK, entry.id)
    assert score
    store.run_due(now(client))
    client.zadd(keys.CLOCK, {entry.id: score})  # as if the process had died before it set the next time
    store.run_due(now(client))
    assert len(waiting(client)) == 1


def test_a_one_time_entry_handed_over_before_a_crash_is_not_run_again(client: Redis, store: Store) -> None:
    theirs = rq_scheduler.Scheduler(connection=client, job_class=Job)
    entry = theirs.enqueue_at(datetime.now(UTC) - timedelta(seconds=5), t.add, 1, 2)
    score = client.zscore(keys.CLOCK, entry.id)
    assert score
    store.run_due(now(client))
    client.delete(keys.queue("default"))
    client.hset(keys.job(entry.id), "status", "finished")
    client.zadd(keys.CLOCK, {entry.id: score})  # as if the process had died before it removed the entry
    store.run_due(now(client))
    assert (waiting(client), client.zcard(keys.CLOCK)) == ([], 0)


def test_a_death_before_a_tick_is_accepted_costs_no_repetition(
    client: Redis, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = rq_scheduler.Scheduler(connection=client, job_class=Job)
    theirs.schedule(datetime.now(UTC) - timedelta(seconds=5), t.add, [1, 1], interval=60, repeat=2)
    with monkeypatch.context() as patch:
        patch.setattr(scripts, "fire", _die)
        with pytest.raises(SystemExit):
            store.run_due(now(client))
    assert runs(client, store, 0, 60, 120) == 2


def runs(client: Redis, store: Store, *later: float) -> int:
    """How many jobs are made at these times from now, each done before the next."""
    found = 0
    for seconds in later:
        store.run_due(now(client) + seconds)
        for job_id in waiting(client):
            found += 1
            client.hset(keys.job(job_id), "status", "finished")
        client.delete(keys.queue("default"))
    return found


def _die(*_: object) -> None:
    raise SystemExit


def test_a_repeated_entry_ends_after_its_last_run(client: Redis, store: Store) -> None:
    theirs = rq_scheduler.Scheduler(connection=client, job_class=Job)
    theirs.schedule(datetime.now(UTC) - timedelta(seconds=5), t.add, [1, 1], interval=60, repeat=2)
    assert runs(client, store, 0, 60, 120, 180) == 2
    assert client.zcard(keys.CLOCK) == 0


def test_an_entry_that_cannot_be_read_does_not_block_the_others(
    client: Redis, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    early = datetime.now(UTC) - timedelta(seconds=60)
    strange = rq_scheduler.Scheduler(connection=client).schedule(early, t.add, [early, 1], interval=5)
    client.zadd(keys.CLOCK, {"no-such-job": 1})
    good = rq_scheduler.Scheduler(connection=client, job_class=Job).enqueue_at(datetime.now(UTC), t.add, 1, 2)
    for _ in range(2):
        store.run_due(now(client) + 1)
    assert waiting(client) == [good.id]
    for entry in (strange.id, "no-such-job"):
        assert sum(entry in line for line in caplog.messages) == 1


def test_a_tick_hands_over_due_jobs_only(client: Redis, store: Store) -> None:
    due, later = t.add.enqueue(1, 1, delay=0.001), t.add.enqueue(1, 1, delay=60)
    wait_for(lambda: ticked(client) and waiting(client), "the due job")
    assert waiting(client) == [due.id]
    assert Job.fetch(later.id, client).get_status().value == "scheduled"


def test_a_delayed_job_takes_its_place_in_its_lane_when_it_is_due(client: Redis, store: Store) -> None:
    delayed, now_ = t.add.enqueue(1, 1, key="k", delay=0.001), t.add.enqueue(2, 2, key="k")
    wait_for(lambda: ticked(client) and client.llen(keys.lane("k")) == 2, "the delayed job to join")
    assert [job.decode() for job in client.lrange(keys.lane("k"), 0, -1)] == [now_.id, delayed.id]
    assert waiting(client) == [now_.id]


def test_one_leads_and_the_other_follows_when_it_lets_go(client: Redis) -> None:
    first, second = Leader(client, "first"), Leader(client, "second")
    assert (first.hold(), second.hold(), first.hold()) == (True, False, True)
    first.release()
    assert second.hold() is True
    assert first.hold() is False


def test_a_leader_that_lost_its_lease_does_not_take_anothers_away(client: Redis) -> None:
    first, second = Leader(client, "first"), Leader(client, "second")
    first.hold()
    client.delete(keys.LEADER)  # as if it had run out
    assert second.hold() is True
    first.release()
    assert client.get(keys.LEADER) == b"second"


def test_the_workers_scheduler_takes_over_from_one_that_was_killed(
    url: str, client: Redis, processes: Processes
) -> None:
    alone = processes.start("-m", "jobs", "scheduler")
    alone.says("leading")
    worker = processes.start("-m", "jobs", "worker")
    worker.says("is ready")
    alone.signal(signal.SIGKILL)
    worker.says("scheduler: leading", within=15)


def test_a_scheduler_gives_its_lease_back_when_it_stops(url: str, client: Redis, processes: Processes) -> None:
    scheduler = processes.start("-m", "jobs", "scheduler")
    scheduler.says("leading")
    scheduler.signal(signal.SIGTERM)
    assert scheduler.ends(5) == 0
    assert not client.exists(keys.LEADER)


def test_a_heartbeat_comes_back_through_a_worker(url: str, client: Redis, processes: Processes) -> None:
    processes.start("-m", "jobs", "worker").says("is ready")
    took = heartbeat.round_trip(client, settings.current().queues[0], threading.Event())
    assert took is not None
    assert 0 < took < 5


def test_junk_in_the_store_does_not_stop_the_scheduler(
    client: Redis, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    client.zadd(keys.CLOCK, {b"\xff\xfe": 0})
    good = rq_scheduler.Scheduler(connection=client, job_class=Job).enqueue_at(datetime.now(UTC), t.add, 1, 2)
    store.run_due(now(client) + 1)
    assert waiting(client) == [good.id]


def test_every_queue_that_somebody_serves_has_heartbeats(url: str, client: Redis, processes: Processes) -> None:
    for queue in ("high", "low"):
        processes.start("-m", "jobs", "worker", queue).says("is ready")
    wait_for(lambda: {b"back_id"} <= set(client.hkeys(keys.heartbeat("high"))), "a heartbeat through high")
    wait_for(lambda: {b"back_id"} <= set(client.hkeys(keys.heartbeat("low"))), "a heartbeat through low", within=30)
