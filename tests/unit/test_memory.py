"""``jobs.health.memory``: what several looks tell and one cannot."""

from dataclasses import replace

import pytest

from jobs.health.diagnosis import Limits
from jobs.health.memory import Memory
from jobs.health.snapshot import Server, Snapshot
from tests.unit.test_diagnosis import FAULTS, HEALTHY, NOW, queue

GONE = Snapshot(NOW, error="refused")
READ_ONLY = replace(HEALTHY, server=Server(replica_of="master:6379"))


def seen(memory: Memory, snapshot: Snapshot, at: float) -> list[str]:
    """The codes of a look ``at`` so many seconds."""
    return [finding.code for finding in memory.judge(replace(snapshot, now=snapshot.now + at), at)]


@pytest.fixture
def memory() -> Memory:
    return Memory(Limits(heartbeat=15), -1000.0)


@pytest.mark.parametrize("code", ["no_scheduler", "heartbeat_late", "foreign_worker"])
def test_what_is_so_for_a_moment_when_one_hands_over_to_another_must_last(memory: Memory, code: str) -> None:
    fault = FAULTS[code][0]
    assert [seen(memory, fault, at) for at in (0, 2.9, 3)] == [[], [], [code]]
    assert seen(memory, HEALTHY, 4) == []
    assert seen(memory, fault, 5) == []


def test_a_fault_that_cannot_pass_by_itself_is_told_at_once(memory: Memory) -> None:
    assert seen(memory, FAULTS["worker_suspended"][0], 0) == ["worker_suspended"]


@pytest.mark.parametrize(("blind", "code"), [(GONE, "redis_unreachable"), (READ_ONLY, "redis_readonly")])
def test_after_an_outage_nobody_is_missed_before_all_could_have_spoken(
    memory: Memory, blind: Snapshot, code: str
) -> None:
    missing = FAULTS["no_worker"][0]
    assert seen(memory, missing, 0) == ["no_worker"]
    assert seen(memory, blind, 1) == [code]
    assert seen(memory, missing, 10.9) == []
    assert seen(memory, missing, 11) == ["no_worker"]


def test_after_a_loss_of_data_nobody_is_missed_before_all_could_have_spoken(memory: Memory) -> None:
    missing = FAULTS["no_worker"][0]
    assert seen(memory, HEALTHY, 0) == []
    assert seen(memory, replace(missing, marker="", leader="", ticked=0.0), 1) == []
    assert seen(memory, replace(missing, marker="new"), 10.9) == []
    assert seen(memory, replace(missing, marker="new"), 11) == ["no_worker"]


def grow(memory: Memory, start: float, jobs: int, every: float) -> list[str]:
    """Look for six minutes at a queue that gains a job a second."""
    found: list[str] = []
    at = start
    while at <= start + 360:
        found = seen(memory, replace(HEALTHY, queues=(queue(back=-at, waiting=jobs + int(at)),)), at)
        at += every
    return found


@pytest.mark.parametrize("every", [0.5, 5, 60])
def test_a_trend_is_seen_however_often_one_looks(memory: Memory, every: float) -> None:
    assert grow(memory, 0, 100, every) == ["backlog_growing"]


def test_an_outage_ends_what_was_known_of_a_trend(memory: Memory) -> None:
    grow(memory, 0, 100, 5)
    seen(memory, GONE, 361)
    assert seen(memory, replace(HEALTHY, queues=(queue(back=-362, waiting=900),)), 362) == []
