"""What the bench says about what it has measured, and about who is not there."""

from pathlib import Path

import pytest

from bench import environments, plot, report
from bench.__main__ import main
from bench.environments import Environment, setup
from bench.results import Row, times
from bench.stage import BenchError

FIGURE = Row("throughput", "No-op jobs", "jobs/s", [4_000, 6_000, 5_000], [100, 90, 110], goal=times(40))
MEMORY = Row("memory", "Memory", "MB", [80], [40], less=True)
PEER = Row("peers", "2 processes", "jobs/s", [5_000], [1_000], rival="Celery 5.7.0")
SLOWER = Row("peers", "fast", "jobs/s", [5_000], [10_000], rival="Quick 1.0")


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """One whose making is only noted."""
    monkeypatch.setattr(environments, "HOME", tmp_path)
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(environments, "run", lambda *_: None)
    pins = tmp_path / "thing.txt"
    pins.write_text("thing[redis]==1.2.3\nhiredis==3.5.0\n")
    return Environment("thing", ("-m", "thing"), pins)


def test_a_ratio_says_how_many_times_better_ours_is() -> None:
    assert (FIGURE.ratio, FIGURE.met) == (50, True)
    assert MEMORY.ratio == 0.5


def test_the_page_has_a_table_of_peers_and_one_of_figures() -> None:
    page = report.page([FIGURE, PEER], ["Date: today"], ["throughput", "peers"], ["a.svg", "b.svg"])
    assert "| Signalbox | 1 child, 10 threads | 5,000 jobs/s | – |" in page
    assert "| Celery 5.7.0 | 2 processes | 1,000 jobs/s | 5.00 × |" in page
    assert "| No-op jobs | 5,000 jobs/s (4,000 – 6,000) | 100 jobs/s (90.0 – 110) | 50.0 × | ≥ 40 × RQ | yes |" in page
    assert "(a.svg)" in page
    assert "(b.svg)" in page


def test_everybody_is_drawn_with_the_quickest_on_top() -> None:
    bars = plot.charts([FIGURE, PEER, SLOWER])["performance.svg"]["bars"]
    assert [bar["label"] for bar in bars] == ["Quick 1.0", "Signalbox", "Celery 5.7.0"]
    assert [bar["kind"] for bar in bars] == ["theirs", "ours", "theirs"]


def test_what_is_worse_than_rq_is_drawn_as_such() -> None:
    bars = plot.charts([FIGURE, MEMORY, PEER])["performance-rq.svg"]["bars"]
    assert [(bar["text"], bar["kind"]) for bar in bars] == [("50.0 ×", "ours"), ("0.50 ×", "short")]


def test_an_environment_is_ready_once_it_is_made_and_until_its_pins_change(environment: Environment) -> None:
    said: list[str] = []
    assert not environment.ready
    assert setup([environment], said.append)
    assert setup([environment], said.append)
    assert said == ["thing[redis]==1.2.3 in thing: installed", "thing[redis]==1.2.3 in thing: is there"]
    assert environment.version == "1.2.3"
    environment.pins.write_text("thing[redis]==1.2.4\n")
    assert not environment.ready


def test_what_cannot_be_installed_is_said_in_a_line_and_leaves_nothing(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: str) -> None:
        raise BenchError("no network")

    said: list[str] = []
    monkeypatch.setattr(environments, "run", fail)
    assert not setup([environment], said.append)
    assert said == ["thing[redis]==1.2.3 in thing: not installed: no network"]
    assert not environment.folder.exists()


def test_a_failed_command_is_told_by_its_error() -> None:
    with pytest.raises(BenchError, match=r"^ERROR: no such thing$"):
        environments.run("sh", "-c", "echo WARNING: an error; echo ERROR: no such thing; echo bye; exit 1")
    with pytest.raises(BenchError, match=r"^no-such-command: No such file or directory$"):
        environments.run("no-such-command")


def test_nothing_is_measured_for_a_page_that_cannot_be_drawn(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(plot, "ENVIRONMENT", environment)
    assert main(["--write"]) == 2
    assert "run `python -m bench setup` first" in capsys.readouterr().err
