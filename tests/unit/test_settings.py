"""``jobs.settings``: what is read, which variable wins, and what is said when one cannot be used."""

from pathlib import Path

import pytest

from jobs.errors import SettingsError
from jobs.settings import PLATFORMS, ROLES, TABLE, Settings

REDIS = {"REDIS_URL": "redis://first:6379/0"}


def refusal(environ: dict[str, str]) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(environ)
    return caught.value


def place(environ: dict[str, str]) -> str | None:
    found = Settings.from_environ(environ)
    return found.redis.place if found.redis else None


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environ({}) == Settings(
        redis=None,
        platform=None,
        environment="local",
        commit="",
        service="",
        replica="",
        draining=None,
        warnings=(),
        queues=("default",),
        tasks=(),
        role="combo",
        token=None,
        read_token=None,
        host=None,
        port=8000,
        worker_port=None,
        worker_health_url=None,
        unknown_wait=3600,
        introduce=True,
        serializer="json",
        timeout=180,
        read_pickle=False,
        allow="tasks",
        webhooks=False,
        pool="thread",
        concurrency=10,
        processes=1,
        runs="all",
        lease=6,
        types=(),
        type="",
        single=False,
        if_held="wait",
        interruptions=3,
        max_jobs=0,
        max_memory=0,
        max_running=(),
        halt=(),
        keep=604800,
        result_limit=None,
        keep_last=10000,
        heartbeat=15,
        warn_pending=1000,
        formation=(),
        optional=("scheduler",),
        grace=10,
        log_format="auto",
        log_level="info",
        log_levels=(),
        folder=Path(".signalbox"),
        key_prefix="rq",
    )


@pytest.mark.parametrize("variable", [variable for variable, _, _ in TABLE] + ["REDISHOST", "REDIS_HOST"])
@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_variable_counts_as_unset(variable: str, blank: str) -> None:
    assert Settings.from_environ({variable: blank}) == Settings.from_environ({})


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("JOBS_QUEUES", " high, default,high,,mail.out:1 ", "queues", ("high", "default", "mail.out:1")),
        ("JOBS_TASKS", "shop.tasks, mail", "tasks", ("shop.tasks", "mail")),
        ("JOBS_MAX_RUNNING", " inbox=10, mail.out=2 ", "max_running", (("inbox", 10), ("mail.out", 2))),
        ("JOBS_HALT", "money, mail", "halt", ("money", "mail")),
        ("JOBS_KEEP_LAST", "0", "keep_last", 0),
        ("JOBS_RESULT_LIMIT", "64K", "result_limit", 65_536),
        ("JOBS_RESULT_LIMIT", "0", "result_limit", 0),
        ("JOBS_WARN_PENDING", "50000", "warn_pending", 50_000),
        ("JOBS_ROLE", "Worker", "role", "worker"),
        ("JOBS_TOKEN", " abc ", "token", "abc"),
        ("JOBS_HOST", "::", "host", "::"),
        ("PORT", "65535", "port", 65535),
        ("JOBS_WORKER_PORT", "1", "worker_port", 1),
        ("WORKER_HEALTH_URL", "http://[::1]:3001", "worker_health_url", "http://[::1]:3001"),
        ("JOBS_SERIALIZER", "PICKLE", "serializer", "pickle"),
        ("JOBS_LOG_LEVEL", "debug", "log_level", "debug"),
        ("JOBS_FOLDER", "/data/box", "folder", Path("/data/box")),
        ("RQ_KEY_PREFIX", "{shop}:rq", "key_prefix", "{shop}:rq"),
        (
            "JOBS_TYPES",
            "inbound=inbox, default; mail=out",
            "types",
            (("inbound", ("inbox", "default")), ("mail", ("out",))),
        ),
        ("JOBS_TYPE", "inbound", "type", "inbound"),
        ("JOBS_IF_HELD", "exit", "if_held", "exit"),
        ("RAILWAY_REPLICA_ID", "r1", "replica", "r1"),
        ("SERVICE_NAME", "web", "service", "web"),
        ("RAILWAY_SERVICE_NAME", "web", "service", "web"),
        ("RAILWAY_GIT_COMMIT_SHA", "c0ffee", "commit", "c0ffee"),
        ("SOURCE_VERSION", "c0ffee", "commit", "c0ffee"),
    ],
)
def test_each_variable_sets_its_field(variable: str, text: str, field: str, value: object) -> None:
    assert getattr(Settings.from_environ({variable: text}), field) == value


@pytest.mark.parametrize(
    ("environ", "grace", "warns"),
    [
        ({}, 10, False),
        ({"RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "15"}, 12, False),
        ({"RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "15", "JOBS_GRACE": "5"}, 5, False),
        ({"RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "15", "JOBS_GRACE": "20"}, 20, True),
        ({"RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "0"}, 10, True),
        ({"RAILWAY_DEPLOYMENT_DRAINING_SECONDS": "0", "JOBS_GRACE": "5"}, 5, True),
    ],
)
def test_the_grace_is_what_the_platform_leaves(environ: dict[str, str], grace: float, warns: bool) -> None:
    found = Settings.from_environ({**REDIS, "RAILWAY_ENVIRONMENT_NAME": "production", **environ})
    assert found.grace == grace
    assert any("KILLS" in warning for warning in found.warnings) is warns


@pytest.mark.parametrize(("variable", "field"), [("JOBS_TIMEOUT", "timeout"), ("JOBS_KEEP", "keep")])
@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15", 15), ("0.5", 0.5), ("90s", 90), ("10m", 600), ("1.5h", 5400), ("7d", 604800), (" 2m ", 120)],
)
def test_durations_have_units(variable: str, field: str, text: str, seconds: float) -> None:
    assert getattr(Settings.from_environ({variable: text}), field) == seconds


@pytest.mark.parametrize(
    ("variable", "text", "accepted"),
    [
        ("REDIS_URL", "http://cache", "redis://"),
        ("UPSTASH_REDIS_URL", "http://cache", "redis://"),
        ("JOBS_QUEUES", "a b", "queue names"),
        ("JOBS_QUEUES", ",", "queue names"),
        ("JOBS_QUEUES", "ünder", "queue names"),
        ("JOBS_QUEUES", "q" * 129, "queue names"),
        ("JOBS_MAX_RUNNING", "inbox", "queue=number"),
        ("JOBS_MAX_RUNNING", "inbox=0", "queue=number"),
        ("JOBS_MAX_RUNNING", "inbox=-1", "queue=number"),
        ("JOBS_MAX_RUNNING", "in box=1", "queue=number"),
        ("JOBS_HALT", "a b", "queue names"),
        ("JOBS_KEEP_LAST", "-1", "whole number"),
        ("JOBS_RESULT_LIMIT", "1 MiB", "such as 65536, 64k"),
        ("JOBS_RESULT_LIMIT", "-1", "such as 65536, 64k"),
        ("JOBS_TASKS", "shop/tasks.py", "module names"),
        ("JOBS_TASKS", "shop-tasks", "module names"),
        ("JOBS_TASKS", "shop..tasks", "module names"),
        ("JOBS_ROLE", "boss", ", ".join(ROLES)),
        ("PORT", "0", "1 to 65535"),
        ("PORT", "65536", "1 to 65535"),
        ("PORT", "-1", "1 to 65535"),
        ("PORT", "http", "1 to 65535"),
        ("JOBS_WORKER_PORT", "x", "1 to 65535"),
        ("JOBS_TYPES", "inbound", "type=queues"),
        ("JOBS_TYPES", "in bound=inbox", "type=queues"),
        ("JOBS_TYPES", "inbound=a b", "queue names"),
        ("JOBS_TYPE", "in:bound", "such as inbound"),
        ("JOBS_SINGLE", "yes", "0 or 1"),
        ("JOBS_IF_HELD", "die", "wait, exit"),
        ("JOBS_SERIALIZER", "yaml", "json, pickle"),
        ("JOBS_TIMEOUT", "soon", "10m"),
        ("JOBS_TIMEOUT", "0", "above zero"),
        ("JOBS_TIMEOUT", "-5", "above zero"),
        ("JOBS_TIMEOUT", "5 m", "10m"),
        ("JOBS_KEEP", "1w", "7d"),
        ("JOBS_KEEP", "nan", "7d"),
        ("JOBS_HEARTBEAT", "0.0", "above zero"),
        ("JOBS_GRACE", "inf", "10m"),
        ("JOBS_FORMATION", "web", "web=1"),
        ("JOBS_FORMATION", "web=101", "0 to 100"),
        ("JOBS_LOG_FORMAT", "xml", "auto, text, json"),
        ("RAILWAY_DEPLOYMENT_DRAINING_SECONDS", "-1", "10m"),
        ("JOBS_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("RQ_KEY_PREFIX", "a b", "rq or {rq}"),
    ],
)
def test_a_bad_value_is_named_shown_and_told_what_is_accepted(variable: str, text: str, accepted: str) -> None:
    error = refusal({variable: text})
    assert error.variable == variable
    assert str(error).startswith(f"{variable} is {text!r}: ")
    assert accepted in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("variable", ["REDISPORT", "REDIS_PORT"])
def test_a_bad_redis_port_is_named(variable: str) -> None:
    error = refusal({variable.replace("PORT", "HOST"): "cache", variable: "x"})
    assert str(error) == f"{variable} is 'x': expected a port number from 1 to 65535"


@pytest.mark.parametrize("variable", ["REDISHOST", "REDIS_HOST"])
def test_a_bad_redis_host_is_named_and_its_password_hidden(variable: str) -> None:
    error = refusal({variable: "[::1", variable.replace("HOST", "PASSWORD"): "hunter2hunter2"})
    assert error.variable == variable
    assert "hunter2" not in str(error)


def test_the_earlier_variable_wins() -> None:
    environ = {
        "REDIS_URL": "redis://first",
        "UPSTASH_REDIS_URL": "rediss://second",
        "REDISHOST": "third",
        "REDIS_HOST": "fourth",
    }
    won = []
    for variable in list(environ):
        won.append(place(environ))
        del environ[variable]
    assert won == ["first:6379", "second:6379", "third:6379", "fourth:6379"]
    assert place(environ) is None


@pytest.mark.parametrize("mark", ["REDIS", "REDIS_"])
def test_host_port_user_and_password_may_come_apart(mark: str) -> None:
    environ = {f"{mark}HOST": "fd12::1", f"{mark}PORT": "6380", f"{mark}USER": "ada", f"{mark}PASSWORD": "p@ss/#?:%"}
    found = Settings.from_environ(environ).redis
    assert found
    assert (found.nodes, found.username, found.password) == ((("fd12::1", 6380),), "ada", "p@ss/#?:%")


@pytest.mark.parametrize(
    "later",
    [
        {"UPSTASH_REDIS_URL": "rediss://:hunter2hunter2@second"},
        {"REDISHOST": "second", "REDISPASSWORD": "hunter2hunter2"},
        {"REDIS_HOST": "second", "REDIS_PASSWORD": "hunter2hunter2"},
        {"REDIS_HOST": "first", "REDIS_PORT": "6380"},
    ],
)
def test_variables_that_disagree_are_both_named_without_a_password(later: dict[str, str]) -> None:
    environ = {"REDIS_URL": "redis://:hunter2hunter2@first:6379/0", **later}
    [warning] = Settings.from_environ(environ).warnings
    assert "REDIS_URL, which is used" in warning
    assert warning.startswith(next(iter(later)))
    assert "hunter2" not in warning


def test_variables_that_agree_are_not_warned_of() -> None:
    environ = {"REDIS_URL": "redis://ada:secret@Cache/0", "REDISHOST": "cache", "REDISPORT": "6379"}
    assert Settings.from_environ(environ).warnings == ()


@pytest.mark.parametrize(("variable", "platform"), PLATFORMS.items())
def test_a_platform_without_redis_is_refused(variable: str, platform: str) -> None:
    error = refusal({variable: "production"})
    assert error.variable == "REDIS_URL"
    assert str(error).startswith(f"REDIS_URL is not set: {platform} ")


@pytest.mark.parametrize(("variable", "platform"), PLATFORMS.items())
def test_a_platform_with_redis_is_recognised(variable: str, platform: str) -> None:
    found = Settings.from_environ({**REDIS, variable: "staging"})
    assert found.platform == platform
    assert found.environment == ("staging" if platform == "Railway" else platform.lower())


def test_printed_settings_show_neither_token_nor_password() -> None:
    found = Settings.from_environ({"REDIS_URL": "redis://ada:hunter2hunter2@cache", "JOBS_TOKEN": "tok3ntok3n"})
    assert found.token == "tok3ntok3n"
    assert found.redis
    assert found.redis.password == "hunter2hunter2"
    for shown in (repr(found), str(found)):
        assert "hunter2" not in shown
        assert "tok3n" not in shown


def test_the_table_has_a_row_for_every_variable_with_its_purpose() -> None:
    rows = {variable: (default, purpose) for variable, default, purpose in TABLE}
    assert len(rows) == len(TABLE)
    assert rows["PORT"][0] == "8000"
    assert rows["JOBS_TOKEN"][0] == "none"
    assert all(purpose for _, purpose in rows.values())


def test_a_type_serves_its_queues() -> None:
    types = {"JOBS_TYPES": "inbound=inbox,default;outbound=mail", "JOBS_QUEUES": "other"}
    assert Settings.from_environ(types).queues == ("other",)
    assert Settings.from_environ({**types, "JOBS_TYPE": "inbound"}).queues == ("inbox", "default")


def test_a_type_without_a_map_serves_the_queue_of_its_name() -> None:
    assert Settings.from_environ({"JOBS_TYPE": "inbound", "JOBS_SINGLE": "1"}).queues == ("inbound",)


def test_a_type_that_the_map_does_not_have_is_refused() -> None:
    error = refusal({"JOBS_TYPES": "inbound=inbox;outbound=mail", "JOBS_TYPE": "inbuond"})
    assert str(error) == "JOBS_TYPE is 'inbuond': JOBS_TYPES has only inbound, outbound"


def test_a_single_worker_has_a_type() -> None:
    assert str(refusal({"JOBS_SINGLE": "1"})).startswith("JOBS_TYPE is not set: of which type")


@pytest.mark.parametrize(
    ("environ", "concurrency"),
    [({"JOBS_ALLOW": "any"}, 1), ({"JOBS_ALLOW": "any", "JOBS_CONCURRENCY": "4"}, 4), ({"JOBS_ALLOW": "tasks"}, 10)],
)
def test_code_that_was_written_for_rq_runs_alone_in_its_process(environ: dict[str, str], concurrency: int) -> None:
    assert Settings.from_environ(environ).concurrency == concurrency
