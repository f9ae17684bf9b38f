"""What holds for every page, whoever made it."""

import gzip

import pytest
from playwright.sync_api import Response

from tests.browser.access import barriers
from tests.browser.site import Site, is_live, overflow
from tests.support import wait_for
from web.frame import PAGES

WEIGHT = 150_000
"""Bytes that a page and all it needs may be, as sent."""
FIRST_PAINT = 500
"""Milliseconds."""
PATHS = [page.path for page in PAGES]


@pytest.mark.parametrize("path", PATHS)
def test_it_loads_without_a_word_from_the_browser_and_is_live(site: Site, path: str) -> None:
    page = site.open(path)
    is_live(page)
    assert page.locator("h1").count() == 1
    assert page.locator("nav a[aria-current=page]").get_attribute("href") == path


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_keeps_anybody_from_using_it(site: Site, path: str, dark: bool) -> None:
    assert barriers(site.open(path, dark=dark)) == []


@pytest.mark.parametrize("path", PATHS)
def test_a_phone_shows_it_without_scrolling_sideways(site: Site, path: str) -> None:
    page = site.open(path, phone=True)
    assert overflow(page) == 0
    assert page.locator("h1").is_visible()


@pytest.mark.parametrize("path", PATHS)
def test_it_is_light_and_painted_soon(site: Site, path: str) -> None:
    is_live(site.open(path))
    sizes = {one.url: sent(one) for one in site.answers if not one.url.endswith("/live")}
    assert sum(sizes.values()) <= WEIGHT, sizes
    assert len(sizes) >= 5
    wait_for(lambda: first_paint(site, path) < FIRST_PAINT, "a first paint while the machine is not busy otherwise")


def first_paint(site: Site, path: str) -> float:
    """Milliseconds."""
    page = site.open(path)
    paint = page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
    took = float(paint.json_value())
    page.context.close()
    return took


def sent(answer: Response) -> int:
    """Bytes."""
    body = answer.body()
    zipped = answer.headers.get("content-encoding") == "gzip"
    return len(gzip.compress(body, 6)) if zipped else len(body)
