"""The page of the queues, and that of one: numbers that move, and a hand on each."""

import pytest
from playwright.sync_api import Locator, Page, expect

from jobs import gates
from tests.browser.access import barriers
from tests.browser.site import Site, is_live, overflow

pytestmark = pytest.mark.usefixtures("tidy")


def row(page: Page, name: str) -> Locator:
    return page.locator(f"#queues tr[data-key='{name}']")


def count(page: Page, name: str, label: str) -> Locator:
    return row(page, name).locator(f"[data-label={label}]")


def test_each_queue_tells_its_numbers_and_who_serves_it(site: Site) -> None:
    page = site.open("/queues")
    expect(row(page, "default")).to_contain_text("1 worker serves it")
    expect(count(page, "default", "running")).to_have_text("2")
    expect(count(page, "mail", "blocked")).to_have_text("4")
    expect(row(page, "mail").locator(".spark")).to_have_attribute(
        "aria-label", "24 finished and 1 failed in the last 1h"
    )
    count(page, "default", "failed").get_by_role("link").click()
    expect(page.locator("#jobs tbody tr")).to_have_count(3)


def test_a_queue_is_paused_fills_within_two_seconds_and_that_is_taken_back(site: Site) -> None:
    page = site.open("/queues")
    is_live(page)
    page.get_by_role("button", name="Pause images").click()
    expect(row(page, "images").locator(".badge")).to_have_text("paused")
    assert gates.names(site.stack.client) >= {"images"}
    site.stack.enqueue("shop.resize_image", "later.png", 1)
    expect(count(page, "images", "queued")).to_have_text("1", timeout=2_000)
    expect(count(page, "images", "oldest")).to_contain_text("s")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(row(page, "images").locator(".badge")).to_have_count(0)
    expect(count(page, "images", "queued")).to_have_text("–")


def test_a_queue_is_emptied_only_when_its_name_is_typed(site: Site) -> None:
    gates.pause(site.stack.client, "images")
    try:
        for number in range(3):
            site.stack.enqueue("shop.resize_image", f"{number}.png", 1)
        page = site.open("/queues/images")
        is_live(page)
        page.get_by_role("button", name="Empty").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Remove 3 jobs that wait in “images” now?")
        expect(dialog.get_by_role("button", name="Empty")).to_be_disabled()
        dialog.get_by_role("textbox").fill("image")
        expect(dialog.get_by_role("button", name="Empty")).to_be_disabled()
        dialog.get_by_role("textbox").fill("images")
        dialog.get_by_role("button", name="Empty").click()
        expect(page.locator(".toast")).to_contain_text("3 jobs removed")
        expect(page.get_by_role("button", name="Empty")).to_have_count(0)
        expect(page.locator("#findings")).to_contain_text("queue_paused")
        page.locator("#acts").get_by_role("button", name="Resume images").click()
        expect(page.get_by_role("button", name="Pause images")).to_be_visible()
    finally:
        gates.resume(site.stack.client, "images")


def test_one_queue_has_its_own_history_and_is_for_everybody(site: Site) -> None:
    page = site.open("/queues/mail", dark=True)
    assert barriers(page) == []
    expect(page.locator("#charts svg.chart desc").first).to_contain_text("24 finished, 1 failed")
    page.get_by_role("link", name="24 h").click()
    expect(page.locator("#charts svg.chart desc").first).to_contain_text("In the last 24h")
    assert overflow(site.open("/queues/mail", phone=True)) == 0


def test_the_keyboard_walks_and_opens(site: Site) -> None:
    page = site.open("/queues")
    is_live(page)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/queues/default")
