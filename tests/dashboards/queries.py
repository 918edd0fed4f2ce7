"""Every query of a dashboard, where it stands; and whether Prometheus' own parser takes them all."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vitals import settings
from vitals.dashboards import grafana
from vitals.engines import parts

Json = dict[str, Any]
# What Grafana puts in place of its own variables; any other variable becomes a word.
GIVEN = {"__rate_interval": "5m", "__interval": "30s", "__range": "6h", "__range_s": "21600", "__interval_ms": "30000"}
VARIABLE = re.compile(r"\$\{(\w+)(?:[:.][^}]*)?\}|\$(\w+)|\[\[(\w+)(?::\w+)?\]\]")
VALUES = re.compile(r"label_values\((?:(?P<expr>.+),)?\s*(?P<label>\w+)\s*\)|query_result\((?P<result>.+)\)", re.S)


def queries(model: Json) -> Iterator[tuple[str, str]]:
    """(place, PromQL with Grafana's variables in it) of panels, annotations and variables."""
    for panel in grafana.panels(model):
        yield from ((f"{panel['title']}, query {target['refId']}", target["expr"])
                    for target in panel.get("targets", []) if "expr" in target)
    for annotation in model["annotations"]["list"]:
        if expr := annotation.get("expr") or annotation.get("target", {}).get("expr"):
            yield f"annotation {annotation['name']}", expr
    yield from ((f"variable {name}", expr) for name, expr, _ in variables(model) if expr)


def variables(model: Json) -> Iterator[tuple[str, str, str]]:
    """(name, PromQL, label) of the variables whose values a query gives; ``""`` for what is not asked for."""
    for variable in model["templating"]["list"]:
        if variable["type"] == "query":
            asked = variable["query"]["query"]
            found = VALUES.fullmatch(asked)
            assert found, f"variable {variable['name']}: {asked} is no question to Prometheus that this test knows"
            yield variable["name"], found["expr"] or found["result"] or "", found["label"] or ""


def plain(expr: str) -> str:
    """PromQL as Prometheus gets it."""
    return VARIABLE.sub(lambda m: GIVEN.get(m[1] or m[2] or m[3], "word"), expr)


def findings(models: dict[str, Json], folder: Path) -> dict[str, list[str]]:
    """name → the queries that promtool does not take. One call of it reads them all, as recording rules."""
    found: dict[str, list[str]] = {name: [] for name in models}
    asked = [(name, place, plain(expr)) for name, model in models.items() for place, expr in queries(model)]
    rules = [{"record": f"query:{index}", "expr": expr} for index, (*_, expr) in enumerate(asked)]
    (folder / "queries.yml").write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    promtool = parts.tool(settings.load(settings.ROOT / "vitals.yaml"), "promtool")
    ran = subprocess.run([promtool, "check", "rules", "--lint=none", "queries.yml"], cwd=folder, capture_output=True,
                         text=True)
    wrong = re.findall(r'"query:(\d+)": (.*)', ran.stdout + ran.stderr)
    assert bool(ran.returncode) == bool(wrong), ran.stdout + ran.stderr
    for index, said in wrong:
        name, place, expr = asked[int(index)]
        found[name].append(f"{place}: {said} in {expr}")
    return found
