"""What is done to a line. Each scenario is a function of a line and a scale; tests run it short, the soak in full."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import cast

from redis.exceptions import OutOfMemoryError
from rq import Queue
from rq.command import PUBSUB_CHANNEL_TEMPLATE

from jobs import gates, keys, queues
from jobs.job import Job
from jobs.scripts import NewJob
from jobs.worker import nursery
from tests.chaos import tasks as t
from tests.chaos.line import BLAMELESS, Line, Part, alive
from tests.chaos.log import before_their_time, out_of_order, overlaps
from tests.chaos.report import Report
from tests.chaos.sentinel import DEFAULT_PORT, Service, visitors
from tests.chaos.server import Server
from tests.support import Process, start_of_a_child, wait_for

KEYS = 40
STUMBLES, DOOMED = 0.03, 0.01
READY = 20.0
LOOKS, AT_ONCE = 7, 0.15
"""So many looks at an idle line, of which half take at most so many seconds."""
HARMLESS = (t.return_twice,)
"""Nasty tasks that come to their end all the same."""


@dataclass(frozen=True)
class Scale:
    """How much of it. ``every`` is the mean time between two kills, in seconds."""

    jobs: int = 300
    kills: int = 15
    every: float = 0.8
    workers: int = 2

    @property
    def batch(self) -> int:
        return self.jobs // self.kills


def workers_killed(line: Line, scale: Scale, part: Part) -> Report:
    """SIGKILL a worker, or one part of it, again and again; what is missing is started again, as platforms do."""
    line.queues = ("high", "low")
    line.environ |= BLAMELESS
    line.start_and_wait(scale.workers)
    for _ in range(scale.kills):
        line.feed(scale.batch)
        line.kill(line.victim(), part)
        line.start(scale.workers - len(line.living))
        line.pace(scale.every)
    return line.report()


def workers_told_to_end(line: Line, scale: Scale) -> Report:
    """SIGTERM a worker, to its keeper or to all of it, while another serves."""
    line.queues = ("high", "low")
    line.start_and_wait(scale.workers)
    for _ in range(scale.kills):
        line.feed(scale.batch)
        worker = line.victim()
        tree = alive(worker)
        line.living.remove(worker)
        line.start()
        line.signal(tree if line.random.random() < 0.5 else tree[:1], signal.SIGTERM)
        line.pace(scale.every)
    return line.report()


def workers_frozen(line: Line, scale: Scale) -> Report:
    """SIGSTOP a worker past its lease while another serves, then let it go on: what it still hands in is late."""
    line.environ |= BLAMELESS
    line.start_and_wait(scale.workers)
    for _ in range(scale.kills):
        line.feed(scale.batch, seconds=0.2)
        _freeze(line, wait_for(lambda: next(filter(line.runs_of, line.living), None), "a busy worker"))
    return line.report()


def _freeze(line: Line, worker: Process) -> None:
    keeper, *children = alive(worker)
    line.signal([keeper, *children], signal.SIGSTOP)
    wait_for(lambda: all(map(_has_stopped, children)), "every thread to stop")
    frozen = {run.id for run in line.runs_of(worker)}
    others = set(children)
    wait_for(
        lambda: frozen <= {run.id for run in line.log.runs() if run.pid not in others and run.ended},
        f"{frozen} to be run by another worker",
        within=READY,
    )
    wait_for(lambda: all(line.status(job_id) == "finished" for job_id in frozen), "their outcomes")
    heard = len(worker.lines)
    line.signal(children, signal.SIGCONT)  # before its keeper, which would kill it before it could hand anything in
    wait_for(lambda: all(_refused(worker, heard, job_id) for job_id in frozen), f"{frozen} to be refused")
    line.signal([keeper], signal.SIGCONT)
    wait_for(lambda: not set(children) & set(alive(worker)), "the child without a lease to end")


def _has_stopped(pid: int) -> bool:
    """Has every thread of a process stopped? Told by Linux; elsewhere it is believed."""
    states = [stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(states) <= {"T"}


def _refused(worker: Process, since: int, job_id: str) -> bool:
    return any(f"job refused job={job_id}" in line for line in worker.lines[since:])


def server_killed(line: Line, server: Server, scale: Scale) -> Report:
    """SIGKILL Redis while jobs are sent and run, and start it from its file."""
    line.start_and_wait(scale.workers)
    feeder = threading.Thread(target=_feed_slowly, args=(line, scale))
    feeder.start()
    for _ in range(scale.kills):
        line.pace(scale.every)
        _restart(line, server, scale)
    feeder.join()
    return line.report()


def _feed_slowly(line: Line, scale: Scale) -> None:
    pause = scale.every * 1.5 * scale.kills / scale.jobs
    for _ in range(scale.jobs):
        line.submit([line.job()])
        time.sleep(pause)


def server_loading(line: Line, server: Server, scale: Scale, seconds: float) -> Report:
    """Redis is killed, and answers LOADING for so long; a worker is started and jobs are sent meanwhile."""
    server.pad(seconds)
    line.start_and_wait(scale.workers)
    for _ in range(scale.kills):
        line.feed(scale.batch)
        line.victim()
        server.kill()
        line.blows += 1
        heard = [(worker, len(worker.lines)) for worker in line.living]
        server.start_slowly()
        line.start()
        heard.append((line.living[-1], 0))
        _wait_until_told(heard)
        line.feed(scale.batch)
    return line.report()


def _wait_until_told(heard: list[tuple[Process, int]]) -> None:
    """Wait until each worker has said, after what was heard of it before, that Redis is loading."""
    wait_for(
        lambda: all(any("is loading the dataset" in line for line in worker.lines[since:]) for worker, since in heard),
        "every worker to be told LOADING",
    )


def server_read_only(line: Line, server: Server, scale: Scale) -> Report:
    """Redis refuses every write for a while, as a demoted master does."""
    line.start_and_wait(scale.workers)
    for _ in range(scale.kills):
        line.feed(scale.batch)
        line.victim()
        server.make_read_only()
        line.blows += 1
        line.pace(scale.every)
        server.make_writable()
    return line.report()


def server_full(line: Line, server: Server, scale: Scale) -> Report:
    """Redis has no memory left: it takes no more in, and what is in goes on to its end."""
    line.start_and_wait(scale.workers)
    for _ in range(scale.kills):
        line.feed(scale.batch)
        server.make_full()
        line.blows += 1
        line.pace(scale.every)
        _assert_full(line)
        wait_for(lambda: set(line.accepted) <= line.log.ended(), "a full server to drain", within=READY)
        server.make_roomy()
    line.feed(scale.batch)
    return line.report()


def _assert_full(line: Line) -> None:
    job = line.job()
    line.accepted.remove(job.id)
    try:
        queues.submit(line.client, [job])
    except OutOfMemoryError:
        return
    raise AssertionError("a full server has accepted a job")


def sentinel_failover(line: Line, service: Service, scale: Scale) -> tuple[Report, list[str]]:
    """SIGKILL the master under Sentinel while jobs are sent and run; it comes back as a replica.

    Returns the report, and what else was wrong. What a replica has is accepted: no master can promise more.
    """
    return _without_master(line, service, scale, signal.SIGKILL, Server.start)


def sentinel_freeze(line: Line, service: Service, scale: Scale) -> tuple[Report, list[str]]:
    """``sentinel_failover`` with SIGSTOP; the old master wakes beside the new one and knows nothing of it."""
    return _without_master(line, service, scale, signal.SIGSTOP, lambda lost: lost.signal(signal.SIGCONT))


def _without_master(
    line: Line, service: Service, scale: Scale, number: signal.Signals, mend: Callable[[Server], None]
) -> tuple[Report, list[str]]:
    faults: list[str] = []
    line.move(service.url)
    line.start_and_wait(scale.workers)
    faults += _is_slow(line, "at first")
    for turn in range(scale.kills):
        _feed_replicated(line, service, scale.batch)
        line.victim()
        lost = service.lose_master(number)
        line.blows += 1
        _feed_replicated(line, service, scale.batch)
        mend(lost)
        _feed_replicated(line, service, scale.batch)
        service.take_back()
        wait_for(lambda: set(line.accepted) <= line.log.ended(), "all that was accepted to end", within=READY)
        faults += _is_slow(line, f"after turn {turn}")
    if gone := visitors([pid for worker in line.living for pid in alive(worker)]):
        faults.append(f"{len(gone)} processes went to port {DEFAULT_PORT}")
    channels = PUBSUB_CHANNEL_TEMPLATE % "*"
    wait_for(lambda: len(line.client.pubsub_channels(channels)) == len(line.living), "every worker to hear commands")
    return line.report(), faults


def _feed_replicated(line: Line, service: Service, count: int) -> None:
    for _ in range(count):
        send = partial(line.submit, [line.job()])
        wait_for(partial(service.confirms, line.client, send), "a job to be replicated", READY)


def _is_slow(line: Line, when: str) -> list[str]:
    """Does an idle line take longer than a doorbell does? Without it a job waits for the next look, half a second."""

    def took() -> float:
        job = line.job(seconds=0.0)
        began = time.monotonic()
        line.submit([job])
        wait_for(lambda: job.id in line.log.ended(), "a job on an idle line", within=READY)
        return next(run.started for run in line.log.runs() if run.id == job.id) - began

    found = median(took() for _ in range(LOOKS))
    return [f"an idle line took {found:.3f} s {when}"] if found > AT_ONCE else []


def lanes_in_order(line: Line, server: Server, scale: Scale, lanes: int) -> tuple[Report, list[str], list[str]]:
    """Jobs of many keys, a few of which fail once and a few for good, while children, workers and Redis are killed.

    Returns the report, the inversions and the overlaps.
    """
    line.environ |= BLAMELESS
    line.start_and_wait(scale.workers)
    order: dict[str, list[str]] = {f"key-{number}": [] for number in range(lanes)}
    doomed: list[str] = []
    for _ in range(scale.kills):
        _feed_lanes(line, scale.batch, order, doomed)
        _kill_something(line, server, scale)
        line.pace(scale.every)
    report = line.report(doomed)
    lane_of = {job_id: key for key, lane in order.items() for job_id in lane}
    runs = line.log.runs()
    return report, out_of_order(runs, order, set(doomed)), overlaps(runs, lane_of, line.kills)


def _feed_lanes(line: Line, count: int, order: dict[str, list[str]], doomed: list[str]) -> None:
    made = []
    for _ in range(count):
        key, luck = line.random.choice(list(order)), line.random.random()
        made.append(line.job(key=key, stumble=luck < STUMBLES, doomed=luck > 1 - DOOMED))
        order[key].append(made[-1].id)
        doomed += [made[-1].id] * (luck > 1 - DOOMED)
    line.submit(made)


def dependents_let_go(line: Line, server: Server, scale: Scale) -> tuple[Report, list[str]]:
    """Jobs that depend on one or two others, which end together, while children, workers and Redis are killed.

    Returns the report, and those that began before what they depend on had ended.
    """
    line.environ |= BLAMELESS
    line.start_and_wait(scale.workers)
    awaited: dict[str, list[str]] = {}
    for _ in range(scale.kills):
        _feed_dependents(line, scale.batch // 4, awaited)
        _kill_something(line, server, scale)
        line.pace(scale.every)
    return line.report(), before_their_time(line.log.runs(), awaited)


def _feed_dependents(line: Line, count: int, awaited: dict[str, list[str]]) -> None:
    queue = Queue("default", connection=line.client, job_class=Job, serializer="json")
    gates.pause(line.client, queue.name)
    for _ in range(count):
        first, second = line.job(seconds=0), line.job(seconds=0)
        line.submit([first, second])
        for others in ([first.id], [first.id, second.id]):
            job_id, seconds = line.job().id, line.random.uniform(0, 0.1)
            queue.enqueue(t.work, str(line.log.path), job_id, seconds, job_id=job_id, depends_on=others)
            awaited[job_id] = others
    gates.resume(line.client, queue.name)


def _kill_something(line: Line, server: Server, scale: Scale) -> None:
    part = line.random.choice(("tree", "tree", "child", "child", "server"))
    if part == "server":
        _restart(line, server, scale)
    else:
        line.kill(line.victim(), cast(Part, part))
        line.start(scale.workers - len(line.living))


def _restart(line: Line, server: Server, scale: Scale) -> None:
    server.kill()
    line.blows += 1
    line.pace(scale.every / 2)
    server.start()


def children_recovered(line: Line, scale: Scale) -> Report:
    """SIGKILL a child of the only worker that has been ready a while, and let its jobs come back before the next."""
    line.environ |= BLAMELESS
    line.start_and_wait()
    seen: dict[int, float] = {}
    lived = nursery.RESTART + nursery.AT_ONCE + start_of_a_child()
    for _ in range(scale.kills):
        wait_for(lambda: _youngest(line.living[0], seen) > lived, "the last child to be older")
        _kill_and_wait(line, line.living[0], "child", scale)
    return line.report()


def _youngest(worker: Process, seen: dict[int, float]) -> float:
    """For how many seconds a worker's last child has been ``seen``: the system's own word is up to 1 s off."""
    now = time.monotonic()
    return now - max(seen.setdefault(pid, now) for pid in alive(worker))


def workers_recovered(line: Line, scale: Scale) -> Report:
    """SIGKILL one worker while another lives, and let its jobs come back before the next."""
    line.environ |= BLAMELESS
    line.start_and_wait()
    for _ in range(scale.kills):
        line.start_and_wait()
        _kill_and_wait(line, line.living[1], "tree", scale)
    return line.report()


def _kill_and_wait(line: Line, worker: Process, part: Part, scale: Scale) -> None:
    line.feed(scale.batch, seconds=0.2)
    wait_for(lambda: line.runs_of(worker), "the victim to be busy")
    line.kill(worker, part)
    wait_for(lambda: set(line.accepted) <= line.log.ended(), "what was interrupted to end", within=READY)


def interpreter_held(line: Line, scale: Scale, seconds: int) -> tuple[Report, float, float]:
    """A job lets no other thread of its process run. Returns the report, and, while it did so, the least that was left
    of the lease and the greatest age of its keeper's last tick, in seconds."""
    line.start_and_wait()
    holder = line.nasty(t.hold_interpreter, seconds)
    line.submit([*_honest(line, scale.jobs // 2), holder, *_honest(line, scale.jobs // 2)])
    wait_for(lambda: holder.id in {run.id for run in line.log.running()}, "the interpreter to be held")
    left, age = [], []
    while holder.id in {run.id for run in line.log.running()}:
        at, ticked, lease = _vital_signs(line)
        left.append(lease - at)
        age.append(at - ticked)
        time.sleep(0.05)
    line.blows += 1
    return line.report(), min(left), max(age)


def _vital_signs(line: Line) -> tuple[float, float, float]:
    """The server's time, that of the last tick, and until when the only lease lasts."""
    with line.client.pipeline() as pipeline:
        pipeline.time()
        pipeline.get(keys.TICKED)
        pipeline.zrange(keys.LEASES, 0, 0, withscores=True)
        (seconds, microseconds), ticked, leases = pipeline.execute()
    return seconds + microseconds / 1e6, float(ticked), float(leases[0][1])


def nasty_beside_innocents(line: Line, scale: Scale, task: Callable[..., object], *args: object) -> tuple[Report, str]:
    """One nasty job among honest ones, all in one child. Returns the report and the id of the nasty one."""
    line.start_and_wait()
    half = scale.jobs // 2
    before, nasty, after = _honest(line, half), line.nasty(task, *args), _honest(line, half)
    line.submit([*before, nasty, *after])
    line.blows += 1
    planned = [] if task in HARMLESS else [nasty.id]
    return line.report(planned), nasty.id


def _honest(line: Line, count: int) -> list[NewJob]:
    return [line.job() for _ in range(count)]
