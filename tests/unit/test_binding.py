"""Functions of a job's arguments are called as they name these, however the job was called; what JSON would change."""

import inspect
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import pytest

from jobs import binding, plain


class Colour(IntEnum):
    RED = 1


def order(order: int, *, note: str = "n") -> None: ...


def two(first: int, second: int = 2) -> None: ...


@pytest.mark.parametrize(
    ("task", "function", "made"),
    [
        (order, lambda order, **_: f"order:{order}", "order:7"),
        (order, lambda order: order, 7),
        (order, lambda **every: sorted(every), ["note", "order"]),
        (order, lambda note, order: (order, note), (7, "n")),
        (order, lambda x: x, 7),
        (order, lambda *every, note: (every, note), ((7,), "n")),
        (order, str, "7"),
        (two, lambda a, b: (a, b), (7, 2)),
        (two, lambda second, prefix="p": (prefix, second), ("p", 2)),
    ],
)
def test_a_function_is_given_what_it_names(
    task: Callable[..., Any], function: Callable[..., Any], made: object
) -> None:
    call = binding.of(inspect.signature(task), function)
    assert call((7,), {}) == made
    assert function is str or call((), {next(iter(inspect.signature(task).parameters)): 7}) == made


def any_fields(table: str, /, row: int = 0, **fields: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "made"),
    [
        (lambda **every: sorted(every.items()), [("colour", "red"), ("row", 0), ("table", "t")]),
        (lambda row, colour="none": (row, colour), (0, "red")),
        (lambda table="none", other="none": (table, other), ("t", "none")),
    ],
)
def test_a_function_is_given_fields_by_their_names(function: Callable[..., Any], made: object) -> None:
    call = binding.of(inspect.signature(any_fields), function)
    assert call(("orders",), {"colour": "red", "table": "t"}) == made


@pytest.mark.parametrize("function", [lambda a, b: a, lambda *, other: other])
def test_one_that_no_call_can_give_what_it_takes_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="and the task"):
        binding.of(inspect.signature(order), function)


@pytest.mark.parametrize(
    ("args", "where"),
    [
        (({1: "a", "1": "b"},), "args[0][1]: the key is not a text"),
        (([{"a": ({None: 1},)}],), 'args[0][0]["a"][0][None]: the key is not a text'),
        ((1, Colour.RED), "args[1]: <Colour.RED: 1> is an enum; pass its value"),
        ((1, "a", 2.5, None, True, [1, (2, 3)], {"a": {"b": []}}), None),
    ],
)
def test_what_json_would_change_is_named(args: tuple[Any, ...], where: str | None) -> None:
    assert plain.changed(args, "args") == where
