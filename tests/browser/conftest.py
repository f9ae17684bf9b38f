"""One stack, filled once, and one browser, both only while these tests run: the driver has an event loop of its own."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from redis import Redis

from jobs import catalog
from tests.browser import chromium, world
from tests.browser.site import Site
from tests.browser.stack import Stack
from tests.support import Processes

DB = 991
"""Of the tests' server; those of single tests lie below."""


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Skips where there is none, in words; with BROWSER_TESTS=required that is a failure."""
    if (found := chromium.find()) is None:
        if os.environ.get("BROWSER_TESTS") == "required":
            pytest.fail(chromium.MISSING)
        pytest.skip(chromium.MISSING)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, headless=True, args=list(chromium.FLAGS))
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def stack(server_port: int, browser: Browser) -> Iterator[Stack]:
    """A line in order, with jobs in every state."""
    url = f"redis://127.0.0.1:{server_port}/{DB}"
    Redis.from_url(url).flushdb()
    processes = Processes()
    try:
        found = Stack(processes, url)
        world.fill(found)
        found.until_clear()
        yield found
    finally:
        processes.end()
        Redis.from_url(url).flushdb()


@pytest.fixture
def site(browser: Browser, stack: Stack) -> Iterator[Site]:
    """The pages of the stack. The test fails when the browser had anything to complain about."""
    found = Site(browser, stack)
    yield found
    found.close()
    assert found.complaints == []


@pytest.fixture
def tidy(stack: Stack) -> Iterator[None]:
    """What the test enqueues is gone after it, so that others find the line as it was filled."""
    before = len(stack.enqueued)
    yield
    made = stack.enqueued[before:]
    catalog.act(stack.client, "cancel", made)
    catalog.act(stack.client, "delete", made)


@pytest.fixture
def own_stack(server_port: int, browser: Browser) -> Iterator[Stack]:
    """An empty line of the test's own, to be broken; its short heartbeats have faults told sooner."""
    url = f"redis://127.0.0.1:{server_port}/{DB + 1}"
    Redis.from_url(url).flushdb()
    processes = Processes()
    try:
        yield Stack(processes, url, JOBS_HEARTBEAT="2")
    finally:
        processes.end()
        Redis.from_url(url).flushdb()
