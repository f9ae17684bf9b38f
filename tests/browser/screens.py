"""``python -m tests.browser.screens``: the pictures of the dashboard in docs/screens, of a line with demo data."""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from redis import Redis

from jobs import gates, lanes
from jobs.launcher.server import start
from tests.browser import chromium, past, world
from tests.browser.site import Site, is_live
from tests.browser.stack import Stack
from tests.support import ROOT, Processes, answers, free_port, wait_for
from web.frame import PAGES

FOLDER = ROOT / "docs" / "screens"
FIRST = "/?span=24h"
LANES = (
    ("supplier:acme", "shop.import_catalogue", "acme", 12),
    ("bank:ecb", "shop.fetch_rates", "ECB", 3),
)


def main() -> int:
    """Take them all; the exit code."""
    if (found := chromium.find()) is None:
        print(chromium.MISSING, file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, _stack() as stack:
        opened = playwright.chromium.launch(executable_path=found, headless=True, args=list(chromium.FLAGS))
        site = Site(opened, stack)
        gates.pause(stack.client, "images")  # so that the picture of the line shows what it is for
        for page in PAGES:
            _take(site.open(FIRST if page.path == "/" else page.path), page.title.lower(), full=page.path == "/")
        _take(site.open("/jobs/import-acme"), "job")
        _take(site.open(FIRST, dark=True), "overview-dark")
        _take(site.open(FIRST, phone=True), "overview-phone")
        _take(site.open("/line", phone=True), "line-phone")
        _lanes(stack)
        _take(site.open("/lanes"), "lanes")
        _take(site.open("/lanes", phone=True, dark=True), "lanes-phone")
        opened.close()
    return 0


def _lanes(stack: Stack) -> None:
    """Lanes in every state, some of them long."""
    for key, task, argument, count in LANES:
        for _ in range(count):
            stack.enqueue(task, argument, options={"key": key})
    wait_for(lambda: lanes.lane("bank:ecb", stack.client).state == "retrying", "a lane that retries")


@contextmanager
def _stack() -> Iterator[Stack]:
    processes, port = Processes(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        server = start(Path(folder), port, "--loglevel", "warning")
        url = f"redis://127.0.0.1:{port}/0"
        try:
            wait_for(lambda: answers(port), "the server")
            past.write(Redis.from_url(url), time.time())
            stack = Stack(processes, url)
            world.fill(stack)
            stack.until_clear()
            yield stack
        finally:
            processes.end()
            server.terminate()
            server.wait(10)


def _take(page: Page, name: str, full: bool = False) -> None:
    is_live(page)
    picture = FOLDER / f"{name}.png"
    page.screenshot(path=picture, full_page=full, animations="disabled")
    page.context.close()
    print(f"{picture.relative_to(ROOT)}: {picture.stat().st_size // 1000} kB")


if __name__ == "__main__":
    sys.exit(main())
