"""The watchdog: starts the loops of this process, watches them, and does what ``verdict`` decides."""

import asyncio
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from jobs import logs
from jobs.supervise.loops import Loop
from jobs.supervise.roll import Roll
from jobs.supervise.runs import Run, TaskRun, ThreadRun
from jobs.supervise.timeouts import hanging
from jobs.supervise.verdict import Absence, Seen, Verdict, decide

log = logs.of("loop")

LOOK = 0.5
LATE = 2.0
"""Seconds that a look may be late; what is more was an absence, which no loop is blamed for."""
REMEMBER = 3600.0


@dataclass
class Kept:
    """A loop and the runs it has had."""

    loop: Loop
    row: int
    run: Run
    died: float | None = None
    leaving_since: float | None = None
    """Since when its run has been superseded and the next has not begun."""
    restarts: list[float] = field(default_factory=list)


class Watchdog:
    """Keeps loops running, in the thread that calls ``run``."""

    def __init__(self, loops: Iterable[Loop], roll: Roll) -> None:
        self._roll = roll
        self._events = asyncio.new_event_loop()
        self._superseded: list[Run] = []
        self._absences: list[Absence] = []
        self._kept = []
        for loop in loops:
            row = roll.claim(loop.name, loop.max_silence, loop.grace)
            self._kept.append(Kept(loop, row, self._new_run(loop, row)))

    def run(self, stop: threading.Event) -> Verdict:
        """Watch until ``stop`` is set, or until a verdict says that this process is to end; returns that verdict."""
        if any(kept.loop.is_async for kept in self._kept):
            threading.Thread(target=self._run_events, name="async loops", daemon=True).start()
        if time.monotonic() < self._roll.trusted_until:
            for kept in self._kept:
                self._start(kept)
        looked = time.monotonic()
        while not stop.is_set():
            now = time.monotonic()
            if now >= self._roll.trusted_until:
                return Verdict(renew="another worker of this type may run the loops now")
            if now - looked > LOOK + LATE:
                self._absences = [(a, b) for a, b in [*self._absences, (looked, now)] if now - b < REMEMBER]
            looked = now
            verdict = self._look(now)
            if verdict.escalate or verdict.renew:
                return verdict
            stop.wait(max(0.0, min(LOOK, self._roll.trusted_until - time.monotonic())))
        return Verdict()

    def end(self, patience: float) -> None:
        """End every loop where it waits or pings; after half of ``patience``, in seconds, wherever it is."""
        for kept in self._kept:
            kept.run.ping.supersede()
        if not self._all_end_within(patience / 2):
            for kept in self._kept:
                kept.run.supersede()
            if not self._all_end_within(patience / 2):
                names = ", ".join(kept.loop.name for kept in self._kept if not kept.run.ended.is_set())
                log.warning("loops that did not end in time: %s", names)

    def _look(self, now: float) -> Verdict:
        self._superseded = [run for run in self._superseded if not run.ended.is_set()]
        left = hanging() + len(self._superseded)
        self._roll.beat(now, left)
        rows = {row.name: row for row in self._roll.rows()}
        watched = []
        for kept in self._kept:
            if kept.leaving_since is not None:
                if why := self._replace(kept, now):
                    return Verdict(renew=why)
                continue
            kept.run.expire(now)
            if kept.run.ended.is_set():
                kept.died = kept.died or now
            loop, row = kept.loop, rows[kept.loop.name]
            watched.append(
                Seen(
                    loop.name,
                    row.started,
                    row.last_ping,
                    loop.max_silence,
                    loop.grace,
                    kept.died,
                    kept.restarts,
                    loop.max_restarts,
                    loop.window,
                )
            )
        verdict = decide(watched, now, left, self._absences)
        for kept in self._kept:
            if kept.loop.name in verdict.restart:
                self._leave(kept, verdict.restart[kept.loop.name], now)
        return verdict

    def _leave(self, kept: Kept, why: str, now: float) -> None:
        log.error("loop %s %s: it is started again", kept.loop.name, why)
        kept.leaving_since = now
        kept.restarts.append(now)
        kept.run.supersede()
        self._roll.end(kept.row)
        self._replace(kept, now)

    def _replace(self, kept: Kept, now: float) -> str:
        """Start a loop again once its last run has ended, or has had its time to; returns why that cannot help."""
        assert kept.leaving_since is not None
        if not kept.run.ended.is_set():
            if now - kept.leaving_since < kept.run.patience:
                return ""
            if kept.run.blocked:
                busy = ", ".join(row.name for row in self._roll.rows() if row.busy_since)
                return f"the event loop does not answer, so no async loop runs; inside a cycle: {busy or 'none'}"
            log.warning("the last run of loop %s hangs; the next begins beside it", kept.loop.name)
            self._superseded.append(kept.run)
        kept.run, kept.died, kept.leaving_since = self._new_run(kept.loop, kept.row), None, None
        self._start(kept)
        return ""

    def _start(self, kept: Kept) -> None:
        self._roll.start(kept.row, time.monotonic())
        kept.run.start()

    def _new_run(self, loop: Loop, row: int) -> Run:
        return TaskRun(loop, self._roll, row, self._events) if loop.is_async else ThreadRun(loop, self._roll, row)

    def _run_events(self) -> None:
        asyncio.set_event_loop(self._events)
        while True:
            try:
                self._events.run_forever()
            except BaseException:  # a task that a loop has made may raise SystemExit
                log.exception("something has stopped the event loop of the async loops; it goes on")

    def _all_end_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        return all(kept.run.ended.wait(max(0.0, until - time.monotonic())) for kept in self._kept)
