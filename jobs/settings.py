"""Every setting, read from the environment once, frozen, and redacted when printed.

``TABLE`` documents each variable; the README shows it and a test keeps the two alike.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from jobs import address, read
from jobs.address import Address
from jobs.errors import SettingsError

ROLES = ("combo", "web", "worker", "scheduler")
# The variable by which each platform can be told; none of them keeps a local disk.
PLATFORMS = {
    "RAILWAY_ENVIRONMENT_NAME": "Railway",
    "DYNO": "Heroku",
    "RENDER": "Render",
    "FLY_APP_NAME": "Fly.io",
    "KUBERNETES_SERVICE_HOST": "Kubernetes",
}
DRAINING = "RAILWAY_DEPLOYMENT_DRAINING_SECONDS"
GRACE = 10.0

T = TypeVar("T")


def _setting(variable: str, default: str, purpose: str, read: Callable[[str], T], *, secret: bool = False) -> T:
    """A field that reads ``variable``; an empty variable counts as unset, and so does an empty default as None."""
    metadata = {"variable": variable, "default": default, "purpose": purpose, "read": read}
    value: T = field(metadata=metadata, repr=not secret)
    return value


@dataclass(frozen=True)
class Settings:
    """All a process needs to know before it opens anything. Durations are in seconds."""

    redis: Address | None
    """None: run the local server of this project folder."""
    platform: str | None
    """The platform's name, or None in development."""
    environment: str
    """What the platform calls this deployment (production, staging); ``local`` in development."""
    commit: str
    service: str
    replica: str
    """Which of a service's replicas this is, where the platform says so."""
    draining: float | None
    """Seconds that the platform leaves between SIGTERM and SIGKILL; None where it does not say."""
    warnings: tuple[str, ...]

    queues: tuple[str, ...] = _setting(
        "JOBS_QUEUES", "default", "queues that the worker serves, first one first, and that web watches", read.names
    )
    tasks: tuple[str, ...] = _setting(
        "JOBS_TASKS", "", "modules that hold your tasks, such as `shop.tasks`", read.modules
    )
    role: str = _setting(
        "JOBS_ROLE", "combo", "what `python -m jobs start` runs: " + ", ".join(ROLES), read.choice(*ROLES)
    )
    token: str | None = _setting(
        "JOBS_TOKEN",
        "",
        "token that may see and do everything; with none at all only this machine may, in development",
        read.token,
        secret=True,
    )
    read_token: str | None = _setting(
        "JOBS_READ_TOKEN", "", "token that may see everything and do nothing", read.token, secret=True
    )
    host: str | None = _setting(
        "JOBS_HOST",
        "",
        "address that web binds; default: loopback in development without a token, else all",
        read.host,
    )
    port: int = _setting("PORT", "8000", "port that web binds", read.port)
    worker_port: int | None = _setting(
        "JOBS_WORKER_PORT",
        "",
        "port on which a worker answers health checks; default: none, on a platform PORT",
        read.port,
    )
    worker_health_url: str | None = _setting(
        "WORKER_HEALTH_URL",
        "",
        "where web asks the worker who it is, such as `http://worker.railway.internal:3001`; default: it does not",
        read.url,
    )
    unknown_wait: float = _setting(
        "JOBS_UNKNOWN_WAIT",
        "1h",
        "how long a job waits for a worker that knows its task before it fails; `0` fails it at once",
        read.wait,
    )
    introduce: bool = _setting(
        "JOBS_INTRODUCE",
        "1",
        "`0`: a process that puts jobs in says nothing of itself, and not that nobody takes them",
        read.switch,
    )
    serializer: str = _setting(
        "JOBS_SERIALIZER",
        "json",
        "`json`, `pickle`, which runs code in whoever reads, or a class by name",
        read.serializer,
    )
    read_pickle: bool = _setting(
        "JOBS_READ_PICKLE",
        "0",
        "`1`: with `json`, jobs that were pickled are read too, which runs code in whoever reads; for moving",
        read.switch,
    )
    allow: str = _setting(
        "JOBS_ALLOW",
        "tasks",
        "what a job may name: `tasks` (registered ones), or `any`, which imports what it names",
        read.choice("tasks", "any"),
    )
    webhooks: bool = _setting(
        "JOBS_WEBHOOKS",
        "0",
        "`1` lets jobs have RQ's webhooks sent: requests to whatever address they name",
        read.switch,
    )
    timeout: float = _setting(
        "JOBS_TIMEOUT", "3m", "how long a job may run, unless its task says otherwise", read.seconds
    )
    pool: str = _setting(
        "JOBS_POOL",
        "thread",
        "`thread`, or `process`: each job in a process of its own, for CPU-bound or risky tasks",
        read.choice("thread", "process"),
    )
    concurrency: int = _setting(
        "JOBS_CONCURRENCY",
        "10",
        "jobs that one child of a worker runs at once; 1 by default with `JOBS_ALLOW=any`",
        read.count,
    )
    processes: int = _setting("JOBS_PROCESSES", "1", "children of a worker", read.count)
    runs: str = _setting(
        "JOBS_RUNS", "all", "what a worker runs: `jobs`, `loops`, or `all`", read.choice("all", "jobs", "loops")
    )
    lease: float = _setting(
        "JOBS_LEASE",
        "6",
        "how long a worker's hold on its jobs, and on its type, outlives its last word",
        read.seconds,
    )
    types: tuple[tuple[str, tuple[str, ...]], ...] = _setting(
        "JOBS_TYPES", "", "the queues of each worker type, such as `inbound=inbox,default;outbound=mail`", read.types
    )
    type: str = _setting(
        "JOBS_TYPE",
        "",
        "the type of this worker: it serves the queues of `JOBS_TYPES`, or where that is not set the one of its name",
        read.type_name,
    )
    single: bool = _setting(
        "JOBS_SINGLE", "0", "`1`: of this worker's type one works, the others stand by", read.switch
    )
    if_held: str = _setting(
        "JOBS_IF_HELD",
        "wait",
        "while another holds the type: `wait` stands by, `exit` ends with code 75",
        read.choice("wait", "exit"),
    )
    interruptions: int = _setting(
        "JOBS_MAX_INTERRUPTIONS",
        "3",
        "how often a job's process may die under it before it fails; after two it has one of its own",
        read.count,
    )
    max_jobs: int = _setting(
        "JOBS_MAX_JOBS", "0", "jobs after which a child of a worker is replaced by a new one; `0`: never", read.many
    )
    max_memory: int = _setting(
        "JOBS_MAX_MEMORY",
        "0",
        "resident memory from which on a child is replaced by a new one, such as `512MB`; `0`: never; Linux only",
        read.size,
    )
    max_running: tuple[tuple[str, int], ...] = _setting(
        "JOBS_MAX_RUNNING", "", "jobs of a queue that run at once, over all workers, such as `inbox=10`", read.limits
    )
    halt: tuple[str, ...] = _setting(
        "JOBS_HALT", "", "queues whose lanes halt when a job has failed for good, until resumed", read.some_names
    )
    keep: float = _setting("JOBS_KEEP", "7d", "how long finished jobs and their results are kept", read.seconds)
    result_limit: int | None = _setting(
        "JOBS_RESULT_LIMIT",
        "",
        "bytes that a result may take, such as `64k`, `1m`, or `0` for any number; a larger one is not kept; "
        "default: 1m, with pickle any number",
        read.size,
    )
    keep_last: int = _setting("JOBS_KEEP_LAST", "10000", "finished jobs kept per queue at most", read.many)
    heartbeat: float = _setting("JOBS_HEARTBEAT", "15", "time between two heartbeat jobs down each queue", read.seconds)
    warn_pending: int = _setting(
        "JOBS_WARN_PENDING", "1000", "pending jobs from which on `/health/queue` warns", read.many
    )
    formation: tuple[tuple[str, int], ...] = _setting(
        "JOBS_FORMATION", "", "how many of each part the combo runs, such as `web=1,worker=2`", read.formation
    )
    optional: tuple[str, ...] = _setting(
        "JOBS_OPTIONAL", "scheduler", "parts of the combo whose crash loop does not end the rest", read.some_names
    )
    grace: float = _setting(
        "JOBS_GRACE",
        "",
        "how long parts may finish when told to stop; default: 0.8 of the platform's time, or 10",
        read.seconds,
    )
    log_format: str = _setting(
        "JOBS_LOG_FORMAT",
        "auto",
        "`text`, `json`, or `auto`: text on a terminal, elsewhere JSON, an object a line",
        read.choice("auto", "text", "json"),
    )
    log_level: str = _setting(
        "JOBS_LOG_LEVEL", "info", "`debug`, `info`, `warning` or `error`", read.choice(*read.LEVELS)
    )
    log_levels: tuple[tuple[str, str], ...] = _setting(
        "JOBS_LOG_LEVELS",
        "",
        "levels of single loggers, such as `job=info,lock=debug`; of " + ", ".join(read.LOGGERS),
        read.levels,
    )
    folder: Path = _setting("JOBS_FOLDER", ".signalbox", "where the local server keeps its data", Path)  # noqa: RUF009
    key_prefix: str = _setting("RQ_KEY_PREFIX", "rq", "first part of every Redis key; RQ reads it too", read.prefix)

    @property
    def children(self) -> int:
        """How many children a worker has."""
        return self.processes * self.concurrency if self.pool == "process" else self.processes

    @property
    def slots(self) -> int:
        """How many jobs each of them runs at once."""
        return 1 if self.pool == "process" else self.concurrency

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read and check them all.

        Raises ``SettingsError`` for the first that cannot be used, and when a platform has no Redis.
        """
        found, warnings = _redis(environ)
        platform = next((name for variable, name in PLATFORMS.items() if environ.get(variable)), None)
        if platform and not found:
            raise SettingsError(
                "REDIS_URL",
                None,
                f"{platform} keeps no local data, so Signalbox will not start a Redis of its own here. "
                "Add a Redis service and set REDIS_URL on every service that uses it",
            )
        values = {item.name: _read(item.metadata, environ) for item in fields(cls) if item.metadata}
        if values["allow"] == "any" and not environ.get("JOBS_CONCURRENCY", "").strip():
            values["concurrency"] = 1  # as RQ's workers run such code: alone in its process
        draining = _draining(environ)
        values["grace"] = _grace(values["grace"], draining, warnings)
        settings = cls(
            redis=found,
            platform=platform,
            environment=environ.get("RAILWAY_ENVIRONMENT_NAME") or (platform.lower() if platform else "local"),
            commit=environ.get("RAILWAY_GIT_COMMIT_SHA") or environ.get("SOURCE_VERSION") or "",
            service=environ.get("SERVICE_NAME") or environ.get("RAILWAY_SERVICE_NAME") or "",
            replica=environ.get("RAILWAY_REPLICA_ID") or environ.get("DYNO") or "",
            draining=draining,
            warnings=tuple(warnings),
            **values,
        )
        if settings.token and settings.token == settings.read_token:
            raise SettingsError("JOBS_READ_TOKEN", "***", "it is JOBS_TOKEN, which may do everything; give another one")
        return replace(settings, queues=_queues_of(settings)) if settings.type or settings.single else settings


def _queues_of(settings: Settings) -> tuple[str, ...]:
    """The queues of the worker's type. Raises ``SettingsError`` when there is no such type."""
    types = dict(settings.types)
    if not settings.type:
        raise SettingsError("JOBS_TYPE", None, "of which type is this worker the single one? Name it, such as inbound")
    if types and settings.type not in types:
        raise SettingsError("JOBS_TYPE", settings.type, f"JOBS_TYPES has only {', '.join(types)}")
    return types.get(settings.type, (settings.type,))


def _read(metadata: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    variable = metadata["variable"]
    text = environ.get(variable, "").strip() or metadata["default"]
    if not text and metadata["read"] not in read.EMPTY:
        return None
    try:
        return metadata["read"](text)
    except ValueError as error:
        raise SettingsError(variable, "***" if variable in SECRETS else text, str(error)) from None


def _draining(environ: Mapping[str, str]) -> float | None:
    text = environ.get(DRAINING, "").strip()
    try:
        return (read.seconds(text) if text.strip("0") else 0.0) if text else None
    except ValueError as error:
        raise SettingsError(DRAINING, text, str(error)) from None


def _grace(given: float | None, draining: float | None, warnings: list[str]) -> float:
    """How long to take to end, within what the platform leaves, if it says so."""
    if draining is None:
        return given or GRACE
    if draining <= (given or 0.0):
        warnings.append(
            f"{DRAINING} is {draining:g}: Railway KILLS this service {draining:g} s after telling it to end"
            + (f", and JOBS_GRACE is {given:g} s" if given else "")
            + "; what runs then runs again. Set it to 15 or more"
        )
    return given or draining * 0.8 or GRACE


def _redis(environ: Mapping[str, str]) -> tuple[Address | None, list[str]]:
    """The first address the environment gives, and a warning for each later one that differs."""
    found: list[tuple[str, Address]] = []
    for variable in ("REDIS_URL", "UPSTASH_REDIS_URL"):
        if url := environ.get(variable, "").strip():
            found.append((variable, address.parse(url, variable)))
    for mark in ("REDIS", "REDIS_"):
        if host := environ.get(f"{mark}HOST", "").strip():
            port = environ.get(f"{mark}PORT", "").strip() or "6379"
            try:
                read.port(port)
            except ValueError as error:
                raise SettingsError(f"{mark}PORT", port, str(error)) from error
            user, password = environ.get(f"{mark}USER", ""), environ.get(f"{mark}PASSWORD", "")
            found.append((f"{mark}HOST", address.parse(address.build(host, port, user, password), f"{mark}HOST")))
    if not found:
        return None, []
    variable, first = found[0]
    return first, [
        f"{other} points to {where.redacted}, but {variable}, which is used, to {first.redacted}"
        for other, where in found[1:]
        if where.place != first.place or (where.db != first.db and other.endswith("URL"))
    ]


REDIS_ROWS = (
    ("REDIS_URL", "none", "the Redis that web and worker share; else `UPSTASH_REDIS_URL`, `REDISHOST`, `REDIS_HOST`"),
)
TABLE: tuple[tuple[str, str, str], ...] = REDIS_ROWS + tuple(
    (item.metadata["variable"], item.metadata["default"] or "none", item.metadata["purpose"])
    for item in fields(Settings)
    if item.metadata
)


SECRETS = {item.metadata["variable"] for item in fields(Settings) if item.metadata and not item.repr}


@cache
def current() -> Settings:
    """This process's settings, read on first use."""
    return Settings.from_environ()
