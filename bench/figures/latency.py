"""From just before ``enqueue`` to the job's first line, when a fresh worker has nothing else to do."""

import random
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from statistics import quantiles

from rq import Queue

from bench.figures.rounds import ROUNDS, play
from bench.results import Row, at_most
from bench.stage import QUEUE, Stage, Worker
from bench.tasks import append

SAMPLES = 60
"""A round; percentiles are of all rounds together, because 60 have no 99th."""
APART = (0.02, 0.03)
SETTLE = 0.5


def latency(stage: Stage) -> list[Row]:
    ours: list[float] = []
    rq: list[float] = []
    queue = Queue(QUEUE, connection=stage.redis)
    play(
        {
            "ours": lambda: _samples(stage, stage.ours, append.enqueue, ours),
            "rq": lambda: _samples(stage, stage.rq, lambda number: queue.enqueue(append, number), rq),
        },
        ROUNDS,
    )
    return [_row(ours, rq, 50, 1.0), _row(ours, rq, 99, 3.0)]


def _row(ours: list[float], rq: list[float], part: int, most: float) -> Row:
    title = f"Enqueue → start, idle, p{part}"
    return Row("latency", title, "ms", [_at(part, ours)], [_at(part, rq)], less=True, goal=at_most(most, "ms"))


def _at(part: int, samples: list[float]) -> float:
    return quantiles(samples, n=100, method="inclusive")[part - 1]


def _samples(
    stage: Stage,
    start: Callable[[], AbstractContextManager[Worker]],
    enqueue: Callable[[int], object],
    samples: list[float],
) -> float:
    """Add a round's samples, in milliseconds; returns the last."""
    stage.clear()
    sent: list[int] = []
    with start() as worker:
        for number in range(SAMPLES + 1):
            sent.append(time.time_ns())
            enqueue(number)
            if number == 0:  # it tells that the worker is there, and is no sample
                stage.wait_for(1, worker)
                time.sleep(SETTLE)
            time.sleep(random.uniform(*APART))
        stage.wait_for(SAMPLES + 1, worker)
    samples += [(record.at - sent[record.number]) / 1e6 for record in stage.records() if record.number]
    return samples[-1]
