"""``python -m jobs dead``: list, count, retry and delete."""

import pytest
from redis import Redis

from jobs import keys
from tests.integration.test_dead import KEY, fail, lease, status
from tests.support import Processes

__all__ = ["lease"]
pytestmark = pytest.mark.usefixtures("tasks")


def run(processes: Processes, *arguments: str) -> tuple[int, list[str]]:
    process = processes.start("-m", "jobs", "dead", *arguments)
    return process.ends(), process.lines


class TestCommand:
    def test_it_lists_by_queue_and_by_filter(self, client: Redis, processes: Processes) -> None:
        assert run(processes) == (0, ["no dead letters"])
        [mail] = fail(client, queue="mail", key=KEY)
        [plain] = fail(client, error="KeyError: 'x[/y]'\n")
        code, (title, *rows) = run(processes)
        assert (code, title.split()) == (0, ["failed", "id", "task", "queue", "key", "attempts", "error"])
        assert [row.split()[2] for row in rows] == [plain.id, mail.id]
        assert "KeyError: 'x[/y]'" in rows[0]
        assert [row.split()[2] for row in run(processes, "mail")[1][1:]] == [mail.id]
        assert [row.split()[2] for row in run(processes, "--error", "keyerror", "--since", "1h")[1][1:]] == [plain.id]
        assert run(processes, "--limit", "1")[1][-1] == "and more; --limit shows them"

    def test_it_counts_by_error(self, client: Redis, processes: Processes) -> None:
        jobs = fail(client, 3)
        code, (title, row) = run(processes, "--groups")
        assert (code, title.split()) == (0, ["times", "first", "last", "latest", "id", "task", "where", "error"])
        assert row.split()[0] == "3"
        assert jobs[-1].id in row
        assert "tests.tasks.add  shop.py:3 in send  ValueError: order 2 is gone" in row

    def test_it_retries_by_id_and_by_filter(self, client: Redis, processes: Processes) -> None:
        one, other = fail(client, 2)
        [mail] = fail(client, queue="mail")
        assert run(processes, "retry", one.id) == (0, ["1 job run anew"])
        assert run(processes, "retry", one.id, other.id) == (
            1,
            ["1 job run anew", "1 left: not there, or not failed"],
        )
        of_mail = ("--all", "--queue", "mail", "--task", "tests.tasks.add")
        assert run(processes, "retry", *of_mail) == (0, ["1 job run anew"])
        assert [status(client, job) for job in (one, other, mail)] == ["queued"] * 3

    def test_it_deletes_and_asks_before_it_deletes_all(self, client: Redis, processes: Processes) -> None:
        one, *_ = fail(client, 3)
        assert run(processes, "delete", one.id) == (0, ["1 job deleted"])
        code, lines = run(processes, "delete", "--all")
        assert code == 1
        assert lines[0].startswith("delete 2 dead letters?")
        assert client.zcard(keys.registry("failed", "default")) == 2
        assert run(processes, "delete", "--all", "--yes") == (0, ["2 jobs deleted"])
        assert not client.exists(keys.registry("failed", "default"))

    @pytest.mark.parametrize("unclear", ["retry", "delete --task x", "retry a --all", "--since x", "retry a --key k"])
    def test_what_is_unclear_is_refused(self, client: Redis, processes: Processes, unclear: str) -> None:
        assert run(processes, *unclear.split())[0] == 2
