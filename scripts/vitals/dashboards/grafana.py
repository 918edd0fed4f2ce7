"""grafanalib's model → what Grafana 12 and 13 load from a file, and where each panel stands.

grafanalib 0.7.1 writes an old schema: a version of 12, options of panels that are gone, legacy and null
fields, `fieldOptions` for bar gauges, and thresholds without a base. All of that is mended here, in one step
over plain JSON, by keeping what Grafana knows and dropping the rest.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import attr
from grafanalib import core as g
from grafanalib._gen import DashboardEncoder

from vitals.dashboards.origins import Origins
from vitals.dashboards.panels import RUNBOOKS, Json, Row

SCHEMA_VERSION = 42
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
LOG_SOURCE = {"type": "elasticsearch", "uid": "${logs}"}
APPS = 'label_values(job:app:info{kind="app"}, job)'
EXPORTERS = 'label_values(job:app:info{kind=~"exporter|stack"}, job)'

_DASHBOARD = ("annotations", "description", "editable", "graphTooltip", "links", "panels", "refresh", "schemaVersion",
              "tags", "templating", "time", "timepicker", "timezone", "title", "uid", "version")
_PANEL = ("datasource", "description", "fieldConfig", "gridPos", "id", "interval", "links", "options", "targets",
          "title", "transformations", "type")
_ROW = ("collapsed", "gridPos", "id", "panels", "title", "type")
_LOG_TARGET = ("bucketAggs", "datasource", "metrics", "query", "refId", "timeField")
_TARGET = ("datasource", "expr", "format", "instant", "legendFormat", "range", "refId")
_VARIABLE = {
    "datasource": ("includeAll", "label", "multi", "name", "options", "query", "refresh", "regex", "type"),
    "query": ("current", "datasource", "definition", "hide", "includeAll", "label", "multi", "name", "options", "query",
              "refresh", "regex", "sort", "type"),
}
_LEGACY_OPTIONS = ("fieldOptions", "showThresholdLabels", "showThresholdMarkers")


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a dashboard; ``many`` allows several and all of them."""

    name: str
    label: str
    query: str
    many: bool = True
    hidden: bool = False


# Folder under grafana/dashboards/ → its title in Grafana; each is a menu on every dashboard.
AUDIENCES = {"on-call": "On call", "engineering": "AI engineering", "business": "Business", "platform": "Platform"}
HOME = "vitals-overview"


@dataclass(frozen=True)
class Board:
    """One dashboard as data."""

    uid: str
    title: str
    text: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
    since: str = "now-6h"
    audience: str = "on-call"  # who opens it: one of AUDIENCES
    apps: bool = True  # whether it shows apps; without, the choice of apps is only carried on to other dashboards


JOB = Variable("job", "App", APPS)
HIDDEN_EXPORTER = Variable("exporter", "Exporter", EXPORTERS, hidden=True)


def model(board: Board, origins: Origins) -> Json:
    """The dashboard as file provisioning loads it: a plain model, no envelope."""
    variables = (replace(JOB, hidden=not board.apps), *board.variables)
    dashboard = g.Dashboard(
        title=board.title, uid=board.uid, description=board.text, panels=_layout(board.rows),
        tags=["agent-vitals", _tag(board.audience)],
        timezone="browser", refresh="30s", time=g.Time(board.since, "now"), graphTooltip=1,
        templating=g.Templating([*_sources(board), *map(_variable, variables)]),
        annotations=g.Annotations(_annotations()),
        links=_menus(board))
    found = json.dumps(dashboard.to_json_data(), cls=DashboardEncoder).replace(RUNBOOKS, origins.runbooks)
    kept = normalise(json.loads(found))
    for panel in panels(kept):
        _explain(panel, origins)
    return kept


def _tag(audience: str) -> str:
    return f"vitals-{audience}"


def _menus(board: Board) -> list[Json]:
    """The way from every board to every other: home, and a menu for each audience, filled by Grafana from the tags."""
    kept = {"includeVars": True, "keepTime": True, "targetBlank": False}
    home = {"type": "link", "title": "Overview", "url": f"/d/{HOME}", "icon": "dashboard", "tags": [],
            "tooltip": "Is anything wrong, and with which app?", "asDropdown": False, **kept}
    menus = [{"type": "dashboards", "title": title, "tags": [_tag(name)], "asDropdown": True, "icon": "external link",
              "tooltip": f"Dashboards of the folder {title}", "url": "", **kept} for name, title in AUDIENCES.items()]
    return [*([home] if board.uid != HOME else []), *menus]


def _explain(panel: Json, origins: Origins) -> None:
    """Adds what nobody writes by hand: why the panel may be empty, and the runbooks of the alerts that it shows."""
    if panel["type"] == "logs":
        return
    exprs = [target["expr"] for target in panel["targets"]]
    if panel["type"] != "table" and (found := origins.alerts(exprs)):
        panel["description"] += f" Watched by {', '.join(found)}."
        panel["links"] = [{"title": f"Runbook: {name}", "url": f"{origins.runbooks}/{name}", "targetBlank": True}
                          for name in found]
    defaults = panel["fieldConfig"]["defaults"]
    if "noValue" not in defaults:
        why = origins.emptiness(exprs)
        small = panel["type"] in ("stat", "bargauge")  # which show it as large as a value
        defaults["noValue"] = "nothing to show" if not why else why.short if small else why.full
        if why and small:
            panel["description"] += f"\n\nEmpty? {why.full}"


def providers() -> Json:
    """Grafana's provisioning of dashboards: a folder for each audience, its uid as stable as its name."""
    return {"apiVersion": 1, "providers": [
        {"name": f"vitals-{name}", "orgId": 1, "folder": title, "folderUid": f"vitals-{name}", "type": "file",
         "disableDeletion": True,
         "allowUiUpdates": False,  # they are generated; a changed copy is saved under another name
         "updateIntervalSeconds": 30,
         "options": {"path": f"/var/lib/grafana/dashboards/{name}", "foldersFromFilesStructure": False}}
        for name, title in AUDIENCES.items()]}


def _sources(board: Board) -> list[g.Template]:
    """Where metrics come from, and the lines on a board that shows any."""
    found = [g.Template(name="datasource", label="Data source", type="datasource", query="prometheus")]
    if any(isinstance(panel, g.Logs) for row in board.rows for panel in row.panels):
        found.append(g.Template(name="logs", label="Log source", type="datasource", query="elasticsearch"))
    return found


def _variable(variable: Variable) -> Json:
    template: Json = g.Template(
        name=variable.name, label=variable.label, query={"query": variable.query, "refId": variable.name},
        dataSource=SOURCE, multi=variable.many, includeAll=variable.many, regex="",
        hide=g.HIDE_VARIABLE if variable.hidden else g.SHOW, refresh=g.REFRESH_ON_TIME_RANGE_CHANGE).to_json_data()
    current = {"text": ["All"], "value": ["$__all"]} if variable.many else {}
    return template | {"definition": variable.query, "current": current}


def _annotations() -> list[Json]:
    """What happened, across every panel: alerts that fired, new versions, processes that began anew.

    Grafana asks at the panels' width, hours apart over a month: each query looks back to the point before.
    """
    def events(name: str, color: str, expr: str, title: str, text: str) -> Json:
        return {"name": name, "datasource": SOURCE, "enable": True, "iconColor": color, "titleFormat": title,
                "textFormat": text, "target": {"expr": expr, "refId": "Anno", "interval": "60s"}}

    version, since = 'job_version:app_version:current{job=~"$job"}', "$__rate_interval"
    started = 'job_instance:app_start_seconds:current{job=~"$job"}'
    before = f"last_over_time({version}[5m] offset {since})"  # not only just before: a restart is a gap
    return [
        {"name": "Annotations & Alerts", "type": "dashboard", "builtIn": 1, "enable": True, "hide": True,
         "iconColor": "rgba(0, 211, 255, 1)", "datasource": {"type": "grafana", "uid": "-- Grafana --"}},
        events("Firing alerts", "red", 'max_over_time(ALERTS{alertstate="firing", severity=~"critical|warning", '
               f'job=~"$job"}}[{since}])', "{{alertname}}", "{{job}} {{severity}}"),
        events("Deployments", "purple", f"count_over_time({version}[{since}]) unless on (job, version) {before} "
               f"and on (job) {before}", "{{job}} {{version}}", "another version than before"),
        events("Restarts", "blue",
               f"last_over_time({started}[{since}]) > last_over_time({started}[10m] offset {since})",
               "{{job}} restarted", "{{instance}}"),
    ]


def _layout(rows: tuple[Row, ...]) -> list[g.Panel]:
    """Panels from left to right, onto the next line where 24 columns are full; ids that stay with the title."""
    placed: list[g.Panel] = []
    y = 0
    for row in rows:
        heading = g.RowPanel(title=row.title, collapsed=row.collapsed, id=_id(f"row: {row.title}"),
                             gridPos=g.GridPos(h=1, w=24, x=0, y=y))
        inside = []
        x, top, height = 0, y + 1, 0
        for panel in row.panels:
            w, h = panel.gridPos.w, panel.gridPos.h
            if x + w > 24:
                x, top, height = 0, top + height, 0
            inside.append(attr.evolve(panel, gridPos=g.GridPos(h=h, w=w, x=x, y=top), id=_id(panel.title)))
            x, height = x + w, max(height, h)
        if row.collapsed:
            placed.append(attr.evolve(heading, panels=inside))
            y += 1
        else:
            placed += [heading, *inside]
            y = top + height
    return placed


def _id(title: str) -> int:
    """A number from the title: links to a panel survive panels that are added before it."""
    return zlib.crc32(title.encode()) % 1_000_000 + 1


# --- mending what grafanalib writes ---------------------------------------------------------------------


def normalise(dashboard: Json) -> Json:
    """A current model from grafanalib's JSON. Takes and gives plain dicts."""
    kept = _keep(_prune(dashboard), _DASHBOARD)
    kept["schemaVersion"] = SCHEMA_VERSION
    kept["timepicker"] = {}
    kept["panels"] = [_row(p) if p["type"] == "row" else _panel(p) for p in kept["panels"]]
    kept["templating"] = {"list": [_keep(v, _VARIABLE[v["type"]]) for v in kept["templating"]["list"]]}
    return kept


def _row(row: Json) -> Json:
    return _keep(row, _ROW) | {"panels": [_panel(p) for p in row["panels"]]}


def _panel(panel: Json) -> Json:
    config = panel["fieldConfig"]
    defaults = config["defaults"]
    config.setdefault("overrides", [])
    options = panel.setdefault("options", {})
    for key in _LEGACY_OPTIONS:
        options.pop(key, None)
    defaults.get("custom", {}).pop("displayMode", None)
    defaults["links"] = defaults.get("links", [])
    if panel["type"] == "bargauge":
        options["reduceOptions"] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
    _thresholds(config)
    if panel["type"] == "logs":
        panel["datasource"] = LOG_SOURCE
        panel["targets"] = [_keep(target | {"datasource": LOG_SOURCE}, _LOG_TARGET) for target in panel["targets"]]
    else:
        for target in panel["targets"]:
            target |= {"datasource": SOURCE, "range": not target["instant"]}
        panel["targets"] = [_keep(target, _TARGET) for target in panel["targets"]]
        panel["datasource"] = SOURCE
    return {key: value for key, value in _keep(panel, _PANEL).items() if value not in ([], "")}


def _thresholds(config: Json) -> None:
    """The base step's value is null, which pruning took away; without steps there are no thresholds."""
    properties = [p["value"] for o in config["overrides"] for p in o["properties"] if p["id"] == "thresholds"]
    for thresholds in (config["defaults"].get("thresholds", {}), *properties):
        if thresholds.get("steps"):
            thresholds["steps"][0]["value"] = None
    if not config["defaults"].get("thresholds", {}).get("steps"):
        config["defaults"].pop("thresholds", None)


def _keep(thing: Json, keys: tuple[str, ...]) -> Json:
    return {key: thing[key] for key in keys if key in thing}


def _prune(thing: Any) -> Any:
    if isinstance(thing, dict):
        return {key: _prune(value) for key, value in thing.items() if value is not None}
    return [_prune(value) for value in thing] if isinstance(thing, list) else thing


# --- reading a model ------------------------------------------------------------------------------------


def panels(dashboard: Json) -> Iterator[Json]:
    """Every panel of a model, those inside collapsed rows too, the rows themselves not."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def queries(dashboard: Json) -> list[tuple[str, str]]:
    """Every PromQL query of a model as (panel title, expression), variables still in it."""
    return [(panel["title"], target["expr"]) for panel in panels(dashboard) for target in panel["targets"]
            if panel["type"] != "logs"]
