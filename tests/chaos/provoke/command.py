"""What leads a command to each of its steps."""

from redis import Redis

from jobs import catalog, gates, keys, lanes, retention, settings
from jobs.retry import Retry
from jobs.scripts import NewJob
from tests.chaos.ambush import HOURLY, READY, Ambush, Provoke
from tests.chaos.line import Line
from tests.chaos.steps import When
from tests.support import wait_for

LONG_AGO = "2020-01-01T00:00:00.000000Z"


def lose_the_only_worker(ambush: Ambush, step: str, when: When) -> None:
    """Nobody is left to take back what it held, until somebody gives the command."""
    line = ambush.line
    worker = ambush.man(1)[0]
    line.feed(4, seconds=0.3)
    wait_for(lambda: line.runs_of(worker), "the worker to be busy")
    line.kill(worker)
    wait_for(lambda: line.client.zcount(keys.LEASES, "-inf", server_time(line.client)), "the lease to run out")
    ambush.lay(step, when)
    line.spawn("-m", "tests.chaos.armed", "command", "recover")


def enqueue(ambush: Ambush, step: str, when: When) -> None:
    """Whoever sends a job dies, and sends it again."""
    line = ambush.line
    job = line.job()
    ambush.lay(step, when)
    said = ("enqueue", "tests.chaos.tasks.work", str(line.log.path), job.id, "--job-id", job.id)
    line.spawn("-m", "tests.chaos.armed", "command", *said).ends()
    line.submit([job])


def resume_a_lane(ambush: Ambush, step: str, when: When) -> None:
    """Whoever resumes a halted lane dies; the job that had failed fails again, or never ran, and is skipped."""
    lane, rest = _halted_lane(ambush)
    ambush.lay(step, when)
    ambush.line.spawn("-m", "tests.chaos.armed", "command", "lanes", "resume", lane).ends()
    _wait_until_halted(ambush.line, lane)
    lanes.skip(ambush.line.client, lane)
    wait_for(lambda: set(rest) <= ambush.line.log.ended(), "the rest of the lane", READY)


def clear_a_lane(ambush: Ambush, step: str, when: When) -> None:
    """Whoever clears a halted lane dies, and clears it again."""
    lane, rest = _halted_lane(ambush)
    ambush.planned += rest
    ambush.lay(step, when)
    ambush.line.spawn("-m", "tests.chaos.armed", "command", "lanes", "clear", lane).ends()
    lanes.clear(ambush.line.client, lane)


def retry_a_dead_letter(ambush: Ambush, step: str, when: When) -> None:
    """Whoever has a dead letter run anew dies; the job fails again, or never ran, and another comes after it."""
    letter = _dead_letter(ambush)
    ambush.lay(step, when)
    ambush.line.spawn("-m", "tests.chaos.armed", "command", "dead", "retry", letter).ends()
    ambush.line.feed(3)
    wait_for(
        lambda: catalog.act(ambush.line.client, "retry", [letter]).ids, "it to have failed, and to run anew", READY
    )


def delete_a_dead_letter(ambush: Ambush, step: str, when: When) -> None:
    """Whoever deletes a dead letter dies, and deletes it again: nothing of it is left."""
    letter = _dead_letter(ambush)
    ambush.lay(step, when)
    ambush.line.spawn("-m", "tests.chaos.armed", "command", "dead", "delete", letter).ends()
    catalog.act(ambush.line.client, "delete", [letter])
    _assert_gone(ambush.line, letter)


def _scheduled(ambush: Ambush, step: str, when: When, command: str) -> NewJob:
    """A scheduled job, on which whoever gives the command has died."""
    job = ambush.line.job(queue="default", delay=HOURLY)
    ambush.line.submit([job])
    ambush.lay(step, when)
    ambush.line.spawn("-m", "tests.chaos.armed", "command", command, job.id).ends()
    return job


def cancel_a_job(ambush: Ambush, step: str, when: When) -> None:
    """Whoever cancels a job dies, and cancels it again; taken back, it runs as if nothing had been."""
    line, job = ambush.line, _scheduled(ambush, step, when, "cancel")
    catalog.act(line.client, "cancel", [job.id])
    assert line.status(job.id) == "canceled"
    catalog.act(line.client, "retry", [job.id])
    assert line.status(job.id) == "scheduled"
    catalog.act(line.client, "run", [job.id])
    ambush.man(1)


def run_a_job_now(ambush: Ambush, step: str, when: When) -> None:
    """Whoever has a scheduled job run now dies, and asks for it again."""
    job = _scheduled(ambush, step, when, "run")
    catalog.act(ambush.line.client, "run", [job.id])
    ambush.man(1)


def empty_a_queue(ambush: Ambush, step: str, when: When) -> None:
    """Whoever empties a queue, that nobody serves, dies, and empties it again: nothing of its jobs is left."""
    line = ambush.line
    waiting = [line.job(queue="unserved") for _ in range(3)]
    line.submit(waiting)
    ambush.lay(step, when)
    line.spawn("-m", "tests.chaos.armed", "command", "empty", "unserved", "--yes").ends()
    gates.empty(line.client, "unserved")
    for job in waiting:
        _assert_gone(line, job.id)


def clean_up(ambush: Ambush, step: str, when: When) -> None:
    """Whoever removes an old dead letter dies, and does it again: nothing of it is left, and all else is there."""
    line, letter = ambush.line, _dead_letter(ambush)
    if step == "trim":
        line.client.zadd(keys.registry("failed", "default"), {letter: 1})
    else:
        line.client.hset(keys.job(letter), "ended_at", LONG_AGO)
    ambush.lay(step, when)
    line.spawn("-m", "tests.chaos.armed", "command", "clean", "--failed", "--older", "100d").ends()
    retention.clean(line.client, settings.current(), older=100 * 86400, failed=True)
    _assert_gone(line, letter)


def _dead_letter(ambush: Ambush) -> str:
    """A job that has failed for good."""
    line = ambush.line
    job = line.job(doomed=True, queue="default", retry=Retry(1))
    ambush.planned.append(job.id)
    ambush.man(1)
    line.submit([job])
    wait_for(lambda: line.status(job.id) == "failed", "a job to fail for good", READY)
    return job.id


def _assert_gone(line: Line, job_id: str) -> None:
    assert [key for key in line.client.scan_iter("*") if key.endswith(job_id.encode())] == []
    assert line.client.zscore(keys.registry("failed", "default"), job_id) is None
    line.accepted.remove(job_id)


def _halted_lane(ambush: Ambush) -> tuple[str, list[str]]:
    """A lane that a job has halted, and who waits in it."""
    line = ambush.line
    lane = f"lane-{len(line.accepted)}"
    head, *rest = [line.job(key=lane, policy="halt", doomed=not number) for number in range(3)]
    ambush.planned.append(head.id)
    ambush.man(1)
    line.submit([head, *rest])
    _wait_until_halted(line, lane)
    return lane, [job.id for job in rest]


def _wait_until_halted(line: Line, lane: str) -> None:
    wait_for(lambda: lanes.lane(lane, line.client).state == "halted", f"{lane} to be halted", READY)


def server_time(client: Redis) -> float:
    seconds, microseconds = client.time()
    return seconds + microseconds / 1e6


WAYS: dict[str, Provoke] = {
    "recover": lose_the_only_worker,
    "enqueue": enqueue,
    "resume a lane": resume_a_lane,
    "clear a lane": clear_a_lane,
    "retry a dead letter": retry_a_dead_letter,
    "delete a dead letter": delete_a_dead_letter,
    "cancel a job": cancel_a_job,
    "run a job now": run_a_job_now,
    "empty a queue": empty_a_queue,
    "trim": clean_up,
    "purge": clean_up,
}
