"""The page of the workers: what each runs, and the button that ends one."""

from playwright.sync_api import expect

from tests.browser.site import Site, is_live


def test_a_worker_is_there_with_what_it_runs_and_its_loops(site: Site) -> None:
    page = site.open("/workers")
    worker = page.locator(".worker").first
    expect(worker).to_contain_text("2 of 10 busy")
    expect(worker).to_contain_text("serves default, mail, images")
    expect(worker.locator("dd li time")).to_have_count(2)
    expect(worker).to_contain_text("prices")
    expect(page.locator("#others")).to_contain_text("web-")


def test_a_worker_is_stopped_after_a_question_and_not_without(site: Site) -> None:
    extra = site.stack.start_worker()
    page = site.open("/workers")
    is_live(page)
    workers = page.locator(".worker")
    expect(workers).to_have_count(2)
    newest = page.locator(".worker", has_text=f"pid {extra.popen.pid} ")
    newest.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Go back").click()
    expect(workers).to_have_count(2)
    newest.get_by_role("button", name="Stop").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(page.locator(".toast")).to_contain_text("Asked to end")
    assert extra.ends() == 0
    expect(workers).to_have_count(1)
    expect(page.locator("#gone")).to_contain_text("it was stopped")
