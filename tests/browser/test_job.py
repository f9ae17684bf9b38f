"""The page of one job: live while it runs, its traceback in two forms, and its buttons."""

import re
import time

import pytest
from playwright.sync_api import Page, expect

from jobs import catalog, gates
from jobs.catalog import Filter, State
from tests.browser.access import barriers
from tests.browser.site import Site, is_live, overflow
from tests.browser.stack import Stack

pytestmark = pytest.mark.usefixtures("tidy")
WITHIN = 2.0


def some(stack: Stack, state: State, task: str | None = None) -> str:
    """The latest job in a state."""
    wanted = Filter(states=frozenset({state}), task=task)
    return next(catalog.matching(stack.client, wanted)).id


def opened(site: Site, job_id: str) -> Page:
    page = site.open(f"/jobs/{job_id}")
    is_live(page)
    return page


def badge(page: Page) -> str:
    return page.locator("#jobhead .badge").inner_text()


@pytest.mark.parametrize("state", ["failed", "running", "blocked"])
def test_anybody_can_use_it_in_any_state_also_on_a_phone(site: Site, state: State) -> None:
    job_id = some(site.stack, state)
    page = site.open(f"/jobs/{job_id}", dark=state == "failed")
    assert barriers(page) == []
    assert badge(page) == state
    assert overflow(site.open(f"/jobs/{job_id}", phone=True)) == 0


def test_a_job_shows_how_it_goes_within_two_seconds(site: Site) -> None:
    gates.pause(site.stack.client, "images")
    try:
        page = opened(site, site.stack.enqueue("shop.import_catalogue", "initech", options={"queue": "images"}))
        assert badge(page) == "queued"
    finally:
        gates.resume(site.stack.client, "images")
    bar = page.locator("#job progress")
    expect(bar).to_be_visible(timeout=(1 + WITHIN) * 1000)  # it may take the worker a second to hear of it
    before = float(str(bar.get_attribute("value")))
    began = time.monotonic()
    page.wait_for_function(
        "before => Number(document.querySelector('#job progress').getAttribute('value')) > before", arg=before
    )
    assert time.monotonic() - began < WITHIN
    page.get_by_role("button", name="Stop").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It can be retried")
    dialog.get_by_role("button", name="Stop").click()
    expect(page.locator("#jobhead .badge")).to_have_text("stopped")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)


def test_a_traceback_is_cleaned_and_whole_when_asked_for(site: Site) -> None:
    page = opened(site, some(site.stack, "failed", "shop.charge_card"))
    trace = page.locator("#job .trace")
    expect(trace.locator(".cleaned")).to_contain_text("frames of libraries")
    expect(trace.locator(".full")).to_be_hidden()
    trace.get_by_text("Full", exact=True).click()
    expect(trace.locator(".full")).to_contain_text("jobs/worker/execution.py")
    expect(trace.locator(".cleaned")).to_be_hidden()
    page.keyboard.press("r")
    page.wait_for_timeout(300)
    expect(trace.locator(".full")).to_be_visible()


def test_what_is_secret_in_its_arguments_is_not_in_the_page(site: Site) -> None:
    page = site.open(f"/jobs/{some(site.stack, 'failed', 'shop.charge_card')}")
    expect(page.locator(".args")).to_contain_text("api_key")
    expect(page.locator(".args")).to_contain_text("•••")
    assert "sk_live_do_not_show" not in page.content()


def test_a_waiting_job_leads_to_its_neighbours(site: Site) -> None:
    page = opened(site, some(site.stack, "blocked", "shop.send_invoice"))
    expect(page.locator("#job")).to_contain_text("Number 5, of 5.")
    page.get_by_role("link", name="The one before").click()
    expect(page.locator("#job")).to_contain_text("Number 4, of 5.")


def test_a_scheduled_job_is_canceled_and_that_is_taken_back_and_it_is_run_now(site: Site) -> None:
    job_id = site.stack.enqueue("shop.resize_image", "soon.png", 1, options={"delay": 3600.0})
    page = opened(site, job_id)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#jobhead .badge")).to_have_text("canceled")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator("#jobhead .badge")).to_have_text("scheduled")
    page.get_by_role("button", name="Run now").click()
    expect(page.locator("#jobhead .badge")).to_have_text("finished")
    expect(page.locator("#job")).to_contain_text("soon.png")


def test_a_failed_job_runs_anew_and_is_deleted_after_a_question(site: Site) -> None:
    job_id = site.stack.enqueue("shop.resize_image", "again.gif", 1)
    page = opened(site, job_id)
    expect(page.locator("#jobhead .badge")).to_have_text("failed")
    page.get_by_role("button", name="Retry").click()
    expect(page.locator("#job .attempts tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("This cannot be undone")
    site.provokes("404")
    dialog.get_by_role("button", name="Delete").click()
    page.wait_for_url(re.compile("/jobs$"))
    answer = page.goto(f"{site.stack.base}/jobs/{job_id}")
    assert answer
    assert answer.status == 404
    expect(page.locator("main")).to_contain_text("This job is not there, or no longer")


def test_a_job_that_goes_while_it_is_looked_at_is_told_to_be_gone_and_to_be_back(site: Site) -> None:
    job_id = site.stack.enqueue("shop.resize_image", "gone.gif", 1)
    page = opened(site, job_id)
    expect(page.locator("#jobhead .badge")).to_have_text("failed")
    site.provokes("404")
    catalog.act(site.stack.client, "delete", [job_id])
    expect(page.locator("main")).to_contain_text("This job is not there, or no longer")
    expect(page).to_have_title("No such job · Signalbox")
    site.stack.enqueue("shop.resize_image", "back.png", 1, options={"job_id": job_id})
    expect(page.locator("#jobhead .badge")).to_have_text("finished")
    expect(page.locator("#job")).to_contain_text("back.png")
