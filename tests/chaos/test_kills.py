"""Processes are killed, told to end and frozen; nothing that was accepted is lost, nothing is accepted twice."""

import pytest

from tests.chaos import scenarios
from tests.chaos.conftest import Proof
from tests.chaos.line import Line, Part
from tests.chaos.scenarios import Scale
from tests.chaos.server import Server
from tests.support import start_of_a_child

LEASE = 1.5
GRACE_ENDED = (0, -15)
"""Told to end: 0; killed by the signal before it could listen for it: -15."""


@pytest.mark.parametrize("part", ["tree", "keeper", "child"])
def test_sigkill(line: Line, part: Part, kept: Proof) -> None:
    report = scenarios.workers_killed(line, Scale(), part)
    kept(report)
    assert report.recoveries, "no kill has hit a running job"


def test_sigterm_starts_nothing_twice(line: Line, kept: Proof) -> None:
    del line.environ["JOBS_LEASE"]
    report = scenarios.workers_told_to_end(line, Scale())
    kept(report)
    assert {job_id: count for job_id, count in report.starts.items() if count != 1} == {}
    ended = [worker for worker in line.started if worker not in line.living]
    assert {worker.ends() for worker in ended} <= set(GRACE_ENDED)


def test_a_frozen_workers_late_results_are_refused(line: Line, kept: Proof) -> None:
    report = scenarios.workers_frozen(line, Scale(jobs=60, kills=3))
    kept(report)
    assert report.refused >= 3


@pytest.mark.parametrize("children", [1, 2])
def test_a_killed_childs_jobs_run_again_within_a_second(line: Line, kept: Proof, children: int) -> None:
    """Beside another child at once; an only child is first replaced, which takes a busy machine longer."""
    line.children = children
    report = scenarios.children_recovered(line, Scale(jobs=200, kills=20))
    kept(report)
    assert len(report.recoveries) >= 20, "too few to tell one in twenty"
    assert report.recovery(95) <= max(1.0, 2 * start_of_a_child()), str(report)


def test_a_killed_workers_jobs_run_again_within_a_lease(line: Line, kept: Proof) -> None:
    report = scenarios.workers_recovered(line, Scale(jobs=50, kills=5))
    kept(report)
    assert report.recovery(95) <= LEASE + 1.5, str(report)


def test_lanes_keep_their_order(own_line: Line, server: Server, kept: Proof) -> None:
    report, inversions, overlaps = scenarios.lanes_in_order(own_line, server, Scale(jobs=2000, kills=40), lanes=100)
    kept(report)
    assert (inversions, overlaps) == ([], [])


def test_dependents_are_let_go_once_and_not_too_soon(own_line: Line, server: Server, kept: Proof) -> None:
    report, too_soon = scenarios.dependents_let_go(own_line, server, Scale(jobs=600, kills=12))
    kept(report)
    assert too_soon == []
