"""What ``status`` shows: a look in, a picture out."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from jobs.catalog import NAMELESS, Title
from jobs.health.counts import counts
from jobs.health.diagnosis import Finding
from jobs.health.diagnosis.finding import ago, count
from jobs.health.snapshot import Process, QueueView, Snapshot

MARKS = {"warn": "[yellow]![/yellow]", "fail": "[red]✗[/red]"}
ID = 12
"""Letters of a job's id that are shown beside its task."""


class Look(NamedTuple):
    """What was seen."""

    place: str
    seen: Snapshot
    titles: dict[str, Title]
    """What the jobs that are shown are called, by id."""
    findings: list[Finding]


def overview(look: Look, queue: str | None = None, warnings: Sequence[str] = ()) -> RenderableType:
    """Queues, workers and findings; of one queue, or of all. ``warnings`` are of the settings of who looks."""
    seen = look.seen
    when = datetime.fromtimestamp(seen.now, UTC).strftime("%H:%M:%S UTC")
    marker = f", marker {seen.marker or 'none yet'}" if not seen.error else ""
    parts: list[RenderableType] = [Text(f"{look.place}{marker}, {when}", style="dim"), ""]
    if not seen.error:
        views = [view for view in seen.queues if queue in (None, view.name)]
        workers = [one for one in seen.processes if one.alive and one.role == "worker" and _is_of(one, queue)]
        parts += [_queues(views, look), "", _workers(workers, look) if workers else "no worker here", _others(seen), ""]
    parts += [Text.from_markup(f"{MARKS['warn']} {escape(words)}") for words in warnings]
    return Group(*parts, *_findings(of_queue(look.findings, queue)))


def of_queue(findings: Iterable[Finding], queue: str | None) -> list[Finding]:
    """Those that are about a queue, or about all."""
    return [one for one in findings if queue in (None, one.evidence.get("queue", queue))]


def _is_of(worker: Process, queue: str | None) -> bool:
    return queue is None or queue in worker.queues


def _table(*titles: str, right: tuple[str, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, justify="right" if title in right else "left", overflow="fold")
    return table


COUNTS = ("queued", "running", "blocked", "scheduled", "retrying", "failed", "oldest")


def _queues(views: list[QueueView], look: Look) -> Table:
    table = _table("queue", *COUNTS, "served by", "first queued job", right=COUNTS)
    for view in views:
        oldest = ago(look.seen.now - view.oldest_at) if view.waiting and view.oldest_at else ""
        first = _job(view.waiting_ids[0], look) if view.waiting_ids else ""
        found = counts((view,))
        numbers = (found.queued, found.running, found.blocked, found.scheduled, found.retrying, found.failed)
        served = "paused" if view.paused else count(len(look.seen.serving(view.name)), "worker")
        table.add_row(escape(view.name), *(f"{number:,}" for number in numbers), oldest, served, first)
    return table


def _workers(workers: list[Process], look: Look) -> Table:
    table = _table("worker", "state", "slots", "serves", "runs", right=("slots",))
    for worker in workers:
        jobs = [f"{_job(str(job['id']), look)} for {ago(float(job['for']))}" for job in worker.running]
        busy, slots = int(worker.row.get("busy", 0)), int(worker.row.get("slots", 0))
        more = [f"and {busy - len(jobs)} more"] if busy > len(jobs) > 0 else []
        serves = escape(", ".join(worker.queues))
        table.add_row(escape(worker.id), worker.status, f"{busy}/{slots}", serves, "\n".join(jobs + more) or "nothing")
    return table


def _others(seen: Snapshot) -> Text:
    """The other processes that live; on a line of their own, for there are few and they do not run jobs."""
    others = [f"{one.id} ({one.status})" for one in seen.processes if one.alive and one.role != "worker"]
    return Text("beside: " + (", ".join(others) or "no other process"), style="dim")


def _job(job_id: str, look: Look) -> str:
    """Its label or task and the beginning of its id: enough to find it, and nothing of what it was given."""
    return escape(f"{look.titles.get(job_id, NAMELESS).words} {job_id[:ID]}{'…' if len(job_id) > ID else ''}")


def _findings(findings: list[Finding]) -> Iterator[RenderableType]:
    if not findings:
        yield Text.from_markup("[green]✓[/green] nothing is known to be wrong")
    for one in findings:
        yield Text.from_markup(f"{MARKS[one.severity]} [bold]{one.code}[/bold]: {escape(one.summary)}")
        yield Text.from_markup(f"  [dim]What to do:[/dim] {escape(one.remedy)}")
