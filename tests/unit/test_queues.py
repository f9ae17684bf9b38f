"""``jobs.queues.prepare``: every check that a job passes before anything is written."""

import json
import sys
import zlib
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

import pytest
import rq
import rq.job
from fakeredis import FakeRedis
from rq.serializers import JSONSerializer, PickleSerializer

from jobs import queues, registry, settings
from jobs.errors import (
    EnqueueError,
    InvalidArguments,
    InvalidJobId,
    InvalidOption,
    PayloadTooLarge,
    UnknownTask,
)
from jobs.queues import MAX_KEY, MAX_PAYLOAD, MAX_SECONDS, prepare
from jobs.registry import OPTIONS, Task
from jobs.retry import Retry
from jobs.scripts import NewJob
from jobs.tasks import task


def send(to: str, text: Any = "", *, copy: bool = False) -> None: ...


def bill(customer: str) -> None: ...


def send_receipt(order: int, to: str) -> None: ...


def save(**fields: Any) -> None: ...


SAVE: Any = save


def the_key(**fields: Any) -> str:
    return str(fields.get("key", "none"))


def prepare_save(**fields: Any) -> NewJob:
    return prepare(save, **fields)


def enqueue_save(**fields: Any) -> object:
    return queues.enqueue(save, **fields)


def by_customer(customer: str) -> str:
    return customer


SEND = f"{__name__}.send"
BILL = f"{__name__}.bill"
Environ = Callable[..., None]


@pytest.fixture(autouse=True)
def tasks() -> Iterator[None]:
    before = dict(registry._tasks)
    registry.register(Task(send, retry=Retry(1)))
    registry.register(Task(bill, queue="money", timeout=7, retry=Retry(4, backoff=10, jitter=0), key=by_customer))
    yield
    registry._tasks.clear()
    registry._tasks.update(before)


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[Environ]:
    """Sets variables, which are read at the next use."""

    def use(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        settings.current.cache_clear()

    use()
    yield use
    settings.current.cache_clear()


def restored(job: NewJob, serializer: type[Any] = JSONSerializer) -> rq.job.Job:
    """The job as stock RQ reads it from Redis."""
    hash_ = {
        name.encode(): value if isinstance(value, bytes) else str(value).encode() for name, value in job.fields.items()
    }
    found = rq.job.Job(job.id, connection=FakeRedis(), serializer=serializer)
    found.restore(hash_)
    return found


def test_a_job_gets_what_its_task_and_the_settings_say() -> None:
    job = prepare(SEND, "ada")
    assert (job.queue, job.key, job.delay, job.unique, job.at_front) == ("default", "", 0, False, False)
    assert job.fields["timeout"] == 180
    assert job.fields["result_ttl"] == 604800
    assert "retries_left" not in job.fields
    other = prepare(BILL, "ada")
    assert (other.queue, other.fields["timeout"], other.fields["retries_left"]) == ("money", 7, 3)


def test_options_win_over_the_task() -> None:
    job = prepare(BILL, "ada", queue="fast", timeout=1.2, retry=Retry(1), delay=5, job_id="bill-1", unique=True)
    assert (job.queue, job.delay, job.id, job.unique) == ("fast", 5, "bill-1", True)
    assert job.fields["timeout"] == 2
    assert "retries_left" not in job.fields


def test_the_first_queue_of_the_settings_is_the_default(environ: Environ) -> None:
    environ(JOBS_QUEUES="high,low", JOBS_TIMEOUT="5m", JOBS_KEEP="1h")
    job = prepare(SEND, "ada")
    assert (job.queue, job.fields["timeout"], job.fields["result_ttl"]) == ("high", 300, 3600)


def test_a_task_may_be_given_by_name_as_function_or_as_task() -> None:
    made = [prepare(task, "ada").fields["data"] for task in (SEND, send, registry.of(send))]
    assert made == [made[0]] * 3


def test_jobs_without_an_id_get_one_each() -> None:
    assert prepare(SEND, "ada").id != prepare(SEND, "ada").id


@pytest.mark.parametrize("task", ["nowhere.found", "", prepare, 5, None])
def test_an_unknown_task_is_refused(task: Any) -> None:
    with pytest.raises(UnknownTask):
        prepare(task)


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), (("a", "b", "c"), {}), (("a",), {"to": "b"}), (("a",), {"colour": "red"}), (("a",), {"durable": True})],
)
def test_arguments_that_do_not_fit_the_signature_are_refused(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with pytest.raises(InvalidArguments, match=r"send\(to: str, text: Any = '', \*, copy: bool = False\)"):
        prepare(SEND, *args, **kwargs)


class TestAnyKeyword:
    """A task with ``**fields``, which may mean what enqueue takes for an option."""

    @pytest.fixture(autouse=True)
    def _is_a_task(self) -> None:
        task(key=the_key)(save)

    @pytest.mark.parametrize(
        ("option", "value"), [*((option, None) for option in sorted(OPTIONS)), ("timeout", 5), ("delay", 0)]
    )
    @pytest.mark.parametrize("how", ["its own", "by name"])
    def test_what_may_be_meant_as_an_option_or_not_is_refused(self, option: str, value: Any, how: str) -> None:
        """Even where it has no value: ``None`` would not reach the task either."""
        fields = {"table": "orders", option: value}
        for call in (SAVE.prepare, SAVE.enqueue) if how == "its own" else (prepare_save, enqueue_save):
            with pytest.raises(InvalidArguments, match=rf"save\(\*\*fields: .*save\.options\({option}=\.\.\.\)"):
                call(**fields)

    def test_options_apart_reach_the_job_and_fields_the_task(self) -> None:
        job = SAVE.options(timeout=5, job_id="a", delay=1).prepare(timeout=7, key="lane", unique=None)
        assert (job.fields["timeout"], job.id, job.delay, job.unique) == (5, "a", 1, False)
        assert json.loads(job.fields["data"])[3] == {"timeout": 7, "key": "lane", "unique": None}
        assert job.key == "lane"

    def test_what_is_no_option_is_refused_by_name(self) -> None:
        with pytest.raises(InvalidOption, match="'colour' is not an option; options: delay"):
            SAVE.options(colour="red")
        with pytest.raises(InvalidOption, match="enqueue_many"):
            SAVE.options(durable=True).prepare()


def endless() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "value", [object(), b"bytes", {1, 2}, float("nan"), float("inf"), {(1, 2): 3}, [{"deep": object()}], endless()]
)
def test_arguments_that_are_not_plain_json_are_refused(value: object) -> None:
    with pytest.raises(InvalidArguments, match="not plain JSON"):
        prepare(SEND, "ada", value)


class Colour(IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({1: "a", "1": "b"}, r"args\[1\]\[1\]: the key is not a text"),
        ([{"a": {None: 1}}], r'args\[1\]\[0\]\["a"\]\[None\]: the key is not a text'),
        ({"colour": Colour.RED}, r'args\[1\]\["colour"\]: <Colour\.RED: 1> is an enum'),
    ],
)
def test_arguments_that_json_would_change_are_refused_by_their_place(value: object, where: str) -> None:
    with pytest.raises(InvalidArguments, match=where):
        prepare(SEND, "ada", value)


@pytest.mark.parametrize("value", [None, True, 1, -1.5, "text", "ünï \0 🚀", [1, [2]], {"a": {"b": []}}])
def test_plain_json_is_read_back_by_stock_rq(value: object) -> None:
    job = restored(prepare(SEND, "ada", value, copy=True))
    assert (job.func_name, job.args, job.kwargs, job.instance) == (SEND, ["ada", value], {"copy": True}, None)


def filling(size: int) -> str:
    """The text that makes the payload of ``send`` this long."""
    return "x" * (size - len(json.dumps((SEND, None, (""), {}), separators=(",", ":"))) - len("[]"))


def test_a_payload_of_256_kib_is_accepted_and_one_byte_more_is_not() -> None:
    job = prepare(SEND, filling(MAX_PAYLOAD))
    assert isinstance(job.fields["data"], bytes)
    assert len(zlib.decompress(job.fields["data"])) == MAX_PAYLOAD == 262144
    with pytest.raises(PayloadTooLarge, match=r"262,145 bytes; at most 262,144"):
        prepare(SEND, filling(MAX_PAYLOAD + 1))


@pytest.mark.parametrize(("size", "compressed"), [(1023, False), (1024, True), (100_000, True)])
def test_payloads_from_1_kib_are_compressed_and_stock_rq_reads_both(size: int, compressed: bool) -> None:
    text = filling(size)
    job = prepare(SEND, text)
    assert isinstance(job.fields["data"], bytes)
    assert job.fields["data"].startswith(b"[") is not compressed
    assert restored(job).args == [text]


def test_pickle_carries_what_json_does_not(environ: Environ) -> None:
    environ(JOBS_SERIALIZER="pickle")
    assert restored(prepare(SEND, "ada", {1, 2}), PickleSerializer).args == ("ada", {1, 2})


@pytest.mark.parametrize("job_id", ["a", "A-b_9", "x" * 200])
def test_a_good_job_id_is_kept(job_id: str) -> None:
    assert prepare(SEND, "ada", job_id=job_id).id == job_id


@pytest.mark.parametrize(
    "job_id", ["", "a b", "a:b", "a/b", "ä", "a\n", "x" * 201, "heartbeat-1", 7, True, b"a", ["a"]]
)
def test_a_bad_job_id_is_refused(job_id: Any) -> None:
    with pytest.raises(InvalidJobId, match="job_id is "):
        prepare(SEND, "ada", job_id=job_id)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("queue", "a b"),
        ("queue", "high,low"),
        ("queue", "high\n"),
        ("queue", "q" * 129),
        ("queue", 5),
        ("key", ""),
        ("key", "k" * (MAX_KEY + 1)),
        ("key", "ä" * (MAX_KEY // 2 + 1)),
        ("key", "\ud800"),
        ("key", 5),
        ("key", b"k"),
        ("delay", "x"),
        ("delay", "5"),
        ("delay", -1),
        ("delay", True),
        ("delay", None),
        ("delay", float("nan")),
        ("delay", float("inf")),
        ("delay", MAX_SECONDS + 1),
        ("timeout", "x"),
        ("timeout", -1),
        ("timeout", 0),
        ("timeout", True),
        ("timeout", float("nan")),
        ("timeout", MAX_SECONDS + 1),
        ("retry", 3),
        ("retry", "3"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(option: str, value: Any) -> None:
    with pytest.raises(InvalidOption, match=option):
        prepare(SEND, "ada", **{option: value})


def test_unique_needs_a_job_id() -> None:
    with pytest.raises(InvalidOption, match="unique=True needs a job_id"):
        prepare(SEND, "ada", unique=True)


@pytest.mark.parametrize("unique", ["yes", 2, None])
def test_unique_is_true_or_false_and_nothing_else(unique: Any) -> None:
    with pytest.raises(InvalidOption, match="unique"):
        prepare(SEND, "ada", job_id="a", unique=unique)


@pytest.mark.parametrize("error", [UnknownTask, InvalidArguments, PayloadTooLarge, InvalidJobId, InvalidOption])
def test_every_refusal_is_a_value_error_too(error: type[Exception]) -> None:
    assert issubclass(error, EnqueueError)
    assert issubclass(error, ValueError)


@pytest.mark.parametrize(("delay", "timeout"), [(0, 0.1), (MAX_SECONDS, MAX_SECONDS)])
def test_the_shortest_and_longest_times_are_accepted(delay: float, timeout: float) -> None:
    job = prepare(SEND, "ada", delay=delay, timeout=timeout)
    assert job.delay == delay
    assert job.fields["timeout"] == max(1, timeout)


def test_the_description_holds_no_arguments() -> None:
    job = prepare(SEND, "hunter2", text="hunter2")
    assert job.fields["description"] == f"{SEND}()"
    shown = {name: value for name, value in job.fields.items() if name != "data"}
    assert "hunter2" not in repr(shown)


def test_a_job_is_put_in_the_lane_that_its_task_makes_of_the_arguments() -> None:
    job = prepare(BILL, "ada")
    assert (job.key, job.fields["key"]) == ("ada", "ada")
    assert prepare(BILL, customer="bob").key == "bob"


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((7, "ada"), {}), ((7,), {"to": "ada"}), ((), {"to": "ada", "order": 7})],
    ids=["in their order", "both", "by their names"],
)
def test_a_key_that_names_an_argument_gets_it_however_the_call_is_written(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    receipt = registry.register(Task(send_receipt, key=lambda order, **_: f"order:{order}"))
    assert prepare(receipt, *args, **kwargs).key == "order:7"


def test_an_explicit_key_wins() -> None:
    job = prepare(BILL, "ada", key="all")
    assert (job.key, job.fields["key"]) == ("all", "all")


@pytest.mark.parametrize("customer", ["", "k" * (MAX_KEY + 1), 5])
def test_a_lane_that_a_task_makes_is_checked_too(customer: Any) -> None:
    with pytest.raises(InvalidOption, match="key is "):
        prepare(BILL, customer)


def test_a_job_without_a_key_has_no_lane() -> None:
    job = prepare(SEND, "ada")
    assert job.key == ""
    assert "key" not in job.fields


@pytest.mark.parametrize(
    ("retry", "left", "intervals"),
    [
        (Retry(1), None, None),
        (Retry(2, backoff=3, jitter=0), 1, [3]),
        (Retry(4, backoff=3, jitter=0), 3, [3, 6, 12]),
        (rq.Retry(max=2), 2, [0]),
        (rq.Retry(max=3, interval=9), 3, [9]),
        (rq.Retry(max=3, interval=[1, 2, 3]), 3, [1, 2, 3]),
    ],
)
def test_retries_are_written_as_stock_rq_reads_them(
    retry: Retry | rq.Retry, left: int | None, intervals: list[float] | None
) -> None:
    job = restored(prepare(SEND, "ada", retry=retry))
    assert (job.retries_left, job.retry_intervals) == (left, intervals)


def test_jobs_that_fail_together_are_not_tried_again_together() -> None:
    assert len({prepare(SEND, "ada", retry=Retry(2)).fields["retry_intervals"] for _ in range(50)}) > 1


def plain(first: Any, second: Any = 0) -> None: ...


def many(first: Any, *rest: Any) -> None: ...


def named(*, first: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "arity"), [(plain, range(1, 3)), (many, range(1, sys.maxsize)), (named, range(0)), (send, range(1, 3))]
)
def test_a_tasks_arity_is_the_calls_that_need_no_keywords(function: Callable[..., None], arity: range) -> None:
    assert Task(function).arity == arity


@pytest.mark.parametrize("front", [True, False])
def test_an_rq_retry_at_the_front_stays_one(front: bool) -> None:
    job = prepare(SEND, "ada", retry=rq.Retry(max=1, enqueue_at_front=front))
    assert bool(restored(job).enqueue_at_front_on_retry) is front


def test_many_jobs_are_sent_in_parts_that_are_neither_many_nor_large() -> None:
    def made(count: int, size: int) -> list[NewJob]:
        return [NewJob(str(number), "default", {"data": b"x" * size}) for number in range(count)]

    small = list(queues._chunks(made(1001, 10)))
    assert list(map(len, small)) == [500, 500, 1]
    large = list(queues._chunks(made(70, 256 * 1024)))
    assert list(map(len, large)) == [32, 32, 6]
    assert [job.id for chunk in large for job in chunk] == [str(number) for number in range(70)]
    assert list(queues._chunks([])) == []
