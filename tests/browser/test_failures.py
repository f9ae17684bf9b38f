"""The page of the failures: grouped by error, and all of a group retried or deleted."""

import pytest
from playwright.sync_api import Locator, Page, expect

from jobs import catalog
from tests.browser.site import Site, is_live
from tests.browser.stack import Stack
from tests.support import wait_for

pytestmark = pytest.mark.usefixtures("tidy")


def group(page: Page, text: str) -> Locator:
    return page.locator("#failures tbody tr", has_text=text)


def fail(stack: Stack, name: str, count: int) -> None:
    """Failures that are a group of their own."""
    for _ in range(count):
        stack.enqueue("shop.print_slip", name)


def has_failed(stack: Stack, job_id: str, attempts: int) -> bool:
    found = catalog.detail(stack.client, job_id)
    return bool(found and found.job.state == "failed" and found.job.attempts == attempts)


def press(page: Page, row: Locator, button: str, *words: str) -> None:
    row.get_by_role("button", name=button).click()
    dialog = page.get_by_role("dialog")
    for one in words:
        expect(dialog).to_contain_text(one)
    dialog.get_by_role("button", name=button).click()


def test_failures_are_counted_by_their_error_and_lead_to_their_jobs(site: Site) -> None:
    page = site.open("/failures")
    row = group(page, "shop.PaymentRefused")
    expect(row.locator(".count")).to_have_text("3")
    expect(row.locator("time")).to_have_count(2)
    row.get_by_role("link", name="shop.PaymentRefused").click()
    expect(page.locator("#jobs tbody tr")).to_have_count(3)
    page.go_back()
    group(page, "PaymentRefused").get_by_role("link", name="the latest").click()
    expect(page.locator("h1")).to_have_text("shop.charge_card")


def test_one_more_shows_within_two_seconds(site: Site) -> None:
    page = site.open("/failures")
    is_live(page)
    fail(site.stack, "fresh", 1)
    expect(group(page, "fresh is out of paper")).to_be_visible(timeout=2_000)


def test_all_of_a_group_are_retried_and_then_deleted_and_no_other_is(site: Site) -> None:
    page = site.open("/failures")
    is_live(page)
    others = page.locator("#failures tbody tr").count()
    fail(site.stack, "bulk", 3)
    row = group(page, "bulk is out of paper")
    expect(row.locator(".count")).to_have_text("3")
    press(page, row, "Retry all", "Retry 3 jobs? They failed like “OSError: bulk is out")
    expect(page.locator(".toast").last).to_contain_text("3 jobs run anew")
    wait_for(lambda: all(has_failed(site.stack, job_id, 2) for job_id in site.stack.enqueued[-3:]), "them to fail anew")
    page.reload()
    expect(row.locator(".count")).to_have_text("3")
    press(page, row, "Delete all", "Delete 3 jobs", "This cannot be undone")
    expect(page.locator(".toast").last).to_contain_text("3 jobs deleted")
    expect(row).to_have_count(0)
    expect(page.locator("#failures tbody tr")).to_have_count(others)


def test_a_search_leaves_those_that_match_and_says_where_none_does(site: Site) -> None:
    page = site.open("/failures")
    is_live(page)
    page.keyboard.press("/")
    page.keyboard.type("declined")
    expect(page.locator("#failures tbody tr")).to_have_count(1)
    page.keyboard.type("!")
    expect(page.locator("#failures")).to_contain_text("No failure matches")
    page.get_by_role("link", name="Clear the filter").click()
    expect(group(page, "declined")).to_be_visible()


def test_the_keyboard_walks_and_opens(site: Site) -> None:
    page = site.open("/failures")
    is_live(page)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs?**group=**")
