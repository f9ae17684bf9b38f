"""What lanes cost: a hot one, a hundred thousand of them, and one that is blocked among others that are not."""

from bench.figures.rounds import play
from bench.figures.throughput import UNIT, ours, rq
from bench.results import Row, at_least, of_baseline
from bench.stage import Stage
from bench.tasks import append
from jobs import enqueue, enqueue_many

HOT = 4_000
FEW, MANY, QUICK_MANY = 10, 100_000, 20_000
WINDOW = 10_000
OTHERS, WAITING = 40, 1_000
BLOCKED_ROUNDS = 11
ELSEWHERE = "elsewhere"
"""A queue that nobody serves."""


def hot(stage: Stage) -> list[Row]:
    """RQ has no lanes; its one worker keeps the order by doing nothing else."""
    found = play({"ours": lambda: ours(stage, append, HOT, key="hot"), "rq": lambda: rq(stage)})
    return [Row("lane", "A lane of one hot key, T=10", UNIT, found["ours"], found["rq"], goal=at_least(1500, "/s"))]


def many(stage: Stage) -> list[Row]:
    """A job a lane, in the one case of ten lanes and in the other of so many that each job has its own."""
    lanes = QUICK_MANY if stage.quick else MANY
    sizes: list[float] = []

    def run(keys: int, jobs: int) -> float:
        stage.clear()
        before = stage.used_memory()
        enqueue_many(append.prepare(number, key=f"contact:{number % keys}") for number in range(jobs))
        if keys == lanes:
            sizes.append((stage.used_memory() - before) / keys)
        with stage.ours() as worker:
            return stage.window(WINDOW, worker)

    found = play({"few": lambda: run(FEW, 2 * WINDOW), "many": lambda: run(lanes, lanes)})
    goal = of_baseline(0.9, f"{FEW} keys", found["few"])
    return [
        Row("lanes", f"No-op jobs of {lanes:,} keys", UNIT, found["many"], goal=goal),
        Row("lanes", "A lane and its job in memory", "bytes", sizes, less=True),
    ]


def blocked(stage: Stage) -> list[Row]:
    """One lane is held up, with a thousand jobs behind its head; the others are to notice nothing."""

    def run(block: bool) -> float:
        stage.clear()
        if block:
            enqueue(append, -1, key="blocked", queue=ELSEWHERE)
            enqueue_many(append.prepare(-1, key="blocked") for _ in range(WAITING))
        enqueue_many(append.prepare(number, key=f"contact:{number % OTHERS}") for number in range(2 * WINDOW))
        with stage.ours() as worker:
            return stage.window(WINDOW, worker)

    found = play({"free": lambda: run(False), "blocked": lambda: run(True)}, BLOCKED_ROUNDS)
    goal = of_baseline(0.95, "none blocked", found["free"])
    return [Row("blocked", "No-op jobs of 40 keys, another key blocked", UNIT, found["blocked"], goal=goal)]
