"""All that act, together."""

import sys
from typing import Any, cast

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from redis import Redis

from jobs import scripts
from tests.model.base import Base
from tests.model.clock import Clock
from tests.model.keeper import Keeper
from tests.model.state import CHILDREN, IDS, OVER, QUEUES
from tests.model.tools import Tools
from tests.model.upkeep import Upkeep

EXAMPLES, STEPS = 110, 100


class Whole(Keeper):
    """One in which nothing is stuck in the end."""

    def teardown(self) -> None:
        """Nothing is stuck: when everybody does his part, every job comes to its end."""
        if sys.exc_info()[0]:
            return
        for queue in ("", *QUEUES):
            self._pause(queue, False)
        for child in CHILDREN:
            self._lease(child, "grant")
        for _ in range(2 * len(IDS)):
            for child in CHILDREN:
                if ended := self.model.executions(child):
                    self._settle(child, ended, ("finished", 0.0))
            if halting := [lane[0] for lane in self.now.lanes.values() if lane and self.now.halts(lane[0])]:
                scripts.requeue(self.client, halting)
                self._step({*halting})
            for number, _ in enumerate(self._scheduled()):
                self.time_passes(number)
            self._tick([*CHILDREN])
            self._claim(CHILDREN[0], [*QUEUES], 2, 5)
            self._claim(CHILDREN[0], [*QUEUES], 2, 5, apart=True)
            if not any((*self.now.queues.values(), *self.now.apart.values())) and not self.model.executions():
                break
        stuck = {job: self.now.status(job) for job in IDS if self.now.status(job) not in OVER}
        assert not stuck, f"never over: {stuck}"


class Machine(Tools, Upkeep, Clock, Whole):
    """All that act, together."""


class Engine(Tools, Whole):
    """Children, keepers and stock RQ tools."""


class Care(Upkeep, Whole):
    """Who runs anew, cancels, deletes and cleans up."""


class Clockwork(Clock, Whole):
    """Who keeps the book of schedules."""


def drive(client: Redis, machine: type[Base], examples: int, **options: Any) -> None:
    run_state_machine_as_test(
        cast(Any, lambda: machine(client)),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            derandomize=True,
            deadline=None,
            database=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
            **options,
        ),
    )
