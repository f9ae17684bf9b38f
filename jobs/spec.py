"""A schedule as living code declares it, as JSON: enough to make its jobs without importing its task."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime

from jobs.job import serializer
from jobs.queues import FAILURE_TTL, shown
from jobs.scripts import NewJob, Value
from jobs.settings import Settings
from jobs.timetable import Timetable, next_slot


@dataclass(frozen=True)
class Spec:
    """One schedule; ``name`` is its task's."""

    name: str
    timetable: Timetable
    queue: str | None
    timeout: float | None
    retries: list[float]
    key: str | None
    policy: str | None
    label: str | None = None
    keep: str | None = None

    @classmethod
    def read(cls, name: str, text: str | bytes) -> "Spec":
        """What ``declared`` gives. Raises ``ValueError``, ``KeyError`` or ``TypeError`` for anything else."""
        row = json.loads(text)
        times = Timetable(row["every"], row["cron"], row["tz"], row["overlap"])
        needed = (row["queue"], row["timeout"], row["retries"], row["key"], row["policy"])
        return cls(name, times, *needed, row.get("label"), row.get("keep"))

    def next(self, after: float) -> float:
        """The first slot after a time; both are seconds since 1970 UTC."""
        return next_slot(self.timetable, datetime.fromtimestamp(after, UTC)).timestamp()

    def job(self, settings: Settings, mark: str) -> NewJob:
        """A job of its own for one slot; what the task leaves open is what these settings say, as in ``prepare``."""
        queue = self.queue or settings.queues[0]
        fields: dict[str, Value] = {
            "data": serializer().dumps((self.name, None, (), {})),
            "description": f"{self.name}()",
            "meta": serializer().dumps({"schedule": self.name}),
            "timeout": math.ceil(self.timeout or settings.timeout),
            "result_ttl": math.ceil(settings.keep),
            "failure_ttl": FAILURE_TTL,
        }
        if self.retries:
            fields |= {"retries_left": len(self.retries), "retry_intervals": json.dumps(self.retries)}
        if self.keep:
            fields["keep"] = self.keep
        if self.label:
            fields["label"] = shown(self.label)
        if self.key:
            fields["key"] = self.key
            if (self.policy or ("halt" if queue in settings.halt else "continue")) == "halt":
                fields["policy"] = "halt"
        return NewJob(f"{self.name.replace('.', '-')}-{mark}", queue, fields, key=self.key or "")


def mark(slot: float) -> str:
    """How a job's id tells its slot: seconds since 1970, with milliseconds where there are any."""
    whole, rest = divmod(round(slot * 1000), 1000)
    return f"{whole}-{rest:03d}" if rest else str(whole)
