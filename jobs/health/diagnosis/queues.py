"""The queues: are they taken from, and fast enough?"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from jobs.health.diagnosis.finding import MISSED, Check, Finding, Limits, ago, count, listed, locked_out, sight
from jobs.health.snapshot import Depth, Process, QueueView, Snapshot

GROWTH = 10
"""Jobs by which a backlog must have grown to be one that grows."""
QUARTERS = 4


def _paused(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    for queue in (queue for queue in snapshot.queues if queue.paused):
        yield Finding(
            "queue_paused",
            "warn",
            f"'{queue.name}' is paused by hand: no worker takes from it; {_waiting(queue, snapshot.now)}",
            {"queue": queue.name, "waiting": queue.waiting},
            f"Let it go on with: python -m jobs resume {queue.name}",
        )


def _not_consumed(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    workers = snapshot.alive("worker")
    served = sorted({name for process in workers for name in process.queues})
    if not workers or sight(snapshot, limits) < limits.settle:
        return
    for queue in snapshot.queues:
        fresh = queue.oldest_at is not None and snapshot.now - queue.oldest_at < limits.settle
        if not queue.waiting or fresh or _was_served(queue.name, snapshot, limits):
            continue
        yield Finding(
            "queue_not_consumed",
            "fail",
            f"'{queue.name}' has {_waiting(queue, snapshot.now)}; {count(len(workers), 'worker')} "
            f"alive, but serving only {listed(served)}",
            {"queue": queue.name, "waiting": queue.waiting, "served": served},
            locked_out(snapshot) or f"Start one with: python -m jobs worker {queue.name}, or add it to JOBS_QUEUES",
            queue.oldest_at,
        )


def _was_served(name: str, snapshot: Snapshot, limits: Limits) -> bool:
    """Does a worker serve it, or start to, or did one until a moment ago, or is one that did missed anyway?"""
    of_it = [one for one in snapshot.processes if one.role == "worker" and name in one.queues]
    return any(one.alive or snapshot.now - one.seen_at < (MISSED if one.is_silent else limits.settle) for one in of_it)


def _all_busy(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Jobs wait, and no slot has become free for so long that none of them can have been begun."""
    for queue in (queue for queue in snapshot.queues if queue.waiting and not queue.paused):
        workers = snapshot.serving(queue.name)
        waits = snapshot.now - (queue.oldest_at or snapshot.now)
        unmoved = min((float(worker.row.get("youngest", 0.0)) for worker in workers), default=0.0)
        if not workers or not all(worker.is_full for worker in workers) or min(waits, unmoved) < limits.late:
            continue
        slots = sum(int(worker.row["slots"]) for worker in workers)
        jobs = [job for worker in workers for job in worker.running]
        shown = listed(f"{job['id']} for {ago(job['for'])}" for job in sorted(jobs, key=lambda job: -job["for"]))
        yield Finding(
            "all_slots_busy",
            "warn",
            f"'{queue.name}' has {_waiting(queue, snapshot.now)}: all {count(slots, 'slot')} of "
            f"{count(len(workers), 'worker')} are busy, and none has become free for {ago(unmoved)}: {shown}",
            {"queue": queue.name, "waiting": queue.waiting, "slots": slots, "running": [job["id"] for job in jobs]},
            "Start another worker, give this one more --concurrency, or let long jobs have a queue of their own.",
            snapshot.now - unmoved,
        )


def _growing(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """More waits after each quarter of the time looked back on: a burst grows once and then shrinks."""
    marks = _quarters(snapshot.past, snapshot.now, limits.patience)
    for queue in snapshot.queues:
        depths = [mark.waiting.get(queue.name, 0) for mark in marks] + [queue.waiting]
        workers = snapshot.serving(queue.name)
        if not workers or queue.paused or len(depths) <= QUARTERS or depths[-1] - depths[0] < GROWTH:
            continue
        if all(before < after for before, after in pairwise(depths)):
            took = snapshot.now - marks[0].at
            slots = sum(int(worker.row.get("slots", 0)) for worker in workers)
            yield Finding(
                "backlog_growing",
                "warn",
                f"'{queue.name}' grows: {depths[0]} jobs waited {ago(took)} ago, {depths[-1]} now, "
                f"{(depths[-1] - depths[0]) / took:.2g} a second more than {count(len(workers), 'worker')} with "
                f"{count(slots, 'slot')} can run",
                {"queue": queue.name, "depths": depths, "seconds": round(took, 1)},
                "Start another worker, or give this one more --concurrency; or find out who sends so much.",
                marks[0].at,
            )


def _quarters(past: Sequence[Depth], now: float, window: float) -> list[Depth]:
    """The looks a whole window ago, and three, two and one quarters of it; none while it is not full."""
    if not past or now - past[0].at < window:
        return []
    times = [now - window * quarter / QUARTERS for quarter in range(QUARTERS, 0, -1)]
    return [max((one for one in past if one.at <= at), key=lambda one: one.at) for at in times]


def _heartbeat_late(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Nothing explains it: a slot is free, and the heartbeat went to the front."""
    if not snapshot.leader or sight(snapshot, limits) < limits.late:
        return
    for queue in snapshot.queues:
        workers = [one for one in snapshot.serving(queue.name) if snapshot.now - one.started_at >= limits.settle]
        since = _last_sign(queue, workers)
        if since is None or snapshot.now - since <= limits.late or _is_excused(queue, workers):
            continue
        silence = snapshot.now - since
        yield Finding(
            "heartbeat_late",
            "fail",
            f"No heartbeat has come back from '{queue.name}' for {ago(silence)}, though "
            f"{count(len(workers), 'worker')} with a free slot and a scheduler are alive; "
            f"{count(queue.active, 'job')} running, {queue.waiting} queued",
            {"queue": queue.name, "silence": round(silence, 1), "active": queue.active, "expected": limits.heartbeat},
            "Read the log of its workers and restart them; what they hold is kept.",
            since,
        )


def _is_excused(queue: QueueView, workers: Sequence[Process]) -> bool:
    """May its heartbeat be waiting: for a slot, for a job that holds the process, or for the queue's share of slots?"""
    caps = [int(worker.row.get("caps", {}).get(queue.name, 0)) for worker in workers]
    capped = any(0 < cap <= queue.active for cap in caps)
    return queue.paused or capped or all(worker.is_full or worker.is_held for worker in workers)


def _last_sign(queue: QueueView, workers: Sequence[Process]) -> float | None:
    """When its heartbeat was back last, or could have been sent at the earliest; None: nobody could have answered."""
    if not workers:
        return None
    back = queue.heartbeat.back_at if queue.heartbeat and queue.heartbeat.back_at else 0.0
    return max(back, min(worker.started_at for worker in workers))


def _waiting(queue: QueueView, now: float) -> str:
    oldest = f", the oldest for {ago(now - queue.oldest_at)}" if queue.waiting and queue.oldest_at else ""
    return f"{count(queue.waiting, 'job')} queued{oldest}"


CHECKS: tuple[Check, ...] = (_paused, _not_consumed, _all_busy)
SYMPTOMS: tuple[Check, ...] = (_heartbeat_late, _growing)
