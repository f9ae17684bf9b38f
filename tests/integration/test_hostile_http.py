"""Paths, lengths and headers as nobody who means well writes them, to a real server; and a worker's own."""

import re
import socket
from contextlib import suppress

import pytest

from jobs.health.throttle import GUESSES
from tests.support import Processes, answers, free_port, get, post, wait_for
from tests.visitors import OPERATOR, READER, TOKENS
from web.bodies import MOST

WRITTEN = r"""
//api/audit /api//audit /./api/audit /static/../api/audit /api/x/../audit /livez/../api/audit /api/%2e%2e/api/audit
/api/jobs/%2e%2e%2faudit /api/jobs/..%2faudit /api%2faudit /api/audit/ /API/audit /api/audit%00 /api/audit%20
/api/audit;x=1 /api/audit.json /%61pi/audit /login/../api/audit /?/livez //evil.example //evil.example/%2e%2e
/\evil.example /%5cevil.example /login//evil.example // /static/x/../../auth.py /static/x/..%2f..%2fauth.py
/static/x/%2e%2e/%2e%2e/auth.py /static/x//etc/passwd /static/x/%00 /static/x/..\auth.py * http://localhost/api/audit
http://evil.example/api/audit
"""
TRICKS = WRITTEN.split()


@pytest.fixture
def port(url: str, processes: Processes) -> int:
    found = free_port()
    processes.start("-m", "web", PORT=str(found), JOBS_TASKS="tests.tasks", **TOKENS)
    wait_for(lambda: answers(found), "web to listen")
    return found


def raw(port: int, *lines: str, body: bytes = b"") -> tuple[int, str]:
    """The status and the whole answer to a request that is sent as it stands."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")
        with suppress(ConnectionError):  # it may have heard enough
            connection.sendall(head + body)
        said = b""
        with suppress(ConnectionError):
            while part := connection.recv(65536):
                said += part
    return int(said.split(b" ", 2)[1]) if said else 0, said.decode(errors="replace")


def test_no_way_of_writing_a_path_leads_in_or_out(port: int) -> None:
    for path in TRICKS:
        status, said = raw(port, f"GET {path} HTTP/1.1", "Host: localhost")
        assert status in (302, 308, 400, 401, 404), (path, said)
        assert '"entries"' not in said, path
        assert "def identify" not in said, path
        location = re.search(r"^location: (.*?)\r$", said, re.IGNORECASE | re.MULTILINE)
        if location:
            assert re.match(r"/(?![/\\])|http://localhost(:\d+)?/", location[1]), (path, location[1])


def test_over_http_what_is_too_large_malformed_or_two_things_at_once_is_refused(port: int) -> None:
    post = (
        "POST /api/jobs HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {OPERATOR}",
        "Content-Type: application/json",
    )
    job = b'{"task": "tests.tasks.add", "args": [1, 2]}'
    length = f"Content-Length: {len(job)}"
    assert raw(port, *post, length, body=job)[0] == 202
    assert raw(port, *post, f"Content-Length: {MOST + 1}", body=b"x" * (MOST + 1))[0] in (413, 0)
    for size, statuses in ((len(job), (202,)), (MOST, (413, 0)), (3 * MOST, (413, 0))):
        chunks = b"%x\r\n" % size + job.ljust(size) + b"\r\n0\r\n\r\n"
        assert raw(port, *post, "Transfer-Encoding: chunked", body=chunks)[0] in statuses, size
    assert raw(port, *post, length, "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + job)[0] in (400, 411, 422)
    assert raw(port, *post, length, "Content-Length: 3", body=job)[0] == 400
    assert raw(port, *post, "Content-Length: -1", body=job)[0] == 400
    assert raw(port, *post, f"X: {'y' * 70_000}", length, body=job)[0] in (400, 431)
    for method in ("TRACE", "CONNECT", "PUT", "PATCH", "get", "X" * 30):
        assert raw(port, f"{method} /api/audit HTTP/1.1", "Host: localhost")[0] in (400, 401, 405, 501), method
    two = raw(
        port,
        "GET /api/audit HTTP/1.1",
        "Host: localhost",
        "Authorization: Bearer x",
        f"Authorization: Bearer {OPERATOR}",
    )
    assert two[0] in (400, 401)


def test_a_keeper_knows_who_may_what_as_web_does(url: str, processes: Processes) -> None:
    port = free_port()
    worker = processes.start("-m", "jobs", "worker", JOBS_TASKS="tests.tasks", JOBS_WORKER_PORT=str(port), **TOKENS)
    worker.says("is ready")
    reader, operator = ({"Authorization": f"Bearer {token}"} for token in (READER, OPERATOR))
    assert "processes" not in get(port, "/health")[1]
    assert "processes" in get(port, "/health", **reader)[1]
    assert "processes" not in get(port, "/health", **reader, Origin="https://evil.example")[1]
    assert [post(port, "/health/probe", {}, **headers)[0] for headers in ({}, reader)] == [401, 403]
    assert post(port, "/health/probe", {}, **operator)[0] == 200
    for _ in range(GUESSES):
        assert "processes" not in get(port, "/health", Authorization="Bearer guess")[1]
    assert "processes" not in get(port, "/health", **reader)[1]
