"""The viewer's functions in a real browser, by the tables in cases.yaml: units, legends, thresholds, transformations, links."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page

from vitals.settings import ROOT
from vitals.viewer import server
from vitals.viewer.upstream import Prometheus

Case = tuple[str, str, list[Any], Any]
TABLES = yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text())
CALL = """async ([module, name, given]) => {
  const found = (await import(`/assets/${module}`))[name](...given);
  return found === undefined ? null : found;
}"""


def cases() -> Iterator[Case]:
    for module, functions in TABLES.items():
        for name, table in functions.items():
            for *given, wanted in table:
                # A function of one text and one scope reads best without brackets around its arguments.
                yield module, name, given[0] if len(given) == 1 else given, wanted


def same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        found = {key: value for key, value in found.items() if value is not None or key in wanted}
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, float) and isinstance(found, int | float):
        return math.isnan(found) if math.isnan(wanted) else math.isclose(found, wanted) or found == wanted
    return bool(found == wanted)


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A page of a viewer without any Prometheus: functions need none."""
    running = server.make("127.0.0.1:0", ROOT / "grafana" / "dashboards", Prometheus("http://127.0.0.1:9"))
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    context = browser.new_context(timezone_id="Europe/Berlin", locale="en-GB")
    opened = context.new_page()
    opened.goto(f"http://127.0.0.1:{running.server_address[1]}/assets/icon.svg")
    yield opened
    context.close()
    running.shutdown()
    thread.join()
    running.server_close()


def test_the_tables(page: Page) -> None:
    wrong = []
    for module, name, given, wanted in cases():
        found = page.evaluate(CALL, [module, name, given])
        if not same(found, wanted):
            wrong.append(f"{module} {name}({', '.join(map(repr, given))}) gives {found!r}, not {wanted!r}")
    assert not wrong, "\n".join(wrong)


def test_the_palette_can_be_told_from_both_backgrounds(page: Page) -> None:
    """3:1 is what WCAG wants of graphics; names take the same colour wherever they are, and none twice in one panel."""
    contrasts = page.evaluate("""async () => {
      const { contrast, byName } = await import('/assets/colors.js');
      const names = Array.from({ length: 10 }, (_, i) => `app ${i}`);
      const colors = [...byName(names).values()];
      return { least: Math.min(...colors.map(c => contrast(c, '#181b20'))), different: new Set(colors).size,
        same: byName(['app 3']).get('app 3') === byName(['app 3', 'zz']).get('app 3') };
    }""")
    assert contrasts["least"] >= 3 and contrasts["different"] == 10 and contrasts["same"]


@pytest.mark.parametrize("background", ["#181b20", "#ffffff"])
def test_texts_in_colours_can_be_read(page: Page, background: str) -> None:
    least = page.evaluate("""async (background) => {
      const { contrast, readable, textOn, mix } = await import('/assets/colors.js');
      const all = ['red', 'orange', 'yellow', 'green', 'blue', 'purple', '#8e8e8e', 'semi-dark-blue', 'super-light-green', '#000000', '#ffffff'];
      return Math.min(...all.map(c => contrast(readable(c, background), background)), ...all.map(c => contrast(textOn(mix(c, background, 0)), mix(c, background, 0))));
    }""", background)
    assert least >= 4.5
