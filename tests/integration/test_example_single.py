"""``python -m jobs example single``, from an empty folder to its account."""

from pathlib import Path

from tests.support import Processes


def test_every_promise_is_kept(tmp_path: Path, processes: Processes) -> None:
    process = processes.start_in(tmp_path, "-m", "jobs", "example", "single", JOBS_LEASE="2")
    assert process.ends(90) == 0, "\n".join(process.lines)
    assert len([line for line in process.lines if line.startswith("✓")]) == 8
    assert not [line for line in process.lines if line.startswith("✗")]
