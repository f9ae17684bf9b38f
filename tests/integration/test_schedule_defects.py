"""The sixteen defects of rq-scheduler 0.14.0, by number and name: none of them is ours."""

import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import rq_scheduler
from redis import Redis

from jobs import keys, settings
from jobs.errors import InvalidSchedule
from jobs.job import Job
from jobs.schedule.book import Book
from jobs.schedule.clock import Clock
from jobs.schedule.leader import TTL, Leader
from jobs.schedule.loop import tick
from jobs.schedule.store import Store
from jobs.scripts import due
from jobs.tasks import task
from tests import tasks as t
from tests.chaos.server import Server
from tests.chaos.steps import Plan, When
from tests.support import Process, Processes, wait_for

pytestmark = pytest.mark.usefixtures("tasks")
DAY = 86400.0
DECLARED = '{"cron": null, "every": %s, "key": null, "overlap": "%s", "policy": null, "queue": null, "retries": [], "timeout": null, "tz": "UTC"}'  # noqa: E501


@pytest.fixture
def store(client: Redis) -> Store:
    return Store(client)


@pytest.fixture
def book(client: Redis) -> Book:
    return Book(client, settings.current())


def theirs(client: Redis) -> Any:
    """The stock scheduler's API, as its users have it: it pickles."""
    return rq_scheduler.Scheduler(connection=client)


def hourly(client: Redis, ago: float = 5, **options: Any) -> str:
    """A stock entry that was due a moment ago."""
    when = datetime.now(UTC) - timedelta(seconds=ago)
    found: str = theirs(client).schedule(when, t.add, [1, 2], interval=options.pop("interval", 3600), **options).id
    return found


def now(client: Redis) -> float:
    return due(client).at


def waiting(client: Redis) -> list[str]:
    return [job_id.decode() for job_id in client.lrange(keys.queue("default"), 0, -1)]


def end_all(client: Redis) -> int:
    """Have whatever waits be done, as by a worker; how many jobs."""
    found = waiting(client)
    for job_id in found:
        client.hset(keys.job(job_id), "status", "finished")
    client.delete(keys.queue("default"))
    return len(found)


def keep(book: Book, client: Redis, every: float = 60, overlap: str = "skip") -> None:
    book.keep({"shop.tasks.tidy": DECLARED % (every, overlap)}, due(client).schedules, now(client))


def slot(client: Redis) -> float:
    found = client.zscore(keys.SLOTS, "shop.tasks.tidy")
    assert found
    return found


def killed_at_its_slot(processes: Processes, folder: Path, when: When) -> None:
    """A scheduler that is killed before, or after, the step that lets a slot happen."""
    Plan("scheduler's fire", when, "killed").write(folder)
    armed = processes.start("-m", "tests.chaos.armed", "scheduler", "scheduler", CHAOS_STEPS=str(folder))
    assert armed.ends() == -signal.SIGKILL
    assert (folder / "killed").exists()


def leads(processes: Processes, client: Redis, **environ: str) -> Process:
    client.delete(keys.LEADER)  # the dead one's lease runs out by itself, in 10 s
    found = processes.start("-m", "jobs", "scheduler", **environ)
    found.says("leading")
    return found


def test_01_a_crash_between_two_commands_does_not_lose_a_periodic_job(
    client: Redis, processes: Processes, tmp_path: Path
) -> None:
    entry = hourly(client)
    killed_at_its_slot(processes, tmp_path, "before")
    assert client.zscore(keys.CLOCK, entry)
    assert waiting(client) == []
    leads(processes, client)
    wait_for(lambda: waiting(client), "the slot to happen")
    assert float(client.zscore(keys.CLOCK, entry) or 0) > now(client)


def test_01_a_plain_sigterm_does_not_lose_a_periodic_job(client: Redis, processes: Processes) -> None:
    entry = hourly(client, interval=1)
    for _ in range(3):
        scheduler = leads(processes, client)
        wait_for(lambda: end_all(client), "a slot to happen")
        scheduler.signal(signal.SIGTERM)
        assert scheduler.ends(5) == 0
        assert client.zscore(keys.CLOCK, entry)


def test_02_a_crash_between_two_commands_does_not_queue_twice(
    client: Redis, processes: Processes, tmp_path: Path
) -> None:
    entry = hourly(client)
    killed_at_its_slot(processes, tmp_path, "after")
    first = waiting(client)
    assert len(first) == 1
    leads(processes, client)
    wait_for(lambda: client.zcard(keys.CLOCK) == 2, "the next one to have ticked, and to keep its heartbeat")
    wait_for(lambda: len(waiting(client)) == 2, "that heartbeat")
    assert waiting(client)[1:] == first
    assert float(client.zscore(keys.CLOCK, entry) or 0) > now(client)


def test_03_a_dead_worker_never_finds_a_pile(client: Redis, store: Store, book: Book) -> None:
    hourly(client)
    keep(book, client)
    for hours in range(1, 5):
        store.run_due(now(client) + hours * 3600)
        book.run_due(now(client) + hours * 3600)
    assert len(waiting(client)) == 2  # one of each, not four
    assert len(set(waiting(client))) == 2


@pytest.mark.parametrize(("overlap", "jobs"), [("skip", 1), ("allow", 3)])
def test_04_a_run_does_not_overlap_the_next_unless_that_is_allowed(
    client: Redis, book: Book, overlap: str, jobs: int
) -> None:
    keep(book, client, overlap=overlap)
    for minutes in range(1, 4):
        book.run_due(now(client) + minutes * 60)
        for job_id in waiting(client):
            client.hset(keys.job(job_id), "status", "started")
    assert len(waiting(client)) == jobs
    end_all(client)
    assert book.run_due(now(client) + 300) == 1  # nothing runs any more


def test_05_a_short_result_ttl_drops_no_schedule(client: Redis, store: Store, book: Book) -> None:
    entry = hourly(client, result_ttl=1)
    store.run_due(now(client))
    [job_id] = waiting(client)
    assert client.hget(keys.job(job_id), "result_ttl") == b"1"
    client.delete(keys.job(job_id), keys.queue("default"))  # its result has expired
    assert client.ttl(keys.job(entry)) > 30 * DAY  # the schedule has not
    store.run_due(now(client) + 3600)
    assert len(waiting(client)) == 1
    keep(book, client)
    assert client.ttl(keys.SCHEDULES) == -1


def test_06_one_bad_entry_blocks_no_other(client: Redis, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    held = theirs(client).schedule(datetime(2020, 1, 1), t.add, [datetime(2020, 1, 1), 2], interval=60).id
    bad = {"no-such-job": None, "junk": b"junk", "no-call": b"[1]", "bomb": b"\x80\x04\x8c" + b"\xff" * 9}
    for at, (entry, data) in enumerate(bad.items(), 1):
        client.zadd(keys.CLOCK, {entry: at})
        if data:
            client.hset(keys.job(entry), mapping={"data": data, "origin": "default", "status": "scheduled"})
    pickled = hourly(client)
    in_json = rq_scheduler.Scheduler(connection=client, job_class=Job).enqueue_at(datetime.now(UTC), t.add, 1, 2).id
    for _ in range(2):
        store.run_due(now(client) + 1)
    assert len(waiting(client)) == 2
    assert waiting(client)[0].startswith(pickled)
    assert waiting(client)[1] == in_json
    why = {entry.decode(): text.decode() for entry, text in client.hgetall(keys.QUARANTINE).items()}
    assert why.keys() == {held, *bad}
    assert "datetime.datetime" in why[held]
    assert len(caplog.messages) == len(why)  # said once, and looked at again in an hour
    assert float(client.zscore(keys.CLOCK, held) or 0) == pytest.approx(now(client) + 3600, abs=5)


def test_06_a_pickle_that_would_run_code_runs_none(client: Redis, store: Store, tmp_path: Path) -> None:
    mark = tmp_path / "owned"
    evil = b"\x80\x04cos\nsystem\n(X" + len(f"touch {mark}").to_bytes(4, "little") + f"touch {mark}".encode() + b"tR."
    row = {"data": evil, "meta": evil, "origin": "default", "status": "scheduled"}
    client.hset(keys.job("evil"), mapping=row)  # type: ignore[arg-type]
    client.zadd(keys.CLOCK, {"evil": 1})
    store.run_due(now(client))
    assert not mark.exists()
    assert b"os.system" in (client.hget(keys.QUARANTINE, "evil") or b"")


def test_07_a_blip_of_redis_ends_no_scheduler(processes: Processes, tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    try:
        hourly(server.client, interval=1)
        scheduler = processes.start("-m", "jobs", "scheduler", REDIS_URL=server.url)
        wait_for(lambda: end_all(server.client), "a slot to happen")
        server.kill()
        scheduler.says("a tick failed")
        server.start()
        wait_for(lambda: end_all(server.client), "a slot to happen after the blip")
        assert scheduler.popen.poll() is None
    finally:
        server.close()


def test_08_a_lock_has_a_token_and_a_crash_leaves_none(client: Redis, processes: Processes) -> None:
    scheduler = leads(processes, client)
    scheduler.signal(signal.SIGKILL)
    scheduler.ends()
    assert 0 < client.pttl(keys.LEADER) <= TTL * 1000  # it runs out by itself
    other = Leader(client, "other")
    assert other.hold() is False
    other.release()
    assert client.get(keys.LEADER) != b"other"
    client.delete(keys.LEADER)
    assert other.hold() is True


def test_09_a_restart_makes_no_duplicates(client: Redis, processes: Processes) -> None:
    for _ in range(2):
        scheduler = leads(processes, client, JOBS_TASKS="tests.clockwork")
        wait_for(lambda: client.hlen(keys.SCHEDULES) == 2, "its schedules")
        scheduler.signal(signal.SIGKILL)
        scheduler.ends()
    assert (client.hlen(keys.SCHEDULES), client.zcard(keys.SLOTS)) == (2, 2)


def test_10_a_restart_resets_nothing_unless_the_spec_has_changed(client: Redis, book: Book) -> None:
    keep(book, client, every=3600)
    client.zadd(keys.SLOTS, {"shop.tasks.tidy": 12345.0})  # missed while all were away
    client.hset(keys.schedule("shop.tasks.tidy"), "tick_job", "the last one")
    keep(Book(client, settings.current()), client, every=3600)
    assert slot(client) == 12345.0
    assert client.hget(keys.schedule("shop.tasks.tidy"), "tick_job") == b"the last one"
    keep(Book(client, settings.current()), client, every=7200)
    assert slot(client) % 7200 == 0
    assert slot(client) > now(client)


def test_11_slots_are_counted_from_slots_whenever_somebody_looks(client: Redis, store: Store, book: Book) -> None:
    entry = hourly(client, interval=3)
    first = float(client.zscore(keys.CLOCK, entry) or 0)
    keep(book, client, every=2.5)
    begin, found, ours = now(client), [], []
    for number in range(1, 6):
        late = begin + number * 3.1
        found += [float(client.zscore(keys.CLOCK, entry) or 0)] if store.run_due(late) else []
        ours += [slot(client)] if book.run_due(late) else []
        end_all(client)
    assert len(found) == len(ours) == 5
    assert all((at - first) % 3 == 0 for at in found)
    assert all(at % 2.5 == 0 for at in ours)


@pytest.mark.filterwarnings("ignore:Version 0.22:FutureWarning")
def test_12_cron_is_read_in_a_zone_that_is_said(client: Redis, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    entries = {
        local: theirs(client).cron("30 9 * * *", t.add, [1, 2], use_local_timezone=local).id for local in (False, True)
    }
    client.zadd(keys.CLOCK, dict.fromkeys(entries.values(), now(client)))
    store.run_due(now(client))
    monkeypatch.undo()
    time.tzset()
    assert float(client.zscore(keys.CLOCK, entries[False]) or 0) % DAY == 9.5 * 3600
    assert float(client.zscore(keys.CLOCK, entries[True]) or 0) % DAY in (20.5 * 3600, 21.5 * 3600)


@pytest.mark.filterwarnings("ignore:Version 0.22:FutureWarning")
def test_13_a_cron_of_six_fields_is_refused(client: Redis, store: Store) -> None:
    with pytest.raises(InvalidSchedule, match="five fields"):
        task(cron="0 */5 * * * *")
    entry = theirs(client).cron("0 0 1 1 * 2030", t.add, [1, 2]).id
    client.zadd(keys.CLOCK, {entry: 1})
    store.run_due(now(client))
    assert waiting(client) == []
    assert b"five fields" in (client.hget(keys.QUARANTINE, entry) or b"")


def test_14_what_is_cancelled_leaves_no_hash(client: Redis, store: Store) -> None:
    cancelled, stock = hourly(client), hourly(client)
    store.cancel(cancelled)
    store.run_due(now(client))
    theirs(client).cancel(stock)  # its API leaves the hash
    assert not client.exists(keys.job(cancelled))
    assert 0 < client.ttl(keys.job(stock)) < 31 * DAY  # so it goes by itself


def test_14_what_has_run_its_last_time_leaves_no_hash(client: Redis, store: Store) -> None:
    entry = hourly(client, repeat=1)
    store.run_due(now(client))
    assert not client.exists(keys.job(entry), keys.CLOCK)


def test_15_the_command_goes_where_redis_url_says(client: Redis, processes: Processes) -> None:
    scheduler = leads(processes, client)
    assert f"-{scheduler.popen.pid}-".encode() in (client.get(keys.LEADER) or b"")


def test_16_the_keys_of_rqs_own_scheduler_are_not_read(client: Redis) -> None:
    """The server counts which commands it was given."""
    foreign = {f"{keys.PREFIX}:scheduler:{name}": name for name in ("default", "high", "scheduled_jobs2")}
    client.mset(foreign)
    hourly(client)
    client.config_resetstat()
    clock = Clock(client, settings.current())
    clock.declare({})
    tick(client, clock)
    assert len(waiting(client)) == 1
    asked = client.info("commandstats").keys()
    assert not {"cmdstat_keys", "cmdstat_scan", "cmdstat_get", "cmdstat_type"} & asked
    assert client.mget(foreign) == [name.encode() for name in foreign.values()]
