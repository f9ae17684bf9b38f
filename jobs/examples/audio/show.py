"""The example's course: sounds are measured side by side, bars show how far, and the worker is asked for its health."""

import math
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rq.job import JobStatus

from jobs import connection, embedded
from jobs.errors import SignalboxError
from jobs.examples.audio import tasks
from jobs.examples.audio.measures import BANDS
from jobs.examples.audio.waves import SAMPLES, Sample, write
from jobs.job import Job
from jobs.launcher.formation import free_port
from jobs.settings import Settings
from jobs.supervise.process import PARENT

AT_ONCE = max(2, min(os.cpu_count() or 2, 8))
PORT = 3001
LOOK = 0.1
PATIENCE = 30.0
SHADES = " ▁▂▃▄▅▆▇█"
OVER = {JobStatus.FINISHED, JobStatus.FAILED, JobStatus.STOPPED, JobStatus.CANCELED}


@dataclass
class Piece:
    """One sound, and what has come of it."""

    path: Path
    made: Sample | None = None
    """How it was made, if it is one of ours."""
    heard: dict[str, Any] | None = None
    error: str = ""


@dataclass
class Run:
    """All of them."""

    pieces: list[Piece]
    took: float = 0.0
    answers: list[float] = field(default_factory=list)
    """Seconds that the worker's health took to be told, each time it was asked."""


def run(settings: Settings, files: Sequence[Path]) -> int:
    """Measure them, print what was heard and the account; 0 when every promise was kept."""
    console = Console(highlight=False)
    with TemporaryDirectory(prefix="audio-") as folder:
        found = Run([Piece(file.resolve()) for file in files] or _made(Path(folder), console))
        with _worker(settings, Path(folder)) as port:
            console.print(f"{len(found.pieces)} sounds, {AT_ONCE} at once, each in a process of its own", style="dim")
            _follow(found, port, console)
    _table(found.pieces, console)
    return 0 if _account(found, console) else 1


def _made(folder: Path, console: Console) -> list[Piece]:
    console.print(f"making {len(SAMPLES)} sounds", style="dim")
    pieces = [Piece(folder / f"{sample.name}.wav", sample) for sample in SAMPLES]
    for piece, sample in zip(pieces, SAMPLES, strict=True):
        write(piece.path, sample.make)
    return pieces


@contextmanager
def _worker(settings: Settings, folder: Path) -> Iterator[int]:
    """A worker with a pool of processes; yields the port on which it tells its health, and ends it again."""
    connection.default()  # the local Redis, where there is no other
    port = free_port(settings.worker_port or PORT, given=settings.worker_port is not None)
    environ = {
        **os.environ,
        "JOBS_TASKS": ",".join(dict.fromkeys([*settings.tasks, tasks.__name__])),
        "JOBS_QUEUES": tasks.QUEUE,
        "JOBS_CONCURRENCY": str(AT_ONCE),
        "JOBS_WORKER_PORT": str(port),
        PARENT: str(os.getpid()),
    }
    log = folder / "worker.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs", "worker", "--pool", "process"],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _await_ready(process, port, log)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        connection.default().close()
        embedded.detach(settings.folder)


def _await_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while _ask(port, "/readyz") is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise SignalboxError(
                "the worker does not come up:\n" + log.read_text(errors="replace", encoding="utf-8")[-2000:]
            )
        time.sleep(LOOK)


def _ask(port: int, path: str) -> float | None:
    """Seconds until it was answered; None where it was not, or not well."""
    began = time.monotonic()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE):
            return time.monotonic() - began
    except OSError:
        return None


def _follow(found: Run, port: int, console: Console) -> None:
    """Hand them all in, and show how far each is until all are over."""
    client = connection.default()
    began = time.monotonic()
    jobs = [tasks.measure.enqueue(str(piece.path)).id for piece in found.pieces]
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[at]}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars = [progress.add_task(piece.path.stem, total=1.0, at="") for piece in found.pieces]
        waiting = dict(zip(jobs, zip(found.pieces, bars, strict=True), strict=True))
        while waiting:
            found.answers.append(_ask(port, "/livez") or math.inf)
            for job_id, (piece, bar) in list(waiting.items()):
                job = Job.fetch(job_id, client)
                over = _is_over(job, piece)
                share, at = (1.0, "") if over else job.progress[:2] if job.progress else (0.0, "")
                progress.update(bar, completed=share, at=at)
                if over:
                    del waiting[job_id]
            time.sleep(LOOK)
    found.took = time.monotonic() - began


def _is_over(job: Job, piece: Piece) -> bool:
    status = job.get_status(refresh=False)
    if status in OVER:
        latest = job.latest_result()
        piece.heard = latest.return_value if latest and status is JobStatus.FINISHED else None
        piece.error = ((latest.exc_string or "") if latest else "").strip().rpartition("\n")[2]
    return status in OVER


def _table(pieces: list[Piece], console: Console) -> None:
    octaves = f"{BANDS[0]} Hz … {BANDS[-1] // 1000} kHz"
    table = Table("sound", "seconds", "loudness", "peak", "strongest", octaves, title="What was heard")
    for column in table.columns[1:5]:
        column.justify = "right"
    for piece in pieces:
        heard = piece.heard
        if heard is None:
            table.add_row(piece.path.stem, "–", "–", "–", "–", piece.error)
            continue
        table.add_row(
            piece.path.stem,
            f"{heard['seconds']:.1f}",
            "silent" if heard["loudness"] is None else f"{heard['loudness']:.1f} LUFS",
            "silent" if heard["peak"] is None else f"{0.0 - heard['peak']:.1f} dB",
            "–" if heard["strongest"] is None else f"{heard['strongest']:,.0f} Hz",
            "".join(SHADES[math.ceil(share * (len(SHADES) - 1))] for share in heard["bands"]),
        )
    console.print(table)


def _account(found: Run, console: Console) -> bool:
    """Print what was promised and whether it was kept; False when something was not."""
    heard = [piece.heard for piece in found.pieces if piece.heard]
    computed = sum(one["computed"] for one in heard)
    processes = len({one["pid"] for one in heard})
    slowest = max(found.answers)
    rows = [
        (len(heard) == len(found.pieces), f"{len(heard)} of {len(found.pieces)} sounds measured"),
        (
            processes > 1 or len(heard) < 2,
            f"{computed:.1f} s of computing in {found.took:.1f} s, in {processes} processes",
        ),
        (slowest < 2, f"health asked {len(found.answers)} times meanwhile, answered within {slowest * 1000:.0f} ms"),
    ]
    if wrong := [piece.path.stem for piece in found.pieces if piece.made and not is_right(piece.made, piece.heard)]:
        rows.append((False, f"not as it was made: {', '.join(wrong)}"))
    elif any(piece.made for piece in found.pieces):
        rows.append((True, "each peak within 0.1 dB and each frequency within 2 Hz of what was made"))
    for kept, text in rows:
        console.print(f"[green]✓[/green] {text}" if kept else f"[red]✗[/red] {text}")
    return all(kept for kept, _ in rows)


def is_right(made: Sample, heard: dict[str, Any] | None) -> bool:
    """Was that heard which was made?"""
    if heard is None or heard["peak"] is None or abs(heard["peak"] - made.peak) > 0.1:
        return False
    strongest: float | None = heard["strongest"]
    if made.strongest is None or strongest is None:
        return made.strongest == strongest
    return abs(strongest - made.strongest) <= 2
