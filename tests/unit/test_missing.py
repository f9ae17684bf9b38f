"""Without the packages, or with some of them, or old ones: one line that says what to run."""

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support import ROOT

ENTRIES = [
    ("jobs",),
    ("jobs", "status"),
    ("jobs", "demo"),
    ("jobs", "combo"),
    ("jobs", "start"),
    ("jobs", "worker"),
    ("jobs", "scheduler"),
    ("web",),
]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtualenv with nothing in it."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, symlinks=True, with_pip=False)
    return folder / "bin/python"


def run(python: Path | str, folder: Path, *entry: str, packages: Path | None = None) -> tuple[int, list[str]]:
    """The exit code of ``python -m ENTRY``, and what it said."""
    paths = ":".join(map(str, filter(None, (packages, ROOT))))
    done = subprocess.run(
        [python, "-m", *entry],
        cwd=folder,
        env={"PYTHONPATH": paths, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize("entry", ENTRIES, ids=" ".join)
def test_without_packages_each_entry_says_what_to_run(bare: Path, tmp_path: Path, entry: tuple[str, ...]) -> None:
    code, [line] = run(bare, tmp_path, *entry)
    assert code == 2
    assert line.startswith(f"signalbox: {bare} has no package ")
    assert line.endswith(f". Run: {bare} -m pip install -r {ROOT / 'requirements.txt'}")


def test_where_a_virtualenv_lies_beside_it_that_is_to_be_run(bare: Path, tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    code, [line] = run(bare, tmp_path, "jobs", "combo")
    assert code == 2
    assert line.endswith(". Run it with .venv/bin/python")


@pytest.mark.parametrize("missing", ["rq", "redis", "flask", "gunicorn", "click", "honcho", "rich"])
def test_a_package_that_alone_is_missing_is_named(tmp_path: Path, missing: str) -> None:
    """Each is hidden where it is needed: a command, a daemon or web."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys\nsys.modules[{missing!r}] = None\n")
    daemons = {"honcho": "combo", "rich": "demo"}
    entry = ("web",) if missing in ("flask", "gunicorn") else ("jobs", daemons.get(missing, "status"))
    code, lines = run(sys.executable, tmp_path, *entry, packages=tmp_path)
    assert (code, len(lines)) == (2, 1), lines
    assert f" has no package {missing}. Run" in lines[0]


def test_a_package_that_is_another_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "rich").mkdir()
    for name in ("__init__", "console", "table", "progress", "text", "live", "panel", "markup"):
        (tmp_path / "rich" / f"{name}.py").touch()
    code, [line] = run(sys.executable, tmp_path, "jobs", "demo", packages=tmp_path)
    assert code == 2
    assert f"the package rich of {sys.executable} is not the one that Signalbox needs: cannot import name" in line
