"""The line in numbers, for Prometheus. The ``rq_`` ones are those of rq-exporter 3.1, with its labels, so that
dashboards made for it show us as they are; ours begin with ``signalbox_``. Never a key or a job's id as a label."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from redis import Redis

from jobs import keys
from jobs.health import meters
from jobs.health.counts import counts, rq
from jobs.health.exposition import Family, Sample, histogram
from jobs.health.meters import BOUNDS, Meters
from jobs.health.snapshot import QueueView, Snapshot
from jobs.health.watch import View

_FIELDS = ("queues", "state", "successful_job_count", "failed_job_count", "total_working_time")


class Worker(NamedTuple):
    """A worker as RQ's tools see it."""

    name: str
    queues: str
    state: str
    succeeded: int
    failed: int
    seconds: float
    """For which it has run jobs, all slots together."""


class Facts(NamedTuple):
    """What a snapshot does not hold."""

    workers: tuple[Worker, ...]
    lanes: int
    halted: int
    meters: Meters


class Collected(NamedTuple):
    """How often this process has collected, and the seconds that took in all."""

    times: int
    seconds: float


def read(client: Redis) -> Facts:
    """Two round trips, and nothing that acts: RQ's ``Worker.all`` cleans up as it counts. Raises ``RedisError``."""
    counted = meters.read(client)
    with client.pipeline(transaction=False) as pipeline:
        pipeline.smembers(keys.WORKERS)
        pipeline.zrange(keys.LEASES, 0, -1)
        pipeline.zcard(keys.LANES)
        pipeline.zcard(keys.HALTED)
        names, children, lanes, halted = pipeline.execute()
    return Facts(_workers(client, sorted(names), children), lanes, halted, counted)


def _workers(client: Redis, names: list[bytes], children: list[bytes]) -> tuple[Worker, ...]:
    with client.pipeline(transaction=False) as pipeline:
        for name in names:
            pipeline.hmget(name, *_FIELDS)
        for child in children:
            pipeline.hlen(keys.held(child.decode()))
        replies = pipeline.execute(raise_on_error=False)
    held = dict(zip((child.decode() for child in children), replies[len(names) :], strict=True))
    start = len(keys.worker(""))
    rows = zip((name[start:].decode(errors="replace") for name in names), replies, strict=False)
    return tuple(_worker(name, row, held) for name, row in rows if isinstance(row, list) and row[0])


def _worker(name: str, row: list[bytes | None], held: dict[str, Any]) -> Worker:
    """``held`` says how many jobs each child has; a worker of RQ's own has no children and says its state itself."""
    queues, state, succeeded, failed, seconds = ((value or b"").decode(errors="replace") for value in row)
    ours = [jobs for child, jobs in held.items() if child.rpartition(".")[0] == name]
    if ours:
        state = "busy" if any(ours) else "idle"
    return Worker(name, queues, state or "?", int(succeeded or 0), int(failed or 0), float(seconds or 0))


def families(view: View, facts: Facts | None, collected: Collected) -> Iterator[Family]:
    """Every metric; those that nobody knows while Redis does not answer are left out. Pure."""
    seen = view.snapshot
    up = facts is not None and not seen.error
    yield Family("signalbox_redis_up", "gauge", "1 when Redis has answered, else 0", [Sample(int(up))])
    yield Family(
        "signalbox_findings",
        "gauge",
        "What is known to be wrong: 1 for each finding",
        [Sample(number, {"code": code, "severity": severity}) for (code, severity), number in _findings(view).items()],
    )
    yield Family(
        "rq_request_processing_seconds",
        "summary",
        "Time spent collecting RQ data",
        [Sample(collected.times, suffix="_count"), Sample(collected.seconds, suffix="_sum")],
    )
    if facts and not seen.error:
        yield from _of_workers(facts.workers, seen.suspended)
        yield from _of_queues(seen)
        yield from _of_jobs(facts)
        yield from _of_loops(seen)


def _findings(view: View) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for finding in view.findings:
        found[finding.code, finding.severity] = found.get((finding.code, finding.severity), 0) + 1
    return found


def _of_workers(workers: tuple[Worker, ...], suspended: bool) -> Iterator[Family]:
    states = [(one, "suspended" if suspended else one.state) for one in workers]
    yield Family(
        "rq_workers",
        "gauge",
        "RQ workers",
        [Sample(1, {"name": one.name, "state": state, "queues": one.queues}) for one, state in states],
    )
    for name, purpose, value in (
        ("success", "RQ workers success count", "succeeded"),
        ("failed", "RQ workers fail count", "failed"),
        ("working_time", "RQ workers spent seconds", "seconds"),
    ):
        samples = [Sample(getattr(one, value), {"name": one.name, "queues": one.queues}) for one in workers]
        yield Family(f"rq_workers_{name}_total", "counter", purpose, samples)


def _of_queues(seen: Snapshot) -> Iterator[Family]:
    yield Family(
        "rq_jobs",
        "gauge",
        "RQ jobs by state",
        [
            Sample(number, {"queue": queue.name, "status": status})
            for queue in seen.queues
            for status, number in rq(counts((queue,))).items()
        ],
    )
    yield Family(
        "signalbox_oldest_job_age_seconds",
        "gauge",
        "How long the first waiting job has been in its queue; 0 where none waits",
        [_of(queue, seen.now - queue.oldest_at if queue.oldest_at else 0) for queue in seen.queues],
    )
    back = [(queue, queue.heartbeat) for queue in seen.queues]
    yield Family(
        "signalbox_heartbeat_age_seconds",
        "gauge",
        "Since when no heartbeat has come back from a queue",
        [_of(queue, seen.now - beat.back_at) for queue, beat in back if beat and beat.back_at],
    )
    yield Family(
        "signalbox_heartbeat_round_trip_seconds",
        "gauge",
        "How long the last heartbeat that came back took",
        [_of(queue, beat.took) for queue, beat in back if beat and beat.took is not None],
    )


def _of(queue: QueueView, value: float) -> Sample:
    return Sample(max(value, 0), {"queue": queue.name})


def _of_loops(seen: Snapshot) -> Iterator[Family]:
    loops = [
        ({"worker": process.id, "loop": name}, loop)
        for process in seen.processes
        if process.alive
        for name, loop in process.row.get("loops", {}).items()
    ]

    def samples(field: str) -> list[Sample]:
        return [Sample(loop[field], labels) for labels, loop in loops]

    silence = "Since when a loop has not said that it turns"
    yield Family("signalbox_loop_silence_seconds", "gauge", silence, samples("last_ping_ago"))
    yield Family("signalbox_loop_restarts_total", "counter", "How often a loop was started again", samples("restarts"))
    yield Family("signalbox_loop_errors_total", "counter", "Cycles of a loop that raised", samples("errors"))


def _of_jobs(facts: Facts) -> Iterator[Family]:
    yield Family("signalbox_lanes", "gauge", "Lanes that hold jobs", [Sample(facts.lanes)])
    yield Family("signalbox_lanes_halted", "gauge", "Lanes that a failed job halts", [Sample(facts.halted)])
    yield Family(
        "signalbox_jobs_recovered_total",
        "counter",
        "Executions whose process or worker was lost, and whose jobs were put back",
        [Sample(facts.meters.recovered)],
    )
    yield Family(
        "signalbox_results_refused_total",
        "counter",
        "Results that came after another worker had been given the job",
        [Sample(facts.meters.refused)],
    )
    for kind, purpose in (
        ("wait", "How long jobs were in their queue, each time one was given to a worker"),
        ("duration", "How long executions took, however they ended; not those whose process was killed"),
    ):
        found = sorted((queue, one) for (which, queue), one in facts.meters.histograms.items() if which == kind)
        samples = [histogram(BOUNDS, one.counts, one.sum, {"queue": queue}) for queue, one in found]
        yield Family(f"signalbox_job_{kind}_seconds", "histogram", purpose, [each for one in samples for each in one])
