"""How endings are handed in: what is large goes alone, and what is refused for its size without its value."""

import random

import pytest
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

from jobs import records
from jobs.scripts import Claimed, Outcome, Settlement
from jobs.worker.execution import packed
from jobs.worker.handing_in import BIG, PORTION, hand_in, portion

ONE_MIB = 1024 * 1024


def settlement(number: int, size: int, outcome: Outcome = "finished") -> Settlement:
    return Settlement(f"job-{number}", str(number), outcome, b"x" * size, 1.0, 2.0)


def test_what_is_large_is_handed_in_alone() -> None:
    small = [settlement(number, 100) for number in range(300)]
    large = [settlement(number, PORTION + 1) for number in (300, 301)]
    assert portion(small) == (small, [])
    assert portion([*small, *large]) == (small, large)
    assert portion([*large, *small]) == (large[:1], [large[1], *small])
    assert portion([]) == ([], [])


class Server:
    """Takes endings of at most so many bytes, and else says or does this."""

    def __init__(self, most: int, refusal: Exception) -> None:
        self._most = most
        self._refusal = refusal
        self.asked: list[tuple[int, int]] = []

    def exchange(self, done: object, wanted: int) -> tuple[list[int], list[Claimed] | None]:
        assert isinstance(done, list)
        self.asked.append((sum(len(one.value) for one in done), wanted))
        if self.asked[-1][0] > self._most:
            raise self._refusal
        return [1] * len(done), []


@pytest.mark.parametrize(
    ("refusal", "times"), [(ResponseError("max request size exceeded"), 1), (ConnectionError("hung up"), 2)]
)
def test_an_ending_that_is_refused_goes_without_its_value(refusal: Exception, times: int) -> None:
    server = Server(ONE_MIB, refusal)
    given = settlement(1, ONE_MIB + 1)._replace(note="before")
    [taken], replies, _ = hand_in(server.exchange, [given], 5)
    assert (taken.value, replies) == (b"", [1])
    assert taken.note == f"before; the result was not kept: Redis refuses its 1,048,577 bytes ({refusal})"
    assert server.asked == [(ONE_MIB + 1, 0)] * times + [(0, 0)]


def test_an_error_that_is_refused_keeps_the_line_that_names_it() -> None:
    server = Server(BIG, ResponseError("too large"))
    words = "".join(map(chr, random.Random(0).choices(range(0x4E00, 0x9FFF), k=BIG)))
    error = packed(f"Traceback …\nValueError: {words}\n")
    [taken], _, _ = hand_in(server.exchange, [settlement(1, 0, "failed")._replace(value=error)], 0)
    assert len(error) > BIG > len(taken.value)
    assert (records.error_of({b"exc_string": taken.value}) or "").startswith("ValueError: ")
    assert "the traceback was not kept" in taken.note


@pytest.mark.parametrize("refusal", [ResponseError("NOPERM …"), ConnectionError("gone"), TimeoutError("late")])
def test_a_server_that_takes_nothing_is_no_reason_to_leave_a_result_out(refusal: Exception) -> None:
    with pytest.raises(type(refusal)):
        hand_in(Server(-1, refusal).exchange, [settlement(1, ONE_MIB)], 5)


def test_many_that_fit_are_handed_in_at_once_and_jobs_are_asked_for() -> None:
    server = Server(ONE_MIB, ResponseError("too large"))
    done = [settlement(number, 100) for number in range(3)]
    assert hand_in(server.exchange, done, 7) == (done, [1, 1, 1], [])
    assert server.asked == [(300, 7)]
