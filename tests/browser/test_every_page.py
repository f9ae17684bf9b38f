"""What holds for every page, whoever made it."""

import gzip
from statistics import median

import pytest
from playwright.sync_api import Page, Response

from tests.browser.access import barriers
from tests.browser.site import Site, is_live, overflow
from tests.support import wait_for
from web.frame import PAGES

WEIGHT = 150_000
"""Bytes that a page and all it needs may be, as sent."""
FIRST_PAINT = 500
"""Milliseconds."""
WORDS = 4
"""By how many paints of a page of a single word a page may be later where the machine has other work."""
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
    wait_for(lambda: is_painted_soon(site, path), "a first paint in time", within=40)


def is_painted_soon(site: Site, path: str) -> bool:
    """Return whether a page is painted in ``FIRST_PAINT``, or later by ``WORDS`` at most, by the medians of five."""
    pages, words = [], []
    for _ in range(5):
        pages.append(first_paint(site.open(path)))
        if pages[-1] < FIRST_PAINT:
            return True
        words.append(first_paint(site.open_word()))
    return median(pages) < FIRST_PAINT + WORDS * median(words)


def first_paint(page: Page) -> float:
    """Milliseconds."""
    paint = page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
    took = float(paint.json_value())
    page.context.close()
    return took


def sent(answer: Response) -> int:
    """Bytes."""
    body = answer.body()
    zipped = answer.headers.get("content-encoding") == "gzip"
    return len(gzip.compress(body, 6)) if zipped else len(body)
