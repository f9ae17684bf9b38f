"""``python -m jobs list``, ``cancel``, ``run`` and ``stop``."""

import pytest
from click.testing import CliRunner
from redis import Redis

from jobs import keys
from jobs.cli import cli
from tests.integration.test_audit import said
from tests.integration.test_dead import KEY, accept, claim, fail, lease, status

__all__ = ["lease"]
pytestmark = pytest.mark.usefixtures("tasks")


def run(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(cli, arguments)
    return result.exit_code, result.output.splitlines()


def test_jobs_are_listed_latest_first_and_by_filter(client: Redis) -> None:
    assert run("list") == (0, ["no jobs"])
    [failed] = fail(client, error="KeyError: 'x[/y]'\n")
    scheduled, keyed = accept(client, delay=60), accept(client, key=KEY, queue="mail")
    code, (title, *rows) = run("list")
    assert (code, title.split()[:3]) == (0, ["id", "state", "task"])
    assert [row.split()[0] for row in rows] == [keyed.id, failed.id, scheduled.id]
    assert "KeyError: 'x[/y]'" in rows[1]
    assert [row.split()[1] for row in run("list", "--state", "failed", "--state", "scheduled")[1][1:]] == [
        "failed",
        "scheduled",
    ]
    assert [row.split()[0] for row in run("list", "mail", "--key", KEY)[1][1:]] == [keyed.id]
    assert [row.split()[0] for row in run("list", "--text", "keyerror")[1][1:]] == [failed.id]
    assert run("list", "--limit", "1")[1][-1] == "and more; --limit shows them"
    assert run("list", "--state", "dead")[0] == 2


def test_what_waits_is_canceled_and_what_is_scheduled_runs_now(client: Redis) -> None:
    waiting, scheduled = accept(client), accept(client, delay=60)
    assert run("run", scheduled.id) == (0, ["1 job run now"])
    assert run("cancel", waiting.id, scheduled.id) == (0, ["2 jobs canceled"])
    assert {status(client, job) for job in (waiting, scheduled)} == {"canceled"}
    assert run("dead", "retry", waiting.id) == (0, ["1 job run anew"])
    code, (done, left) = run("cancel", waiting.id, "nobody")
    assert (code, done) == (1, "1 job canceled")
    assert left.startswith("1 left: only one that waits")
    assert [entry[1] for entry in said(client)] == ["job.run", "jobs.cancel", "job.retry", "job.cancel"]


def test_what_does_not_run_is_not_stopped(client: Redis) -> None:
    job = accept(client)
    assert run("stop", job.id) == (1, [f"{job.id} does not run"])
    claim(client)
    assert run("stop", job.id) == (0, [f"{job.id} is being stopped"])
    assert run("cancel", f"{keys.HEARTBEAT}1")[0] == 1


def test_a_queue_is_emptied_once_that_is_meant(client: Redis) -> None:
    waiting, scheduled, other = accept(client), accept(client, delay=60), accept(client, queue="mail")
    asked = CliRunner().invoke(cli, ("empty", "default"), input="n\n")
    assert (asked.exit_code, asked.output.splitlines()[0]) == (1, "remove the 1 jobs that wait in default? [y/N]: n")
    assert status(client, waiting) == "queued"
    assert run("empty", "default", "--yes") == (0, ["1 job removed"])
    assert [status(client, job) for job in (waiting, scheduled, other)] == ["gone", "scheduled", "queued"]
    assert said(client)[-1][1:] == ("queue.empty", "default: 1 jobs")
