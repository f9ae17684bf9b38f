"""Which scenarios a round has, and how much of each: a round takes about half an hour."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos import combos, provoke, scenarios
from tests.chaos import tasks as t
from tests.chaos.line import Line
from tests.chaos.report import Report
from tests.chaos.scenarios import Scale
from tests.chaos.sentinel import Service, service, stranger
from tests.chaos.server import Server
from tests.chaos.steps import WHENS, When

HELD = 20
ROUNDS = 2
LOADS = 8.0
"""Seconds: longer than the lease."""


@dataclass(frozen=True)
class Outcome:
    """A report, and what else its scenario has to say against the engine."""

    report: Report
    faults: list[str]


Run = Callable[[Line, Server], Outcome]


def _simple(scenario: Callable[..., Report], *arguments: object) -> Run:
    return lambda line, server: Outcome(scenario(line, *arguments), [])


def _outage(scenario: Callable[[Line, Server, Scale], Report], scale: Scale) -> Run:
    def run(line: Line, server: Server) -> Outcome:
        report = scenario(line, server, scale)
        ended = sum(worker.popen.poll() is not None for worker in line.started)
        return Outcome(report, [f"{ended} workers have ended"] if ended else [])

    return run


def _loading(line: Line, server: Server, scale: Scale) -> Report:
    return scenarios.server_loading(line, server, scale, LOADS)


def _sigterm(line: Line, server: Server) -> Outcome:
    report = scenarios.workers_told_to_end(line, Scale(jobs=2000, kills=60, every=1.0))
    twice = sum(count > 1 for count in report.starts.values())
    return Outcome(report, [f"{twice} jobs were started twice"] if twice else [])


def _lanes(line: Line, server: Server) -> Outcome:
    scale = Scale(jobs=10_000, kills=120, every=1.0, workers=3)
    report, inversions, overlaps = scenarios.lanes_in_order(line, server, scale, lanes=500)
    faults = [f"{len(found)} {name}" for found, name in ((inversions, "inversions"), (overlaps, "overlaps")) if found]
    return Outcome(report, faults)


def _dependents(line: Line, server: Server) -> Outcome:
    report, too_soon = scenarios.dependents_let_go(line, server, Scale(jobs=2400, kills=40, every=1.0))
    return Outcome(report, [f"{len(too_soon)} began too soon"] if too_soon else [])


def _sentinel(scenario: Callable[[Line, Service, Scale], tuple[Report, list[str]]], scale: Scale) -> Run:
    def run(line: Line, server: Server) -> Outcome:
        with service(server, line.log.path.parent) as found, stranger():
            report, faults = scenario(line, found, scale)
        ended = sum(worker.popen.poll() is not None for worker in line.started)
        return Outcome(report, faults + ([f"{ended} workers have ended"] if ended else []))

    return run


def _recovery(scenario: Callable[[Line, Scale], Report], scale: Scale, *, within: float, children: int = 1) -> Run:
    """Of what a kill interrupts, 95 % run again ``within`` so many seconds."""

    def run(line: Line, server: Server) -> Outcome:
        line.children = children
        report = scenario(line, scale)
        p95 = report.recovery(95)
        return Outcome(report, [] if 0 < p95 <= within else [f"recovery p95 is {p95:.2f} s, not {within:g} s"])

    return run


def _combos(scenario: Callable[[Line, Server], combos.Account]) -> Run:
    def run(line: Line, server: Server) -> Outcome:
        found = scenario(line, server)
        return Outcome(found.report, found.faults())

    return run


def _nasty(task: Callable[..., object]) -> Run:
    def run(line: Line, server: Server) -> Outcome:
        report, nasty = scenarios.nasty_beside_innocents(line, Scale(jobs=400), task)
        charged = sorted(set(report.charged) - {nasty})
        return Outcome(report, [f"{len(charged)} innocent jobs were charged"] if charged else [])

    return run


def _steps(group: str, when: When) -> Run:
    return _simple(provoke.killed_at, group, when, ROUNDS)


def _held(line: Line, server: Server) -> Outcome:
    report, lease_left, _ = scenarios.interpreter_held(line, Scale(jobs=400), HELD)
    return Outcome(report, [] if lease_left > 0 else ["the lease ran out"])


PARTS = Scale(jobs=1000, kills=100)
REPLICAS = Scale(jobs=120, kills=20, every=0.5)
AWAY = 600.0
CHILDREN = Scale(jobs=400, kills=40)
WORKERS = Scale(jobs=200, kills=20)
KILLS = Scale(jobs=2000, kills=60, every=1.0, workers=3)

SCENARIOS: dict[str, Run] = {
    "whole worker SIGKILLed each second, two queues": _simple(scenarios.workers_killed, KILLS, "tree"),
    "keeper SIGKILLed each second": _simple(scenarios.workers_killed, KILLS, "keeper"),
    "child SIGKILLed each second": _simple(scenarios.workers_killed, KILLS, "child"),
    "worker told to end (SIGTERM) each second": _sigterm,
    "worker frozen past its lease, then let go on": _simple(scenarios.workers_frozen, Scale(jobs=100, kills=5)),
    "Redis SIGKILLed while jobs are sent": _outage(scenarios.server_killed, Scale(jobs=2000, kills=8, every=5.0)),
    "Redis loading its file": _outage(_loading, Scale(jobs=400, kills=5)),
    "Redis read-only": _outage(scenarios.server_read_only, Scale(jobs=500, kills=5, every=4.0)),
    "Redis full": _outage(scenarios.server_full, Scale(jobs=500, kills=5, every=3.0)),
    "master under Sentinel SIGKILLed, 10 times": _sentinel(scenarios.sentinel_failover, Scale(jobs=200, kills=10)),
    "master under Sentinel frozen, then let go on, 10 times": _sentinel(
        scenarios.sentinel_freeze, Scale(jobs=200, kills=10)
    ),
    "10,000 jobs of 500 keys in order, some failing, under kills of everything": _lanes,
    "jobs that depend on one or two others, under kills": _dependents,
    "recovery of an only child": _recovery(scenarios.children_recovered, CHILDREN, within=1.0),
    "recovery of one child of two": _recovery(scenarios.children_recovered, CHILDREN, within=1.0, children=2),
    "recovery of a worker beside another": _recovery(scenarios.workers_recovered, WORKERS, within=7.5),
    "any part of a combo SIGKILLed, 100 times": _combos(lambda line, _: combos.parts_killed(line, PARTS)),
    "two combos restarted in turn, 20 times": _combos(lambda line, _: combos.rolling(line, REPLICAS)),
    "combo without its Redis for 10 minutes": _combos(
        lambda line, server: combos.outage(line, server, Scale(jobs=100), AWAY)
    ),
    "job that segfaults": _nasty(t.segfault),
    "job that leaves with code 0": _nasty(t.leave),
    "job that blocks in C": _nasty(t.block),
    "job that swallows its timeout": _nasty(t.swallow),
    "coroutine that holds the event loop": _nasty(t.hold_loop),
    "coroutine that cannot be cancelled": _nasty(t.stay),
    "coroutine that exits": _nasty(t.leave_loop),
    "job that forks and returns twice": _nasty(t.return_twice),
    **{f"SIGKILL {when} each step: {group}": _steps(group, when) for group in provoke.GROUPS for when in WHENS},
    f"job that holds the interpreter for {HELD} s": _held,
}
