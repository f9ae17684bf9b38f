"""Modules of tasks that end while they are imported, or never come back: somebody says which, and how."""

from pathlib import Path

import pytest
from redis import Redis

from jobs.health import snapshot
from jobs.health.diagnosis import diagnose
from jobs.health.diagnosis.finding import Finding, Limits
from tests.support import ROOT, Processes, wait_for

HURRIED = """
import runpy
from jobs.worker import nursery, readiness
nursery.SLOW = readiness.SLOW = 1.0
runpy.run_module("jobs", run_name="__main__", alter_sys=True)
"""


def write(folder: Path, name: str, text: str) -> dict[str, str]:
    """A module, and the environment in which it is the tasks'."""
    (folder / f"{name}.py").write_text(text)
    return {"JOBS_TASKS": name, "PYTHONPATH": f"{ROOT}:{folder}"}


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("import sys\nsys.exit('usage: tasks FILE')\n", "importing it ended with sys.exit('usage: tasks FILE')"),
        ("raise SystemExit(0)\n", "importing it ended with sys.exit(0)"),
        ("class Odd(BaseException): pass\nraise Odd('no')\n", "importing it failed: Odd: no"),
    ],
)
@pytest.mark.usefixtures("url")
def test_a_module_that_leaves_is_named_and_ends_the_worker(
    processes: Processes, tmp_path: Path, text: str, how: str
) -> None:
    worker = processes.start("-m", "jobs", "worker", **write(tmp_path, "leaves", text))
    assert worker.ends() == 2
    assert [line for line in worker.lines if "leaves" in line] == [f"signalbox: JOBS_TASKS is 'leaves': {how}"]


def test_a_module_that_ends_its_process_is_named(client: Redis, processes: Processes, tmp_path: Path) -> None:
    worker = processes.start("-m", "jobs", "worker", **write(tmp_path, "drops_dead", "import os\nos._exit(0)\n"))
    worker.says("ended with code 0 while it imported drops_dead")
    found = wait_for(lambda: finding(client, "crash_loop"), "the finding", within=60)
    assert found.summary.endswith("times in a row, while they import drops_dead")


def test_a_module_that_never_comes_back_is_named(client: Redis, processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "jobs_hurried.py").write_text(HURRIED)
    environ = write(tmp_path, "never_back", "import time\ntime.sleep(600)\n")
    worker = processes.start("-m", "jobs_hurried", "worker", **environ)
    worker.says("has been importing never_back for")
    found = wait_for(lambda: finding(client, "import_hangs"), "the finding")
    assert "has been importing never_back" in found.summary
    assert sum("never_back" in line for line in worker.lines) == 1


def finding(client: Redis, code: str) -> Finding | None:
    seen = snapshot.read(client, ("default",), 0)
    return next((one for one in diagnose(seen, Limits(heartbeat=15, uptime=600)) if one.code == code), None)
