"""A million jobs wait in a server of their own; in turns with it, a worker starts on a short queue in an empty one.

Two servers, because one that holds a million jobs is not as one whose queue is empty.
"""

from rq import Queue

from bench.figures.rounds import play
from bench.results import Row, of_baseline
from bench.stage import QUEUE, Stage
from bench.tasks import append

FULL, WINDOW = 1_000_000, 20_000
QUICK_FULL, QUICK_WINDOW = 100_000, 10_000
RQ_JOBS = 20_000
ROUNDS = 11


def million(stage: Stage) -> list[Row]:
    """The window is the same for both, and counts from the first start; what a round uses up was fed on top."""
    full, window = (QUICK_FULL, QUICK_WINDOW) if stage.quick else (FULL, WINDOW)
    short = window * 5 // 4
    fed = full + ROUNDS * short
    with stage.another() as heap:
        rq_size = _rq_size(heap)
        empty = heap.used_memory()
        heap.feed(fed)
        size = (heap.used_memory() - empty) / fed

        def on_top() -> float:
            stage.clear_file()
            with heap.ours() as worker:
                return heap.window(window, worker)

        def on_short() -> float:
            stage.clear()
            stage.feed(short)
            with stage.ours() as worker:
                return stage.window(window, worker)

        found = play({"full": on_top, "empty": on_short}, ROUNDS)
    goal = of_baseline(0.9, "empty queue", found["empty"])
    return [
        Row("million", f"No-op jobs, {full:,} queued", "jobs/s", found["full"], goal=goal),
        Row("million", "A queued job in memory", "bytes", [size], [rq_size], less=True),
    ]


def _rq_size(heap: Stage) -> float:
    before = heap.used_memory()
    queue = Queue(QUEUE, connection=heap.redis)
    queue.enqueue_many([Queue.prepare_data(append, (number,)) for number in range(RQ_JOBS)])
    size = (heap.used_memory() - before) / RQ_JOBS
    heap.clear()
    return size
