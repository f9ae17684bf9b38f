"""Supervision of the parts: start, watch, restart, drain. The parts are commands; nothing of theirs is imported."""

import signal
import threading
import time
from collections.abc import Callable, Sequence

from jobs.launcher.child import Child, exit_code
from jobs.launcher.output import Printer
from jobs.supervise.restarts import RestartPolicy

LOOK = 0.1
BAD_SETTING = 2
"""The code of a part that cannot use its settings: starting it again would change nothing."""


class Combo:
    """Several parts as one: it ends when told to, or when one of them has died for good."""

    def __init__(
        self, children: Sequence[Child], printer: Printer, *, policy: RestartPolicy | None, grace: float
    ) -> None:
        self._children = children
        self._printer = printer
        self._policy = policy
        self._grace = grace

    def run(self, stop: threading.Event, each: Callable[[], None]) -> int:
        """Run until ``stop`` is set (0) or a part has died for good (its code, or 1 after restarts).

        ``each`` is called at every look, ten times a second.
        """
        code = 0
        try:
            while not stop.is_set():
                ended = self._look()
                if ended is not None:
                    code = ended
                    break
                each()
                stop.wait(LOOK)
        finally:
            self._drain()
        return code

    def say(self, text: str, *, error: bool = False) -> None:
        self._printer.line("combo", text, error=error)

    def _look(self) -> int | None:
        """Start what is due and note what has ended; the exit code once a part has died for good."""
        now = time.monotonic()
        for child in self._children:
            if child.running:
                continue
            if child.start_at is None:
                self._note_end(child, now)
                if child.start_at is None:
                    return self._code_of(child)
            elif now >= child.start_at:
                child.start_at = None
                child.start()
                assert child.process
                self.say(f"{child.name} started with pid {child.process.pid}")
        return None

    def _note_end(self, child: Child, now: float) -> None:
        assert child.process
        child.signal_group(signal.SIGKILL)
        child.ends.append(now)
        code = exit_code(child.process.returncode)
        delay = self._policy.delay(child.ends, now) if self._policy and code != BAD_SETTING else None
        if delay is None:
            again = (
                f"for good, after {len(child.ends)} starts"
                if self._policy and code != BAD_SETTING
                else "and is not restarted"
            )
            self.say(f"{child.name} has ended with code {code} {again}; stopping the rest", error=True)
        else:
            child.start_at = now + delay
            self.say(f"{child.name} has ended with code {code}; starting it again in {delay:g} s", error=True)

    def _code_of(self, child: Child) -> int:
        assert child.process
        code = exit_code(child.process.returncode)
        return code if self._policy is None or code == BAD_SETTING else 1

    def _drain(self) -> None:
        """Forward one SIGTERM, wait for the grace, kill what stays; leaves no process."""
        running = [child for child in self._children if child.lives]
        if running:
            self.say(f"stopping {', '.join(child.name for child in running)} (at most {self._grace:g} s)")
        for child in running:
            child.signal_group(signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        while any(child.lives for child in running) and time.monotonic() < deadline:
            time.sleep(LOOK / 2)
        for child in running:
            if child.lives:
                self.say(f"{child.name} did not stop in {self._grace:g} s and is killed", error=True)
            child.signal_group(signal.SIGKILL)
            assert child.process
            child.process.wait()
        self.say("stopped")
