"""Supervision of the parts: does what ``course`` says. The parts are commands; nothing of theirs is imported."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from jobs.launcher import agreement
from jobs.launcher.child import Child
from jobs.launcher.course import Course
from jobs.launcher.ears import Ears
from jobs.launcher.moves import Action, Ask, Ended, Event, Finish, Kill, Say, Start, Stop, Turned
from jobs.launcher.output import Printer
from jobs.supervise import family

LOOK = 0.1
CANNOT_START = 126


class Combo:
    """Several parts as one: it ends when told to, or when one that it cannot do without has died for good."""

    def __init__(self, children: Sequence[Child], course: Course, printer: Printer, ears: Ears) -> None:
        self._children = {child.name: child for child in children}
        self._course = course
        self._printer = printer
        self._ears = ears
        self._failed: list[Ended] = []
        self._started: dict[str, float] = {}
        """Parts that have not yet said that they are ready, and when they were started."""
        self._identities: dict[str, dict[str, Any]] = {}
        self._differences: list[str] = []

    def run(self, stop: threading.Event, each: Callable[[], None]) -> int:
        """Run until ``stop`` is set or the course is at its end; returns the exit code. Leaves no process.

        ``each`` is called at every look, ten times a second, until the end begins.
        """
        try:
            while True:
                for action in self._course.step(time.monotonic(), list(self._events(stop))):
                    if isinstance(action, Finish):
                        self.say("stopped")
                        return action.code
                    self._do(action)
                if not stop.is_set():
                    each()
                self._ears.wait(LOOK)
        finally:
            for child in self._children.values():
                if child.process:
                    child.kill()

    def say(self, text: str, *, error: bool = False) -> None:
        self._printer.line("combo", text, error=error)

    def _events(self, stop: threading.Event) -> Iterator[Event]:
        for heard in self._ears.hear():
            if heard.part in self._children:
                if heard.identity:
                    self._meet(heard.part, heard.identity)
                if heard.turned:
                    yield Turned(heard.part)
        for name, child in self._children.items():
            if (code := child.ended()) is not None:
                self._identities.pop(name, None)
                yield Ended(name, code, self._printer.last(name))
        family.reap(lambda pid: any(child.process and child.pid == pid for child in self._children.values()))
        while self._failed:
            yield self._failed.pop()
        if stop.is_set():
            yield Stop()

    def _do(self, action: Action) -> None:
        match action:
            case Start(name):
                self._start(self._children[name])
            case Ask(name):
                self.say(f"{name} is asked to stop")
                self._children[name].ask()
            case Kill(name):
                self._children[name].kill()
            case Say(text, error):
                self.say(text, error=error)

    def _start(self, child: Child) -> None:
        try:
            child.start()
        except OSError as error:  # no process or memory left: that may pass, as the end of any part may
            self._failed.append(Ended(child.name, CANNOT_START, str(error)))
            return
        self._started[child.name] = time.monotonic()
        self.say(f"{child.name} started with pid {child.pid}")

    def _meet(self, part: str, identity: dict[str, Any]) -> None:
        """Note who a part is, and say it when the parts have come to differ, or to agree again."""
        if began := self._started.pop(part, None):
            self.say(f"{part} is ready after {time.monotonic() - began:.1f} s")
        self._identities[part] = identity
        found = agreement.differences(self._identities)
        if found != self._differences:
            for sentence in found or ["the parts agree again"]:
                self.say(sentence, error=bool(found))
            self._differences = found
