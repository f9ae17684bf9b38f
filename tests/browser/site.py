"""Pages of the dashboard, watched: what a browser complains about fails the test."""

from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, ViewportSize

from tests.browser.stack import Stack

DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}


class Site:
    """Opens pages of one stack. ``complaints`` are errors of console, scripts and requests, and refusals by the CSP."""

    def __init__(self, browser: Browser, stack: Stack) -> None:
        self.stack = stack
        self.complaints: list[str] = []
        self._provoked: list[str] = []
        self.answers: list[Response] = []
        """All that pages were sent."""
        self._browser = browser
        self._contexts: list[BrowserContext] = []

    def provokes(self, words: str) -> None:
        """From now on a complaint with these words is none, however often and however late it comes."""
        self._provoked.append(words)

    def open(self, path: str = "/", *, dark: bool = False, phone: bool = False, **options: Any) -> Page:
        """A page in a context of its own, with all its scripts run."""
        page = self._blank(dark=dark, phone=phone, **options)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._complain(f"script: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", lambda answer: self.answers.append(answer))
        answer = page.goto(path if path.startswith("http") else self.stack.base + path)
        assert answer
        assert answer.ok, f"{path}: {answer.status}\n" + "\n".join(self.stack.web.lines[-3:]).replace("\\n", "\n")
        return page

    def open_word(self) -> Page:
        """A page of a single word, which no server sends."""
        page = self._blank()
        page.goto("data:text/html,<h1>Word</h1>")
        return page

    def _blank(self, *, dark: bool = False, phone: bool = False, **options: Any) -> Page:
        context = self._browser.new_context(
            viewport=PHONE if phone else DESK,
            color_scheme="dark" if dark else "light",
            timezone_id="America/New_York",
            **options,
        )
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5_000)
        return page

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._complain(f"console: {message.text} ({message.location.get('url')})")

    def _failed(self, request: Request) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):
            self._complain(f"request: {request.url} {request.failure}")

    def _complain(self, words: str) -> None:
        if not any(one in words for one in self._provoked):
            self.complaints.append(words)


def is_live(page: Page) -> None:
    """Wait until the page is told of changes."""
    page.wait_for_selector("#live[data-state=live]", state="attached")


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found
