"""The finding of a local server whose data goes with its container; the mounts are those that a file says."""

from pathlib import Path

import pytest

from jobs import connection
from jobs.address import parse
from jobs.health import volume
from jobs.health.watch import Watch
from jobs.settings import Settings
from tests.support import Processes

HOLD = (
    "import time; from pathlib import Path; from jobs.embedded import attach; "
    "print('at', attach(Path('.signalbox')).redacted, flush=True); time.sleep(60)"
)


@pytest.fixture
def local(folder: Path, monkeypatch: pytest.MonkeyPatch, processes: Processes) -> str:
    """The URL of a local server whose folder lies on an overlay, as in a container."""
    (folder / "mounts").write_text("1 0 0:50 / / rw,relatime - overlay overlay rw\n")
    monkeypatch.setattr(volume, "MOUNTS", folder / "mounts")
    monkeypatch.chdir(folder)
    return processes.start_in(folder, "-c", HOLD).says("at ").split()[1]


def test_it_is_a_finding_of_the_local_server_however_that_was_found(local: str) -> None:
    assert volume.fleeting(Settings.from_environ({})) == ".signalbox (overlay)"
    with connection.open_client(parse(local), "test") as client:
        findings = Watch(Settings.from_environ({"REDIS_URL": local}), client).view().findings
    [said] = [finding.summary for finding in findings if finding.code == "data_not_on_a_volume"]
    assert ".signalbox (overlay): every job is gone at the next deploy" in said


def test_it_is_not_said_of_another_redis(local: str) -> None:
    assert volume.fleeting(Settings.from_environ({"REDIS_URL": "redis://127.0.0.1:1/0"})) == ""
