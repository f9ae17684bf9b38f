"""``python -m jobs example threads``, from an empty folder to its account."""

from pathlib import Path

from tests.support import Processes


def test_every_promise_is_kept(tmp_path: Path, processes: Processes) -> None:
    process = processes.start_in(tmp_path, "-m", "jobs", "example", "threads")
    assert process.ends(90) == 0, "\n".join(process.lines)
    kept = [line for line in process.lines if line.startswith("✓")]
    assert len(kept) == 7
    assert not [line for line in process.lines if line.startswith("✗")]
    assert "✓ in order in 5 of 5 threads" in kept
