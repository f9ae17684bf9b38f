"""What a person at a page can do about a finding: words, and the buttons that do it. Pure.

A finding's own remedy is for a command line; where a button does the same, its words are here.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from jobs.health.diagnosis import Finding
from jobs.health.diagnosis.subjects import subjects
from web.subjects import short

MOST = 3
"""Things of one finding that have buttons of their own."""


class Button(NamedTuple):
    """As the macro ``button`` of ``parts.html`` takes it."""

    label: str
    action: str
    body: dict[str, Any] | None = None
    confirm: str = ""
    undo: str = ""
    done: str = ""
    tone: str = ""


class Advice(NamedTuple):
    """What to do."""

    words: str
    buttons: list[Button]


def advice(finding: Finding) -> Advice:
    """What to do about a finding, for who may act."""
    if (made := MAKERS.get(finding.code)) and (buttons := list(made.buttons(finding))):
        return Advice(made.words, buttons)
    return Advice(finding.remedy, [])


def _of(finding: Finding, kind: str) -> list[str]:
    return [one.name for one in subjects(finding.evidence) if one.kind == kind][:MOST]


def _resume_queue(finding: Finding) -> Iterator[Button]:
    for name in _of(finding, "queue"):
        api = f"/api/queues/{quote(name, safe='')}"
        yield Button(f"Resume {name}", f"{api}/resume", done=f"{name} goes on", undo=f"{api}/pause", tone="main")


def _let_lanes_go(finding: Finding) -> Iterator[Button]:
    for key in _of(finding, "lane"):
        yield Button(
            f"Resume {key}",
            "/api/lanes/resume",
            {"key": key},
            f"Resume lane “{key}”? The job that failed runs first, again with all its attempts.",
            done=f"{key} goes on",
            tone="main",
        )
        yield Button(
            f"Skip in {key}",
            "/api/lanes/skip",
            {"key": key},
            f"Skip the job that failed in lane “{key}”? It stays failed; retried later, it joins the tail.",
            done=f"{key} goes on without it",
        )


def _stop_jobs(finding: Finding) -> Iterator[Button]:
    for name in _of(finding, "job"):
        yield Button(
            f"Stop {short(name)}",
            f"/api/jobs/{quote(name, safe='')}/stop",
            confirm=f"Stop job {short(name)}? The worker that runs it ends it wherever it is. It can be retried.",
            undo=f"/api/jobs/{quote(name, safe='')}/retry",
            done="It is being stopped",
        )


def _give_up_or_retry(finding: Finding) -> Iterator[Button]:
    """Retry what is waited for, as far as it is there, or cancel who waits."""
    waits: Mapping[str, str] = finding.evidence.get("jobs", {})
    gone = set(finding.evidence.get("gone", ()))
    for other in list(dict.fromkeys(name for name in waits.values() if name not in gone))[:MOST]:
        yield Button(
            f"Retry {short(other)}", f"/api/jobs/{quote(other, safe='')}/retry", done="It runs anew", tone="main"
        )
    for name in list(waits)[:MOST]:
        api = f"/api/jobs/{quote(name, safe='')}"
        yield Button(f"Cancel {short(name)}", f"{api}/cancel", undo=f"{api}/retry", done="Canceled")


def _retry_unknown(finding: Finding) -> Iterator[Button]:
    yield _of_all(finding, "retry", "UnknownTask", "Retry all of them", "Retry all that failed of an unknown task")


def _delete_unreadable(finding: Finding) -> Iterator[Button]:
    if "job" in finding.evidence and "format" not in finding.evidence:
        question = "Delete all that failed because they could not be read"
        yield _of_all(finding, "delete", "DeserializationError", "Delete all of them", question)


def _of_all(finding: Finding, action: str, error: str, label: str, question: str) -> Button:
    queue = finding.evidence["queue"]
    return Button(
        label,
        "/api/jobs/actions",
        {"action": action, "filter": {"state": "failed,stopped", "queue": queue, "error": error}},
        f"{question}, of “{queue}”?" + (" This cannot be undone." if action == "delete" else ""),
        done="{n} run anew" if action == "retry" else "{n} deleted",
        tone="fail" if action == "delete" else "main",
    )


def _stop_workers(finding: Finding) -> Iterator[Button]:
    for name in _of(finding, "process"):
        if name.startswith("worker-"):
            yield Button(
                f"Stop {name}",
                f"/api/workers/{quote(name, safe='')}/stop",
                confirm=f"Stop {name}? Its jobs may finish within its grace; the rest goes back to the front of its "
                "queue. Whatever keeps it running starts it again.",
                done="Asked to end",
            )


def _clean(finding: Finding) -> Iterator[Button]:
    yield Button(
        "Remove finished jobs",
        "/queue/clean",
        {"older": 0},
        "Remove all finished jobs now? Their results go too; failed ones stay. This cannot be undone.",
        done="{n} removed",
    )


class Maker(NamedTuple):
    words: str
    buttons: Callable[[Finding], Iterator[Button]]


MAKERS: Mapping[str, Maker] = {
    "queue_paused": Maker("Resume it, and its workers take from it again.", _resume_queue),
    "lane_halted": Maker(
        "Look at the job that failed. Then resume the lane, which tries that job again, or skip it.", _let_lanes_go
    ),
    "lane_blocked": Maker(
        "Look at the job that holds the others up. If it should have ended, stop it, and shorten its task's timeout.",
        _stop_jobs,
    ),
    "stuck_job": Maker(
        "If it computes for so long, give its queue a worker with --pool process. If it hangs, stop it, and shorten "
        "its task's timeout.",
        lambda finding: _stop_jobs(finding) if finding.severity == "warn" else iter(()),
    ),
    "waits_in_vain": Maker(
        "Retry what failed, and what depends on it follows; or cancel what waits.", _give_up_or_retry
    ),
    "unknown_task": Maker(
        "Name the task's module in the worker's JOBS_TASKS, or deploy the code that has it; then retry what failed.",
        _retry_unknown,
    ),
    "serializer_mismatch": Maker(
        "Give every process the same JOBS_SERIALIZER, and plain RQ enqueuers serializer='json'. Jobs that failed of it "
        "can only be deleted.",
        _delete_unreadable,
    ),
    "loop_silent": Maker(
        "Read that worker's log: it says what its loops do, and why one was ended. Then restart the worker.",
        _stop_workers,
    ),
    "redis_full": Maker("Give it more memory (maxmemory), or make room.", _clean),
}
