"""Jobs that take their process with them, or will not end: each beside innocent ones, which all complete."""

from collections.abc import Callable

import pytest

from jobs.job import Job
from tests.chaos import scenarios
from tests.chaos import tasks as t
from tests.chaos.conftest import Proof
from tests.chaos.line import Line, alive
from tests.chaos.scenarios import Scale
from tests.support import wait_for

SCALE = Scale(jobs=40)
SURVIVES = 3
"""JOBS_MAX_INTERRUPTIONS."""
SHARED = 2
"""Crashes beside others, at most, in which nobody knows whose fault it was."""
HELD = 4
LEASE = 1.5


def error(line: Line, job_id: str) -> str:
    latest = Job.fetch(job_id, line.client).latest_result()
    return (latest.exc_string or "") if latest else ""


@pytest.mark.parametrize(("task", "ending"), [(t.segfault, "by SIGSEGV"), (t.leave, "with code 0")])
def test_poison_fails(line: Line, kept: Proof, task: Callable[..., object], ending: str) -> None:
    report, poison = scenarios.nasty_beside_innocents(line, SCALE, task)
    kept(report)
    assert line.status(poison) == "failed"
    assert f"The process that ran this job ended {ending}" in error(line, poison)
    assert SURVIVES < report.starts[poison] <= SURVIVES + SHARED + 1
    assert set(report.charged) == {poison}


def test_poison_in_a_process_of_its_own_is_known_at_once(line: Line, kept: Proof) -> None:
    """Nobody else is ever interrupted, and no time is lost with finding out whose fault it was."""
    line.environ["JOBS_POOL"] = "process"
    report, poison = scenarios.nasty_beside_innocents(line, SCALE, t.segfault)
    kept(report)
    assert line.status(poison) == "failed"
    assert report.starts == {**dict.fromkeys(report.starts, 1), poison: SURVIVES + 1}
    assert set(report.charged) == {poison}


@pytest.mark.parametrize("task", [t.block, t.swallow, t.hold_loop, t.stay])
def test_a_job_that_cannot_be_interrupted_fails(line: Line, kept: Proof, task: Callable[..., object]) -> None:
    report, stubborn = scenarios.nasty_beside_innocents(line, SCALE, task)
    kept(report)
    assert line.status(stubborn) == "failed"
    assert "JobTimeoutException" in error(line, stubborn)
    assert report.starts[stubborn] == 1
    assert report.charged == {}


def test_a_coroutine_that_exits_fails_alone(line: Line, kept: Proof) -> None:
    report, left = scenarios.nasty_beside_innocents(line, SCALE, t.leave_loop)
    kept(report)
    assert (line.status(left), "SystemExit: 0" in error(line, left)) == ("failed", True)
    assert set(report.starts.values()) == {1}


def test_a_job_that_returns_twice_is_done_once(line: Line, kept: Proof) -> None:
    report, _ = scenarios.nasty_beside_innocents(line, SCALE, t.return_twice)
    kept(report)
    assert set(report.starts.values()) == {1}, "a forked process has run jobs"
    assert report.refused == 0, "a forked process has handed in a result"
    assert report.charged == {}
    wait_for(lambda: len(alive(line.living[0])) == 2, "the forked process to end")


def test_a_job_that_holds_the_interpreter_costs_nobody_the_lease(line: Line, kept: Proof) -> None:
    report, lease_left, tick_age = scenarios.interpreter_held(line, SCALE, HELD)
    kept(report)
    assert lease_left > 0
    assert tick_age < LEASE
    assert set(report.starts.values()) == {1}, "a lease was lost"
    assert (report.charged, report.refused) == ({}, 0)
