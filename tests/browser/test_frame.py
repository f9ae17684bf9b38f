"""The frame: colours, the keyboard, and that a page stays as its reader left it."""

import re

import pytest
from playwright.sync_api import Page, expect

from jobs.health.verdict import WORDS
from tests.browser.site import Site, is_live

PAPER = "getComputedStyle(document.body).backgroundColor"


def test_colours_are_the_systems_until_somebody_says_otherwise(site: Site) -> None:
    light, dark = site.open("/"), site.open("/", dark=True)
    assert light.evaluate(PAPER) != dark.evaluate(PAPER)
    was = light.evaluate(PAPER)
    light.get_by_role("button", name="Dark").click()
    assert light.evaluate(PAPER) == dark.evaluate(PAPER)
    light.reload()
    assert light.evaluate(PAPER) == dark.evaluate(PAPER)
    assert light.get_by_role("button", name="Dark").get_attribute("aria-pressed") == "true"
    light.get_by_role("button", name="As the system has it").click()
    assert light.evaluate(PAPER) == was


def test_the_choice_of_colours_is_there_before_anything_is_drawn(site: Site) -> None:
    page = site.open("/")
    page.get_by_role("button", name="Dark").click()
    page.route("**/app.js", lambda route: None)  # never answered: only what comes before the page is drawn has run
    page.goto(page.url, wait_until="commit")
    page.wait_for_selector("h1")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.unroute_all(behavior="ignoreErrors")


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def test_the_keyboard_gets_one_everywhere(site: Site) -> None:
    page = site.open("/")
    is_live(page)
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog")
    assert "Refresh now" in help_.inner_text()
    page.keyboard.press("Escape")
    assert help_.count() == 0
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    with page.expect_request(site.stack.base + "/"):
        page.keyboard.press("r")


def test_a_key_with_control_is_the_browsers(site: Site) -> None:
    page = site.open("/")
    is_live(page)
    page.keyboard.press("Control+?")
    assert page.get_by_role("dialog").count() == 0


@pytest.mark.parametrize("script", [True, False], ids=["with scripts", "without"])
def test_pages_are_whole_without_scripts(site: Site, script: bool) -> None:
    page = site.open("/", java_script_enabled=script)
    assert page.locator("h1").inner_text() in WORDS.values()


def test_a_page_that_is_not_there_says_so_in_words(site: Site) -> None:
    site.provokes("404")
    page = site.open("/")
    page.goto(site.stack.base + "/nowhere")
    assert page.locator("h1").inner_text() == "Not Found"
    page.get_by_role("link", name="To the overview", exact=True).click()
    page.wait_for_selector("#tiles")


ROWS = """
const main = document.querySelector("main");
main.insertAdjacentHTML("beforeend", `<table><tbody>${["first", "second", "third"].map((name) =>
  `<tr><td><input type="checkbox" name="ids" value="${name}"><a href="/workers#${name}" data-open>${name}</a></td></tr>`
).join("")}</tbody></table>
<div class="bulk" data-bulk data-filter='{"state":"failed"}' hidden><span data-selected-words></span>
<button type="button" data-select-matching>All</button></div>`)
"""


def test_rows_are_walked_selected_and_opened_without_a_mouse(site: Site) -> None:
    page = site.open("/schedules")
    is_live(page)
    page.evaluate(ROWS)
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert focused(page) == "second"
    page.keyboard.press("x")
    bar = page.locator("[data-bulk]")
    assert bar.is_visible()
    expect(bar).to_contain_text(re.compile(r"^1\b.* selected"))
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(bar).to_contain_text(re.compile(r"^2\b.* selected"))
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert focused(page) == "third"
    page.keyboard.press("x")
    page.get_by_role("button", name="All").click()
    expect(bar).to_contain_text("All that match are selected")
    page.get_by_role("link", name="third").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/workers#third")


def test_g_and_a_letter_go_to_a_page(site: Site) -> None:
    page = site.open("/")
    is_live(page)
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("**/workers")
