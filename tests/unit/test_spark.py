"""The small chart of a row."""

import re

from jobs.history.cells import Cells, unpack
from jobs.history.series import build, start_of
from web.spark import HEIGHT, LEAST, spark

NOW = 1_795_320_000.0


def drawn(**minutes: str) -> str:
    """The chart of the last hour, with what ended in some of its minutes."""
    start = start_of("1h", NOW)
    kept: dict[int, Cells] = {start + int(at[1:]) * 60: unpack(text) for at, text in minutes.items()}
    return str(spark(build("1h", start, kept)))


def heights(chart: str, kind: str) -> list[float]:
    found = re.search(rf'class="spark-{kind}" d="([^"]*)"', chart)
    assert found
    return [float(height) for height in re.findall(r"v-([\d.]+)h", found[1])]


def test_an_hour_in_which_nothing_ended_is_a_line_and_says_so() -> None:
    chart = drawn()
    assert 'aria-label="Nothing ended in the last 1h"' in chart
    assert "spark-finished" not in chart


def test_the_fullest_minute_is_as_high_as_it_may_be_and_one_failure_is_seen() -> None:
    chart = drawn(m3="a1000b1", m40="a10")
    assert 'aria-label="1,010 finished and 1 failed in the last 1h"' in chart
    assert heights(chart, "finished") == [HEIGHT, LEAST]
    assert heights(chart, "failed") == [LEAST]


def test_what_is_tried_again_stands_above_the_rest() -> None:
    chart = drawn(m3="a1b1c2")
    assert heights(chart, "retried") == [HEIGHT]
    assert heights(chart, "finished") == [HEIGHT / 2]
    assert heights(chart, "failed") == [HEIGHT / 4]
