"""The message queue of the inbox example over HTTP: its counts, one message, cleaning."""

from pathlib import Path

import pytest
from redis import Redis

from jobs.examples.inbox import log, tasks
from jobs.examples.inbox.messages import Message, generate
from tests.inbox import ENVIRON, start_worker
from tests.support import Processes, answers, free_port, get, post, wait_for

TOKEN = "a-token-for-tests"


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


@pytest.fixture
def web(file: Path, processes: Processes) -> int:
    port = free_port()
    processes.start("-m", "jobs.examples.inbox.app", PORT=str(port))
    wait_for(lambda: answers(port), "web")
    return port


def stats(port: int) -> dict[str, int]:
    return dict(get(port, "/message-queue/stats")[1]["stats"])


def counted(**counts: int) -> dict[str, int]:
    every = {name: counts.get(name, 0) for name in ("pending", "processing", "completed", "failed")}
    return {**every, "total": sum(every.values())}


def test_a_thousand_pending_messages_are_a_warning(file: Path, web: int) -> None:
    tasks.process_messages(generate(1000))
    status, body, _ = get(web, "/message-queue/stats")
    assert (status, body) == (200, {"status": "warning", "stats": counted(pending=1000)})


def test_a_message_shows_whose_it_is_and_who_holds_it_until_when(processes: Processes, file: Path, web: int) -> None:
    one, behind = (
        Message("lisbon", "17", "m1", "+44 1", "Ana", "hello"),
        Message("x", "17", "m2", "44-1", "Ana", "you?"),
    )
    first, second = tasks.process_message(**vars(one)), tasks.process_message(**vars(behind))
    start_worker(processes, INBOX_SECONDS="60")
    wait_for(lambda: stats(web) == counted(pending=1, processing=1), "the first to be begun")
    shown = get(web, f"/message-queue/messages/{first.id}")[1]
    assert shown.pop("held_by").startswith("worker-")
    assert shown.pop("held_until") > shown["started_at"] > shown.pop("stored_at")
    assert shown.pop("started_at")
    assert shown == {
        "instance": "lisbon",
        "client_id": "17",
        "message_id": "m1",
        "contact_phone": "+44 1",
        "contact_name": "Ana",
        "status": "processing",
        "attempts": 1,
        "maxRetries": 2,
        "error": None,
        "ended_at": None,
    }
    waits = get(web, f"/message-queue/messages/{second.id}")[1]
    assert [waits[name] for name in ("status", "attempts", "held_by", "held_until")] == ["pending", 0, None, None]
    assert get(web, "/message-queue/messages/nobody")[0] == 404


def test_what_is_over_is_counted_and_cleaned_and_refused_all_the_same(
    client: Redis, processes: Processes, file: Path, web: int
) -> None:
    good, bad = (Message("lisbon", "17", f"m{fails}", "+44 1", "Ana", "hello", fails=fails) for fails in (1, 3))
    refs = tasks.process_messages([good, bad])
    start_worker(processes)
    wait_for(lambda: stats(web) == counted(completed=1, failed=1), "both messages")
    shown = [get(web, f"/message-queue/messages/{ref.id}")[1] for ref in refs]
    assert [(one["status"], one["attempts"]) for one in shown] == [("completed", 2), ("failed", 3)]
    assert [one["error"] for one in shown] == [
        None,
        "jobs.examples.inbox.tasks.ServiceRefused: the service did not take 'hello'",
    ]
    assert post(web, "/message-queue/clean", {})[1] == {"deleted": 0}, "nothing is seven days old"
    assert post(web, "/message-queue/clean?older_than=soon", {})[0] == 422
    assert post(web, "/message-queue/clean?older_than=0.001", {})[1] == {"deleted": 1}
    assert stats(web) == counted(failed=1), "what failed stays until somebody decides"
    left = client.scan_iter(f"rq:*{refs[0].id}", count=1000)
    assert not [key for key in left if b"unique" not in key]
    assert not any(ref.created for ref in tasks.process_messages([good, bad]))


def test_a_message_of_a_contact_without_a_name_is_handled_and_shown(
    client: Redis, processes: Processes, file: Path, web: int
) -> None:
    fields = {"instance": "lisbon", "client_id": "17", "message_id": "m1", "contact_phone": "+44 1", "text": "hello"}
    ref = tasks.process_message(**fields)  # type: ignore[arg-type]
    start_worker(processes)
    wait_for(lambda: stats(web) == counted(completed=1), "the message")
    assert get(web, f"/message-queue/messages/{ref.id}")[1]["contact_name"] is None


def test_without_the_token_only_the_counts_are_shown(processes: Processes, file: Path) -> None:
    port = free_port()
    processes.start(
        "-m", "jobs.examples.inbox.app", PORT=str(port), JOBS_TOKEN="a-token-for-tests", JOBS_HOST="127.0.0.1"
    )
    wait_for(lambda: answers(port), "web")
    assert get(port, "/message-queue/stats")[0] == 200
    assert get(port, "/message-queue/messages/a")[0] == 401
    assert post(port, "/message-queue/clean", {})[0] == 401
    assert post(port, "/message-queue/clean", {}, Authorization=f"Bearer {TOKEN}")[0] == 200
