"""The figures by name. Each runs its contenders in turns, round by round, and gives lines of the table."""

from collections.abc import Callable

from bench.figures import backlog, enqueueing, idle, lanes, latency, peers, throughput
from bench.results import Row
from bench.stage import Stage

FIGURES: dict[str, Callable[[Stage], list[Row]]] = {
    "throughput": throughput.one_child,
    "children": throughput.two_children,
    "thread": throughput.one_thread,
    "peers": peers.peers,
    "latency": latency.latency,
    "single": enqueueing.single,
    "bulk": enqueueing.bulk,
    "io": throughput.waiting,
    "million": backlog.million,
    "memory": idle.memory,
    "combo": idle.combo,
    "idle": idle.commands,
    "lane": lanes.hot,
    "lanes": lanes.many,
    "blocked": lanes.blocked,
}
