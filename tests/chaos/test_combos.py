"""Whole combos: parts are killed, replicas are restarted in turn, and Redis is away for long, on a fast clock."""

from statistics import median

from tests.chaos import combos
from tests.chaos.conftest import Proof
from tests.chaos.line import Line
from tests.chaos.scenarios import Scale
from tests.chaos.server import Server
from tests.support import start_of_a_child

AWAY = 30.0
"""Seconds: ten times what may pass in silence."""


def test_parts_are_killed(line: Line, kept: Proof) -> None:
    found = combos.parts_killed(line, Scale(kills=20))
    kept(found.report)
    back = max(combos.BACK, 4 * start_of_a_child())
    assert median(found.back) <= back, found.back
    assert found.faults(late=3 * back) == []  # the soak, alone on its machine, allows none


def test_replicas_are_restarted_in_turn(line: Line, kept: Proof) -> None:
    del line.environ["JOBS_LEASE"]
    found = combos.rolling(line, Scale(jobs=24, kills=4, every=0.5))
    kept(found.report)
    assert found.faults() == []


def test_redis_is_away_for_long(own_line: Line, server: Server, kept: Proof) -> None:
    own_line.program = combos.HURRIED
    found = combos.outage(own_line, server, Scale(jobs=20), AWAY)
    kept(found.report)
    assert found.faults() == []
