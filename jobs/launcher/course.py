"""What the combo does next: a state machine of its parts. Pure: the time and events in, actions out.

A part is started, is started again after longer and longer waits when it ends, and is killed when it has fallen
silent. The end begins when it is told to stop, or when a part that cannot be done without is in a crash loop: the
parts are asked to end stage by stage, and what is left of the grace decides how long they may take.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from jobs.launcher.moves import Action, Ask, Ended, Event, Finish, Kill, Part, Say, Start, Stop, Turned
from jobs.supervise.restarts import Backoff

BAD_SETTING = 2
"""The code of a part that cannot use its settings: another start would change nothing."""
CRASH_LOOP = 1
SILENCE = 30.0
"""Seconds after which a part that lives, and has spoken before, is taken for dead."""
SHARES = (0.1, 0.85, 1.0)
"""When each stage has had its time, as shares of the grace: the scheduler, the workers, then web."""


@dataclass(frozen=True)
class Rules:
    """How patient it is. Durations are in seconds."""

    grace: float
    backoff: Backoff = field(default_factory=Backoff)
    silence: float = SILENCE
    keep_going: bool = False
    """No part's crash loop is the end."""
    once: bool = False
    """Nothing is started again: the end of any part is the end."""


@dataclass
class _State:
    """Where a part is. It is up, or waits for ``start_at``."""

    part: Part
    start_at: float = 0.0
    up: bool = False
    since: float = 0.0
    heard: float | None = None
    """When its loop last turned; None until it has said so."""
    failures: int = 0
    asked: bool = False
    killed: bool = False


class Course:
    """Call ``step`` often, with whatever has happened since; do what it says, in order."""

    def __init__(self, parts: Sequence[Part], rules: Rules) -> None:
        self._states = {part.name: _State(part) for part in parts}
        self._rules = rules
        self._stopping: float | None = None
        self._code = 0

    def step(self, now: float, events: Iterable[Event] = ()) -> list[Action]:
        """What is to be done at ``now`` (seconds on any clock that only grows)."""
        return list(self._step(now, events))

    def _step(self, now: float, events: Iterable[Event]) -> Iterator[Action]:
        for event in events:
            match event:
                case Turned(name):
                    self._states[name].heard = now
                case Ended(name):
                    yield from self._ended(self._states[name], event, now)
                case Stop():
                    yield from self._stop(now, 0)
        yield from self._keep_up(now) if self._stopping is None else self._wind_down(now, self._stopping)

    def _keep_up(self, now: float) -> Iterator[Action]:
        for state in self._states.values():
            if not state.up and now >= state.start_at:
                state.up, state.since, state.heard, state.killed = True, now, None, False
                yield Start(state.part.name)
            elif state.up and state.heard is not None and now - state.heard > self._rules.silence and not state.killed:
                state.killed = True
                yield Say(
                    f"{state.part.name} lives, but its loop has not turned for {now - state.heard:.0f} s: it is killed",
                    error=True,
                )
                yield Kill(state.part.name)

    def _ended(self, state: _State, end: Ended, now: float) -> Iterator[Action]:
        state.up = False
        if self._stopping is not None:
            return
        rules, name = self._rules, state.part.name
        said = f"{name} has ended with code {end.code}"
        state.failures = rules.backoff.failures(state.failures, now - state.since)
        hopeless = end.code == BAD_SETTING or rules.backoff.is_loop(state.failures)
        if rules.once:
            yield Say(f"{said} and is not restarted; stopping the rest{_last(end)}", error=True)
            yield from self._stop(now, end.code or CRASH_LOOP)
        elif hopeless and not rules.keep_going and not state.part.optional:
            yield Say(f"{said} {self._why(state, end)}; stopping the rest{_last(end)}", error=True)
            yield from self._stop(now, end.code if end.code == BAD_SETTING else CRASH_LOOP)
        else:
            delay = rules.backoff.cap if hopeless else rules.backoff.delay(state.failures)
            state.start_at = now + delay
            why = f" {self._why(state, end)}, and the rest goes on without it" if hopeless else ""
            words = _last(end) if hopeless else ""
            yield Say(f"{said}{why}; starting it again in {delay:g} s{words}", error=True)

    def _why(self, state: _State, end: Ended) -> str:
        if end.code == BAD_SETTING:
            return "because it cannot use its settings"
        return f"for good: {state.failures} times in a row within {self._rules.backoff.stable:g} s of its start"

    def _stop(self, now: float, code: int) -> Iterator[Action]:
        if self._stopping is None:
            self._stopping, self._code = now, code
            for state in self._states.values():
                state.killed = False
            if names := [state.part.name for state in self._states.values() if state.up]:
                yield Say(f"stopping {', '.join(names)} (at most {self._rules.grace:g} s)")

    def _wind_down(self, now: float, began: float) -> Iterator[Action]:
        """Ask each stage once the one before is gone, or has had its time; kill what is left after the grace."""
        up = sorted((state for state in self._states.values() if state.up), key=lambda state: state.part.stage)
        if not up:
            yield Finish(self._code)
        spent = (now - began) / self._rules.grace
        due = min(
            (stage for stage, share in enumerate(SHARES) if spent < share and any(s.part.stage <= stage for s in up)),
            default=len(SHARES),
        )
        for state in up:
            if state.part.stage <= due and not state.asked:
                state.asked = True
                yield Ask(state.part.name)
            if spent >= 1 and not state.killed:
                state.killed = True
                yield Say(f"{state.part.name} did not stop in {self._rules.grace:g} s and is killed", error=True)
                yield Kill(state.part.name)


def _last(end: Ended) -> str:
    return f". It said last: {end.words}" if end.words else ""
