"""How long a job may run, as RQ writes it."""

import pytest

from jobs.rq_timeout import MOST, seconds


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"180", 180), (b"0.5", 0.5), (b"1h", 3600), (b"23m", 1380), (b"2D", 172_800), (b"10s", 10),
        (b"-1", -1), (b"9" * 400, MOST), (b"9" * 400 + b"h", MOST), (b"inf", MOST),
    ],
)  # fmt: skip
def test_each_form_that_rq_writes_is_read(text: bytes, found: float) -> None:
    assert seconds(text) == found


@pytest.mark.parametrize("text", [b"soon", b"1w", b"h", b"1.5h", b"nan", b"\xff", b"1 h ", b"9" * 5000 + b"h"])
def test_anything_else_is_named(text: bytes) -> None:
    with pytest.raises(ValueError, match="its timeout is b"):
        seconds(text)
