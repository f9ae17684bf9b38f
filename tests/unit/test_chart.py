"""``web.chart``: what is drawn, and what is said of it to who does not see it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.history import Bucket, Deploy, Percentiles, Series
from tests.support import ROOT
from web import axes, chart

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"
COUNTS = st.tuples(*[st.integers(0, 10**7)] * 3)


def series(*counts: tuple[int, int, int], deploys: tuple[Deploy, ...] = (), took: float = 0.2) -> Series:
    times = Percentiles(took / 4, took / 2, took)
    buckets = [
        Bucket(NOON + timedelta(minutes=at), *one, *([times] * 2 if any(one) else [])) for at, one in enumerate(counts)
    ]
    sums = [sum(one) for one in zip(*counts, strict=True)]
    return Series("1h", 60, tuple(buckets), Bucket(NOON, *sums, *([times] * 2 if any(sums) else [])), deploys)


def drawn(markup: str) -> ElementTree.Element:
    return ElementTree.fromstring(markup)


def texts(found: ElementTree.Element) -> list[str]:
    return [one.text or "" for one in found.iter("text")]


def path(found: ElementTree.Element, name: str) -> str:
    [one] = [one for one in found.iter("path") if name in one.get("class", "").split()]
    return one.get("d", "")


class TestThroughput:
    def test_it_says_in_words_what_it_shows(self) -> None:
        found = drawn(chart.throughput(series((1200, 3, 4), (0, 0, 0), (300, 0, 0))))
        ids = {one.get("id"): one.text for one in found if one.get("id")}
        assert [ids[name] for name in found.get("aria-labelledby", "").split()] == [
            "Jobs that ended",
            "In the last 1h: 1,500 finished, 3 failed, 4 retried.",
        ]
        assert found.get("role") == "img"

    def test_bars_stand_on_each_other_and_in_proportion(self) -> None:
        found = drawn(chart.throughput(series((50, 30, 20), (0, 0, 0), (100, 0, 0))))
        whole = axes.BOTTOM - axes.TOP
        heights = {
            kind: [
                (float(y), float(high)) for y, high in re.findall(r"M\S+ (\S+)v-(\S+?)h", path(found, f"chart-{kind}"))
            ]
            for kind in chart.KINDS
        }
        assert heights["failed"] == [pytest.approx((axes.BOTTOM, 0.3 * whole), abs=0.1)]
        assert heights["retried"] == [pytest.approx((axes.BOTTOM - 0.3 * whole, 0.2 * whole), abs=0.1)]
        assert heights["finished"] == [
            pytest.approx((axes.BOTTOM - 0.5 * whole, 0.5 * whole), abs=0.1),
            pytest.approx((axes.BOTTOM, whole), abs=0.1),
        ]

    def test_one_failure_among_thousands_is_seen(self) -> None:
        found = drawn(chart.throughput(series((100_000, 1, 0))))
        assert f"v-{chart.LEAST}" in path(found, "chart-failed")

    def test_who_points_at_a_bucket_is_told_its_numbers(self) -> None:
        found = drawn(chart.throughput(series((7, 1, 0), (0, 0, 0))))
        hovers = [one for one in found.iter("rect") if one.get("class") == "chart-hover"]
        assert [one.find("title").text for one in hovers] == ["Nov 22 12:00 UTC: 7 finished, 1 failed, 0 retried"]

    @given(st.lists(COUNTS, min_size=1, max_size=30))
    def test_whatever_the_counts_it_stays_within_its_frame(self, counts: list[tuple[int, int, int]]) -> None:
        found = drawn(chart.throughput(series(*counts)))
        for one in found.iter("path"):
            for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", one.get("d", "")):
                assert 0 <= float(x) <= axes.WIDTH
                assert 0 <= float(y) <= axes.HEIGHT


class TestPercentiles:
    def test_each_has_its_line_and_its_dashes(self) -> None:
        found = drawn(chart.percentiles(series((1, 0, 0), (1, 0, 0)), "wait"))
        dashes = {one.get("stroke-dasharray") for one in found.iter("path") if "chart-line" in one.get("class", "")}
        assert dashes == {None, "6 3", "2 3"}
        assert [path(found, f"chart-{name}").count("L") for name in chart.LINES] == [1, 1, 1]
        assert "200 ms" in texts(found)

    def test_a_line_is_broken_where_nothing_ended(self) -> None:
        found = drawn(chart.percentiles(series((1, 0, 0), (0, 0, 0), (1, 0, 0), (2, 0, 0)), "run"))
        assert re.sub(r"[^ML]", "", path(found, "chart-p99")) == "MML"

    def test_one_minute_alone_is_as_wide_as_its_bar(self) -> None:
        hour = [(0, 0, 0)] * 59
        found = drawn(chart.percentiles(series(*hour, (3, 0, 0)), "run"))
        [wide] = re.findall(r"^M\S+ \S+h([\d.]+)$", path(found, "chart-p99"))
        assert float(wide) == pytest.approx(0.8 * (axes.RIGHT - axes.LEFT) / 60, abs=0.1)

    def test_it_says_in_words_what_it_shows(self) -> None:
        found = drawn(chart.percentiles(series((1, 0, 0), took=90), "run"))
        assert found.find("desc").text == "In the last 1h: p50 22.5 s, p95 45 s, p99 1.5 min."


@pytest.mark.parametrize("draw", [chart.throughput, lambda empty: chart.percentiles(empty, "wait")])
class TestEach:
    def test_nothing_is_said_in_words(self, draw: Callable[[Series], str]) -> None:
        found = drawn(draw(series((0, 0, 0))))
        assert any("Nothing has ended in the last 1h" in one for one in texts(found))

    def test_deploys_are_marked_where_they_were(self, draw: Callable[[Series], str]) -> None:
        deploy = Deploy('<b>"abc', NOON + timedelta(minutes=1))
        found = drawn(draw(series((1, 0, 0), (1, 0, 0), deploys=(deploy,))))
        [mark] = [one for one in found.iter("g") if one.get("class") == "chart-deploy"]
        assert mark.find("title").text == '<b>"abc was first seen at 2026-11-22 12:01 UTC'
        assert f"M{(axes.LEFT + axes.RIGHT) / 2:.1f} " in mark.find("path").get("d", "")

    def test_it_has_no_style_of_its_own_and_its_classes_are_in_the_sheet(self, draw: Callable[[Series], str]) -> None:
        markup = draw(series((1, 2, 3), deploys=(Deploy("a", NOON),)))
        assert "style=" not in markup
        sheet = (ROOT / "web/static/chart.css").read_text()
        used = {name for one in drawn(markup).iter() for name in one.get("class", "").split()}
        assert {name for name in used - {"chart-key"} if not re.search(rf"\.{name}\b(?!-)", sheet)} == set()


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (1, 1), (3, 5), (99, 100), (101, 200), (4_000_000, 5_000_000), (600, 1000)]
)
def test_an_axis_of_counts_ends_in_a_round_number(value: float, top: float) -> None:
    assert axes.round_number(value) == top


@pytest.mark.parametrize(
    ("value", "top", "words"),
    [
        (0.0034, 0.005, "5 ms"),
        (0.7, 1.0, "1 s"),
        (1.2, 2.0, "2 s"),
        (45.0, 60.0, "1 min"),
        (70.0, 120.0, "2 min"),
        (3700.0, 7200.0, "2 h"),
        (80000.0, 86400.0, "1 d"),
        (100_000.0, 172_800.0, "2 d"),
    ],
)
def test_an_axis_of_times_ends_in_a_round_one(value: float, top: float, words: str) -> None:
    assert axes.round_seconds(value) == pytest.approx(top)
    assert axes.seconds(axes.round_seconds(value)) == words
