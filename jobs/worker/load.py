"""What a worker's children run, for whoever asks why nothing moves."""

import math
from collections.abc import Sequence
from typing import Any

from jobs import keys
from jobs.worker.table import Running, Table

SHOWN = 5


def load(tables: Sequence[Table], now: float) -> dict[str, Any]:
    """How many slots there are, how many are busy, for how many seconds the ``youngest`` of these has been, and the
    jobs in them: those that hold up others, and the longest. A child that takes nothing more has no free slot.

    Of each job: ``for`` so many seconds, ``left`` until its timeout (None: it has none), and ``still``: seconds since
    its process last had the interpreter, which is long while a job holds it, or while the process is stopped; of a
    coroutine, for how long it has held the event loop; 0 where nothing else could run there.
    """
    running = [(one, now - table.turned if table.slots > 1 else 0.0) for table in tables for one in table.running()]
    jobs = [_job(one, still, now) for one, still in running if not one.id.startswith(keys.HEARTBEAT)]
    jobs.sort(key=lambda job: (job["still"], job["for"]), reverse=True)
    return {
        "slots": sum(len(table.running()) if math.isinf(table.asked) else table.slots for table in tables),
        "busy": len(running),
        "youngest": round(min((now - one.started for one, _ in running), default=0.0), 1),
        "running": jobs[:SHOWN],
    }


def _job(running: Running, still: float, now: float) -> dict[str, Any]:
    left = round(running.deadline - now, 1) if running.deadline else None
    # The housekeeping turns ten times a second; less than a second tells nothing.
    held = now - running.held if running.held else 0.0
    return {"id": running.id, "for": round(now - running.started, 1), "left": left, "still": int(max(still, held))}
