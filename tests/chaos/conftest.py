"""A line for each test, and a table of what came of them all."""

import os
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from random import SystemRandom

import pytest

from jobs import registry
from tests.chaos.line import SHORT_LEASE, Line
from tests.chaos.report import Report
from tests.chaos.server import Server
from tests.support import Processes

Proof = Callable[[Report], None]
SAID = "what came of it"


@pytest.fixture(scope="session")
def seed() -> int:
    """``CHAOS_SEED``, or another one each time."""
    return int(os.environ.get("CHAOS_SEED", SystemRandom().randrange(10**6)))


@pytest.fixture
def line(url: str, tmp_path: Path, processes: Processes, seed: int, request: pytest.FixtureRequest) -> Iterator[Line]:
    """A line on the session's server, with a short lease."""
    registry.load(("tests.chaos.tasks",))
    found = Line(request.node.name.removeprefix("test_"), url, tmp_path, processes, seed)
    found.environ |= SHORT_LEASE
    yield found
    found.close()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis to be ill-treated."""
    found = Server(tmp_path_factory.mktemp("redis"))
    found.start()
    yield found
    found.close()


@pytest.fixture
def own_line(
    server: Server, tmp_path: Path, processes: Processes, seed: int, request: pytest.FixtureRequest
) -> Iterator[Line]:
    """A line on a server of its own, with a short lease."""
    registry.load(("tests.chaos.tasks",))
    found = Line(request.node.name.removeprefix("test_"), server.url, tmp_path, processes, seed)
    found.environ |= SHORT_LEASE
    yield found
    found.close()


@pytest.fixture
def kept(record_property: Callable[[str, object], None]) -> Proof:
    """Notes a report for the table, and asserts that nothing was lost, doubled or left behind."""

    def check(report: Report) -> None:
        record_property(SAID, str(report))
        report.assert_kept()

    return check


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = chain.from_iterable(terminalreporter.stats.values())
    calls = (one for one in reports if isinstance(one, pytest.TestReport) and one.when == "call")
    for name, said in chain.from_iterable(one.user_properties for one in calls):
        if name == SAID:
            terminalreporter.write_line(str(said))
