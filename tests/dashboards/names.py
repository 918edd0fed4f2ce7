"""What a dashboard speaks of must be there: labels, columns, queries, panels' neighbours, other boards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import promql_parser as parser

from tests.dashboards import queries
from tests.dashboards.test_boards import labels
from vitals.dashboards import grafana

Json = dict[str, Any]


def findings(model: Json) -> list[str]:
    """What a model names and does not have."""
    found = [f"{panel['title']}: {text}" for panel in grafana.panels(model) for text in _panel(panel)]
    for name, expr, label in queries.variables(model):
        if expr and label and label not in _labels(expr):
            found.append(f"variable {name}: asks for {label}, which {expr} does not have")
    return found


def uids(models: dict[str, Json]) -> list[str]:
    """The boards that have another's uid: Grafana keeps one of the two."""
    seen: dict[str, str] = {}
    return [f"{name}: has the uid of {seen[model['uid']]}" for name, model in models.items()
            if seen.setdefault(model["uid"], name) != name]


def _panel(panel: Json) -> Iterator[str]:
    targets = {target["refId"]: target for target in panel.get("targets", []) if "expr" in target}
    config = panel.get("fieldConfig", {})
    columns = _columns(panel)
    for override in config.get("overrides", []):
        matcher, named = override["matcher"]["id"], override["matcher"].get("options")
        if matcher == "byFrameRefID" and named not in targets:
            yield f"an override is for query {named}, which is not there"
        if matcher == "byName" and panel["type"] == "table" and named not in columns:
            yield f"an override is for column {named}, which is not there"
    for sort in panel["options"].get("sortBy", []):
        if sort["displayName"] not in columns:
            yield f"is sorted by {sort['displayName']}, which is no column"
    for link in _links(panel):
        said = link["title"] + link["url"]
        for label in _named(said, "labels"):
            if without := [ref for ref, target in targets.items() if label not in _labels(target["expr"])]:
                yield f"a link passes on {label}, which query {', '.join(without)} does not have"
        for column in _named(said, "fields"):
            if column not in columns:
                yield f"a link passes on column {column}, which is not there"


def _links(panel: Json) -> Iterator[Json]:
    config = panel.get("fieldConfig", {})
    yield from panel.get("links", [])
    yield from config.get("defaults", {}).get("links", [])
    for override in config.get("overrides", []):
        for change in override["properties"]:
            if change["id"] == "links":
                yield from change["value"]


def _named(text: str, what: str) -> set[str]:
    """The ``x`` of ``${__field.labels.x}`` or ``${__data.fields["x"]}``."""
    found = re.findall(rf"\$\{{__(?:field|data)\.{what}(?:\.([^}}:.\[]+)|\[\"?([^\]\"]+)\"?\])", text)
    return {plain or quoted for plain, quoted in found}


def _columns(panel: Json) -> set[str]:
    """What a table's columns are called in the end."""
    renamed = next((t["options"]["renameByName"] for t in panel.get("transformations", []) if t["id"] == "organize"), {})
    return set(renamed.values())


def _labels(expr: str) -> set[str]:
    return labels(parser.parse(queries.plain(expr)))
