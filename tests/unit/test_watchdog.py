"""``jobs.supervise.verdict``: recorded histories of loops, against a clock that the test turns."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.supervise.timeouts import CAP
from jobs.supervise.verdict import BEAT_LIMIT, DEAF_LIMIT, START_LIMIT, Absence, Seen, decide, missed, stuck

HOUR = 3600.0
WELL = Seen("outbound", started=0.0, last_ping=HOUR)


@pytest.mark.parametrize(
    ("loop", "now", "why"),
    [
        (WELL, HOUR, None),
        (WELL, HOUR + 60, None),
        (WELL, HOUR + 60.1, "has been silent for 60 s, and may be for 60"),
        (replace(WELL, max_silence=2), HOUR + 2.1, "has been silent for 2 s, and may be for 2"),
        (replace(WELL, started=HOUR, max_silence=2), HOUR + 30, None),
        (replace(WELL, started=HOUR, max_silence=2), HOUR + 30.1, "has been silent for 30 s, and may be for 2"),
        (replace(WELL, died=HOUR), HOUR + 4.9, None),
        (replace(WELL, died=HOUR), HOUR + 5, "has died"),
        (replace(WELL, died=HOUR, restarts=[HOUR] * 4), HOUR + 5, "has died"),
        (replace(WELL, died=HOUR, restarts=[HOUR - 600] * 9), HOUR + 5, "has died"),
    ],
)
def test_dead_and_silent_loops_are_started_again(loop: Seen, now: float, why: str | None) -> None:
    verdict = decide([loop], now)
    assert verdict.restart == ({loop.name: why} if why else {})
    assert (verdict.renew, verdict.escalate) == ("", "")


@pytest.mark.parametrize(
    ("loop", "why"),
    [
        (replace(WELL, restarts=[HOUR] * 5), "has been silent for 70 s, and may be for 60, after 5 restarts in 600 s"),
        (replace(WELL, died=HOUR, restarts=[HOUR] * 5), "has died, after 5 restarts in 600 s"),
        (replace(WELL, died=HOUR, max_restarts=0), "has died, and may not be started again"),
    ],
)
def test_a_loop_that_has_used_its_restarts_ends_the_worker(loop: Seen, why: str) -> None:
    verdict = decide([replace(WELL, name="well", last_ping=HOUR + 70), loop], HOUR + 70)
    assert verdict.escalate == f"loop outbound {why}"
    assert not verdict.restart


def test_threads_that_hang_end_their_process_at_the_cap() -> None:
    assert decide([WELL], HOUR, left=CAP - 1).renew == ""
    assert decide([WELL], HOUR, left=CAP).renew.startswith("32 threads hang")


def test_silence_does_not_count_while_nobody_listened() -> None:
    slept: list[Absence] = [(HOUR + 10, HOUR + 100)]
    assert not decide([WELL], HOUR + 140, absences=slept).restart
    assert decide([WELL], HOUR + 151, absences=slept).restart
    assert missed(HOUR + 40, slept) == 60
    assert missed(HOUR + 200, slept) == 0


class Story:
    """A loop whose behaviour is a function of the time, looked at every half second until ``until``."""

    def __init__(self, pings: Callable[[float, float], bool], until: float, **loop: float) -> None:
        self.restarted: list[float] = []
        self.escalated: float | None = None
        seen = Seen("loop", 0.0, 0.0, max_silence=loop.get("max_silence", 60.0), grace=loop.get("grace", 30.0))
        now = 0.0
        while now < until and self.escalated is None:
            now += 0.5
            if pings(now, now - seen.started):
                seen = replace(seen, last_ping=now)
            verdict = decide([seen], now)
            if verdict.escalate:
                self.escalated = now
            if verdict.restart:
                self.restarted.append(now)
                seen = replace(seen, started=now, last_ping=now, restarts=list(self.restarted))


def test_a_loop_that_hangs_once_is_back_within_its_silence() -> None:
    story = Story(lambda now, up: now < 100 or up < now - 99, until=HOUR)
    assert story.restarted == [160]
    assert story.escalated is None


def test_a_loop_that_hangs_at_each_start_is_given_up() -> None:
    story = Story(lambda now, up: now < 100, until=HOUR)
    assert story.restarted == [160, 220.5, 281, 341.5, 402]
    assert story.escalated == 462.5


def test_a_loop_that_hangs_once_an_hour_is_never_given_up() -> None:
    story = Story(lambda now, up: now % HOUR > 100, until=24 * HOUR)
    assert len(story.restarted) == 24
    assert story.escalated is None


@given(
    silence=st.floats(0.5, 600),
    grace=st.floats(0, 60),
    started=st.floats(0, HOUR),
    quiet=st.floats(0, 2000),
)
def test_a_loop_is_left_alone_exactly_while_it_may_be_silent(
    silence: float, grace: float, started: float, quiet: float
) -> None:
    loop = Seen("loop", started, HOUR, max_silence=silence, grace=grace)
    now = HOUR + quiet
    assert bool(decide([loop], now).restart) is (now - HOUR > silence and now - started > grace)


@given(table=st.lists(st.builds(Seen, st.sampled_from("abc"), st.floats(0, 9), st.floats(0, 99)), max_size=5))
def test_a_verdict_names_only_loops_that_are_there(table: list[Seen]) -> None:
    verdict = decide(table, 100.0)
    assert set(verdict.restart) <= {loop.name for loop in table}


@pytest.mark.parametrize(
    ("silent_for", "deaf_for", "is_stuck"),
    [
        (0, 0, False),
        (100, BEAT_LIMIT, False),  # its own watchdog is there, and sees to it
        (60.9, 60, False),
        (61.1, BEAT_LIMIT + 1, True),
        (1, DEAF_LIMIT + BEAT_LIMIT, False),
        (1, DEAF_LIMIT + BEAT_LIMIT + 1, True),
    ],
)
def test_a_process_is_stuck_when_neither_a_loop_nor_its_watchdog_is_heard(
    silent_for: float, deaf_for: float, is_stuck: bool
) -> None:
    loops = [replace(WELL, last_ping=HOUR - silent_for)]
    assert bool(stuck(loops, HOUR, born=0.0, last_beat=HOUR - deaf_for)) is is_stuck


def test_a_process_whose_loops_may_be_silent_for_long_may_be_held_as_long() -> None:
    patient = [replace(WELL, max_silence=600)]
    assert not stuck(patient, HOUR + 600, born=0.0, last_beat=HOUR)
    assert stuck(patient, HOUR + 602, born=0.0, last_beat=HOUR)


def test_a_process_that_never_beats_is_stuck_when_it_has_had_time_to_start() -> None:
    assert not stuck([], START_LIMIT, born=0.0, last_beat=0.0)
    assert stuck([], START_LIMIT + 1, born=0.0, last_beat=0.0) == "was not ready within 120 s"
