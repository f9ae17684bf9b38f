"""``jobs.worker.load``: what a worker says of what it runs."""

from collections.abc import Iterator

import pytest

from jobs import keys
from jobs.worker.load import SHOWN, load
from jobs.worker.table import Table

NOW = 1000.0


@pytest.fixture
def table() -> Iterator[Table]:
    found = Table.create(8)
    found.turned = NOW - 0.1
    yield found
    found.close()


def test_an_idle_worker_has_slots_and_runs_nothing(table: Table) -> None:
    assert load([table], NOW) == {"slots": 8, "busy": 0, "youngest": 0.0, "running": []}
    assert load([], NOW) == {"slots": 0, "busy": 0, "youngest": 0.0, "running": []}


def test_the_longest_come_first_and_only_so_many(table: Table) -> None:
    for slot in range(8):
        table.begin(slot, f"job-{slot}", "1", NOW - slot, 0.0)
    found = load([table], NOW)
    assert (found["busy"], [job["id"] for job in found["running"]]) == (
        8,
        [f"job-{n}" for n in range(7, 7 - SHOWN, -1)],
    )


def test_a_job_that_holds_its_process_comes_before_all_others(table: Table) -> None:
    table.begin(0, "long", "1", NOW - 3600, NOW + 60)
    held = Table.create(2)
    held.turned = NOW - 20
    held.begin(0, "holder", "2", NOW - 20.2, NOW - 5)
    assert load([table, held], NOW)["running"] == [
        {"id": "holder", "for": 20.2, "left": -5.0, "still": 20},
        {"id": "long", "for": 3600.0, "left": 60.0, "still": 0},
    ]
    held.close()


def test_a_child_that_takes_nothing_more_has_no_free_slot(table: Table) -> None:
    table.begin(0, "last", "1", NOW - 1, 0.0)
    table.asked = float("inf")
    found = load([table], NOW)
    assert (found["slots"], found["busy"]) == (1, 1)


def test_a_job_that_has_its_process_to_itself_holds_nobody_up() -> None:
    alone = Table.create(1)
    alone.turned = NOW - 20
    alone.begin(0, "job", "1", NOW - 20, 0.0)
    [job] = load([alone], NOW)["running"]
    assert (job["for"], job["still"]) == (20.0, 0)
    alone.close()


def test_a_heartbeat_takes_a_slot_and_is_nobodys_job(table: Table) -> None:
    table.begin(0, f"{keys.HEARTBEAT}default-1", "1", NOW - 2, NOW + 10)
    assert load([table], NOW) == {"slots": 8, "busy": 1, "youngest": 2.0, "running": []}
