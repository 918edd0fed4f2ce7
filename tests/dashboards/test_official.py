"""The generated dashboards before judges that are not ours: Grafana's types and lists, Prometheus' parser; and lint.

Thirty small mistakes in real dashboards show that each of them judges.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards import names, queries, typed
from tests.dashboards.test_boards import Truth, models, problems, truth
from tests.lint import running
from vitals.dashboards import grafana

__all__ = ["models", "truth"]  # fixtures
Json = dict[str, Any]
Change = Callable[[Json], Any]


def judged(models: dict[str, Json], others: set[str], truth: Truth, folder: Path) -> dict[str, list[str]]:
    """name → what all judges say of that model, ``judge: place: what``. ``others``: the boards that may be linked to."""
    for name in ("types", "promql", "lint"):
        (folder / name).mkdir()
    by_types, by_promtool = typed.findings(models, folder / "types"), queries.findings(models, folder / "promql")
    found: dict[str, list[str]] = {}
    for name, model in models.items():
        (folder / "lint" / f"{name}.json").write_text(json.dumps(model))
        found[name] = [f"types: {said}" for said in by_types[name]] + [f"promtool: {said}" for said in by_promtool[name]]
        if not found[name]:  # these read models of the right types, and queries that can be parsed
            found[name] += [f"names: {said}" for said in names.findings(model)]
            found[name] += [f"house: {said}" for said in problems(model, truth, others)]
    ran = running.run("--no-config", "--format=json", "--fail-on=never", folder / "lint")
    for said in json.loads(ran.out)["findings"]:
        found[Path(said["file"]).stem].append(f"lint: {said['subject']}: {said['message']} [{said['check']}]")
    return found


def test_no_judge_finds_anything(models: dict[str, Json], truth: Truth, tmp_path: Path) -> None:
    assert [f"{name}: {said}" for name, all_said in judged(models, set(models), truth, tmp_path).items()
            for said in all_said] == []
    assert names.uids(models) == []


def test_all_queries_are_judged(models: dict[str, Json]) -> None:
    """Nothing with PromQL in it is passed over."""
    for model in models.values():
        known = {expr for _, expr in queries.queries(model)}
        assert {expr for _, expr in grafana.queries(model)} <= known
        assert {a["target"]["expr"] for a in model["annotations"]["list"] if "target" in a} <= known
        assert all(any(name in expr for expr in known) for name in ("job:app:info", "ALERTS"))


# --- mistakes -------------------------------------------------------------------------------------------


def at(kind: str, *path: Any, to: Any) -> Change:
    """The first panel of this type that has the path gets another value there."""
    def change(model: Json) -> None:
        for panel in grafana.panels(model):
            if panel["type"] == kind:
                place: Any = panel
                try:
                    for key in path[:-1]:
                        place = place[key]
                    place[path[-1]]
                except (KeyError, IndexError):
                    continue
                place[path[-1]] = to(place[path[-1]]) if callable(to) else to
                return
        raise AssertionError(f"no {kind} has {path}")
    return change


def override(to: Json, kind: str = "timeseries") -> Change:
    """One more property in a panel's override."""
    return at(kind, "fieldConfig", "overrides", 0, "properties", to=lambda properties: [*properties, to])


def organize(change: Callable[[Json], Any]) -> Change:
    def changed(transformations: list[Json]) -> list[Json]:
        change(next(t for t in transformations if t["id"] == "organize")["options"])
        return transformations
    return at("table", "transformations", to=changed)


def alerts_annotation(**target: str) -> Change:
    def change(model: Json) -> None:
        annotation = next(a for a in model["annotations"]["list"] if "target" in a)
        annotation["target"] |= target
    return change


def variable(query: str) -> Change:
    def change(model: Json) -> None:
        found = next(v for v in model["templating"]["list"] if v["name"] == "job")
        found["query"]["query"] = found["definition"] = query
    return change


DEFAULTS = ("fieldConfig", "defaults")
EXPR = ("targets", 0, "expr")
LEGEND = ("targets", 0, "legendFormat")
# What was done to a dashboard → which judge says what of it.
MISTAKES: dict[str, tuple[Change, str]] = {
    # Grafana's types
    "option of another type": (at("timeseries", "options", "legend", "showLegend", to="yes"), "options.legend.showLegend: "),
    "value that an option does not have": (at("stat", "options", "graphMode", to="sparkline"), "options.graphMode: "),
    "option of another panel": (at("stat", "options", to=lambda o: o | {"pieType": "donut"}), "options.pieType: "),
    "field option that is none": (at("timeseries", *DEFAULTS, "custom", "drawStyle", to="lines"), "custom.drawStyle: "),
    "override that is none": (override({"id": "custom.lineStyles", "value": {}}), ".id: "),
    "override of another type": (override({"id": "custom.lineWidth", "value": "1"}), "overrides.0.properties."),
    "datasource by its name": (at("stat", "datasource", to="Prometheus"), ": datasource: "),
    "target's datasource by its name": (at("stat", "targets", 0, "datasource", to="${datasource}"), "targets.0.datasource: "),
    "mode of thresholds": (at("stat", *DEFAULTS, "thresholds", "mode", to="percent"), "thresholds.mode: "),
    "threshold as text": (at("stat", *DEFAULTS, "thresholds", "steps", 1, "value", to="0.8"), "steps.1.value: "),
    "mode of colour": (at("timeseries", *DEFAULTS, "color", "mode", to="palette"), "color.mode: "),
    "kind of value mapping": (at("stat", *DEFAULTS, to=lambda d: d | {"mappings": [{"type": "values", "options": {}}]}), "mappings.0.type: "),
    "panel of old times": (at("timeseries", "type", to="graph"), "graph is no panel type"),
    "panel that never was": (at("stat", "type", to="number"), "number is no panel type"),
    "transformation without options": (at("table", "transformations", 0, to={"id": "merge"}), "transformations.0: "),
    "field of old times": (lambda model: model["panels"][1].update(yaxes=[]), ": yaxes: "),
    "kind of link": (lambda model: model["links"][0].update(type="dashboard"), "dashboard: links.0.type: "),
    "choice that a variable does not have": (lambda model: model["templating"]["list"][1].update(refresh=5), "list.1.refresh: "),
    # its lists, and its grid
    "unit": (at("stat", *DEFAULTS, "unit", to="percents"), "unknown unit percents"),
    "unit, in another case": (at("stat", *DEFAULTS, "unit", to="Percent"), "[unknown-unit]"),
    "calculation": (at("stat", "options", "reduceOptions", "calcs", to=["avg"]), "unknown calculation"),
    "transformation": (at("table", "transformations", 0, "id", to="joinByLabel"), "unknown transformation"),
    "overlap": (at("timeseries", "gridPos", "x", to=lambda x: x - 1 if x else x + 1), "[overlapping-panels]"),
    "beyond the grid": (at("timeseries", "gridPos", "w", to=25), "wider than the grid"),
    "one id for two": (lambda model: model["panels"][2].update(id=model["panels"][1]["id"]), "[duplicate-panel-id]"),
    "thresholds that fall": (at("bargauge", *DEFAULTS, "thresholds", "steps",
                                to=lambda steps: [steps[0], {"value": 2, "color": "red"}, {"value": 1, "color": "green"}]), "[threshold-order]"),
    # PromQL
    "parenthesis": (at("timeseries", *EXPR, to=lambda expr: f"sum({expr}"), "unclosed left parenthesis"),
    "function that is none": (at("stat", *EXPR, to=lambda expr: f"average({expr})"), "unknown function"),
    "rate of what is no range": (at("timeseries", *EXPR, to="rate(up)"), "expected type range vector"),
    "query of an annotation": (alerts_annotation(expr="ALERTS{alertstate=firing}"), "promtool: annotation"),
    "query of a variable": (variable("label_values(job:app:info{kind=app}, job)"), "promtool: variable"),
    # labels, columns, variables, links
    "label that an aggregation took": (at("timeseries", *EXPR, to='sum(job:traffic:rate5m{job=~"$job"})'), "[legend-label]"),
    "label of a legend that never was": (at("timeseries", *LEGEND, to="{{pod}}"), "shows pod"),
    "label of an annotation": (alerts_annotation(expr='count by (job) (ALERTS{job=~"$job"})'), "house: annotation"),
    "label of a variable": (variable("label_values(job:app:info, endpoint)"), "names: variable job"),
    "label of a link": (at("timeseries", *DEFAULTS, "links", to=lambda links: [{"title": "", "url": "/d/vitals-slo?var-job=${__field.labels.pod}"}]), "passes on pod"),
    "column of a link": (override({"id": "links", "value": [{"title": "", "url": "${__data.fields.Pod}"}]}, "table"), "passes on column Pod"),
    "label of a column": (organize(lambda options: options["indexByName"].update(pod=9)), "shows pod"),
    "column of an override": (organize(lambda options: options["renameByName"].clear()), "an override is for column"),
    "query of an override": (at("timeseries", "fieldConfig", "overrides", to=[{"matcher": {"id": "byFrameRefID", "options": "Z"}, "properties": []}]), "an override is for query Z"),
    "column that sorts": (at("table", "options", "sortBy", to=[{"displayName": "Spend", "desc": True}]), "is no column"),
    "variable that is none": (at("stat", *EXPR, to='job:traffic:rate5m{job=~"$app"}'), "[undefined-variable]"),
    "dead link": (lambda model: model["links"][0].update(url="/d/vitals-costs"), "which does not exist"),
    "dead link of a panel": (at("timeseries", *DEFAULTS, "links", 0, "url", to="/d/vitals-log?x"), "which does not exist"),
}


@pytest.fixture(scope="module")
def said(models: dict[str, Json], truth: Truth, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """All mistakes, judged together: each in a board of its own."""
    wrong = {}
    for name, (change, _) in MISTAKES.items():
        wrong[name] = copy.deepcopy(models["vitals-overview"])
        change(wrong[name])
    return judged(wrong, set(models), truth, tmp_path_factory.mktemp("mistakes"))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_found(name: str, said: dict[str, list[str]]) -> None:
    expected = MISTAKES[name][1]
    assert any(expected in text for text in said[name]), said[name]


def test_two_boards_with_one_uid(models: dict[str, Json]) -> None:
    twice = models | {"copy": copy.deepcopy(models["vitals-cost"])}
    assert names.uids(twice) == ["copy: has the uid of vitals-cost"]
