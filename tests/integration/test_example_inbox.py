"""The inbox example, end to end: order, the limit, nothing lost, nothing twice, through kill -9 of a worker.

What was handled is read from the log that the tasks write outside Redis.
"""

from pathlib import Path

import pytest
from redis import Redis

from jobs import connection, keys
from jobs.errors import DurabilityUnavailable
from jobs.examples import EXAMPLES
from jobs.examples.inbox import log, tasks
from jobs.examples.inbox.messages import SAMPLE, generate, read, written
from jobs.launcher.server import start
from tests.inbox import ENVIRON, accepted_order, begun, kill, most_at_once, outcomes, start_worker
from tests.support import Processes, answers, free_port, wait_for

OLD = list(generate(1000, seed=3))


@pytest.fixture(scope="module")
def server_port(newest_server_port: int) -> int:
    """Messages are accepted with WAITAOF, which Redis 7.0 does not have."""
    return newest_server_port


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> Path:
    """The log, and the environment of all that the test starts."""
    for name, value in {**ENVIRON, log.VARIABLE: str(tmp_path / "log")}.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "log"


def over(client: Redis) -> int:
    return client.zcard(keys.registry("finished", "inbox")) + client.zcard(keys.registry("failed", "inbox"))


def test_nothing_is_lost_doubled_or_out_of_order_when_a_worker_is_killed(
    client: Redis, processes: Processes, file: Path
) -> None:
    first, _ = start_worker(processes), start_worker(processes)
    assert all(ref.created for ref in tasks.process_messages(OLD)), "1,000 old messages in one bulk"
    new = read(SAMPLE)
    for one in new[:60]:
        tasks.process_message(**vars(one))
    wait_for(lambda: over(client) > 200 and first.popen.pid in {one.worker for one in log.read(file)}, "the middle")
    kill(first, file)
    assert over(client) < 1000, "it was killed midway"
    assert not any(ref.created for ref in tasks.process_messages(OLD)), "a redelivered message makes no second job"
    start_worker(processes)
    tasks.process_messages(new[60:])
    every = OLD + new
    wait_for(lambda: over(client) == len(every), "all messages", within=60)
    assert not any(ref.created for ref in tasks.process_messages(every)), "nor does one that was handled"

    events = log.read(file)
    assert begun(events) == accepted_order(every)
    assert most_at_once(events) == tasks.AT_ONCE
    for one in every:
        expected = ["failed"] * min(one.fails, 3) + ["finished"] * (one.fails < 3)
        assert outcomes(client, tasks.job_id(one)) == expected
    ended = {event.message for event in events if event.what == "end"}
    assert ended >= {tasks.job_id(one) for one in every if one.fails < 3}


def test_a_message_is_stored_before_it_is_acknowledged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    server = start(tmp_path, port, "--loglevel", "warning", "--appendonly", "no")
    client = Redis(port=port)
    monkeypatch.setattr(connection, "patient", lambda: client)
    try:
        wait_for(lambda: answers(port), "the server")
        for accept in (lambda: tasks.process_message(**vars(OLD[0])), lambda: tasks.process_messages(OLD)):
            with pytest.raises(DurabilityUnavailable):
                accept()
        assert client.dbsize() == 0
    finally:
        server.kill()
        server.wait()


def test_the_example_tells_what_became_of_its_messages_through_a_kill(processes: Processes, folder: Path) -> None:
    process = processes.start_in(folder, "-m", "jobs", "example", "inbox", "--kill", PORT=str(free_port()))
    assert process.ends(60) == 0, process.lines
    text = "\n".join(process.lines)
    assert "✗" not in text
    for said in (
        "line is clear",
        "kill -9",
        "1,000 old messages in one bulk",
        "1,120 in ",
        "none lost",
        "in order for 30 of 30 contacts",
        "at once  10 contacts at most",
        "made no second job",
        "/message-queue/stats",
    ):
        assert said in text, text


def test_the_example_takes_messages_of_your_own(processes: Processes, folder: Path) -> None:
    (folder / "own.jsonl").write_text(written(OLD[:130]))
    process = processes.start_in(folder, "-m", "jobs", "example", "inbox", "own.jsonl", PORT=str(free_port()))
    assert process.ends(60) == 0, process.lines
    text = "\n".join(process.lines)
    assert "30 old messages in one bulk" in text
    assert "100 new ones" in text


def test_a_file_that_holds_something_else_is_one_line_and_code_2(processes: Processes, folder: Path) -> None:
    (folder / "own.jsonl").write_text("hello\n")
    process = processes.start_in(folder, "-m", "jobs", "example", "inbox", "own.jsonl")
    assert process.ends() == 2
    assert len(process.lines) == 1
    assert process.lines[0].startswith("signalbox: own.jsonl, line 1: no JSON")


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_listed_and_tells_what_it_does(processes: Processes, name: str) -> None:
    listed = processes.start("-m", "jobs", "example", "--help", COLUMNS="200")
    told = processes.start("-m", "jobs", "example", name, "--help")
    assert (listed.ends(), told.ends()) == (0, 0)
    assert any(line.split() == [name, *EXAMPLES[name].purpose.split()] for line in listed.lines)
