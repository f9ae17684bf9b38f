"""What is measured of a sound. Pure Python on purpose: it is here to keep a processor busy.

Loudness is that of ITU-R BS.1770-4: filtered as the ear hears, in blocks of 400 ms, the silent ones left out.
"""

import cmath
import math
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain

WINDOW = 2048
"""Samples that are looked at for frequencies at once: a power of two."""
BANDS = (63, 125, 250, 500, 1000, 2000, 4000, 8000)
"""The middles of the octaves, in Hz."""
STANDS_OUT = 10
SILENT, BELOW = -70.0, -10.0
"""LUFS under which a block does not count, and how far it may lie below the rest."""


def decibels(power: float) -> float:
    """Of a power, full scale being 1; minus infinity for silence."""
    return 10 * math.log10(power) if power > 0 else -math.inf


class Ear:
    """The two filters of BS.1770 for one channel; keeps its state from one block to the next."""

    def __init__(self, rate: int) -> None:
        self._filters = [(*one, [0.0, 0.0]) for one in _filters(rate)]

    def energy(self, samples: Sequence[float]) -> float:
        """The sum of the squares of what the ear hears."""
        for b0, b1, b2, a1, a2, state in self._filters:
            first, second = state
            heard = []
            for sample in samples:
                out = b0 * sample + first
                first = b1 * sample - a1 * out + second
                second = b2 * sample - a2 * out
                heard.append(out)
            state[:] = first, second
            samples = heard
        return sum(sample * sample for sample in samples)


@cache
def _filters(rate: int) -> list[tuple[float, float, float, float, float]]:
    """A shelf for the head and a high pass for the ear, for any rate: the standard has them for 48 kHz only."""
    k, q = math.tan(math.pi * 1681.974450955533 / rate), 0.7071752369554196
    high = 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    a0 = 1 + k / q + k * k
    shelf = (
        (high + middle * k / q + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - middle * k / q + k * k) / a0,
        2 * (k * k - 1) / a0,
        (1 - k / q + k * k) / a0,
    )
    k, q = math.tan(math.pi * 38.13547087602444 / rate), 0.5003270373238773
    a0 = 1 + k / q + k * k
    return [shelf, (1.0, -2.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / q + k * k) / a0)]


def loudness(tenths: Sequence[float]) -> float:
    """LUFS, from the mean power of each tenth of a second; minus infinity when all is silent."""
    blocks = [sum(tenths[at : at + 4]) / 4 for at in range(len(tenths) - 3)] or [sum(tenths) / max(len(tenths), 1)]
    loud = [power for power in blocks if _lufs(power) > SILENT]
    if not loud:
        return -math.inf
    least = _lufs(sum(loud) / len(loud)) + BELOW
    kept = [power for power in loud if _lufs(power) > least]
    return _lufs(sum(kept) / len(kept))


def _lufs(power: float) -> float:
    return decibels(power) - 0.691


def spectrum(samples: Sequence[float]) -> list[float]:
    """The power of each frequency of a window, from 0 to half the rate."""
    shaped = [complex(sample * weight) for sample, weight in zip(samples, _hann(len(samples)), strict=True)]
    return [abs(one) ** 2 for one in transform(shaped)[: len(samples) // 2]]


def transform(values: Sequence[complex]) -> list[complex]:
    """The discrete Fourier transform of 2^n values (Cooley and Tukey, 1965)."""
    if len(values) == 1:
        return list(values)
    even, odd = transform(values[::2]), transform(values[1::2])
    turned = [turn * value for turn, value in zip(_turns(len(values)), odd, strict=True)]
    sums = (a + b for a, b in zip(even, turned, strict=True))
    differences = (a - b for a, b in zip(even, turned, strict=True))
    return list(chain(sums, differences))


@cache
def _turns(size: int) -> list[complex]:
    return [cmath.exp(-2j * math.pi * at / size) for at in range(size // 2)]


@cache
def _hann(size: int) -> list[float]:
    return [0.5 - 0.5 * math.cos(math.tau * at / size) for at in range(size)]


def strongest(powers: Sequence[float], rate: int) -> float | None:
    """The frequency that stands out, in Hz: the top of the parabola through the highest of them and its neighbours.

    None where none has ten times the mean.
    """
    at = max(range(1, len(powers) - 1), key=powers.__getitem__)
    if powers[at] <= STANDS_OUT * sum(powers) / len(powers):
        return None
    before, top, after = (math.log(max(power, 1e-30)) for power in powers[at - 1 : at + 2])
    bend = before - 2 * top + after
    return (at + (0.5 * (before - after) / bend if bend else 0.0)) * rate / (2 * len(powers))


def bands(powers: Sequence[float], rate: int) -> list[float]:
    """The share of each octave of ``BANDS`` in all of them."""
    width = rate / (2 * len(powers))
    found = [sum(_within(powers, band / math.sqrt(2) / width, band * math.sqrt(2) / width)) for band in BANDS]
    return [one / (sum(found) or 1.0) for one in found]


def _within(powers: Sequence[float], low: float, high: float) -> Iterable[float]:
    return powers[math.ceil(low) : math.ceil(high)]
