"""``@loop``: what a user writes to have a function run for ever, and watched."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast

from jobs.errors import InvalidLoop
from jobs.read import NAME
from jobs.supervise.roll import NAME_BYTES

AFTER_ERROR = 5.0
"""Seconds between a cycle that failed and the next, and between a loop's death and its next start."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, eq=False)
class Loop:
    """A function that runs again and again, and what is expected of it. Durations are in seconds."""

    name: str
    target: Callable[..., Any]
    """One cycle; or a class, whose instance is made when the loop starts and called for each cycle."""
    every: float
    """Pause between the end of a cycle and the next."""
    max_silence: float
    timeout: float | None
    type: str | None
    grace: float
    max_restarts: int
    window: float

    @cached_property
    def cycle(self) -> Callable[..., Any]:
        """The function whose call is a cycle."""
        return self.target.__call__ if inspect.isclass(self.target) else self.target

    @cached_property
    def is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.cycle)

    @cached_property
    def pings(self) -> bool:
        """Does a cycle take ``ping``?"""
        return "ping" in inspect.signature(self.cycle).parameters

    def make(self) -> Callable[..., Any]:
        """What a start of the loop calls for each cycle: a new instance of a class, so with new connections."""
        return cast(Callable[..., Any], self.target()) if inspect.isclass(self.target) else self.target


_loops: dict[str, Loop] = {}


def loop(
    name: str,
    *,
    every: float = 1.0,
    max_silence: float = 60.0,
    timeout: float | None = None,
    type: str | None = None,
    grace: float = 30.0,
    max_restarts: int = 5,
    window: float = 600.0,
) -> Callable[[F], F]:
    """Have workers call a function, or coroutine function, again and again, ``every`` s after the last cycle ended.

    A loop that says nothing for ``max_silence`` s, or dies, is started again; one that is starting is left alone
    for ``grace`` s. A loop says something when a cycle begins or ends, while it waits for the next, and when a cycle
    that takes ``ping`` calls it. A cycle is ended after ``timeout`` s; what fails is logged and followed, after 5 s,
    by the next cycle. More than ``max_restarts`` restarts within ``window`` s end the worker with code 3.
    ``type``: only workers of that type (``JOBS_TYPE``) run it. A class is a loop too: each start makes an instance,
    and calls it for each cycle.

    Raises ``InvalidLoop`` for a name that is taken, a number out of range, a function that takes anything but
    ``ping``, and a ``timeout`` above ``max_silence`` for a cycle that does not take ``ping``.
    """
    if not NAME.fullmatch(name) or len(name) > NAME_BYTES:
        raise InvalidLoop(f"loop name is {name!r}: expected 1 to {NAME_BYTES} letters, digits and _ . : -")
    for option, value, least in (
        ("every", every, 0.0),
        ("max_silence", max_silence, 0.1),
        ("timeout", max_silence if timeout is None else timeout, 0.1),
        ("grace", grace, 0.0),
        ("window", window, 1.0),
        ("max_restarts", max_restarts, 0),
    ):
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < math.inf:
            raise InvalidLoop(f"loop {name!r}: {option} is {value!r}: expected a number from {least:g}")

    def decorate(target: F) -> F:
        made = Loop(name, target, every, max_silence, timeout, type, grace, max_restarts, window)
        _check(made)
        _loops[name] = made
        return target

    return decorate


def _check(made: Loop) -> None:
    parameters = inspect.signature(made.cycle).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if set(needed) - {"ping", "self"}:
        raise InvalidLoop(f"loop {made.name!r} takes {', '.join(needed)}: a cycle is given nothing but ping")
    if made.timeout is not None and made.timeout > made.max_silence and not made.pings:
        raise InvalidLoop(
            f"loop {made.name!r} may take {made.timeout:g} s a cycle and be silent for {made.max_silence:g} s: give it "
            "a parameter `ping` and call that within each silence, or lower timeout, or raise max_silence"
        )
    before = _loops.get(made.name)
    if before and _path(before.target) != _path(made.target):
        raise InvalidLoop(f"loop {made.name!r} is declared twice, by {_path(before.target)} and {_path(made.target)}")


def _path(target: Callable[..., Any]) -> str:
    return f"{target.__module__}.{target.__qualname__}"


def declared(type: str | None = None) -> list[Loop]:
    """The loops that a worker of this type runs: those of its type, and those of none."""
    return [one for one in _loops.values() if one.type in (None, type)]
