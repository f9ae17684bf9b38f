"""What was done is put down: who, what, to what, when."""

import re
import time

import pytest
from redis import Redis

from jobs import audit, keys
from jobs.errors import InvalidQuery
from tests.support import Processes
from tests.visitors import OPERATOR, READER, Make

OURS = {"Sec-Fetch-Site": "same-origin"}


def said(client: Redis) -> list[tuple[str, str, str]]:
    return [(one.actor, one.action, one.target) for one in audit.entries(client).entries][::-1]


def test_pages_latest_first_lose_nothing_while_more_is_noted(client: Redis) -> None:
    for number in range(7):
        audit.note(client, "anna", "queue.pause", str(number))
    page = audit.entries(client, 3)
    seen = [one.target for one in page.entries]
    while page.next:
        audit.note(client, "anna", "queue.resume", "later")
        page = audit.entries(client, 3, page.next)
        seen += [one.target for one in page.entries]
    assert seen == ["6", "5", "4", "3", "2", "1", "0"]
    assert abs(page.entries[0].at.timestamp() - time.time()) < 60
    for cursor in ("", "x", "1-1-1", "+", "9" * 99, "0-0", f"{2**64}-0"):
        with pytest.raises(InvalidQuery):
            audit.entries(client, 3, cursor)


def test_it_is_bounded_in_number_in_length_and_in_time(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    old = int((time.time() - audit.KEPT - 5) * 1000)
    client.xadd(keys.AUDIT, {"actor": "a", "action": "b", "target": "old"}, id=f"{old}-0")
    audit.note(client, "anna", "lane.clear", "\ud800" + "x" * 9999)
    [entry] = audit.entries(client).entries
    assert len(entry.target) == audit.LONGEST
    assert audit.KEPT - 60 < int(client.ttl(keys.AUDIT)) <= audit.KEPT
    monkeypatch.setattr(audit, "MOST", 100)
    for _ in range(400):
        audit.note(client, "anna", "queue.pause", "q")
    assert client.xlen(keys.AUDIT) <= 200  # whole nodes of a hundred are cut off


def test_what_people_do_is_noted_with_their_name_and_what_programs_put_in_is_not(visitor: Make, client: Redis) -> None:
    anna, program = visitor(), visitor()
    anna.post("/login", data={"token": OPERATOR, "name": "Anna"}, headers=OURS)
    job = {"task": "tests.tasks.add", "args": [1, 2]}
    assert anna.post("/api/jobs", json={**job, "job_id": "sum"}, headers=OURS).status_code == 202
    bearer = {"Authorization": f"Bearer {OPERATOR}"}
    assert program.post("/api/jobs", json=job, headers=bearer).status_code == 202
    assert program.post("/queue/clean", headers=bearer).status_code == 200
    assert program.post("/api/jobs/sum/retry", headers=bearer).status_code == 409
    who = "operator from 203.0.113.9"
    assert said(client) == [
        (f"Anna, {who}", "session.begin", "the pages"),
        (f"Anna, {who}", "job.enqueue", "sum on default"),
        (who, "queue.clean", "all queues: 0 jobs"),
    ]
    found = program.get("/api/audit?limit=1", headers={"Authorization": f"Bearer {READER}"}).json
    assert found
    assert [one["action"] for one in found["entries"]] == ["queue.clean"]
    assert found["entries"][0]["at"].endswith("Z")
    rest = program.get(f"/api/audit?cursor={found['next']}", headers=bearer).json
    assert rest
    assert ([one["action"] for one in rest["entries"]], rest["next"]) == (["job.enqueue", "session.begin"], None)
    for query in ("limit=0", "limit=501", "limit=²", "cursor=x"):
        assert program.get(f"/api/audit?{query}", headers=bearer).status_code == 422, query


def test_the_page_shows_names_and_targets_as_they_are(visitor: Make, client: Redis) -> None:
    someone = visitor()
    someone.post("/login", data={"token": READER}, headers=OURS)
    client.delete(keys.AUDIT)
    assert "Nothing was done yet" in someone.get("/audit").text
    for number in range(60):
        audit.note(client, "<script>anna</script>", "lane.clear", f"<img src=x onerror=alert({number})>")
    shown = someone.get("/audit").text
    assert "&lt;script&gt;anna&lt;/script&gt;" in shown
    assert "<img" not in shown
    assert shown.count("<tr data-key") == 50
    more = re.search(r'href="(/audit\?cursor=[^"]+)" rel="next"', shown)
    assert more
    assert someone.get(more[1]).text.count("<tr data-key") == 10
    assert someone.get("/audit?cursor=x").status_code == 422


def test_an_action_stands_even_where_it_cannot_be_noted(visitor: Make, client: Redis) -> None:
    client.set(keys.AUDIT, "no stream")
    answer = visitor().post("/queue/clean", headers={"Authorization": f"Bearer {OPERATOR}"})
    assert answer.status_code == 200


def test_what_the_command_line_does_is_noted(url: str, client: Redis, processes: Processes) -> None:
    assert processes.start("-m", "jobs", "pause", "emails").ends() == 0
    assert processes.start("-m", "jobs", "lanes", "clear", "ann[a]").ends() == 0
    found = said(client)
    assert [one[1:] for one in found] == [("queue.pause", "emails"), ("lane.clear", "ann[a]: 0 jobs")]
    assert all(one[0].startswith("command line, ") and "@" in one[0] for one in found)
    shown = processes.start("-m", "jobs", "audit")
    assert shown.ends() == 0
    assert "ann[a]: 0 jobs" in shown.lines[1]
    assert "emails" in shown.lines[2]
