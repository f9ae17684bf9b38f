"""One turn of one figure, by whichever checkout's folder it is started in: ``python PATH/bench/turn.py FIGURE``.

Run by path, so that it measures the code of an older checkout too; it prints one number.
"""

import os
import sys
import time
from statistics import median

sys.path[0] = os.getcwd()

from bench.figures import latency, throughput  # noqa: E402
from bench.stage import Stage, open_stage  # noqa: E402
from bench.tasks import append  # noqa: E402
from jobs import enqueue_many  # noqa: E402

ONE_BY_ONE, TOGETHER = 3_000, 20_000
SENT = 40_000
"""Jobs of a turn of ``noop``: more than a second of work, so that the start of a worker tells little."""


def noop(stage: Stage) -> float:
    """Jobs a second, T=10."""
    return throughput.ours(stage, jobs=SENT, after=SENT // 4)


def start(stage: Stage) -> float:
    """Milliseconds from ``enqueue`` to the job's first line, on an idle worker: the median of 60."""
    samples: list[float] = []
    latency._samples(stage, stage.ours, append.enqueue, samples)
    return median(samples)


def single(stage: Stage) -> float:
    """Jobs accepted a second, one by one."""
    append.enqueue(0)
    began = time.perf_counter()
    for number in range(ONE_BY_ONE):
        append.enqueue(number)
    return ONE_BY_ONE / (time.perf_counter() - began)


def bulk(stage: Stage) -> float:
    """Jobs accepted a second, many at once."""
    append.enqueue(0)
    began = time.perf_counter()
    enqueue_many(append.prepare(number) for number in range(TOGETHER))
    return TOGETHER / (time.perf_counter() - began)


FIGURES = {"noop": noop, "latency": start, "single": single, "bulk": bulk}
LESS = {"latency"}
"""Figures of which less is better."""

if __name__ == "__main__":
    with open_stage(aof=False, quick=True) as stage:
        print(FIGURES[sys.argv[1]](stage))
