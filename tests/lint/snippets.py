"""Rules and panels from small pieces of YAML, without the reader's positions."""

from __future__ import annotations

import re
from typing import Any

import yaml

from vitals.lint.expression import seconds
from vitals.lint.model import AlertTest, Dashboard, Group, Panel, Place, Query, Rule, Source, Text

HERE = Place("snippet", 1, 1)


def text(value: Any) -> Text:
    return Text(str(value), HERE)


def source(written: str, file: str = "snippet") -> Source:
    """A rule, a list of rules, a file of groups, a panel (has ``type``) or a dashboard (has ``panels``)."""
    result = Source(file, written)
    for document in yaml.safe_load_all(written):
        if isinstance(document, dict) and "panels" in document:
            result.dashboards.append(dashboard(document))
        elif isinstance(document, dict) and "type" in document:
            result.dashboards.append(dashboard({"panels": [document]}))
        elif isinstance(document, dict) and "groups" in document:
            result.groups += [group(found) for found in document["groups"]]
        else:
            rules = document if isinstance(document, list) else [document]
            result.groups.append(group({"name": "snippet", "rules": rules}))
    return result


def group(found: dict[str, Any]) -> Group:
    made = Group(found["name"], HERE, duration(found.get("interval")))
    for index, rule in enumerate(found.get("rules") or []):
        kind = "alert" if "alert" in rule else "record"
        made.rules.append(Rule(
            kind, text(rule[kind]), text(rule["expr"]), made, index, duration(rule.get("for")),
            duration(rule.get("keep_firing_for")), {k: text(v) for k, v in (rule.get("labels") or {}).items()},
            {k: text(v) for k, v in (rule.get("annotations") or {}).items()}, {key: HERE for key in rule}))
    return made


def duration(value: Any) -> float | None:
    return None if value is None else seconds(re.sub(r"^\d+$", r"\g<0>s", str(value)))


def dashboard(model: dict[str, Any]) -> Dashboard:
    variables = {v["name"]: v for v in (model.get("templating") or {}).get("list", [])}
    made = Dashboard(model.get("title", ""), HERE, variables=variables, model=model)
    for panel in model["panels"]:
        made.panels.append(_panel(panel, made))
        for inner in panel.get("panels") or []:
            made.panels.append(_panel(inner, made, collapsed=True))
    return made


def _panel(model: dict[str, Any], board: Dashboard, collapsed: bool = False) -> Panel:
    defaults = (model.get("fieldConfig") or {}).get("defaults") or {}
    grid = model.get("gridPos")
    links = [*(model.get("links") or []), *(defaults.get("links") or [])]
    made = Panel(
        model.get("title", ""), model["type"], HERE, board, model.get("id"),
        text(defaults["unit"]) if defaults.get("unit") else None, links=[text(link["url"]) for link in links],
        grid=tuple(grid[key] for key in "xywh") if grid else None, collapsed=collapsed, model=model)
    for target in model.get("targets") or []:
        legend = target.get("legendFormat")
        made.queries.append(Query(
            text(target["expr"]), target.get("refId", "A"), text(legend) if legend else None,
            bool(target.get("instant")), target.get("format", "time_series"), target.get("interval", "")))
    return made


__all__ = ["AlertTest", "dashboard", "group", "source", "text"]
