"""What leads the single keeper of its type to each of its steps."""

from tests.chaos.ambush import Ambush, Provoke
from tests.chaos.steps import When
from tests.support import Process


def busy_alone(ambush: Ambush) -> Process:
    """The one of two that works, and has just begun to."""
    ambush.line.environ |= {"JOBS_TYPE": "solo", "JOBS_SINGLE": "1"}
    return ambush.busy()


def take_over(ambush: Ambush, step: str, when: When) -> None:
    worker = busy_alone(ambush)
    ambush.lay(step, when)
    ambush.line.kill(worker)


def hold_on(ambush: Ambush, step: str, when: When) -> None:
    busy_alone(ambush)
    ambush.lay(step, when)


def hand_over(ambush: Ambush, step: str, when: When) -> None:
    worker = busy_alone(ambush)
    ambush.lay(step, when, worker.popen.pid)
    ambush.tell_to_end(worker)


def take_away(ambush: Ambush, step: str, when: When) -> None:
    busy_alone(ambush)
    ambush.lay(step, when)
    ambush.line.spawn("-m", "tests.chaos.armed", "command", "locks", "release", "solo", "--force").ends()


WAYS: dict[str, Provoke] = {
    "become the single one": take_over,
    "stay the single one": hold_on,
    "give the type back": hand_over,
    "take a type away": take_away,
}
