"""The server's own state: may it be written to, is there room, does it keep what it is given."""

from collections.abc import Mapping
from typing import Any

from redis.client import Pipeline

from jobs import scripts
from jobs.health.snapshot.model import Server
from jobs.refusals import kind, said


def ask(pipeline: Pipeline) -> None:
    """Ask for it; ``parse`` takes the three replies."""
    scripts.write(pipeline)
    pipeline.info("server", "memory", "persistence", "stats", "replication")
    pipeline.config_get("save")


def parse(write: object, info: Mapping[str, Any] | Exception, config: Mapping[str, str] | Exception) -> Server:
    """What it tells; what an ACL or a provider forbids to ask counts as well."""
    refused = (said(write), kind(write)) if isinstance(write, Exception) else ("", "")
    if isinstance(info, Exception):
        return Server(*refused)
    saves = "?" if isinstance(config, Exception) else config.get("save", "?")
    follows = info.get("role") == "slave"
    return Server(
        *refused,
        replica_of=f"{info.get('master_host', '?')}:{info.get('master_port', '?')}" if follows else "",
        used=int(info.get("used_memory", 0)),
        limit=int(info.get("maxmemory", 0)),
        policy=str(info.get("maxmemory_policy", "noeviction")),
        evicted=int(info.get("evicted_keys", 0)),
        persistent=bool(info.get("aof_enabled", 1)) or bool(saves),
        broken=", ".join(name for name in BROKEN if info.get(name, "ok") != "ok"),
        uptime=float(info.get("uptime_in_seconds", "inf")),
        run_id=str(info.get("run_id", "")),
        version=_version(info),
        kept_by=" and ".join(_keeps(info, saves)),
    )


def _version(info: Mapping[str, Any]) -> str:
    valkey, redis = info.get("valkey_version"), info.get("redis_version")
    return f"Valkey {valkey}" if valkey else f"Redis {redis}" if redis else ""


def _keeps(info: Mapping[str, Any], saves: str) -> list[str]:
    """What is known for certain; where the server may not be asked for its snapshots, nothing is said of them."""
    append_only = ["append-only file"] if info.get("aof_enabled") else []
    return append_only + (["snapshots"] if saves not in ("", "?") else [])


BROKEN = ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")
