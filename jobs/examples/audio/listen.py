"""Listening to a sound from its start to its end, and what was heard. Memory holds a tenth of a second of it."""

from collections.abc import Callable
from typing import NamedTuple

from jobs.examples.audio.measures import BANDS, WINDOW, Ear, bands, decibels, loudness, spectrum, strongest
from jobs.examples.audio.waves import Sound

MOST = 400
"""Windows that are looked at for frequencies, spread over the sound: those of a minute or two are enough."""


class Heard(NamedTuple):
    """What was heard; None for what silence does not have."""

    seconds: float
    loudness: float | None
    """LUFS."""
    peak: float | None
    """dB below full scale."""
    strongest: float | None
    """Hz; None also where no frequency stands out."""
    bands: list[float]
    """The share of each octave."""


def listen(sound: Sound, say: Callable[[float, str], None]) -> Heard:
    """Measure a sound that comes in blocks of a tenth of a second; ``say`` is told how far one is, from 0 to 1."""
    ears = [Ear(sound.rate) for _ in range(sound.channels)]
    step = max(1, sound.frames // WINDOW // MOST)
    tenths: list[float] = []
    powers = [0.0] * (WINDOW // 2)
    peak, buffer, seen, frames = 0.0, list[float](), 0, 0
    for block in sound.blocks:
        frames += len(block[0])
        tenths.append(sum(ear.energy(channel) for ear, channel in zip(ears, block, strict=True)) / len(block[0]))
        peak = max(peak, *(max(map(abs, channel)) for channel in block))
        buffer += block[0] if len(block) == 1 else [sum(both) / len(block) for both in zip(*block, strict=True)]
        while len(buffer) >= WINDOW:
            if seen % step == 0:
                powers = [a + b for a, b in zip(powers, spectrum(buffer[:WINDOW]), strict=True)]
            seen += 1
            del buffer[:WINDOW]
        say(frames / max(sound.frames, 1), f"{frames / sound.rate:.1f} s")
    loud = loudness(tenths)
    return Heard(
        seconds=round(frames / sound.rate, 3),
        loudness=round(loud, 2) if loud > float("-inf") else None,
        peak=round(-decibels(peak * peak), 2) + 0.0 if peak else None,
        strongest=_rounded(strongest(powers, sound.rate)),
        bands=[round(share, 4) for share in bands(powers, sound.rate)] if any(powers) else [0.0] * len(BANDS),
    )


def _rounded(hertz: float | None) -> float | None:
    return None if hertz is None else round(hertz, 1)
