"""The line of a traceback that names the error."""

import traceback

import pytest

from jobs.history import LOST, error_line


def raised(error: BaseException) -> str:
    try:
        raise error
    except BaseException as caught:
        return "".join(traceback.format_exception(caught))


class Refused(Exception):
    """An error of a module, with its path before its name."""


NOTED = ValueError("first\nDETAIL: second")
NOTED.add_note("seen: twice")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("as asked"), "ValueError: as asked"),
        (KeyError(), "KeyError"),
        (Refused("by them"), "tests.unit.test_history.Refused: by them"),
        (NOTED, "ValueError: first"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_the_line_that_names_the_error_is_found(error: BaseException, line: str) -> None:
    assert error_line(raised(error)) == line


def test_of_a_chain_it_is_the_last_that_counts() -> None:
    error = RuntimeError("after")
    error.__cause__ = ValueError("before")
    assert error_line(raised(error)) == "RuntimeError: after"


def test_an_exception_group_is_named_by_an_error_in_it_or_itself() -> None:
    assert error_line(raised(ExceptionGroup("both", [OSError("disk"), KeyError("k")]))) in (
        "OSError: disk",
        "ExceptionGroup: both (2 sub-exceptions)",
    )


@pytest.mark.parametrize("text", [LOST, "The process that ran this job ended by SIGKILL; it is over."])
def test_where_no_error_is_named_it_is_the_last_line(text: str) -> None:
    assert error_line(text + "\n") == text


def test_of_nothing_it_is_nothing() -> None:
    assert error_line("") == error_line("\n\n") == ""
