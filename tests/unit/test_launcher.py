"""``jobs.launcher`` and ``jobs.daemons``: what the parts say, how they end, and what can be started."""

import json
import re
import signal
import socket
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from jobs.daemons import DAEMONS
from jobs.errors import SettingsError
from jobs.launcher import formation
from jobs.launcher.agreement import differences
from jobs.launcher.child import exit_code
from jobs.launcher.ears import Ears, Heard, parse
from jobs.launcher.output import Printer
from jobs.launcher.start import COMMANDS
from jobs.settings import ROLES, Settings
from jobs.supervise import notify
from tests.support import free_port


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_are_aligned_behind_the_longest_name() -> None:
    out = StringIO()
    printer = Printer(["combo", "web", "scheduler"], out)
    printer.line("web", "ready")
    printer.line("scheduler", "leads")
    assert out.getvalue() == "web       | ready\nscheduler | leads\n"


def test_lines_from_stderr_are_marked() -> None:
    out = StringIO()
    Printer(["web"], out).line("web", "oops", error=True)
    assert out.getvalue() == "web ! oops\n"


def test_there_is_no_colour_off_a_terminal() -> None:
    out = StringIO()
    Printer(["web"], out).line("web", "ready")
    assert "\033" not in out.getvalue()


def test_each_part_has_its_colour_on_a_terminal() -> None:
    out = Terminal()
    names = ["combo", "web", "worker", "scheduler"]
    printer = Printer(names, out)
    for name in names:
        printer.line(name, "ready")
    lines = out.getvalue().splitlines()
    assert len({line.partition("m")[0] for line in lines}) == len(names)
    assert all(line.startswith("\033[") and line.endswith("|\033[0m ready") for line in lines)


def test_more_parts_than_colours_are_all_printed() -> None:
    out = Terminal()
    names = [f"part{number}" for number in range(12)]
    printer = Printer(names, out)
    for name in names:
        printer.line(name, "ready")
    assert out.getvalue().count("\033[0m ready\n") == 12


@pytest.mark.parametrize(("error", "mark"), [(False, "|"), (True, "!")])
def test_a_stream_is_printed_line_by_line_to_its_end(error: bool, mark: str) -> None:
    out = StringIO()
    Printer(["web"], out).pump("web", StringIO("one\r\n\n  two  \nlast", newline=""), error=error)
    assert out.getvalue() == f"web {mark} one\nweb {mark} \nweb {mark}   two  \nweb {mark} last\n"


def objects(name: str, *lines: str, error: bool = False) -> list[dict[str, Any]]:
    out = StringIO()
    Printer([name], out, as_json=True).pump(name, StringIO("".join(f"{line}\n" for line in lines)), error=error)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_becomes_an_object_that_says_its_part_and_when() -> None:
    [row] = objects("web", "café “ready”")
    assert row.pop("time").endswith("Z")
    assert row == {"part": "web", "message": "café “ready”"}


def test_a_line_from_stderr_has_the_level_error() -> None:
    assert [(row["level"], row["message"]) for row in objects("web", "oops", error=True)] == [("error", "oops")]


def test_an_object_keeps_its_fields_and_is_given_its_part() -> None:
    said = {"time": "2026-01-01T00:00:00.000Z", "level": "info", "message": "up", "order": 7}
    assert objects("web", json.dumps(said)) == [{"part": "web", **said}]


@pytest.mark.parametrize("line", ["{half an object", "[1]", "{}", ""])
def test_what_only_looks_like_an_object_is_text(line: str) -> None:
    assert [row["message"] for row in objects("web", line)] == [line]


def test_an_object_that_a_job_prints_is_neither_another_parts_nor_of_another_time() -> None:
    [row] = objects("worker", '{"part": "web", "time": "2020-01-01T00:00:00.000Z", "level": "error"}')
    assert (row["part"], row["message"][:8]) == ("worker", '{"part":')
    [row] = objects("worker", '{"time": 5, "order": 7}')
    assert (row["part"], row["order"], row["time"][-1]) == ("worker", 7, "Z")


def test_the_last_words_of_a_part_are_told_once() -> None:
    printer = Printer(["web"], StringIO())
    printer.pump("web", StringIO("first\nlast\n\n"))
    assert (printer.last("web"), printer.last("web")) == ("last", "")
    printer.pump("web", StringIO('{"level": "error", "message": "no such host"}\n'))
    assert printer.last("web") == "no such host"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Procfile").write_text("web: web\nworker: worker\nmailer: mailer\n")
    monkeypatch.chdir(tmp_path)


def posts(port_given: bool = False, **environ: str) -> list[formation.Post]:
    return formation.read(Settings.from_environ({"PORT": str(free_port()), **environ}), port_given)[0]


def test_there_is_one_of_each_line_and_a_scheduler(project: None) -> None:
    assert [(post.part.name, post.part.stage, post.part.optional) for post in posts()] == [
        ("web", 2, False),
        ("worker", 1, False),
        ("mailer", 1, False),
        ("scheduler", 0, True),
    ]


def test_a_formation_says_how_many_and_each_web_has_a_port_of_its_own(project: None) -> None:
    found = posts(JOBS_FORMATION="web=2,worker=2,mailer=0", JOBS_WORKER_PORT="3001", JOBS_OPTIONAL="worker")
    assert [post.part.name for post in found] == ["web.1", "web.2", "worker.1", "worker.2", "scheduler"]
    assert [post.part.optional for post in found] == [False, False, True, True, False]
    assert found[0].environ["PORT"] != found[1].environ["PORT"]
    assert [post.environ.get("JOBS_WORKER_PORT") for post in found] == [None, None, None, "3002", None]


def test_each_name_has_ports_of_its_own_and_web_the_one_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Procfile").write_text("admin: a\nweb: b\nworker: c\nmail: d\n")
    monkeypatch.chdir(tmp_path)
    port = free_port()
    found = posts(PORT=str(port), JOBS_WORKER_PORT="3001", JOBS_FORMATION="mail=2")
    wanted = {"web": port, "admin": port + 100, "worker": port + 200, "mail.1": port + 300, "mail.2": port + 301}
    assert {post.part.name: int(post.environ["PORT"]) for post in found if post.environ} == wanted
    health = {post.part.name: post.environ.get("JOBS_WORKER_PORT") for post in found}
    assert (health["worker"], health["mail.1"], health["mail.2"]) == (None, "3301", "3302")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_port_that_is_taken_is_told_and_the_next_one_is_used(project: None, family: socket.AddressFamily) -> None:
    with socket.create_server(("::1" if family is socket.AF_INET6 else "127.0.0.1", 0), family=family) as taken:
        port = taken.getsockname()[1]
        found, said = formation.read(Settings.from_environ({"PORT": str(port), "JOBS_FORMATION": "web=2"}), False)
    ports = [int(post.environ["PORT"]) for post in found[:2]]
    assert port < ports[0] < ports[1] < port + 30
    assert said == [f"port {port} is taken; using {ports[0]}", f"port {port + 1} is taken; using {ports[1]}"]


def test_without_a_procfile_there_are_web_worker_and_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found, [said] = formation.read(Settings.from_environ({"PORT": str(free_port())}), True)
    assert [post.command.rpartition("-m ")[2] for post in found] == ["web", "jobs worker", "jobs scheduler"]
    assert said == f"there is no Procfile in {tmp_path}: running Signalbox's own web and worker"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("web: flask run\nworker: python -m jobs worker\n", []),
        ("web: flask run\n", ["worker"]),
        ("web: flask run\njobs: exec python -m jobs worker mail\n", []),
        ("worker: python -m jobs worker\n", ["web"]),
        ("api: flask run\n", ["worker", "web"]),
        ("page: python -m web\nworker: ./work.sh\n", []),
    ],
)
def test_what_the_procfile_lacks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, named: list[str]
) -> None:
    (tmp_path / "Procfile").write_text(text)
    monkeypatch.chdir(tmp_path)
    said = formation.read(Settings.from_environ({"PORT": str(free_port())}), True)[1]
    assert [re.match(r"the Procfile has no (\w+), so", one)[1] for one in said] == named  # type: ignore[index]


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"JOBS_FORMATION": "wrker=2"}, "JOBS_FORMATION is 'wrker': no such part; there are web, worker, mailer"),
        ({"JOBS_OPTIONAL": "wrker"}, "JOBS_OPTIONAL is 'wrker': no such part"),
        ({"JOBS_FORMATION": "web=0,worker=0,mailer=0,scheduler=0"}, "nothing would run"),
        ({"JOBS_FORMATION": "worker"}, "expected part=number"),
        ({"PORT": "65535", "JOBS_FORMATION": "web=2"}, "there is no such port"),
    ],
)
def test_a_formation_that_cannot_be_is_refused(project: None, environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        posts(port_given=True, **environ)


ROW = {
    "redis": "redis://a:6379/0",
    "prefix": "rq",
    "marker": "m1",
    "serializer": "json",
    "tasks": 3,
    "code": "c1",
    "commit": "",
}


def test_parts_that_are_alike_agree() -> None:
    assert differences({}) == differences({"web": ROW}) == differences({"web": ROW, "worker": dict(ROW)}) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            {"redis": "redis://a:6379/1", "marker": "m2"},
            r"web has redis://a:6379/0, prefix rq \(marker m1\), worker has redis://a:6379/1",
        ),
        ({"prefix": "shop", "marker": "m2"}, "not on the same Redis, db and prefix: .* prefix shop"),
        ({"redis": "redis://b:6379/0", "marker": "m2"}, "not on the same Redis, db and prefix: .* redis://b:6379/0"),
        ({"serializer": "pickle"}, "do not have the same serializer: web has json, worker has pickle"),
        ({"tasks": 4, "code": "c2"}, r"do not know the same tasks: web has 3 \(c1, .*, worker has 4 \(c2"),
    ],
)
def test_parts_that_differ_are_named_with_what_they_have(other: dict[str, Any], said: str) -> None:
    [sentence] = differences({"worker": ROW | other, "web": ROW})
    assert re.search(said, sentence), sentence


def test_two_names_of_one_redis_are_the_same_redis() -> None:
    assert differences({"web": ROW, "worker": ROW | {"redis": "redis://other-name:6379/0"}}) == []


def test_what_a_part_tells_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    ears = Ears()
    monkeypatch.setenv(notify.SOCKET, ears.address)
    monkeypatch.setenv("SERVICE_NAME", "worker.2")
    notify.turn()
    notify.introduce(ROW)
    assert ears.hear() == [Heard("worker.2", True, None), Heard("worker.2", False, ROW)]
    assert ears.hear() == []
    ears.close()
    notify.turn()  # nobody listens any more, which is no reason to stop


@pytest.mark.parametrize(
    "message", [b"READY=1\nSTATUS=Gunicorn arbiter booted", b"", b"X_PART=w\nX_IDENTITY={", b"\xff"]
)
def test_what_does_not_say_who_speaks_is_not_heard(message: bytes) -> None:
    assert parse(message) is None


def test_without_a_supervisor_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(notify.SOCKET, raising=False)
    notify.turn()


@pytest.mark.parametrize(
    ("returncode", "code"), [(0, 0), (1, 1), (2, 2), (255, 255), (-signal.SIGTERM, 143), (-signal.SIGKILL, 137)]
)
def test_death_by_a_signal_has_the_exit_code_of_a_shell(returncode: int, code: int) -> None:
    assert exit_code(returncode) == code


def test_every_role_has_a_command() -> None:
    assert set(COMMANDS) == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_the_command_of_a_role_runs_a_module_that_exists(role: str) -> None:
    flag, module, *names = COMMANDS[role]
    assert flag == "-m"
    assert import_module(f"{module}.__main__")
    assert module == "web" or names == [role]
    assert module == "web" or role in DAEMONS


@pytest.mark.parametrize("name", DAEMONS)
def test_every_daemon_has_a_main_and_a_purpose(name: str) -> None:
    assert callable(import_module(DAEMONS[name].module).main)
    assert DAEMONS[name].purpose.endswith(".")


def test_a_part_that_has_not_yet_heard_of_a_loss_of_data_is_no_other() -> None:
    assert differences({"web": ROW, "worker": ROW | {"marker": "new", "lost_marker": ROW["marker"]}}) == []
