"""Every process that is there, or was, in one row each."""

from dataclasses import dataclass
from typing import Any

from jobs.health.snapshot import Process, Snapshot


@dataclass(frozen=True)
class Member:
    """One process as it is now."""

    process: Process
    outdated: bool
    """It lives, and is of another commit than the process that started last."""

    @property
    def running(self) -> list[dict[str, Any]]:
        """The jobs that a worker has named, and for how many seconds each has been running."""
        return [{"id": job["id"], "seconds": max(float(job["for"]), 0.0)} for job in self.process.running]

    @property
    def loops(self) -> list[dict[str, Any]]:
        """Each loop of a worker: for how long has it been silent, how long may it be, how often was it restarted."""
        return [
            {
                "name": name,
                "alive": loop["alive"],
                "silence": max(float(loop["last_ping_ago"]), 0.0),
                "limit": float(loop["max_silence"]),
                "restarts": loop["restarts"],
                "errors": loop["errors"],
            }
            for name, loop in self.process.row.get("loops", {}).items()
        ]


def members(seen: Snapshot) -> list[Member]:
    """All that have left a row: the living first, the one seen last first."""
    living = [one for one in seen.processes if one.alive and one.row["commit"]]
    newest = max((one for one in living if one.role != "app"), key=lambda one: one.started_at, default=None)
    rows = sorted(seen.processes, key=lambda one: not one.alive)
    return [Member(one, bool(newest and one in living and one.row["commit"] != newest.row["commit"])) for one in rows]
