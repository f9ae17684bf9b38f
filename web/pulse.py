"""Does anything change? One look a second while somebody listens, however many do."""

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from redis import Redis
from redis.exceptions import RedisError

from jobs import keys
from jobs.health.counts import counts
from jobs.health.diagnosis.subjects import subjects
from jobs.health.snapshot import Process, QueueView
from jobs.health.watch import View, Watch

PERIOD = 1.0
"""Seconds between two looks, and for which one is good enough for a page."""
LISTENERS = 6
"""At once, each of which holds a thread: far fewer than the server has, so that health is always answered."""


class Beat(NamedTuple):
    """What was seen, and a signature that is another as soon as anything is that pages show."""

    view: View
    signature: str


class Pulse:
    """``now`` looks, at most once a second; ``wait`` waits for a change, for those who ``join``."""

    def __init__(self, watch: Watch, client: Redis) -> None:
        self._watch = watch
        self._client = client
        self._looking = threading.Lock()
        self._beat: Beat | None = None
        self._began = self._ended = self._done = float("-inf")
        """When the last look began and ended, and when somebody last did something."""
        self._changed = threading.Condition()
        self._listeners = 0
        self._runner: threading.Thread | None = None
        self.goes_on: Callable[[], bool] = lambda: True
        """Is this process to go on? Asked every second, so that who listens never holds up its end."""

    def now(self) -> Beat:
        """The line as it is, or was less than a second ago. Takes no longer than ``Watch.view``, and never raises."""
        with self._looking:
            began = time.monotonic()
            # From its end on: one may take longer than a period, and all who waited for it are to share it.
            if self._beat is None or began - self._ended >= PERIOD or self._began <= self._done:
                view = self._watch.view()
                self._beat = Beat(view, signature(view, self._marks() if not view.snapshot.error else ()))
                self._began, self._ended = began, time.monotonic()
            return self._beat

    def forget(self) -> None:
        """Somebody has done something: what was seen before is no answer any more."""
        self._done = time.monotonic()

    def join(self) -> bool:
        """Begin to listen; False where there are too many already. Who has joined must ``leave``."""
        with self._changed:
            if self._listeners >= LISTENERS or not self.goes_on():
                return False
            self._listeners += 1
            if self._runner is None:
                self._runner = threading.Thread(target=self._run, name="pulse", daemon=True)
                self._runner.start()
            return True

    def leave(self) -> None:
        with self._changed:
            self._listeners -= 1

    def wait(self, known: str, within: float) -> str:
        """The signature as soon as it is not ``known``, or after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._beat and self._beat.signature != known, within)
            return self._beat.signature if self._beat else known

    def _run(self) -> None:
        while self._is_wanted():
            self.now()
            with self._changed:
                self._changed.notify_all()
            time.sleep(PERIOD)

    def _is_wanted(self) -> bool:
        with self._changed:
            if self._listeners and self.goes_on():
                return True
            self._runner = None
            return False

    def _marks(self) -> tuple[Any, ...]:
        """What tells of changes that a look at the line does not show."""
        try:
            with self._client.pipeline(transaction=False) as pipeline:
                pipeline.get(keys.EXECUTIONS)
                pipeline.xrevrange(keys.AUDIT, count=1)
                pipeline.zrange(keys.SLOTS, 0, 0, withscores=True)
                return tuple(pipeline.execute())
        except RedisError:
            return ()


def signature(view: View, marks: tuple[Any, ...]) -> str:
    """Alike for two looks that show the same but for the time that has passed."""
    seen = view.snapshot
    facts = (
        seen.error,
        [(finding.code, finding.severity, finding.since, subjects(finding.evidence)) for finding in view.findings],
        [_queue(queue) for queue in seen.queues],
        [_process(process) for process in seen.processes],
        [(lane.key, lane.head, lane.depth) for lane in seen.halted],
        [(other.name, other.queues) for other in seen.foreign],
        (seen.halts, seen.suspended, seen.leader, seen.marker),
        [
            getattr(seen.server, name)
            for name in ("run_id", "version", "policy", "limit", "evicted", "kept_by", "broken")
        ],
        marks,
    )
    return hashlib.blake2s(repr(facts).encode(), digest_size=8).hexdigest()


def _queue(queue: QueueView) -> tuple[Any, ...]:
    return queue.name, counts((queue,)), queue.paused, queue.oldest_at, queue.heartbeat and queue.heartbeat.back_at


def _process(process: Process) -> tuple[Any, ...]:
    row = process.row
    loops = [
        (name, loop["alive"], loop["last_ping_ago"] < loop["max_silence"], loop["restarts"], loop["errors"])
        for name, loop in row.get("loops", {}).items()
    ]
    said = [row.get(name) for name in ("slots", "busy", "crashes", "tasks", "code")]
    ended = [row["counters"].get(name) for name in ("processed", "failed")]
    jobs = [job["id"] for job in process.running]
    return process.id, process.alive, process.status, process.queues, said, ended, jobs, loops
