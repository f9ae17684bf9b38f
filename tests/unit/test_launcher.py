"""``jobs.launcher`` and ``jobs.daemons``: what the parts say, how they end, and what can be started."""

import signal
from importlib import import_module
from io import StringIO

import pytest

from jobs.daemons import DAEMONS
from jobs.launcher.child import exit_code
from jobs.launcher.output import Printer
from jobs.launcher.start import COMMANDS
from jobs.settings import ROLES


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
