"""The server's own state: may it be written to, is there room, does it keep what it is given."""

from collections.abc import Mapping
from typing import Any

from redis.client import Pipeline

from jobs.health.snapshot.model import Server


def ask(pipeline: Pipeline) -> None:
    """Ask for it; ``parse`` takes the two replies."""
    pipeline.info("server", "memory", "persistence", "stats", "replication")
    pipeline.config_get("save")


def parse(info: Mapping[str, Any] | Exception, config: Mapping[str, str] | Exception) -> Server:
    """What it tells; what an ACL or a provider forbids to ask counts as well."""
    if isinstance(info, Exception):
        return Server()
    saves = "?" if isinstance(config, Exception) else config.get("save", "?")
    follows = info.get("role") == "slave"
    return Server(
        replica_of=f"{info.get('master_host', '?')}:{info.get('master_port', '?')}" if follows else "",
        used=int(info.get("used_memory", 0)),
        limit=int(info.get("maxmemory", 0)),
        policy=str(info.get("maxmemory_policy", "noeviction")),
        evicted=int(info.get("evicted_keys", 0)),
        persistent=bool(info.get("aof_enabled", 1)) or bool(saves),
        broken=", ".join(name for name in BROKEN if info.get(name, "ok") != "ok"),
        uptime=float(info.get("uptime_in_seconds", "inf")),
        run_id=str(info.get("run_id", "")),
    )


BROKEN = ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")
