"""``python -m jobs demo``: the main job on real input, from nothing to a printed result."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rq.job import JobStatus

from jobs import connection, embedded, keys, queues
from jobs.errors import SignalboxError
from jobs.examples import wordcount
from jobs.launcher.formation import OWN
from jobs.settings import Settings
from jobs.supervise.process import PARENT
from jobs.supervise.stop import on_signal

TEXT = {".css", ".csv", ".html", ".js", ".json", ".lua", ".md", ".py", ".rst", ".toml", ".txt", ".yaml", ".yml"}
SKIPPED = {"__pycache__", "node_modules"}
MAX_FILE = 4 * 1024 * 1024
QUEUE = "demo"
"""Its own, so that it takes no job of yours, and no worker of yours takes one of its."""
KEEP_ALL = {"JOBS_KEEP_LAST": "100000000"}
"""The report reads those of every file."""
CHUNK = 1000
LOOK = 0.05
OVER = {JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED}


def run(settings: Settings, paths: Iterable[Path], keep: bool) -> int:
    """Start the combo, count, print; returns 0 when every file was counted."""
    console = Console(highlight=False)
    files = sorted({file for path in paths for file in text_files(path)})
    if not files:
        console.print("There is no text file there to count.")
        return 2
    with combo(settings, console, keep) as url:
        name = f"demo-{token_hex(4)}"
        started = time.monotonic()
        jobs = queues.enqueue_many(
            wordcount.count.prepare(str(file), queue=QUEUE, job_id=f"{name}-{number}")
            for number, file in enumerate(files)
        )
        states = follow([job.id for job in jobs], console)
        report = wordcount.report.enqueue(name, len(files), queue=QUEUE)
        [state] = follow([report.id], None)
        elapsed = time.monotonic() - started
        if state is JobStatus.FINISHED:
            show(console, report.fetch().return_value() or {}, len(files) / elapsed, elapsed)
        failed = [str(file) for file, state in zip(files, states, strict=True) if state is not JobStatus.FINISHED]
        if failed:
            console.print(f"[red]{len(failed)} not counted:[/red] {', '.join(failed[:5])}")
        console.print(f"Dashboard: {url}" + ("" if keep else "  (to look at it: python -m jobs demo --keep)"))
        if keep:
            console.print("Everything stays up; press Ctrl-C to end it.")
            on_signal().wait()
    return 1 if failed or state is not JobStatus.FINISHED else 0


def text_files(path: Path) -> Iterator[Path]:
    """A file itself, or the text files in a folder; hidden folders and files above 4 MiB are left out."""
    if path.is_file():
        yield path.resolve()
        return
    for folder, inner, names in os.walk(path):
        inner[:] = [name for name in inner if not name.startswith(".") and name not in SKIPPED]
        for name in names:
            file = Path(folder, name)
            if file.suffix.lower() in TEXT and file.is_file() and file.stat().st_size <= MAX_FILE:
                yield file.resolve()


@contextmanager
def combo(settings: Settings, console: Console, loud: bool) -> Iterator[str]:
    """The combo as a process of its own, up and clear; yields the page's URL, and ends it again.

    ``loud``: go on showing what it says. Raises ``SignalboxError``, with what it said, when it does not come up.
    """
    tasks = dict.fromkeys([*settings.tasks, wordcount.__name__])
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs", "combo"],
        env={
            **os.environ,
            "JOBS_TASKS": ",".join(tasks),
            "JOBS_QUEUES": QUEUE,
            "JOBS_FORMATION": "",
            "JOBS_OPTIONAL": "",
            OWN: "1",
            "JOBS_LOG_FORMAT": "text",
            "PYTHONIOENCODING": "utf-8",
            PARENT: str(os.getpid()),
            **KEEP_ALL,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout
    try:
        url = _read_until_clear(process.stdout, console)
        rest = threading.Thread(target=_read_on, args=(process.stdout, console if loud else None), daemon=True)
        rest.start()
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        connection.default().close()
        embedded.detach(settings.folder)


def _read_until_clear(output: IO[str], console: Console) -> str:
    said: list[str] = []
    for text in output:
        said.append(text.rstrip())
        name, _, words = text.rstrip().partition(" | ")
        if name.strip() == "combo":
            console.print(words, style="dim", markup=False)
            if "web is at " in words:
                return words.rpartition(" ")[2]
    raise SignalboxError("the combo did not come up:\n" + "\n".join(said[-15:]))


def _read_on(output: IO[str], console: Console | None) -> None:
    for text in output:
        if console:
            console.print(text.rstrip(), style="dim", markup=False)


def follow(job_ids: list[str], console: Console | None) -> list[JobStatus]:
    """Wait until every job is over, showing how many are; returns their last states, in order."""
    client = connection.default()
    states: dict[str, JobStatus] = {}
    columns = (TextColumn("counting"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=console is None) as progress:
        bar = progress.add_task("count", total=len(job_ids))
        while waiting := [job_id for job_id in job_ids if job_id not in states]:
            with client.pipeline(transaction=False) as pipeline:
                for job_id in waiting[:CHUNK]:
                    pipeline.hget(keys.job(job_id), "status")
                found = zip(waiting, map(_state, pipeline.execute()), strict=False)
            states |= {job_id: state for job_id, state in found if state in OVER}
            progress.update(bar, completed=len(states))
            time.sleep(LOOK)
    return [states[job_id] for job_id in job_ids]


def _state(status: bytes | None) -> JobStatus:
    return JobStatus(status.decode()) if status else JobStatus.CANCELED


def show(console: Console, result: dict[str, Any], rate: float, elapsed: float) -> None:
    """The counted result, and how fast it came."""
    table = Table("word", "occurrences", title="The ten words that occur most")
    table.columns[1].justify = "right"
    for word, times in result["top"]:
        table.add_row(word, f"{times:,}")
    console.print(table)
    console.print(
        f"{result['files']:,} files, {result['lines']:,} lines, {result['words']:,} words, "
        f"{result['distinct']:,} different ones"
    )
    console.print(f"{elapsed:.2f} s, {rate:.0f} jobs/s")
