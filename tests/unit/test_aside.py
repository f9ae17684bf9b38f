"""Beside a loop: once at a time, and an error ends that time only."""

import threading

import pytest
import redis.exceptions

from jobs.aside import Aside
from tests.support import wait_for


def test_it_is_done_once_at_a_time() -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def work() -> None:
        begun.append(threading.get_ident())
        go_on.wait(20)

    aside = Aside("work", work)
    aside.start()
    wait_for(lambda: begun, "it to begin")
    aside.start()
    assert len(begun) == 1
    assert begun[0] != threading.get_ident()
    go_on.set()

    def again() -> bool:
        aside.start()
        return len(begun) > 1

    wait_for(again, "it to be done again")


@pytest.mark.parametrize(
    ("error", "said"),
    [(redis.exceptions.ConnectionError("gone"), "work is put off: gone"), (ValueError("odd"), "work has failed")],
)
def test_what_it_raises_is_said(error: Exception, said: str, caplog: pytest.LogCaptureFixture) -> None:
    def work() -> None:
        raise error

    Aside("work", work).start()
    wait_for(lambda: said in caplog.messages, "it to be said")
