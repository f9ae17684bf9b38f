"""Times, spans and sizes in words, as every page says them; ``static/times.js`` keeps them fresh in the same words."""

from datetime import UTC, datetime

UNITS = ((86400, "d"), (3600, "h"), (60, "min"))
SIZES = ("B", "kB", "MB", "GB")

When = datetime | float | int


def span(seconds: float) -> str:
    """``4 min``: in the largest unit of which there are two, as findings have it."""
    for size, unit in UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def relative(when: When, now: float) -> str:
    """``4 min ago``, ``in 40 s`` or ``now``."""
    passed = now - moment(when).timestamp()
    if abs(passed) < 1:
        return "now"
    return f"{span(passed)} ago" if passed > 0 else f"in {span(-passed)}"


def moment(when: When) -> datetime:
    """In UTC, from seconds since 1970 or from a datetime."""
    return when.astimezone(UTC) if isinstance(when, datetime) else datetime.fromtimestamp(when, UTC)


def iso(when: When) -> str:
    """ISO 8601 in UTC, with milliseconds and Z."""
    return moment(when).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exact(when: When) -> str:
    """For a person who points at it: ``2026-11-22 10:00:00 UTC``."""
    return moment(when).strftime("%Y-%m-%d %H:%M:%S UTC")


def took(seconds: float | None) -> str:
    """How long something took, as precise as one wants it: ``9 ms``, ``1.4 s``, ``4 min``."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.0005 else "<1 ms"
    return f"{seconds:.1f} s" if seconds < 60 else span(seconds)


def size(count: float) -> str:
    """``12.3 MB``, in units of 1000 bytes."""
    value = float(count)
    for unit in SIZES[:-1]:
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} {SIZES[-1]}"


def number(count: float) -> str:
    """``12,345``."""
    return f"{count:,}"
