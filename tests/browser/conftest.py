"""A real browser before the viewer of a real stack. Every page is watched for what must never happen on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect

from tests.browser import chromium
from tests.stack.conftest import Stack, stack

__all__ = ["stack"]  # one for all tests of the browser

SECONDS = 60  # for what takes a moment on an idle machine
expect.set_options(timeout=SECONDS * 1000)
SETTLED = """() => {
  const panels = [...document.querySelectorAll('[data-panel-id]')].filter(p => p.getBoundingClientRect().top < innerHeight);
  return panels.length > 0 && !document.querySelector('main [aria-busy]')
    && panels.every(p => p.dataset.state !== 'loading');
}"""
STATES = """() => Object.fromEntries([...document.querySelectorAll('[data-panel-id]')].map(
  p => [p.dataset.panelTitle, p.dataset.state]))"""

NOTE_WHEN_SEEN = """name => {
  const look = () => {
    const rows = [...document.querySelectorAll('[aria-labelledby=firing] tbody tr')];
    if (!globalThis.seen && rows.some(row => row.textContent.includes(name))) globalThis.seen = Date.now() / 1000;
  };
  new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
  look();
}"""


class Watched:
    """A page, and what went wrong on it: errors in its console, requests that failed or went elsewhere."""

    def __init__(self, page: Page, home: str) -> None:
        self.page, self.home = page, home
        self.wrong: list[str] = []
        self.asked: list[Request] = []
        page.set_default_timeout(SECONDS * 1000)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def open(self, path: str) -> None:
        self.page.goto(self.home + path)
        self.settle()

    def settle(self) -> None:
        """Waits until every panel in view has got its answer."""
        self.page.wait_for_function(SETTLED, polling=200)  # on every frame it would itself be most of the work

    def states(self) -> dict[str, str]:
        """Title → state (ok, empty, error) of the panels that are shown."""
        return self.page.evaluate(STATES)

    def queries(self) -> list[str]:
        """The PromQL that was asked so far."""
        return [expr for request in self.asked for expr in parse_qs(request.post_data or "").get("query", [])]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        self.asked.append(request)
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.wrong.append(f"asks elsewhere: {request.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page no longer wants to know
            self.wrong.append(f"failed: {urlsplit(request.url).path}: {request.failure}")

    def _response(self, response: Response) -> None:
        if response.status >= 400:
            self.wrong.append(f"{response.status}: {urlsplit(response.url).path} {response.request.post_data or ''}")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium.browser(tmp_path_factory.mktemp("chromium")) as running:
        yield running


@pytest.fixture(scope="session")
def watched(browser: Browser) -> Callable[..., Iterator[Watched]]:
    """``with watched(home, width=1600, height=1000) as page``: a page of its own, on which nothing may go wrong."""

    @contextmanager
    def opened(home: str, width: int = 1600, height: int = 1000, **more: object) -> Iterator[Watched]:
        context = browser.new_context(viewport={"width": width, "height": height}, **more)
        page = Watched(context.new_page(), home)
        yield page
        context.close()
        assert page.wrong == []

    return opened


@pytest.fixture(scope="session")
def viewer(stack: Stack) -> str:
    """The address of the stack's viewer."""
    return stack.url("viewer")


@pytest.fixture(scope="session", autouse=True)
def long_before(request: pytest.FixtureRequest) -> Iterator[Watched | None]:
    """For test_firing, which takes minutes: begun first, and looked at when the others are done.

    The demo's Redis is down for a while, and somebody has the page of alerts open.
    """
    if not any(item.path.stem == "test_firing" for item in request.session.items):
        yield None
        return
    stack, viewer, watched = map(request.getfixturevalue, ("stack", "viewer", "watched"))
    stack.vitals("demo", "fault", "redis-down", "--job", "redis", "--minutes", "3")
    with watched(viewer) as page:
        page.page.goto(viewer + "/alerts")
        page.page.evaluate(NOTE_WHEN_SEEN, "RedisDown")
        yield page
