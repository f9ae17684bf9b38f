"""When a loop is started again, and when that no longer helps: pure functions of what was seen, and no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from jobs.supervise.loops import AFTER_ERROR
from jobs.supervise.timeouts import CAP

Absence = tuple[float, float]
"""From when to when the watchdog itself did not run, because the machine slept or another held the interpreter."""

BEAT_LIMIT = 3.0
"""Seconds without a beat after which the watchdog itself counts as held up."""
DEAF_LIMIT = 60.0
"""Seconds without a beat that no process may have, unless one of its loops may be silent for longer."""
START_LIMIT = 120.0


@dataclass(frozen=True)
class Seen:
    """One loop at one moment. Times are seconds on one clock."""

    name: str
    started: float
    last_ping: float
    max_silence: float = 60.0
    grace: float = 30.0
    died: float | None = None
    """When it was found dead; None while it lives."""
    restarts: Sequence[float] = ()
    """When it was started again."""
    max_restarts: int = 5
    window: float = 600.0


@dataclass(frozen=True)
class Verdict:
    """What is to be done."""

    restart: Mapping[str, str] = field(default_factory=dict)
    """The loops to start again, each with the reason."""
    renew: str = ""
    """Why another process must take this one's place; empty while none need."""
    escalate: str = ""
    """Why starting things again is no use; empty while it is."""


def decide(table: Iterable[Seen], now: float, left: int = 0, absences: Sequence[Absence] = ()) -> Verdict:
    """What to start again, and whether to give up. ``left``: threads that hang and cannot be ended."""
    if left >= CAP:
        return Verdict(renew=f"{left} threads hang, and only the end of their process ends them")
    restart = {}
    for loop in table:
        why = _dead(loop, now) if loop.died is not None else _silent(loop, now, absences)
        if not why:
            continue
        recent = sum(1 for at in loop.restarts if now - at < loop.window)
        if recent >= loop.max_restarts:
            given = f"after {recent} restarts in {loop.window:g} s" if recent else "and may not be started again"
            return Verdict(escalate=f"loop {loop.name} {why}, {given}")
        restart[loop.name] = why
    return Verdict(restart)


def _dead(loop: Seen, now: float) -> str:
    assert loop.died is not None
    return "has died" if now - loop.died >= AFTER_ERROR else ""


def _silent(loop: Seen, now: float, absences: Sequence[Absence]) -> str:
    silence = now - loop.last_ping - missed(loop.last_ping, absences)
    if silence <= loop.max_silence or now - loop.started <= loop.grace:
        return ""
    return f"has been silent for {silence:.0f} s, and may be for {loop.max_silence:g}"


def missed(since: float, absences: Sequence[Absence]) -> float:
    """Seconds after ``since`` in which nobody could have been heard."""
    return sum(max(0.0, end - max(start, since)) for start, end in absences)


def stuck(table: Iterable[Seen], now: float, born: float, last_beat: float) -> str:
    """Why a process of loops is to be killed, as its keeper sees it; empty while it is not.

    Its own watchdog sees to silent loops. It cannot when the interpreter is held: then it does not beat, and the
    first loop whose silence is over by a second says so. ``born``: when the process was started.
    """
    if not last_beat:
        return f"was not ready within {START_LIMIT:g} s" if now - born > START_LIMIT else ""
    deaf, loops = now - last_beat, list(table)
    if deaf > max([DEAF_LIMIT, *(loop.max_silence for loop in loops)]) + BEAT_LIMIT:
        return f"has not been heard of for {deaf:.0f} s"
    if deaf > BEAT_LIMIT:
        for loop in loops:
            if why := _silent(loop, now - 1.0, ()):
                return f"does not run: loop {loop.name} {why}"
    return ""
