"""The page of the schedules: a hand on each."""

from playwright.sync_api import expect

from tests.browser.site import Site, is_live

NAME = "shop.refresh_stock"


def test_a_schedule_is_paused_and_the_way_back_is_offered(site: Site) -> None:
    page = site.open("/schedules")
    is_live(page)
    row = page.locator(f"tr[data-key='{NAME}']")
    expect(row).to_contain_text("every 15 min")
    row.get_by_role("button", name=f"Pause {NAME}").click()
    expect(row.locator(".badge")).to_have_text("paused")
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(row.locator(".badge")).to_have_text("on")


def test_a_schedule_runs_now_and_keeps_its_slots(site: Site) -> None:
    page = site.open("/schedules")
    is_live(page)
    row = page.locator(f"tr[data-key='{NAME}']")
    slot = row.locator("time").first.get_attribute("datetime")
    before = site.stack.counts()["completed"]
    row.get_by_role("button", name=f"Run {NAME} now").click()
    expect(page.locator(".toast")).to_contain_text(f"A job of {NAME} is made")
    site.stack.until({"completed": before + 1})
    assert row.locator("time").first.get_attribute("datetime") == slot
