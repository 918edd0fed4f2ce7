"""Kibana's objects: a data view, searches, and a dashboard of them. kibana-setup imports what this makes.

The shapes are those of Kibana's export format, version 8.9; a newer Kibana migrates them as it imports.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

VIEW = "vitals-logs"
REJECTED_VIEW = "vitals-rejected"

# Data view → (index pattern, title).
VIEWS = {VIEW: ("logs-vitals.app-*", "Log lines"), REJECTED_VIEW: ("logs-vitals.rejected-*", "Rejected log lines")}

LINE = ["log.level", "service.name", "message"]

# Search → (title, data view, query, columns).
SEARCHES: dict[str, tuple[str, str, str, list[str]]] = {
    "vitals-all": ("Log lines", VIEW, "", LINE),
    "vitals-errors": ("Errors", VIEW, "log.level : (error or critical)",
                      ["service.name", "error.type", "error.message", "message", "trace.id"]),
    "vitals-agents": ("Agent runs", VIEW, "gen_ai.agent.name : *",
                      ["gen_ai.agent.name", "event.outcome", "event.duration", "vitals.workflow_id", "message"]),
    "vitals-requests": ("HTTP requests", VIEW, "http.response.status_code : *",
                        ["http.request.method", "url.path", "http.response.status_code", "event.duration", "trace.id"]),
    "vitals-unreadable": ("Lines the pipeline could not read", VIEW,
                          "event.kind : pipeline_error or tags : (vitals_text or vitals_time or "
                          "vitals_too_many_fields)",
                          ["tags", "service.name", "message"]),
    "vitals-rejected": ("Rejected log lines", REJECTED_VIEW, "", ["message", "event.original"]),
}


def _count(label: str = "Lines") -> dict[str, Any]:
    return {"label": label, "customLabel": True, "dataType": "number", "operationType": "count", "isBucketed": False,
            "scale": "ratio", "sourceField": "___records___", "params": {"emptyAsNull": True}}


def _metric(operation: str, field: str, label: str, **params: Any) -> dict[str, Any]:
    return {"label": label, "customLabel": True, "dataType": "number", "operationType": operation,
            "isBucketed": False, "scale": "ratio", "sourceField": field, "params": {"emptyAsNull": True, **params}}


def _terms(field: str, label: str, by: str, size: int = 10) -> dict[str, Any]:
    return {"label": label, "customLabel": True, "dataType": "string", "operationType": "terms", "isBucketed": True,
            "scale": "ordinal", "sourceField": field,
            "params": {"size": size, "orderBy": {"type": "column", "columnId": by}, "orderDirection": "desc",
                       "otherBucket": False, "missingBucket": False, "parentFormat": {"id": "terms"}}}


TIME = {"label": "@timestamp", "dataType": "date", "operationType": "date_histogram", "isBucketed": True,
        "scale": "interval", "sourceField": "@timestamp",
        "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False}}

# Chart → (title, type, query, columns): bars over time split by the first column, or a table.
CHARTS: dict[str, tuple[str, str, str, dict[str, dict[str, Any]]]] = {
    "vitals-by-level": ("Lines by level", "bars", "", {
        "split": _terms("log.level", "Level", "value"), "time": TIME, "value": _count()}),
    "vitals-by-service": ("Lines by service", "bars", "", {
        "split": _terms("service.name", "Service", "value"), "time": TIME, "value": _count()}),
    "vitals-error-types": ("Errors by service and type", "table", "log.level : (error or critical)", {
        "service": _terms("service.name", "Service", "value"), "type": _terms("error.type", "Type", "value"),
        "value": _count()}),
    "vitals-slow-agents": ("Agents by duration", "table", "gen_ai.agent.name : *", {
        "agent": _terms("gen_ai.agent.name", "Agent", "runs", 20), "runs": _count(),
        "value": _metric("percentile", "event.duration", "95th percentile (ns)", percentile=95)}),
    "vitals-tokens": ("Tokens by service", "bars", "vitals.tokens : *", {
        "split": _terms("service.name", "Service", "value"), "time": TIME,
        "value": _metric("sum", "vitals.tokens", "Tokens")}),
}

# The dashboard, row by row: (object's type, id, width of 48, height).
ROWS = [
    [("lens", "vitals-by-level", 24, 12), ("lens", "vitals-by-service", 24, 12)],
    [("search", "vitals-errors", 48, 16)],
    [("lens", "vitals-error-types", 16, 14), ("lens", "vitals-slow-agents", 16, 14), ("lens", "vitals-tokens", 16, 14)],
    [("search", "vitals-all", 48, 20)],
]

DASHBOARD = "vitals-logs"
NO_FILTER = {"query": {"query": "", "language": "kuery"}, "filter": []}


def ndjson() -> str:
    """The file that Kibana's import takes: one object to a line, each after what it refers to."""
    return "".join(json.dumps(found, sort_keys=True) + "\n" for found in objects())


def objects() -> Iterator[dict[str, Any]]:
    for name, (pattern, title) in VIEWS.items():
        attributes = {"title": pattern, "name": title, "timeFieldName": "@timestamp"}
        yield _object("index-pattern", name, attributes, [], "8.0.0")
    for name, (title, view, query, fields) in SEARCHES.items():
        reference = "kibanaSavedObjectMeta.searchSourceJSON.index"
        source = {**NO_FILTER, "query": {"query": query, "language": "kuery"}, "indexRefName": reference}
        yield _object("search", name, {
            "title": title, "description": "", "columns": fields, "sort": [["@timestamp", "desc"]], "grid": {},
            "hideChart": False, "isTextBasedQuery": False,
            "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(source)}},
            [{"name": reference, "type": "index-pattern", "id": view}], "8.0.0")
    for name, (title, kind, query, columns) in CHARTS.items():
        yield _lens(name, title, kind, query, columns)
    yield _dashboard()


def _object(kind: str, name: str, attributes: dict[str, Any], references: list[dict[str, str]],
            version: str) -> dict[str, Any]:
    return {"type": kind, "id": name, "attributes": attributes, "references": references,
            "coreMigrationVersion": "8.8.0", "typeMigrationVersion": version, "managed": False}


def _lens(name: str, title: str, kind: str, query: str, columns: dict[str, dict[str, Any]]) -> dict[str, Any]:
    layer = "layer"
    if kind == "bars":
        visualization: dict[str, Any] = {
            "legend": {"isVisible": True, "position": "bottom"}, "valueLabels": "hide",
            "preferredSeriesType": "bar_stacked",
            "layers": [{"layerId": layer, "layerType": "data", "seriesType": "bar_stacked", "accessors": ["value"],
                        "xAccessor": "time", "splitAccessor": "split", "position": "top", "showGridlines": False}]}
    else:
        visualization = {"layerId": layer, "layerType": "data",
                         "columns": [{"columnId": column, "isTransposed": False} for column in columns]}
    state = {
        "datasourceStates": {"formBased": {"layers": {layer: {
            "columnOrder": list(columns), "columns": columns, "incompleteColumns": {}}}}},
        "visualization": visualization, "query": {"query": query, "language": "kuery"}, "filters": [],
        "internalReferences": [], "adHocDataViews": {},
    }
    return _object("lens", name, {"title": title, "description": "", "state": state,
                                  "visualizationType": "lnsXY" if kind == "bars" else "lnsDatatable"},
                   [{"type": "index-pattern", "id": VIEW, "name": f"indexpattern-datasource-layer-{layer}"}], "8.9.0")


def _dashboard() -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    references: list[dict[str, str]] = []
    y = 0
    for row in ROWS:
        x = 0
        for kind, name, width, height in row:
            index = str(len(panels) + 1)
            panels.append({"type": kind, "panelIndex": index, "panelRefName": f"panel_{index}",
                           "gridData": {"x": x, "y": y, "w": width, "h": height, "i": index},
                           "embeddableConfig": {"enhancements": {}}})
            references.append({"name": f"{index}:panel_{index}", "type": kind, "id": name})
            x += width
        y += max(height for _, _, _, height in row)
    return _object("dashboard", DASHBOARD, {
        "title": "Agent Vitals: logs", "description": "What applications write, redacted.", "version": 1,
        "panelsJSON": json.dumps(panels), "optionsJSON": json.dumps({"useMargins": True, "hidePanelTitles": False}),
        "timeRestore": True, "timeFrom": "now-1h", "timeTo": "now", "refreshInterval": {"pause": False, "value": 30000},
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(NO_FILTER)}}, references, "8.9.0")
