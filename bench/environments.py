"""The bench's own environments, a folder each in ``.bench``, so that the project's requirements stay as they are.

``python -m bench setup`` makes them. One that was made of other pins than those of today counts as not made.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.stage import ROOT, BenchError

HOME = ROOT / ".bench"
PIP = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1", "--requirement")
NPM = ("npm", "install", "--loglevel=error", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0")
_ERROR = re.compile(r"(npm )?error\b", re.IGNORECASE)


@dataclass(frozen=True)
class Environment:
    """A virtualenv made of a requirements file, which stands beside the program that needs it."""

    name: str
    program: tuple[str, ...]
    """How its interpreter is told to run the program."""
    pins: Path

    @property
    def folder(self) -> Path:
        return HOME / self.name

    @property
    def ready(self) -> bool:
        made = self.folder / "pins.txt"
        return made.exists() and made.read_text() == self.pins.read_text()

    @property
    def pin(self) -> str:
        """Of what it is made for."""
        return self.pins.read_text().split()[0]

    @property
    def version(self) -> str:
        return self.pin.replace("@", "==").partition("==")[2]

    @property
    def interpreter(self) -> str:
        return str(self.folder / "bin" / "python")

    def command(self, *arguments: str) -> list[str]:
        return [self.interpreter, *self.program, *arguments]

    def make(self) -> None:
        """From nothing. Raises ``BenchError`` with what went wrong, in a line."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        try:
            self.install()
        except BenchError:
            shutil.rmtree(self.folder)
            raise
        shutil.copy(self.pins, self.folder / "pins.txt")

    def install(self) -> None:
        run(sys.executable, "-m", "venv", str(self.folder))
        run(self.interpreter, *PIP, str(self.pins))


class NodeEnvironment(Environment):
    """The same for Node.js: a line of the file is what npm calls a package spec."""

    @property
    def interpreter(self) -> str:
        return "node"

    def install(self) -> None:
        run("node", "--version")
        run(*NPM, "--prefix", str(self.folder), *self.pins.read_text().split())


def run(*command: str) -> None:
    """Raises ``BenchError`` with the first line that the command calls an error, else with its last."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BenchError(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        errors = [line for line in said if _ERROR.match(line)]
        raise BenchError((errors or said[-1:] or [f"{command[0]} ended with {done.returncode}"])[0])


def setup(environments: list[Environment], say: Callable[[str], None]) -> bool:
    """Make those that are not ready, with a line for each. False when one could not be made."""
    for environment in environments:
        say(f"{environment.pin} in {environment.folder.relative_to(ROOT)}: {_set_up(environment)}")
    return all(environment.ready for environment in environments)


def _set_up(environment: Environment) -> str:
    if environment.ready:
        return "is there"
    try:
        environment.make()
    except BenchError as error:
        return f"not installed: {error}"
    return "installed"
