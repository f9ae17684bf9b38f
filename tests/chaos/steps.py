"""The steps at which a process can be killed: each call of ``jobs.scripts``, before it is sent and after it is done.

``arm`` wraps those functions in a process; a file says which call is its last, so that one can be chosen while it
runs. It is the process that kills itself, and it leaves a marker, so that a step that was never reached shows.
"""

import inspect
import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Literal

from redis.exceptions import ConnectionError

from jobs import scripts

FOLDER = "CHAOS_STEPS"
"""The environment's name for the folder of the plan and its markers."""
When = Literal["before", "after"]
WHENS: tuple[When, ...] = ("before", "after")
AFTER: tuple[When, ...] = ("after",)
Role = Literal["child", "keeper", "scheduler", "command"]


def anything(_: Any) -> bool:
    return True


@dataclass(frozen=True)
class Step:
    """Calls of one function in one kind of process; ``asks`` and ``gives`` say which, by arguments and by reply."""

    role: Role
    function: str
    asks: Callable[[dict[str, Any]], bool] = anything
    gives: Callable[[Any], bool] = anything
    whens: tuple[When, ...] = WHENS
    """``AFTER`` where only the reply tells it from another step."""
    lost_reply: bool = False
    """It follows the loss of a reply to a claim: once, what the child was given does not reach it."""


STEPS = {
    "claim": Step("child", "exchange", asks=lambda it: it["wanted"] > 0, gives=lambda reply: bool(reply[1])),
    "wait at the bell": Step("child", "await_jobs", gives=lambda reply: bool(reply[1])),
    "settle": Step("child", "exchange", asks=lambda it: bool(it["settlements"])),
    "settle, others follow": Step("child", "exchange", gives=lambda reply: 2 in reply[0], whens=AFTER),
    "follow": Step("child", "follow"),
    "settle, draining": Step("child", "exchange", asks=lambda it: it["settlements"] and not it["wanted"]),
    "give back": Step("child", "release"),
    "give back, draining": Step("child", "release"),
    "held, reply lost": Step("child", "held", gives=bool, lost_reply=True),
    "give back, reply lost": Step("child", "release", lost_reply=True),
    "rename": Step("child", "rename"),
    "echo": Step("child", "echo"),
    "report": Step("child", "report"),
    "tell": Step("child", "tell"),
    "lock": Step("child", "lock"),
    "annotate": Step("child", "annotate"),
    "renew": Step("child", "renew"),
    "unlock": Step("child", "unlock"),
    "grant": Step("keeper", "grant"),
    "tick": Step("keeper", "tick"),
    "tick hands over": Step("keeper", "tick", gives=lambda ticked: bool(ticked.moved), whens=AFTER),
    "tick takes back": Step("keeper", "tick", gives=lambda ticked: bool(ticked.recovered), whens=AFTER),
    "held": Step("keeper", "held", gives=bool),
    "put back": Step("keeper", "release"),
    "retire": Step("keeper", "retire"),
    "settle, overrun": Step("keeper", "settle"),
    "tell, overrun": Step("keeper", "tell"),
    "ring": Step("keeper", "ring"),
    "fire": Step("keeper", "fire", gives=bool),
    "declare": Step("keeper", "declare"),
    "publish": Step("keeper", "publish"),
    "name tasks": Step("keeper", "name_tasks"),
    "recall": Step("keeper", "recall", gives=bool),
    "held, draining": Step("keeper", "held"),
    "put back, draining": Step("keeper", "release"),
    "retire, draining": Step("keeper", "retire"),
    "step down": Step("keeper", "step_down", gives=bool),
    "publish, stopped": Step("keeper", "publish", asks=lambda it: json.loads(it["row"])["status"] == "stopped"),
    "become the single one": Step("keeper", "take_instance", gives=lambda taken: taken.token > 0),
    "stay the single one": Step("keeper", "renew_instance", gives=bool),
    "give the type back": Step("keeper", "drop_instance", gives=bool),
    "take a type away": Step("command", "revoke_instance", gives=bool),
    "promote": Step("scheduler", "promote", gives=bool),
    "advance": Step("scheduler", "advance", gives=bool),
    "scheduler's ring": Step("scheduler", "ring"),
    "due": Step("scheduler", "due"),
    "scheduler's fire": Step("scheduler", "fire", gives=bool),
    "scheduler's publish": Step("scheduler", "publish"),
    "recover": Step("command", "recover", gives=bool),
    "enqueue": Step("command", "admit"),
    "resume a lane": Step("command", "resume"),
    "clear a lane": Step("command", "clear"),
    "retry a dead letter": Step("command", "requeue"),
    "delete a dead letter": Step("command", "delete"),
    "cancel a job": Step("command", "cancel"),
    "run a job now": Step("command", "hasten"),
    "empty a queue": Step("command", "empty"),
    "trim": Step("command", "trim"),
    "purge": Step("command", "purge"),
}


@dataclass(frozen=True)
class Plan:
    """Who dies next, and where. The marker's name is the plan's own, so that it comes true once."""

    step: str
    when: When
    marker: str
    pid: int = 0
    """0: whoever comes first."""

    def write(self, folder: Path) -> None:
        draft = folder / "plan.new"
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(folder / "plan")

    @classmethod
    def read(cls, folder: Path) -> "Plan | None":
        try:
            return cls(**json.loads((folder / "plan").read_text()))
        except FileNotFoundError:
            return None


_armed: set[str] = set()


def arm(role: Role) -> None:
    """Have this process die where the plan says, if it plays this role; only its first role counts."""
    if not _armed:
        for name in {step.function for step in STEPS.values()}:
            setattr(scripts, name, _watched(role, Path(os.environ[FOLDER]), getattr(scripts, name)))
    _armed.add(role)


def _watched(role: Role, folder: Path, function: Callable[..., Any]) -> Callable[..., Any]:
    signature, name = inspect.signature(function), function.__name__

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        plan = Plan.read(folder)
        if plan is None or plan.pid not in (0, os.getpid()) or STEPS[plan.step].role != role:
            return function(*args, **kwargs)
        step = STEPS[plan.step]
        here = step.function == name and step.asks(signature.bind(*args, **kwargs).arguments)
        if here and plan.when == "before":
            _die(folder / plan.marker)
        reply = function(*args, **kwargs)
        if here and plan.when == "after" and step.gives(reply):
            _die(folder / plan.marker)
        if step.lost_reply and name == "exchange" and reply[1] and _is_first(folder / f"{plan.marker}-lost"):
            raise ConnectionError("the reply was lost, as asked")
        return reply

    return call


def _die(marker: Path) -> None:
    if _is_first(marker):
        os.kill(os.getpid(), signal.SIGKILL)


def _is_first(marker: Path) -> bool:
    """True for the one caller that gets to leave its pid there."""
    draft = marker.with_name(f"{marker.name}.{threading.get_native_id()}")  # two threads of one process may come
    draft.write_text(str(os.getpid()))
    try:
        os.link(draft, marker)  # whole, or not there
    except FileExistsError:
        return False
    return True
