"""Times, spans and sizes as pages say them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from web import words


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (0.4, "now"),
        (5, "5 s ago"),
        (119, "119 s ago"),
        (121, "2 min ago"),
        (7300, "2 h ago"),
        (200_000, "2 d ago"),
        (-40, "in 40 s"),
        (-3600, "in 60 min"),
    ],
)
def test_a_moment_is_told_from_now(passed: float, text: str) -> None:
    assert words.relative(1_000_000 - passed, 1_000_000) == text


def test_a_moment_of_any_zone_is_told_in_utc() -> None:
    there = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert words.iso(there) == "2026-02-28T23:30:00.000Z"
    assert words.exact(there.astimezone(UTC)) == "2026-02-28 23:30:00 UTC"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0.0094, "9 ms"), (1.44, "1.4 s"), (59.94, "59.9 s"), (240, "4 min")]
)
def test_how_long_it_took_is_as_precise_as_one_wants(seconds: float | None, text: str) -> None:
    assert words.took(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(512, "512 B"), (1_000, "1.0 kB"), (12_340_000, "12.3 MB"), (2e12, "2000.0 GB")]
)
def test_sizes_have_a_unit(count: float, text: str) -> None:
    assert words.size(count) == text
