"""The states of a job, and where the jobs of each lie. RQ's statuses become states here and nowhere else."""

from collections.abc import Collection
from typing import Literal, get_args

State = Literal[
    "queued", "running", "scheduled", "retrying", "blocked", "finished", "failed", "stopped", "canceled"
]  # fmt: skip
"""``retrying``: it has failed and waits for its next attempt; ``blocked``: in its lane, for another job, or for a
slot of one of RQ's rate limits."""

STATES: tuple[State, ...] = get_args(State)
OVER: frozenset[State] = frozenset({"finished", "failed", "stopped", "canceled"})
DEAD: frozenset[State] = frozenset({"failed", "stopped"})
"""Dead letters: jobs that failed for good, or were stopped. They are kept until somebody decides."""
WAITS: frozenset[State] = frozenset({"queued", "scheduled", "retrying", "blocked"})

BY_STATUS: dict[str, State] = {
    "queued": "queued",
    "started": "running",
    "scheduled": "scheduled",
    "deferred": "blocked",
    "created": "blocked",
    "rate_limited": "blocked",
    "ready_to_enqueue": "blocked",
    "finished": "finished",
    "failed": "failed",
    "stopped": "stopped",
    "canceled": "canceled",
}

Kind = Literal["queue", "suspects", "wip", "deferred", "limited", "finished", "failed", "canceled", "scheduled", "lane"]
LIE_IN: dict[Kind, frozenset[State]] = {
    "queue": frozenset({"queued"}),
    "suspects": frozenset({"queued"}),
    "wip": frozenset({"running"}),
    "deferred": frozenset({"blocked"}),
    "limited": frozenset({"blocked"}),
    "finished": frozenset({"finished"}),
    "failed": DEAD,
    "canceled": frozenset({"canceled"}),
    "scheduled": frozenset({"scheduled", "retrying"}),
    "lane": frozenset(STATES) - {"finished", "canceled"},
}
"""A queue's list and that of its suspects, RQ's registries, what each of its rate limits holds back, and a lane, which
holds jobs that lie elsewhere too, with the states of what is there."""


def state_of(status: str, at_first: int | None, left: int, again: int) -> State:
    """What a job's status means, with how many attempts it had left at first (None: it has never failed) and has now,
    and how often it has asked for another itself."""
    state = BY_STATUS.get(status, "blocked")
    if state == "scheduled" and (again or (at_first is not None and left < at_first)):
        return "retrying"
    return state


def kinds(states: Collection[State]) -> list[Kind]:
    """Where to look for jobs of these states; everywhere where none is named."""
    return [kind for kind, held in LIE_IN.items() if kind != "lane" and (not states or held & set(states))]
