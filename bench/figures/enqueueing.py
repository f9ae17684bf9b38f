"""Jobs accepted a second, by one process, with no worker about."""

import time
from collections.abc import Callable

from rq import Queue

from bench.figures.rounds import play
from bench.results import Row, times
from bench.stage import QUEUE, Stage
from bench.tasks import append
from jobs import enqueue_many

ONE_BY_ONE, TOGETHER = 1_000, 5_000
ROUNDS = 7
UNIT = "jobs/s"


def single(stage: Stage) -> list[Row]:
    queue = Queue(QUEUE, connection=stage.redis)

    def ours() -> None:
        for number in range(ONE_BY_ONE):
            append.enqueue(number)

    def rq() -> None:
        for number in range(ONE_BY_ONE):
            queue.enqueue(append, number)

    found = _race(stage, ours, rq, ONE_BY_ONE)
    return [Row("single", "Enqueue, one by one", UNIT, found["ours"], found["rq"], goal=times(2))]


def bulk(stage: Stage) -> list[Row]:
    queue = Queue(QUEUE, connection=stage.redis)

    def ours() -> None:
        enqueue_many(append.prepare(number) for number in range(TOGETHER))

    def rq() -> None:
        queue.enqueue_many([Queue.prepare_data(append, (number,)) for number in range(TOGETHER)])

    found = _race(stage, ours, rq, TOGETHER)
    return [Row("bulk", "Enqueue, many at once", UNIT, found["ours"], found["rq"], goal=times(2.5))]


def _race(stage: Stage, ours: Callable[[], None], rq: Callable[[], None], jobs: int) -> dict[str, list[float]]:
    def rate(enqueue: Callable[[], None]) -> float:
        stage.clear()
        began = time.perf_counter()
        enqueue()
        return jobs / (time.perf_counter() - began)

    rate(ours)  # connections and scripts are there before the first round
    return play({"ours": lambda: rate(ours), "rq": lambda: rate(rq)}, ROUNDS)
