"""``jobs.history``: what a bucket says as text, and what buckets make of a span. Pure."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.history import SPANS, Span, bins, cells, series
from jobs.history.bins import BINS, Times
from jobs.history.cells import MICRO, Cells

NOW = 1_800_000_123
TIMES = st.builds(
    Times,
    st.dictionaries(st.integers(0, BINS - 1), st.integers(1, 10**6)),
    st.integers(0, 10**13).map(lambda micro: micro / MICRO),
)
CELLS = st.builds(Cells, st.tuples(*[st.integers(0, 10**9)] * 3), TIMES, TIMES)


def finished(number: int, seconds: float = 0.2) -> Cells:
    binned = bins.count([seconds] * number)
    return cells.cells({"finished": number}, binned, binned)


class TestCells:
    @given(CELLS)
    def test_what_is_packed_is_what_is_unpacked(self, one: Cells) -> None:
        assert cells.unpack(cells.pack(one)) == one

    @given(CELLS, CELLS)
    def test_texts_one_after_the_other_add_up(self, one: Cells, other: Cells) -> None:
        both = cells.together([one, other])
        assert [sum(counts) for counts in zip(one.ends, other.ends, strict=True)] == list(both.ends)
        assert both.waits == bins.together([one.waits, other.waits])

    def test_a_bucket_takes_few_bytes(self) -> None:
        assert cells.pack(finished(1200)) == "a1200X200000Y200000E+1200E<1200"
        assert cells.pack(Cells()) == ""

    def test_bins_of_an_earlier_version_are_left_out_and_its_ends_are_counted(self) -> None:
        assert cells.unpack("a5b2k5H5Z7") == Cells((5, 2, 0))

    def test_each_count_has_a_letter_of_its_own(self) -> None:
        assert len({*cells.LETTERS, "X", "Y", *cells.WAITS, *cells.RUNS}) == 5 + 2 * BINS

    def test_what_is_not_known_has_no_name(self) -> None:
        assert cells.names("mail", "shop.send") == ["all", "queue:mail", "task:shop.send"]
        assert cells.names("mail", "") == ["all", "queue:mail"]


@pytest.mark.parametrize("span", SPANS)
class TestSeries:
    def test_the_buckets_lie_one_after_the_other_up_to_now(self, span: Span) -> None:
        found = series.build(span, series.start_of(span, NOW), {})
        assert {later.start - one.start for one, later in zip(found.buckets, found.buckets[1:], strict=False)} == {
            timedelta(seconds=found.step)
        }
        last = found.buckets[-1].start.timestamp()
        assert last <= NOW < last + found.step
        hours = {"1h": 1, "24h": 24, "7d": 168, "30d": 720}[span]
        assert len(found.buckets) * found.step == hours * 3600

    @given(data=st.data())
    def test_each_is_in_the_bucket_of_its_time_and_all_in_the_total(self, span: Span, data: st.DataObject) -> None:
        start = series.start_of(span, NOW)
        kept = {at: finished(number) for at, number in data.draw(OFFSETS).items()}
        found = series.build(span, start, {start + at: one for at, one in kept.items()})
        for bucket in found.buckets:
            begin = bucket.start.timestamp() - start
            within = [one.ends[0] for at, one in kept.items() if begin <= at < begin + found.step]
            assert bucket.finished == sum(within)
            assert (bucket.wait is None) == (not sum(within))
        assert found.total.finished == sum(bucket.finished for bucket in found.buckets)

    def test_what_lies_outside_is_left_out(self, span: Span) -> None:
        start = series.start_of(span, NOW)
        step, steps = series.STEPS[span]
        found = series.build(span, start, {start - 60: finished(1), start + step * steps: finished(1)})
        assert found.total.ended == 0
        assert found.total.start == datetime.fromtimestamp(start, UTC)


OFFSETS = st.dictionaries(st.integers(-100, 60 * 60 // 60).map(lambda number: number * 60), st.integers(1, 99))
