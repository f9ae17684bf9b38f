"""What the combo says: objects off a terminal, parts that are not on the same line, a platform that gives no time."""

import json
from pathlib import Path

import pytest

from tests.support import ROOT, Processes, free_port

COMBO = ("-m", "jobs", "combo")


def test_off_a_terminal_every_line_is_an_object_with_its_part(processes: Processes, folder: Path, url: str) -> None:
    (folder / "Procfile").write_text(
        (ROOT / "Procfile").read_text() + "odd: echo plain; echo oops >&2; exec sleep 60\n"
    )
    process = processes.start_in(folder, *COMBO, PORT=str(free_port()), JOBS_LOG_FORMAT="")
    process.says("line is clear")
    process.says("oops")
    rows = [json.loads(line) for line in list(process.lines)]
    assert all({"time", "part", "message"} <= row.keys() for row in rows)
    assert {row["part"] for row in rows} == {"combo", "web", "worker", "scheduler", "odd"}
    assert {row["level"] for row in rows if row["part"] in ("worker", "scheduler")} == {"info"}
    assert [row.get("level") for row in rows if row["message"] in ("plain", "oops")] in (
        [None, "error"],
        ["error", None],
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("REDIS_URL={server}/999", "the parts are not on the same Redis, db and prefix: "),
        ("RQ_KEY_PREFIX=other", "the parts are not on the same Redis, db and prefix: "),
        ("JOBS_SERIALIZER=pickle", "the parts do not have the same serializer: web has json, worker has pickle"),
        ("JOBS_TASKS=tests.tasks", "the parts do not know the same tasks: "),
    ],
)
def test_it_says_when_web_and_worker_are_not_on_the_same_line(
    processes: Processes, folder: Path, url: str, line: str, said: str
) -> None:
    different = line.format(server=url.rpartition("/")[0])
    (folder / "Procfile").write_text(f"web: exec python -m web\nworker: {different} exec python -m jobs worker\n")
    process = processes.start_in(folder, *COMBO, PORT=str(free_port()), JOBS_FORMATION="scheduler=0")
    sentence = process.says(said)
    assert "web has " in sentence
    assert "worker has " in sentence


def test_parts_that_agree_are_not_talked_about(processes: Processes, folder: Path, url: str) -> None:
    process = processes.start_in(folder, *COMBO, PORT=str(free_port()))
    for part in ("web", "worker", "scheduler"):
        process.says(f"{part} is ready after ")
    process.says("line is clear")
    assert not [line for line in process.lines if "the parts" in line]


def test_no_time_to_end_is_said_once_and_loudly(processes: Processes, folder: Path, url: str) -> None:
    environ = {"RAILWAY_ENVIRONMENT_NAME": "production", "RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "0"}
    process = processes.start_in(folder, *COMBO, PORT=str(free_port()), **environ)
    process.says("Railway KILLS this service 0 s after telling it to end")
    process.says("worker is ready")
    assert sum("KILLS" in line for line in process.lines) == 1
