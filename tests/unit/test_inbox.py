"""The inbox over real HTTP: what it keeps, what it shows, and what it refuses."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from vitals import inbox

HOSTILE = '"><script>alert(1)</script>'
Ask = Callable[..., tuple[int, str, http.client.HTTPMessage]]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """``ask("GET", "/path")`` → status, body, headers, from an inbox of its own."""
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "alerts.md").write_text("# Alerts\n\n## ServiceDown\n\nLook <b>here</b>.\n\n## Other\n\nNot this.\n")

    class Handler(inbox.Handler):
        pass

    Handler.store, Handler.docs = inbox.Store(tmp_path / "kept"), docs
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def do(method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str, http.client.HTTPMessage]:
        conn = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
        conn.request(method, path, body, headers)
        response = conn.getresponse()
        result = response.status, response.read().decode(), response.headers
        conn.close()
        return result

    yield do
    server.shutdown()
    thread.join()
    server.server_close()


def message(name: str = "ServiceDown", status: str = "firing", job: str = "shop", **annotations: str) -> bytes:
    alert = {"status": status, "labels": {"alertname": name, "job": job, "severity": "critical"},
             "annotations": annotations, "startsAt": "2026-11-01T10:00:00Z", "endsAt": "0001-01-01T00:00:00Z"}
    return json.dumps({"version": "4", "receiver": "inbox", "alerts": [alert]}).encode()


def post(ask: Ask, body: bytes, kind: str = "application/json") -> int:
    return ask("POST", "/webhook", body, **{"Content-Type": kind})[0]


def kept(ask: Ask, query: str = "") -> list[dict[str, Any]]:
    status, body, _ = ask("GET", f"/api/notifications{query}")
    assert status == 200
    return json.loads(body)


def test_it_is_ready(ask: Ask) -> None:
    assert ask("GET", "/-/ready")[0] == 200


def test_a_notification_is_kept_and_shown_until_it_is_resolved(ask: Ask) -> None:
    assert post(ask, message(summary="The shop is down")) == 200
    [item] = kept(ask)
    assert item["labels"]["alertname"] == "ServiceDown" and item["received"] > "2026"
    now = ask("GET", "/")[1].split("Last received")[0]
    assert "The shop is down" in now
    assert post(ask, message(status="resolved", summary="The shop is down")) == 200
    now, _, recent = ask("GET", "/")[1].partition("Last received")
    assert "The shop is down" not in now and "The shop is down" in recent


@pytest.mark.parametrize(("query", "count"), [
    ("", 3), ("?alertname=ServiceDown", 2), ("?job=blog", 1), ("?status=resolved", 1),
    ("?alertname=ServiceDown&job=shop", 1), ("?alertname=Nothing", 0), ("?since=2999-01-01", 0), ("?since=2000-01-01", 3),
])
def test_notifications_are_found_by_what_they_are_about(ask: Ask, query: str, count: int) -> None:
    for body in (message(), message(job="blog"), message("HttpErrorsHigh", "resolved")):
        post(ask, body)
    assert len(kept(ask, query)) == count


def test_the_newest_is_last(ask: Ask) -> None:
    for name in ("First", "Second"):
        post(ask, message(name))
    assert [item["labels"]["alertname"] for item in kept(ask)] == ["First", "Second"]


@pytest.mark.parametrize("field", ["alertname", "job", "summary", "description"])
def test_hostile_text_stays_text(ask: Ask, field: str) -> None:
    if field in ("summary", "description"):
        post(ask, message(**{field: HOSTILE}))
    else:
        post(ask, message(**{"name" if field == "alertname" else "job": HOSTILE}))
    page = ask("GET", "/")[1]
    assert "<script" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//example.org", 'https://x/" onclick="y'])
def test_only_web_addresses_become_links(ask: Ask, url: str) -> None:
    post(ask, message(runbook_url=url, dashboard_url="http://127.0.0.1:3000/d/x?a=1&b=2"))
    page = ask("GET", "/")[1]
    assert f'href="{url}' not in page and '" onclick' not in page
    assert 'href="http://127.0.0.1:3000/d/x?a=1&amp;b=2"' in page


@pytest.mark.parametrize(("body", "kind", "status"), [
    (b"not json", "application/json", 400),
    (b"[]", "application/json", 400),
    (b'{"alerts": "many"}', "application/json", 400),
    (b'{"alerts": [{"status": "odd", "labels": {}, "annotations": {}}]}', "application/json", 400),
    (b'{"alerts": [{"status": "firing", "labels": [], "annotations": {}}]}', "application/json", 400),
    (b"[" * 100_000, "application/json", 400),
    (b'{"x": "' + b"y" * inbox.MAX_BODY + b'"}', "application/json", 413),
    (message(), "text/plain", 415),
    (message(), "application/x-www-form-urlencoded", 415),
])
def test_what_is_no_notification_is_refused_and_not_kept(ask: Ask, body: bytes, kind: str, status: int) -> None:
    try:
        assert post(ask, body, kind) == status
    except (BrokenPipeError, ConnectionResetError):
        assert status == 413  # it hung up before all of it was sent
    assert kept(ask) == []


def test_headers_keep_pages_and_scripts_of_others_out(ask: Ask) -> None:
    for path in ("/", "/api/notifications", "/runbooks/ServiceDown", "/nothing"):
        headers = ask("GET", path)[2]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in headers


def test_a_runbook_is_its_section_and_no_more(ask: Ask) -> None:
    status, page, _ = ask("GET", "/runbooks/ServiceDown")
    assert status == 200 and "&lt;b&gt;here&lt;/b&gt;" in page and "Not this" not in page


@pytest.mark.parametrize("name", ["Nothing", "../alerts", "..%2f..%2fvitals.yaml", ".*", ""])
def test_other_runbooks_are_not_found(ask: Ask, name: str) -> None:
    status, text, headers = ask("GET", f"/runbooks/{name}")
    assert status == 404 and headers["Content-Type"].startswith("text/plain")


def test_a_restart_keeps_what_was_kept_and_drops_a_torn_line(tmp_path: Path) -> None:
    inbox.Store(tmp_path).add(inbox.notification(message())[0])
    with (tmp_path / "notifications.jsonl").open("a") as file:
        file.write('{"labels": {"alert')
    assert [item["labels"]["job"] for item in inbox.Store(tmp_path).items()] == ["shop"]


def test_the_file_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "KEEP", 10)
    store = inbox.Store(tmp_path)
    for number in range(100):
        store.add(inbox.notification(message(f"Alert{number}"))[0])
        assert len((tmp_path / "notifications.jsonl").read_text().splitlines()) <= 21
    assert store.items()[-1]["labels"]["alertname"] == "Alert99"
    assert len(inbox.Store(tmp_path).items()) == 10


def test_the_heartbeat_is_kept_once_and_told_to_whoever_asks(ask: Ask) -> None:
    assert ask("GET", "/-/alerting")[0] == 503
    assert "No heartbeat" in ask("GET", "/")[1]
    for _ in range(3):
        assert post(ask, message("Watchdog", job="")) == 200
    assert ask("GET", "/-/alerting")[0] == 200
    assert "heartbeat comes" in ask("GET", "/")[1]
    assert len(kept(ask, "?alertname=Watchdog")) == 1
    assert post(ask, message("Watchdog", "resolved", job="")) == 200  # Prometheus evaluates no more
    assert ask("GET", "/-/alerting")[0] == 503
    assert [item["status"] for item in kept(ask, "?alertname=Watchdog")] == ["firing", "resolved"]


def test_a_heartbeat_that_stops_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000.0
    monkeypatch.setattr(inbox.time, "time", lambda: now)
    store = inbox.Store(tmp_path)
    store.add(inbox.notification(message("Watchdog"))[0])
    now += inbox.HEARTBEAT_SECONDS - 1
    assert store.alive()
    now += 1
    assert not store.alive()


def test_a_page_of_its_own_comes_before_the_list(ask: Ask, tmp_path: Path) -> None:
    pages = tmp_path / "docs" / "runbooks"
    pages.mkdir()
    (pages / "ServiceDown.md").write_text("# ServiceDown\n\nIts own <page>.\n")
    (tmp_path / "docs" / "secret.md").write_text("not for reading")
    assert "Its own &lt;page&gt;" in ask("GET", "/runbooks/ServiceDown")[1]
    for path in ("/runbooks/../secret", "/runbooks/%2e%2e%2fsecret", "/runbooks/..%2Fsecret", "/runbooks/"):
        assert ask("GET", path)[0] == 404
