"""Can the settings be used, are they what somebody meant, and do they lead to the expected Redis?"""

from collections.abc import Iterator

from jobs.health.access import has_tokens
from jobs.health.doctor.check import Check
from jobs.health.doctor.facts import Facts
from jobs.settings import DRAINING, Settings


def checks(facts: Facts) -> Iterator[Check]:
    yield from _settings(facts)
    if facts.expected:
        yield _fingerprint(facts)


SHORT = 16
"""Characters below which a token can be guessed."""
MAKE = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'


def _settings(facts: Facts) -> Iterator[Check]:
    if facts.settings is None:
        yield Check("settings", "fail", facts.wrong, remedy="Set it right; every process ends with code 2 until then.")
        return
    wrong = [
        Check("settings", "warn", warning, remedy="Leave one of them, or let both name the same.")
        for warning in facts.settings.warnings
        if not warning.startswith(DRAINING)
    ] + [
        Check("settings", "warn", f"{name} is set, and is no setting", remedy=f"Is {alike} meant?")
        for name, alike in facts.strangers
    ]
    yield from wrong or [_fine(facts)]
    yield from _access(facts.settings)


def _access(found: Settings) -> Iterator[Check]:
    """Can people and programs get in who should, and nobody else?"""
    if found.platform and found.role in ("combo", "web") and not has_tokens(found):
        said = f"No JOBS_TOKEN is set, so nothing but health is shown on {found.platform}"
        yield Check("access", "warn", said, remedy=f"Set it to what this prints: {MAKE}")
    for name, token in (("JOBS_TOKEN", found.token), ("JOBS_READ_TOKEN", found.read_token)):
        if token and len(token) < SHORT:
            said = f"{name} has {len(token)} characters, so it can be guessed"
            yield Check("access", "warn", said, remedy=f"Set it to what this prints: {MAKE}")


def _fine(facts: Facts) -> Check:
    found = facts.settings
    assert found
    queues = f"queues {','.join(found.queues)}, tasks of {','.join(found.tasks) or 'no module'}"
    return Check("settings", "ok", f"{found.environment}, {queues}, serializer {found.serializer}")


def _fingerprint(facts: Facts) -> Check:
    where = facts.where
    if where and where.fingerprint == facts.expected:
        return Check("fingerprint", "ok", f"{where.fingerprint}, as expected")
    here = f"is {where.fingerprint}, of {where.redacted}" if where else "cannot be known"
    return Check(
        "fingerprint",
        "fail",
        f"The fingerprint here {here}, and {facts.expected} is expected: another host, port, db or user is meant",
        known="it is a hash of those four, and of nothing else",
        remedy="Give both the same REDIS_URL; python -m jobs whoami shows it on each side.",
    )
