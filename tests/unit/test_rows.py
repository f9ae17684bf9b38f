"""What processes say of themselves may be of any version, or junk: it is passed over and takes nobody down."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from jobs.health.checks import checks
from jobs.health.diagnosis import Limits, diagnose
from jobs.health.metrics import Collected, families
from jobs.health.roster import members
from jobs.health.snapshot import Process, QueueView, Snapshot
from jobs.health.snapshot.processes import parse
from jobs.health.watch import View
from jobs.schedule.declared import declared
from web.pulse import signature

NOW = 1_800_000_000.0
JOB = {"id": "j", "for": 50.0, "left": -20.0, "still": 9}
LOOP = {"last_ping_ago": 99.0, "max_silence": 1.0, "alive": True, "restarts": 1, "errors": 0}
ROW: dict[str, Any] = {
    "id": "worker-1", "role": "worker", "status": "ready", "queues": ["default"], "serializer": "json", "tasks": 3,
    "code": "c", "commit": "c", "started_at": NOW - 3600, "counters": {"failed": 1}, "host": "h", "pid": 1,
    "versions": {"python": "3.11.7"}, "period": 5.0, "slots": 1, "busy": 1, "crashes": 4, "youngest": 50.0,
    "clock_offset": 9.0, "platform": "Railway", "draining": 1.0, "grace": 9.0, "caps": {"default": 1},
    "running": [JOB], "loops": {"in": LOOP}, "schedules": {"nightly": {}}, "service": "", "replica": "", "type": "",
    "jobs_role": "web", "fails_in": "shop", "hangs_in": "shop", "hangs_for": 25.0,
    "reads_pickle": True,
}  # fmt: skip
JUNK: list[Any] = [None, True, -1, 1e300, float("nan"), 10**400, "", "x", [], [None], [[]], {}, {"default": []}, [{}]]
Change = Callable[[dict[str, Any], Any], None]


def seen(row: Any) -> tuple[Process, ...]:
    return parse({b"web-1": _text({"id": "web-1", "role": "web"}), b"worker-1": _text(row)}, _at, NOW)


def _text(row: Any) -> bytes:
    return json.dumps({**ROW, "running": [], "loops": {}, **row} if isinstance(row, dict) else row).encode()


_at = {b"web-1": NOW, b"worker-1": NOW}


def look(processes: tuple[Process, ...]) -> set[str]:
    """The codes of what is found, once everybody who reads rows has read these."""
    busy = QueueView("default", waiting=20, active=1, oldest_at=NOW - 300)
    snapshot = Snapshot(NOW, leader="x", processes=processes, queues=(busy,))
    found = diagnose(snapshot, Limits(heartbeat=15))
    view = View(snapshot, found)
    checks(view, 0.1), signature(view, ()), list(families(view, None, Collected(0, 0.0)))
    assert all(one.running is not None and one.loops is not None for one in members(snapshot))
    declared(processes, None)
    return {finding.code for finding in found}


def changes() -> dict[str, Change]:
    """Each word of a row, of a job and of a loop set to something else, or left out."""

    def word(of: Callable[[dict[str, Any]], dict[str, Any]], name: str) -> Change:
        return lambda row, junk: of(row).pop(name) if junk is KeyError else of(row).update({name: junk})

    found = {name: word(lambda row: row, name) for name in ROW}
    found |= {f"running.{name}": word(lambda row: row["running"][0], name) for name in JOB}
    return found | {f"loops.{name}": word(lambda row: row["loops"]["in"], name) for name in LOOP}


@pytest.mark.parametrize("change", changes().values(), ids=changes())
def test_junk_in_a_word_takes_nobody_down(change: Change) -> None:
    for junk in [KeyError, *JUNK]:
        row = json.loads(json.dumps(ROW))
        change(row, junk)
        look(seen(row))


def test_what_is_understood_still_counts() -> None:
    row = {**ROW, "loops": {"in": LOOP, "odd": {"last_ping_ago": 99.0}}, "running": [JOB, {"id": "k"}], "pid": "one"}
    [worker] = [one for one in seen(row) if one.role == "worker"]
    assert (list(worker.row["loops"]), worker.running, "pid" in worker.row) == (["in"], [JOB], False)
    assert {"loop_silent", "stuck_job", "crash_loop", "import_hangs", "clock_skew"} <= look(seen(row))


@pytest.mark.parametrize("text", [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"id": "x"}'])
def test_a_row_that_cannot_be_understood_is_passed_over(text: bytes) -> None:
    assert parse({b"x": text}, {b"x": NOW}, NOW) == ()
