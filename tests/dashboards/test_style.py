"""The house style: what makes a board readable at first look holds on all of them, and is not a matter of care."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import promql_parser as parser
import pytest

from tests.dashboards.test_boards import labels, models
from vitals import alerts, coverage
from vitals.dashboards import grafana
from vitals.dashboards.origins import LIMIT
from vitals.signals import SIGNALS

__all__ = ["models"]  # a fixture
Json = dict[str, Any]

ABOUT_APPS = ("vitals-overview", "vitals-operations", "vitals-system-health", "vitals-ai-performance")
# What each of the four reads, one after the other.
GOLDEN = (r":traffic:|_requests:rate5m|agent_runs:rate5m", r"(error|failure)_ratio:", r":p95$", r"cpu|in_flight|active|waiting")
# The units that show a signal's unit, as a value or as a rate of it.
UNITS = {"seconds": {"s", "ms", "dtdurations", "clocks"}, "ratio": {"percentunit"}, "usd": {"currencyUSD"},
         "bytes": {"bytes", "decbytes", "Bps", "binBps"}, "timestamp": {"dtdurations", "dateTimeFromNow", "dateTimeAsIso"}}

NUMBERS = ("host_load_ratio", "redis_fragmentation_ratio")  # ratios that people know as numbers about 1


def rows(model: Json) -> Iterator[tuple[Json, list[Json]]]:
    """Each row with its panels, those that stand under an open one too."""
    under: list[Json] = []
    heading: Json | None = None
    for panel in model["panels"]:
        if panel["type"] == "row":
            if heading:
                yield heading, under
            heading, under = panel, list(panel["panels"])
        else:
            under.append(panel)
    if heading:
        yield heading, under


def faults(uid: str, model: Json) -> Iterator[str]:
    """What is against the house style in one board, a line each."""
    found = list(rows(model))
    if found[0][0]["collapsed"]:
        yield "the first row is collapsed"
    if len(opened := [panel for row, panels in found if not row["collapsed"] for panel in panels]) > 24:
        yield f"{len(opened)} panels are open at first look"
    for row, panels in found:
        title = row["title"]
        if not title.endswith("?") and (len(title.split()) > 4 or re.search(r"\band\b|,|/", title)):
            yield f"row {title!r} neither asks one thing nor names one"
        if not panels:
            yield f"row {title!r} is empty"
    yield from golden(uid, found)
    for panel in grafana.panels(model):
        yield from (f"{panel['title']}: {text}" for text in panel_faults(panel))
    for url in re.findall(r'"url": "(/d/[^"]*)"', json.dumps(model["panels"])):
        if not re.search(r"[?&](var-job=|\$\{job:queryparam\})", url) or "${__url_time_range}" not in url:
            yield f"{url} loses the app or the time span"


def golden(uid: str, found: list[tuple[Json, list[Json]]]) -> Iterator[str]:
    if uid not in ABOUT_APPS:
        return
    lines = [(row["title"], panel) for row, panels in found for panel in panels if panel["type"] == "timeseries"]
    for (title, panel), reads in zip(lines, GOLDEN, strict=False):
        series = {name for target in panel["targets"] for name in coverage.reads(target["expr"])}
        if title != "Golden signals" or not any(re.search(reads, name) for name in series):
            yield f"{panel['title']} stands where a golden signal ({reads}) belongs"


def panel_faults(panel: Json) -> Iterator[str]:
    text = panel.get("description", "").split("\n\n")[0]
    if len(text) < 25 or not text.endswith((".", "?")):
        yield f"does not say in a sentence what one sees: {text!r}"
    if not re.search(r"\b[Ww]orry\b|\bWatched by \w", text):
        yield "does not say when to worry, and no alert watches it"
    if panel["type"] in ("logs", "table"):
        return
    shown = [(target, target["legendFormat"]) for target in panel["targets"]]
    for target, legend in shown:
        if panel["type"] == "heatmap":
            continue
        if not legend:
            yield "a line has no name"
        told = set(re.findall(r"\{\{(\w+)\}\}", legend))
        if missing := labels(parser.parse(target["expr"])) - told - implied(target["expr"], told):
            yield f"{legend}: lines that differ in {', '.join(sorted(missing))} have one name"
    if len({legend for _, legend in shown}) != len(shown):
        yield "two queries have one legend"
    yield from unit_faults(panel)
    if panel["type"] in ("stat", "bargauge", "piechart") and panel["fieldConfig"]["defaults"]["unit"] == "short":
        for target in panel["targets"]:
            if ":increase" in target["expr"] and "/" not in target["expr"] and not target["expr"].startswith("round("):
                yield "counts in fractions"


def implied(expr: str, told: set[str]) -> set[str]:
    """Labels that need not be named: a job has one profile, an instance one job, a pattern one window; what is pinned."""
    pinned = set(re.findall(r'(\w+)="[^"]*"', expr))
    return ({"profile"} | pinned | ({"job"} if told & {"instance", "data_stream"} else set())
            | ({"window"} if "pattern" in told else set()))


def unit_faults(panel: Json) -> Iterator[str]:
    unit = panel["fieldConfig"]["defaults"].get("unit")
    for target in panel["targets"]:
        node = parser.parse(target["expr"])
        if isinstance(node, parser.VectorSelector) and not LIMIT.fullmatch(target["expr"]):
            signal = SIGNALS.get(str(node.name).split(":")[1])
            operation = str(node.name).split(":")[2]
            if not signal or operation.startswith(("rate", "increase")) and signal.kind == "histogram":
                continue
            allowed = UNITS.get(signal.unit)
            if signal.kind == "counter" and signal.unit == "seconds" and operation == "rate5m":
                allowed = {"percentunit"}  # seconds a second
            if allowed and signal.name not in NUMBERS and unit not in allowed:
                yield f"shows {signal.name} ({signal.unit}) as {unit}"


def test_the_house_style(models: dict[str, Json]) -> None:
    assert [f"{uid}: {text}" for uid, model in models.items() for text in faults(uid, model)] == []


def test_the_same_thing_has_the_same_colour(models: dict[str, Json]) -> None:
    """What a legend calls by one word, or one value of one label, is drawn in one colour on every board."""
    colours: dict[str, set[str]] = {}
    for model in models.values():
        for panel in grafana.panels(model):
            legends = {target["refId"]: target.get("legendFormat", "") for target in panel["targets"]}
            for override in panel.get("fieldConfig", {}).get("overrides", []):
                name = override["matcher"]["options"]
                if override["matcher"]["id"] == "byFrameRefID":
                    name = legends[name].rpartition("}}")[2].strip()
                for entry in override["properties"]:
                    if entry["id"] == "color" and name:
                        colours.setdefault(name, set()).add(entry["value"]["fixedColor"])
    assert {"limit", "elevated", "target", "p95"} <= set(colours)
    assert {name: found for name, found in colours.items() if len(found) > 1} == {}


def test_an_alert_opens_the_board_that_draws_its_limit(models: dict[str, Json]) -> None:
    known, drawn = alerts.all_alerts(), dict[str, set[str]]()
    for uid, model in models.items():
        for panel in grafana.panels(model):
            for link in panel.get("links", []):
                alert = known.get(link["url"].rpartition("/")[2])
                if alert and any(limit in alert.expr for limit in (":threshold", ":slo_burn_limit:")):
                    drawn.setdefault(alert.name, set()).add(uid)
    assert len(drawn) > 60
    assert {name: boards for name, boards in drawn.items() if f"vitals-{known[name].dashboard}" not in boards} == {}


# --- each rule can be broken ----------------------------------------------------------------------------


def _panel(title: str, **changes: Any) -> Callable[[Json], None]:
    return lambda model: next(p for p in grafana.panels(model) if p["title"] == title).update(changes)


def _row(number: int, **changes: Any) -> Callable[[Json], None]:
    return lambda model: [p for p in model["panels"] if p["type"] == "row"][number].update(changes)


def _target(title: str, **changes: Any) -> Callable[[Json], None]:
    return lambda model: next(p for p in grafana.panels(model) if p["title"] == title)["targets"][0].update(changes)


def _open(model: Json) -> None:
    for panel in list(model["panels"]):
        if panel["type"] == "row" and panel["collapsed"]:
            panel["collapsed"] = False
            at = model["panels"].index(panel) + 1
            model["panels"][at:at] = panel["panels"]
            panel["panels"] = []


def _swap(model: Json) -> None:
    panels = model["panels"]
    places = [i for i, panel in enumerate(panels) if panel["type"] == "timeseries"]
    panels[places[0]], panels[places[1]] = panels[places[1]], panels[places[0]]


def _bare_link(model: Json) -> None:
    _panel("Requests", fieldConfig={"defaults": {"unit": "reqps", "links": [{"url": "/d/vitals-logs"}]}})(model)


BROKEN: dict[str, tuple[Callable[[Json], Any], str]] = {
    "two things in a row": (_row(1, title="Caches and queries"), "neither asks"),
    "a long name": (_row(1, title="All that is known of it"), "neither asks"),
    "nothing open": (_row(0, collapsed=True), "first row is collapsed"),
    "a wall of panels": (_open, "open at first look"),
    "golden signals in disorder": (_swap, "where a golden signal"),
    "golden signals later": (_row(0, title="HTTP"), "where a golden signal"),
    "no sentence": (_panel("Requests", description="Requests"), "in a sentence"),
    "no word of worry": (_panel("In flight", description="HTTP requests being served at this moment."), "when to worry"),
    "a line without a name": (_target("Requests", legendFormat=""), "has no name"),
    "lines of one name": (_target("p95 by endpoint", legendFormat="{{job}}"), "differ in endpoint"),
    "queries of one name": (_target("Response time", legendFormat="{{job}} p95"), "one legend"),
    "seconds as bytes": (_panel("Memory", fieldConfig={"defaults": {"unit": "s"}}), "(bytes) as s"),
    "half a thing": (_panel("Up", fieldConfig={"defaults": {"unit": "short"}},
                            targets=[{"refId": "A", "expr": "job:leads:increase1h", "legendFormat": "{{job}}"}]), "fractions"),
    "a link that forgets": (_bare_link, "loses the app"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_breach_is_found(name: str, models: dict[str, Json]) -> None:
    change, expected = BROKEN[name]
    model = copy.deepcopy(models["vitals-system-health"])
    change(model)
    assert any(expected in text for text in faults("vitals-system-health", model))
