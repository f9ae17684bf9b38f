"""A page shows what has changed within 2 s, and leaves its reader alone."""

import http.client
import signal
import time
import urllib.request
from contextlib import suppress

from playwright.sync_api import Page

from tests.browser.site import Site, is_live
from tests.browser.stack import Stack
from tests.support import get, wait_for
from web.pulse import LISTENERS

WITHIN = 2.0
FINISHED = 7
"""The column."""


def finished(page: Page) -> str:
    return page.locator("#queues tr[data-key=images] td").nth(FINISHED).inner_text()


def appears(page: Page, text: str) -> float:
    """Seconds until the number of finished jobs is this one."""
    began = time.monotonic()
    page.wait_for_function(
        "([at, text]) => document.querySelectorAll('#queues tr[data-key=images] td')[at].textContent === text",
        arg=[FINISHED, text],
    )
    return time.monotonic() - began


def one_more(site: Site, page: Page) -> float:
    wanted = str(int(finished(page)) + 1)
    site.stack.enqueue("shop.resize_image", "uploads/live.png", 320)
    return appears(page, wanted)


def test_a_change_shows_within_two_seconds(site: Site) -> None:
    page = site.open("/")
    is_live(page)
    assert one_more(site, page) < WITHIN


def test_who_finds_no_room_to_listen_asks_and_health_is_answered_all_the_while(site: Site) -> None:
    site.provokes("503")
    streams = [wait_for(lambda: listen(site), "room to listen", within=5) for _ in range(LISTENERS)]
    try:
        page = site.open("/")
        page.wait_for_selector("#live[data-state=polling]", state="attached")
        assert one_more(site, page) < WITHIN + 0.5
        assert get(site.stack.port, "/livez")[2] < 0.5
        status, said, _ = get(site.stack.port, "/live")
        assert (status, said["title"]) == (503, "Too many listen")
    finally:
        for stream in streams:
            stream.close()
    wait_for(lambda: listen(site), "room to listen again", within=5).close()


def listen(site: Site) -> http.client.HTTPResponse | None:
    """A stream that has begun; None where there is no room."""
    with suppress(OSError):
        stream: http.client.HTTPResponse = urllib.request.urlopen(f"{site.stack.base}/live", timeout=5)
        return stream
    return None


def test_a_page_that_nobody_sees_is_silent_and_catches_up(site: Site) -> None:
    page = site.open("/")
    is_live(page)
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_selector("#live[data-state=paused]", state="attached")
    wanted = str(int(finished(page)) + 1)
    site.answers.clear()
    site.stack.enqueue("shop.resize_image", "uploads/unseen.png", 320)
    page.wait_for_timeout(2500)  # longer than any page that looks would take
    assert site.answers == []
    page.evaluate("Object.defineProperty(document, 'hidden', {value: false, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert appears(page, wanted) < WITHIN


def test_web_ends_at_once_though_a_page_listens(own_stack: Stack) -> None:
    stream = urllib.request.urlopen(f"{own_stack.base}/live", timeout=10)
    stream.readline()
    own_stack.web.signal(signal.SIGTERM)
    began = time.monotonic()
    own_stack.web.ends()
    assert time.monotonic() - began < 4
    stream.close()


def test_redis_is_looked_at_once_a_second_however_many_listen(own_stack: Stack) -> None:
    streams = [urllib.request.urlopen(f"{own_stack.base}/live", timeout=10) for _ in range(LISTENERS)]
    before = looks(own_stack)
    time.sleep(3)
    made = looks(own_stack) - before
    for stream in streams:
        stream.close()
    assert 2 <= made <= 5


def looks(stack: Stack) -> int:
    """How often the server was asked how it is, which each look does once, and nobody else but this question."""
    return int(stack.client.info("commandstats")["cmdstat_info"]["calls"])
