"""The overview: the verdict in words, the numbers, and how it went."""

import re
import signal

from playwright.sync_api import Page, expect

from jobs import gates
from tests.browser.site import Site, is_live
from tests.browser.stack import Stack


def tile(page: Page, label: str) -> str:
    return page.locator(".tile", has=page.get_by_text(label, exact=True)).locator(".value").inner_text()


def test_the_tiles_count_what_there_is(site: Site) -> None:
    page = site.open("/")
    assert tile(page, "Running") == "2"
    assert tile(page, "Scheduled") == "2"
    assert tile(page, "Retrying") == "1"
    assert tile(page, "Blocked") == "4"
    assert tile(page, "Workers") == "1"
    assert int(tile(page, "Failed")) >= 6


def test_a_finding_says_what_to_do_and_how_it_is_known(site: Site) -> None:
    page = site.open("/")
    finding = page.locator(".finding", has_text="lane_halted")
    expect(finding).to_contain_text("What to do: Look at the job that failed. Then resume the lane")
    finding.get_by_text("How it is known").click()
    expect(finding.locator("dd a", has_text="invoice:northwind")).to_be_visible()
    finding.get_by_role("button", name="Resume invoice:northwind").click()
    page.get_by_role("dialog").get_by_role("button", name="Go back").click()
    finding.locator("p a", has_text="invoice:northwind").click()
    expect(page).to_have_url(re.compile(r"/lanes\?prefix=invoice%3Anorthwind"))


def test_a_queue_that_is_paused_is_resumed_where_it_is_told(site: Site) -> None:
    page = site.open("/")
    is_live(page)
    gates.pause(site.stack.client, "images")
    try:
        finding = page.locator(".finding", has_text="queue_paused")
        finding.get_by_role("button", name="Resume images").click()
        expect(page.locator(".toast")).to_contain_text("images goes on")
        expect(finding).to_have_count(0)
    finally:
        gates.resume(site.stack.client, "images")


def test_a_detail_that_is_open_stays_open_while_the_page_is_drawn_anew(site: Site) -> None:
    page = site.open("/")
    is_live(page)
    page.locator(".finding", has_text="lane_halted").get_by_text("How it is known").click()
    gates.pause(site.stack.client, "images")
    try:
        page.wait_for_selector(".finding:has-text('queue_paused')")
        assert page.locator("details[open]").count() == 1
    finally:
        gates.resume(site.stack.client, "images")


def test_how_it_went_is_drawn_for_each_span(site: Site) -> None:
    page = site.open("/")
    expect(page.locator("#charts svg.chart").first).to_be_visible()
    page.get_by_role("link", name="24 h").click()
    expect(page.get_by_role("link", name="24 h")).to_have_attribute("aria-current", "true")
    assert page.locator("#charts svg.chart desc").first.text_content().startswith("In the last 24h")


def test_redis_is_described(site: Site) -> None:
    text = site.open("/").locator("#redis").inner_text()
    assert re.search(r"(Redis|Valkey) \d+\.\d+\.\d+, up for", text)
    assert "noeviction" in text
    assert "append-only file" in text


def test_green_goes_red_in_words_when_the_worker_dies_and_green_again(own_stack: Stack, site: Site) -> None:
    own_stack.until_clear()
    page = site.open(own_stack.base + "/")
    expect(page.locator("h1")).to_have_text("The line is clear")
    expect(page.locator("link[rel=icon]")).to_have_attribute("href", re.compile("icon-pass"))
    own_stack.worker.signal(signal.SIGTERM)
    own_stack.worker.ends()
    expect(page.locator("h1")).to_have_text("The line is blocked", timeout=20_000)
    expect(page.locator(".finding")).to_contain_text("Start one with: python -m jobs worker")
    assert tile(page, "Workers") == "0"
    own_stack.start_worker()
    expect(page.locator("h1")).to_have_text("The line is clear", timeout=20_000)
