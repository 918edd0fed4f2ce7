"""Every dashboard, for every app of the demo: it opens, and no panel is empty that the app's profile feeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.browser.conftest import Watched
from tests.stack import test_data as data
from tests.stack.conftest import Stack, poll
from vitals.dashboards import grafana
from vitals.settings import ROOT

Json = dict[str, Any]
SHOTS = ROOT / "build" / "screenshots"
# The profiles of servers: their panels show the chosen exporters, whichever app is chosen.
SERVERS = [name for name, (profile, _) in data.PROFILES.items() if profile.kind not in ("app", "probe")]


@cache
def fed_by(expr: str) -> frozenset[str]:
    return frozenset(data.fed_by(expr))


def expected(model: Json, app: str, running: set[str]) -> set[str]:
    """The titles of the panels that must show something when this app is chosen."""
    found = set()
    for panel in grafana.panels(model):
        for target in panel["targets"]:
            expr = target.get("expr", "")
            if not expr or (model["uid"], panel["title"]) in data.EMPTY_WHEN_WELL or "ALERTS" in expr:
                continue
            fed = fed_by(expr) & running
            if app in fed or "$job" not in expr and fed & set(SERVERS):
                found.add(panel["title"])
    return found


@pytest.fixture(scope="module")
def running(stack: Stack) -> set[str]:
    """The profiles that the stack has targets of, once all that they feed is recorded."""
    found = {result["metric"]["profile"] for result in stack.query("up == 1")}
    poll(lambda: not data.empty(stack, found), 300, "every query has data")
    # A panel's last point is up to a step ago. Redis was away at first (see long_before), so it is the last to be there.
    poll(lambda: stack.query("job_instance:redis_memory_bytes:current offset 90s"), 300, "Redis has been there for a while")
    return found


@pytest.fixture(params=data.APPS)
def app(request: pytest.FixtureRequest, running: set[str]) -> str:
    if request.param not in running:
        pytest.skip(f"the demo has no app of the profile {request.param}")
    return request.param


@pytest.fixture
def page(app: str, viewer: str, watched: Callable[..., Any]) -> Iterator[Watched]:
    """Tall enough to have every panel of a board in view; painted finely only where pictures are kept."""
    with watched(viewer, height=12000, device_scale_factor=1 if app == data.APPS[0] else 0.25) as page:
        yield page


@pytest.fixture(scope="module")
def seen() -> set[tuple[str, str]]:
    """(board, panel) that were shown for some app."""
    return set()


def test_boards(app: str, page: Watched, running: set[str], seen: set[tuple[str, str]]) -> None:
    """What stands open, for every app; what stands in closed rows, for the first app that feeds it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    # Over days the steps are longer than the stack is old.
    page.open(f"/d/vitals-overview?var-job={app}&from=now-1h&to=now")
    empty: list[str] = []
    for uid, model in data.MODELS.items():
        page.page.locator(f"#nav a[href^='/d/{uid}?']").click()
        page.page.wait_for_url(f"**/d/{uid}?*")
        fed = expected(model, app, running)
        open_rows(page, {title for title in fed if (uid, title) not in seen})
        page.settle()
        states = page.states()
        empty += [f"{uid}: {title} is {state}" for title, state in states.items()
                  if state == "error" or state != "ok" and title in fed]
        seen |= {(uid, title) for title in states}
        if app == data.APPS[0]:
            size = page.page.evaluate("({width: innerWidth, height: document.querySelector('#content').lastChild.getBoundingClientRect().bottom})")
            page.page.screenshot(path=SHOTS / f"{uid}.png", clip={"x": 0, "y": 0, **size})
    assert empty == []


def test_every_panel_that_is_fed_was_seen(running: set[str], seen: set[tuple[str, str]]) -> None:
    fed = {(uid, title) for uid, model in data.MODELS.items() for app in data.APPS for title in expected(model, app, running)}
    assert fed - seen == set()


def open_rows(page: Watched, titles: set[str]) -> None:
    """Opens the rows that have one of these panels, all at once, by the address."""
    model = data.MODELS[urlsplit(page.page.url).path.removeprefix("/d/")]
    ids = [str(row["id"]) for row in model["panels"] if row["type"] == "row" and row["collapsed"]
           and titles & {panel["title"] for panel in row["panels"]}]
    if ids:
        page.page.evaluate("""rows => {
          const url = new URL(location);
          url.searchParams.set('rows', rows);
          history.pushState(null, '', url);
          dispatchEvent(new PopStateEvent('popstate'));
        }""", ",".join(ids))
        page.page.locator(f"#row-{ids[-1]} [data-panel-id]").first.wait_for()
