"""``python -m jobs watch``: one job until it ends, in a terminal and in a pipe."""

from pathlib import Path

import pytest
from redis import Redis

from tests import tasks as t
from tests.support import Process, Processes

pytestmark = pytest.mark.usefixtures("tasks")


@pytest.fixture
def worker(url: str, tasks: None, processes: Processes) -> Process:
    process = processes.start("-m", "jobs", "worker")
    process.says("is ready")
    return process


def test_watch_prints_a_line_for_each_change_and_ends_with_0(
    client: Redis, worker: Process, processes: Processes, tmp_path: Path
) -> None:
    job = t.climb.enqueue(str(tmp_path / "gate"))
    watch = processes.start("-m", "jobs", "watch", job.id)
    watch.says("running 40% resizing")
    (tmp_path / "gate").touch()
    assert watch.ends() == 0
    assert watch.lines[-1] == "finished 100% done"


def test_watch_ends_with_1_and_the_error_when_the_job_fails(
    client: Redis, worker: Process, processes: Processes
) -> None:
    watch = processes.start("-m", "jobs", "watch", t.fail.enqueue().id)
    assert watch.ends() == 1
    assert watch.lines[-1] == "failed: ValueError: as asked"


def test_watch_shows_a_bar_in_a_terminal(client: Redis, worker: Process, processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "gate").touch()
    job = t.climb.enqueue(str(tmp_path / "gate"))
    watch = processes.start("-m", "jobs", "watch", job.id, FORCE_COLOR="1", COLUMNS="100")
    assert watch.ends() == 0
    last = next(line for line in reversed(watch.lines) if "━" in line)
    assert "100%" in last
    assert "done" in last


def test_watching_a_job_that_is_not_there_is_one_line_and_code_2(url: str, processes: Processes) -> None:
    watch = processes.start("-m", "jobs", "watch", "nobody")
    assert watch.ends() == 2
    assert watch.lines == ["signalbox: there is no job 'nobody'; finished jobs are kept for JOBS_KEEP"]
