"""Schedules declared in code: through real workers, a deploy, the death of the leader, and the command line."""

import json
import signal
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from redis import Redis

from jobs import keys, registry, schedules, settings
from jobs.errors import InvalidSchedule, UnknownSchedule
from jobs.health.snapshot import Process
from jobs.job import Job
from jobs.registry import Task
from jobs.schedule.book import KEEP_ORPHANS, Book
from jobs.schedule.declared import declared
from jobs.schedule.leader import TTL
from jobs.scripts import due
from jobs.spec import Spec
from jobs.timetable import Timetable
from tests import tasks as t
from tests.support import Processes, wait_for

OFTEN, NIGHTLY = "tests.clockwork.often", "tests.clockwork.nightly"


@pytest.fixture
def clockwork(client: Redis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The tasks of ``tests.clockwork`` in every process; gives the file in which each run is a line."""
    log = tmp_path / "runs"
    log.touch()
    monkeypatch.setenv("JOBS_TASKS", "tests.clockwork")
    monkeypatch.setenv("CLOCKWORK", str(log))
    settings.current.cache_clear()
    return log


@pytest.fixture
def ours(clockwork: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What ``tests.clockwork`` declares, which stays registered here for this test only."""
    monkeypatch.setattr(registry, "_tasks", {})
    monkeypatch.delitem(sys.modules, "tests.clockwork", raising=False)
    registry.load(("tests.clockwork",))
    return declared([], registry.schedules()) or {}


@pytest.fixture
def book(client: Redis, ours: dict[str, str]) -> Book:
    found = Book(client, settings.current())
    keep(found, client, ours)
    return found


def keep(book: Book, client: Redis, specs: Mapping[str, str], later: float = 0) -> None:
    seen = due(client)
    book.keep(specs, seen.schedules, seen.at + later)


def slots(client: Redis) -> dict[str, float]:
    return {name.decode(): float(at) for name, at in client.zrange(keys.SLOTS, 0, -1, withscores=True)}


def row(client: Redis, name: str) -> schedules.Row:
    return next(one for one in schedules.rows(client) if one.name == name)


def runs(log: Path) -> list[int]:
    return [int(line.split()[0]) for line in log.read_text().splitlines()]


# In code.


def test_a_task_that_needs_arguments_cannot_have_a_schedule() -> None:
    with pytest.raises(InvalidSchedule, match="callable without arguments"):
        registry.register(Task(t.add, timetable=Timetable(every=5)))


def test_what_is_declared_is_the_same_text_in_every_process(ours: dict[str, str]) -> None:
    assert json.loads(ours[NIGHTLY]) == {
        "cron": "30 2 * * *",
        "every": None,
        "key": None,
        "overlap": "skip",
        "policy": None,
        "queue": "night",
        "retries": [1.0],
        "timeout": 600,
        "tz": "Europe/Berlin",
    }
    assert declared([], json.loads(json.dumps({name: json.loads(text) for name, text in ours.items()}))) == ours


def test_a_tick_is_a_job_like_any_other_of_its_task(client: Redis, book: Book) -> None:
    at = slots(client)[NIGHTLY]
    assert book.run_due(at) == 2
    job = Job.fetch(f"tests-clockwork-nightly-{int(at)}", client)
    assert (job.origin, job.func_name, job.args, job.timeout) == ("night", NIGHTLY, [], 600)
    assert (job.retries_left, job.retry_intervals, job.meta) == (1, [1.0], {"schedule": NIGHTLY})
    assert job.result_ttl == settings.current().keep
    assert datetime.fromtimestamp(at, ZoneInfo("Europe/Berlin")).strftime("%H:%M") == "02:30"


def test_missed_ticks_are_one_and_the_next_is_in_the_future(client: Redis, book: Book) -> None:
    later = due(client).at + 10 * 86400
    assert book.run_due(later) == 2
    assert min(slots(client).values()) > later
    assert book.run_due(later) == 0


# In a deploy.


def process(number: int, schedules: dict[str, Any], role: str = "worker", alive: bool = True) -> Process:
    return Process({"id": f"{role}-{number}", "role": role, "started_at": number, "schedules": schedules}, 0.0, alive)


def test_where_old_and_new_code_disagree_the_one_that_started_last_is_right() -> None:
    old, new = process(1, {"a": 1, "gone": 1}), process(2, {"a": 2, "b": 2})
    assert declared([new, old], None) == {"a": "2", "b": "2", "gone": "1"}
    assert declared([new], None) == {"a": "2", "b": "2"}


def test_only_the_living_that_run_or_make_jobs_are_asked() -> None:
    assert declared([process(1, {"a": 1}, alive=False), process(2, {"b": 1}, role="web")], None) is None
    assert declared([process(1, {}, role="scheduler")], None) == {}
    assert declared([], {"a": 1}) == {"a": "1"}


def test_a_schedule_that_left_the_code_waits_and_goes_on_where_it_was(
    client: Redis, book: Book, ours: dict[str, str]
) -> None:
    before = slots(client)
    keep(book, client, {NIGHTLY: ours[NIGHTLY]})
    assert slots(client) == {NIGHTLY: before[NIGHTLY]}
    assert row(client, OFTEN).state == "orphan"
    assert book.run_due(due(client).at + 60) == 0
    keep(book, client, ours)
    assert slots(client) == before
    assert row(client, OFTEN).state == "on"


def test_an_orphan_is_gone_after_7_days_with_all_that_was_kept_of_it(
    client: Redis, book: Book, ours: dict[str, str]
) -> None:
    keep(book, client, {NIGHTLY: ours[NIGHTLY]})
    keep(book, client, {NIGHTLY: ours[NIGHTLY]}, later=KEEP_ORPHANS - 60)
    assert client.exists(keys.schedule(OFTEN))
    keep(book, client, {NIGHTLY: ours[NIGHTLY]}, later=KEEP_ORPHANS + 60)
    assert [one.name for one in schedules.rows(client)] == [NIGHTLY]
    assert not client.exists(keys.schedule(OFTEN), keys.ORPHANS)


def test_a_book_that_is_lost_is_written_again(client: Redis, book: Book, ours: dict[str, str]) -> None:
    client.flushdb()
    keep(book, client, ours)
    assert slots(client).keys() == ours.keys()


def test_nothing_is_asked_of_redis_while_nothing_changes(client: Redis, book: Book, ours: dict[str, str]) -> None:
    seen = due(client)
    client.config_resetstat()
    book.keep(ours, seen.schedules, seen.at)
    assert client.info("commandstats").keys() <= {"cmdstat_info", "cmdstat_config|resetstat"}


@pytest.mark.parametrize("text", ["{}", "[]", '"?"', '{"every": 5}'])
def test_one_that_cannot_be_kept_is_set_aside_with_its_error(
    client: Redis, book: Book, ours: dict[str, str], text: str
) -> None:
    keep(book, client, {**ours, "shop.tasks.odd": text})
    assert slots(client).keys() == ours.keys()
    assert row(client, "shop.tasks.odd").state.startswith("error: ")
    assert book.run_due(due(client).at + 2) == 1


def test_a_stored_spec_that_broke_stops_no_other(client: Redis, book: Book) -> None:
    client.hset(keys.SCHEDULES, NIGHTLY, ours_with_zone("Mars/Base"))
    assert book.run_due(slots(client)[NIGHTLY]) == 1
    assert "Mars/Base" in row(client, NIGHTLY).state


def ours_with_zone(tz: str) -> str:
    return json.dumps({**registry.schedules()[NIGHTLY], "tz": tz})


# Through real processes.


def test_a_worker_alone_runs_what_its_code_declares(client: Redis, clockwork: Path, processes: Processes) -> None:
    processes.start("-m", "jobs", "worker").says("is ready")
    wait_for(lambda: len(runs(clockwork)) >= 3, "three runs", within=10)
    made = runs(clockwork)
    assert made == sorted(set(made))  # where a second is missed, its slot and the next are one


def test_when_the_leader_is_killed_the_next_ticks_within_its_lease_and_2_s(
    client: Redis, clockwork: Path, processes: Processes
) -> None:
    """Leader, worker and log are processes and a file of their own; the lease is the real one, 10 s."""
    leader = processes.start("-m", "jobs", "scheduler")
    leader.says("leading")
    worker = processes.start("-m", "jobs", "worker")
    worker.says("is ready")
    wait_for(lambda: len(runs(clockwork)) >= 2, "two runs")
    leader.signal(signal.SIGKILL)
    killed = time.time()
    worker.says("scheduler: leading", within=TTL + 2)
    wait_for(lambda: (found := runs(clockwork)) and found[-1] > killed + 2, "runs of the time after it")
    made = runs(clockwork)
    ran_at = [float(line.split()[1]) for line in clockwork.read_text().splitlines()]
    assert len(made) == len(set(made))  # none twice
    dark = [(a, b) for a, b in pairwise(made) if b != a + 1]
    assert len(dark) == 1  # the missed ones are one: the first of them, then on
    assert dark[0][1] - dark[0][0] <= TTL + 2
    assert max(b - a for a, b in pairwise(ran_at)) <= TTL + 2


# By command.


def test_paused_makes_no_job_and_resumed_goes_on_with_the_next_slot(
    client: Redis, book: Book, ours: dict[str, str]
) -> None:
    assert schedules.pause(client, OFTEN) is True
    assert schedules.pause(client, OFTEN) is False
    book.forget()
    keep(book, client, ours)  # another leads, or a worker starts
    assert book.run_due(due(client).at + 60) == 0
    assert row(client, OFTEN).state == "paused"
    resumed = schedules.resume(client, OFTEN)
    assert resumed
    assert resumed.timestamp() > due(client).at - 1
    assert schedules.resume(client, OFTEN) is None
    assert row(client, OFTEN).state == "on"


def test_run_now_makes_a_job_and_the_slot_finds_it_running(client: Redis, book: Book) -> None:
    before = slots(client)
    schedules.pause(client, NIGHTLY)
    made = schedules.run(client, OFTEN)
    assert Job.fetch(made.id, client).func_name == OFTEN
    assert slots(client) == {OFTEN: before[OFTEN]}
    assert book.run_due(before[OFTEN]) == 0
    assert row(client, OFTEN).state == "passed over"
    with pytest.raises(UnknownSchedule, match=r"no schedule 'no\.such'"):
        schedules.run(client, "no.such")


def test_a_slot_that_has_happened_does_not_happen_again(client: Redis, book: Book) -> None:
    """Not even when the book is set back, as by a leader that was late to note an orphan's slot."""
    at = slots(client)[OFTEN]
    book.run_due(at)
    client.hset(keys.job(f"tests-clockwork-often-{int(at)}"), "status", "finished")
    client.delete(keys.job(f"tests-clockwork-often-{int(at)}"))
    client.zadd(keys.SLOTS, {OFTEN: at})
    assert book.run_due(at) == 0
    assert slots(client)[OFTEN] > at


def test_the_list_shows_ours_and_theirs(client: Redis, book: Book, processes: Processes) -> None:
    client.zadd(keys.CLOCK, {"theirs": (datetime.now(UTC) + timedelta(hours=1)).timestamp()})
    client.hset(keys.QUARANTINE, "theirs", "its job is gone")
    shown = processes.start("-m", "jobs", "schedules")
    assert shown.ends() == 0
    text = "\n".join(shown.lines)
    assert "every 1 s" in text
    assert "30 2 * * *  Europe/Berlin" in text
    assert "02:30:00" in text
    assert "error: its job is gone" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", OFTEN), "tests-clockwork-often-now-"),
        (("pause", OFTEN), f"{OFTEN} is paused"),
        (("resume", OFTEN), f"{OFTEN} was not paused"),
    ],
)
def test_each_command_says_what_it_has_done(
    client: Redis, book: Book, processes: Processes, words: tuple[str, ...], said: str
) -> None:
    done = processes.start("-m", "jobs", "schedules", *words)
    assert done.ends() == 0
    assert said in done.lines[0]


def test_an_unknown_schedule_is_one_line_and_code_2(client: Redis, clockwork: Path, processes: Processes) -> None:
    done = processes.start("-m", "jobs", "schedules", "run", "no.such")
    assert done.ends() == 2
    assert done.lines == ["signalbox: there is no schedule 'no.such'; known: none"]


def test_a_spec_says_when_it_is_next(ours: dict[str, str]) -> None:
    at = datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp()
    spec = Spec.read(NIGHTLY, ours[NIGHTLY])
    assert spec.next(at) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()
