"""The same line has the same numbers, whoever is asked; the words of RQ and of the audit are mapped."""

import re
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from redis import Redis

from jobs import keys
from jobs.cli import cli
from jobs.retry import Retry
from tests import tasks as t
from tests.integration.test_dead import accept, claim, end, fail, lease
from tests.integration.test_retention import finish
from tests.pages import View, operator

__all__ = ["lease", "operator"]
pytestmark = pytest.mark.usefixtures("tasks")

THREE = {"queued": 1, "blocked": 2}
MIXED = {"queued": 1, "running": 1, "scheduled": 2, "retrying": 1, "blocked": 2, "failed": 1, "finished": 4}
STATES = ("queued", "running", "scheduled", "retrying", "blocked", "failed", "finished")


def three_of_one_key(client: Redis) -> None:
    for _ in range(3):
        accept(client, key="contact:1")


def each_state(client: Redis) -> None:
    """Of the two scheduled, one is due and nobody has handed it over."""
    fail(client)
    finish(client, 3)
    accept(client, retry=Retry(3, backoff=3600))
    [retried] = claim(client)
    end(client, retried)
    accept(client, t.add, delay=3600)
    late = accept(client, delay=3600)
    client.zadd(keys.registry("scheduled", "default"), {late.id: 1.0})
    three_of_one_key(client)
    accept(client)
    _, other = claim(client)
    end(client, other, "finished", "")
    accept(client)


LINES = [(three_of_one_key, THREE, 3), (each_state, MIXED, 5)]
"""How each is made, its counts, and how many of them are pending: queued, blocked, retrying and due."""


@pytest.mark.parametrize(("make", "known", "pending"), LINES, ids=["three of one key", "each state"])
def test_whoever_is_asked_says_the_same(
    client: Redis, operator: FlaskClient, make: Any, known: dict[str, int], pending: int
) -> None:
    make(client)
    counts = {state: known.get(state, 0) for state in STATES}

    queue = operator.get("/api/queues/default").get_json()
    assert {state: queue[state] for state in STATES} == counts

    for state in STATES:
        assert operator.get(f"/api/count?state={state}").get_json()["count"] == counts[state], state

    audit = {"waiting": "queued", "active": "running", "completed": "finished", "deferred": "blocked"}
    told = operator.get("/health/queue").get_json()["queue"]
    assert {audit.get(word, word): told[word] for word in told if word not in ("consumers", "queues")} == {
        **counts,
        "pending": pending,
    }
    assert told["queues"]["default"].items() >= {"waiting": counts["queued"], "pending": pending}.items()

    stats = operator.get("/queue/stats").get_json()["stats"]
    ended = {"completed": counts["finished"], "failed": counts["failed"]}
    parts = {"pending": pending, "processing": counts["running"], **ended}
    assert stats == {**parts, "total": sum(parts.values())}

    health = operator.get("/health").get_json()
    [measured] = health["checks"]["queue:waiting"]
    assert measured["observedValue"] == counts["queued"]
    assert f"{counts['blocked']} blocked by another job" in health["outlook"]["default"]
    assert f"{counts['queued']} job queued" in health["outlook"]["default"]

    rq = {"started": counts["running"], "deferred": counts["blocked"]}
    rq["scheduled"] = counts["scheduled"] + counts["retrying"]
    metrics = dict(re.findall(r'^rq_jobs{queue="default",status="(\w+)"} (\d+)', operator.get("/metrics").text, re.M))
    assert {word: int(number) for word, number in metrics.items()} == {
        **{state: counts[state] for state in ("queued", "failed", "finished")},
        **rq,
    }

    open_or_failed = STATES[:-1]
    for path in ("/", "/queues/default"):
        tiles = re.findall(r'<div class="label">(\w+)</div><div class="value">(\d+)</div>', View(operator, path).main)
        assert {state: dict(tiles)[state.capitalize()] for state in open_or_failed} == {
            state: str(counts[state]) for state in open_or_failed
        }, path
    for state, label in ((state, f'data-label="{state}"') for state in open_or_failed):
        cell = View(operator, "/queues").main.partition(label)[2].partition("</td>")[0]
        assert re.sub(r"<[^>]*>", "", cell).lstrip("> ") in (str(counts[state]), "–"), state

    lines = CliRunner().invoke(cli, ("status",)).output.splitlines()
    heads, row = (
        re.split(r" {2,}", next(line for line in lines if line.startswith(first)).strip())
        for first in ("queue ", "default ")
    )
    table = dict(zip(heads, row, strict=False))
    assert {state: table[state] for state in open_or_failed} == {state: str(counts[state]) for state in open_or_failed}
