"""Ten thousand jobs of mixed states: the lists are painted as soon as ever."""

from functools import partial

import pytest

from jobs import gates
from tests import crowd
from tests.browser.site import Site, is_live
from tests.browser.stack import Stack
from tests.browser.test_every_page import WEIGHT, is_painted_soon, sent
from tests.support import wait_for

JOBS = 10_000
PATHS = ("/jobs", "/jobs?state=failed", "/failures", "/queues", "/lanes")


@pytest.fixture
def crowded(own_stack: Stack) -> Stack:
    """Jobs that lie where they are: nobody takes from a queue that is paused."""
    for queue in crowd.QUEUES:
        gates.pause(own_stack.client, queue)
    crowd.fill(own_stack.client, JOBS)
    return own_stack


def test_first_paint_and_weight_are_those_of_a_small_line(crowded: Stack, site: Site) -> None:
    for path in PATHS:
        address = crowded.base + path
        site.answers.clear()
        is_live(site.open(address))
        assert sum(sent(one) for one in site.answers if not one.url.endswith("/live")) <= WEIGHT, path
        wait_for(partial(is_painted_soon, site, address), f"{path} to be painted in time", within=40)
        site.close()
