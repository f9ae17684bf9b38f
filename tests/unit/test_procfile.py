"""The files that platforms read: Procfile, railpack.json, railway.json and .railway/railway.py."""

import http.client
import json
import os
import re
import runpy
import shlex
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from honcho.environ import parse_procfile
from redis import Redis

from jobs.health.answers import Answers
from jobs.health.presence import Presence
from jobs.health.server import serve
from jobs.health.watch import Watch
from jobs.launcher.start import COMMANDS
from jobs.settings import Settings
from web import create_app

ROOT = Path(__file__).parents[2]
START = "exec python -m jobs start"
PROCFILE = (ROOT / "Procfile").read_text()
SETTINGS = Settings.from_environ({"REDIS_URL": "redis://127.0.0.1:1/0"})


@pytest.fixture(scope="module")
def deploy() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "railway.json").read_text())["deploy"]
    return found


def described(roles: tuple[str, ...] | None = None) -> dict[str, dict[str, Any]]:
    """What ``.railway/railway.py`` builds by address, evaluated as Railway's command line does (src/iac/eval.rs)."""
    module = runpy.run_path(str(ROOT / ".railway" / "railway.py"))
    if roles:
        module["main"].__globals__["ROLES"] = roles
    graph = module["main"]().to_graph()
    return {resource["address"]: resource for resource in graph["resources"]}


@pytest.fixture(scope="module")
def resources() -> dict[str, dict[str, Any]]:
    return described()


def railpack_start(files: dict[str, str]) -> str:
    """What Railpack starts, by its own order: deploy.startCommand, else the Procfile's web, else its worker.

    https://railpack.com/config/procfile, and ``applyConfig`` in core/generate/context.go of railwayapp/railpack.
    """
    deploy = json.loads(files.get("railpack.json", "{}")).get("deploy", {})
    procfile = parse_procfile(files["Procfile"]).processes
    return str(deploy.get("startCommand") or procfile.get("web") or procfile["worker"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_line_of_the_procfile_is_a_name_and_a_command_that_replaces_its_shell() -> None:
    for line in PROCFILE.splitlines():
        assert re.fullmatch(r"[a-z]+: exec [^:#]+", line)
    assert PROCFILE.endswith("\n")


def test_honcho_reads_the_procfile() -> None:
    processes = parse_procfile(PROCFILE).processes
    assert list(processes) == ["web", "worker"]
    assert len(processes) == len(PROCFILE.splitlines())


@pytest.mark.parametrize("role", ["web", "worker"])
def test_the_procfile_starts_what_jobs_start_does(role: str) -> None:
    command = parse_procfile(PROCFILE).processes[role]
    assert shlex.split(command) == ["exec", "python", *COMMANDS[role]]


def test_railpack_starts_what_each_line_of_the_procfile_does_by_jobs_role(deploy: dict[str, Any]) -> None:
    files = {"railpack.json": (ROOT / "railpack.json").read_text(), "Procfile": PROCFILE}
    assert railpack_start(files) == START == deploy["startCommand"]
    for role, command in parse_procfile(PROCFILE).processes.items():
        assert command == f"exec python {shlex.join(COMMANDS[role])}"


def test_without_railpack_json_every_service_would_be_web() -> None:
    assert railpack_start({"Procfile": PROCFILE}) == parse_procfile(PROCFILE).processes["web"]


def test_railway_leaves_time_to_finish(deploy: dict[str, Any]) -> None:
    assert isinstance(deploy["drainingSeconds"], int)
    assert deploy["drainingSeconds"] > SETTINGS.grace


def test_web_serves_the_health_check_of_railway(deploy: dict[str, Any]) -> None:
    assert create_app(SETTINGS).url_map.bind("web").test(deploy["healthcheckPath"], "GET")


def test_a_worker_serves_the_health_check_of_railway(deploy: dict[str, Any], client: Redis) -> None:
    port = free_port()
    presence = Presence(SETTINGS, "worker", client, queues=("default",))
    serve(SETTINGS, port, Answers(SETTINGS, client, Watch(SETTINGS, client), presence, {}))
    answers = {}
    for path in (deploy["healthcheckPath"], "/nothing-here"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        with connection.getresponse() as response:
            answers[path] = (response.status, json.loads(response.read()).get("reason"))
        connection.close()
    unheard = "Redis has not taken this process's heartbeat yet"
    assert answers == {deploy["healthcheckPath"]: (503, unheard), "/nothing-here": (404, "no such page")}


FORMS = {"two services": ("web", "worker"), "one service": ("combo",)}


@pytest.mark.parametrize("form", FORMS)
def test_the_railway_graph_has_a_service_for_each_role(form: str) -> None:
    found = described(FORMS[form])
    assert found.keys() == {"volume.redis-data", "service.redis", *(f"service.{role}" for role in FORMS[form])}
    for role in FORMS[form]:
        variables = found[f"service.{role}"]["variables"]
        environ = {name: str(one.get("value", "")) for name, one in variables.items()} | {"REDIS_URL": "redis://r"}
        settings = Settings.from_environ({"RAILWAY_ENVIRONMENT_NAME": "production", **environ})
        assert settings.role == role
        assert not settings.warnings
        assert variables["REDIS_URL"]["resource"] == "service.redis"


def test_the_railway_graph_leaves_to_railpack_how_to_start_and_no_default_stands_in_it(
    resources: dict[str, dict[str, Any]], deploy: dict[str, Any]
) -> None:
    """A plan shows a default that stands in the file as a change, each time."""
    for role in ("web", "worker"):
        assert resources[f"service.{role}"]["deploy"] == {"healthcheckPath": deploy["healthcheckPath"]}


def test_the_railway_file_describes_a_part_of_the_project() -> None:
    """Without PARTIAL Railway's command line plans to delete all services that are not in the file
    (``diff_graphs`` in src/iac/change_set.rs of railwayapp/cli), and a name of another form is refused (partial.rs)."""
    assert re.fullmatch(r"[a-zA-Z0-9._-]{1,64}", runpy.run_path(str(ROOT / ".railway" / "railway.py"))["PARTIAL"])


def test_web_and_worker_differ_in_their_role_only(resources: dict[str, dict[str, Any]]) -> None:
    web, worker = ({**resources[f"service.{role}"], "name": "", "address": ""} for role in ("web", "worker"))
    web["variables"], worker["variables"] = ({**one["variables"], "JOBS_ROLE": ""} for one in (web, worker))
    assert web == worker


def test_the_redis_of_railway_keeps_what_it_accepts(resources: dict[str, dict[str, Any]]) -> None:
    redis = resources["service.redis"]
    shell, flag, command = shlex.split(redis["deploy"]["startCommand"])
    assert (shell, flag) == ("/bin/sh", "-c")
    options = shlex.split(command)
    for option, value in (("--appendonly", "yes"), ("--maxmemory-policy", "noeviction"), ("--dir", "/data")):
        assert options[options.index(option) + 1] == value
    [attachment] = redis["volumeAttachments"].values()
    assert attachment["mountPath"] == "/data"
    assert resources[attachment["volume"]]["type"] == "volume"


def test_the_redis_of_railway_does_not_start_without_its_password(resources: dict[str, dict[str, Any]]) -> None:
    command = shlex.split(resources["service.redis"]["deploy"]["startCommand"])
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=10)
    assert (done.returncode != 0, "REDIS_PASSWORD: set it" in done.stderr) == (True, True)


def test_the_railway_file_holds_no_secret(resources: dict[str, dict[str, Any]]) -> None:
    assert resources["service.redis"]["variables"]["REDIS_PASSWORD"] == {"type": "preserve"}
    assert resources["service.web"]["variables"]["JOBS_TOKEN"] == {"type": "preserve"}
