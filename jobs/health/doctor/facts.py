"""What an examination goes by."""

from dataclasses import dataclass, field

from jobs import keys
from jobs.address import Address
from jobs.health.snapshot import Snapshot
from jobs.settings import Settings


@dataclass(frozen=True)
class Server:
    """What the server told, beside what a snapshot holds. Sizes are in bytes, times in seconds."""

    name: str
    """``Redis`` or ``Valkey``."""
    version: tuple[int, ...]
    """Empty where it does not say, and so the next one."""
    aof: bool | None
    fsync: str
    """How often the append-only file is forced to disk; empty where the server does not say."""
    machine: int
    """The memory of its machine; 0 where it does not say."""
    latency: float
    """The median of a few round trips."""
    offset: float
    """Our clock minus the server's."""
    scripts: int
    refused: dict[str, str] = field(default_factory=dict)
    """Why a script does not load, by its name."""


@dataclass(frozen=True)
class Facts:
    """All that was gathered; what could not be known is None or empty."""

    within: float
    """Seconds that Redis was given."""
    settings: Settings | None = None
    wrong: str = ""
    """Why the settings cannot be used."""
    strangers: tuple[tuple[str, str], ...] = ()
    """Variables that are no settings, each with the one that it looks like."""
    where: Address | None = None
    expected: str = ""
    """The fingerprint that should be here."""
    seen: Snapshot | None = None
    server: Server | None = None
    railway_file: bool = False
    """There is a ``railway.json``."""

    @property
    def place(self) -> str:
        """Where Redis is, in the words by which two processes can be compared."""
        if self.where is None:
            return "no address"
        marker = f", marker {self.seen.marker or 'none yet'}" if self.seen and not self.seen.error else ""
        return f"{self.where.redacted}, prefix {keys.PREFIX}, fingerprint {self.where.fingerprint}{marker}"
