"""What axe finds on every board, in both themes: nothing serious, nothing critical."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import node
from tests.browser.conftest import Watched
from tests.stack import test_data as data

# A page without a policy's leave: axe is evaluated by the browser's debugger, so the page's own policy stays as it is.
RUN = """() => axe.run(document, {resultTypes: ['violations']}).then(found => found.violations
  .filter(({ impact }) => impact === 'serious' || impact === 'critical')
  .flatMap(({ id, impact, nodes }) => nodes.slice(0, 3).map(node => `${impact} ${id}: ${node.html.slice(0, 150)}: ${node.failureSummary}`)))"""


@pytest.fixture(scope="module")
def page(viewer: str, watched: Callable[..., Any]) -> Iterator[Watched]:
    with watched(viewer, color_scheme="dark") as page:
        page.open("/d/vitals-overview?var-job=artisan-hub")
        page.page.evaluate((node.modules() / "axe-core" / "axe.min.js").read_text())
        yield page


def found(page: Watched, name: str) -> list[str]:
    theme = page.page.locator("html").get_attribute("data-theme")
    return [f"{name}, {theme}: {said}" for said in page.page.evaluate(RUN)]


@pytest.mark.parametrize("uid", data.MODELS)
def test_board(uid: str, page: Watched) -> None:
    page.page.locator(f"#nav a[href^='/d/{uid}']").click()
    page.page.wait_for_url(f"**/d/{uid}?*")
    page.settle()
    wrong = found(page, uid)
    switch = page.page.get_by_role("button", name="Switch between dark and light")
    switch.click()
    page.settle()
    assert wrong + found(page, uid) == []


def test_alerts(page: Watched) -> None:
    page.page.get_by_role("link", name="Alerts").click()
    page.page.locator("#targets").wait_for()
    assert found(page, "alerts") == []


def test_with_an_open_menu_and_open_values(page: Watched) -> None:
    page.open("/d/vitals-overview?var-job=artisan-hub")
    page.page.evaluate((node.modules() / "axe-core" / "axe.min.js").read_text())
    page.page.get_by_role("button", name="Menu of Apps up").click()
    wrong = found(page, "menu")
    page.page.get_by_role("menuitem", name="Query and values").click()
    page.page.get_by_role("dialog").wait_for()
    wrong += found(page, "values")
    page.page.keyboard.press("Escape")
    page.page.get_by_text("Time range").click()
    assert wrong + found(page, "time range") == []


def test_axe_finds_something(page: Watched) -> None:
    """A picture without words and a field without a name: it does judge."""
    page.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=\"/assets/icon.svg\"><input>')")
    wrong = found(page, "spoilt")
    assert any("image-alt" in said for said in wrong)
    assert any("label" in said for said in wrong)
