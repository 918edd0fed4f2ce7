"""Grafana dashboards as read from a document: the classic model of any age, and schema v2."""

from __future__ import annotations

import re
from typing import Any

from vitals.lint.located import Budget, Map, Origin, Seq, Spot
from vitals.lint.model import Dashboard, Extent, Panel, Place, Query, Source, Text

# Data sources that speak PromQL.
PROMQL = {"prometheus", "grafana-amazonprometheus-datasource", "grafana-azureprometheus-datasource",
          "victoriametrics-datasource", "victoriametrics-metrics-datasource"}
# Words in the name of a data source that speaks something else, where only a name is given.
OTHERS = re.compile(r"loki|elastic|opensearch|influx|graphite|cloudwatch|tempo|jaeger|zipkin|mysql|mssql|postgres|"
                    r"clickhouse|bigquery|testdata|pyroscope|logs|traces|-- Grafana --|-- Dashboard --|__expr__", re.I)
VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?:[.:][^}]*)?\}")


def is_dashboard(node: Any) -> bool:
    """Whether a mapping is a dashboard, so far as its shape tells."""
    if not isinstance(node, Map):
        return False
    if isinstance(node.get("elements"), Map) and isinstance(node.get("layout"), Map):
        return True
    lists = [node[key] for key in ("panels", "rows") if isinstance(node.get(key), Seq)]
    signs = ("schemaVersion", "templating", "refresh", "time", "timepicker", "annotations", "uid", "title", "editable")
    known = any(isinstance(panel, Map) and ("targets" in panel or "type" in panel or "panels" in panel)
                for panels in lists for panel in panels)
    return bool(lists) and known + sum(sign in node for sign in signs) >= 2


def read(source: Source, origin: Origin, node: Map, spot: Spot, budget: Budget) -> None:
    """Reads a dashboard into a source."""
    title = _string(node.get("title")) or "untitled"
    dashboard = Dashboard(title, _place(origin, node, "title", spot), model=node, extent=_extent(origin, spot))
    reader = _Reader(source, origin, dashboard, _inputs(node), budget)
    if isinstance(node.get("elements"), Map):
        reader.elements(node)
    else:
        dashboard.variables = {name: entry for entry in _maps(_get(node, "templating", "list"))
                               if (name := _string(entry.get("name")))}
        for row, _ in _located(node.get("rows")):
            reader.panels(row.get("panels"), collapsed=row.get("collapse") is True)
        reader.panels(node.get("panels"), collapsed=False)
    if reader.skipped:
        queries = f"{reader.skipped} {'query' if reader.skipped == 1 else 'queries'}"
        source.skipped.append((dashboard.place, f"{queries} of dashboard {title} (not PromQL)"))
    source.dashboards.append(dashboard)


class _Reader:
    def __init__(self, source: Source, origin: Origin, dashboard: Dashboard, inputs: dict[str, str],
                 budget: Budget) -> None:
        self.source = source
        self.budget = budget
        self.origin = origin
        self.dashboard = dashboard
        self.inputs = inputs  # of an exported dashboard: name → plugin that it asks for
        self.skipped = 0

    def panels(self, panels: Any, collapsed: bool, depth: int = 0) -> None:
        for node, spot in _located(panels):
            self.budget.spend(1 + len(node.get("targets") or ()), self.origin, spot[0])
            if node.get("type") == "row":
                if depth < 4:
                    self.panels(node.get("panels"), collapsed or node.get("collapsed") is True, depth + 1)
                continue
            panel = self._panel(node, spot, collapsed)
            for target, _ in _located(node.get("targets")):
                self._query(panel, target, target.get("datasource") or node.get("datasource"))

    def _panel(self, node: Map, spot: Spot, collapsed: bool) -> Panel:
        library = node.get("libraryPanel")
        title = _string(node.get("title")) or (_string(library.get("name")) if isinstance(library, Map) else "") or ""
        identity = node.get("id")
        panel = Panel(title or f"panel {identity}", _string(node.get("type")) or "", self._at(node, "title", spot),
                      self.dashboard, identity if isinstance(identity, int) else None, collapsed=collapsed, model=node,
                      extent=_extent(self.origin, spot))
        grid = node.get("gridPos")
        if isinstance(grid, Map) and all(isinstance(grid.get(key), int) for key in "xywh"):
            panel.grid = (grid["x"], grid["y"], grid["w"], grid["h"])
        defaults = _get(node, "fieldConfig", "defaults")
        panel.unit = self._text(defaults, "unit") or self._text(node, "format")
        if panel.unit is None and (axes := _maps(node.get("yaxes"))):
            panel.unit = self._text(axes[0], "format")
        links = [*_maps(node.get("links")), *_maps(_get(defaults, "links")), *_maps(_get(node, "options", "dataLinks"))]
        for override in _maps(_get(node, "fieldConfig", "overrides")):
            for change in _maps(override.get("properties")):
                if change.get("id") == "links":
                    links += _maps(change.get("value"))
        panel.links = [text for link in links if (text := self._text(link, "url"))]
        self.dashboard.panels.append(panel)
        return panel

    def _query(self, panel: Panel, target: Map, datasource: Any, where: Map | None = None) -> None:
        """``where`` holds the query's own keys, where they are not the target's (schema v2)."""
        where = where if where is not None else target
        expr = self._text(where, "expr")
        if expr is None or not self._promql(datasource):
            self.skipped += any(isinstance(where.get(key), str) and where[key] for key in
                                ("expr", "query", "rawSql", "target", "expression"))
            return
        if not expr.value.strip():
            return
        query = Query(expr, _string(target.get("refId")) or "A", self._text(where, "legendFormat"),
                      where.get("instant") is True and where.get("range") is not True,
                      _string(where.get("format")) or "time_series", _string(where.get("interval")) or "")
        panel.queries.append(query)

    def _promql(self, datasource: Any) -> bool:
        """Whether a query with an `expr` is PromQL; unless something says otherwise, it is."""
        if isinstance(datasource, Map):
            kind = datasource.get("type")
            if isinstance(kind, str) and kind and not VARIABLE.search(kind):
                return kind.lower() in PROMQL
            datasource = datasource.get("uid") or datasource.get("name")
        if not isinstance(datasource, str):
            return True
        if match := VARIABLE.fullmatch(datasource):
            name = match[1] or match[2]
            kind = self.inputs.get(name) or _string(self.dashboard.variables.get(name, {}).get("query"))
            if kind:
                return kind.lower() in PROMQL
            datasource = name
        return not OTHERS.search(datasource)

    # --- schema v2

    def elements(self, node: Map) -> None:
        for entry in _maps(node.get("variables")):
            spec = entry.get("spec")
            if isinstance(spec, Map) and (name := _string(spec.get("name"))):
                kind = (_string(entry.get("kind")) or "").removesuffix("Variable").lower()
                plugin = spec.get("pluginId") if kind == "datasource" else spec.get("query")
                self.dashboard.variables[name] = {**spec, "type": kind, "query": plugin}
        grids = dict(_grids(node.get("layout")))
        for key, element in node["elements"].items():
            spec = element.get("spec") if isinstance(element, Map) else None
            if isinstance(spec, Map) and element.get("kind") == "Panel":
                self._element(spec, node["elements"].at[key], *grids.get(key, (None, False)))

    def _element(self, spec: Map, spot: Spot, grid: tuple[int, int, int, int] | None, collapsed: bool) -> None:
        viz = _get(spec, "vizConfig")
        config = _get(viz, "spec")
        kind = _string(_get(viz, "group")) or _string(_get(viz, "kind")) or ""
        classic = Map()  # the keys that the checks know, with their places
        for origin, keys in ((spec, ("title", "description", "links", "id")), (config, ("fieldConfig", "options"))):
            for key in keys:
                if isinstance(origin, Map) and key in origin:
                    classic[key], classic.at[key] = origin[key], origin.at[key]
        classic["type"], classic.at["type"] = kind, spot
        panel = self._panel(classic, spot, collapsed)
        panel.grid = grid
        targets = []
        for item in _maps(_get(spec, "data", "spec", "queries")):
            inner = item.get("spec")
            query = _get(inner, "query")
            if not isinstance(inner, Map) or not isinstance(query, Map) or not isinstance(query.get("spec"), Map):
                continue
            named = query.get("group") if query.get("kind") == "DataQuery" else query.get("kind")
            where = inner.get("datasource") or query.get("datasource")
            typed = Map()
            typed.update(type=named, uid=_string(_get(where, "uid") or _get(where, "name")))
            targets.append({**query["spec"], "refId": inner.get("refId"), "datasource": dict(typed)})
            self._query(panel, inner, typed, query["spec"])
        panel.model = {**classic, "targets": targets}

    # --- keys and values

    def _text(self, node: Any, key: str) -> Text | None:
        if isinstance(node, Map) and isinstance(node.get(key), str):
            return self.origin.value(node[key], node.at[key])
        return None

    def _at(self, node: Map, key: str, spot: Spot) -> Place:
        return _place(self.origin, node, key, spot)


def _place(origin: Origin, node: Map, key: str, spot: Spot) -> Place:
    return origin.place(node.at[key][0] if key in node.at else spot[0])


def _extent(origin: Origin, spot: Spot) -> Extent:
    return origin.place(spot[0]), origin.place(max(spot[0], spot[1] - 1))


def _inputs(node: Map) -> dict[str, str]:
    return {str(entry.get("name")): str(entry["pluginId"]) for entry in _maps(node.get("__inputs"))
            if entry.get("type") == "datasource" and entry.get("pluginId")}


def _grids(layout: Any, collapsed: bool = False, depth: int = 0) -> list[Any]:
    """Element name → (grid position, whether it stands in a collapsed row), for each item of a v2 layout."""
    found: list[Any] = []
    spec = _get(layout, "spec")
    if depth > 4 or not isinstance(spec, Map):
        return found
    for item in _maps(spec.get("items")):
        inner = item.get("spec")
        name = _get(inner, "element", "name")
        if isinstance(inner, Map) and isinstance(name, str):
            grid = tuple(inner.get(key) for key in ("x", "y", "width", "height"))
            found.append((name, (grid if all(isinstance(n, int) for n in grid) else None, collapsed)))
    for key in ("rows", "tabs"):
        for row in _maps(spec.get(key)):
            inner = row.get("spec")
            closed = collapsed or _get(inner, "collapse") is True
            found += _grids(_get(inner, "layout"), closed, depth + 1)
    return found


def _get(node: Any, *path: str) -> Any:
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _maps(value: Any) -> list[Map]:
    return [item for item in value if isinstance(item, Map)] if isinstance(value, Seq) else []


def _located(value: Any) -> list[tuple[Map, Spot]]:
    if not isinstance(value, Seq):
        return []
    return [(item, spot) for item, spot in zip(value, value.at, strict=True) if isinstance(item, Map)]
