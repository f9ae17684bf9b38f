"""A process is killed at every step, before the call is sent and after it is done; nothing is lost or done twice."""

import inspect

import pytest

from jobs import scripts
from tests.chaos import provoke
from tests.chaos.conftest import Proof
from tests.chaos.line import Line
from tests.chaos.steps import STEPS, WHENS, When

ALIASES = {"claim"}
"""An ``exchange`` that nothing of ours calls by this name."""
READS = {"queued", "awaited", "snapshot", "peek", "write"}
"""Who dies of them leaves all as it was."""


@pytest.mark.parametrize("when", WHENS)
@pytest.mark.parametrize("group", provoke.GROUPS)
def test_killed_at_every_step(line: Line, kept: Proof, group: str, when: When) -> None:
    kept(provoke.killed_at(line, group, when))


def test_every_step_is_there() -> None:
    ours = [
        it for _, it in inspect.getmembers(scripts, inspect.isfunction) if it.__module__.startswith(scripts.__name__)
    ]
    functions = {it.__name__ for it in ours if not it.__name__.startswith("_")}
    assert functions == {step.function for step in STEPS.values()} | ALIASES | READS
    assert {step for group in provoke.GROUPS.values() for step in group} == set(STEPS)
