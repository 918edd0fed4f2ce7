"""A Prometheus that misbehaves for some questions: it is said in the panels that asked, and the rest goes on.

Between the viewer and the stack's Prometheus stands a server that passes everything on, but for what a test tells it.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Watched
from tests.stack.conftest import Stack, free_ports, poll
from vitals.settings import ROOT
from vitals.viewer import server
from vitals.viewer.upstream import Prometheus

# A panel of Overview, and a series that it alone asks for over time.
WRONG, SERIES = "Latency", "job:http_latency_seconds:p95"
PATIENCE_SECONDS = 8.0  # more than the other answers need on a busy machine


class Between(ThreadingHTTPServer):
    """``answer``: what becomes of an answer about SERIES over time; a status and a body → the same."""

    daemon_threads = True

    def __init__(self, port: int, behind: int) -> None:
        self.behind = behind
        self.answer: Callable[[int, bytes], tuple[int, str, bytes]] | None = None
        super().__init__(("127.0.0.1", port), Passing)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self) -> None:
        self.shutdown()
        self.server_close()


class Passing(BaseHTTPRequestHandler):
    server: Between

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = HTTPConnection("127.0.0.1", self.server.behind)
        connection.request(self.command, self.path, body, dict(self.headers))
        response = connection.getresponse()
        status, kind, answer = response.status, "application/json", response.read()
        connection.close()
        over_time = self.path == "/api/v1/query_range"
        if self.server.answer and over_time and SERIES in parse_qs(body.decode()).get("query", [""])[0]:
            status, kind, answer = self.server.answer(status, answer)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def between(stack: Stack) -> Iterator[Between]:
    # A board over six hours has a point each minute, the last one up to a minute ago: by then there must be something.
    poll(lambda: stack.query(f'{SERIES}{{job="artisan-hub"}} offset 90s'), 240, f"{SERIES} is recorded")
    found = Between(free_ports(1)[0], stack.ports["prometheus"])
    yield found
    found.end()


@pytest.fixture(scope="module")
def home(between: Between) -> Iterator[str]:
    """A viewer of its own on that server, which waits less long than others."""
    prometheus = Prometheus(f"http://127.0.0.1:{between.server_port}", timeout=PATIENCE_SECONDS)
    with server.make("127.0.0.1:0", ROOT / "grafana" / "dashboards", prometheus) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def page(home: str, watched: Callable[..., Any]) -> Iterator[Watched]:
    with watched(home, height=6000) as page:
        yield page


def slow(status: int, body: bytes) -> tuple[int, str, bytes]:
    time.sleep(PATIENCE_SECONDS + 1)
    return status, "application/json", body


def refused(status: int, body: bytes) -> tuple[int, str, bytes]:
    said = {"status": "error", "errorType": "execution", "error": "query processing would load too many samples"}
    return 422, "application/json", json.dumps(said).encode()


def a_page(status: int, body: bytes) -> tuple[int, str, bytes]:
    return 200, "text/html", b"<html><title>Log in</title><script>alert(1)</script>"


def torn(status: int, body: bytes) -> tuple[int, str, bytes]:
    return 200, "application/json", body[:len(body) // 2]


def a_bad_gateway(status: int, body: bytes) -> tuple[int, str, bytes]:
    return 502, "text/html", b"<h1>Bad gateway</h1>"


WAYS: dict[str, tuple[Callable[[int, bytes], tuple[int, str, bytes]], str]] = {
    "slow": (slow, "did not answer within"),
    "422": (refused, "too many samples"),
    "a page": (a_page, "not as Prometheus does"),
    "half an answer": (torn, "not JSON"),
    "bad gateway": (a_bad_gateway, "502"),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_is_said_in_place(way: str, between: Between, page: Watched) -> None:
    between.answer, said = WAYS[way]
    page.open("/d/vitals-overview?var-job=artisan-hub")
    panel = page.page.locator(f"[data-panel-title='{WRONG}']")
    expect(panel).to_contain_text(said)
    states = page.states()
    assert states[WRONG] == "error"
    assert [title for title, state in states.items() if state == "error"] == [WRONG]
    assert states["Traffic"] == "ok"
    between.answer = None
    page.page.get_by_role("button", name="Refresh now").click()
    expect(panel).to_have_attribute("data-state", "ok")
    expect(panel).not_to_contain_text(said)
    told(page, 422 if way == "422" else 502, 504)


def told(page: Watched, *statuses: int) -> None:
    """Takes from what went wrong what the browser itself says of these statuses; anything else remains wrong."""
    known = "|".join(map(str, statuses))
    page.wrong[:] = [text for text in page.wrong if not re.match(
        rf"({known}): /api/v1/query_range |console: Failed to load resource: .* status of ({known}) ", text)]


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_values_that_are_no_numbers(value: str, between: Between, page: Watched) -> None:
    between.answer = lambda status, body: (status, "application/json", re.sub(rb'"[0-9.e+-]+"\]', f'"{value}"]'.encode(), body))
    page.open("/d/vitals-overview?var-job=artisan-hub")
    assert page.states()[WRONG] in ("ok", "empty")
    assert "undefined" not in page.page.inner_text("main")
    between.answer = None


def test_gone_and_back(stack: Stack, between: Between, watched: Callable[..., Any]) -> None:
    """The data stay, a banner says that they are old; when Prometheus is back, it goes by itself."""
    passing = Between(free_ports(1)[0], stack.ports["prometheus"])
    port = passing.server_port
    prometheus = Prometheus(f"http://127.0.0.1:{port}", timeout=PATIENCE_SECONDS)
    with server.make("127.0.0.1:0", ROOT / "grafana" / "dashboards", prometheus) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        with watched(f"http://127.0.0.1:{running.server_port}", height=6000) as page:
            page.open("/d/vitals-overview?var-job=artisan-hub")
            before = page.states()
            passing.end()
            page.page.get_by_role("button", name="Refresh now").click()
            banner = page.page.locator(".banner")
            expect(banner).to_be_visible()
            expect(banner).to_contain_text("does not answer")
            assert page.states() == before
            passing = Between(port, stack.ports["prometheus"])
            expect(banner).to_be_hidden()
            page.settle()
            assert page.states() == before
            page.wrong[:] = [text for text in page.wrong if "502" not in text]
        running.shutdown()
    passing.end()
