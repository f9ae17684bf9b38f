"""The page of the lanes: who waits for whom, and a hand on each."""

import pytest
from playwright.sync_api import Locator, Page, expect

from jobs import gates, lane
from tests.browser.site import Site, is_live
from tests.browser.stack import Stack

pytestmark = pytest.mark.usefixtures("tidy")


def row(page: Page, key: str) -> Locator:
    return page.locator(f"tr[data-key='{key}']")


def press(page: Page, key: str, button: str, *words: str) -> None:
    row(page, key).locator("button", has_text=button).click()
    dialog = page.get_by_role("dialog")
    for one in words:
        expect(dialog).to_contain_text(one)
    dialog.get_by_role("button", name=button).click()


def halt(stack: Stack, key: str, behind: int = 2) -> list[str]:
    """A lane that a failure has halted; the ids of its jobs."""
    options = {"key": key, "policy": "halt"}
    ids = [stack.enqueue("shop.resize_image", "halts.gif", 1, options=options)]
    return ids + [stack.enqueue("shop.resize_image", f"{n}.png", 1, options=options) for n in range(behind)]


def test_a_halted_lane_is_first_and_says_why_since_when_and_of_what(site: Site) -> None:
    page = site.open("/lanes")
    first = page.locator("#lanes tbody tr").first
    expect(first).to_have_attribute("data-key", "invoice:northwind")
    for words in ("halted", "held for", "Its head has failed for good", "LookupError: invoice 1001", "in mail"):
        expect(first).to_contain_text(words)
    expect(first.locator(".depth")).to_have_text("5")
    first.locator(".headjob a").click()
    expect(page.locator("h1")).to_have_text("shop.send_invoice")
    page.go_back()
    row(page, "invoice:northwind").locator("[data-open]").click()
    expect(page.locator("#jobs tbody tr")).to_have_count(5)


def test_a_lane_that_halts_shows_within_two_seconds(site: Site) -> None:
    page = site.open("/lanes")
    is_live(page)
    halt(site.stack, "fresh")
    expect(row(page, "fresh").locator(".badge")).to_have_text("halted", timeout=2_000)


def test_a_lane_that_is_skipped_goes_on_without_the_job_that_failed(site: Site) -> None:
    ids = halt(site.stack, "skips")
    page = site.open("/lanes?prefix=skips")
    is_live(page)
    expect(row(page, "skips").locator(".badge")).to_have_text("halted")
    press(page, "skips", "Skip", "Let lane “skips” go on without the job that failed?", "It stays failed")
    expect(page.locator(".toast")).to_contain_text("skips goes on without it")
    expect(page.locator("#lanes")).to_contain_text("No lane matches")
    assert site.stack.client.hget(f"rq:job:{ids[2]}", "status") == b"finished"


def test_a_lane_that_is_resumed_runs_the_same_job_first(site: Site) -> None:
    halt(site.stack, "resumes")
    page = site.open("/lanes?prefix=resumes")
    is_live(page)
    expect(row(page, "resumes").locator(".badge")).to_have_text("halted")
    since = row(page, "resumes").locator("time").get_attribute("datetime")
    press(page, "resumes", "Resume", "runs first, again with all its attempts")
    expect(page.locator(".toast")).to_contain_text("resumes goes on")
    expect(row(page, "resumes").locator("time")).not_to_have_attribute("datetime", str(since))
    expect(row(page, "resumes").locator(".badge")).to_have_text("halted")
    press(page, "resumes", "Clear", "Cancel 2 jobs waiting in lane “resumes”? Its halt ends.")
    expect(page.locator(".toast").last).to_contain_text("2 jobs canceled")
    expect(row(page, "resumes")).to_have_count(0)
    assert lane("resumes", site.stack.client).depth == 0


def test_what_a_lane_waits_for_is_said_for_a_paused_queue_too(site: Site) -> None:
    gates.pause(site.stack.client, "images")
    try:
        for number in range(2):
            site.stack.enqueue("shop.resize_image", f"{number}.png", 1, options={"key": "held-up"})
        page = site.open("/lanes?prefix=held")
        expect(row(page, "held-up")).to_contain_text("Its head is next, but queue 'images' is paused.")
    finally:
        gates.resume(site.stack.client, "images")


def test_filters_are_in_the_address(site: Site) -> None:
    page = site.open("/lanes")
    is_live(page)
    page.locator("[name=state]").select_option("halted")
    page.locator("[name=queue]").select_option("mail")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("invoice:")
    expect(page.locator("#lanes tbody tr")).to_have_count(1)
    page.wait_for_url("**/lanes?prefix=invoice%3A&state=halted&queue=mail")
    page.get_by_label("Key begins with").fill("nobody:")
    expect(page.locator("#lanes")).to_contain_text("No lane matches")
