"""Who a process is, in words that another process can compare with its own."""

import os
import platform
import socket
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from secrets import token_hex
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import ResponseError

from jobs.address import Address
from jobs.connection import address
from jobs.keys import PREFIX
from jobs.registry import Inventory
from jobs.settings import Settings

T = TypeVar("T")

BOOT = token_hex(4)
"""Random per process start: a restarted process with the same host and pid is another one."""


@dataclass(frozen=True)
class Identity:
    """One process, as it describes itself. Published as JSON; shown with the token only."""

    id: str
    role: str
    host: str
    pid: int
    boot: str
    service: str
    replica: str
    type: str
    """The type of a worker that has one."""
    cwd: str
    environment: str
    redis: str
    """The address without its password."""
    fingerprint: str
    """Hash of host, port, db and user: equal for two services that were given the same address."""
    prefix: str
    queues: tuple[str, ...]
    serializer: str
    tasks: int
    code: str
    """Digest of the names and signatures of all registered tasks."""
    commit: str
    versions: dict[str, str]
    started_at: float
    """The server's time, in seconds since 1970 UTC."""
    client_id: int = 0
    db_size: int = 0
    server: str = ""
    """The server's run id: it changes when the server restarts or fails over. Empty where it may not be asked."""
    marker: str = ""
    """Random name of the db and prefix. Two processes that read the same marker are on the same data."""
    lost_marker: str = ""
    """The marker that stood here before, where Redis has lost its data since this process started."""
    lost_until: float = 0.0
    """When that was read last; the server's time, in seconds since 1970 UTC."""
    lost_at: float = 0.0
    """When another was read in its place."""
    moved: str = ""
    """Where the name of its Redis leads now, if that is another Redis."""
    clock_offset: float = 0.0
    """This process's clock minus the server's, in seconds."""
    status: str = "starting"
    period: float = 5.0
    """Seconds between two words of it."""
    holder: str = ""
    """Of a type that is single: the id of the worker that holds it."""
    holder_stays: bool = False
    """Of one that stands by: the lock that it waits for never runs out by itself."""
    token: int = 0
    """The token under which this worker holds it."""
    counters: dict[str, int] = field(default_factory=dict)
    slots: int = 0
    """Of a worker: how many jobs it can run at once."""
    busy: int = 0
    """How many it runs."""
    youngest: float = 0.0
    """For how many seconds the one begun last has been running."""
    running: list[dict[str, Any]] = field(default_factory=list)
    """The first of them that a person would ask about (see ``jobs.worker.load``)."""
    forbidden: str = ""
    """What its user of Redis may not do, and should."""
    crashes: int = 0
    """How often in a row its children have died."""
    fails_in: str = ""
    """The module that they imported when they did, if they were not ready."""
    hangs_in: str = ""
    """The module that a child has been importing for long."""
    hangs_for: float = 0.0
    """For how many seconds."""
    allow: str = "tasks"
    """``any``: it runs what is not among its tasks too."""
    enqueues: dict[str, list[str]] = field(default_factory=dict)
    """Of an app: the tasks that it puts in, by queue."""
    caps: dict[str, int] = field(default_factory=dict)
    """How many jobs of a queue may run at once, over all workers."""
    platform: str = ""
    reads_pickle: bool = False
    """It reads pickled jobs beside those of its serializer."""
    jobs_role: str = ""
    """What ``JOBS_ROLE`` asks this process's service to run."""
    grace: float = 0.0
    """Seconds that it takes to end at most."""
    draining: float | None = None
    """Seconds that the platform leaves it for that; None where it does not say."""
    schedules: dict[str, Any] = field(default_factory=dict)
    """What its tasks declare, by name; the scheduler that leads keeps them."""
    loops: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of a worker: what each of its loops does (see ``jobs.supervise.roll``)."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def line(self) -> str:
        """The one line each process logs when it starts."""
        return (
            f"{self.id} is {self.status}: redis {self.redis} (marker {self.marker}, fingerprint {self.fingerprint}, "
            f"client {self.client_id}), prefix {self.prefix}, {self._serves}, {self.serializer}, "
            f"{self.tasks} tasks {self.code}, commit {self.commit or 'unknown'}, "
            + ", ".join(f"{name} {number}" for name, number in self.versions.items())
        )

    @property
    def _serves(self) -> str:
        if self.status == "standby":
            return f"type {self.type}, held by {self.holder or 'nobody yet'}"
        return f"{f'type {self.type}, ' if self.type else ''}queues {','.join(self.queues)}"


def process_id(role: str) -> str:
    """``<role>-<host>-<pid>-<boot>``: unique per start."""
    return f"{role}-{socket.gethostname()}-{os.getpid()}-{BOOT}"


def describe(
    settings: Settings,
    role: str,
    queues: tuple[str, ...],
    client: Redis,
    inventory: Inventory,
    where: Address | None = None,
) -> Identity:
    """This process's identity. Asks the server who it is, so it raises ``RedisError`` when it does not answer.

    ``where`` is the Redis that it is on; that of the settings unless it says otherwise.
    """
    where = where or address(settings)
    seconds, microseconds = client.time()
    return Identity(
        id=process_id(role),
        role=role,
        host=socket.gethostname(),
        pid=os.getpid(),
        boot=BOOT,
        service=settings.service,
        replica=settings.replica,
        type=settings.type if role == "worker" else "",
        cwd=os.getcwd(),
        environment=settings.environment,
        redis=where.redacted,
        fingerprint=where.fingerprint,
        prefix=PREFIX,
        queues=queues,
        serializer=settings.serializer,
        tasks=inventory.tasks,
        code=inventory.code,
        schedules=inventory.schedules,
        commit=settings.commit or ("" if role == "app" else _git_commit()),  # no process is started in one of yours
        allow=settings.allow,
        caps=dict(settings.max_running),
        platform=settings.platform or "",
        reads_pickle=settings.read_pickle,
        jobs_role=settings.role,
        grace=settings.grace,
        draining=settings.draining,
        versions=_versions(),
        started_at=seconds + microseconds / 1e6,
        client_id=_if_allowed(client.client_id, 0),
        db_size=_if_allowed(client.dbsize, 0),
        server=_if_allowed(lambda: str(client.info("server").get("run_id", "")), ""),
    )


def _if_allowed(ask: Callable[[], T], otherwise: T) -> T:
    """What the server answers; ``otherwise`` where an ACL or its provider forbids the question."""
    try:
        return ask()
    except ResponseError:
        return otherwise


@cache
def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in ("rq", "redis")}}


@cache
def _git_commit() -> str:
    """The commit of the working folder, for development; empty where there is no git."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            timeout=2,
            check=True,
            encoding="utf-8",
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
