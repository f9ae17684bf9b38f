"""A newcomer: a clean copy of the project, a bare environment, and a shell that runs what the README says."""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from contextlib import suppress
from pathlib import Path

import psutil

from tests.support import ROOT, wait_for

COMMAND = re.compile(r"^    ((?:[A-Z_]+=\S+ )*(?:python3?|\.venv/bin/\S+|curl) .*?)(?:\s+# .*)?$", re.MULTILINE)
ASSIGNMENTS = re.compile(r"^(?:[A-Z_]+=\S+ )*")
CODE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVERS = ("redis-server", "valkey-server")


def commands(text: str) -> list[str]:
    """The command lines of a document, each once."""
    return list(dict.fromkeys(COMMAND.findall(CODE.sub("", text))))


def code(text: str, holding: str) -> str:
    """Its first block of Python that holds these words."""
    return next(found[1] for found in CODE.finditer(text) if holding in found[1])


class Newcomer:
    """Runs shell lines in a folder of its own. ``server``, if any, is the one on PATH."""

    def __init__(self, folder: Path, server: Path | None) -> None:
        self.folder = folder / "signalbox"
        self._tools = folder / "bin"
        self._started: list[subprocess.Popen[str]] = []
        _copy(self.folder)
        _collect_tools(self._tools, server)
        (folder / "home").mkdir()
        paths = (self.folder / ".venv/bin", self._tools)
        self.environ = {"PATH": os.pathsep.join(map(str, paths)), "HOME": str(folder / "home")}
        _share_packages(self.folder)
        assert self.run("python3 -m venv .venv")[0] == 0

    def run(self, line: str, within: float = 180.0) -> tuple[int, list[str]]:
        """Run a line to its end: its exit code, and what it said."""
        return Running(self._start(line)).ends(within)

    def start(self, line: str) -> "Running":
        """Run a line that stays, in place of its shell, so that its exit code is its own."""
        return Running(self._start(ASSIGNMENTS.sub(r"\g<0>exec ", line)))

    def end(self) -> None:
        """Leave nothing of what was started."""
        for process in self._started:
            tree: list[psutil.Process] = []
            with suppress(psutil.NoSuchProcess):
                top = psutil.Process(process.pid)
                tree = [top, *top.children(recursive=True)]
            for one in tree:
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            process.wait()

    def _start(self, line: str) -> subprocess.Popen[str]:
        found = subprocess.Popen(
            ["/bin/sh", "-c", line],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(found)
        return found


class Running:
    """A line that runs, and what it says."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def says(self, pattern: str, within: float = 60.0) -> "re.Match[str]":
        """The first match in what it says, once it is there."""

        def look() -> "re.Match[str] | None":
            assert self._process.poll() is None or self._reader.is_alive(), "\n".join(self.lines)
            return next(filter(None, (re.search(pattern, line) for line in list(self.lines))), None)

        return wait_for(look, pattern, within)

    def interrupt(self) -> tuple[int, list[str]]:
        """Press Ctrl-C: the terminal tells all of the line."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self.ends(30.0)

    def ends(self, within: float) -> tuple[int, list[str]]:
        """Its exit code and what it said, once it has ended."""
        found = self._process.wait(within)
        self._reader.join(5)
        return found, self.lines

    def _read(self) -> None:
        assert self._process.stdout
        with self._process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip())


def _copy(folder: Path) -> None:
    """What a clone would hold, with what is not committed yet."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def _collect_tools(folder: Path, server: Path | None) -> None:
    """All programs of the system but its servers, the Python that this one is made of, and perhaps one server."""
    folder.mkdir()
    for place in ("/usr/local/bin", "/usr/bin", "/bin"):
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            if program.name not in SERVERS and not program.name.startswith("python"):
                with suppress(FileExistsError):
                    (folder / program.name).symlink_to(program)
    base = Path(getattr(sys, "_base_executable", sys.executable))
    (folder / "python3").write_text(f'#!/bin/sh\nexec "{base}" "$@"\n')
    (folder / "python3").chmod(0o755)
    if server:
        (folder / server.name).symlink_to(server)


def _share_packages(folder: Path) -> None:
    """Have the virtualenv that is made here find the packages of this one, so that nothing is downloaded."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages, programs = folder / ".venv/lib" / version / "site-packages", folder / ".venv/bin"
    packages.mkdir(parents=True)
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    programs.mkdir()
    for name in ("pip", "pytest"):
        (programs / name).write_text(f'#!/bin/sh\nexec "$(dirname "$0")/python" -m {name} "$@"\n')
        (programs / name).chmod(0o755)
