"""``jobs.launcher.course``: what the combo does next, by replayed histories and a clock that is not one."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.launcher.course import Course, Rules
from jobs.launcher.moves import Action, Ask, Ended, Event, Finish, Kill, Part, Say, Start, Stop, Turned
from jobs.supervise.restarts import Backoff

WEB, WORKER, SCHEDULER = Part("web", 2), Part("worker"), Part("scheduler", 0, optional=True)
ALL = (WEB, WORKER, SCHEDULER)
RULES = Rules(grace=10)
STEP = 0.5
History = Mapping[float, Event | tuple[Event, ...]]


def replay(
    history: History, until: float, rules: Rules = RULES, parts: Iterable[Part] = ALL
) -> list[tuple[float, Action]]:
    """Every action and when it was to be done, with a look each half second; ends with ``Finish``."""
    course, found = Course(list(parts), rules), []
    for number in range(int(until / STEP) + 1):
        now = number * STEP
        events = history.get(now, ())
        for action in course.step(now, events if isinstance(events, tuple) else (events,)):
            found.append((now, action))
            if isinstance(action, Finish):
                return found
    return found


def deeds(
    history: History, until: float, rules: Rules = RULES, parts: Iterable[Part] = ALL
) -> list[tuple[float, Action]]:
    """Without what is only said."""
    return [(at, action) for at, action in replay(history, until, rules, parts) if not isinstance(action, Say)]


def starts(name: str, found: list[tuple[float, Action]]) -> list[float]:
    return [at for at, action in found if action == Start(name)]


def words(found: list[tuple[float, Action]]) -> str:
    return "\n".join(action.text for _, action in found if isinstance(action, Say))


def test_everything_is_started_and_left_alone() -> None:
    assert deeds({}, 100) == [(0, Start("web")), (0, Start("worker")), (0, Start("scheduler"))]


def test_a_part_that_ends_is_started_again_after_longer_and_longer_waits() -> None:
    history: History = {1: Ended("worker", 137), 3: Ended("worker", 1), 6: Ended("worker", 1)}
    assert starts("worker", replay(history, 20)) == [0, 2, 5, 10]


def test_a_stable_run_makes_up_for_all_failures_before_it() -> None:
    history: History = {1: Ended("worker", 1), 3: Ended("worker", 1), 35: Ended("worker", 1)}
    assert starts("worker", replay(history, 60)) == [0, 2, 5, 36]


def test_an_end_with_code_0_is_a_failure_like_any_other() -> None:
    found = replay({1: Ended("worker", 0)}, 5)
    assert starts("worker", found) == [0, 2]
    assert "worker has ended with code 0; starting it again in 1 s" in words(found)


LOOP: dict[float, Event] = {at: Ended("worker", 3, "no such host") for at in (1.0, 3.0, 6.0, 11.0, 20.0, 37.0)}
"""Six ends, each a second after the start."""


def test_a_crash_loop_ends_the_rest_and_says_why() -> None:
    found = replay(LOOP | {37.5: Ended("scheduler", 0), 38: Ended("web", 0)}, 60)
    assert found[-1] == (38, Finish(1))
    assert (
        "worker has ended with code 3 for good: 6 times in a row within 30 s of its start; stopping the rest. "
        "It said last: no such host"
    ) in words(found)


def test_one_restart_less_is_no_crash_loop() -> None:
    history = {at: event for at, event in LOOP.items() if at < 37}
    assert starts("worker", replay(history, 60)) == [0, 2, 5, 10, 19, 36]


def test_an_optional_part_may_be_in_a_crash_loop() -> None:
    history = {at: Ended("scheduler", 3) for at in LOOP}
    found = replay(history | {54: Ended("scheduler", 3)}, 100)
    assert starts("scheduler", found)[-2:] == [53, 70]
    assert "and the rest goes on without it" in words(found)


def test_an_optional_part_that_cannot_use_its_settings_is_tried_again_seldom() -> None:
    assert starts("scheduler", replay({1: Ended("scheduler", 2), 18: Ended("scheduler", 2)}, 40)) == [0, 17, 34]


def test_keep_going_lets_no_crash_loop_be_the_end() -> None:
    assert starts("worker", replay(LOOP, 60, Rules(10, keep_going=True)))[-1] == 53


@pytest.mark.parametrize(("rules", "code"), [(RULES, 2), (Rules(10, once=True), 2)])
def test_a_part_that_cannot_use_its_settings_ends_the_rest_at_once(rules: Rules, code: int) -> None:
    found = replay({1: Ended("worker", 2), 2: (Ended("web", 0), Ended("scheduler", 0))}, 5, rules)
    assert found[-1] == (2, Finish(code))


@pytest.mark.parametrize(("code", "ends_with"), [(7, 7), (137, 137), (0, 1)])
def test_without_restarts_the_first_end_is_the_end_and_never_with_0(code: int, ends_with: int) -> None:
    found = deeds({1: Ended("worker", code), 2: (Ended("web", 0), Ended("scheduler", 0))}, 5, Rules(10, once=True))
    assert found[-1] == (2, Finish(ends_with))
    assert starts("worker", found) == [0]


def test_the_scheduler_is_asked_first_and_web_last() -> None:
    history: History = {5: Stop(), 5.5: Ended("scheduler", 0), 8: Ended("worker", 0), 9: Ended("web", 0)}
    assert deeds(history, 20)[3:] == [(5, Ask("scheduler")), (5.5, Ask("worker")), (8, Ask("web")), (9, Finish(0))]


def test_a_stage_that_takes_too_long_does_not_take_the_time_of_the_next() -> None:
    history: History = {5: Stop()}
    assert deeds(history, 16)[3:] == [
        (5, Ask("scheduler")),
        (6, Ask("worker")),
        (13.5, Ask("web")),
        (15, Kill("scheduler")),
        (15, Kill("worker")),
        (15, Kill("web")),
    ]


def test_the_grace_is_kept() -> None:
    history: History = {5: Stop(), 15.5: (Ended("scheduler", 137), Ended("worker", 137), Ended("web", 137))}
    found = replay(history, 20)
    assert found[-1] == (15.5, Finish(0))
    assert "again" not in words(found)
    assert "worker did not stop in 10 s and is killed" in words(found)


def test_told_to_stop_before_anything_has_started_it_starts_nothing() -> None:
    assert replay({0: Stop()}, 5) == [(0, Finish(0))]


def test_told_to_stop_again_and_again_it_asks_once() -> None:
    history: History = {at: Stop() for at in (5, 5.5, 6, 6.5)}
    assert sum(isinstance(action, Ask) for _, action in deeds(history, 8)) == 2


def test_what_waits_for_its_next_start_is_not_waited_for() -> None:
    history: History = {1: Ended("worker", 1), 1.5: Stop(), 2: Ended("scheduler", 0), 2.5: Ended("web", 0)}
    found = deeds(history, 10)
    assert found[-1] == (2.5, Finish(0))
    assert starts("worker", found) == [0]


def test_a_part_that_fell_silent_is_killed_once_and_replaced() -> None:
    history: History = {1: Turned("worker"), 10: Turned("worker"), 41: Ended("worker", 137)}
    found = replay(history, 60)
    assert (40.5, Kill("worker")) in found
    assert sum(isinstance(action, Kill) for _, action in found) == 1
    assert starts("worker", found) == [0, 42]
    assert "worker lives, but its loop has not turned for 30 s: it is killed" in words(found)


def test_a_part_that_never_speaks_is_not_expected_to() -> None:
    assert not [action for _, action in replay({}, 500) if isinstance(action, Kill)]


def test_the_silence_before_a_restart_does_not_count_after_it() -> None:
    history: History = {1: Turned("worker"), 25: Ended("worker", 1)}
    assert not [action for _, action in replay(history, 100) if isinstance(action, Kill)]


def test_a_part_that_could_not_be_killed_is_killed_again_at_the_end() -> None:
    history: History = {1: Turned("worker"), 40: Stop(), 41: (Ended("scheduler", 0), Ended("web", 0))}
    assert [at for at, action in replay(history, 60) if action == Kill("worker")] == [31.5, 50]


NAMES = ("web", "worker", "scheduler")
EVENTS = st.one_of(
    st.builds(Ended, st.sampled_from(NAMES), st.sampled_from((0, 1, 2, 137))), st.builds(Turned, st.sampled_from(NAMES))
)


@given(
    history=st.dictionaries(st.integers(1, 400).map(lambda n: n * STEP), EVENTS, max_size=60),
    stop_at=st.integers(1, 400).map(lambda n: n * STEP),
    keep_going=st.booleans(),
)
def test_whatever_happens_it_comes_to_an_end_and_starts_nothing_once_it_is_told_to(
    history: dict[float, Event], stop_at: float, keep_going: bool
) -> None:
    """The parts of this world end when something ends them, or when they are killed."""
    course, stopping = Course(ALL, Rules(10, Backoff(limit=3), keep_going=keep_going)), False
    up: set[str] = set()
    killed: set[str] = set()
    for number in range(2000):
        now = number * STEP
        events: list[Event] = [Ended(name, 137) for name in sorted(killed)]
        up -= killed
        killed = set()
        event = history.get(now)
        if isinstance(event, Ended | Turned) and event.name in up:
            events.append(event)
            up -= {event.name} if isinstance(event, Ended) else set()
        events += [Stop()] if now >= stop_at else []
        stopping = stopping or now >= stop_at
        for action in course.step(now, events):
            match action:
                case Start(name):
                    assert name not in up
                    assert not stopping
                    up.add(name)
                case Kill(name):
                    killed.add(name)
                case Ask():
                    stopping = True
                case Finish():
                    assert not up
                    return
    raise AssertionError("it never ended")
