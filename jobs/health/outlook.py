"""What a queue waits for, in words. Pure. Waiting for the clock, or for the head of a lane, is no fault."""

from jobs.health.diagnosis.finding import ago, count
from jobs.health.snapshot import QueueView, Snapshot


def outlook(queue: QueueView, snapshot: Snapshot) -> str:
    """What goes on in a queue, the most telling first: ``2 jobs running; 3 wait for the clock, the next for 40 s``."""
    parts = (_ready(queue, snapshot), _active(queue), _behind(queue), _due(queue, snapshot.now))
    return "; ".join(filter(None, parts)) or "idle"


def _ready(queue: QueueView, snapshot: Snapshot) -> str:
    if not queue.waiting:
        return ""
    since = f", the oldest for {ago(snapshot.now - queue.oldest_at)}" if queue.oldest_at else ""
    return f"{count(queue.waiting, 'job')} queued, waiting {_for(queue, snapshot)}{since}"


def _for(queue: QueueView, snapshot: Snapshot) -> str:
    workers = snapshot.serving(queue.name)
    if snapshot.suspended:
        return "until workers are resumed"
    if queue.paused:
        return "until the queue is resumed"
    if not workers:
        return "for a worker"
    return "for a slot" if all(worker.is_full for worker in workers) else "for their turn"


def _active(queue: QueueView) -> str:
    return f"{count(queue.active, 'job')} running" if queue.active else ""


def _behind(queue: QueueView) -> str:
    return f"{queue.deferred} blocked by another job" if queue.deferred else ""


def _due(queue: QueueView, now: float) -> str:
    later = queue.scheduled + queue.retrying
    if not later:
        return ""
    soon = f", the next for {ago(queue.next_at - now)}" if queue.next_at is not None else ""
    return f"{later} waiting for the clock{soon}"
