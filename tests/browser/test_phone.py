"""What is pressed on a phone is on its screen."""

import pytest
from playwright.sync_api import expect

from tests.browser.site import Site
from web.frame import PAGES


@pytest.mark.parametrize("path", [page.path for page in PAGES])
def test_the_tab_of_the_page_is_in_sight(site: Site, path: str) -> None:
    page = site.open(path, phone=True)
    expect(page.locator("nav [aria-current]")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("path", ["/schedules", "/lanes", "/queues", "/failures"])
def test_every_button_is_within_the_screen(site: Site, path: str) -> None:
    page = site.open(path, phone=True)
    buttons = page.locator("main button[data-action]").all()
    assert buttons
    for button in buttons:
        button.scroll_into_view_if_needed()
        expect(button).to_be_in_viewport(ratio=1)
        box = button.bounding_box()
        assert box
        assert box["x"] + box["width"] <= 390
    assert page.evaluate("[...document.querySelectorAll('.table')].every(t => t.scrollWidth <= t.clientWidth)")
