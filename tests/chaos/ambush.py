"""Killing at every step: what has to be done to a line so that a process comes to each of them."""

import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime

from redis import Redis
from rq import Queue

from jobs import catalog, gates, keys, lanes, retention, settings
from jobs.job import Job
from jobs.retry import Retry
from jobs.schedule.store import Store
from tests.chaos import steps
from tests.chaos import tasks as t
from tests.chaos.line import BLAMELESS, Line, alive
from tests.chaos.report import Report
from tests.chaos.steps import STEPS, Plan, When
from tests.support import Process, wait_for

READY = 40.0
"""Seconds to a step, at most: at default timing a heartbeat comes every 15 s."""
HOURLY = 3600
LONG_AGO = "2020-01-01T00:00:00.000000Z"
TRIES = 5
"""Where it is not certain that a process comes to the step."""


class Ambush:
    """A line whose processes can be told where to die."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._folder = line.log.path.with_name("steps")
        self._folder.mkdir()
        self._lain, self._marker = "", self._folder
        self._number = 0
        self.planned: list[str] = []
        """Jobs that are to fail."""
        line.program = ("-m", "tests.chaos.armed", "keeper")
        line.environ |= BLAMELESS | {
            "JOBS_TASKS": "tests.chaos.tasks,tests.chaos.armed_child",
            "JOBS_GRACE": "1",
            steps.FOLDER: str(self._folder),
        }

    def lay(self, step: str, when: When, pid: int = 0) -> None:
        """From now on, whoever comes to this step dies there; only the process ``pid``, if one is given."""
        self._number += 1
        self._lain = f"{when} {step!r}"
        self._marker = self._folder / f"hit-{self._number}"
        Plan(step, when, self._marker.name, pid).write(self._folder)

    def wait(self) -> None:
        """Wait until somebody has died there. Of the workers' keepers, the dead leave the line."""
        wait_for(self.is_sprung, f"a process to be killed {self._lain}", READY)
        pid = int(self._marker.read_text())
        self.line.blows += 1
        for worker in [one for one in self.line.living if one.popen.pid == pid]:
            worker.ends()
            self.line.living.remove(worker)

    def is_sprung(self) -> bool:
        return self._marker.exists()

    def man(self, count: int = 2) -> list[Process]:
        """So many workers, at least, the oldest first."""
        self.line.start(max(0, count - len(self.line.living)))
        return self.line.living

    def busy(self, seconds: float = 0.3) -> Process:
        """A worker that has just begun to run jobs of so many seconds."""
        self.man()
        self.line.feed(8, seconds=seconds)
        return wait_for(lambda: next(filter(self.line.runs_of, self.line.living), None), "a busy worker")

    def tell_to_end(self, worker: Process) -> None:
        self.line.living.remove(worker)
        self.line.signal([worker.popen.pid], signal.SIGTERM)

    def free_the_lead(self) -> None:
        """Let a dead leader's lease run out now; it takes 10 s."""
        self.line.client.pexpire(keys.LEADER, 1)


Provoke = Callable[[Ambush, str, When], object]


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


# What leads a child there.


def feed(ambush: Ambush, step: str, when: When) -> None:
    ambush.man()
    ambush.lay(step, when)
    ambush.line.feed(8)


def feed_more(ambush: Ambush, step: str, when: When) -> None:
    """More than the bells bring."""
    ambush.man()
    ambush.lay(step, when)
    ambush.line.feed(40)


def feed_who_tells(ambush: Ambush, step: str, when: When) -> None:
    """A job that says how far it is."""
    ambush.man()
    ambush.lay(step, when)
    ambush.line.submit([ambush.line.nasty(t.tell)])


def await_it(ambush: Ambush, step: str, when: When) -> None:
    """What comes by itself, within a second or a heartbeat."""
    ambush.man()
    ambush.lay(step, when)


def feed_a_dependency(ambush: Ambush, step: str, when: When) -> None:
    """A job, and another that RQ is to enqueue once it has ended."""
    line = ambush.line
    first = line.job(delay=0.5)
    line.submit([first])
    second = line.job()
    queue = Queue("default", connection=line.client, job_class=Job, serializer="json")
    queue.enqueue(t.work, str(line.log.path), second.id, job_id=second.id, depends_on=first.id)
    ambush.man()
    ambush.lay(step, when)


def feed_unevenly(ambush: Ambush, step: str, when: When) -> None:
    """So many short jobs that a child takes many at once; then long ones among them, behind which they wait."""
    line = ambush.line
    ambush.man()
    ambush.lay(step, when)
    for _ in range(TRIES):
        short = [line.job(seconds=0) for _ in range(200)]
        mixed = [line.job(seconds=0.4 if number % 4 == 0 else 0) for number in range(64)]
        line.submit([*short, *mixed])
        wait_for(lambda: ambush.is_sprung() or are_done(line), "a child to die, or the end")
        if ambush.is_sprung():
            return


def end_while_it_runs(ambush: Ambush, step: str, when: When) -> None:
    worker = ambush.busy()
    ambush.lay(step, when, child_of(worker))
    ambush.tell_to_end(worker)


def end_while_jobs_wait(ambush: Ambush, step: str, when: When) -> None:
    """Told to end while a child has more than it runs, because its jobs are short."""
    for _ in range(TRIES):
        worker = ambush.man()[0]
        child, before = child_of(worker), len(ambush.line.log.runs())
        ambush.line.feed(600, seconds=0.005)
        _wait_for_runs(ambush.line, child, before)
        ambush.lay(step, when, child)
        ambush.tell_to_end(worker)
        worker.ends()
        if ambush.is_sprung():
            return


def are_done(line: Line) -> bool:
    return set(line.accepted) <= line.log.ended()


def _wait_for_runs(line: Line, child: int, before: int) -> None:
    """Wait until a child has run so many jobs that it knows that they are short, or all are done."""
    wait_for(
        lambda: sum(run.pid == child for run in line.log.runs()[before:]) > 100 or are_done(line),
        "a child to run many jobs",
    )


def feed_locked(ambush: Ambush, step: str, when: When) -> None:
    ambush.man()
    ambush.lay(step, when)
    ambush.line.submit([ambush.line.nasty(t.work_locked) for _ in range(4)])


def interrupt(ambush: Ambush, step: str, when: When) -> None:
    """A job ends the process of the pool that runs it."""
    ambush.line.environ["JOBS_POOL"] = "process"
    ambush.man()
    ambush.lay(step, when)
    ambush.line.submit([ambush.line.nasty(t.leave_once)])


def child_of(worker: Process) -> int:
    return wait_for(lambda: found[1] if len(found := alive(worker)) > 1 else None, "the worker to have a child")


# What leads a keeper there.


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


# What leads a single keeper there.


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


# What leads a scheduler there, and commands.


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


def lose_the_only_worker(ambush: Ambush, step: str, when: When) -> None:
    """Nobody is left to take back what it held, until somebody gives the command."""
    line = ambush.line
    worker = ambush.man(1)[0]
    line.feed(4, seconds=0.3)
    wait_for(lambda: line.runs_of(worker), "the worker to be busy")
    line.kill(worker)
    wait_for(lambda: line.client.zcount(keys.LEASES, "-inf", server_time(line.client)), "the lease to run out")
    ambush.lay(step, when)
    line.spawn("-m", "tests.chaos.armed", "command", "recover")


def enqueue(ambush: Ambush, step: str, when: When) -> None:
    """Whoever sends a job dies, and sends it again."""
    line = ambush.line
    job = line.job()
    ambush.lay(step, when)
    said = ("enqueue", "tests.chaos.tasks.work", str(line.log.path), job.id, "--job-id", job.id)
    line.spawn("-m", "tests.chaos.armed", "command", *said).ends()
    line.submit([job])


def resume_a_lane(ambush: Ambush, step: str, when: When) -> None:
    """Whoever resumes a halted lane dies; the job that had failed fails again, or never ran, and is skipped."""
    lane, rest = _halted_lane(ambush)
    ambush.lay(step, when)
    ambush.line.spawn("-m", "tests.chaos.armed", "command", "lanes", "resume", lane).ends()
    _wait_until_halted(ambush.line, lane)
    lanes.skip(ambush.line.client, lane)
    wait_for(lambda: set(rest) <= ambush.line.log.ended(), "the rest of the lane", READY)


def clear_a_lane(ambush: Ambush, step: str, when: When) -> None:
    """Whoever clears a halted lane dies, and clears it again."""
    lane, rest = _halted_lane(ambush)
    ambush.planned += rest
    ambush.lay(step, when)
    ambush.line.spawn("-m", "tests.chaos.armed", "command", "lanes", "clear", lane).ends()
    lanes.clear(ambush.line.client, lane)


def retry_a_dead_letter(ambush: Ambush, step: str, when: When) -> None:
    """Whoever has a dead letter run anew dies; the job fails again, or never ran, and another comes after it."""
    letter = _dead_letter(ambush)
    ambush.lay(step, when)
    ambush.line.spawn("-m", "tests.chaos.armed", "command", "dead", "retry", letter).ends()
    ambush.line.feed(3)
    wait_for(
        lambda: catalog.act(ambush.line.client, "retry", [letter]).ids, "it to have failed, and to run anew", READY
    )


def delete_a_dead_letter(ambush: Ambush, step: str, when: When) -> None:
    """Whoever deletes a dead letter dies, and deletes it again: nothing of it is left."""
    letter = _dead_letter(ambush)
    ambush.lay(step, when)
    ambush.line.spawn("-m", "tests.chaos.armed", "command", "dead", "delete", letter).ends()
    catalog.act(ambush.line.client, "delete", [letter])
    _assert_gone(ambush.line, letter)


def cancel_a_job(ambush: Ambush, step: str, when: When) -> None:
    """Whoever cancels a job dies, and cancels it again; taken back, it runs as if nothing had been."""
    line, job = ambush.line, ambush.line.job(queue="default", delay=HOURLY)
    line.submit([job])
    ambush.lay(step, when)
    line.spawn("-m", "tests.chaos.armed", "command", "cancel", job.id).ends()
    catalog.act(line.client, "cancel", [job.id])
    assert line.status(job.id) == "canceled"
    catalog.act(line.client, "retry", [job.id])
    assert line.status(job.id) == "scheduled"
    catalog.act(line.client, "run", [job.id])
    ambush.man(1)


def run_a_job_now(ambush: Ambush, step: str, when: When) -> None:
    """Whoever has a scheduled job run now dies, and asks for it again."""
    line, job = ambush.line, ambush.line.job(queue="default", delay=HOURLY)
    line.submit([job])
    ambush.lay(step, when)
    line.spawn("-m", "tests.chaos.armed", "command", "run", job.id).ends()
    catalog.act(line.client, "run", [job.id])
    ambush.man(1)


def empty_a_queue(ambush: Ambush, step: str, when: When) -> None:
    """Whoever empties a queue, that nobody serves, dies, and empties it again: nothing of its jobs is left."""
    line = ambush.line
    waiting = [line.job(queue="unserved") for _ in range(3)]
    line.submit(waiting)
    ambush.lay(step, when)
    line.spawn("-m", "tests.chaos.armed", "command", "empty", "unserved", "--yes").ends()
    gates.empty(line.client, "unserved")
    for job in waiting:
        _assert_gone(line, job.id)


def clean_up(ambush: Ambush, step: str, when: When) -> None:
    """Whoever removes an old dead letter dies, and does it again: nothing of it is left, and all else is there."""
    line, letter = ambush.line, _dead_letter(ambush)
    if step == "trim":
        line.client.zadd(keys.registry("failed", "default"), {letter: 1})
    else:
        line.client.hset(keys.job(letter), "ended_at", LONG_AGO)
    ambush.lay(step, when)
    line.spawn("-m", "tests.chaos.armed", "command", "clean", "--failed", "--older", "100d").ends()
    retention.clean(line.client, settings.current(), older=100 * 86400, failed=True)
    _assert_gone(line, letter)


def _dead_letter(ambush: Ambush) -> str:
    """A job that has failed for good."""
    line = ambush.line
    job = line.job(doomed=True, queue="default", retry=Retry(1))
    ambush.planned.append(job.id)
    ambush.man(1)
    line.submit([job])
    wait_for(lambda: line.status(job.id) == "failed", "a job to fail for good", READY)
    return job.id


def _assert_gone(line: Line, job_id: str) -> None:
    assert [key for key in line.client.scan_iter("*") if key.endswith(job_id.encode())] == []
    assert line.client.zscore(keys.registry("failed", "default"), job_id) is None
    line.accepted.remove(job_id)


def _halted_lane(ambush: Ambush) -> tuple[str, list[str]]:
    """A lane that a job has halted, and who waits in it."""
    line = ambush.line
    lane = f"lane-{len(line.accepted)}"
    head, *rest = [line.job(key=lane, policy="halt", doomed=not number) for number in range(3)]
    ambush.planned.append(head.id)
    ambush.man(1)
    line.submit([head, *rest])
    _wait_until_halted(line, lane)
    return lane, [job.id for job in rest]


def _wait_until_halted(line: Line, lane: str) -> None:
    wait_for(lambda: lanes.lane(lane, line.client).state == "halted", f"{lane} to be halted", READY)


def schedule(line: Line) -> None:
    """An hourly entry that is due now; its job is accepted as of then."""
    due, entry = int(time.time()), f"hourly-{len(line.accepted):05d}"
    job_id = f"{entry}-{due}"
    line.accepted.append(job_id)
    Store(line.client).schedule(
        datetime.fromtimestamp(due, UTC), t.work, [str(line.log.path), job_id], interval=HOURLY, id=entry
    )


def server_time(client: Redis) -> float:
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


GROUPS: dict[str, dict[str, Provoke]] = {
    "child": {
        "settle, others follow": feed_a_dependency,
        "claim": feed_more,
        "wait at the bell": feed,
        "settle": feed,
        "give back": feed_unevenly,
        "held, reply lost": feed,
        "give back, reply lost": feed,
        "echo": await_it,
        "report": feed_who_tells,
        "tell": feed,
        "settle, draining": end_while_it_runs,
        "give back, draining": end_while_jobs_wait,
    },
    "child with locks": dict.fromkeys(("lock", "annotate", "renew", "unlock"), feed_locked),
    "child with a pool": {"give back, interrupted": interrupt},
    "keeper": {
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
    },
    "draining keeper": {
        "held, draining": end,
        "put back, draining": end_too_slowly,
        "retire, draining": end,
        "step down": end_the_leader,
        "publish, stopped": end,
    },
    "single keeper": {
        "become the single one": take_over,
        "stay the single one": hold_on,
        "give the type back": hand_over,
        "take a type away": take_away,
    },
    "scheduler": {
        "promote": promote,
        "advance": advance,
        "scheduler's ring": start_scheduler,
        "due": start_scheduler,
        "scheduler's fire": schedule_and_start,
        "scheduler's publish": start_scheduler,
        "recover": lose_the_only_worker,
        "enqueue": enqueue,
        "resume a lane": resume_a_lane,
        "clear a lane": clear_a_lane,
        "retry a dead letter": retry_a_dead_letter,
        "delete a dead letter": delete_a_dead_letter,
        "cancel a job": cancel_a_job,
        "run a job now": run_a_job_now,
        "empty a queue": empty_a_queue,
        "trim": clean_up,
        "purge": clean_up,
    },
}
