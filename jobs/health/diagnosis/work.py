"""The jobs and lanes: what runs and does not move, and what waits for it."""

from collections.abc import Iterator
from typing import Any

from jobs.health.diagnosis.finding import Check, Finding, Limits, ago, count, listed
from jobs.health.snapshot import Process, Snapshot
from jobs.health.snapshot.queues import SAMPLES

STILL = 8.0
"""Seconds without a turn of its housekeeping, which comes ten times a second, after which a process is held."""
OVERDUE = 15.0
"""Seconds past its timeout; a keeper ends what it can after 5."""


def _stuck(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    for process in snapshot.alive("worker"):
        held = [job for job in process.running if job["still"] >= STILL]
        overdue = [job for job in process.running if job["left"] is not None and job["left"] < -OVERDUE]
        if held:
            yield _held(process, held, snapshot.now)
        elif overdue:
            yield _overdue(process, overdue[0], snapshot.now)


def _held(process: Process, jobs: list[dict[str, Any]], now: float) -> Finding:
    left = [job["left"] for job in jobs if job["left"] is not None]
    end = f"it ends at its timeout, in {ago(min(left))}" if left else "it has no timeout, so nothing ends it"
    who = f"Job {jobs[0]['id']} holds" if len(jobs) == 1 else f"One of the jobs {listed(j['id'] for j in jobs)} holds"
    return Finding(
        "stuck_job",
        "warn",
        f"{who} a process of {process.id}: nothing else in it has moved for {ago(jobs[0]['still'])}; {end}",
        {"worker": process.id, "jobs": [job["id"] for job in jobs], "still": jobs[0]["still"]},
        "If it computes for so long, give its queue a worker with --pool process; if it hangs, stop it, and give it a "
        "shorter timeout. Or somebody has stopped that process (SIGSTOP): let it go on.",
        now - jobs[0]["still"],
    )


def _overdue(process: Process, job: dict[str, Any], now: float) -> Finding:
    return Finding(
        "stuck_job",
        "fail",
        f"Job {job['id']} runs {ago(-job['left'])} past its timeout on {process.id}, which could not end it",
        {"worker": process.id, "jobs": [job["id"]], "overdue": -job["left"]},
        f"Kill that worker (process {process.row.get('pid', '?')} on {process.row.get('host', '?')}): others go on.",
        now + job["left"],
    )


def _halted(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    if snapshot.halts:
        lanes = snapshot.halted
        shown = listed(f"{lane.key} ({lane.depth - 1} waiting for {lane.head})" for lane in lanes)
        yield Finding(
            "lane_halted",
            "warn",
            f"{count(snapshot.halts, 'lane')} halted by a job that failed, the longest for "
            f"{ago(snapshot.now - min((lane.since for lane in lanes), default=snapshot.now))}: {shown}",
            {"halted": snapshot.halts, "lanes": {lane.key: lane.head for lane in lanes}},
            "See why with: python -m jobs lanes; then: python -m jobs lanes resume KEY, or skip KEY",
            min((lane.since for lane in lanes), default=None),
        )


def _blocked(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    lanes = [one for one in snapshot.held_up if one.depth > 1 and snapshot.now - one.since >= limits.patience]
    if lanes:
        longest = min(lanes, key=lambda lane: lane.since)
        yield Finding(
            "lane_blocked",
            "warn",
            f"{count(longest.depth - 1, 'job')} of lane {longest.key} wait for {longest.head}, which has been running "
            f"for {ago(snapshot.now - longest.since)}"
            + (f"; so it is in {count(len(lanes) - 1, 'other lane')}" if len(lanes) > 1 else ""),
            {"lanes": {lane.key: lane.head for lane in lanes}, "waiting": sum(lane.depth - 1 for lane in lanes)},
            f"Look at it with: python -m jobs job {longest.head}; give its task a shorter timeout if it should end.",
            longest.since,
        )


def _in_vain(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Jobs depend on others that have ended badly: RQ would let them wait for ever."""
    for queue in (queue for queue in snapshot.queues if queue.in_vain):
        jobs = {one.job: one.awaited.id for one in queue.in_vain}
        gone = [one.awaited.id for one in queue.in_vain if one.awaited.state is None]
        how_many = f"{'At least ' if len(jobs) > SAMPLES else ''}{count(len(jobs), 'job')}"
        shown = listed(f"{one.job} for {one.awaited.id}, which {one.awaited.fate}" for one in queue.in_vain)
        yield Finding(
            "waits_in_vain",
            "warn",
            f"{how_many} of '{queue.name}' {'waits' if len(jobs) == 1 else 'wait'} in vain: {shown}",
            {"queue": queue.name, "jobs": jobs, **({"gone": gone} if gone else {})},
            "Run what failed again with: python -m jobs dead retry JOB, and what depends on it follows; or give up "
            f"what waits: python -m jobs cancel {queue.in_vain[0].job}",
        )


def _abandoned(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Jobs ran under RQ's own workers that are gone: RQ itself gives them minutes, and a keeper less."""
    living = {worker.name for worker in snapshot.foreign}
    for queue in snapshot.queues:
        if runs := [run for run in queue.foreign_runs if run.worker not in living]:
            shown = listed(f"{run.job} ({run.worker})" for run in runs)
            wait = max(0.0, max(run.until for run in runs) - snapshot.now)
            yield Finding(
                "abandoned_job",
                "warn",
                f"{count(len(runs), 'job')} of '{queue.name}' ran under RQ's own workers, which are gone: {shown}",
                {"queue": queue.name, "jobs": {run.job: run.worker for run in runs}},
                f"Wait: a worker of ours puts such a job back within {ago(wait)}, and it runs from its start.",
            )


def _unknown(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Jobs have failed because those who work now do not know their task."""
    for queue in snapshot.queues:
        refused, workers = queue.refused, snapshot.serving(queue.name)
        if refused and refused.kind == "UnknownTask" and refused.is_of(workers):
            yield Finding(
                "unknown_task",
                "fail",
                f"Job {refused.job} of '{queue.name}' failed {ago(snapshot.now - refused.at)} ago, because its worker "
                f"does not know its task: {refused.why[:200]}",
                {"queue": queue.name, "job": refused.job, "workers": [worker.id for worker in workers]},
                "Name the task's module in the worker's JOBS_TASKS, or deploy the code that has it; "
                "then: python -m jobs dead retry --all --error UnknownTask",
                refused.at,
            )


def _parked(snapshot: Snapshot, limits: Limits) -> Iterator[Finding]:
    """Jobs wait for a worker that knows their task. In a deploy that reaches web first, one will soon be there."""
    for one in snapshot.parked:
        waits = snapshot.now - one.since
        ends = f"; the first fails in {ago(one.until - snapshot.now)}" if one.until else ""
        yield Finding(
            "unknown_task",
            "warn" if waits < limits.deploy else "fail",
            f"{count(one.jobs, 'job')} {'waits' if one.jobs == 1 else 'wait'} for a worker that knows {one.task}, the "
            f"first for {ago(waits)}: {one.job} of '{one.queue}'{ends}",
            {"queue": one.queue, "job": one.job, "task": one.task, "jobs": one.jobs},
            "Deploy the code that has it to the workers, or name its module in their JOBS_TASKS: its jobs then run by "
            f"themselves. Or give up what was sent by mistake: python -m jobs cancel {one.job}",
            one.since,
        )


CHECKS: tuple[Check, ...] = (_stuck, _halted, _blocked, _in_vain, _abandoned, _unknown, _parked)
