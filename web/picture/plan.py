"""What the picture shows: the parts of the line, the ways between them, and which of them a finding is about. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from jobs.health.diagnosis import Code, Finding
from jobs.health.diagnosis.finding import ago
from jobs.health.snapshot import Process, QueueView, Snapshot

Tone = Literal["ok", "plain", "warn", "fail"]
Kind = Literal["source", "redis", "queue", "worker"]

KINDS: tuple[Kind, ...] = ("source", "redis", "queue", "worker")
MOST = 6
"""Parts of one kind that are drawn; of more, those in trouble first."""
GRAVITY: tuple[Tone, ...] = ("fail", "warn", "ok", "plain")

PLACES: dict[Code, Kind] = {
    "redis_unreachable": "redis",
    "redis_is_a_cluster": "redis",
    "redis_forbids": "redis",
    "redis_readonly": "redis",
    "redis_refuses_writes": "redis",
    "redis_full": "redis",
    "redis_evicts": "redis",
    "redis_not_persistent": "redis",
    "redis_lost_data": "redis",
    "data_not_on_a_volume": "redis",
    "no_scheduler": "source",
    "lane_halted": "queue",
    "lane_blocked": "queue",
}
"""What a finding is about, where its evidence names no queue and no process; the others are about the workers."""
CUTS: frozenset[Code] = frozenset(
    ("queue_paused", "queue_not_consumed", "heartbeat_late", "serializer_mismatch", "unknown_task")
)
"""What lies between a queue and its workers rather than in either."""


@dataclass(frozen=True)
class Node:
    """One part of the line; ``title`` and ``note`` are its words."""

    kind: Kind
    id: str
    title: str
    note: str
    tone: Tone = "ok"
    findings: tuple[str, ...] = ()
    """Codes of what is wrong with it."""
    ghost: bool = False
    """It should be there, and is not."""
    holds: bool = False
    """Of a queue: jobs of it wait in lanes."""


@dataclass(frozen=True)
class Link:
    """A way from one part to another, by their ids; one that is ``broken`` carries nothing."""

    start: str
    end: str
    tone: Tone = "ok"

    @property
    def broken(self) -> bool:
        return self.tone in ("warn", "fail")


@dataclass(frozen=True)
class Plan:
    """The whole line."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    more: dict[Kind, int] = field(default_factory=dict)
    """How many of a kind are not drawn."""

    def of(self, kind: Kind) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.kind == kind)


def plan(seen: Snapshot, findings: Sequence[Finding]) -> Plan:
    """The picture of a look, in the light of its findings."""
    every = [_blamed(node, findings) for node in _nodes(seen, findings)]
    drawn = {kind: _worst([node for node in every if node.kind == kind]) for kind in KINDS}
    more = {kind: sum(node.kind == kind for node in every) - len(drawn[kind]) for kind in KINDS}
    nodes = tuple(node for kind in KINDS for node in drawn[kind])
    links = tuple(_links(seen, nodes, findings))
    return Plan(nodes, links, {kind: number for kind, number in more.items() if number})


def _nodes(seen: Snapshot, findings: Sequence[Finding]) -> Iterator[Node]:
    yield from _apps(seen, {name for finding in findings for name in _named(finding)})
    webs = [one for one in seen.processes if one.alive and one.role == "web"]
    yield Node("source", "web", "Web", f"{len(webs)} processes" if len(webs) > 1 else "takes work in")
    leader = "makes jobs by the clock" if seen.leader else "nobody leads"
    yield Node("source", "scheduler", "Scheduler", leader, "ok" if seen.leader else "plain")
    yield Node("redis", "redis", seen.server.version or "Redis", seen.marker and f"marker {seen.marker}")
    for one in seen.queues:
        yield Node("queue", f"queue:{one.name}", one.name, _waits(one, seen), _calm(one), holds=one.deferred > 0)
    workers = seen.alive("worker")
    yield from (Node("worker", one.id, _short(one), _busy(one)) for one in workers)
    yield from (Node("worker", one.name, one.name, "RQ's own worker", "warn") for one in seen.foreign)
    if not workers:
        yield Node("worker", "nobody", "No worker", "" if seen.error else "nobody runs jobs", "fail", ghost=True)


def _apps(seen: Snapshot, named: set[str]) -> Iterator[Node]:
    """What else puts work in; the processes that a finding names stand by themselves."""
    apps = [one for one in seen.processes if one.alive and one.role == "app"]
    if calm := [one for one in apps if one.id not in named]:
        yield Node("source", "app", "Your app", f"{len(calm)} processes" if len(calm) > 1 else _short(calm[0]))
    yield from (Node("source", one.id, "Your app", _short(one)) for one in apps if one.id in named)
    for stray in (one for one in seen.strays if one.process.id in named):
        yield Node("source", stray.process.id, "Your app", f"db {stray.db}, prefix {stray.prefix}")


def _waits(queue: QueueView, seen: Snapshot) -> str:
    oldest = f", oldest {ago(seen.now - queue.oldest_at)}" if queue.waiting and queue.oldest_at else ""
    if queue.waiting:
        return f"{queue.waiting:,} queued{oldest}"
    return f"{queue.active:,} running" if queue.active else "empty"


def _calm(queue: QueueView) -> Tone:
    return "ok" if queue.heartbeat and queue.heartbeat.back_at else "plain"


def _short(worker: Process) -> str:
    return f"{worker.row.get('service') or worker.row.get('host', '?')} · {worker.row.get('pid', '?')}"


def _busy(worker: Process) -> str:
    return f"{worker.row.get('busy', 0)} of {worker.row.get('slots', 0)} slots busy"


def _blamed(node: Node, findings: Iterable[Finding]) -> Node:
    about = [one for one in findings if _is_about(one, node)]
    if not about:
        return node
    tone: Tone = "fail" if any(one.severity == "fail" for one in about) else "warn"
    return replace(node, tone=tone, findings=tuple(dict.fromkeys(one.code for one in about)))


def _is_about(finding: Finding, node: Node) -> bool:
    place = PLACES.get(finding.code)
    if place == "source":
        return node.id == "scheduler"
    if place is None and node.ghost:
        return finding.severity == "fail"
    if named := _named(finding):
        return node.id in named
    return node.holds if place == "queue" else node.kind == (place or "worker")


def _named(finding: Finding) -> set[str]:
    """The ids of the nodes that its evidence names: a queue, or else processes."""
    if "queue" in finding.evidence:
        return {f"queue:{finding.evidence['queue']}", str(finding.evidence.get("process", ""))}
    one = {str(finding.evidence[name]) for name in ("worker", "process") if isinstance(finding.evidence.get(name), str)}
    many = [finding.evidence.get(name) for name in ("workers", "processes")]
    return one | {str(item) for found in many if isinstance(found, list) for item in found if isinstance(item, str)}


def _worst(nodes: list[Node]) -> list[Node]:
    """As many as are drawn, in the order in which they came."""
    kept = sorted(nodes, key=lambda node: GRAVITY.index(node.tone))[:MOST]
    return [node for node in nodes if node in kept]


def _links(seen: Snapshot, nodes: Sequence[Node], findings: Sequence[Finding]) -> Iterator[Link]:
    blind: Tone = "fail" if any(one.tone == "fail" for one in nodes if one.kind == "redis") else "ok"
    serving = {one.id: set(one.queues) for one in seen.alive("worker")} | {
        one.name: set(one.queues) for one in seen.foreign
    }
    astray = {stray.process.id for stray in seen.strays}
    cut = {one.evidence.get("queue"): one.severity for one in findings if one.code in CUTS}
    for node in nodes:
        if node.kind == "source":
            way: Tone = "fail" if node.id in astray else blind
            yield Link(node.id, "redis", way if node.tone != "plain" else "plain")
        if node.kind == "queue":
            yield Link("redis", node.id, blind)
    for queue in (node for node in nodes if node.kind == "queue"):
        name = queue.id.removeprefix("queue:")
        for worker in (node for node in nodes if node.kind == "worker"):
            if worker.ghost:
                yield Link(queue.id, worker.id, "fail")
            elif name in serving.get(worker.id, ()):
                tone: Tone = cut.get(name, "fail" if worker.tone == "fail" else blind)
                yield Link(queue.id, worker.id, tone)
