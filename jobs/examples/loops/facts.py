"""What the loops and the show both know."""

from jobs import keys

SILENCE = {"sync": 60.0, "outbound": 60.0, "history": 90.0, "jobs": 60.0}
"""By loop, how many seconds it may be silent, at full pace."""
OUTBOX = f"{keys.PREFIX}:example:loops:outbox"
"""List of the messages that wait to be sent."""
