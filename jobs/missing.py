"""One line in place of a traceback where a package is not installed: which one, for which Python, and what to run."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"


@contextmanager
def told() -> Iterator[None]:
    """End the process with one line and code 2 when what is imported inside is not installed, or is another version."""
    try:
        yield
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "jobs", "web"):
            raise
        print(f"signalbox: {_wrong(error, package)}. {_remedy()}", file=sys.stderr)
        sys.exit(2)


def _wrong(error: ImportError, package: str) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{sys.executable} has no package {package}"
    return f"the package {package} of {sys.executable} is not the one that Signalbox needs: {error}"


def _remedy() -> str:
    here = Path(".venv/bin/python")
    if here.exists() and Path(sys.prefix).resolve() != here.parents[1].resolve():
        return f"Run it with {here}"
    if sys.prefix != sys.base_prefix:
        return f"Run: {sys.executable} -m pip install -r {REQUIREMENTS}"
    return f"Run: python3 -m venv .venv && .venv/bin/pip install -r {REQUIREMENTS}, and then .venv/bin/python"
