"""WAV files: reading them block by block, and making some."""

import math
import random
import struct
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

RATE = 22_050
SECONDS = 12.0

Block = list[list[float]]
"""For each channel its samples, from -1 to 1."""


class Sound(NamedTuple):
    """A file that is read."""

    rate: int
    channels: int
    frames: int
    blocks: Iterator[Block]


class Sample(NamedTuple):
    """A sound that is made, and what is to be found in it."""

    name: str
    make: Callable[[float], float]
    """The sample at a time in seconds."""
    peak: float
    """dB below full scale."""
    strongest: float | None = None
    """Hz; None where no frequency stands out."""


def rate_of(path: Path) -> int:
    """Frames a second. Raises ``wave.Error`` for a file that is no PCM."""
    with wave.open(str(path), "rb") as file:
        return file.getframerate()


@contextmanager
def sound(path: Path, frames: int) -> Iterator[Sound]:
    """Read a file in blocks of so many frames, the last one shorter. Raises ``wave.Error`` for one that is no PCM."""
    with wave.open(str(path), "rb") as file:
        yield Sound(file.getframerate(), file.getnchannels(), file.getnframes(), _blocks(file, frames))


def _blocks(file: wave.Wave_read, frames: int) -> Iterator[Block]:
    width, channels = file.getsampwidth(), file.getnchannels()
    while data := file.readframes(frames):
        samples = decoded(data[: len(data) // (width * channels) * width * channels], width)
        yield [samples[channel::channels] for channel in range(channels)]


def decoded(data: bytes, width: int) -> list[float]:
    """PCM samples of so many bytes, little-endian as WAV has them, as numbers from -1 to 1."""
    if width == 1:  # unsigned
        return [(sample - 128) / 128 for sample in data]
    full = float(1 << (8 * width - 1))
    if width == 3:
        return [int.from_bytes(data[at : at + 3], "little", signed=True) / full for at in range(0, len(data), 3)]
    return [sample / full for (sample,) in struct.iter_unpack("<h" if width == 2 else "<i", data)]


def write(path: Path, make: Callable[[float], float], seconds: float = SECONDS, rate: int = RATE) -> None:
    """Make a sound of one channel and 16 bits; what lies above full scale is cut off."""
    samples = (max(-1.0, min(1.0, make(number / rate))) for number in range(int(seconds * rate)))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{int(seconds * rate)}h", *(round(sample * 32767) for sample in samples)))


def tone(hertz: float, level: float) -> Callable[[float], float]:
    """A pure tone, ``level`` dB below full scale."""
    height = 10 ** (-level / 20)
    return lambda at: height * math.sin(math.tau * hertz * at)


def chord(*hertz: float) -> Callable[[float], float]:
    """Tones at once, the first the loudest."""
    parts = [(one, 0.5 / (number + 1)) for number, one in enumerate(hertz)]
    return lambda at: sum(height * math.sin(math.tau * one * at) for one, height in parts)


def drum(hertz: float, every: float) -> Callable[[float], float]:
    """Beats that die away."""
    return lambda at: math.exp(-8 * (at % every)) * math.sin(math.tau * hertz * (at % every))


def noise(level: float, seed: int) -> Callable[[float], float]:
    """All frequencies alike, the same each time that it is made."""
    height, chance = 10 ** (-level / 20), random.Random(seed)
    return lambda at: height * chance.uniform(-1, 1)


def _swelling(at: float) -> float:
    return at / SECONDS * math.sin(math.tau * 660 * at)


SAMPLES = (
    Sample("tone-440", tone(440, 12), 12.0, 440),
    Sample("tone-997", tone(997, 1), 1.0, 997),
    Sample("quiet-3000", tone(3000, 40), 40.0, 3000),
    Sample("chord", chord(262, 330, 392), 0.76, 262),
    Sample("drum", drum(110, 0.5), 0.2, 110),
    Sample("noise", noise(6, 1), 6.0),
    Sample("swelling", _swelling, 0.0, 660),
    Sample("bass", tone(55, 3), 3.0, 55),
)
