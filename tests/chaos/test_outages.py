"""Redis is killed, loading, read-only or full; no worker ends, and what was accepted is done."""

from tests.chaos import scenarios
from tests.chaos.conftest import Proof
from tests.chaos.line import Line
from tests.chaos.scenarios import Scale
from tests.chaos.server import Server

LOADS = 2.5
"""Seconds: longer than the lease."""


def test_the_server_is_killed(own_line: Line, server: Server, kept: Proof) -> None:
    kept(scenarios.server_killed(own_line, server, Scale(kills=4, every=1.5)))
    assert all(worker.popen.poll() is None for worker in own_line.started)


def test_the_server_is_loading(own_line: Line, server: Server, kept: Proof) -> None:
    report = scenarios.server_loading(own_line, server, Scale(jobs=60, kills=2), LOADS)
    kept(report)
    assert all(worker.popen.poll() is None for worker in own_line.started)
    assert set(report.starts.values()) == {1}, "a job was started again"


def test_the_server_is_read_only(own_line: Line, server: Server, kept: Proof) -> None:
    kept(scenarios.server_read_only(own_line, server, Scale(jobs=90, kills=3, every=1.5)))
    assert all(worker.popen.poll() is None for worker in own_line.started)


def test_the_server_is_full(own_line: Line, server: Server, kept: Proof) -> None:
    kept(scenarios.server_full(own_line, server, Scale(jobs=90, kills=3, every=1.0)))
    assert all(worker.popen.poll() is None for worker in own_line.started)
