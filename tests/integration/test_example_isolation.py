"""``python -m jobs example isolation``: each fault is named, and its name goes with the repair."""

import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from jobs.examples.isolation import line as lines
from jobs.examples.isolation import show
from jobs.examples.isolation.faults import BY_HAND, GROUPS, QUICK, Fault, Steps
from jobs.examples.isolation.line import Line
from tests.support import ROOT, Processes, wait_for

FAULTS = sum(map(len, GROUPS))
TOUR = ("-m", "jobs", "example", "isolation")


def test_the_quick_tour_names_every_fault_whatever_your_settings_are(processes: Processes, tmp_path: Path) -> None:
    yours = {"REDIS_URL": "redis://127.0.0.1:1/0", "JOBS_SERIALIZER": "pickle", "RQ_KEY_PREFIX": "mine"}
    process = processes.start_in(tmp_path, *TOUR, "--quick", **yours)
    assert process.ends(120) == 0, "\n".join(process.lines)
    text = "\n".join(process.lines)
    for fault in (fault for group in QUICK for fault in group):
        assert f"{fault.code}: " in text
        assert fault.deed in text
    assert text.count("nothing is wrong") == 7
    assert "\n7 of 7 faults were named" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.soak
def test_the_whole_tour_takes_about_a_minute(processes: Processes, tmp_path: Path) -> None:
    process = processes.start_in(tmp_path, *TOUR)
    assert process.ends(180) == 0, "\n".join(process.lines)
    assert f"{FAULTS} of {FAULTS} faults were named" in "\n".join(process.lines)


def test_the_readme_counts_them() -> None:
    assert f"{FAULTS} faults, from a wrong db to a frozen worker" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_end_it_leaves_nothing(processes: Processes, tmp_path: Path, number: signal.Signals) -> None:
    process = processes.start_in(tmp_path, *TOUR, "--quick")
    process.says("lane_halted")
    started = process.tree()[1:]
    process.signal(number)
    assert process.ends() != 0
    wait_for(lambda: not any(map(psutil.Process.is_running, started)), "all that it started to be gone")


def without_effect(line: Line) -> Steps:
    yield
    yield


def without_repair(line: Line) -> Steps:
    yield
    line.client.config_set("maxmemory-policy", "allkeys-lru")
    yield


@pytest.mark.parametrize(
    ("steps", "words"), [(without_effect, "the verdict redis_evicts"), (without_repair, "nothing to be wrong")]
)
def test_what_is_not_named_or_does_not_go_is_said(
    steps: Callable[[Line], Steps], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "PATIENCE", 2.0)
    fault, console = Fault("redis_evicts", "deed", "repair", steps), Console(record=True, width=200)
    futures: list[Future[show.Told]] = [Future(), Future()]
    show._tour([fault, BY_HAND[1]], futures, tmp_path / "line", threading.Event())
    assert [show._show(console, one, future) for one, future in zip([fault, BY_HAND[1]], futures, strict=True)] == [
        None,
        None,
    ]
    assert f"redis_evicts was not shown: waited 2 s in vain for {words}" in console.export_text()
