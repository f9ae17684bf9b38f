"""A traceback without what is not one's own."""

import pytest

from jobs.errorlines import error_line
from jobs.tracebacks import cleaned

RUNNER = """\
  File "/app/jobs/worker/execution.py", line 93, in run
    result = slot.call(function, args, kwargs, deadline)
             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/app/jobs/worker/deadlines.py", line 42, in call
    return function(*args, **kwargs)
"""
OWN = """\
  File "/app/shop/tasks.py", line 53, in charge
    return bank.charge(order)
           ^^^^^^^^^^^^^^^^^^
"""
LIBRARY = """\
  File "/usr/lib/python3.12/site-packages/requests/api.py", line 9, in post
    return session.request("post", url)
"""
HEAD, ERROR = "Traceback (most recent call last):\n", "requests.Timeout: no answer"


def test_ones_own_frames_stay_with_a_line_for_each_row_of_others() -> None:
    assert cleaned(HEAD + RUNNER + OWN + LIBRARY + ERROR) == (
        f"{HEAD}  … 2 frames of libraries\n{OWN}  … 1 frame of libraries\n{ERROR}"
    )


def test_all_of_it_stays_where_nothing_is_ones_own() -> None:
    whole = HEAD + RUNNER + LIBRARY + ERROR
    assert cleaned(whole) == whole


@pytest.mark.parametrize("text", ["", "The worker that held the job was lost.", "ValueError"])
def test_what_is_no_traceback_stays(text: str) -> None:
    assert cleaned(text) == text


def test_a_chain_keeps_all_its_errors() -> None:
    chain = f"{HEAD}{OWN}KeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n\n"
    found = cleaned(f"{chain}{HEAD}{RUNNER}{OWN}{ERROR}")
    assert found.startswith(chain)
    assert found.count("shop/tasks.py") == 2
    assert "worker" not in found


def test_an_error_of_many_lines_stays_whole_and_is_named_alike() -> None:
    whole = f"{HEAD}{OWN}{LIBRARY}ValueError: first\n  second, set in\n      third\n"
    assert cleaned(whole).endswith("ValueError: first\n  second, set in\n      third")
    assert error_line(cleaned(whole)) == error_line(whole)


def test_frames_of_an_exception_group_are_left_out_too() -> None:
    group = """\
  + Exception Group Traceback (most recent call last):
  |   File "/usr/lib/python3.12/asyncio/taskgroups.py", line 145, in __aexit__
  |     raise me from None
  |   File "/app/shop/tasks.py", line 3, in go
  |     async with TaskGroup() as group:
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/shop/tasks.py", line 9, in fetch
    |     raise ValueError(1)
    | ValueError: 1
    +------------------------------------"""
    found = cleaned(group)
    assert "taskgroups" not in found
    assert "raise me" not in found
    assert "  | ExceptionGroup: unhandled" in found
    assert "    | ValueError: 1" in found
