"""Dashboards for Grafana's page Import dashboard, as Grafana's own "Export for sharing externally" writes them.

Panels keep reading the dashboard's data-source variables; the page asks which data source each variable begins
with (``__inputs``), and puts it where ``${DS_…}`` stands.
"""

from __future__ import annotations

import json
from typing import Any

from vitals.export.bundle import Bundle, Json

GRAFANA = "12.0.0"  # the oldest whose types the models are written for
SOURCES = {"prometheus": ("DS_PROMETHEUS", "Prometheus", "where the rules of this export are recorded"),
           "elasticsearch": ("DS_ELASTICSEARCH", "Elasticsearch", "where the apps' log lines are kept")}
PANELS = {"alertlist": "Alert list", "barchart": "Bar chart", "bargauge": "Bar gauge", "dashlist": "Dashboard list",
          "gauge": "Gauge", "heatmap": "Heatmap", "histogram": "Histogram", "logs": "Logs", "piechart": "Pie chart",
          "stat": "Stat", "state-timeline": "State timeline", "status-history": "Status history", "table": "Table",
          "text": "Text", "timeseries": "Time series", "xychart": "XY Chart"}

README = """\
# Agent Vitals {version}: dashboards

For a Grafana that you run already, version 12 or newer. One file is one dashboard.

In Grafana: Dashboards, New, Import; upload a file, and choose the data sources it asks for. Prometheus is the one that
holds the series which the bundle's rules record: dashboards read nothing else, so load the rules first.

| file | folder | dashboard |
|---|---|---|
{table}

A dashboard keeps its uid, so that links between dashboards and from alerts find it. Importing it again replaces it.
"""


def files(bundle: Bundle) -> dict[str, str]:
    table = "\n".join(f"| {path(bundle, uid)} | {bundle.folders[bundle.audiences[uid]]} | {model['title']} |"
                      for uid, model in bundle.dashboards.items())
    found = {path(bundle, uid): json.dumps(portable(model), indent=1, sort_keys=True) + "\n"
             for uid, model in bundle.dashboards.items()}
    return {**found, "README.md": README.format(version=bundle.version, table=table)}


def path(bundle: Bundle, uid: str) -> str:
    return f"{bundle.audiences[uid]}/{uid}.json"


def portable(model: Json) -> Json:
    """The model with what the page asks for (``__inputs``) and what it needs (``__requires``)."""
    sources = [variable["query"] for variable in model["templating"]["list"] if variable["type"] == "datasource"]
    kinds = sorted({panel["type"] for panel in _panels(model["panels"])})
    variables = [_asked(variable) if variable["type"] == "datasource" else variable
                 for variable in model["templating"]["list"]]
    requires = [{"type": "grafana", "id": "grafana", "name": "Grafana", "version": GRAFANA},
                *({"type": "datasource", "id": source, "name": SOURCES[source][1], "version": "1.0.0"}
                  for source in sources),
                *({"type": "panel", "id": kind, "name": PANELS[kind], "version": ""} for kind in kinds)]
    return {**model, "id": None, "templating": {"list": variables}, "__elements": {},
            "__inputs": [{"name": name, "label": label, "description": text, "type": "datasource", "pluginId": source,
                          "pluginName": label} for source in sources for name, label, text in [SOURCES[source]]],
            "__requires": sorted(requires, key=lambda entry: entry["id"])}


def _asked(variable: Json) -> Json:
    """A data-source variable that begins with the answer."""
    return variable | {"current": {"selected": True, "text": "", "value": f"${{{SOURCES[variable['query']][0]}}}"}}


def _panels(panels: list[Json]) -> list[dict[str, Any]]:
    return [inner for panel in panels for inner in (panel["panels"] if panel["type"] == "row" else [panel])]
