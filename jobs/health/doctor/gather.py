"""Gathering the facts, within a time: nothing is waited for any longer, whatever Redis does."""

import statistics
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from jobs import embedded
from jobs.address import Address
from jobs.connection import connect
from jobs.errors import SettingsError
from jobs.health import inquiry, snapshot
from jobs.health.doctor.facts import Facts, Server
from jobs.health.snapshot import Answer, Process, Snapshot
from jobs.health.volume import fleeting
from jobs.scripts.call import FOLDER, source
from jobs.settings import TABLE, Settings
from jobs.supervise.instance import TOKEN
from jobs.supervise.process import PARENT

TRIPS = 4
ALIKE = 0.85
"""How much like a setting a variable must look to be taken for one that was misspelt."""


def gather(environ: Mapping[str, str], folder: Path, within: float, expected: str = "") -> Facts:
    """All that can be known within so many seconds. ``folder`` is the project's, where ``railway.json`` may be."""
    facts = Facts(within, expected=expected, strangers=_strangers(environ))
    try:
        settings = Settings.from_environ(environ)
    except SettingsError as error:
        return replace(facts, wrong=str(error))
    facts = replace(facts, settings=settings, railway_file=(folder / "railway.json").is_file())
    where = settings.redis or embedded.running(settings.folder)
    if where is None:
        return facts
    look = _Look(replace(settings, redis=where), where, within)
    seen, server = look.result()
    return replace(facts, where=where, seen=seen, server=server)


class _Look:
    """Asks Redis, and the worker at ``WORKER_HEALTH_URL``, each in a thread that is left behind when it is late."""

    def __init__(self, settings: Settings, where: Address, within: float) -> None:
        self._settings = settings
        self._where = where
        self._within = within
        self._seen: Snapshot | None = None
        self._server: Server | None = None
        self._answer: Answer | None = None
        self._threads = [threading.Thread(target=self._redis, daemon=True)]
        if settings.worker_health_url:
            self._threads.append(threading.Thread(target=self._worker, daemon=True))

    def result(self) -> tuple[Snapshot, Server | None]:
        """What was seen in time."""
        deadline = time.monotonic() + self._within
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        seen = self._seen or Snapshot(now=time.time(), error=f"no answer within {self._within:g} s")
        return replace(seen, answer=self._answer, fleeting=fleeting(self._settings)), self._server

    def _redis(self) -> None:
        try:
            client = connect(self._settings, "doctor", deadline=self._within, retries=0)
            try:
                self._seen = snapshot.read(client, self._settings.queues, self._where.db, asker=_asker(self._settings))
            except ResponseError as error:  # it answers, so it may tell what it is
                self._seen = Snapshot.failed(error)
            self._server = _server(client)
        except (RedisError, OSError, SettingsError) as error:
            self._seen = self._seen or Snapshot.failed(error)

    def _worker(self) -> None:
        url = self._settings.worker_health_url
        self._answer = inquiry.ask(url, self._settings.token) if url else None


def _asker(settings: Settings) -> Process:
    """A process with these settings, as one that puts jobs in: would the workers read them?"""
    row = {"id": "this process", "role": "app", "status": "ready", "queues": [], "serializer": settings.serializer}
    return Process({**row, "code": "", "commit": "", "tasks": 0, "started_at": 0.0, "counters": {}}, 0.0, alive=True)


def _server(client: Redis) -> Server:
    """What the server tells in a few round trips. Raises ``RedisError``."""
    trips = [_trip(client) for _ in range(TRIPS)]
    names = sorted(path.stem for path in FOLDER.glob("*.lua"))
    with client.pipeline(transaction=False) as pipeline:
        pipeline.info("everything")
        pipeline.config_get("appendfsync")
        for name in names:
            pipeline.execute_command("SCRIPT LOAD", source(name))
        info, fsync, *loaded = pipeline.execute(raise_on_error=False)
    info = {} if isinstance(info, Exception) else info
    named = "valkey" if "valkey_version" in info else "redis"
    return Server(
        name=named.capitalize(),
        version=_version(str(info.get(f"{named}_version", ""))),
        aof=bool(info["aof_enabled"]) if "aof_enabled" in info else None,
        fsync="" if isinstance(fsync, Exception) else str(fsync.get("appendfsync", "")),
        machine=int(info.get("total_system_memory", 0)),
        latency=statistics.median(took for took, _ in trips),
        offset=min(trips)[1],
        scripts=len(names),
        refused={name: str(reply) for name, reply in zip(names, loaded, strict=True) if isinstance(reply, Exception)},
    )


def _trip(client: Redis) -> tuple[float, float]:
    """The seconds that a round trip took, and our clock minus the server's."""
    asked, began = time.time(), time.perf_counter()
    seconds, micro = client.time()
    took = time.perf_counter() - began
    return took, asked + took / 2 - seconds - micro / 1e6


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:3] if part.isdecimal())


def _strangers(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    known = {variable for variable, _, _ in TABLE} | {PARENT, TOKEN}
    found = ((name, get_close_matches(name, known, 1, ALIKE)) for name in sorted(environ) if name not in known)
    return tuple((name, alike[0]) for name, alike in found if alike and name.startswith("JOBS_"))
