"""The account of ``python -m jobs example loops``; `test_readme.py` runs it."""

import pytest

from jobs.examples.loops.account import Account, longest_gap

WELL = Account(
    cycles={"sync": [0.0, 65.0, 100.0], "outbound": [0.0, 70.0, 100.0]},
    silence={"sync": 60.0, "outbound": 60.0},
    beats=[0.0, 5.0, 10.0],
    sends=[0.1, 0.2, 0.3, 0.4, 9.9],
    lost=0,
    freezes=2,
    uptime=100.0,
    ended=0,
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cycles": {"sync": [0.0, 70.1], "outbound": [0.0]}}, "sync was quiet for 70.1 s, longer than 70"),
        ({"beats": [0.0, 10.0]}, "a heartbeat was missed: none for 10.0 s"),
        ({"sends": [0.1] * 4}, "4 of five messages arrived"),
        ({"sends": [0.1, 0.1, 0.1, 0.1, 10.0]}, "the last after 10.0 s"),
        ({"lost": 1}, "1 messages never arrived"),
        ({"freezes": 1}, "1 freezes were found, and two were made"),
        ({"ended": 3}, "the worker ended with code 3"),
    ],
)
def test_a_figure_that_does_not_hold_is_named(change: dict[str, object], words: str) -> None:
    assert WELL.broken() == []
    [said] = Account(**{**vars(WELL), **change}).broken()
    assert words in said


def test_the_longest_gap_is_that_between_neighbours() -> None:
    assert longest_gap([9.0, 1.0, 3.0]) == 6.0
    assert longest_gap([]) == 0.0
