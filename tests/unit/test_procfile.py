"""The files that platforms read: Procfile, railway.json and .railway/railway.py."""

import http.client
import json
import re
import runpy
import shlex
import socket
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


@pytest.fixture(scope="module")
def resources() -> dict[str, dict[str, Any]]:
    """What ``.railway/railway.py`` builds, by address."""
    graph = runpy.run_path(str(ROOT / ".railway" / "railway.py"))["main"]().to_graph()
    return {resource["address"]: resource for resource in graph["resources"]}


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


def test_railway_starts_every_service_with_one_command(deploy: dict[str, Any]) -> None:
    assert deploy["startCommand"] == START


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


@pytest.mark.parametrize("role", ["web", "worker"])
def test_the_railway_graph_has_a_service_for_each_role(
    resources: dict[str, dict[str, Any]], deploy: dict[str, Any], role: str
) -> None:
    found = resources[f"service.{role}"]
    assert found["variables"]["JOBS_ROLE"]["value"] == role
    assert found["variables"]["REDIS_URL"]["resource"] == "service.redis"
    assert found["variables"]["RAILWAY_DEPLOYMENT_DRAINING_SECONDS"]["value"] == str(deploy["drainingSeconds"])
    for name in ("startCommand", "healthcheckPath", "drainingSeconds", "restartPolicyType"):
        assert found["deploy"][name] == deploy[name]


def test_web_and_worker_differ_in_their_role_only(resources: dict[str, dict[str, Any]]) -> None:
    web, worker = ({**resources[f"service.{role}"], "name": "", "address": ""} for role in ("web", "worker"))
    assert web.pop("variables").keys() == worker.pop("variables").keys()
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


def test_the_railway_file_holds_no_secret(resources: dict[str, dict[str, Any]]) -> None:
    assert resources["service.redis"]["variables"]["REDIS_PASSWORD"] == {"type": "preserve"}
    assert resources["service.web"]["variables"]["JOBS_TOKEN"] == {"type": "preserve"}
