"""What is done to whole combos: their parts are killed, replicas are restarted in turn, Redis is away for long."""

import signal
import threading
import time
from dataclasses import dataclass, field

import psutil

from tests.chaos import hurried
from tests.chaos.line import BLAMELESS, Line
from tests.chaos.log import out_of_order, overlaps
from tests.chaos.report import Report
from tests.chaos.scenarios import Scale
from tests.chaos.server import Server
from tests.support import Process, command_line, free_port, wait_for

PARTS = ("web", "worker", "scheduler")
HURRIED = ("-m", "tests.chaos.hurried")
BACK, CONSUMING = 2.0, 5.0
THREADS = 4
PATIENCE = 30.0
LANES = 20


@dataclass
class Account:
    """A report, and what is to be said of the combos besides. Times are in seconds."""

    report: Report
    back: list[float] = field(default_factory=list)
    """From each kill until the part was ready again, the wait before its start left out."""
    left: list[str] = field(default_factory=list)
    """Processes that outlived their combo."""
    codes: list[int] = field(default_factory=list)
    """What the combos that were told to end have ended with."""
    disorder: list[str] = field(default_factory=list)
    """Jobs that ran before one of their lane that was to run first, or beside one."""
    again: int = 0
    """Jobs that were started again."""
    in_flight: int = 0
    """Jobs that ran in a combo when it was told to end."""
    exits: list[str] = field(default_factory=list)
    """What was said of parts that have ended by themselves."""
    consuming: float = 0.0
    """From the return of Redis until a new job had been done."""

    def faults(self, late: float = BACK) -> list[str]:
        """What speaks against the launcher; a part is back ``late`` after so many seconds."""
        slow = [seconds for seconds in self.back if seconds > late]
        return [
            *([f"{len(slow)} of {len(self.back)} parts came back late, after {max(slow):.1f} s"] if slow else []),
            *(f"left behind: {process}" for process in self.left),
            *(f"a combo ended with {code}" for code in self.codes if code),
            *(f"out of order: {job}" for job in self.disorder),
            *([f"{self.again} jobs were started again"] if self.again > self.in_flight else []),
            *self.exits,
            *([f"no job was done for {self.consuming:.1f} s"] if self.consuming > CONSUMING else []),
        ]


def _start(line: Line) -> Process:
    """A combo with a port of its own, ready."""
    line.environ |= {"PORT": str(free_port()), "JOBS_CONCURRENCY": str(THREADS)}
    combo = line.spawn(*line.program, "combo")
    line.living.append(combo)
    line.started.append(combo)
    for part in PARTS:
        combo.says(f"{part} is ready after ", within=PATIENCE)
    return combo


def _stop(line: Line, combo: Process) -> int:
    line.living.remove(combo)
    combo.signal(signal.SIGTERM)
    return combo.ends(within=PATIENCE)


def _left(line: Line) -> list[str]:
    """All processes, wherever they hang in the tree, that were started for this line."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("REDIS_URL") == line.url and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(command_line(process))}")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def _said(combo: Process, text: str) -> list[str]:
    return [line for line in list(combo.lines) if text in line]


def parts_killed(line: Line, scale: Scale) -> Account:
    """SIGKILL any part of a combo, let it come back, and the next; then end the combo."""
    line.environ |= BLAMELESS
    line.program = HURRIED
    combo, back = _start(line), []
    for _ in range(scale.kills):
        line.feed(scale.batch)
        part = line.random.choice(PARTS)
        ready = len(_said(combo, f"{part} is ready after "))
        pid = int(_said(combo, f"{part} started with pid ")[-1].rpartition(" ")[2])
        began = time.monotonic()
        line.signal([pid], signal.SIGKILL)
        wait_for(lambda: len(_said(combo, f"{part} is ready after ")) > ready, f"{part} to be back", PATIENCE)  # noqa: B023
        back.append(time.monotonic() - began - hurried.WAIT)
    report = line.report()
    return Account(report, back=back, codes=[_stop(line, combo)], left=_left(line))


def rolling(line: Line, scale: Scale) -> Account:
    """Two replicas under load, of which one after the other is told to end and started again."""
    order: dict[str, list[str]] = {f"key-{number}": [] for number in range(LANES)}
    for _ in range(2):
        _start(line)
    done = threading.Event()
    feeder = threading.Thread(target=_feed, args=(line, scale, order, done))
    feeder.start()
    codes, in_flight = [], 0
    try:
        for _ in range(scale.kills):
            replica = line.living[0]
            wait_for(lambda: line.runs_of(replica), "the replica to be busy", PATIENCE)  # noqa: B023
            line.blows += 1
            codes.append(_stop(line, replica))
            in_flight += THREADS
            _start(line)
    finally:
        done.set()
        feeder.join()
    report = line.report()
    runs = line.log.runs()
    lane_of = {job_id: key for key, lane in order.items() for job_id in lane}
    return Account(
        report,
        codes=codes,
        disorder=out_of_order(runs, order, set()) + overlaps(runs, lane_of, []),
        again=sum(count - 1 for count in report.starts.values() if count > 1),
        in_flight=in_flight,
    )


def _feed(line: Line, scale: Scale, order: dict[str, list[str]], done: threading.Event) -> None:
    """Jobs of several keys, a batch after the other, for as long as it takes."""
    while not done.wait(scale.every):
        jobs = []
        for _ in range(scale.batch):
            key = line.random.choice(list(order))
            jobs.append(line.job(key=key))
            order[key].append(jobs[-1].id)
        line.submit(jobs)


def outage(line: Line, server: Server, scale: Scale, seconds: float) -> Account:
    """Redis is away for so long, and comes back."""
    combo = _start(line)
    combo.says("line is clear: ", within=PATIENCE)
    wait_for(lambda: not combo.running("jobs.health.first_beat"), "the end of the first heartbeat's process")
    before = {process.pid for process in combo.tree() if command_line(process)}
    line.feed(scale.jobs)
    line.victim()
    server.kill()
    line.blows += 1
    time.sleep(seconds)
    server.start()
    began = time.monotonic()
    line.feed(1)
    wait_for(lambda: line.accepted[-1] in line.log.ended(), "a new job to be done", PATIENCE)
    consuming = time.monotonic() - began
    exits = _said(combo, "has ended with code") + _said(combo, "is killed")
    exits += [f"process {pid} is gone" for pid in before - {process.pid for process in combo.tree()}]
    return Account(line.report(), consuming=consuming, exits=exits)
