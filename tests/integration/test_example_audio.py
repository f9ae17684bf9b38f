"""``python -m jobs example audio`` with files of one's own; `test_readme.py` runs it without."""

from pathlib import Path

from jobs.examples.audio.waves import tone, write
from tests.support import Processes


def test_files_of_ones_own_are_measured_and_one_that_is_no_wav_is_named(tmp_path: Path, processes: Processes) -> None:
    write(tmp_path / "mine.wav", tone(500, 20), 3.0)
    (tmp_path / "broken.wav").write_text("no sound")
    files = [str(tmp_path / name) for name in ("mine.wav", "broken.wav")]
    process = processes.start_in(tmp_path, "-m", "jobs", "example", "audio", *files, COLUMNS="120")
    assert process.ends(120) == 1, "\n".join(process.lines)
    assert "✗ 1 of 2 sounds measured" in process.lines
    [mine] = [line for line in process.lines if "│ mine" in line]
    assert "-20.0 dB" in mine
    assert "500 Hz" in mine
    [broken] = [line for line in process.lines if "│ broken" in line]
    assert "wave.Error: file does not start with RIFF id" in broken
