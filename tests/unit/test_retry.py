"""``jobs.retry``: the delays between attempts."""

from itertools import pairwise, takewhile
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import InvalidOption
from jobs.retry import MAX_ATTEMPTS, Retry, Snooze, busy_delay

RETRIES = st.builds(
    Retry,
    attempts=st.integers(1, MAX_ATTEMPTS),
    backoff=st.floats(0, 1e6),
    factor=st.floats(1, 1e6),
    cap=st.floats(0, 1e6),
    jitter=st.just(0.1),
)


def test_by_default_a_job_is_tried_three_times_after_2_and_4_seconds() -> None:
    retry = Retry()
    assert retry.attempts == 3
    assert [retry.delay(1), retry.delay(2)] == [2, 4]


@pytest.mark.parametrize(
    ("retry", "delays"),
    [
        (Retry(1, jitter=0), []),
        (Retry(2, jitter=0), [2]),
        (Retry(5, backoff=1, jitter=0), [1, 2, 4, 8]),
        (Retry(5, backoff=1, factor=3, cap=10, jitter=0), [1, 3, 9, 10]),
        (Retry(4, backoff=5, factor=1, jitter=0), [5, 5, 5]),
        (Retry(3, backoff=0, jitter=0), [0, 0]),
        (Retry(3, cap=0, jitter=0), [0, 0]),
    ],
)
def test_delays_grow_by_the_factor_up_to_the_cap(retry: Retry, delays: list[float]) -> None:
    assert retry.intervals() == delays


@given(RETRIES)
def test_delays_never_shrink_and_never_exceed_the_cap(retry: Retry) -> None:
    delays = [retry.delay(attempt) for attempt in range(1, retry.attempts)]
    assert all(0 <= delay <= retry.cap for delay in delays)
    assert all(before <= after for before, after in pairwise(delays))


@given(RETRIES)
def test_there_is_one_delay_between_two_attempts(retry: Retry) -> None:
    assert len(retry.intervals()) == retry.attempts - 1


@given(RETRIES, st.floats(0, 1))
def test_jitter_adds_at_most_a_tenth(retry: Retry, luck: float) -> None:
    for attempt, delay in enumerate(retry.intervals(luck), 1):
        assert retry.delay(attempt) - 0.001 <= delay <= retry.delay(attempt) * 1.1 + 0.001


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"attempts": 0}, "attempts is 0: expected a whole number from 1 to 100"),
        ({"attempts": -1}, "attempts is -1"),
        ({"attempts": 101}, "attempts is 101"),
        ({"backoff": -1}, "backoff is -1: expected a number, zero or more"),
        ({"factor": -0.5}, "factor is -0.5"),
        ({"cap": -1}, "cap is -1"),
        ({"jitter": -0.1}, "jitter is -0.1"),
        ({"cap": nan}, "cap is nan"),
        ({"backoff": nan}, "backoff is nan"),
        ({"attempts": 2.5}, "attempts is 2.5"),
        ({"attempts": "3"}, "attempts is '3'"),
        ({"attempts": None}, "attempts is None"),
        ({"backoff": "2"}, "backoff is '2'"),
        ({"attempts": True}, "attempts is True"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        Retry(**options)
    assert named in str(caught.value)


class NotThere(LookupError):
    pass


@pytest.mark.parametrize(
    ("retry", "error", "covered"),
    [
        (Retry(), ValueError(), True),
        (Retry(), KeyboardInterrupt(), False),
        (Retry(retry_on=(OSError,)), TimeoutError(), True),
        (Retry(retry_on=(OSError,)), ValueError(), False),
        (Retry(never_on=(LookupError,)), NotThere(), False),
        (Retry(never_on=(LookupError,)), ValueError(), True),
        (Retry(retry_on=(LookupError,), never_on=(NotThere,)), KeyError(), True),
        (Retry(retry_on=(LookupError,), never_on=(NotThere,)), NotThere(), False),
    ],
)
def test_a_policy_says_which_errors_are_worth_another_attempt(
    retry: Retry, error: BaseException, covered: bool
) -> None:
    assert retry.covers(error) is covered


@pytest.mark.parametrize("classes", [ValueError, [ValueError], ("ValueError",), (1,), (KeyboardInterrupt,)])
@pytest.mark.parametrize("option", ["retry_on", "never_on"])
def test_what_is_no_tuple_of_exception_classes_is_refused(option: str, classes: Any) -> None:
    with pytest.raises(InvalidOption, match=f"{option} is "):
        Retry(**{option: classes})


def test_what_is_busy_is_asked_again_after_2_4_8_16_32_and_then_each_32_seconds() -> None:
    assert [busy_delay(before) for before in range(8)] == [2, 4, 8, 16, 32, 32, 32, 32]


def test_what_stays_busy_for_an_hour_has_failed() -> None:
    delays = takewhile(lambda delay: delay is not None, map(busy_delay, range(1000)))
    assert 3600 <= sum(delay for delay in delays if delay) < 3600 + 32
    assert busy_delay(0, max_busy=0) is None
    assert busy_delay(1, max_busy=2) is None


@pytest.mark.parametrize("seconds", [-1, inf, nan, "5", None, True])
def test_a_snooze_of_no_time_there_is_is_refused(seconds: Any) -> None:
    with pytest.raises(InvalidOption, match="seconds is "):
        Snooze(seconds)
