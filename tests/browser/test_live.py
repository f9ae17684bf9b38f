"""A page shows what has changed within 2 s, and leaves its reader alone."""

import http.client
import time
import urllib.request
from contextlib import suppress

from playwright.sync_api import Page

from tests.browser.site import Site, is_live
from tests.support import get, wait_for
from web.pulse import LISTENERS

WITHIN = 2.0
FINISHED = 6
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
    assert all("503" in one for one in site.complaints)
    site.complaints.clear()
    wait_for(lambda: listen(site), "room to listen again", within=5).close()


def listen(site: Site) -> http.client.HTTPResponse | None:
    """A stream that has begun; None where there is no room."""
    with suppress(OSError):
        stream: http.client.HTTPResponse = urllib.request.urlopen(f"{site.stack.base}/live", timeout=5)
        return stream
    return None
