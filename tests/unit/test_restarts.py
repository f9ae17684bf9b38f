"""``jobs.supervise.restarts``: when a part that ended is started again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.supervise.restarts import Backoff, RestartPolicy

NOW = 1000.0


@pytest.mark.parametrize(
    ("ends", "delay"),
    [
        ([1000], 1),
        ([999, 1000], 2),
        ([998, 999, 1000], 4),
        ([997, 998, 999, 1000], 8),
        ([996, 997, 998, 999, 1000], 16),
        ([995, 996, 997, 998, 999, 1000], None),
        ([1, 2, 3, 4, 5, 6, 1000], 1),
        ([940, 1000], 1),
        ([940.1, 1000], 2),
    ],
)
def test_delays_double_until_the_part_has_ended_too_often_of_late(ends: list[float], delay: float | None) -> None:
    assert RestartPolicy().delay(ends, NOW) == delay


def test_delays_stop_growing_at_the_cap() -> None:
    policy = RestartPolicy(limit=10, first=3, cap=10)
    assert [policy.delay([NOW] * count, NOW) for count in range(1, 6)] == [3, 6, 10, 10, 10]


@given(
    policy=st.builds(
        RestartPolicy,
        limit=st.integers(0, 50),
        window=st.floats(1, 1000),
        first=st.floats(0.1, 10),
        cap=st.floats(10, 100),
    ),
    ages=st.lists(st.floats(0, 5000), max_size=100),
)
def test_a_part_is_given_up_exactly_when_it_has_used_its_restarts(policy: RestartPolicy, ages: list[float]) -> None:
    ends = sorted(NOW - age for age in [*ages, 0.0])
    recent = [end for end in ends if NOW - end < policy.window]
    delay = policy.delay(ends, NOW)
    assert (delay is None) is (len(recent) > policy.limit)
    if delay is not None:
        assert policy.first <= delay <= policy.cap
        assert delay == policy.delay(recent, NOW)


@given(count=st.integers(1, 4))
def test_another_end_never_shortens_the_wait(count: int) -> None:
    shorter, longer = (RestartPolicy().delay([NOW] * ends, NOW) for ends in (count, count + 1))
    assert shorter is not None
    assert longer is not None
    assert shorter < longer


def test_the_waits_of_a_backoff_double_up_to_the_cap() -> None:
    assert [Backoff().delay(failures) for failures in range(1, 8)] == [1, 2, 4, 8, 16, 16, 16]
    assert Backoff().delay(10**6) == 16


@pytest.mark.parametrize(("before", "uptime", "failures"), [(0, 1, 1), (4, 29.9, 5), (4, 30, 1)])
def test_a_stable_run_makes_up_for_all_failures(before: int, uptime: float, failures: int) -> None:
    assert Backoff().failures(before, uptime) == failures


@pytest.mark.parametrize(("failures", "is_loop"), [(1, False), (5, False), (6, True)])
def test_more_failures_in_a_row_than_restarts_are_a_loop(failures: int, is_loop: bool) -> None:
    assert Backoff().is_loop(failures) is is_loop
