"""What the platform does to a process: how long it waits, what it asks, what it does after an end."""

from collections.abc import Iterator
from typing import Any

from jobs.health.doctor.check import Check
from jobs.health.doctor.facts import Facts
from jobs.settings import DRAINING, Settings

ASK = ("/readyz", "/livez")
"""What tells whether one process is well; ``/health`` tells it of the whole line, which no deploy of one part mends."""
FILE = "railway.json"


def checks(facts: Facts) -> Iterator[Check]:
    """Of Railway only, whose settings can be read; what its dashboard overrides cannot be seen from here."""
    if facts.settings is None:
        return
    on_it = facts.settings.platform == "Railway"
    if facts.unreadable:
        yield Check("platform", "warn", f"{FILE} cannot be read: {facts.unreadable}", remedy="Railway refuses it too.")
    elif facts.railway is not None:
        yield _draining(facts.railway, facts.settings, on_it)
        yield _health_check(facts.railway)
        yield _restarts(facts.railway)
        yield from _command(facts.railway)
    elif on_it:
        yield _draining({"drainingSeconds": facts.settings.draining}, facts.settings, on_it)
    elif facts.settings.platform:
        yield Check("platform", "ok", facts.settings.platform)


def _draining(deploy: dict[str, Any], settings: Settings, on_it: bool) -> Check:
    """Of the two places, the file is what Railway does, and the variable what the process knows of it."""
    waits, told = deploy.get("drainingSeconds"), settings.draining
    seconds = waits if isinstance(waits, int | float) else 0
    if seconds <= 0:
        said = f"drainingSeconds in {FILE} is {waits!r}" if waits is not None else f"{DRAINING} is not set"
        return _cut(f"Railway kills what runs at once when it deploys: {said}, and then it waits 0 s")
    if on_it and told is None:
        return _cut(f"Railway waits {seconds:g} s, but no process knows it, for {DRAINING} is not set")
    if told is not None and told != seconds:
        return _cut(f"{DRAINING} is {told:g}, but drainingSeconds in {FILE} is {seconds:g}")
    if on_it and seconds <= settings.grace:
        return _cut(f"Railway waits {seconds:g} s, and parts take up to {settings.grace:g} s to end (JOBS_GRACE)")
    return Check("draining", "ok", f"Railway waits {seconds:g} s for a process to end")


def _cut(says: str) -> Check:
    remedy = f"Set drainingSeconds in {FILE}, and {DRAINING} on each service, to 15 or more."
    return Check("draining", "warn", says, remedy=remedy, code="draining_too_short")


def _health_check(deploy: dict[str, Any]) -> Check:
    path = deploy.get("healthcheckPath")
    if path in ASK:
        return Check("health check", "ok", f"Railway asks {path} at each deploy")
    if path in ("/health", "/health/queue"):
        says = f"Railway asks {path}, which fails while anything of the line does: a deploy that mends it is refused"
    elif path:
        says = f"Railway asks {path}, which neither web nor worker answers: no deploy succeeds"
    else:
        says = "Railway asks nothing when it deploys, so a process that cannot reach Redis replaces one that can"
    return Check("health check", "warn", says, f"healthcheckPath in {FILE}", 'Set "healthcheckPath": "/readyz".')


def _restarts(deploy: dict[str, Any]) -> Check:
    policy = deploy.get("restartPolicyType", "ON_FAILURE")
    if policy in ("ON_FAILURE", "ALWAYS"):
        most = f", at most {deploy.get('restartPolicyMaxRetries', 10)} times" if policy == "ON_FAILURE" else ""
        return Check("restarts", "ok", f"{policy}{most}")
    return Check(
        "restarts",
        "warn",
        f"Railway does not start again what ends with an error: restartPolicyType is {policy!r}",
        f"restartPolicyType in {FILE}",
        'Set "restartPolicyType": "ON_FAILURE".',
    )


def _command(deploy: dict[str, Any]) -> Iterator[Check]:
    command = str(deploy.get("startCommand", ""))
    if command and not command.startswith("exec "):
        yield Check(
            "start command",
            "warn",
            f"A shell stands between Railway and {command!r}, and keeps the request to end to itself",
            f"startCommand in {FILE}, which Railway runs with bash -c",
            f'Write "exec {command}".',
        )
