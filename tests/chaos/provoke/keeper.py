"""What leads a keeper to each of its steps."""

from jobs import keys
from tests.chaos import tasks as t
from tests.chaos.ambush import READY, Ambush, Provoke, await_it, schedule
from tests.chaos.line import Line
from tests.chaos.steps import When
from tests.support import Process, wait_for


def overrun(ambush: Ambush, step: str, when: When) -> None:
    stubborn = ambush.line.nasty(t.block)
    ambush.planned.append(stubborn.id)
    ambush.man()
    ambush.lay(step, when)
    ambush.line.submit([stubborn])


def start(ambush: Ambush, step: str, when: When) -> None:
    ambush.man()
    ambush.lay(step, when)
    ambush.line.start()


def delay(ambush: Ambush, step: str, when: When) -> None:
    ambush.man()
    ambush.lay(step, when)
    ambush.line.feed(4, delay=0.2)


def lose_a_worker(ambush: Ambush, step: str, when: When) -> None:
    worker = ambush.busy()
    ambush.lay(step, when)
    ambush.line.kill(worker)


def lose_a_child(ambush: Ambush, step: str, when: When) -> None:
    worker = ambush.busy()
    ambush.lay(step, when)
    ambush.line.kill(worker, "child")


def lead(ambush: Ambush, step: str, when: When) -> None:
    ambush.man()
    ambush.free_the_lead()
    ambush.lay(step, when)


def lead_a_schedule(ambush: Ambush, step: str, when: When) -> None:
    ambush.man()
    ambush.free_the_lead()
    ambush.lay(step, when)
    schedule(ambush.line)


def declare(ambush: Ambush, step: str, when: When) -> None:
    """The next to lead finds that the book has lost its schedules."""
    ambush.man()
    ambush.lay(step, when)
    ambush.line.client.delete(keys.SCHEDULES, keys.SLOTS)
    ambush.free_the_lead()


def forget_the_tasks(ambush: Ambush, step: str, when: When) -> None:
    """The next to publish finds that Redis has lost the names of its tasks."""
    ambush.man()
    ambush.lay(step, when)
    ambush.line.client.delete(*ambush.line.client.keys(keys.task_names("*")))


def come_to_know_a_task(ambush: Ambush, step: str, when: When) -> None:
    """A job is parked by the only worker, which does not know its task; then others come that do."""
    line, known = ambush.line, ambush.line.environ["JOBS_TASKS"]
    _end_all(ambush)
    line.environ["JOBS_TASKS"] = "tests.chaos.armed_child"
    ambush.man(1)
    line.feed(4)
    wait_for(lambda: line.client.exists(keys.UNKNOWN), "a job to be parked", READY)
    _end_all(ambush)
    line.environ["JOBS_TASKS"] = known
    ambush.lay(step, when)
    ambush.man()


def _end_all(ambush: Ambush) -> None:
    for worker in list(ambush.line.living):
        ambush.tell_to_end(worker)
        worker.ends()


def end(ambush: Ambush, step: str, when: When) -> None:
    worker = ambush.man()[0]
    worker.says("is ready")
    ambush.lay(step, when, worker.popen.pid)
    ambush.tell_to_end(worker)


def end_too_slowly(ambush: Ambush, step: str, when: When) -> None:
    """Told to end while it runs what will not end within the grace."""
    worker = ambush.busy(seconds=1.5)
    ambush.lay(step, when, worker.popen.pid)
    ambush.tell_to_end(worker)


def end_the_leader(ambush: Ambush, step: str, when: When) -> None:
    ambush.man()
    ambush.free_the_lead()
    worker = wait_for(lambda: leader(ambush.line), "a worker to lead")
    ambush.lay(step, when, worker.popen.pid)
    ambush.tell_to_end(worker)


def leader(line: Line) -> Process | None:
    holder = line.client.get(keys.LEADER) or b""
    return next((one for one in line.living if f"-{one.popen.pid}-" in holder.decode()), None)


WAYS: dict[str, Provoke] = {
    "settle, overrun": overrun,
    "tell, overrun": overrun,
    "grant": start,
    "tick": await_it,
    "tick hands over": delay,
    "tick takes back": lose_a_worker,
    "held": lose_a_child,
    "put back": lose_a_child,
    "retire": lose_a_child,
    "ring": lead,
    "fire": lead_a_schedule,
    "declare": declare,
    "publish": start,
    "name tasks": forget_the_tasks,
    "recall": come_to_know_a_task,
}
DRAINING: dict[str, Provoke] = {
    "held, draining": end,
    "put back, draining": end_too_slowly,
    "retire, draining": end,
    "step down": end_the_leader,
    "publish, stopped": end,
}
