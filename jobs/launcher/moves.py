"""What can happen to the parts of the combo, and what can be done about it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One process to be kept up."""

    name: str
    stage: int = 1
    """When it is asked to end: 0 the scheduler, 2 web, 1 everything else."""
    optional: bool = False
    """The rest goes on without it."""


@dataclass(frozen=True)
class Ended:
    """A part has ended, and all that it had started."""

    name: str
    code: int
    words: str = ""
    """The last line it said."""


@dataclass(frozen=True)
class Turned:
    """A part says that its main loop turns."""

    name: str


@dataclass(frozen=True)
class Stop:
    """We are told to end."""


@dataclass(frozen=True)
class Start:
    name: str


@dataclass(frozen=True)
class Ask:
    """Ask a part to end."""

    name: str


@dataclass(frozen=True)
class Kill:
    """Kill a part with all that it has started."""

    name: str


@dataclass(frozen=True)
class Say:
    text: str
    error: bool = False


@dataclass(frozen=True)
class Finish:
    """Nothing is left: end with this code."""

    code: int


Event = Ended | Turned | Stop
Action = Start | Ask | Kill | Say | Finish
