"""The house style: small functions that give grafanalib panels, so that a dashboard reads as data.

Each takes title, description, unit and queries, and the size in Grafana's grid (24 wide); where a panel
stands is worked out by `grafana.model`. Limits are queries too (`limit`, `elevated`, `target`): they read
the threshold series that the alerts compare with, and look the same on every panel.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from grafanalib import core as g

from vitals.signals import threshold_series

Json = dict[str, Any]
Steps = tuple[tuple[float | None, str], ...]  # from which value on which colour; the first is None
Size = tuple[int, int]  # width (of 24), height
RUNBOOKS = "${runbooks}"  # stands for the address of the runbooks, until vitals.yaml has told it
Operation = Literal["p50", "p95", "p99", "mean5m"]

GREEN, RED, ORANGE, BLUE, PURPLE, GREY = "green", "red", "orange", "blue", "purple", "#8e8e8e"

# The same colour for the same thing on every dashboard. "shades": several apps' lines differ in shade only.
LOOKS: dict[str, list[Json]] = {
    name: [{"id": "color", "value": {"mode": "shades", "fixedColor": color}}]
    for name, color in {"good": GREEN, "bad": RED, "p50": BLUE, "p95": PURPLE, "p99": ORANGE, "mean5m": GREY,
                        "input": BLUE, "output": PURPLE, "neutral": BLUE, "reference": GREY}.items()
} | {
    name: [{"id": "color", "value": {"mode": "fixed", "fixedColor": color}},
           {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": dash}},
           {"id": "custom.lineWidth", "value": 1}, {"id": "custom.fillOpacity", "value": 0},
           {"id": "custom.stacking", "value": {"group": "A", "mode": "none"}}]
    for name, color, dash in (("limit", RED, [10, 5]), ("elevated", ORANGE, [10, 5]), ("target", GREEN, [3, 5]))
}

HIDDEN: Json = {"id": "custom.hideFrom", "value": {"legend": True, "tooltip": False, "viz": False}}

# Values of labels that have a colour of their own, by the label that a legend shows.
VALUES: dict[str, dict[str, str]] = {
    "outcome": {"success": GREEN, "error": RED},
    "code": {"1..": GREY, "2..": GREEN, "3..": BLUE, "4..": ORANGE, "5..": RED},
    "type": {"input": BLUE, "output": PURPLE, "total": "semi-dark-blue"},
    "level": {"critical": "dark-red", "error": RED, "warning": ORANGE, "info": BLUE, "debug": GREY},
    "severity": {"critical": RED, "warning": ORANGE, "info": BLUE},
    "sentiment": {"positive": GREEN, "neutral": GREY, "negative": ORANGE, "angry": RED, "frustrated": RED},
}

UP = {"0": ("down", RED), "1": ("up", GREEN)}
BREAKER = {"0": ("closed", GREEN), "1": ("open", RED), "2": ("half-open", ORANGE)}
DEPLOYMENT = {"0": ("healthy", GREEN), "1": ("partly failing", ORANGE), "2": ("outage", RED)}
OK = {"0": ("failed", RED), "1": ("ok", GREEN)}
FAILED = {"0": ("ok", GREEN), "1": ("failed", RED)}
SYNCED = {"0": ("on its own", ORANGE), "1": ("synchronised", GREEN)}
REPLICA = {"0": ("primary", BLUE), "1": ("replica", PURPLE)}

# Share of a limit that is used. These steps are no limits themselves: those are in the threshold series.
OF_LIMIT: Steps = ((None, GREEN), (0.8, ORANGE), (1, RED))
ANY_IS_BAD: Steps = ((None, GREEN), (1, RED))
ALL_IS_GOOD: Steps = ((None, RED), (0.001, ORANGE), (1, GREEN))
NEUTRAL: Steps = ((None, BLUE),)


@dataclass(frozen=True)
class Query:
    """One PromQL expression. ``look`` names its colour in LOOKS; none: Grafana chooses."""

    expr: str
    legend: str = "{{job}}"
    look: str | None = None


@dataclass(frozen=True)
class Column:
    """One column of a table. ``link`` is an address; ``${row}`` in it stands for the row's first cell."""

    title: str
    expr: str
    unit: str = "short"
    steps: Steps | None = None
    states: dict[str, tuple[str, str]] = field(default_factory=dict)
    link: str | None = None
    background: bool = False


@dataclass(frozen=True)
class Row:
    """Panels under a heading. Collapsed rows are not queried until somebody opens them."""

    title: str
    panels: tuple[g.Panel, ...]
    collapsed: bool


def row(title: str, *panels: g.Panel, collapsed: bool = True) -> Row:
    return Row(title, panels, collapsed)


def golden(traffic: g.Panel, errors: g.Panel, latency: g.Panel, saturation: g.Panel) -> Row:
    """How much, how much of it fails, how long it takes, how full it is: first on every board about apps."""
    return row("Golden signals", traffic, errors, latency, saturation, collapsed=False)


def q(expr: str, legend: str = "{{job}}", look: str | None = None) -> Query:
    return Query(expr, legend, look)


def _threshold(name: str, of: str, look: str) -> Query:
    return Query(f'{threshold_series(name)}{{job=~"${of}"}}', f"{{{{job}}}} {look}", look)


def limit(name: str, of: str = "job") -> Query:
    """The limit beyond which an alert fires; ``of`` is the variable that chooses the jobs."""
    return _threshold(name, of, "limit")


def elevated(name: str, of: str = "job") -> Query:
    return _threshold(name, of, "elevated")


def target(name: str, of: str = "job") -> Query:
    """What is aimed at or promised."""
    return _threshold(name, of, "target")


def quantiles(signal: str, *operations: Operation) -> list[Query]:
    """An app's quantiles of a histogram, ready-made."""
    return [Query(f'job:{signal}:{name}{{job=~"$job"}}', f"{{{{job}}}} {name.removesuffix('5m')}", name)
            for name in operations or ("p50", "p95", "p99")]


def to(board: str, job: str = "${row}") -> str:
    """The address of another dashboard, opened on one app at the same time span."""
    return f"/d/vitals-{board}?var-job={job}&${{datasource:queryparam}}&${{__url_time_range}}"


def drill(board: str) -> Json:
    """A link from a line or value to its app on another dashboard."""
    return {"title": "${__field.labels.job} in detail", "url": to(board, "${__field.labels.job}")}


def see(board: str, title: str) -> Json:
    """A link to another dashboard with the same choice of apps, at the same time span."""
    kept = "${job:queryparam}&${datasource:queryparam}&${__url_time_range}"
    return {"title": title, "url": f"/d/vitals-{board}?{kept}"}


def logs_of(queries: Iterable[Query]) -> list[Json]:
    """From an app's line to what it logged then; on Logs, its lines too where Elasticsearch keeps them."""
    if any('job=~"$job"' in query.expr and "{{job}}" in query.legend for query in queries):
        return [{"title": "Logs of ${__field.labels.job}", "url": to("logs", "${__field.labels.job}")}]
    return []


# --- panels ---------------------------------------------------------------------------------------------


def timeseries(title: str, text: str, unit: str, *queries: Query, size: Size = (8, 8), stack: bool = False,
               top: float | None = None, bottom: float | None = 0, empty: str | None = None,
               links: Iterable[Json] = ()) -> g.TimeSeries:
    """Lines over time; ``stack`` for parts of a whole; ``bottom`` and ``top`` are what values cannot pass.

    Colours go by name: the same app, agent or model looks the same on every panel.
    """
    return g.TimeSeries(
        **_common(title, text, queries, size), unit=unit, overrides=_looks(queries, narrow=size[0] < 8),
        valueMin=bottom, valueMax=top,
        colorMode="palette-classic-by-name", lineWidth=1, fillOpacity=30 if stack else 8, showPoints="never",
        stacking={"group": "A", "mode": "normal" if stack else "none"}, tooltipMode="multi", tooltipSort="desc",
        extraJson={"fieldConfig": {"defaults": {**_no_value(empty),
                                                "links": [*links, *logs_of(queries)],
                                                "custom": {"spanNulls": 90_000}}},  # ms: one missed sample is no gap
                   "options": {"legend": {"showLegend": True}}})


def stat(title: str, text: str, unit: str, *queries: Query, size: Size = (4, 4), steps: Steps = NEUTRAL,
         states: dict[str, tuple[str, str]] | None = None, empty: str | None = None,
         links: Iterable[Json] = ()) -> g.Stat:
    """The value now, one for each series."""
    queries = tuple(replace(query, expr=_whole(query.expr, unit)) for query in queries)
    return g.Stat(
        **_common(title, text, queries, size, instant=True), format=unit, reduceCalc="lastNotNull",
        graphMode="none", colorMode="value", textMode="auto", thresholds=_steps(steps), mappings=_mappings(states),
        noValue=empty, overrides=[],
        extraJson={"fieldConfig": {"defaults": {"color": {"mode": "thresholds"}, "links": list(links)}},
                   "options": {"wideLayout": True, "showPercentChange": False}})


def bargauge(title: str, text: str, unit: str, *queries: Query, size: Size = (8, 8), steps: Steps = NEUTRAL,
             top: float | None = None, empty: str | None = None) -> g.BarGauge:
    """The value now as a bar, one for each series."""
    queries = tuple(replace(query, expr=_whole(query.expr, unit)) for query in queries)
    return g.BarGauge(
        **_common(title, text, queries, size, instant=True), thresholds=[],
        extraJson={
            "fieldConfig": {"defaults": {
                "unit": unit, "min": 0, "max": top, **_no_value(empty),
                "color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": _steps(steps)}}},
            "options": {"displayMode": "gradient", "valueMode": "color", "showUnfilled": True, "sizing": "auto",
                        "minVizWidth": 8, "minVizHeight": 16, "maxVizHeight": 300, "namePlacement": "auto"}})


def pie(title: str, text: str, unit: str, *queries: Query, size: Size = (8, 8),
        empty: str | None = None) -> g.PieChartv2:
    """Parts of a whole over one window."""
    queries = tuple(replace(query, expr=_whole(query.expr, unit)) for query in queries)
    return g.PieChartv2(
        **_common(title, text, queries, size, instant=True), unit=unit, pieType="donut", legendPlacement="right",
        colorMode="palette-classic-by-name",
        legendDisplayMode="table", legendValues=["value", "percent"], overrides=_looks(queries),
        extraJson={"fieldConfig": {"defaults": {**_no_value(empty)}},
                   "options": {"legend": {"showLegend": True}}})


def heatmap(title: str, text: str, unit: str, query: Query, size: Size = (12, 8),
            empty: str | None = None) -> g.Heatmap:
    """How a histogram's observations spread; the query gives bucket rates by ``le`` of one app."""
    return g.Heatmap(
        **_common(title, text, (query,), size, format="heatmap"),
        options={"calculate": False, "cellGap": 1, "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
                 "filterValues": {"le": 1e-9}, "yAxis": {"axisPlacement": "left", "unit": unit},
                 "rowsFrame": {"layout": "auto"}, "legend": {"show": True},
                 "tooltip": {"mode": "single", "yHistogram": True}, "exemplars": {"color": "rgba(255,0,255,0.7)"}},
        extraJson={"fieldConfig": {"defaults": {"unit": unit, **_no_value(empty)}}})


def state_timeline(title: str, text: str, states: dict[str, tuple[str, str]], *queries: Query, size: Size = (12, 6),
                   empty: str | None = None) -> g.StateTimeline:
    """Which state each thing was in, when."""
    return g.StateTimeline(
        **_common(title, text, queries, size), mappings=_mappings(states), thresholds=_steps(((None, GREY),)),
        extraJson={"fieldConfig": {"defaults": {"unit": "none", **_no_value(empty)}},
                   "options": {"legend": {"showLegend": False}}})


def table(title: str, text: str, by: tuple[str, ...], *columns: Column, size: Size = (12, 8),
          names: dict[str, str] | None = None, sort: str | None = None, link: str | None = None,
          empty: str | None = None) -> g.Table:
    """One line for each combination of the labels ``by``, one column for each expression.

    Each expression is put under ``max by (…)``, so that all columns have the same labels and can be joined.
    ``names`` are headings of the label columns; ``sort`` is the column that goes first, largest on top;
    ``link`` is the address behind the first one, with ``${row}`` for what stands there.
    """
    queries = [Query(f"max by ({', '.join(by)}) ({_whole(column.expr, column.unit)})") for column in columns]
    values = ["Value"] if len(columns) == 1 else [f"Value #{ref}" for ref in _refs(columns)]
    headings = {label: (names or {}).get(label, label.capitalize()) for label in by}
    renamed = headings | dict(zip(values, (column.title for column in columns), strict=True))
    order = {name: i for i, name in enumerate([*by, *values])}
    tidy = {"id": "organize", "options": {"excludeByName": {"Time": True}, "indexByName": order,
                                          "renameByName": renamed}}
    first = headings[by[0]]
    named = [{"matcher": {"id": "byName", "options": first}, "properties": [_link(link, first, first)]}] if link else []
    return g.Table(
        **_common(title, text, queries, size, instant=True, format="table"), unit="short",
        overrides=[*named, *(_column(column, first) for column in columns)],
        transformations=[{"id": "merge", "options": {}}, tidy],
        sortBy=[g.TableSortByField(displayName=sort, desc=True)] if sort else [],
        thresholds=_steps(NEUTRAL),
        extraJson={"fieldConfig": {"defaults": {**_no_value(empty), "color": {"mode": "thresholds"},
                                                "custom": {"cellOptions": {"type": "auto"}}}},
                   "options": {"cellHeight": "sm"}})


def lines(title: str, text: str, size: Size = (24, 14), only: str = "") -> g.Logs:
    """The log lines of the chosen apps, from the Elasticsearch that is chosen; empty where there is none.

    ``only`` narrows them, in Lucene's language.
    """
    return g.Logs(
        **(_common(title, text, (), size) | {"targets": [{
            "refId": "A", "query": " AND ".join(filter(None, ("service.name:${job:lucene}", only))),
            "timeField": "@timestamp", "bucketAggs": [],
            "metrics": [{"type": "logs", "id": "1", "settings": {"limit": "500"}}]}]}),
        showTime=True, wrapLogMessages=True, enableLogDetails=True, sortOrder="Descending", dedupStrategy="none",
        extraJson={"fieldConfig": {"defaults": {}}, "options": {
            "prettifyLogMessage": False, "showLogContextToggle": False,
            "displayedFields": ["service.name", "log.level", "http.request.id", "message"]}})


# --- what they share ------------------------------------------------------------------------------------


def _common(title: str, text: str, queries: Iterable[Query], size: Size, instant: bool = False,
            format: str = "time_series") -> Json:
    queries = list(queries)
    targets = [g.Target(expr=query.expr, refId=ref, instant=instant, format=format,
                        legendFormat="{{le}}" if format == "heatmap" else query.legend)
               for ref, query in zip(_refs(queries), queries, strict=True)]
    return {"title": title, "description": text, "targets": targets, "maxDataPoints": None,
            "interval": None if instant else "30s", "gridPos": g.GridPos(h=size[1], w=size[0], x=0, y=0)}


def _whole(expr: str, unit: str) -> str:
    """What is counted comes in whole pieces, however a rate's ends are estimated: nobody trusts 2.97 logins."""
    counted = unit == "short" and ":increase" in expr and "/" not in expr
    return f"round({expr})" if counted else expr


def _no_value(empty: str | None) -> Json:
    """What stands in an empty panel. Mostly nobody writes it: `grafana.model` works it out from the queries."""
    return {"noValue": empty} if empty else {}


def _refs(items: Iterable[object]) -> list[str]:
    return [chr(ord("A") + i) for i, _ in enumerate(items)]


def _steps(steps: Steps) -> list[Json]:
    return [{"value": value, "color": color} for value, color in steps]


def _mappings(states: dict[str, tuple[str, str]] | None) -> list[Json]:
    if not states:
        return []
    return [{"type": "value", "options": {value: {"text": text, "color": color, "index": i}
                                          for i, (value, (text, color)) in enumerate(states.items())}}]


def _looks(queries: Iterable[Query], narrow: bool = False) -> list[Json]:
    """Colours by query, and by the label values that have one.

    Of several apps' lines only the shade differs. The legend of a ``narrow`` panel has no room for limits.
    """
    queries = list(queries)
    found = []
    for label, values in VALUES.items():
        if legends := [query.legend for query in queries if query.legend.endswith(f"{{{{{label}}}}}")]:
            several = any("{{job}}" in legend for legend in legends)
            found += [{"matcher": {"id": "byRegexp", "options": rf"/(^|\s){value}$/"}, "properties": [
                {"id": "color", "value": {"mode": "shades" if several else "fixed", "fixedColor": color}}]}
                for value, color in values.items()]
    for ref, query in zip(_refs(queries), queries, strict=True):
        if query.look:
            unnamed = [HIDDEN] if narrow and query.look in ("limit", "elevated", "target") else []
            found.append({"matcher": {"id": "byFrameRefID", "options": ref},
                          "properties": [*LOOKS[query.look], *unnamed]})
    return found


def _column(column: Column, first: str) -> Json:
    properties: list[Json] = [{"id": "unit", "value": column.unit}, {"id": "noValue", "value": "–"}]
    if column.states:
        properties.append({"id": "mappings", "value": _mappings(column.states)})
    if column.steps or column.states:
        kind = "color-background" if column.background else "color-text"
        properties.append({"id": "custom.cellOptions", "value": {"type": kind}})
        properties.append({"id": "thresholds", "value": {"mode": "absolute",
                                                         "steps": _steps(column.steps or NEUTRAL)}})
    if column.link:
        properties.append(_link(column.link, column.title, first))
    return {"matcher": {"id": "byName", "options": column.title}, "properties": properties}


def _link(address: str, title: str, first: str) -> Json:
    """A link in a table's cells; ``${row}`` becomes what stands in the first column."""
    url = address.replace("${row}", f"${{__data.fields.{first}}}")
    return {"id": "links", "value": [{"title": f"{title}: open", "url": url}]}
