"""The command line: one clear line and a code for everything that cannot be."""

from pathlib import Path

import pytest
from redis import Redis

from jobs.job import Job
from tests.support import Processes, free_port

ENQUEUE = ("-m", "jobs", "enqueue", "tests.tasks.add", "1", "2", "--import", "tests.tasks")


def test_a_job_is_enqueued_and_its_id_printed(url: str, client: Redis, processes: Processes) -> None:
    process = processes.start(*ENQUEUE, "--queue", "high", "--key", "k", "--job-id", "sum")
    assert process.ends() == 0
    assert process.lines == ["sum"]
    job = Job.fetch("sum", client)
    assert (job.origin, job.args, job.key_of_lane) == ("high", [1, 2], "k")


def test_an_argument_that_is_no_json_is_a_text(url: str, client: Redis, processes: Processes) -> None:
    """Even if Python would read it as a number."""
    words = ("NaN", '{"a": -Infinity}')
    process = processes.start("-m", "jobs", "enqueue", "tests.tasks.add", *words, "--import", "tests.tasks")
    assert process.ends() == 0, process.lines
    assert Job.fetch(process.lines[0], client).args == list(words)


BAD = {
    "a bad scheme": ({"REDIS_URL": "htp://h"}, "REDIS_URL is 'htp://h'"),
    "a bad port": ({"REDIS_URL": "redis://h:99999/0"}, "REDIS_URL is 'redis://h:99999/0'"),
    "a bad PORT": ({"PORT": "eighty"}, "PORT is 'eighty'"),
    "a bad duration": ({"JOBS_TIMEOUT": "soon"}, "JOBS_TIMEOUT is 'soon'"),
    "an unreachable host": ({"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}, "does not answer"),
    "a host that does not exist": ({"REDIS_URL": "redis://no-such-host.invalid/0"}, "does not answer"),
    "no Redis on a platform": ({"REDIS_URL": "", "DYNO": "web.1"}, "REDIS_URL is not set"),
    "a bad prefix": ({"RQ_KEY_PREFIX": "a b"}, "RQ_KEY_PREFIX is 'a b'"),
    "a token that no header can carry": ({"JOBS_TOKEN": "clé"}, "JOBS_TOKEN is '***'"),
    "a certificate that is not there": ({"REDIS_URL": "rediss://h/0?ssl_ca_certs=/no"}, "there is no file /no"),
    "a folder that cannot be": ({"REDIS_URL": "", "JOBS_FOLDER": "/dev/null/x"}, "JOBS_FOLDER is '/dev/null/x'"),
    "a module that is not there": ({"JOBS_TASKS": "no.such.module"}, "JOBS_TASKS is 'no.such.module'"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_setting_is_one_line_and_code_2(processes: Processes, url: str, case: str) -> None:
    environ, said = BAD[case]
    arguments = ENQUEUE[:-2] if "JOBS_TASKS" in environ else ENQUEUE
    process = processes.start(*arguments, **environ)
    assert process.ends(30) == 2
    lines = [line for line in process.lines if "next one in" not in line]
    assert len(lines) == 1, process.lines
    assert lines[0].startswith("signalbox: ")
    assert said in lines[0]


@pytest.mark.parametrize("command", [("-m", "jobs", "worker"), ("-m", "jobs", "combo"), ("-m", "web")])
def test_a_daemon_with_a_bad_setting_ends_with_one_line(processes: Processes, command: tuple[str, ...]) -> None:
    process = processes.start(*command, REDIS_URL="redis://:hunter2-secret@h:port/0")
    assert process.ends() == 2
    assert len(process.lines) == 1
    assert "REDIS_URL is 'redis://:***@h:port/0'" in process.lines[0]


@pytest.mark.parametrize("command", [("-m", "jobs", "worker"), ("-m", "web")])
def test_a_bad_prefix_is_one_line_for_a_daemon_too(processes: Processes, url: str, command: tuple[str, ...]) -> None:
    process = processes.start(*command, RQ_KEY_PREFIX="a b")
    assert process.ends() == 2
    assert len(process.lines) == 1, process.lines


def test_a_wrong_password_ends_a_worker_with_one_line_that_does_not_show_it(processes: Processes, url: str) -> None:
    secret = url.replace("redis://", "redis://somebody:hunter2-secret@")
    process = processes.start("-m", "jobs", "worker", REDIS_URL=secret)
    assert process.ends() == 2
    assert "refused the user name or password" in process.lines[-1]
    assert "hunter2-secret" not in "\n".join(process.lines)


def test_a_worker_waits_for_a_redis_that_is_not_there_yet(processes: Processes) -> None:
    process = processes.start("-m", "jobs", "worker", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    process.says("next try in 0.5 s")
    assert process.popen.poll() is None


@pytest.mark.parametrize("role", ["web", "worker", "scheduler", "combo"])
def test_start_becomes_what_the_role_says(processes: Processes, url: str, role: str) -> None:
    process = processes.start("-m", "jobs", "start", JOBS_ROLE=role, PORT=str(free_port()))
    process.says("line is clear" if role == "combo" else f"{role}-")


def test_help_names_every_command(processes: Processes) -> None:
    process = processes.start("-m", "jobs", "--help")
    assert process.ends() == 0
    text = "\n".join(process.lines)
    assert all(name in text for name in ("combo", "start", "worker", "scheduler", "demo", "enqueue"))


def test_web_and_worker_started_apart_without_redis_url_share_the_local_server(
    processes: Processes, folder: Path
) -> None:
    worker = processes.start_in(folder, "-m", "jobs", "worker")
    web = processes.start_in(folder, "-m", "web", PORT=str(free_port()))
    markers = {process.says(" is ready").partition("(marker ")[2].split(",")[0] for process in (worker, web)}
    assert len(markers) == 1
