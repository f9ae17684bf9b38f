"""A Mac, a host that forbids what Linux could do, and Windows: each as far as this machine can be made to look so."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT, Process, Processes, free_port, is_alive, wait_for

HIDDEN = '''
import ctypes, os, sys, sysconfig, types

def hide(event, arguments):
    """Nothing of /proc and /dev/shm can be read, whoever looks."""
    if event in ("open", "os.listdir", "os.scandir") and str(arguments[0]).startswith(("/proc", "/dev/shm")):
        raise PermissionError(13, "Permission denied", arguments[0])

sys.addaudithook(hide)
'''
MAC = f"""{HIDDEN}
sysconfig.get_config_vars()  # these, and a module for proxies, Python asks a Mac for
proxies = types.ModuleType("_scproxy")
proxies._get_proxy_settings = proxies._get_proxies = dict
sys.modules["_scproxy"] = proxies
sys.platform = "darwin"
for name in ("memfd_create", "sched_setscheduler", "sched_param", "SCHED_BATCH", "waitid"):
    delattr(os, name)
"""
FORBIDDEN = f"""{HIDDEN}
class NoCalls:
    def __init__(self, *_, **__): ...
    def prctl(self, *_): return -1

def forbidden(*_):
    raise PermissionError(1, "Operation not permitted")

ctypes.CDLL = NoCalls
os.memfd_create = os.sched_setscheduler = forbidden
"""
UNTIED = """
import jobs.supervise.process
jobs.supervise.process.tied = lambda *command: command
"""


@pytest.fixture(params=[MAC, FORBIDDEN], ids=["a Mac", "a host that forbids"])
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(request.param + UNTIED)
    return {"PYTHONPATH": f"{site}:{ROOT}", "PORT": str(free_port())}


def test_the_demo_runs(processes: Processes, folder: Path, environ: dict[str, str]) -> None:
    (folder / "text.txt").write_text("one two two\n")
    process = processes.start_in(folder, "-m", "jobs", "demo", "text.txt", **environ)
    assert process.ends(90) == 0, "\n".join(process.lines)
    assert any(line.startswith("1 files, 1 lines, 3 words") for line in process.lines)


def test_a_killed_worker_is_replaced_and_an_end_leaves_nothing(
    processes: Processes, folder: Path, environ: dict[str, str]
) -> None:
    process = processes.start_in(folder, "-m", "jobs", "combo", JOBS_LEASE="2", **environ)
    process.says("line is clear", within=60)
    worker = _pid(process)
    children = [part.pid for part in process.tree() if part.ppid() == worker]
    assert children
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not any(map(is_alive, children)), "the children of the killed worker to end", within=30)
    wait_for(lambda: sum("worker is ready" in line for line in process.lines) == 2, "another worker", within=40)
    tree = process.tree()
    process.signal(signal.SIGTERM)
    assert process.ends(30) == 0
    wait_for(lambda: not any(is_alive(part.pid) for part in tree), "everything to be gone")


def _pid(process: Process) -> int:
    return int(process.says("worker started with pid ").rsplit(" ", 1)[1])


@pytest.mark.parametrize("module", ["jobs", "web"])
def test_windows_is_one_line_that_names_wsl(tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.platform = 'win32'\n")
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run([sys.executable, "-m", module], env=environ, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "Signalbox runs on Linux and macOS, not on Windows itself: run it in WSL (wsl --install)"
    ]
