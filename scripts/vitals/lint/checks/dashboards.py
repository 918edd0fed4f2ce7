"""Panels: units, variables, types, places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from vitals.lint.checks.base import Context, Dashboard, Edit, Panel, Said, Subject, check, parsed
from vitals.lint.checks.grafana_units import IDS
from vitals.lint.expression import Selector, String
from vitals.lint.values import Unit, unit

_K, _M, _G, _T = 1e3, 1e6, 1e9, 1e12
_KI, _MI, _GI, _TI = 1024.0, 1024.0**2, 1024.0**3, 1024.0**4
# Grafana's units as units of values.
UNITS: dict[str, Unit] = {
    "bytes": Unit("bytes"), "decbytes": Unit("bytes"), "bits": Unit("bytes", 0, 8), "decbits": Unit("bytes", 0, 8),
    "kbytes": Unit("bytes", 0, 1 / _KI), "deckbytes": Unit("bytes", 0, 1 / _K), "mbytes": Unit("bytes", 0, 1 / _MI),
    "decmbytes": Unit("bytes", 0, 1 / _M), "gbytes": Unit("bytes", 0, 1 / _GI), "decgbytes": Unit("bytes", 0, 1 / _G),
    "tbytes": Unit("bytes", 0, 1 / _TI), "dectbytes": Unit("bytes", 0, 1 / _T),
    "Bps": Unit("bytes", 1), "binBps": Unit("bytes", 1), "bps": Unit("bytes", 1, 8), "binbps": Unit("bytes", 1, 8),
    "KiBs": Unit("bytes", 1, 1 / _KI), "KBs": Unit("bytes", 1, 1 / _K), "MiBs": Unit("bytes", 1, 1 / _MI),
    "MBs": Unit("bytes", 1, 1 / _M), "GiBs": Unit("bytes", 1, 1 / _GI), "GBs": Unit("bytes", 1, 1 / _G),
    "Kbits": Unit("bytes", 1, 8 / _K), "Mbits": Unit("bytes", 1, 8 / _M), "Gbits": Unit("bytes", 1, 8 / _G),
    "s": Unit("seconds"), "dtdurations": Unit("seconds"), "dthms": Unit("seconds"), "ms": Unit("seconds", 0, _K),
    "dtdurationms": Unit("seconds", 0, _K), "µs": Unit("seconds", 0, _M), "ns": Unit("seconds", 0, _G),
    "m": Unit("seconds", 0, 1 / 60), "h": Unit("seconds", 0, 1 / 3600), "d": Unit("seconds", 0, 1 / 86400),
    "percent": Unit("ratio", 0, 100), "percentunit": Unit("ratio"),
}


@check(
    "panel-unit", "warning", "panel",
    "A panel's unit is not that of its query",
    why="A rate of bytes in bytes, seconds shown as milliseconds, a share of 0.95 as 0.95 %: the numbers are misread.",
    bad="""\
type: timeseries
fieldConfig: {defaults: {unit: bytes}}
targets:
- expr: rate(node_network_receive_bytes_total[$__rate_interval])
""",
    good="""\
type: timeseries
fieldConfig: {defaults: {unit: Bps}}
targets:
- expr: rate(node_network_receive_bytes_total[$__rate_interval])
""")
def panel_unit(panel: Panel, context: Context) -> Iterator[Said]:
    if panel.unit is None or not panel.queries or panel.type in ("table", "table-old", "heatmap", "text", "row"):
        return
    shown = UNITS.get(panel.unit.value)
    if shown is None or _changed(panel):
        return
    found: list[Unit] = []
    for query in panel.queries:
        expression = parsed(query.expr.value, variables=True)
        value = unit(expression.root, context.catalogue) if expression else None
        if value is None or query.format == "heatmap":
            return
        found.append(value)
    value = found[0]
    if any(other != value for other in found) or value.base != shown.base:
        return
    if value.per_second != shown.per_second:
        what = "per second" if value.per_second else "not per second"
        yield Said(f"the query gives {_name(value)}, {what}; the unit is {panel.unit.value}",
                   f"use {_units(value) or 'a unit that fits'}", text=panel.unit)
        return
    factor = value.scale / shown.scale
    if factor > 1.5 or factor < 1 / 1.5:
        yield Said(f"the query gives {_name(value)}{_times(value.scale)}, the unit is {panel.unit.value}",
                   f"use {_units(value)}" if _units(value) else "scale the query, or choose another unit",
                   text=panel.unit)


def _name(value: Unit) -> str:
    return {"ratio": "a share", "bytes": "bytes", "seconds": "seconds"}[value.base]


def _times(scale: float) -> str:
    return "" if scale == 1 else f" × {scale:g}"


def _units(value: Unit) -> str:
    return " or ".join([name for name, known in UNITS.items() if known == value][:2])


def _changed(panel: Panel) -> bool:
    """Whether something between query and display changes values or units."""
    model = panel.model
    if model.get("transformations") or model.get("seriesOverrides"):
        return True
    overrides = (model.get("fieldConfig") or {}).get("overrides") or []
    return any(isinstance(o, dict) and any(isinstance(p, dict) and p.get("id") in ("unit", "custom.transform")
                                           for p in o.get("properties") or []) for o in overrides)


@check(
    "fixed-window", "info", "query",
    "A fixed window in a dashboard's rate",
    why="Zoomed out, `rate(x[1m])` shows one minute of every hour; `$__rate_interval` follows the step.",
    bad="""\
type: timeseries
targets:
- expr: rate(http_requests_total[1m])
""",
    good="""\
type: timeseries
targets:
- expr: rate(http_requests_total[$__rate_interval])
""", fixes=True, enabled=False)
def fixed_window(subject: Subject, context: Context) -> Iterator[Said]:
    if subject.query is None or subject.query.instant or subject.panel is None:
        return
    for call in subject.expression.calls:
        if call.func in ("rate", "irate") and isinstance(call.args[0], Selector) and call.args[0].window:
            selector = call.args[0]
            at = subject.expression.text.rfind("[", selector.start, selector.end)
            yield Said(f"the window is always {selector.window_text}, whatever the step", "use $__rate_interval",
                       selector.span, edits=(Edit(at, selector.end, "[$__rate_interval]"),)
                       if subject.expression.text[selector.end - 1] == "]" else ())


_VARIABLE = re.compile(r"(?<![\\$])\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:[:.][^}]*)?\})"
                       r"|\[\[([A-Za-z_]\w*)(?::\w+)?\]\]")
_GIVEN = frozenset({"timeFilter", "interval", "dashboard", "org", "user", "timezone"})


@check(
    "undefined-variable", "warning", "query",
    "A query uses a variable that the dashboard does not have",
    why="Grafana sends it to Prometheus as it is: the query fails, or matches nothing.",
    bad="""\
templating: {list: [{name: namespace, type: query}]}
panels:
- type: timeseries
  targets:
  - expr: up{job="$job"}
""",
    good="""\
templating: {list: [{name: job, type: query}]}
panels:
- type: timeseries
  targets:
  - expr: up{job="$job"}
""")
def undefined_variable(subject: Subject, context: Context) -> Iterator[Said]:
    panel = subject.panel
    if panel is None or "$" not in subject.text.value and "[[" not in subject.text.value:
        return
    if not isinstance(panel.dashboard.model.get("templating"), dict) or panel.model.get("libraryPanel"):
        return
    relabelled = [(n.start, n.end) for call in subject.expression.calls if call.func in ("label_replace", "label_join")
                  for n in call.args if isinstance(n, String)]
    said = set()
    for found in _VARIABLE.finditer(subject.text.value):
        name = found[1] or found[2] or found[3]
        if name.startswith("__") or name in _GIVEN or name in panel.dashboard.variables or name in said:
            continue
        if name.startswith(("DS_", "VAR_")) or any(start <= found.start() < end for start, end in relabelled):
            continue
        said.add(name)
        yield Said(f"the dashboard has no variable `{name}`", "define it, or mend the name", found.span())


# Types that Grafana 12 no longer has; what it turns them into when it loads a dashboard.
MIGRATED = {"graph": "timeseries", "singlestat": "stat", "table-old": "table", "grafana-singlestat-panel": "stat",
            "grafana-piechart-panel": "piechart", "grafana-worldmap-panel": "geomap"}
# Plugins that were never rewritten for anything but Angular.
ANGULAR = frozenset({
    "natel-discrete-panel", "vonage-status-panel", "savantly-heatmap-panel", "agenty-flowcharting-panel",
    "snuids-trafficlights-panel", "mtanda-histogram-panel", "michaeldmoore-annunciator-panel",
    "bessler-pictureit-panel", "larona-epict-panel", "corpglory-progresslist-panel", "petrslavotinek-carpetplot-panel",
    "digrich-bubblechart-panel", "neocat-cal-heatmap-panel", "blackmirror1-statusbygroup-panel",
    "blackmirror1-singlestat-math-panel", "btplc-status-dot-panel", "btplc-trend-box-panel", "btplc-peak-report-panel",
    "btplc-alarm-box-panel", "citilogics-geoloop-panel", "ryantxu-ajax-panel", "ryantxu-annolist-panel",
    "smartmakers-trafficlight-panel", "zuburqan-parity-report-panel", "natel-plotly-panel",
    "mtanda-heatmap-epoch-panel"})


@check(
    "removed-panel-type", "info", "dashboard",
    "Panels of a type that Grafana 12 no longer has",
    why="Grafana 12 has no Angular: it turns some old types into new ones when it loads them, and cannot show others.",
    bad="""\
panels:
- type: vonage-status-panel
""",
    good="""\
panels:
- type: stat
""")
def removed_panel_type(dashboard: Dashboard, context: Context) -> Iterator[Said]:
    kinds: dict[str, int] = {}
    for panel in dashboard.panels:
        kinds[panel.type] = kinds.get(panel.type, 0) + 1
    gone = [(kind, number) for kind, number in kinds.items() if kind in ANGULAR]
    if gone:
        yield Said(f"Grafana 12 cannot show {_listed(gone)}", "use a type that it has", place=dashboard.place,
                   severity="warning")
    old = [(kind, number) for kind, number in kinds.items() if kind in MIGRATED]
    if old:
        now = ", ".join(sorted({MIGRATED[kind] for kind, _ in old}))
        yield Said(f"Grafana 12 has no {_listed(old)} and turns them into {now} when it loads the dashboard",
                   "save the dashboard anew from a current Grafana", place=dashboard.place)


def _listed(found: list[tuple[str, int]]) -> str:
    return ", ".join(f"{kind} ({number})" for kind, number in found)


@check(
    "duplicate-panel-id", "warning", "dashboard",
    "Two panels with one id",
    why="Links, alerts and `viewPanel` find a panel by its id; Grafana gives one of the two another, at random to you.",
    bad="""\
panels:
- {type: stat, id: 1, title: A}
- {type: stat, id: 1, title: B}
""",
    good="""\
panels:
- {type: stat, id: 1, title: A}
- {type: stat, id: 2, title: B}
""")
def duplicate_panel_id(dashboard: Dashboard, context: Context) -> Iterator[Said]:
    seen: dict[int, Panel] = {}
    for panel in dashboard.panels:
        if panel.identity is None:
            continue
        first = seen.setdefault(panel.identity, panel)
        if first is not panel:
            yield Said(f"the id {panel.identity} is that of panel {first.title or first.type} too", "give it another",
                       place=panel.place, subject=f"panel {panel.title or panel.type}")


@check(
    "threshold-order", "warning", "panel",
    "Thresholds that do not rise",
    why="Grafana takes the steps one after the other and stops at the first that is above the value: a step behind a "
        "higher one is never reached, and the panel keeps the wrong colour.",
    bad="""\
type: stat
fieldConfig:
  defaults:
    thresholds: {steps: [{value: null, color: green}, {value: 90, color: red}, {value: 70, color: orange}]}
""",
    good="""\
type: stat
fieldConfig:
  defaults:
    thresholds: {steps: [{value: null, color: green}, {value: 70, color: orange}, {value: 90, color: red}]}
""")
def threshold_order(panel: Panel, context: Context) -> Iterator[Said]:
    config = panel.model.get("fieldConfig")
    config = config if isinstance(config, dict) else {}
    found = [config.get("defaults"), *(_changes(config, "thresholds"))]
    for thresholds in (each.get("thresholds") for each in found if isinstance(each, dict)):
        steps = thresholds.get("steps") if isinstance(thresholds, dict) else None
        values = [step.get("value") for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
        numbers = [value for value in values if isinstance(value, int | float)]
        for lower, value in pairwise(numbers):
            if value < lower:
                yield Said(f"the step {value:g} stands behind {lower:g}", "let the steps rise")
                break


def _changes(config: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """What overrides put in the place of a default."""
    overrides = config.get("overrides")
    for override in overrides if isinstance(overrides, list) else []:
        properties = override.get("properties") if isinstance(override, dict) else None
        for change in properties if isinstance(properties, list) else []:
            if isinstance(change, dict) and change.get("id") == name:
                yield {name: change.get("value")}


@check(
    "overlapping-panels", "info", "dashboard",
    "Two panels take the same place",
    why="Grafana pushes one of them down, and the dashboard looks other than it was drawn.",
    bad="""\
panels:
- {type: stat, title: A, gridPos: {x: 0, y: 0, w: 12, h: 8}}
- {type: stat, title: B, gridPos: {x: 6, y: 4, w: 12, h: 8}}
""",
    good="""\
panels:
- {type: stat, title: A, gridPos: {x: 0, y: 0, w: 12, h: 8}}
- {type: stat, title: B, gridPos: {x: 12, y: 0, w: 12, h: 8}}
""")
def overlapping_panels(dashboard: Dashboard, context: Context) -> Iterator[Said]:
    placed = [(panel, panel.grid) for panel in dashboard.panels if panel.grid and not panel.collapsed][:500]
    for index, (panel, (x, y, w, h)) in enumerate(placed):
        for other, (x2, y2, w2, h2) in placed[:index]:
            if x < x2 + w2 and x2 < x + w and y < y2 + h2 and y2 < y + h:
                yield Said(f"it overlaps panel {other.title or other.type}", "move one of them", place=panel.place,
                           subject=f"panel {panel.title or panel.type}")
                break


_OWN = ("prefix:", "suffix:", "time:", "si:", "count:", "currency:", "bool:", "$", "${")


@check(
    "unknown-unit", "info", "panel",
    "A unit that Grafana does not know",
    why="Grafana writes an unknown unit behind the number as it is: `1000000 Bytes`, not `1 MB`.",
    bad="""\
type: stat
fieldConfig: {defaults: {unit: Bytes}}
""",
    good="""\
type: stat
fieldConfig: {defaults: {unit: bytes}}
""")
def unknown_unit(panel: Panel, context: Context) -> Iterator[Said]:
    known = panel.unit.value if panel.unit else ""
    if not known or known in IDS or known in UNITS or known.startswith(_OWN):
        return
    # Any text is a unit of one's own; one that differs from Grafana's in a letter's case is a slip.
    near = [unit for unit in sorted(IDS) if unit.lower() == known.lower()]
    if near:
        yield Said(f"Grafana has no unit {known}", f"did you mean {' or '.join(near)}?", text=panel.unit)
