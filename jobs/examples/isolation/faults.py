"""The faults. Each is a function in three steps, with a ``yield`` between them: build, break, repair.

Those of one group share a line, one after the other; groups have nothing to do with each other.
"""

import os
import signal
from collections.abc import Callable, Iterator
from typing import NamedTuple

import rq
from rq.serializers import JSONSerializer

from jobs.examples.isolation.line import Line, child_of, free_port
from jobs.examples.isolation.tasks import BROKEN
from jobs.health.diagnosis import Code

Steps = Iterator[None]
TASKS = "jobs.examples.isolation.tasks"
JOBS = ("-m", "jobs")


class Fault(NamedTuple):
    code: Code
    """What is to be said of it."""
    deed: str
    repair: str
    steps: Callable[[Line], Steps]


def _plain(line: Line, task: str, *arguments: object) -> str:
    """Enqueue as plain RQ does, which knows no registry; returns the id."""
    return str(rq.Queue("default", connection=line.client, serializer=JSONSerializer).enqueue(task, *arguments).id)


def _web(line: Line) -> None:
    line.start("-m", "web", PORT=str(free_port()))
    line.wait(lambda: line.says("web"), "web to be there")


def suspended(line: Line) -> Steps:
    line.work("default")
    yield
    line.run("-m", "rq.cli", "suspend", "--url", line.url())
    yield
    line.run("-m", "rq.cli", "resume", "--url", line.url())


def paused(line: Line) -> Steps:
    yield
    line.run(*JOBS, "pause", "default")
    yield
    line.run(*JOBS, "resume", "default")


def halted(line: Line) -> Steps:
    yield
    line.run(*JOBS, "enqueue", f"{TASKS}.fail", "--key", "contact:42", "--policy", "halt")
    yield
    line.run(*JOBS, "lanes", "skip", "contact:42")


def unknown(line: Line) -> Steps:
    yield
    job_id = _plain(line, "shop.tasks.send_receipt", 7)
    yield
    line.run(*JOBS, "cancel", job_id)


def pickled(line: Line) -> Steps:
    yield
    rq.Queue("default", connection=line.client).enqueue(f"{TASKS}.send", 7)
    yield
    line.run(*JOBS, "dead", "delete", "--all", "--yes")


def not_consumed(line: Line) -> Steps:
    yield
    line.run(*JOBS, "enqueue", f"{TASKS}.send", "7", "--queue", "emails")
    yield
    line.work("emails")


def other_db(line: Line) -> Steps:
    yield
    astray = line.work(REDIS_URL=line.url(1))
    yield
    line.end(astray)
    line.work()


def other_prefix(line: Line) -> Steps:
    yield
    astray = line.work(RQ_KEY_PREFIX="other")
    yield
    line.end(astray)
    line.work()


def other_server(line: Line) -> Steps:
    """The one fault that this server cannot know of; so web asks the worker itself."""
    there = line.folder / "other"
    there.mkdir()
    other = line.beside(there)
    port = str(free_port())
    line.asks = f"http://127.0.0.1:{port}"
    _web(line)
    yield
    astray = line.work(REDIS_URL=other.url(), JOBS_WORKER_PORT=port)
    yield
    line.end(astray)
    line.work(JOBS_WORKER_PORT=port)


def killed(line: Line) -> Steps:
    worker = line.work()
    yield
    line.end(worker, signal.SIGKILL)
    yield
    line.work()


def frozen(line: Line) -> Steps:
    worker = line.work()
    yield
    worker.send_signal(signal.SIGSTOP)
    yield
    worker.send_signal(signal.SIGCONT)


def crashing(line: Line) -> Steps:
    broken = line.folder / "broken"
    yield
    broken.touch()
    line.start(*JOBS, "worker", **{BROKEN: str(broken)})
    yield
    broken.unlink()


def all_busy(line: Line) -> Steps:
    line.work("--concurrency", "2", "default")
    gate = line.folder / "gate"
    yield
    for _ in range(3):
        _plain(line, f"{TASKS}.wait_for", str(gate))
    yield
    gate.touch()


def stuck(line: Line) -> Steps:
    line.work()
    yield
    line.run(*JOBS, "enqueue", f"{TASKS}.hold")
    yield


def heartbeat(line: Line) -> Steps:
    child = child_of(line.work())
    yield
    os.kill(child, signal.SIGSTOP)
    yield
    os.kill(child, signal.SIGCONT)


def no_scheduler(line: Line) -> Steps:
    scheduler = line.start(*JOBS, "scheduler")
    line.wait(lambda: line.says("scheduler"), "the scheduler to be there")
    yield
    line.end(scheduler, signal.SIGKILL)
    yield
    line.work()


def other_code(line: Line) -> Steps:
    _web(line)
    line.work()
    yield
    other = line.work(JOBS_TASKS="jobs.examples.wordcount")
    yield
    line.end(other)


def other_serializer(line: Line) -> Steps:
    yield
    other = line.work(JOBS_SERIALIZER="pickle", JOBS_ALLOW="any")
    yield
    line.end(other)


def draining(line: Line) -> Steps:
    yield
    cut = line.work(RAILWAY_ENVIRONMENT_NAME="production", PORT=str(free_port()))
    yield
    line.end(cut)


def foreign(line: Line) -> Steps:
    yield
    other = line.start("-m", "rq.cli", "worker", "default", "--url", line.url())
    yield
    line.end(other)


def evicting(line: Line) -> Steps:
    line.work()
    yield
    line.client.config_set("maxmemory-policy", "allkeys-lru")
    yield
    line.client.config_set("maxmemory-policy", "noeviction")


def forgetful(line: Line) -> Steps:
    yield
    line.client.config_set("appendonly", "no")
    yield
    line.client.config_set("appendonly", "yes")


def full(line: Line) -> Steps:
    yield
    line.client.config_set("maxmemory", "1mb")
    yield
    line.client.config_set("maxmemory", "0")


def replica(line: Line) -> Steps:
    yield
    line.client.replicaof("127.0.0.1", "1")
    yield
    line.client.replicaof("NO", "ONE")


def unreachable(line: Line) -> Steps:
    yield
    line.end(line.server, signal.SIGKILL)
    yield
    line.serve()


BY_HAND = (
    Fault("worker_suspended", "somebody runs `rq suspend`", "rq resume", suspended),
    Fault("queue_paused", "somebody pauses a queue", "python -m jobs resume default", paused),
    Fault("lane_halted", "a job fails whose lane halts", "python -m jobs lanes skip contact:42", halted),
    Fault("unknown_task", "a job names a task that no worker has", "python -m jobs cancel", unknown),
    Fault("serializer_mismatch", "plain RQ sends a job as pickle", "python -m jobs dead delete", pickled),
    Fault("queue_not_consumed", "a job goes to a queue without workers", "python -m jobs worker emails", not_consumed),
)
ASTRAY = (Fault("different_namespace", "the worker gets another db", "the same REDIS_URL for both", other_db),)
GROUPS: tuple[tuple[Fault, ...], ...] = (
    BY_HAND,
    ASTRAY,
    (Fault("different_namespace", "the worker gets another prefix", "the same RQ_KEY_PREFIX for both", other_prefix),),
    (Fault("different_redis", "the worker gets another server", "the same REDIS_URL for both", other_server),),
    (Fault("no_worker", "the only worker is killed (kill -9)", "another is started", killed),),
    (Fault("worker_silent", "the only worker is frozen (kill -STOP)", "kill -CONT", frozen),),
    (Fault("crash_loop", "a release comes that dies while it is loaded", "one that does not", crashing),),
    (Fault("all_slots_busy", "two jobs hold both slots, and a third waits", "they end", all_busy),),
    (Fault("stuck_job", "a job holds the interpreter", "its timeout ends it, with its process", stuck),),
    (Fault("heartbeat_late", "the process that runs jobs is stopped (kill -STOP)", "kill -CONT", heartbeat),),
    (
        Fault(
            "no_scheduler", "the only scheduler is killed (kill -9)", "a worker, which leads in its place", no_scheduler
        ),
    ),
    (
        Fault("code_mismatch", "web and worker get different tasks", "the same release for both", other_code),
        Fault("serializer_mismatch", "one worker gets another serializer", "the same for all", other_serializer),
        Fault("draining_too_short", "Railway is not told to wait", "the worker that it would cut is gone", draining),
        Fault("foreign_worker", "somebody starts `rq worker`", "it is stopped", foreign),
    ),
    (
        Fault("redis_evicts", "Redis may drop keys", "maxmemory-policy noeviction", evicting),
        Fault("redis_not_persistent", "Redis keeps nothing on disk", "appendonly yes", forgetful),
        Fault("redis_full", "Redis has no room", "more of it", full),
        Fault("redis_readonly", "Redis becomes a replica", "REPLICAOF NO ONE", replica),
        Fault("redis_unreachable", "Redis is killed (kill -9)", "it is started again", unreachable),
    ),
)
QUICK = (BY_HAND, ASTRAY)
