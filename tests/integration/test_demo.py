"""The demo: real files, counted, against an independent count; and a killed server in the middle of it."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from jobs.examples.demo import text_files
from tests.support import ROOT, Processes, free_port, wait_for

WORDS = "the signal box lets one train into a block at a time and knows where every train is\n"


@pytest.fixture
def texts(folder: Path) -> Path:
    texts = folder / "texts"
    (texts / "inner").mkdir(parents=True)
    for number in range(12):
        (texts / ("inner" if number % 3 else ".") / f"{number}.txt").write_text(WORDS * (number + 1))
    (texts / "picture.png").write_bytes(b"\x89PNG not text")
    (texts / ".hidden").mkdir()
    (texts / ".hidden" / "no.txt").write_text("not counted")
    return texts


def test_the_demo_counts_what_wc_counts(processes: Processes, texts: Path) -> None:
    process = processes.start_in(texts.parent, "-m", "jobs", "demo", str(texts), PORT=str(free_port()))
    assert process.ends(60) == 0, process.lines
    text = "\n".join(process.lines)
    names = [str(path) for path in texts.rglob("*.txt") if ".hidden" not in path.parts]
    counted = subprocess.run(["wc", "-lw", *names], capture_output=True, text=True, check=True).stdout.splitlines()[-1]
    lines, words, _ = counted.split()
    assert f"{len(names)} files, {int(lines):,} lines, {int(words):,} words" in text
    assert "line is clear" in text
    assert re.search(r"[\d.]+ s, \d+ jobs/s", text)
    assert "Dashboard: http://localhost:" in text
    most = re.search(r"│ train\s+│\s+(\d+) │", text)
    assert most
    assert int(most[1]) == 2 * sum(range(1, 13))


def test_the_demo_counts_beside_an_apps_own_procfile(processes: Processes, texts: Path) -> None:
    """Whose parts are not those that could run its jobs."""
    (texts.parent / "Procfile").write_text("web: exec sleep 3600\nworker: exec python -m jobs worker mail\n")
    environ = {"PORT": str(free_port()), "JOBS_FORMATION": "web=1,mail=2"}
    process = processes.start_in(texts.parent, "-m", "jobs", "demo", str(texts), **environ)
    assert process.ends(60) == 0, process.lines
    assert "Dashboard: http://localhost:" in "\n".join(process.lines)


def test_keep_leaves_it_running_until_ctrl_c(processes: Processes, texts: Path) -> None:
    process = processes.start_in(texts.parent, "-m", "jobs", "demo", "--keep", str(texts), PORT=str(free_port()))
    process.says("press Ctrl-C", within=60)
    assert process.popen.poll() is None
    process.signal(signal.SIGINT)
    assert process.ends() == 0


def test_nothing_to_count_is_said(processes: Processes, folder: Path) -> None:
    (folder / "empty").mkdir()
    process = processes.start_in(folder, "-m", "jobs", "demo", "empty")
    assert process.ends() == 2
    assert process.lines == ["There is no text file there to count."]


def test_killing_the_server_during_the_demo_loses_no_accepted_id(processes: Processes, folder: Path) -> None:
    texts = folder / "texts"
    texts.mkdir()
    for number in range(400):
        (texts / f"{number}.txt").write_text(WORDS * 50)
    process = processes.start_in(folder, "-m", "jobs", "demo", "--keep", str(texts), PORT=str(free_port()))
    process.says("line is clear")
    state = json.loads((folder / ".signalbox/server.json").read_text())
    client = Redis.from_url(state["url"])
    accepted = wait_for(lambda: _ids(client) if len(_ids(client)) == 400 else None, "all ids to be accepted")
    os.kill(state["pid"], signal.SIGKILL)
    wait_for(lambda: _pings(client), "the server to be back")
    assert accepted - _placed(client) == set()


def _ids(client: Redis) -> set[str]:
    return {key.decode().split(":")[2] for key in client.scan_iter("rq:job:demo-*", count=1000)}


def _pings(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def _placed(client: Redis) -> set[str]:
    """The ids in the queue or a registry, all read at one moment, because jobs go on meanwhile."""
    with client.pipeline(transaction=True) as pipeline:
        pipeline.lrange("rq:queue:demo", 0, -1)
        for kind in ("wip", "finished", "failed", "scheduled"):
            pipeline.zrange(f"rq:{kind}:demo", 0, -1)
        return {entry.decode().split(":")[0] for found in pipeline.execute() for entry in found}


def test_the_default_is_this_projects_own_files() -> None:
    found = set(text_files(ROOT))
    assert ROOT / "jobs/queues.py" in found
    assert not [path for path in found if ".venv" in path.parts or ".git" in path.parts]
