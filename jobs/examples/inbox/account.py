"""The account of a run: what was promised, and whether it was kept, from the log of the handling and from Redis."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, cast

from redis import Redis
from rich.console import Console
from rich.table import Table

from jobs import connection, keys
from jobs.examples.inbox import log, tasks, view
from jobs.launcher import probe

if TYPE_CHECKING:
    from jobs.examples.inbox.parts import Parts
    from jobs.examples.inbox.show import Run

FINISHED = b"1"


class Promise(NamedTuple):
    kept: bool
    title: str
    text: str


def tell(run: "Run", line: "Parts", console: Console, keep: bool) -> bool:
    """Print it; False when a promise was broken."""
    client = connection.default()
    promises = [*_stored(run), *_handled(run), *_in_order(run, log.account(log.read(line.log), run.order()))]
    promises += _once(run, client)
    table = Table.grid(padding=(0, 1))
    for kept, title, text in promises:
        table.add_row("[green]✓[/green]" if kept else "[red]✗[/red]", f"[bold]{title}[/bold]", text)
    console.print(table)
    _show_stats(line, console, len(run.ids()))
    _show_message(client, run, console)
    console.print(f"Dashboard: http://localhost:{line.port}/" + ("" if keep else "  (to look at it, add --keep)"))
    return all(promise.kept for promise in promises)


def _stored(run: "Run") -> Iterator[Promise]:
    if run.old:
        yield Promise(True, "stored", f"{len(run.old):,} old messages in one bulk, on disk after {run.stored_in:.1f} s")
    yield Promise(True, "stored", f"{len(run.new):,} new ones, each on disk before it was acknowledged")


def _handled(run: "Run") -> Iterator[Promise]:
    lost, failed = len(run.ids()) - len(run.states), list(run.states.values()).count("failed")
    yield Promise(not lost, "handled", f"{len(run.states):,} in {run.took:.1f} s, {lost or 'none'} lost")
    planned = len({tasks.job_id(one) for one in run.every if one.fails >= tasks.ATTEMPTS})
    text = f"{len(run.states) - failed:,} completed, {failed} failed in all {tasks.ATTEMPTS} attempts"
    yield Promise(failed == planned, "", text)


def _in_order(run: "Run", seen: log.Account) -> Iterator[Promise]:
    if run.killed_at is not None:
        text = f"the worker, with {run.killed_at:,} messages done; {seen.again} that it had in hand came again"
        yield Promise(True, "killed", text)
    contacts = len(run.order())
    kept = contacts - len({*seen.out_of_order, *seen.together})
    yield Promise(kept == contacts, "in order", f"for {kept} of {contacts} contacts, one message at a time")
    yield Promise(seen.at_once <= tasks.AT_ONCE, "at once", f"{seen.at_once} contacts at most")


def _once(run: "Run", client: Redis) -> Iterator[Promise]:
    odd = _not_once(client, [job_id for job_id, state in run.states.items() if state == "finished"])
    yield Promise(not odd, "once", f"{len(run.states) - odd:,} messages have one accepted outcome")
    text = f"all were sent once more, which made {run.second_jobs or 'no'} second job"
    yield Promise(not run.second_jobs, "", text)


def _not_once(client: Redis, ids: list[str]) -> int:
    """How many jobs that have finished have another number of accepted results than one."""
    with client.pipeline(transaction=False) as pipeline:
        for job_id in ids:
            pipeline.xrange(f"{keys.PREFIX}:results:{job_id}")
        found = cast(list[list[tuple[bytes, dict[bytes, bytes]]]], pipeline.execute())
    return sum(sum(fields[b"type"] == FINISHED for _, fields in entries) != 1 for entries in found)


def _show_stats(line: "Parts", console: Console, count: int) -> None:
    answer = probe.get(line.port, "/message-queue/stats")
    counts = answer[1]["stats"] if answer and answer[0] == 200 else {}
    table = Table(title="/message-queue/stats", title_justify="left")
    for name in counts:
        table.add_column(name, justify="right")
    table.add_row(*(f"{number:,}" for number in counts.values()))
    console.print(table)
    if counts.get("total", 0) > count:
        console.print("(earlier runs are in it)", style="dim")


def _show_message(client: Redis, run: "Run", console: Console) -> None:
    """One message as the queue sees it: one that failed, if any did."""
    job_id = next((job_id for job_id, state in run.states.items() if state == "failed"), next(iter(run.states)))
    table = Table(title=f"/message-queue/messages/{job_id}", title_justify="left", show_header=False)
    for name, value in view.message(client, job_id).items():
        table.add_row(name.replace("_", " "), "-" if value is None else str(value))
    console.print(table)
