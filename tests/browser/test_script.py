"""Whatever users and tasks call things, it stays text."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.browser import world
from tests.browser.site import Site
from tests.browser.stack import Stack
from tests.browser.test_every_page import PATHS


@pytest.fixture(scope="module")
def poisoned(stack: Stack) -> Iterator[Stack]:
    """The stack, with a script wherever a user can put a text."""
    world.poison(stack)
    yield stack
    world.heal(stack)


@pytest.mark.parametrize("path", [*PATHS, "/jobs/poison", "/jobs?text=poison", f"/queues/{quote(world.SCRIPT)}"])
def test_a_script_stays_text(poisoned: Stack, site: Site, path: str) -> None:
    page = site.open(path)
    page.keyboard.press("r")
    page.wait_for_timeout(300)  # what would run would run by now
    assert page.title() != "taken over"
    assert page.locator("main script, main img, [onerror]").count() == 0
    if path in ("/", "/line", "/workers", "/queues", "/jobs/poison", "/jobs?text=poison"):
        expect(page.get_by_text("<script>").first).to_be_attached()
