"""A person at the login, and a foreign page in the same browser: what browsers really send."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from redis import Redis

from jobs import audit, keys
from tests.browser import chromium
from tests.support import Processes, answers, free_port, wait_for
from tests.visitors import OPERATOR, READER, TOKENS

PLAIN = "line.example"
"""A name over plain http: to such a place browsers send no Sec-Fetch headers, only Origin."""
EVIL = "http://evil.example"


@pytest.fixture(scope="module")
def reach(browser: Browser) -> Iterator[Browser]:
    """A browser for which that name points here."""
    rule = f"--host-resolver-rules=MAP {PLAIN} 127.0.0.1"
    found = browser.browser_type.launch(
        executable_path=chromium.find(),
        headless=True,
        args=[*chromium.FLAGS, rule, "--disable-features=HttpsUpgrades,LocalNetworkAccessChecks"],
    )
    yield found
    found.close()


@pytest.fixture
def context(reach: Browser) -> Iterator[BrowserContext]:
    found = reach.new_context()
    found.set_default_timeout(5_000)
    yield found
    found.close()


@pytest.fixture
def port(url: str, processes: Processes) -> int:
    return _serve(processes, **TOKENS)


def _serve(processes: Processes, **environ: str) -> int:
    found = free_port()
    processes.start("-m", "web", PORT=str(found), **environ)
    wait_for(lambda: answers(found), "web to listen")
    return found


def _log_in(context: BrowserContext, base: str, token: str, name: str = "") -> Page:
    page = context.new_page()
    page.goto(f"{base}/audit")
    page.get_by_label("Token").fill(token)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{base}/audit")
    return page


def _pause(page: Page) -> int:
    found: int = page.evaluate("fetch('/api/queues/default/pause', {method: 'POST'}).then((answer) => answer.status)")
    return found


@pytest.mark.parametrize("host", ["127.0.0.1", PLAIN])
def test_a_person_logs_in_acts_is_noted_and_logs_out(
    context: BrowserContext, port: int, client: Redis, host: str
) -> None:
    page = _log_in(context, f"http://{host}:{port}", OPERATOR, "Anna")
    assert _pause(page) == 200
    assert client.sismember(keys.PAUSED, "default")
    [acted, entered] = audit.entries(client).entries
    assert (acted.action, entered.action) == ("queue.pause", "session.begin")
    assert acted.actor.startswith("Anna, operator from ")
    assert page.evaluate("document.cookie") == ""
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="Log in").wait_for()
    assert context.cookies() == []
    again = context.new_page()
    again.goto(f"http://{host}:{port}/login")
    assert _pause(again) == 401


def test_a_wrong_token_is_told_and_a_readers_looks_only(context: BrowserContext, port: int, client: Redis) -> None:
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.get_by_label("Token").fill("guess")
    page.get_by_role("button", name="Log in").click()
    assert page.get_by_role("alert").is_visible()
    page = _log_in(context, f"http://127.0.0.1:{port}", READER)
    assert page.locator("[data-action]:not([data-action='/logout'])").count() == 0
    assert _pause(page) == 403
    assert not client.exists(keys.PAUSED)


ATTACK = """<form method="post" action="{base}/api/queues/default/pause"><input name="x"></form>
<form id="text" method="post" action="{base}/api/queues/default/pause" enctype="text/plain"></form>
<iframe id="framed" src="{base}/audit"></iframe><a href="{base}/audit">to the audit</a>"""
FETCH = """async (to) => {
  const tries = [["POST", "no-cors"], ["POST", "cors"], ["DELETE", "cors"], ["GET", "cors"]].map(([method, mode]) =>
    fetch(to, {method, mode, credentials: "include"}).then((answer) => answer.text(), () => ""));
  return (await Promise.all(tries)).join("");
}"""


@pytest.mark.parametrize("tokens", [True, False], ids=["with a session", "on this machine"])
def test_a_foreign_page_can_do_nothing_see_nothing_and_link(
    context: BrowserContext, url: str, processes: Processes, client: Redis, tokens: bool
) -> None:
    port = _serve(processes, **(TOKENS if tokens else {}))
    base = f"http://127.0.0.1:{port}"
    if tokens:
        _log_in(context, base, OPERATOR)
    context.route(f"{EVIL}/**", lambda route: route.fulfill(body=ATTACK.format(base=base), content_type="text/html"))
    page = context.new_page()
    for form in ("form", "#text"):
        page.goto(f"{EVIL}/")
        with page.expect_navigation(url="**/pause") as sent:
            page.evaluate(f"document.querySelector('{form}').submit()")
        assert sent.value.status in (401, 403)
    page.goto(f"{EVIL}/")
    assert page.evaluate(FETCH, f"{base}/api/queues/default/pause") == ""
    assert page.evaluate(FETCH, f"{base}/api/queues") == ""
    assert not client.exists(keys.PAUSED)
    assert [frame.url for frame in page.frames if frame.url.startswith(f"{base}/audit")] == []
    assert not any(frame.get_by_text("Audit").count() for frame in page.frames[1:])
    page.get_by_role("link").click()
    page.wait_for_url(f"{base}/audit")
    assert page.locator("h1").inner_text() == "Audit"
