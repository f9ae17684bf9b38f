"""What the audio example measures, against what is known of the sounds."""

import cmath
import math
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.examples.audio.listen import Heard, listen
from jobs.examples.audio.measures import BANDS, loudness, strongest, transform
from jobs.examples.audio.waves import SAMPLES, Sample, chord, decoded, rate_of, sound, tone, write

NUMBERS = st.complex_numbers(max_magnitude=1e6, allow_nan=False)


def heard(path: Path) -> Heard:
    with sound(path, rate_of(path) // 10) as found:
        return listen(found, lambda share, text: None)


def made(folder: Path, make: Callable[[float], float], seconds: float = 2.0, rate: int = 22_050) -> Heard:
    write(folder / "made.wav", make, seconds, rate)
    return heard(folder / "made.wav")


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
def test_a_tone_at_full_scale_is_as_loud_as_the_standard_says(tmp_path: Path, rate: int) -> None:
    found = made(tmp_path, tone(997, 0), rate=rate)  # BS.1770-4: -3.01 LKFS
    assert found.loudness == pytest.approx(-3.01, abs=0.1)
    assert found.peak == pytest.approx(0, abs=0.01)
    assert found.strongest == pytest.approx(997, abs=1)


def test_two_channels_are_as_loud_as_both_together(tmp_path: Path) -> None:
    """EBU Tech 3341, case 1: a stereo tone at -23 dB is at -23 LUFS."""
    frames = [round(10 ** (-23 / 20) * math.sin(math.tau * 1000 * at / 48_000) * 32767) for at in range(48_000 * 2)]
    with wave.open(str(tmp_path / "stereo.wav"), "wb") as file:
        file.setparams((2, 2, 48_000, 0, "NONE", ""))
        file.writeframes(b"".join(frame.to_bytes(2, "little", signed=True) * 2 for frame in frames))
    assert heard(tmp_path / "stereo.wav").loudness == pytest.approx(-23, abs=0.1)


def test_silence_between_counts_for_nothing() -> None:
    loud = loudness([0.01] * 40)
    assert loudness([0.01] * 20 + [0.0] * 400 + [0.01] * 20) == pytest.approx(loud, abs=0.5)


def test_silence_has_no_measures(tmp_path: Path) -> None:
    assert made(tmp_path, lambda at: 0.0) == Heard(2.0, None, None, None, [0.0] * len(BANDS))


def test_a_sound_without_a_frame_and_a_very_short_one_are_measured(tmp_path: Path) -> None:
    assert made(tmp_path, tone(440, 0), seconds=0).seconds == 0
    assert made(tmp_path, tone(440, 6), seconds=0.05).peak == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_each_sample_is_what_it_says_of_itself(tmp_path: Path, sample: Sample) -> None:
    found = made(tmp_path, sample.make, seconds=12.0, rate=11_025)
    assert found.peak == pytest.approx(sample.peak, abs=0.1)
    assert found.strongest == (None if sample.strongest is None else pytest.approx(sample.strongest, abs=2))


def test_the_octaves_have_what_is_in_them(tmp_path: Path) -> None:
    shares = dict(zip(BANDS, made(tmp_path, chord(250, 2000)).bands, strict=True))
    assert sum(shares.values()) == pytest.approx(1, abs=0.001)
    assert shares[250] == pytest.approx(0.8, abs=0.02)  # twice the height is four times the power
    assert shares[2000] == pytest.approx(0.2, abs=0.02)


@given(st.integers(0, 6).flatmap(lambda power: st.lists(NUMBERS, min_size=2**power, max_size=2**power)))
def test_the_fast_transform_is_the_slow_one(values: list[complex]) -> None:
    size = len(values)
    slow = [
        sum(value * cmath.exp(-2j * math.pi * at * number / size) for number, value in enumerate(values))
        for at in range(size)
    ]
    scale = max(map(abs, values)) * size + 1
    assert all(abs(a - b) <= 1e-9 * scale for a, b in zip(transform(values), slow, strict=True))


def test_a_frequency_between_two_is_told() -> None:
    assert strongest([0.0, 0.0, 1.0, 1.0, 0.0, *[0.0] * 59], 128) == pytest.approx(2.5)


@pytest.mark.parametrize(
    ("width", "data", "samples"),
    [
        (1, bytes([0, 128, 255]), [-1.0, 0.0, 127 / 128]),
        (2, b"\x00\x80\x00\x00\xff\x7f", [-1.0, 0.0, 32767 / 32768]),
        (3, b"\x00\x00\x80\x00\x00\x40", [-1.0, 0.5]),
        (4, b"\x00\x00\x00\x80\x00\x00\x00\x40", [-1.0, 0.5]),
    ],
)
def test_samples_of_each_width_are_read(width: int, data: bytes, samples: list[float]) -> None:
    assert decoded(data, width) == samples


def test_progress_goes_from_little_to_all(tmp_path: Path) -> None:
    write(tmp_path / "made.wav", tone(440, 6), 1.0)
    shares: list[float] = []
    with sound(tmp_path / "made.wav", 2205) as found:
        listen(found, lambda share, text: shares.append(share))
    assert shares == sorted(shares)
    assert (len(shares), shares[-1]) == (10, 1.0)
