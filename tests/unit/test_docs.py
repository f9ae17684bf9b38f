"""The documents say what is so."""

import re
from typing import get_args

import pytest

from jobs import keys
from jobs.cli import cli
from jobs.daemons import DAEMONS
from jobs.health.diagnosis import Code
from jobs.settings import PLATFORMS, TABLE, Settings
from tests.support import ROOT
from web import create_app

README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()


@pytest.mark.parametrize(("variable", "default", "purpose"), TABLE)
def test_every_setting_is_in_the_readme(variable: str, default: str, purpose: str) -> None:
    shown = default if default == "none" else f"`{default}`"
    assert f"| `{variable}` | {shown} | {purpose} |" in README


def test_the_readme_lists_no_other_setting() -> None:
    section = README.split("## Settings")[1].split("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {variable for variable, _, _ in TABLE}


def test_every_variable_that_the_code_reads_is_known() -> None:
    known = (
        {variable for variable, _, _ in TABLE}
        | set(PLATFORMS)
        | {"JOBS_PARENT", "JOBS_INSTANCE_TOKEN", "JOBS_OWN_PARTS"}
    )
    code = "".join(path.read_text() for path in [*ROOT.glob("jobs/**/*.py"), *ROOT.glob("web/**/*.py")])
    assert set(re.findall(r"\bJOBS_[A-Z_]+\b", code)) <= known


@pytest.mark.parametrize("key", keys.KEYS)
def test_every_key_is_in_the_architecture(key: keys.Key) -> None:
    assert f"| `{key.pattern}` | {key.type} | {key.ttl} | {key.purpose} |" in ARCHITECTURE


@pytest.mark.parametrize("command", [*DAEMONS, *cli.commands])
def test_every_command_is_in_the_readme(command: str) -> None:
    assert f"`python -m jobs {command}" in README


def test_every_route_is_in_the_readme() -> None:
    app = create_app(Settings.from_environ({"REDIS_URL": "redis://127.0.0.1:1"}))
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            assert f"{re.sub(r'<(?:path:|job_|worker_)', '<', rule.rule)}`" in README, rule.rule


def test_every_finding_is_in_the_readme_and_no_other() -> None:
    section = README.split("| finding | means |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `([a-z_]+)` \| [^|]+ \|$", section, re.MULTILINE) == list(get_args(Code))


def test_every_metric_is_in_the_readme() -> None:
    code = "".join((ROOT / f"jobs/health/{name}.py").read_text() for name in ("metrics", "answers"))
    names = set(re.findall(r'"(signalbox_\w+|rq_\w+)"', code)) - {"rq_request_processing_seconds"}
    assert len(names) >= 9
    assert {name for name in names if f"`{name}`" not in README} == set()


def test_the_readmes_two_lines_are_the_ones_that_ci_runs() -> None:
    ci = (ROOT / ".ci/run").read_text()
    lines = re.findall(r"^    python3 (-m venv \.venv && .*)$", README, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        assert line.replace("pip install -r", "pip install -q -r") in ci
