"""``python -m jobs doctor`` on real servers, and without one."""

import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from jobs import connection, keys, settings
from jobs.commands.doctor import WITHIN
from tests.network import way
from tests.support import Processes, free_port, wait_for

DOCTOR = ("-m", "jobs", "doctor")


def examined(processes: Processes, cwd: Path, *options: str, **environ: str) -> tuple[int, dict[str, Any]]:
    process = processes.start_in(cwd, *DOCTOR, "--json", "--within", "10", *options, **environ)
    code = process.ends()
    return code, json.loads(process.lines[-1])


def levels(document: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["level"] for check in document["checks"]}


@pytest.fixture
def worker(url: str, client: Redis, processes: Processes) -> None:
    process = processes.start("-m", "jobs", "worker", JOBS_HEARTBEAT="1")
    process.says(" is ready")
    wait_for(lambda: client.exists(keys.LEADER), "a scheduler to lead")


@pytest.mark.usefixtures("worker")
def test_all_is_well(url: str, client: Redis, processes: Processes, tmp_path: Path) -> None:
    fingerprint = connection.address(settings.current()).fingerprint
    before = client.info("commandstats").get("cmdstat_script|load", {}).get("calls", 0)
    code, document = examined(processes, tmp_path, "--expect", fingerprint)
    assert set(levels(document).values()) == {"ok"}, document
    assert (code, document["status"], document["fingerprint"]) == (0, "pass", fingerprint)
    assert client.info("commandstats")["cmdstat_script|load"]["calls"] - before > 30


def test_people_read_one_line_a_check(url: str, client: Redis, processes: Processes, tmp_path: Path) -> None:
    client.set(keys.SUSPENDED, 1)
    process = processes.start_in(tmp_path, *DOCTOR, "--within", "10", JOBS_QUEUE="high")
    assert process.ends() == 2
    text = "\n".join(process.lines)
    assert re.search("^! settings +JOBS_QUEUE is set, and is no setting", text, re.MULTILINE)
    assert re.search("^✓ persistence +append-only file on, on disk each second", text, re.MULTILINE)
    assert re.search(r"^✗ worker_suspended +All workers are suspended", text, re.MULTILINE)
    assert "What to do: Let them work again with: rq resume" in text
    assert re.match(r"\d faults?, 1 warning in ", process.lines[-1])


def test_another_fingerprint_is_a_fault_in_words(url: str, processes: Processes, tmp_path: Path) -> None:
    code, document = examined(processes, tmp_path, "--expect", "0123456789ab")
    [check] = [check for check in document["checks"] if check["name"] == "fingerprint"]
    assert code == 2
    assert check["level"] == "fail"
    assert document["fingerprint"] in check["says"]
    assert "0123456789ab is expected" in check["says"]


def test_the_password_is_not_shown(url: str, processes: Processes, tmp_path: Path) -> None:
    secret = url.replace("redis://", "redis://somebody:hunter2-secret@")
    process = processes.start_in(tmp_path, *DOCTOR, REDIS_URL=secret)
    assert process.ends() == 2
    assert "hunter2-secret" not in "\n".join(process.lines)


def test_a_user_s_modules_are_not_imported(url: str, processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("open('imported', 'w').close()\n")
    _, document = examined(processes, tmp_path, JOBS_TASKS="shop", PYTHONPATH=f"{tmp_path}:{Path.cwd()}")
    assert levels(document)["settings"] == "ok"
    assert not (tmp_path / "imported").exists()


@pytest.fixture
def mute() -> Iterator[int]:
    """A port where somebody listens and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_redis_that_hangs_is_not_waited_for(mute: int, processes: Processes, tmp_path: Path) -> None:
    began = time.monotonic()
    code, document = examined(processes, tmp_path, "--within", str(WITHIN), REDIS_URL=f"redis://127.0.0.1:{mute}/0")
    assert time.monotonic() - began < 10  # 4.4 s on an idle machine; its own count is the bound
    assert document["took"] < 4.5
    assert (code, levels(document)["redis"]) == (2, "fail")


@pytest.mark.usefixtures("worker")
def test_a_redis_that_is_far_away_is_examined_too(
    url: str, server_port: int, processes: Processes, tmp_path: Path
) -> None:
    """200 ms away, with the time that the command gives it by itself."""
    with way(server_port, delay=0.1) as far:
        distant = url.replace(f":{server_port}/", f":{far.port}/")
        code, document = examined(processes, tmp_path, "--within", str(WITHIN), REDIS_URL=distant)
    found = {name: level for name, level in levels(document).items() if level != "ok"}
    assert (code, found) == (1, {"latency": "warn"}), document
    assert document["took"] < 5


def test_nobody_there_is_said_at_once(processes: Processes, tmp_path: Path) -> None:
    code, document = examined(processes, tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    [check] = [check for check in document["checks"] if check["level"] == "fail"]
    assert (code, check["code"]) == (2, "redis_unreachable")
    assert document["took"] < 0.5


def test_the_local_server_is_not_started_to_be_examined(processes: Processes, tmp_path: Path) -> None:
    code, document = examined(processes, tmp_path, REDIS_URL="")
    assert (code, levels(document)["redis"]) == (1, "warn")
    assert list(tmp_path.iterdir()) == []


def test_the_local_server_is_examined_where_it_runs(processes: Processes, folder: Path) -> None:
    processes.start_in(folder, "-m", "jobs", "worker").says(" is ready")
    wait_for(lambda: examined(processes, folder)[0] == 0, "all to be well")


def test_a_setting_that_cannot_be_is_a_check_too(url: str, processes: Processes, tmp_path: Path) -> None:
    code, document = examined(processes, tmp_path, JOBS_TIMEOUT="soon")
    assert code == 2
    assert document["checks"][0]["says"].startswith("JOBS_TIMEOUT is 'soon'")


def test_scripts_that_may_not_be_loaded_are_named(
    url: str, client: Redis, processes: Processes, tmp_path: Path
) -> None:
    client.execute_command("ACL", "SETUSER", "narrow", "on", ">pw", "~*", "&*", "+@all", "-script|load")
    code, document = examined(processes, tmp_path, REDIS_URL=url.replace("redis://", "redis://narrow:pw@"))
    client.execute_command("ACL", "DELUSER", "narrow")
    [check] = [check for check in document["checks"] if check["name"] == "scripts"]
    assert check["level"] == "fail"
    assert "admit.lua" in check["says"]
    assert code == 2


def test_railway_is_judged_by_its_variables_and_not_by_its_file(url: str, processes: Processes, tmp_path: Path) -> None:
    (tmp_path / "railway.json").write_text('{"deploy": {"drainingSeconds": 15}}')
    railway = {"RAILWAY_ENVIRONMENT_NAME": "production", "JOBS_TOKEN": "t" * 16}
    _, document = examined(processes, tmp_path, **railway)
    assert levels(document) | {"draining": "warn", "railway.json": "ok"} == levels(document)
    _, document = examined(processes, tmp_path, **railway, RAILWAY_DEPLOYMENT_DRAINING_SECONDS="15")
    assert levels(document)["draining"] == "ok"
