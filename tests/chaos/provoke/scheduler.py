"""What leads a scheduler to each of its steps."""

from jobs.job import Job
from tests.chaos.ambush import Ambush, Provoke, schedule
from tests.chaos.steps import When


def promote(ambush: Ambush, step: str, when: When) -> None:
    ambush.line.feed(4, delay=0.1)
    start_scheduler(ambush, step, when)


def advance(ambush: Ambush, step: str, when: When) -> None:
    """A lane whose head another tool has deleted."""
    line = ambush.line
    lane = f"lane-{len(line.accepted)}"
    head = line.job(key=lane)
    line.submit([head, line.job(key=lane), line.job(key=lane)])
    Job.fetch(head.id, line.client).delete()
    line.accepted.remove(head.id)
    start_scheduler(ambush, step, when)


def schedule_and_start(ambush: Ambush, step: str, when: When) -> None:
    schedule(ambush.line)
    start_scheduler(ambush, step, when)


def start_scheduler(ambush: Ambush, step: str, when: When) -> None:
    """Alone: a living keeper would lead in its place."""
    for worker in list(ambush.line.living):
        ambush.tell_to_end(worker)
        worker.ends()
    ambush.free_the_lead()
    ambush.lay(step, when)
    ambush.line.spawn("-m", "tests.chaos.armed", "scheduler", "scheduler")


WAYS: dict[str, Provoke] = {
    "promote": promote,
    "advance": advance,
    "scheduler's ring": start_scheduler,
    "due": start_scheduler,
    "scheduler's fire": schedule_and_start,
    "scheduler's publish": start_scheduler,
}
