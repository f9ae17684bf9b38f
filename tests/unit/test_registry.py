"""``jobs.registry`` and ``@task``: what may run, and what cannot be a task."""

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from jobs import registry
from jobs.errors import InvalidOption, InvalidTask, SettingsError, UnknownTask
from jobs.registry import OPTIONS, Task
from jobs.tasks import task


def greet(name: str) -> str:
    return f"hello {name}"


def part(name: str, loud: bool = False) -> str:
    return name.upper() if loud else name


@pytest.fixture(autouse=True)
def only_tasks_of_the_test() -> Iterator[None]:
    before = dict(registry._tasks)
    registry._tasks.clear()
    yield
    registry._tasks.clear()
    registry._tasks.update(before)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules can be imported, and are forgotten after the test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def defined(source: str, module: str = "shop") -> Callable[..., Any]:
    """The function ``f`` of a module of that name."""
    made = ModuleType(module)
    exec(source, vars(made))
    function: Callable[..., Any] = made.f
    return function


def test_a_task_stays_a_plain_function() -> None:
    assert task(greet) is greet
    assert task(attempts=5)(greet) is greet
    assert greet("Ada") == "hello Ada"


def test_a_task_is_registered_under_its_dotted_name() -> None:
    task(greet)
    assert registry.names() == [f"{__name__}.greet"]
    assert registry.find(f"{__name__}.greet").function is greet
    assert registry.of(greet).function is greet


def test_a_task_keeps_the_options_of_its_decorator() -> None:
    task(queue="mail", timeout=5, attempts=7, backoff=1.5, key=part)(greet)
    found = registry.of(greet)
    assert (found.queue, found.timeout, found.key) == ("mail", 5, part)
    assert (found.retry.attempts, found.retry.backoff) == (7, 1.5)


def test_a_task_prepares_jobs_of_itself() -> None:
    made = task(queue="mail")(greet).prepare("Ada", delay=5)
    assert (made.queue, made.delay, made.fields["description"]) == ("mail", 5, f"{__name__}.greet()")


def test_a_task_that_is_registered_again_is_replaced() -> None:
    registry.register(Task(greet, queue="old"))
    registry.register(Task(greet, queue="new"))
    assert registry.of(greet).queue == "new"
    assert len(registry.names()) == 1


def test_a_lambda_cannot_be_a_task() -> None:
    with pytest.raises(InvalidTask, match="inside a function"):
        task(lambda: None)


def test_a_module_level_lambda_cannot_be_a_task() -> None:
    with pytest.raises(InvalidTask, match="<lambda>"):
        task(defined("f = lambda: None"))


def test_a_nested_function_cannot_be_a_task() -> None:
    def nested() -> None: ...

    with pytest.raises(InvalidTask, match="nested is defined inside a function"):
        task(nested)


def test_a_function_of_a_script_cannot_be_a_task() -> None:
    with pytest.raises(InvalidTask, match=r"__main__\.f is in a file that is run as a script"):
        task(defined("def f(): ...", "__main__"))


@pytest.mark.parametrize("option", sorted(OPTIONS))
def test_a_parameter_named_like_an_option_is_refused(option: str) -> None:
    with pytest.raises(InvalidTask, match=f"parameter '{option}'"):
        task(defined(f"def f({option}): ..."))


def test_a_refused_task_is_not_registered() -> None:
    with pytest.raises(InvalidTask):
        task(defined("def f(queue): ..."))
    assert registry.names() == []


@pytest.mark.parametrize(
    "options", [{"queue": "a b"}, {"queue": ""}, {"attempts": 0}, {"attempts": 101}, {"backoff": -1}, {"timeout": -1}]
)
def test_an_option_of_the_decorator_that_cannot_be_used_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=next(iter(options))):
        task(**options)(greet)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    task(greet)
    task(part)
    with pytest.raises(UnknownTask) as caught:
        registry.find("shop.sell")
    assert "'shop.sell'" in str(caught.value)
    assert str(caught.value).endswith(f"known: {__name__}.greet, {__name__}.part")


def test_an_unknown_name_is_answered_even_when_none_is_known() -> None:
    with pytest.raises(UnknownTask, match="known: none"):
        registry.find("shop.sell")


@pytest.mark.parametrize("function", [greet, print, Task])
def test_a_function_that_is_no_task_is_unknown(function: Callable[..., Any]) -> None:
    with pytest.raises(UnknownTask, match=function.__name__):
        registry.of(function)


def test_loading_a_module_registers_its_tasks(modules: Path) -> None:
    (modules / "shop_good.py").write_text("from jobs import task\n@task\ndef sell(): ...\n")
    registry.load(("shop_good",))
    assert registry.names() == ["shop_good.sell"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (None, "ModuleNotFoundError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def", "SyntaxError"),
        ("import nowhere_to_be_found", "nowhere_to_be_found"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_named_with_the_reason(
    modules: Path, source: str | None, reason: str
) -> None:
    if source is not None:
        (modules / "shop_bad.py").write_text(source)
    importlib.invalidate_caches()
    with pytest.raises(SettingsError) as caught:
        registry.load(("shop_bad",))
    assert str(caught.value).startswith("JOBS_TASKS is 'shop_bad': importing it failed: ")
    assert reason in str(caught.value)


def digest_of(*sources: str) -> str:
    registry._tasks.clear()
    for number, source in enumerate(sources):
        registry.register(Task(defined(source, f"shop{number}")))
    return registry.digest()


@pytest.mark.parametrize("other", ["def f(a, b): ...", "def f(b): ...", "def f(a=1): ..."])
def test_the_digest_changes_with_a_signature(other: str) -> None:
    assert digest_of(other) != digest_of("def f(a): ...")


def test_the_digest_changes_with_the_names() -> None:
    assert digest_of("def f(a): ...", "def f(a): ...") != digest_of("def f(a): ...")


def test_the_digest_ignores_bodies_and_the_order_of_registration() -> None:
    before = digest_of("def f(a): return 1", "def f(b): ...")
    registry._tasks.clear()
    registry.register(Task(defined("def f(b): ...", "shop1")))
    registry.register(Task(defined("def f(a): return 2", "shop0")))
    assert registry.digest() == before
    assert len(bytes.fromhex(before)) == 6


def generates() -> Any:
    yield 1


async def generates_later() -> Any:
    yield 1


class Holder:
    def method(self) -> None: ...

    @classmethod
    def of_the_class(cls) -> None: ...

    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (functools.partial(print, 1), "is not a function"),
        (Holder(), "is not a function"),
        (Holder, "is not a function"),
        (Holder.method, "is a method"),
        (Holder().method, "is a method"),
        (Holder.__dict__["of_the_class"], "is a method"),
        (print, "is not a function"),
        (generates, "generator function"),
        (generates_later, "generator function"),
    ],
)
def test_what_cannot_run_as_a_job_is_refused_in_words(function: Any, words: str) -> None:
    with pytest.raises(InvalidTask, match=words):
        task(function)


def test_a_static_method_is_a_task_in_either_order_of_decorators(modules: Path) -> None:
    (modules / "statics.py").write_text(
        "from jobs import task\nclass Shop:\n"
        " @staticmethod\n @task\n def below(x): return x\n"
        " @task\n @staticmethod\n def above(x): return x\n"
    )
    registry.load(("statics",))
    shop = importlib.import_module("statics").Shop
    for name in ("below", "above"):
        assert getattr(shop, name).prepare(1).fields["description"] == f"statics.Shop.{name}()"
        assert registry.find(f"statics.Shop.{name}").function(7) == 7


ABOVE = """
from functools import lru_cache, wraps
from jobs import task
def loud(f):
    @wraps(f)
    def call(*args): return f(*args)
    return call
"""


@pytest.mark.parametrize(
    "source",
    [
        "@loud\n@task\ndef f(x): ...",
        "class f:\n @lru_cache\n @task\n def inner(x): ...",
        "class f:\n @staticmethod\n @loud\n @task\n def inner(x): ...",
    ],
)
def test_a_decorator_above_task_is_refused(modules: Path, source: str) -> None:
    """Also in a module that only another one imports."""
    (modules / "deeper.py").write_text(ABOVE + source)
    (modules / "outer.py").write_text("import deeper")
    with pytest.raises(SettingsError, match=r"deeper\.f(\.inner)? has a decorator above @task, .* put @task on top"):
        registry.load(("outer",))
