"""``jobs.worker.vigil``: a child that looks alive and does not consume, by replayed signs of life and no clock."""

from collections.abc import Callable, Iterator

import pytest

from jobs.worker.table import Table
from jobs.worker.vigil import Vigil

LOOK = 0.5
SLOTS = 2
HOURS = 7200.0


class Child:
    """What a keeper sees of one, look by look."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.now = 1000.0
        self.is_due = True
        self.stopped = False
        self._vigil = Vigil(self.now)

    def wedged_within(self, seconds: float, does: Callable[["Child"], None] = lambda child: None) -> bool:
        """Is it found wedged while it does so for so long?"""
        until = self.now + seconds
        while self.now < until:
            self.now += LOOK
            does(self)
            if self._vigil.is_wedged(self.now, self.table, self.is_due, lambda: self.stopped):
                return True
        return False


@pytest.fixture
def child() -> Iterator[Child]:
    table = Table.create(SLOTS)
    yield Child(table)
    table.close()


def ask(child: Child) -> None:
    child.table.asked = child.table.turned = child.now


def keep_house(child: Child) -> None:
    child.table.turned = child.now


def test_one_that_asks_is_well_however_empty_or_paused_its_queues(child: Child) -> None:
    assert not child.wedged_within(HOURS, ask)


def test_one_that_is_stopped_is_found(child: Child) -> None:
    assert not child.wedged_within(60, ask)
    child.stopped = True
    assert not child.wedged_within(19)
    assert child.wedged_within(3)


def test_one_whose_interpreter_hangs_though_it_runs_nothing_is_found(child: Child) -> None:
    child.wedged_within(60, ask)
    assert child.wedged_within(22)


def test_one_whose_threads_are_stuck_is_found_though_its_house_is_kept(child: Child) -> None:
    child.wedged_within(60, ask)
    assert child.wedged_within(22, keep_house)


def test_one_that_is_stopped_while_it_runs_a_job_is_found(child: Child) -> None:
    child.table.begin(0, "long", "1", child.now, 0)
    child.wedged_within(60, ask)
    child.stopped = True
    assert child.wedged_within(22)


def test_one_whose_other_threads_are_stuck_is_found_beside_a_long_job(child: Child) -> None:
    child.table.begin(0, "long", "1", child.now, 0)
    assert child.wedged_within(22, keep_house)


def test_two_hours_of_work_in_every_slot_is_work(child: Child) -> None:
    for slot in range(SLOTS):
        child.table.begin(slot, "long", "1", child.now, 0)
    assert not child.wedged_within(HOURS, keep_house)
    child.table.end(0)
    assert not child.wedged_within(5, keep_house), "it has not had the time to ask"
    assert not child.wedged_within(60, ask)


def test_two_hours_of_work_beside_a_free_slot_is_work(child: Child) -> None:
    child.table.begin(0, "long", "1", child.now, 0)
    assert not child.wedged_within(HOURS, ask)


def test_a_job_that_holds_the_interpreter_is_left_to_its_timeout(child: Child) -> None:
    child.table.begin(0, "long", "1", child.now, 0)
    child.wedged_within(60, ask)
    assert not child.wedged_within(HOURS)
    assert not child.wedged_within(5, keep_house), "it has not had the time to ask"


def test_one_that_is_still_loading_or_is_to_end_need_not_ask(child: Child) -> None:
    child.is_due = False
    assert not child.wedged_within(HOURS)
    child.is_due = True
    assert not child.wedged_within(15)


def test_one_that_is_told_to_end_by_others_need_not_ask(child: Child) -> None:
    child.table.asked = float("inf")
    assert not child.wedged_within(HOURS, keep_house)


def test_an_outage_of_redis_is_not_held_against_it(child: Child) -> None:
    """While Redis does not answer the keeper, it does not look."""
    child.wedged_within(60, ask)
    child.now += 600
    assert not child.wedged_within(15, keep_house)
    assert not child.wedged_within(60, ask)
