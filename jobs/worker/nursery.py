"""The keeper's children: started, watched, and buried with what they held put back."""

import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from redis import Redis

from jobs import keys, logs, scripts
from jobs.errors import SignalboxError
from jobs.registry import Inventory
from jobs.scripts import Held, Settlement
from jobs.supervise.instance import TOKEN
from jobs.supervise.process import PARENT, is_stopped
from jobs.worker.execution import packed
from jobs.worker.life import Life
from jobs.worker.load import load
from jobs.worker.meter import Meter
from jobs.worker.readiness import SLOW, Readiness
from jobs.worker.renewal import Limits, resident
from jobs.worker.table import Running, Table
from jobs.worker.vigil import Vigil

log = logs.of("worker")

OVERTIME = 5.0
"""Seconds past its timeout after which a job that cannot be interrupted is ended with its child."""
STOPPING = 4.0
"""Seconds after which a job that was asked to stop, and goes on, is ended so."""
ALONE = 1.0
"""Both, where its child runs nothing else."""
BEGINS = 2.0
"""Seconds within which a job that a child has been given begins."""
DRAIN = 1.0
"""Seconds that the others in that child may still take to end."""
STEADY = 5.0
"""Seconds after which a child that still lives makes up for those that died before it."""
AT_ONCE = 0.5
"""Seconds within which a child dies that is given what kills it as soon as it is ready."""
RESTART = 1.0
CORES = os.cpu_count() or 1
BAD_SETTING = 2


LOOK = 1.0
"""Seconds between two looks at what children take."""
HANGS, AGAIN = 120.0, 60.0
"""Seconds that a child which is to take another's place may import, and until the next try when it was not ready."""
LEAVE = 10.0
NO_LIMITS = Limits()


class SettingsRefused(SignalboxError):
    """A child has ended with the code for a bad setting; it has said which."""


@dataclass
class Child:
    """One child process and the table in which it says what it runs."""

    id: str
    process: subprocess.Popen[bytes]
    table: Table
    born: float
    readiness: Readiness
    vigil: Vigil
    ready_since: float | None = None
    ending_since: float | None = None
    apart: bool = False
    """It runs suspects, one at a time, and nothing else."""
    leaving_since: float | None = None
    """It has been told to take nothing more, because another has taken its place."""
    stops: dict[str, float] = field(default_factory=dict)
    """When executions were asked to stop, by token."""

    @property
    def inventory(self) -> Inventory | None:
        """What it can run, once it is ready."""
        return self.readiness.inventory

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def hear(self, now: float) -> None:
        """Hear what it has said, and from when on it is ready."""
        self.readiness.hear()
        if self.ready_since is None and self.readiness.inventory:
            self.ready_since = now

    def has_died_at_once(self, now: float) -> bool:
        """Has it, which is dead, died as soon as it was ready?"""
        return self.ready_since is None or now - self.ready_since < AT_ONCE

    def ask_to_stop(self, job_id: str) -> bool:
        """Ask a job to stop; False when it does not run here."""
        token = self.table.ask_to_stop(job_id)
        if token:
            self.stops.setdefault(token, time.monotonic())
        return token is not None

    def overrun(self, now: float) -> list[Running]:
        """What it runs so long past its timeout, or after a stop was asked for, that it cannot be interrupted."""
        overtime, stopping = (OVERTIME, STOPPING) if self.table.slots > 1 else (ALONE, ALONE)
        return [
            one
            for one in self.table.running()
            if (one.deadline and now > one.deadline + overtime)
            or (one.token in self.stops and now > self.stops[one.token] + stopping)
        ]

    def kill(self) -> None:
        """Kill the child and all that it has started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


class Nursery:
    """Keeps ``count`` children of ``threads`` threads each. Call ``tend`` often, from the main thread."""

    def __init__(
        self,
        client: Redis,
        worker: str,
        queues: tuple[str, ...],
        *,
        count: int,
        threads: int,
        lease: float,
        survives: int,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self._client = client
        self._life = Life(client, worker)
        self._meter = Meter(worker)
        self._worker = worker
        self._queues = queues
        self._count = count
        self._threads = threads
        self._lease = lease
        self._survives = survives
        self._limits = limits
        self._renew_at = 0.0
        self._heir: tuple[Child, Child] | None = None
        """A child that is not ready yet, and the one whose place it is to take."""
        self._children: list[Child] = []
        self._unburied: list[Child] = []
        self._start_at = 0.0
        self._token, self._until = 0, math.inf
        self._crashes = 0
        self._died_at_once = False
        """The child that died last did so as soon as it was ready."""
        self._fails_in = ""
        """The module that a child imported when it died last, if it was not ready."""
        self.suspects = False
        """Do jobs wait whose process has died under them before?"""
        self._to_stop: dict[str, float] = {}
        """When jobs were to be stopped that did not run here."""

    @property
    def load(self) -> dict[str, Any]:
        """What the children run, for the worker's identity."""
        now = time.monotonic()
        if any(child.inventory and not child.apart and now - child.born > STEADY for child in self._children):
            self._crashes, self._fails_in = 0, ""
        loading = [child for child in self._children if child.inventory is None and now - child.born > SLOW]
        return {
            **load([child.table for child in self._children], now),
            "crashes": self._crashes,
            "fails_in": self._fails_in,
            "hangs_in": loading[0].readiness.module if loading else "",
            "hangs_for": round(now - loading[0].born, 1) if loading else 0.0,
        }

    @property
    def ids(self) -> list[str]:
        """The children whose leases are to be renewed: the living, and the dead whose jobs are not yet back."""
        return [child.id for child in [*self._children, *self._unburied]]

    @property
    def inventory(self) -> Inventory | None:
        """What the children can run, once one has said so."""
        return next((child.inventory for child in self._children if child.inventory), None)

    @property
    def running(self) -> int:
        """How many jobs the children run."""
        return sum(len(child.table.running()) for child in self._children)

    @property
    def executions(self) -> list[tuple[str, str, float]]:
        """Id, token and seconds so far of each job that the children run, the longest first, heartbeats left out."""
        now = time.monotonic()
        found = sorted((one.started, one.id, one.token) for child in self._children for one in child.table.running())
        return [(job, token, now - started) for started, job, token in found if not job.startswith(keys.HEARTBEAT)]

    def holds_jobs(self) -> bool:
        """Do the children hold any, begun or not? Raises ``RedisError``."""
        return any(self._client.exists(keys.held(child)) for child in self.ids)

    @property
    def loops(self) -> int:
        """How many loops there are for this worker to run, as far as a child has said."""
        return max((child.readiness.loops for child in self._children), default=0)

    def tend(self) -> None:
        """Bury who has died, end what overruns, start who is missing. Raises ``RedisError``; call again then."""
        now = time.monotonic()
        for child in list(self._children):
            if not child.alive:
                if child.process.returncode == BAD_SETTING and self.inventory is None:
                    raise SettingsRefused
                self._children.remove(child)
                self._unburied.append(child)
                if not child.table.running():  # else a job ended it, which is not started again so soon
                    self._start_at = max(self._start_at, child.born + RESTART)
            else:
                child.hear(now)
                child.readiness.warn(f"child {child.id}", now - child.born)
                self._end_overrun(child, now)
                self._end_wedged(child, now)
                self._end_idle(child, now)
        self._stop_late(now)
        self._bury_all()
        self._renew(now)
        if now >= self._start_at:
            while self._places() < self._count and self._loading(now) < CORES:
                self._children.append(self._start())
            self._keep_apart(now)

    def lose(self, child_ids: list[str]) -> None:
        """End children whose lease is gone: what they run is another's now."""
        for child in self._children:
            if child.id in child_ids:
                log.error("child %s has lost its lease and is killed", child.id)
                child.kill()

    def trust(self, token: int, until: float) -> None:
        """Let the children work until then, on the monotonic clock, and their jobs read this token."""
        self._token, self._until = token, until
        for child in self._children:
            child.table.trusted_until = until

    def cut_off(self) -> None:
        """Kill all children, because their time is up: nobody is to blame. Any thread may call this."""
        for child in list(self._children):
            child.ending_since = child.ending_since or time.monotonic()
            if child.alive:
                log.warning("child %s is ended, and its jobs go back: it may not work any longer", child.id)
                child.kill()

    def ask_to_end(self) -> None:
        """Have the children take nothing more, give back what they have not started, and finish what runs."""
        self.signal(signal.SIGTERM)

    def is_busy(self) -> bool:
        return any(child.alive for child in self._children)

    def end(self) -> None:
        """Kill the children that are left, and put back what they and the dead held. Raises ``RedisError``."""
        for child in self._children:
            if child.alive and child.ending_since is None:
                log.warning("child %s has not finished in time; its jobs go back", child.id)
                child.ending_since = time.monotonic()
            if child.alive:
                child.kill()
                child.process.wait()
        self._unburied += self._children
        self._children = []
        self._bury_all()

    def stop_job(self, job_id: str) -> bool:
        """Ask the slot that runs a job to stop it; False when none of ours does yet."""
        found = any(child.ask_to_stop(job_id) for child in list(self._children))
        if not found:
            self._to_stop[job_id] = time.monotonic()
        return found

    def _stop_late(self, now: float) -> None:
        """Stop jobs that had been given to a child, and had not begun, when they were to be stopped."""
        for job_id, asked in list(self._to_stop.items()):
            if now - asked > BEGINS or any(child.ask_to_stop(job_id) for child in self._children):
                self._to_stop.pop(job_id, None)

    def signal(self, number: signal.Signals) -> None:
        for child in self._children:
            if child.alive:
                child.process.send_signal(number)

    def _places(self) -> int:
        """How many children there are for jobs to come, without those that leave, and without an heir."""
        places = sum(child.leaving_since is None and not child.apart for child in self._children)
        return places - (self._heir is not None)

    def _renew(self, now: float) -> None:
        """Replace a child that has exceeded its limits: one at a time, but for one that can open no more files.

        The new one imports first; only then does the old one take nothing more, and end when its jobs have.
        """
        if self._heir:
            self._go_on_with(*self._heir, now)
        elif now >= self._renew_at:
            self._renew_at = now + LOOK
            is_free = all(child.leaving_since is None for child in self._children)
            found = [
                (one, why)
                for one in self._children
                if one.inventory and one.leaving_since is None and one.ending_since is None and not one.apart
                if (is_free or one.table.spent) and (why := self._exceeds(one, now))
            ]
            if found:
                old, why = min(found, key=lambda one: len(one[0].table.running()))
                self._children.append(new := self._start())
                self._heir = new, old
                log.info("child %s is to take the place of %s: %s", new.id, old.id, why)

    def _exceeds(self, child: Child, now: float) -> str | None:
        if child.table.spent:
            return "it can open no more files; jobs that it ran have left theirs open"
        weighs = self._limits.memory and now - child.born > STEADY
        return self._limits.exceeded(child.table.done, resident(child.process.pid) if weighs else 0)

    def _go_on_with(self, new: Child, old: Child, now: float) -> None:
        if new not in self._children or old not in self._children or now - new.born > HANGS:
            self._heir = None
            if old in self._children:
                self._renew_at = now + AGAIN
                log.warning("child %s goes on: %s, which was to take its place, was not ready", old.id, new.id)
            if old in self._children and new in self._children:
                new.ending_since = now
                new.kill()
        elif new.inventory:
            self._heir = None
            old.leaving_since = now
            old.process.terminate()

    def _keep_apart(self, now: float) -> None:
        """Have a child of its own while suspects wait, and until the last of them has ended."""
        apart = next((child for child in self._children if child.apart), None)
        if not apart:
            if self.suspects and not self._loading(now):
                self._children.append(self._start(apart=True))
        elif apart.inventory and not self.suspects and not apart.table.running() and not apart.leaving_since:
            apart.leaving_since = now
            apart.process.terminate()

    def _loading(self, now: float) -> int:
        """How many children are busy importing; more at once would only all be late."""
        return sum(child.inventory is None and now - child.born < SLOW for child in self._children)

    def _start(self, apart: bool = False) -> Child:
        child_id = f"{self._worker}.{token_hex(3)}"
        scripts.grant(self._client, child_id, self._lease)
        threads, source = (1, "suspects") if apart else (self._threads, "queues")
        table = Table.create(threads)
        table.trusted_until = self._until
        ready, say_ready = os.pipe()
        arguments = (child_id, self._worker, str(threads), str(table.file), str(say_ready), source, *self._queues)
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs.worker.child", *arguments],
            env={**os.environ, PARENT: str(os.getpid()), TOKEN: str(self._token)},
            stdin=subprocess.DEVNULL,
            pass_fds=(table.file, say_ready),
            start_new_session=True,
        )
        use = "for jobs whose process has died before" if apart else f"{threads} threads"
        log.info("child %s started with pid %d, %s", child_id, process.pid, use)
        os.close(say_ready)
        now = time.monotonic()
        return Child(child_id, process, table, now, Readiness(ready), Vigil(now), apart=apart)

    def _end_overrun(self, child: Child, now: float) -> None:
        """Kill a child one of whose jobs cannot be interrupted, once its others have had a second to end."""
        overrun = child.overrun(now)
        if not overrun:
            return
        if child.ending_since is None:
            child.ending_since = now
            child.process.terminate()
            log.warning(
                "job %s %s and cannot be interrupted%s: child %s is ended with it",
                overrun[0].id,
                "was asked to stop" if overrun[0].token in child.stops else "runs past its timeout",
                ", because it holds the event loop" if overrun[0].held else "",
                child.id,
            )
        others = len(child.table.running()) - len(overrun)
        if not others or now - child.ending_since > DRAIN:
            child.kill()

    def _end_wedged(self, child: Child, now: float) -> None:
        """Kill a child that lives and does not consume; what it runs is not to blame."""
        is_due = child.inventory is not None and child.ending_since is None and child.leaving_since is None
        if child.vigil.is_wedged(now, child.table, is_due, lambda: is_stopped(child.process.pid)):
            log.error("child %s lives, has a free slot and does not ask for jobs: it is killed and replaced", child.id)
            child.ending_since = now
            child.kill()

    def _end_idle(self, child: Child, now: float) -> None:
        """Kill a child that has been told to leave, runs nothing, and does not end: Redis is out of its reach."""
        if child.table.running():
            child.leaving_since = child.leaving_since and now
        elif child.leaving_since and now - child.leaving_since > LEAVE and not child.ending_since:
            log.warning("child %s has not ended and is killed; its jobs go back", child.id)
            child.ending_since = now
            child.kill()

    def _bury_all(self) -> None:
        while self._unburied:
            self._bury(self._unburied[0])
            child = self._unburied.pop(0)
            child.table.close()
            child.readiness.close()

    def _bury(self, child: Child) -> None:
        """Settle what overran, charge what was running, put back everything that the child held."""
        code = child.process.returncode
        running = {one.id: one for one in child.table.running()}
        now = time.monotonic()
        if child.ending_since is not None and (overrun := child.overrun(now + DRAIN)):
            endings = [_ended_with_child(one, one.token in child.stops) for one in overrun]
            replies = scripts.settle(self._client, self._worker, child.id, endings)
            self._life.ended(endings, replies)
            self._meter.ended(endings, replies)
            self._meter.tell(self._client)
        blamed = child.ending_since is None
        fault = "again and again, that fails the job" if blamed else "that is no fault of the job's"
        why = packed(f"The process that ran this job ended {_ending(code)}; {fault}.\n")
        suspects = set(running) if blamed else set()
        held = [
            Held(job_id, token, suspects == {job_id}, why if job_id in running else b"", suspect=job_id in suspects)
            for job_id, token in scripts.held(self._client, child.id)
        ]
        if held:
            in_a_row = blamed and self._died_at_once and child.has_died_at_once(now)
            back, failed = scripts.release(self._client, child.id, held, self._survives, in_a_row)
            log.warning("child %s ended %s: %d jobs are back, %d have failed", child.id, _ending(code), back, failed)
            self._life.recovered([one.id for one in held if one.why], f"its child ended {_ending(code)}")
        scripts.retire(self._client, child.id)
        if blamed and not child.apart and not (child.leaving_since and code == 0):
            self._crashes += 1
            self._died_at_once = child.has_died_at_once(now)
        child.readiness.hear()
        if child.inventory is None and blamed and code != BAD_SETTING:
            self._fails_in = child.readiness.module
            log.error("child %s ended %s while it imported %s", child.id, _ending(code), self._fails_in or "Signalbox")
        elif child.inventory and not held and blamed and code:
            log.warning("child %s ended %s", child.id, _ending(code))


def _ended_with_child(running: Running, was_stopped: bool) -> Settlement:
    ended = time.time()
    started = ended - (time.monotonic() - running.started)
    what = (
        "JobStopped: the job was asked to stop"
        if was_stopped
        else f"JobTimeoutException: the job ran {ended - started:.0f} s, past its timeout of "
        f"{running.deadline - running.started:g} s,"
    )
    because = " because it held the event loop" if running.held else ""
    text = f"{what} and could not be interrupted{because}; its process was killed.\n"
    return Settlement(running.id, running.token, "stopped" if was_stopped else "failed", packed(text), started, ended)


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"by {signal.Signals(-code).name}"
    return f"with code {code}"
