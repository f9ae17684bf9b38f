"""Jobs a second: from the first start until every result is kept. The queue is full before the worker starts."""

from collections.abc import Callable
from typing import Any

from rq import Queue

from bench.figures.rounds import play
from bench.results import Row, at_least, of_baseline, times
from bench.stage import QUEUE, Stage
from bench.tasks import append, nap
from jobs import enqueue_many

JOBS, RQ_JOBS = 20_000, 1_000
SETTLED = 40_000
"""Jobs after which the second child has long started; until then it takes the processor from the first."""
NAPS, RQ_NAPS = 600, 40
UNIT = "jobs/s"


def one_child(stage: Stage) -> list[Row]:
    found = play({"ours": lambda: ours(stage), "rq": lambda: rq(stage)})
    return [Row("throughput", "No-op jobs, 1 child, T=10", UNIT, found["ours"], found["rq"], goal=times(40))]


def two_children(stage: Stage) -> list[Row]:

    def settled(processes: int) -> float:
        return ours(stage, jobs=SETTLED + 2 * JOBS, processes=processes, after=SETTLED)

    found = play({"one": lambda: settled(1), "two": lambda: settled(2), "rq": lambda: rq(stage)})
    goal = of_baseline(1, "1 child", found["one"])
    return [Row("children", "No-op jobs, 2 children, T=10", UNIT, found["two"], found["rq"], goal=goal)]


def one_thread(stage: Stage) -> list[Row]:
    found = play({"ours": lambda: ours(stage, threads=1), "rq": lambda: rq(stage)})
    return [Row("thread", "No-op jobs, 1 child, T=1", UNIT, found["ours"], found["rq"])]


def waiting(stage: Stage) -> list[Row]:
    found = play({"ours": lambda: ours(stage, nap, NAPS), "rq": lambda: rq(stage, nap, RQ_NAPS)})
    return [Row("io", "Jobs that wait 50 ms, T=10", UNIT, found["ours"], found["rq"], goal=at_least(190, "/s"))]


def ours(
    stage: Stage,
    task: Any = append,
    jobs: int = JOBS,
    *,
    threads: int = 10,
    processes: int = 1,
    key: str | None = None,
    after: int = 0,
) -> float:
    stage.clear()
    enqueue_many(task.prepare(number, key=key) for number in range(jobs))
    with stage.ours(threads=threads, processes=processes) as worker:
        return stage.rate(jobs, worker, after=after)


def rq(stage: Stage, task: Callable[..., Any] = append, jobs: int = RQ_JOBS) -> float:
    stage.clear()
    queue = Queue(QUEUE, connection=stage.redis)
    queue.enqueue_many([Queue.prepare_data(task, (number,)) for number in range(jobs)])
    with stage.rq("--burst") as worker:
        return stage.rate(jobs, worker)
