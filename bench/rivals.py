"""The peers that run the same work on the same server: with which settings, and how their results are counted."""

from dataclasses import dataclass
from importlib import metadata
from sys import executable
from typing import Any

from redis import Redis

from bench.environments import Environment, NodeEnvironment
from bench.stage import ROOT

FOLDER = ROOT / "bench" / "peers"


@dataclass(frozen=True)
class Peer:
    """Who it is, and how it is run. Settings are what its documentation shows, results kept, acknowledged late."""

    name: str
    """Of its program in ``bench/peers``."""
    title: str
    settings: str
    jobs: int
    """In a round: what takes it a second or three."""
    results: str
    """A Redis command that counts or lists the results that are kept."""
    environment: Environment | None
    """None where it runs in the project's own."""

    @property
    def ready(self) -> bool:
        return self.environment is None or self.environment.ready

    @property
    def full_title(self) -> str:
        return f"{self.title} {self.environment.version if self.environment else metadata.version(self.name)}"

    def command(self, *arguments: str) -> list[str]:
        if self.environment:
            return self.environment.command(*arguments)
        return [executable, *_program(self.name), *arguments]

    def kept(self, redis: Redis) -> int:
        """How many results there are."""
        said: Any = redis.execute_command(*self.results.split())
        return said if isinstance(said, int) else len(said)


def _program(name: str) -> tuple[str, ...]:
    return ("-m", "bench.peers", name)


def _python(name: str) -> Environment:
    return Environment(name, _program(name), FOLDER / f"{name}.txt")


_BULLMQ = NodeEnvironment("bullmq", (str(FOLDER / "bullmq.cjs"),), FOLDER / "bullmq.txt")

PEERS = [
    Peer("rq", "RQ", "Worker: a fork for each job", 100, "ZCARD rq:finished:default", None),
    Peer("celery", "Celery", "prefork, 2 processes", 3_000, "KEYS celery-task-meta-*", _python("celery")),
    Peer("dramatiq", "Dramatiq", "2 processes of 8 threads", 3_000, "KEYS dramatiq-results:*", _python("dramatiq")),
    Peer("taskiq", "taskiq", "Redis stream, 2 processes", 5_000, "KEYS result:*", _python("taskiq")),
    Peer("arq", "arq", "10 jobs at a time, polls each 0.5 s", 1_000, "KEYS arq:result:*", _python("arq")),
    Peer("huey", "Huey", "2 processes, no acknowledgement", 5_000, "HLEN huey.results.bench", _python("huey")),
    Peer("bullmq", "BullMQ", "Node.js, concurrency 10", 10_000, "ZCARD bull:bench:completed", _BULLMQ),
]
