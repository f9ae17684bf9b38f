"""Does the local server's data outlive its container? Told by the file system that its folder lies on."""

import re
from pathlib import Path

from jobs import embedded
from jobs.settings import Settings

MOUNTS = Path("/proc/self/mountinfo")
LAYERS = frozenset(("overlay", "aufs", "fuse-overlayfs"))
"""File systems that containers are made of: what is written to them goes with the container."""
MEMORY = frozenset(("tmpfs", "ramfs"))


def fleeting(settings: Settings) -> str:
    """Where the local server keeps data that goes with the container, as ``.signalbox (overlay)``.

    Empty when another Redis is used, when the data stays, and where neither is known.
    """
    local = embedded.running(settings.folder) if settings.folder.is_dir() else None
    if local is None or (settings.redis and settings.redis.place != local.place):
        return ""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    kind = lost_with_container(mounts, settings.folder.resolve())
    return f"{settings.folder} ({kind})" if kind else ""


def lost_with_container(mounts: str, folder: Path) -> str:
    """The kind of file system that a folder lies on, where that is a container's own; see proc_pid_mountinfo(5)."""
    kinds: dict[Path, str] = {}
    for line in mounts.splitlines():
        place, _, rest = line.partition(" - ")
        if rest and len(fields := place.split()) > 4:
            point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])
            kinds[Path(point)] = rest.split()[0]
    if kinds.get(Path("/")) not in LAYERS:
        return ""
    kind = next((kinds[one] for one in (folder, *folder.parents) if one in kinds), "")
    return kind if kind in LAYERS | MEMORY else ""
