"""The picture of the line is broken where the line is."""

from playwright.sync_api import expect

from jobs import gates
from tests.browser.site import Site, is_live


def test_the_way_out_of_a_paused_queue_is_crossed_and_whole_again(site: Site) -> None:
    page = site.open("/line")
    is_live(page)
    wide = page.locator(".picture.wide")
    expect(wide.locator(".picture-box")).to_have_count(7)  # web, scheduler, Redis, three queues, a worker
    expect(wide.locator(".picture-broken")).to_have_count(0)
    gates.pause(site.stack.client, "images")
    try:
        expect(wide.locator(".picture-broken")).to_have_count(1)
        expect(page.locator(".finding", has_text="queue_paused")).to_be_visible()
        assert "images: queue_paused" in (wide.get_attribute("aria-label") or "")
    finally:
        gates.resume(site.stack.client, "images")
    expect(wide.locator(".picture-broken")).to_have_count(0)


def test_a_phone_is_shown_it_upright_in_letters_that_can_be_read(site: Site) -> None:
    page = site.open("/line", phone=True)
    expect(page.locator(".picture.wide")).to_be_hidden()
    title = page.locator(".picture.tall .picture-title").first
    expect(title).to_be_visible()
    box = title.bounding_box()
    assert box
    assert box["height"] >= 12
