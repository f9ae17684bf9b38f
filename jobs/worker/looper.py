"""The keeper's side of the loops: starts their process, kills it when it is stuck, and says when that is no use."""

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from jobs import logs
from jobs.registry import Inventory
from jobs.settings import Settings
from jobs.supervise.instance import TOKEN
from jobs.supervise.process import PARENT
from jobs.supervise.restarts import RestartPolicy
from jobs.supervise.roll import Roll
from jobs.supervise.verdict import Absence, Seen, missed, stuck
from jobs.worker.loops_child import ESCALATED
from jobs.worker.nursery import BAD_SETTING
from jobs.worker.readiness import Readiness

log = logs.of("loop")

LOOK = 0.25
LATE = 2.0
POLICY = RestartPolicy(limit=5, window=600.0, first=0.5, cap=2.0)


class Looper:
    """Keeps the process of the loops, from a thread of its own that no Redis can hold up.

    The thread lives as long as the keeper, because the kernel ends the process with the thread that started it.
    """

    def __init__(self, settings: Settings, stop: threading.Event) -> None:
        self._grace = settings.grace * 0.8
        self._stop = stop
        self._paused = threading.Event()
        self._thread = threading.Thread(target=self._run, name="loops")
        self._process: subprocess.Popen[bytes] | None = None
        self._token, self._until = 0, math.inf
        self._roll: Roll | None = None
        self.inventory: Inventory | None = None
        """What the process can run, once it has said so."""
        self.code = 0
        """What the worker ends with: not 0 once the loops have been given up, which also sets ``stop``."""
        self.tell: Callable[[], None] = lambda: None
        """Called when a loop has begun, died or been started again."""

    def start(self) -> None:
        """Start the loops, or go on with them."""
        self._paused.clear()
        if not self._roll:
            self._roll = Roll.create()
            self._roll.trusted_until = self._until
            self._thread.start()

    def trust(self, token: int, until: float) -> None:
        """Let the loops run until then, on the monotonic clock, and those that start now read this token."""
        self._token, self._until = token, until
        if self._roll:
            self._roll.trusted_until = until

    def pause(self) -> None:
        """Kill the loops, at once, until ``start`` is called: they are another worker's to run."""
        self._paused.set()
        if self._process:
            _kill(self._process)

    def is_busy(self) -> bool:
        return self._thread.is_alive()

    def end(self) -> None:
        """Wait until the loops have ended, or been killed at the end of their grace; ``stop`` must be set."""
        if self._thread.ident:
            self._thread.join()

    def get_status(self) -> dict[str, dict[str, Any]]:
        """What each loop does, by name (see ``Roll.get_status``); empty where there are none."""
        return self._roll.get_status(time.monotonic()) if self._roll else {}

    @property
    def counters(self) -> dict[str, int]:
        """Threads that hang in the process of the loops; empty where there are none."""
        return {"hanging": self._roll.left} if self._roll else {}

    def _run(self) -> None:
        assert self._roll
        try:
            self.code = self._keep(self._roll)
        except BaseException:
            self.code = ESCALATED
            raise
        finally:
            self._stop.set()

    def _keep(self, roll: Roll) -> int:
        """Keep the process until ``stop`` is set; returns the code that the worker ends with."""
        ends: list[float] = []
        while not self._stop.is_set():
            if self._paused.is_set():
                self._stop.wait(LOOK)
                continue
            code = self._live(roll)
            if self._stop.is_set():
                break
            if self._paused.is_set():
                continue
            if code == ESCALATED or (code == BAD_SETTING and not self.inventory):
                return code
            ends.append(time.monotonic())
            delay = POLICY.delay(ends, ends[-1])
            if delay is None:
                log.error("the loops' process has ended %d times in %g s: given up", len(ends), POLICY.window)
                return ESCALATED
            log.error("the loops' process ended with code %s; next start in %.1f s", code, delay)
            self._stop.wait(delay)
        return 0

    def _live(self, roll: Roll) -> int:
        """One process from start to end; returns its code."""
        roll.beat(0.0, 0)
        ready, say_ready = os.pipe()
        self._process = process = subprocess.Popen(
            [sys.executable, "-m", "jobs.worker.loops_child", str(roll.file), str(say_ready)],
            env={**os.environ, PARENT: str(os.getpid()), TOKEN: str(self._token)},
            stdin=subprocess.DEVNULL,
            pass_fds=(roll.file, say_ready),
            start_new_session=True,
        )
        os.close(say_ready)
        log.info("the loops' process started with pid %d", process.pid)
        readiness = Readiness(ready)
        try:
            self._watch(process, roll, readiness)
            return process.wait()
        finally:
            if not readiness.inventory and not self._stop.is_set() and not self._paused.is_set():
                log.error("the loops' process ended while it imported %s", readiness.module or "Signalbox")
            readiness.close()
            self._process = None
            _kill(process)  # what the loops have started too
            roll.end_all()
            self.tell()

    def _watch(self, process: subprocess.Popen[bytes], roll: Roll, readiness: Readiness) -> None:
        """Return when the process has ended or been killed, or has had its time to end after ``stop`` was set."""
        born = looked = time.monotonic()
        absences: list[Absence] = []
        told: list[tuple[str, int, int]] = []
        while process.poll() is None:
            readiness.hear()
            self.inventory = readiness.inventory or self.inventory
            readiness.warn("the loops' process", time.monotonic() - born)
            if self._stop.wait(LOOK):
                return self._end(process)
            if self._paused.is_set():
                log.warning("the loops are killed: another worker may run them now")
                _kill(process)
                process.wait()
                return None
            now = time.monotonic()
            if now - looked > LOOK + LATE:
                absences.append((looked, now))
            looked = now
            lives = [(row.name, row.alive, row.restarts) for row in roll.rows()]
            if lives != told:
                told = lives
                self.tell()
            alive = [
                Seen(row.name, row.started, row.last_ping, row.max_silence, row.grace)
                for row in roll.rows()
                if row.alive
            ]
            if why := stuck(alive, now - missed(roll.last_beat or born, absences), born, roll.last_beat):
                busy = ", ".join(row.name for row in roll.rows() if row.busy_since) or "none"
                log.error("the loops' process %s; inside a cycle: %s; it is killed", why, busy)
                _kill(process)
                process.wait()
        return None

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(self._grace)
        except subprocess.TimeoutExpired:
            log.warning("the loops have not ended in time and are killed")
            _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
