"""A root file system that is read-only, /tmp and /dev/shm with it, as a container may have it. Redis is elsewhere."""

import shlex
import subprocess
import sys

import pytest

from jobs import enqueue
from tests.support import Processes, answers, free_port, get, wait_for

ALONE = ("unshare", "--map-root-user", "--mount")
READ_ONLY = "mount -o remount,ro,bind / && mount -o remount,ro,bind /dev/shm && ! touch /tmp/x /dev/shm/x 2>/dev/null"
START = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"


def _inside(*command: str) -> tuple[str, ...]:
    return (*ALONE, "sh", "-c", f"{READ_ONLY} && exec {shlex.join(command)}")


@pytest.mark.skipif(
    sys.platform != "linux" or subprocess.run(_inside("true"), capture_output=True).returncode != 0,
    reason="no file system can be made read-only here: that takes mount namespaces, or root",
)
@pytest.mark.usefixtures("tasks")
def test_all_works_where_nothing_can_be_written(url: str, processes: Processes) -> None:
    port = free_port()
    command = _inside(sys.executable, "-m", "jobs", "combo")
    options = {"PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1", "JOBS_TASKS": "tests.tasks"}
    combo = processes.start("-c", START, *command, **options)
    done = enqueue("tests.tasks.add", 1, 2)
    wait_for(lambda: done.fetch().is_finished or combo.popen.poll(), "a job to be done", within=40)
    wait_for(lambda: answers(port), "web to listen")
    assert get(port, "/livez")[0] == 200
    assert not [line for line in combo.lines if "Traceback" in line], combo.lines
