"""Killing at every step: who is led there, and how."""

from tests.chaos.ambush import Ambush, Provoke
from tests.chaos.line import Line
from tests.chaos.provoke import child, command, keeper, scheduler, single
from tests.chaos.report import Report
from tests.chaos.steps import STEPS, When

GROUPS: dict[str, dict[str, Provoke]] = {
    "child": child.WAYS,
    "child with locks": child.WITH_LOCKS,
    "keeper": keeper.WAYS,
    "draining keeper": keeper.DRAINING,
    "single keeper": single.WAYS,
    "scheduler": scheduler.WAYS | command.WAYS,
}


def killed_at(line: Line, group: str, when: When, rounds: int = 1) -> Report:
    """SIGKILL a process at each step of a group, one after the other. Fails where a step is not reached."""
    ambush = Ambush(line)
    for step, provoke in [*GROUPS[group].items()] * rounds:
        if when in STEPS[step].whens:
            provoke(ambush, step, when)
            ambush.wait()
    ambush.free_the_lead()
    ambush.man(1)
    return line.report(ambush.planned)
