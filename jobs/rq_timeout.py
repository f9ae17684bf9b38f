"""How RQ writes for how long a job may run: seconds, or a number with a unit, as its ``parse_timeout`` reads them."""

UNITS = {b"s": 1, b"m": 60, b"h": 3600, b"d": 86400}
MOST = 366 * 86400


def seconds(text: bytes) -> float:
    """Seconds, a year at most; not above zero where there is no limit. Raises ``ValueError``."""
    try:
        found = float(text)
    except ValueError:
        found = _with_unit(text)
    if found != found:
        raise ValueError(f"its timeout is {text!r}: expected seconds, or a number with s, m, h or d")
    return min(found, MOST)


def _with_unit(text: bytes) -> float:
    try:
        return int(text[:-1]) * UNITS[text[-1:].lower()]
    except (ValueError, KeyError):
        return float("nan")
