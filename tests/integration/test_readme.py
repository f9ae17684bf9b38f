"""Every command line of the README, run as a newcomer has it: a clean folder, nothing set, with and without a server.

The lines are run in the README's order. The server on PATH is that of ``TEST_REDIS``, which ``.ci/run`` sets, else the
``redis-server`` that is there.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from redis import Redis

from jobs.examples import EXAMPLES
from jobs.launcher.server import start
from jobs.launcher.servers import binary
from tests.newcomer import Newcomer, Running, code, commands
from tests.support import ROOT, answers, free_port, wait_for

README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST, *REST = commands(README)
NAMED = re.compile(r"\bexample (\w+)")
LINES = [*REST, *(f"python -m jobs example {name}" for name in EXAMPLES if name not in NAMED.findall("\n".join(REST)))]
"""The README shows some examples in its table only."""


class Ends(NamedTuple):
    """How a line ends: with code 0 unless it says otherwise, and with words that match in its last line."""

    last: str
    code: int = 0
    kept: int = 0
    """How many promises of an example are kept."""
    more: str = ""
    """What the line gets besides, so that it takes no hour."""


class Stays(NamedTuple):
    """What a line that stays says once it is up. Ctrl-C ends it with code 0."""

    ready: str


CLEAR = Stays(r"line is clear")
DASHBOARD = Ends(r"Dashboard: http://localhost:\d+/")
HOW: dict[str, Ends | Stays] = {
    "-m jobs demo": DASHBOARD,
    "example inbox --kill": DASHBOARD,
    "example loops --quick": Ends(r"manual recoveries +0"),
    "example audio": Ends(r"✓ each peak within 0\.1 dB", kept=4),
    "example isolation": Ends(r"\d+ s in all"),
    "example threads": Ends(r"✓ .*: its lock was free", kept=7),
    "example single": Ends(r"✓ stopped, they gave all locks back", kept=8),
    ".venv/bin/pytest": Ends(r"\[100%\]|passed", more=" -n 0 tests/unit/test_address.py"),
    "-m jobs combo": CLEAR,
    "-m jobs worker ": Stays(r" is ready"),
    "-m jobs enqueue ": Ends(r"^[0-9a-f]{32}$"),
    "-m jobs lanes resume": Ends(r"contact:42 was not halted"),
    "-m jobs lanes skip": Ends(r"contact:42 was not halted"),
    "-m jobs lanes clear": Ends(r"contact:42: 0 jobs canceled"),
    "dead --groups": Ends(r"did not take|no dead letters"),
    "dead emails": Ends(r"no dead letters"),
    "dead retry": Ends(r"0 jobs run anew"),
    "dead delete": Ends(r"1 left: not there", code=1),
    "schedules run": Ends(r"shop-tasks-fetch_rates-now-\d+"),
    "schedules pause": Ends(r"shop\.tasks\.fetch_rates is paused"),
    "-m jobs schedules": Ends(r"shop\.tasks\.fetch_rates +every 10 min +UTC"),
    '"job_id": "order-7"}': Ends(r'"id":"order-7","queue":"default","created":true'),
    "/api/jobs/batch": Ends(r'"status":400'),
    "/api/jobs/order-7/cancel": Ends(r'"status":409'),
    "/api/jobs/order-7": Ends(r'"id":"order-7"'),
    "/api/jobs/actions": Ends(r'"done":0'),
    "/api/jobs --json": Ends(r'"created":true'),
    "/api/jobs?": Ends(r'"jobs":\[\]'),
}
"""By words that a line holds; the first that match count."""


def how(line: str) -> Ends | Stays:
    found = next((one for words, one in HOW.items() if words in line), None)
    assert found, f"the README has a new line: say here how it ends: {line}"
    return found


class Scene:
    """A newcomer who works through the README, with the combo up as soon as a line asks something of it."""

    def __init__(self, newcomer: Newcomer) -> None:
        self.newcomer = newcomer
        self._combo: Running | None = None
        self._port = ""

    def check(self, line: str) -> None:
        found = how(line)
        if "combo" in line:
            self.combo(line)
        elif isinstance(found, Stays):
            running = self.newcomer.start(line)
            running.says(found.ready)
            code, said = running.interrupt()
            assert code == 0, "\n".join(said)
        else:
            if line.startswith(("curl", "python -m jobs enqueue")):
                self.combo(next(line for line in REST if "combo" in line))
            self._ends(line.replace(":8000/", f":{self._port}/") + found.more, found)

    def combo(self, line: str) -> None:
        if self._combo is None:
            (self.newcomer.folder / "shop").mkdir()
            tasks = code(README, "def send_receipt") + code(README, "def fetch_rates")
            (self.newcomer.folder / "shop" / "tasks.py").write_text(tasks)
            self._combo = self.newcomer.start(line)
            self._combo.says(CLEAR.ready)
            self._port = self._combo.says(r"web is at http://localhost:(\d+)/")[1]

    def end_combo(self) -> None:
        if self._combo:
            code, said = self._combo.interrupt()
            assert code == 0, "\n".join(said[-20:])
            self._combo = None

    def _ends(self, line: str, expected: Ends) -> None:
        found, said = self.newcomer.run(line)
        text = "\n".join(said)
        assert found == expected.code, text
        assert re.search(expected.last, said[-1]), text
        assert sum(one.startswith("✓") for one in said) >= expected.kept, text
        assert not [one for one in said if one.startswith(("✗", "Traceback"))], text


def older() -> Path:
    """A server that is older than the wheel's."""
    found = shutil.which(os.environ.get("TEST_REDIS") or "redis-server")
    if found is None:
        assert not os.environ.get("CI"), "no redis-server here: .ci/run installs it, and says where in TEST_REDIS"
        pytest.skip("no redis-server here: apt-get install redis-server, or say where it is in TEST_REDIS")
    return Path(found)


def _scene(folders: pytest.TempPathFactory, server: Path | None) -> Iterator[Scene]:
    newcomer = Newcomer(folders.mktemp("newcomer"), server)
    found = Scene(newcomer)
    yield found
    found.end_combo()
    newcomer.end()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """No Redis is on PATH."""
    yield from _scene(tmp_path_factory, None)


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """An older Redis is on PATH."""
    yield from _scene(tmp_path_factory, older())


@pytest.fixture
def scene(request: pytest.FixtureRequest) -> Scene:
    found: Scene = request.getfixturevalue(request.param)
    return found


in_both = pytest.mark.parametrize("scene", ["alone", "beside"], indirect=True)


@in_both
def test_the_first_line_runs_in_a_clean_folder(scene: Scene) -> None:
    scene.check(FIRST)


@in_both
def test_it_runs_on_what_another_server_has_written(scene: Scene, request: pytest.FixtureRequest) -> None:
    """The lines after this one run in that folder, too."""
    folder, port = scene.newcomer.folder / ".signalbox", free_port()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    other = binary() if request.node.callspec.params["scene"] == "beside" else older()
    server = start(folder, port, "--loglevel", "warning", program=other)
    with Redis(port=port) as client:
        wait_for(lambda: answers(port), "the other server")
        client.set("kept", "yes")
    server.terminate()
    assert server.wait(10) == 0
    scene.check(".venv/bin/python -m jobs demo")


@pytest.mark.parametrize("line", LINES)
def test_a_line_ends_as_it_should(alone: Scene, line: str) -> None:
    alone.check(line)


@pytest.mark.parametrize("line", [line for line in LINES if " example " in line])
def test_an_example_ends_as_it_should_beside_an_older_redis(beside: Scene, line: str) -> None:
    beside.check(line)
