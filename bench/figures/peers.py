"""Jobs a second of everybody else, each with the settings that its documentation shows; ours is one child, T=10.

A peer's queue is filled by its own API before its worker starts. Peers that are not installed are left out.
"""

from collections.abc import Callable
from importlib.metadata import version

from bench.figures.rounds import play
from bench.figures.throughput import UNIT, ours, rq
from bench.results import Row
from bench.rivals import PEERS, Peer
from bench.stage import Stage

QUICK = 5
"""So many times fewer jobs with ``--quick``."""
PATIENCE = 2.0
"""Seconds for a peer's worker to end by itself; taskiq's may wait for ever."""


def peers(stage: Stage) -> list[Row]:
    """All in turns, ours and RQ's SimpleWorker among them."""
    simple = f"RQ {version('rq')}, SimpleWorker"
    present = {peer.full_title: peer for peer in PEERS if peer.ready}
    settings = {simple: "no fork", **{title: peer.settings for title, peer in present.items()}}
    turns = {title: _turn(stage, peer) for title, peer in present.items()}
    found = play({"ours": lambda: ours(stage), simple: lambda: rq(stage), **turns})
    return [Row("peers", settings[title], UNIT, found["ours"], found[title], rival=title) for title in settings]


def _turn(stage: Stage, peer: Peer) -> Callable[[], float]:
    jobs = peer.jobs // QUICK if stage.quick else peer.jobs

    def turn() -> float:
        stage.clear()
        stage.run(peer.command("feed", str(jobs)))
        with stage.work(peer.command("work"), patience=PATIENCE) as worker:
            return stage.rate(jobs, worker, lambda: peer.kept(stage.redis))

    return turn
