"""A terminal, a pipe or a locale that is not for Unicode: every command ends as it would elsewhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import ROOT, Processes, free_port

ASCII = {"PYTHONIOENCODING": "ascii"}
LATIN = {"PYTHONIOENCODING": "latin-1"}
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
COMMANDS = [
    ("status",),
    ("doctor",),
    ("whoami",),
    ("list",),
    ("lanes",),
    ("dead",),
    ("schedules",),
    ("audit",),
    ("locks",),
    ("--help",),
    ("enqueue", "tests.tasks.add", "1", "2"),
]


@pytest.mark.parametrize("environ", [ASCII, LATIN, PLAIN], ids=["ascii", "latin-1", "LC_ALL=C"])
def test_every_command_says_what_it_can(url: str, processes: Processes, environ: dict[str, str]) -> None:
    started = [
        processes.start("-m", "jobs", *command, JOBS_TASKS="tests.tasks", NO_COLOR="1", **environ)
        for command in COMMANDS
    ]
    for process, command in zip(started, COMMANDS, strict=True):
        assert process.ends(60) in ((0, 1, 2) if command[0] in ("status", "doctor") else (0,)), process.lines
        assert not [line for line in process.lines if "Traceback" in line or "Error" in line], process.lines


@pytest.mark.parametrize("environ", [ASCII, PLAIN], ids=["ascii", "LC_ALL=C"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_combo_works(url: str, processes: Processes, folder: Path, environ: dict[str, str], form: str) -> None:
    port = str(free_port())
    process = processes.start_in(folder, "-m", "jobs", "combo", PORT=port, JOBS_LOG_FORMAT=form, **environ)
    process.says("line is clear: combo ")
    assert any("\\u2192" in line for line in process.lines) is (form == "json")


def texts(call: ast.Call) -> bool:
    """Does a call read or write text?"""
    name = ast.unparse(call.func).rpartition(".")[2]
    mode = call.args[1].value if len(call.args) > 1 and isinstance(call.args[1], ast.Constant) else "r"
    if name in ("open", "fdopen"):
        return "b" not in str(mode) and ast.unparse(call.func) in ("open", "os.fdopen")
    return name in ("read_text", "write_text") or "text=True" in map(ast.unparse, call.keywords)


def places() -> Iterator[str]:
    """Where the locale would decide how text is read or written."""
    for folder in ("jobs", "web"):
        for file in (ROOT / folder).rglob("*.py"):
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and texts(call) and "encoding" not in {key.arg for key in call.keywords}:
                    yield f"{file.relative_to(ROOT)}:{call.lineno}: {ast.unparse(call)}"


def test_no_locale_decides_how_files_are_read() -> None:
    assert list(places()) == []
