"""An alert that begins to fire is seen within half a minute, by whoever has the page open and does not touch it."""

from __future__ import annotations

import time

from tests.browser.conftest import Watched
from tests.stack.conftest import Stack, get


def test_an_alert_is_seen(stack: Stack, long_before: Watched) -> None:
    page = long_before.page
    page.wait_for_function("() => globalThis.seen", timeout=240_000, polling=1000)
    seen, fired = page.evaluate("globalThis.seen"), first_firing(stack)
    print(f"seen {seen - fired:.1f} s after the evaluation that made it fire")
    assert seen - fired <= 30


def first_firing(stack: Stack) -> float:
    """The time of the evaluation that made the alert fire, as Prometheus recorded it."""
    now = time.time()
    query = 'min_over_time(timestamp(ALERTS{alertname="RedisDown", alertstate="firing"})[15m:1s])'
    answer = get(stack.url("prometheus") + "/api/v1/query", query=query, time=now)
    return float(answer["data"]["result"][0]["value"][1])
