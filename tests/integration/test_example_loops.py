"""``python -m jobs example loops``, end to end with short times."""

import re
from pathlib import Path

import pytest

from jobs.examples.loops.account import Account, longest_gap
from tests.support import Processes

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


def test_the_example_recovers_by_itself_and_says_so(processes: Processes, folder: Path) -> None:
    process = processes.start_in(folder, "-m", "jobs", "example", "loops", "--quick")
    assert process.ends(150) == 0, "\n".join(process.lines)
    text = "\n".join(process.lines)
    for name in ("sync", "outbound", "history", "jobs"):
        assert re.search(rf"│ {name} +│ +\d+ +│", text)
    assert re.search(r"^freezes +2, each found by the watchdog and ended$", text, re.MULTILINE)
    assert re.search(r"^deaths +1, each made good$", text, re.MULTILINE)
    assert re.search(r"^five messages in a row +arrived after (\d\.\d\d, ){4}\d\.\d\d s$", text, re.MULTILINE)
    assert re.search(r"^messages lost +0$", text, re.MULTILINE)
    assert re.search(r"^uptime +(\d+) s of \1 s, the same worker", text, re.MULTILINE)
    assert re.search(r"^manual recoveries +0$", text, re.MULTILINE)
    assert "the network is cut for 2 s" in text


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
