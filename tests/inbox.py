"""Helpers for the tests of the inbox example: its workers, and what its log shows, read without its own account."""

import signal
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from redis import Redis

from jobs.examples.inbox import log, tasks
from jobs.examples.inbox.log import Event
from jobs.examples.inbox.messages import Message
from tests.support import Process, Processes, is_alive, wait_for

ENVIRON = {
    "JOBS_TASKS": "jobs.examples.inbox.tasks",
    "JOBS_QUEUES": "inbox",
    "JOBS_MAX_RUNNING": "inbox=10",
    "JOBS_CONCURRENCY": "20",
    "JOBS_LEASE": "1.5",
    "INBOX_SECONDS": "0.02",
}


def start_worker(processes: Processes, **environ: str) -> Process:
    worker = processes.start("-m", "jobs", "worker", **environ)
    worker.says("is ready")
    return worker


def kill(worker: Process, file: Path) -> None:
    """Kill -9 of the worker; once it and all that it has started are gone, say so in the log."""
    tree = worker.tree()
    worker.signal(signal.SIGKILL)
    worker.ends()
    wait_for(lambda: not any(is_alive(process.pid) for process in tree), "its children to be gone")
    log.append(file, Event("killed", "", "", worker.popen.pid))


def most_at_once(events: Iterable[Event]) -> int:
    """The most messages in hand; fails when two of them are one contact's."""
    running: dict[str, Event] = {}
    most = 0
    for event in events:
        if event.what == "killed":
            running = {name: one for name, one in running.items() if one.worker != event.worker}
        elif event.what == "start":
            assert event.contact not in {one.contact for one in running.values()}, event
            running[event.message] = event
            most = max(most, len(running))
        else:
            running.pop(event.message)
    return most


def begun(events: Iterable[Event]) -> dict[str, list[str]]:
    """For each contact its messages as they were begun; one that was begun again, at once, counts once."""
    found: dict[str, list[str]] = defaultdict(list)
    for event in events:
        if event.what == "start" and found[event.contact][-1:] != [event.message]:
            found[event.contact].append(event.message)
    return found


def accepted_order(messages: Iterable[Message]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in messages:
        found[tasks.contact(one.client_id, one.contact_phone)].append(tasks.job_id(one))
    return found


def outcomes(client: Redis, job_id: str) -> list[str]:
    """How the executions of a job ended, as far as that was accepted; not those that a kill cut short."""
    entries = cast(list[tuple[bytes, dict[bytes, bytes]]], client.xrange(f"rq:results:{job_id}"))
    names = {b"1": "finished", b"2": "failed"}
    return [names[fields[b"type"]] for _, fields in entries if b"interrupted" not in fields]
