"""What people do with a board: open rows, choose apps and times, follow links, send an address, use the keyboard."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Watched
from tests.stack import test_data as data
from tests.stack.conftest import Stack, poll
from vitals.dashboards import grafana

OVERVIEW = "/d/vitals-overview"


@pytest.fixture(scope="module", autouse=True)
def recorded(stack: Stack) -> None:
    poll(lambda: stack.query("count(job:traffic:rate5m) >= 8"), 120, "traffic of all eight apps is recorded")


@pytest.fixture
def page(viewer: str, watched: Callable[..., Any]) -> Iterator[Watched]:
    with watched(viewer, height=6000) as page:
        yield page


def params(page: Watched) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.page.url).query)


def row(uid: str, job: str) -> tuple[str, set[str], set[str]]:
    """A collapsed row of a board: its title, its queries, and those that only it has."""
    model = data.MODELS[uid]
    closed = [panel for panel in model["panels"] if panel["type"] == "row" and panel["collapsed"]]
    inside = {t["expr"] for panel in closed[0]["panels"] for t in panel["targets"]}
    outside = {expr for title, expr in grafana.queries(model) if title not in {p["title"] for p in closed[0]["panels"]}}
    return closed[0]["title"], *({re.sub(r"\$\w+", job, expr) for expr in some} for some in (inside, inside - outside))


def test_a_closed_row_asks_nothing_until_it_is_opened(page: Watched) -> None:
    title, inside, only = row("vitals-overview", "artisan-hub")
    page.open(f"{OVERVIEW}?var-job=artisan-hub&refresh=")
    before = page.queries()
    assert before and not only & set(before)
    page.page.get_by_role("button", name=re.compile(rf"^{title}")).click()
    page.page.wait_for_url("**rows=*")
    page.settle()
    assert only <= set(page.queries()[len(before):]) <= inside, "what was open already asks nothing again"


def test_a_narrow_legend_names_no_limits(page: Watched) -> None:
    page.open(f"{OVERVIEW}?var-job=artisan-hub")
    panel = page.page.locator("[data-panel-title='Errors']")
    assert "artisan-hub limit" in (panel.locator(".js-plotly-plot").get_attribute("aria-label") or ""), "it is drawn"
    assert panel.locator(".legend button").all_inner_texts() == ["artisan-hub"]


def test_panels_out_of_sight_ask_nothing_until_they_are_seen(viewer: str, watched: Callable[..., Any]) -> None:
    with watched(viewer, height=400) as page:
        page.open(f"{OVERVIEW}?var-job=artisan-hub")
        last = page.page.locator("[data-panel-id]").last
        expect(last).to_have_attribute("data-state", "loading")
        last.scroll_into_view_if_needed()
        expect(last).not_to_have_attribute("data-state", "loading")


def test_another_app_is_chosen(page: Watched) -> None:
    page.open(OVERVIEW)
    assert page.states()["Apps"] == "ok"
    expect(page.page.locator("[data-panel-title='Apps'] tbody tr")).to_have_count(8)
    page.page.locator("[data-variable='job'] summary").click()
    page.page.locator("[data-variable='job'] [data-value='vllm'] input").check()
    expect(page.page.locator("[data-panel-title='Apps'] tbody tr")).to_have_count(1)
    assert params(page)["var-job"] == ["vllm"]
    page.page.locator("[data-variable='job'] [data-value='litellm'] input").check()
    expect(page.page.locator("[data-panel-title='Apps'] tbody tr")).to_have_count(2)
    assert sorted(params(page)["var-job"]) == ["litellm", "vllm"]
    page.page.go_back()
    expect(page.page.locator("[data-panel-title='Apps'] tbody tr")).to_have_count(1)


def test_another_time_is_chosen(page: Watched) -> None:
    page.open(f"{OVERVIEW}?var-job=artisan-hub")
    page.page.get_by_text("Time range").click()
    page.page.get_by_role("button", name="Last hour", exact=True).click()
    page.page.wait_for_url("**from=now-1h*")
    page.settle()
    asked = [parse_qs(request.post_data or "") for request in page.asked if request.url.endswith("query_range")]
    assert 3500 < float(asked[-1]["end"][0]) - float(asked[-1]["start"][0]) <= 3700
    page.page.get_by_text("Time range").click()
    page.page.get_by_label("From").fill("yesterday")
    page.page.get_by_role("button", name="Apply").click()
    expect(page.page.get_by_role("alert").filter(has_text="yesterday is no time")).to_be_visible()
    page.page.get_by_label("From").fill("now-2h")
    page.page.get_by_role("button", name="Apply").click()
    page.page.wait_for_url("**from=now-2h*")


def test_it_refreshes_by_itself(page: Watched) -> None:
    page.open(f"{OVERVIEW}?var-job=artisan-hub&refresh=10s")
    before = len(page.queries())
    page.page.wait_for_timeout(1)  # hands over to the browser once
    deadline = time.monotonic() + 60
    while len(page.queries()) < 2 * before and time.monotonic() < deadline:
        page.page.wait_for_timeout(500)
    assert len(page.queries()) >= 2 * before


def test_another_board_keeps_app_and_time(page: Watched) -> None:
    page.open(f"{OVERVIEW}?var-job=vllm&from=now-1h&to=now")
    page.page.locator("#nav").get_by_role("link", name="Cost", exact=True).click()
    page.page.wait_for_url("**/d/vitals-cost?*")
    page.settle()
    assert (params(page)["var-job"], params(page)["from"]) == (["vllm"], ["now-1h"])
    page.page.go_back()
    expect(page.page.get_by_role("heading", level=1)).to_have_text("Overview")


def test_a_link_of_a_panel_leads_to_the_app(page: Watched) -> None:
    page.open(f"{OVERVIEW}?from=now-1h&to=now")
    table = page.page.locator("[data-panel-title='Apps']")
    line = table.locator("tbody tr").filter(has_text="litellm")
    line.get_by_role("link").first.click()
    page.page.wait_for_url("**/d/vitals-*var-job=litellm*")
    assert urlsplit(page.page.url).path != OVERVIEW
    page.settle()
    assert params(page)["from"] == ["now-1h"]


def test_an_address_can_be_sent(page: Watched, viewer: str, watched: Callable[..., Any]) -> None:
    """Whoever opens it sees the same: board, apps, time, rows, one panel alone."""
    title, *_ = row("vitals-overview", "artisan-hub")
    page.open(f"{OVERVIEW}?var-job=vllm&var-job=litellm&from=now-2h&to=now")
    page.page.get_by_role("button", name=re.compile(rf"^{title}")).click()
    page.page.wait_for_url("**rows=*")
    page.settle()
    with watched(viewer, height=6000) as other:
        other.open(page.page.url.removeprefix(viewer))
        assert set(other.states()) == set(page.states())
        expect(other.page.locator("[data-variable='job'] .chosen").first).to_have_text("vllm + litellm")
        expect(other.page.locator("[data-panel-title='Apps'] tbody tr")).to_have_count(2)
        other.page.get_by_role("button", name="Menu of Traffic", exact=True).click()
        other.page.get_by_role("menuitem", name="View alone").click()
        other.page.wait_for_url("**viewPanel=*")
        other.settle()
        assert list(other.states()) == ["Traffic"]


def test_the_keyboard_is_enough(page: Watched) -> None:
    """From the top of the page by Tab, Enter and Escape: to the panels, through a menu, to another board."""
    page.open(f"{OVERVIEW}?var-job=artisan-hub")
    keyboard = page.page.keyboard
    keyboard.press("Tab")
    expect(page.page.locator(":focus")).to_have_text("Skip to the panels")
    keyboard.press("Enter")
    tab_to(page, "button[aria-label='Menu of Apps up']")
    keyboard.press("Enter")
    expect(page.page.get_by_role("menu")).to_be_visible()
    expect(page.page.locator(":focus")).to_have_attribute("role", "menuitem")
    keyboard.press("Escape")
    expect(page.page.get_by_role("menu")).to_be_hidden()
    expect(page.page.locator(":focus")).to_have_attribute("aria-label", "Menu of Apps up")
    page.page.evaluate("document.activeElement.blur()")
    page.page.evaluate("scrollTo(0, 0)")
    tab_to(page, "[data-variable='job'] summary")
    keyboard.press("Enter")
    tab_to(page, "[data-value='vllm'] input")
    keyboard.press("Space")
    page.page.wait_for_url("**var-job=vllm*")
    keyboard.press("Escape")
    expect(page.page.locator("[data-variable='job']")).not_to_have_attribute("open", "")
    tab_to(page, "#nav a[href^='/d/vitals-cost']")
    assert page.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    keyboard.press("Enter")
    page.page.wait_for_url("**/d/vitals-cost?*")


def tab_to(page: Watched, selector: str) -> None:
    for _ in range(200):
        if page.page.evaluate("selector => document.activeElement?.matches(selector)", selector):
            return
        page.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {selector}")
