"""The line that names an error, and what it has in common with others."""

import time
import traceback

import pytest

from jobs.errorlines import READ, error_line, fold
from jobs.records import LOST


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
        (Refused("by them"), "tests.unit.test_errorlines.Refused: by them"),
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


@pytest.mark.parametrize(
    ("line", "folded"),
    [
        ("KeyError: 'as asked'", "KeyError: 'as asked'"),
        ("ValueError: order 17 of 4,200 at 12:30:05", "ValueError: order # of # at #"),
        ("E: <Shop object at 0x7f2a90b0>", "E: <Shop object at #>"),
        ("E: 3f2b8c1e-9a3d-4f60-8b1a-0123456789ab is gone", "E: # is gone"),
        ("E: job 5540dc36681c5833bace1c2c227e3649", "E: job #"),
        ("E: ada@example.com, 10.0.0.7:6379", "E: #, #"),
        ("E: contact:42 took 1.5 s", "E: contact:# took # s"),
        ("UnicodeDecodeError: utf8 in sha256, deadbeef", "UnicodeDecodeError: utf8 in sha256, deadbeef"),
    ],
)
def test_what_differs_from_case_to_case_is_folded(line: str, folded: str) -> None:
    assert fold(line) == folded


def test_a_folded_line_is_short() -> None:
    assert len(fold("E: " + "x" * 10_000)) == 300


@pytest.mark.parametrize("part", ["x", "aB+/", "a@", "1", "f0", "a."])
def test_no_line_takes_long(part: str) -> None:
    began = time.perf_counter()
    fold("E: " + part * (256 * 1024 // len(part)))
    assert time.perf_counter() - began < 1


def test_a_line_that_quotes_a_whole_file_is_cut() -> None:
    assert error_line("ValueError: " + "x" * 10_000_000) == "ValueError: " + "x" * (READ - 12)
