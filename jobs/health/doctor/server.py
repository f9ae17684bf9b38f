"""The server: does it answer, is it new enough, does it keep what it is given, is there room, is it near?"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from jobs.health.diagnosis import Code, Finding
from jobs.health.doctor.check import Check, of_finding
from jobs.health.doctor.facts import Facts, Server
from jobs.health.snapshot import Server as State
from jobs.health.snapshot import Snapshot

OLDEST = (7, 0)
TIGHT = 0.9
"""The share of its memory in use from which on it is nearly full."""
FAR = 0.025
"""Seconds of a round trip from which on it is felt: a job takes about two."""
SKEW = 5.0
SILENT = "Redis does not say: its user lacks +info, or its provider forbids it"
MIB = 1024 * 1024


def checks(facts: Facts, findings: Iterable[Finding]) -> Iterator[Check]:
    """Where a finding is about the same thing, it is told in place of what is seen here."""
    found = {finding.code: finding for finding in findings}

    def unless(code: Code, check: Check) -> Check:
        return of_finding(check.name, found[code]) if code in found else check

    if facts.settings is None:
        return
    if facts.seen is None:
        yield _absent(facts)
        return
    yield from _reached(facts, found)
    yield from _worker(facts.seen)
    server, state = facts.server, facts.seen.server
    if server is None:
        return
    yield _version(server)
    yield unless("redis_not_persistent", _persistence(server))
    says = f"{state.policy}: what is accepted stays" if state.version else SILENT
    yield unless("redis_evicts", Check("eviction", "ok", says))
    yield unless("redis_full", _memory(state, server))
    yield _latency(server)
    yield _clock(server)
    yield _scripts(server)


def _absent(facts: Facts) -> Check:
    assert facts.settings
    return Check(
        "redis",
        "warn",
        f"No Redis is configured, and the local one of {facts.settings.folder} does not run: nothing runs here",
        remedy="Start everything with: python -m jobs combo; or set REDIS_URL.",
    )


def _reached(facts: Facts, found: dict[Code, Finding]) -> Iterator[Check]:
    for check in (of_finding("redis", found[code]) for code in BLIND if code in found):
        asked = f"asked at {facts.place}, for {facts.within:g} s"
        more = " One that is only far away needs more time: --within 5." if check.code == "redis_unreachable" else ""
        yield replace(check, known=asked, remedy=check.remedy + more)
    if not found.keys() & BLIND:
        yield Check("redis", "ok", facts.place)


def _worker(seen: Snapshot) -> Iterator[Check]:
    """The one at ``WORKER_HEALTH_URL``; that it is on other data is a finding."""
    answer = seen.answer
    if answer and answer.error:
        yield Check(
            "worker",
            "warn",
            f"{answer.url} cannot be asked who it is: {answer.error}",
            known="GET of its /health",
            remedy="Is it up, with JOBS_WORKER_PORT, and WORKER_HEALTH_URL its address?",
        )
    elif answer and answer.marker and answer.marker == seen.marker:
        yield Check("worker", "ok", f"{answer.url} reads the same marker: both are on the same data")


BLIND: frozenset[Code] = frozenset(
    ("redis_unreachable", "redis_is_a_cluster", "redis_forbids", "redis_readonly", "redis_refuses_writes")
)


def _version(server: Server) -> Check:
    shown = f"{server.name} {'.'.join(map(str, server.version)) or 'does not say which'}"
    if not server.version or server.version >= OLDEST:
        return Check("version", "ok", shown)
    return Check(
        "version",
        "fail",
        f"{shown} is too old: scripts and blocking moves need 7.0 or newer",
        known="it says so in INFO server",
        remedy="Use Redis 7 or newer, or Valkey.",
    )


def _persistence(server: Server) -> Check:
    if server.aof is None:
        return Check("persistence", "ok", f"{SILENT}; an append-only file is needed")
    if server.aof:
        every = f", on disk {FSYNC.get(server.fsync, server.fsync)}" if server.fsync else ""
        return Check("persistence", "ok", f"append-only file on{every}")
    return Check(
        "persistence",
        "warn",
        "Redis keeps only snapshots: when it ends, jobs accepted since the last one are lost",
        known="INFO persistence says aof_enabled 0",
        remedy="Turn its append-only file on (appendonly yes), on a disk that outlives it.",
    )


FSYNC = {"everysec": "each second", "always": "with each write", "no": "when its system likes"}


def _memory(state: State, server: Server) -> Check:
    room, of = (state.limit, "its limit") if state.limit else (server.machine, "its machine's memory")
    if not room:
        return Check("memory", "ok", f"{state.used / MIB:.1f} MiB used, no limit set" if state.used else SILENT)
    shown = f"{state.used / MIB:.1f} MiB used of {room / MIB:,.0f} MiB, {of} ({state.used / room:.0%})"
    if state.used < room * TIGHT:
        return Check("memory", "ok", shown)
    return Check(
        "memory",
        "warn",
        f"Redis is nearly full: {shown}; once it is full, it accepts no job",
        known="INFO memory says used_memory",
        remedy="Give it more memory, or make room: python -m jobs clean; JOBS_KEEP says how long what is over stays.",
    )


def _latency(server: Server) -> Check:
    shown = f"{server.latency * 1000:.2f} ms a round trip"
    if server.latency < FAR:
        return Check("latency", "ok", shown)
    return Check(
        "latency",
        "warn",
        f"Redis is far away, or busy: {shown}",
        known="the median of a few round trips just now",
        remedy="Run it in the same region, and use its private address.",
    )


def _clock(server: Server) -> Check:
    if abs(server.offset) < 0.001:
        return Check("clock", "ok", "as the server's, within 1 ms")
    behind = "ahead of" if server.offset > 0 else "behind"
    shown = f"{abs(server.offset):.3f} s {behind} the server's"
    if abs(server.offset) < SKEW:
        return Check("clock", "ok", shown)
    return Check(
        "clock",
        "warn",
        f"The clock here is {shown}: order and leases do not, but times that are shown are wrong",
        known="compared with the server's TIME",
        remedy="Set the clock of this machine (NTP), or the server's.",
    )


def _scripts(server: Server) -> Check:
    if not server.refused:
        return Check("scripts", "ok", f"all {server.scripts} load")
    name, why = next(iter(server.refused.items()))
    return Check(
        "scripts",
        "fail",
        f"{len(server.refused)} of {server.scripts} scripts do not load, {name}.lua first: {why}",
        known="SCRIPT LOAD of each",
        remedy="Give the user of REDIS_URL +@scripting, or use a server that has Lua. No job can be accepted without.",
    )
