"""The page of the jobs: filters, search, selection, and what is done to those selected."""

import json
import re
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from jobs import catalog
from tests.browser.site import Site, is_live, overflow
from tests.browser.stack import Stack

pytestmark = pytest.mark.usefixtures("tidy")
LATER = {"delay": 3600.0}


def rows(page: Page) -> Locator:
    return page.locator("#jobs tbody tr")


def toast(page: Page) -> Locator:
    return page.locator(".toast").last


def later(stack: Stack, key: str, count: int) -> list[str]:
    """Scheduled jobs of one lane, which nobody else looks for."""
    return [stack.enqueue("shop.send_receipt", n, options={**LATER, "key": key}) for n in range(count)]


def state(stack: Stack, job_id: str) -> str:
    return (stack.client.hget(f"rq:job:{job_id}", "status") or b"gone").decode()


def agree(page: Page, button: str, *words: str) -> None:
    """Say yes to a question that holds these words."""
    dialog = page.get_by_role("dialog")
    for one in words:
        expect(dialog).to_contain_text(one)
    go = dialog.locator("button[value=yes]")
    expect(go).to_have_text(re.compile(rf"^{button} (all |at least )?\d+ jobs?$"))
    go.click()


def test_jobs_are_listed_with_their_state_and_error(site: Site) -> None:
    page = site.open("/jobs?state=failed&task=shop.charge_card")
    expect(rows(page)).to_have_count(3)
    expect(rows(page).first).to_contain_text("PaymentRefused: order")
    expect(rows(page).first.locator(".badge")).to_have_text("failed")
    running = site.open("/jobs?state=running")
    expect(rows(running).first.locator("progress")).to_be_visible()


def test_filters_are_in_the_address_and_a_reload_shows_the_same(site: Site) -> None:
    page = site.open("/jobs")
    is_live(page)
    page.locator("[name=state]").select_option("failed")
    page.locator("[name=queue]").select_option("images")
    expect(rows(page)).to_have_count(2)
    assert page.url.endswith("/jobs?state=failed&queue=images")
    page.reload()
    expect(rows(page)).to_have_count(2)
    expect(page.locator("[name=state]")).to_have_value("failed")


def test_a_search_finds_by_error_and_by_id_and_slash_goes_there(site: Site) -> None:
    page = site.open("/jobs")
    is_live(page)
    page.keyboard.press("/")
    page.keyboard.type("animated images")
    expect(rows(page)).to_have_count(2)
    job_id = str(rows(page).first.get_attribute("data-key"))
    page.get_by_label("Search").fill(job_id)
    expect(rows(page)).to_have_count(1)
    assert f"text={job_id}" in page.url


def test_loading_and_no_match_are_told_apart(site: Site) -> None:
    page = site.open("/jobs")
    is_live(page)
    page.route("**/jobs?text=zebra", lambda route: None)  # an answer that does not come
    page.get_by_label("Search").fill("zebra")
    expect(page.locator("#jobs")).to_have_attribute("aria-busy", "true")
    expect(page.locator("#loading")).to_have_text("Loading")
    page.unroute_all(behavior="ignoreErrors")
    page.reload()
    expect(page.locator("#jobs")).to_contain_text("No job matches")
    page.get_by_role("link", name="Clear the filter").click()
    expect(rows(page)).not_to_have_count(0)


def test_what_cannot_be_looked_for_is_said_in_words(site: Site) -> None:
    page = site.open("/jobs?state=sleeping")
    expect(page.locator("#jobs")).to_contain_text("state is 'sleeping': expected some of queued")


def test_pages_follow_each_other_and_repeat_nothing(site: Site) -> None:
    later(site.stack, "pages", 52)
    page = site.open("/jobs?key=pages")
    first = [row.get_attribute("data-key") for row in rows(page).all()]
    page.get_by_role("link", name="Next page").click()
    page.wait_for_url("**cursor=**")
    second = [row.get_attribute("data-key") for row in rows(page).all()]
    assert (len(first), len(second)) == (50, 2)
    assert not set(first) & set(second)
    page.get_by_role("link", name="Newest").click()
    expect(rows(page).first).to_have_attribute("data-key", str(first[0]))


def test_selected_jobs_are_canceled_after_a_question_and_the_way_back_is_offered(site: Site) -> None:
    ids = later(site.stack, "undo", 3)
    page = site.open("/jobs?key=undo")
    is_live(page)
    for row in rows(page).all()[:2]:
        row.get_by_role("checkbox").check()
    expect(page.locator("[data-selected-words]")).to_have_text("2 jobs selected")
    page.get_by_role("button", name="Cancel").click()
    agree(page, "Cancel", "Cancel 2 jobs?", "can be retried")
    expect(toast(page)).to_contain_text("2 jobs canceled")
    expect(page.locator("#jobs .badge", has_text="canceled")).to_have_count(2)
    toast(page).get_by_role("button", name="Undo").click()
    expect(page.locator("#jobs .badge", has_text="scheduled")).to_have_count(3)
    assert {state(site.stack, one) for one in ids} == {"scheduled"}


def test_all_that_match_are_counted_in_the_question_and_acted_upon(site: Site) -> None:
    ids = later(site.stack, "crowd", 55)
    page = site.open("/jobs?key=crowd")
    is_live(page)
    page.get_by_label("Select all on this page").check()
    expect(page.locator("[data-selected-words]")).to_have_text("50 jobs selected")
    page.get_by_role("button", name="Select all that match").click()
    page.get_by_role("button", name="Cancel").click()
    agree(page, "Cancel", "Cancel all 55 jobs that match (key crowd)?")
    expect(toast(page)).to_contain_text("55 jobs canceled")
    assert {state(site.stack, one) for one in ids} == {"canceled"}
    expect(page.locator("#jobs .badge", has_text="canceled")).to_have_count(50)
    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name="Select all that match").click()
    page.get_by_role("button", name="Delete").click()
    agree(page, "Delete", "Delete all 55 jobs", "cannot be undone")
    expect(toast(page)).to_contain_text("55 jobs deleted")
    expect(page.locator("#jobs")).to_contain_text("No job matches")
    assert {state(site.stack, one) for one in ids} == {"gone"}


def test_who_says_no_does_nothing(site: Site) -> None:
    [job_id] = later(site.stack, "spared", 1)
    page = site.open("/jobs?key=spared")
    is_live(page)
    rows(page).get_by_role("checkbox").check()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").locator("button[value=no]").click()
    assert state(site.stack, job_id) == "scheduled"


def test_scheduled_jobs_are_run_now_and_failed_ones_anew(site: Site) -> None:
    ids = [site.stack.enqueue("shop.resize_image", "late.gif", n, options=LATER) for n in range(2)]
    site.stack.client.hset(f"rq:job:{ids[0]}", "description", "shop.late()")
    page = site.open(f"/jobs?text={ids[0]}")
    is_live(page)
    rows(page).get_by_role("checkbox").check()
    page.get_by_role("button", name="Run now").click()
    agree(page, "Run now", "Run 1 job now?")
    expect(rows(page).locator(".badge")).to_have_text("failed")
    rows(page).get_by_role("checkbox").check()
    page.get_by_role("button", name="Retry").click()
    agree(page, "Retry", "Retry 1 job?")
    expect(rows(page).locator(".tries")).to_have_text("2")


def test_an_action_that_finds_no_web_says_so(site: Site) -> None:
    later(site.stack, "unheard", 1)
    page = site.open("/jobs?key=unheard")
    is_live(page)
    rows(page).get_by_role("checkbox").check()
    site.provokes("/api/jobs/actions")
    page.route("**/api/jobs/actions", lambda route: route.abort())
    page.get_by_role("button", name="Cancel").click()
    agree(page, "Cancel")
    expect(toast(page)).to_contain_text("Web does not answer; nothing is known to be done")


def test_what_is_in_another_state_is_left_and_that_is_said(site: Site) -> None:
    later(site.stack, "left", 1)
    site.stack.enqueue("shop.resize_image", "left.gif", 1, options={"key": "left"})
    page = site.open("/jobs?key=left")
    is_live(page)
    expect(page.locator("#jobs .badge", has_text="failed")).to_have_count(1)
    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name="Delete").click()
    agree(page, "Delete", "Delete 1 job?")
    expect(toast(page)).to_contain_text("1 job deleted; 1 job left as they are")


def test_a_selection_stays_while_jobs_come_and_go_and_new_ones_are_not_in_it(site: Site) -> None:
    later(site.stack, "stays", 2)
    page = site.open("/jobs?key=stays")
    is_live(page)
    page.get_by_label("Select all on this page").check()
    later(site.stack, "stays", 1)
    expect(rows(page)).to_have_count(3)
    expect(page.locator("[data-selected-words]")).to_have_text("2 jobs selected")


def test_the_keyboard_walks_selects_and_opens(site: Site) -> None:
    page = site.open("/jobs?state=failed&queue=images")
    is_live(page)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(rows(page).nth(1).get_by_role("checkbox")).to_be_checked()
    job_id = rows(page).nth(1).get_attribute("data-key")
    page.keyboard.press("k")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/jobs/{job_id}")


def test_a_phone_selects_and_acts_too(site: Site) -> None:
    later(site.stack, "pocket", 1)
    page = site.open("/jobs?key=pocket", phone=True)
    is_live(page)
    page.get_by_label("Select all on this page").check()
    assert overflow(page) == 0
    page.get_by_role("button", name="Cancel").click()
    agree(page, "Cancel")
    expect(rows(page).locator(".badge")).to_have_text("canceled")


def test_a_filter_that_has_no_field_shows_and_can_be_taken_away(site: Site) -> None:
    [group] = [one.name for one in catalog.groups(site.stack.client).groups if one.task == "shop.resize_image"]
    page = site.open(f"/jobs?state=failed&group={quote(group)}")
    expect(rows(page)).to_have_count(2)
    bulk = json.loads(str(page.locator("#bulk").get_attribute("data-filter")))
    assert bulk == {"state": "failed", "group": group}
    page.locator(".chip").click()
    expect(page).to_have_url(re.compile(r"/jobs\?state=failed$"))


def test_only_what_fits_those_selected_is_offered(site: Site) -> None:
    [one] = later(site.stack, "offer", 1)
    other = site.stack.enqueue("shop.resize_image", "offer.gif", 1, options={"key": "offer"})
    page = site.open("/jobs?key=offer")
    is_live(page)

    def offered() -> list[str]:
        return page.locator("#bulk button[data-action]:visible").all_inner_texts()

    page.locator(f"input[value='{one}']").check()
    assert offered() == ["Run now", "Cancel"]
    page.locator(f"input[value='{one}']").uncheck()
    row = page.locator(f"tr[data-key='{other}']")
    expect(row.locator(".badge")).to_have_text("failed")
    page.locator(f"input[value='{other}']").check()
    assert offered() == ["Retry", "Delete"]
    page.locator(f"input[value='{one}']").check()
    assert offered() == ["Retry", "Run now", "Cancel", "Delete"]


def test_a_question_is_its_own_title_and_the_button_says_what_is_done(site: Site) -> None:
    [one] = later(site.stack, "ask", 1)
    page = site.open("/jobs?key=ask")
    is_live(page)
    page.locator(f"input[value='{one}']").check()
    page.locator("#bulk").get_by_role("button", name="Cancel").click()
    dialog = page.get_by_role("dialog", name="Cancel 1 job?")
    expect(dialog.locator("p")).to_have_text(re.compile("^Those that wait will not run"))
    assert dialog.get_by_role("button").all_inner_texts() == ["Go back", "Cancel 1 job"]
    dialog.get_by_role("button", name="Go back").click()
    assert state(site.stack, one) == "scheduled"
