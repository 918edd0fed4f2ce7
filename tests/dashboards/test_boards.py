"""Dashboards: whole, current for Grafana, over series that exist, with limits that are the alerts' own."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as parser
import pytest

from vitals import alerts, coverage, dashboards, recording, settings, slo
from vitals.dashboards import grafana, origins
from vitals.dashboards.origins import Origins
from vitals.dashboards.panels import RUNBOOKS
from vitals.signals import SIGNALS, THRESHOLDS, threshold_series

Json = dict[str, Any]
IDS = json.loads((Path(__file__).parent / "grafana" / "ids.json").read_text())
TYPES = {"stat", "timeseries", "table", "heatmap", "bargauge", "piechart", "state-timeline"}
INSTANT = {"stat", "table", "bargauge", "piechart"}
LABELS = sorted({"le", "model", "type", "slo", *(label for s in SIGNALS.values() for label in s.labels)}, key=len, reverse=True)
OTHERS = {**dict.fromkeys(coverage.ALWAYS, {"instance", "job", "profile"}), "ALERTS": {"alertname", "job", "severity", "area", "instance"},
          recording.APP_INFO: {"job", "profile", "kind"}, recording.PRICES_AS_OF: set(),
          recording.PRICE: {"model", "type"}, recording.MATCHES: {"job", "pattern", "window"},
          recording.MATCHES_LIMIT: {"job", "pattern", "severity"}}
BUILT_IN = {"__all", "__url_time_range", "__data", "__field", "__value", "__rate_interval"}
LINES = ("limit", "elevated", "target")


@dataclass(frozen=True)
class Truth:
    """What is recorded: by profile, and for which kinds of profile each series is."""

    by_profile: dict[str, set[str]]
    kinds: dict[str, set[str]]


@pytest.fixture(scope="module")
def truth() -> Truth:
    loaded = settings.load(settings.ROOT / "vitals.yaml")
    profiles = settings.load_profiles(loaded)
    groups = recording.groups(loaded, profiles)
    names = {key: {rule.record for group in found for rule in group.rules} for key, found in groups.items()}
    by_profile, kinds = {}, {}
    for name, (profile, _) in profiles.items():
        # A limit nobody sets yet can be set: in a profile, or in vitals.yaml.
        limits = {threshold_series(t.name) for t in THRESHOLDS.values() if not recording.missing_signals(t, profile)}
        logs = names["logs"] if profile.kind == "app" else set()
        by_profile[name] = (names[f"profile-{name}"] | names[f"windows-{name}"] | names["prices"] | limits | logs
                            | slo.recorded(profile))
        for series in by_profile[name]:
            kinds.setdefault(series, set()).add(profile.kind)
    return Truth(by_profile, kinds)


@pytest.fixture(scope="module")
def models() -> dict[str, Json]:
    loaded = settings.load(settings.ROOT / "vitals.yaml")
    return dashboards.models(loaded, settings.load_profiles(loaded))


@pytest.fixture(scope="module")
def known() -> Origins:
    loaded = settings.load(settings.ROOT / "vitals.yaml")
    return origins.load(loaded, settings.load_profiles(loaded))


# --- the checks -----------------------------------------------------------------------------------------


def problems(model: Json, truth: Truth, uids: set[str]) -> Iterator[str]:
    """What is wrong with one dashboard, a line each."""
    if model["schemaVersion"] != 42:
        yield "schemaVersion is not 42"
    yield from nulls(model)
    yield from layout(model)
    variables = {v["name"] for v in model["templating"]["list"]}
    texts = json.dumps(model)
    for name in sorted(set(re.findall(r"\$\{?(\w+)", texts)) - variables - BUILT_IN):
        yield f"variable ${name} is not defined"
    for uid in sorted(set(re.findall(r'"/d/([\w-]+)', texts)) - uids):
        yield f"links to {uid}, which does not exist"
    seen: dict[Any, str] = {}
    for panel in grafana.panels(model):
        for key in (panel["id"], panel["title"]):
            if key in seen:
                yield f"{panel['title']}: id or title is also that of {seen[key]}"
            seen[key] = panel["title"]
        yield from (f"{panel['title']}: {text}" for text in panel_problems(panel, truth))
    for annotation in model["annotations"]["list"]:
        if "target" in annotation:
            legend = annotation["titleFormat"] + annotation["textFormat"]
            expr = annotation["target"]["expr"].replace("$__rate_interval", "5m")
            yield from (f"annotation {annotation['name']}: {text}" for text in query_problems(expr, legend, truth))


def log_problems(panel: Json) -> Iterator[str]:
    """A panel of log lines reads the chosen Elasticsearch, for the chosen apps."""
    for key in ("title", "description"):
        if not panel.get(key):
            yield f"has no {key}"
    for source in (panel.get("datasource"), *(t.get("datasource") for t in panel["targets"])):
        if source != grafana.LOG_SOURCE:
            yield "reads another datasource than the chosen one"
    for target in panel["targets"]:
        if "$job" not in target["query"].replace("{", ""):
            yield "is not filtered by $job"
        if [metric["type"] for metric in target["metrics"]] != ["logs"] or target["bucketAggs"]:
            yield "does not ask for lines"


def panel_problems(panel: Json, truth: Truth) -> Iterator[str]:
    if panel["type"] == "logs":
        yield from log_problems(panel)
        return
    if panel["type"] not in TYPES:
        yield f"{panel['type']} is no current panel type"
    config = panel.get("fieldConfig", {})
    defaults = config.get("defaults", {})
    overrides = [(p["id"], p["value"]) for o in config.get("overrides", []) for p in o["properties"]]
    for key in ("title", "description"):
        if not panel.get(key):
            yield f"has no {key}"
    if not defaults.get("unit"):
        yield "has no unit"
    if not defaults.get("noValue"):
        yield "does not say why it may be empty"
    for source in (panel.get("datasource"), *(t.get("datasource") for t in panel["targets"])):
        if source != grafana.SOURCE:
            yield "reads another datasource than the chosen one"
    for unit in (defaults.get("unit"), *(v for k, v in overrides if k == "unit")):
        if unit and unit not in IDS["units"]:
            yield f"unknown unit {unit}"
    for calc in [c for key in ("legend", "reduceOptions") for c in panel["options"].get(key, {}).get("calcs", [])]:
        if calc not in IDS["calculations"]:
            yield f"unknown calculation {calc}"
    for transformation in panel.get("transformations", []):
        if transformation["id"] not in IDS["transformations"]:
            yield f"unknown transformation {transformation['id']}"
    for override in config.get("overrides", []):
        if override["matcher"]["id"] not in IDS["matchers"]:
            yield f"unknown matcher {override['matcher']['id']}"
    for color in (defaults.get("color"), *(v for k, v in overrides if k == "color")):
        if color and color["mode"] not in IDS["colors"]:
            yield f"unknown colour mode {color['mode']}"
    for thresholds in (defaults.get("thresholds"), *(v for k, v in overrides if k == "thresholds")):
        if thresholds and thresholds["steps"][0]["value"] is not None:
            yield "first threshold step is not null"
    refs = [t["refId"] for t in panel["targets"]]
    if len(set(refs)) != len(refs):
        yield "two queries have one refId"
    for target in panel["targets"]:
        if target["instant"] != (panel["type"] in INSTANT):
            yield "asks for an instant where it shows time, or the other way round"
        shown = table_columns(panel) if panel["type"] == "table" else target["legendFormat"]
        yield from query_problems(target["expr"], shown, truth)
        yield from line_problems(panel, target)


def table_columns(panel: Json) -> str:
    """The label columns of a table, written as a legend."""
    organize = next(t for t in panel["transformations"] if t["id"] == "organize")
    return " ".join(f"{{{{{name}}}}}" for name in organize["options"]["indexByName"] if not name.startswith("Value"))


def line_problems(panel: Json, target: Json) -> Iterator[str]:
    """Limits are read from the series that the alerts read, and look the same everywhere."""
    line = next((name for name in LINES if target["legendFormat"].endswith(f" {name}")), None)
    alone = re.fullmatch(r'(job:\w+:threshold|job_slo:slo_burn_limit:\w+)\{job=~"\$(job|exporter)"\}', target["expr"])
    if bool(line) != bool(alone):
        yield f"{target['legendFormat']} and {target['expr']}: a line of limits reads one threshold series, and is called so"
    if line:
        looks = [o["properties"] for o in panel["fieldConfig"]["overrides"]
                 if o["matcher"] == {"id": "byFrameRefID", "options": target["refId"]}]
        if not any(p["id"] == "custom.lineStyle" and p["value"]["fill"] == "dash" for look in looks for p in look):
            yield f"the {line} is not drawn as one"


# What belongs to no app is shown whichever apps are chosen.
NO_APPS = 'unless on (job) job:app:info{kind="app"}'


def query_problems(expr: str, legend: str, truth: Truth) -> Iterator[str]:
    node = parser.parse(expr)
    recorded = set().union(*truth.by_profile.values())
    for name in sorted(coverage.reads(expr) - recorded - coverage.ALWAYS):
        yield f"reads {name}, which nothing records"
    if not any(coverage.answers(expr, names) for names in truth.by_profile.values()):
        yield f"no profile can answer {expr}"
    for selector in selectors(node):
        if selector.name.startswith("job") and NO_APPS not in expr and not chosen(selector, truth):
            yield f"{selector.name} is not filtered by $job, or by $exporter where exporters feed it"
    if extra := set(re.findall(r"\{\{(\w+)\}\}", legend)) - labels(node):
        yield f"shows {', '.join(sorted(extra))}, which the result of {expr} does not have"


def selectors(node: Any) -> Iterator[Any]:
    if isinstance(node, parser.VectorSelector):
        yield node
    for child in coverage.children(node):
        yield from selectors(child)


def chosen(selector: Any, truth: Truth) -> bool:
    """Does the dashboard's choice of jobs reach this selector, and is it the right choice?"""
    matchers = {(m.name, m.value) for m in selector.matchers.matchers}
    if selector.name == recording.APP_INFO and ("kind", "app") in matchers:
        return True  # "all apps", whichever are chosen
    kinds = truth.kinds.get(selector.name, set())
    return ("job", "$job") in matchers and bool(kinds & {"app", "probe"}) or ("job", "$exporter") in matchers and bool(kinds - {"app"})


def labels(node: Any) -> set[str]:
    """The labels that an expression's result can have."""
    if isinstance(node, parser.VectorSelector):
        return OTHERS[node.name] if node.name in OTHERS else level(node.name)
    if isinstance(node, parser.MatrixSelector):
        return labels(node.vector_selector)
    if isinstance(node, parser.AggregateExpr):
        inner = labels(node.expr)
        if str(node.op) in ("topk", "bottomk"):
            return inner
        if node.modifier is None:
            return set()
        by = set(node.modifier.labels)
        return inner & by if node.modifier.type == parser.AggModifierType.By else inner - by
    if isinstance(node, parser.BinaryExpr):
        return binary(node)
    if isinstance(node, parser.Call):
        found = set().union(*(labels(arg) for arg in node.args))
        return found - {"le"} if node.func.name == "histogram_quantile" else found
    return set().union(*(labels(child) for child in coverage.children(node)))


def binary(node: Any) -> set[str]:
    left, right, operator, modifier = labels(node.lhs), labels(node.rhs), str(node.op), node.modifier
    if operator in ("and", "unless"):
        return left
    if operator == "or":
        return left | right
    for one, other in ((node.lhs, right), (node.rhs, left)):
        if isinstance(one, parser.NumberLiteral) or isinstance(one, parser.Call) and one.func.name == "time":
            return other
    if modifier and modifier.card == parser.VectorMatchCardinality.ManyToOne:
        return left | set(modifier.group_labels)
    if modifier and modifier.matching:
        return left & set(modifier.matching.labels)
    return left & right


def level(name: str) -> set[str]:
    """``job_error_type:app_errors:rate5m`` → job, error_type, profile."""
    rest, found = name.split(":")[0].removeprefix("job"), {"job", "profile"}
    while rest:
        label = next((x for x in LABELS if rest.startswith(f"_{x}") and rest[len(x) + 1:][:1] in ("", "_")), None)
        assert label, f"{name}: no known labels in {rest}"
        found.add(label)
        rest = rest[len(label) + 1:]
    return found


def nulls(model: Json, where: str = "") -> Iterator[str]:
    """Grafana wants a field or no field; the first threshold step alone is null."""
    for key, value in model.items() if isinstance(model, dict) else enumerate(model):
        at = f"{where}/{key}"
        if value is None and not at.endswith("/steps/0/value"):
            yield f"{at} is null"
        if isinstance(value, dict | list):
            yield from nulls(value, at)


def layout(model: Json) -> Iterator[str]:
    rows = [p["panels"] for p in model["panels"] if p["type"] == "row" and p["collapsed"]]
    for group in (model["panels"], *rows):
        taken: dict[tuple[int, int], str] = {}
        for panel in group:
            at = panel["gridPos"]
            if at["x"] + at["w"] > 24:
                yield f"{panel['title']}: is wider than the grid"
            for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
                if taken.setdefault(cell, panel["title"]) != panel["title"]:
                    yield f"{panel['title']}: overlaps {taken[cell]}"
                    break


# --- what is checked ------------------------------------------------------------------------------------


def test_nothing_is_wrong(models: dict[str, Json], truth: Truth) -> None:
    assert [f"{uid}: {text}" for uid, model in models.items() for text in problems(model, truth, set(models))] == []


def test_the_set(models: dict[str, Json]) -> None:
    assert list(models) == [f"vitals-{name}" for name in (
        "overview", "executive", "operations", "system-health", "ai-performance", "quality", "business", "cost",
        "security", "slo", "logs", "infrastructure", "postgres", "redis", "monitoring")]
    for uid, model in models.items():
        assert model["uid"] == uid


def reached(model: Json, models: dict[str, Json]) -> set[str]:
    """The boards that the links at the top of one lead to, a menu being filled from the tags."""
    found = set()
    for link in model["links"]:
        assert link["keepTime"] and link["includeVars"]
        if link["type"] == "dashboards":
            assert link["asDropdown"] and link["tags"]
            found |= {uid for uid, other in models.items() if {*link["tags"]} <= {*other["tags"]}}
        else:
            found.add(link["url"].removeprefix("/d/"))
    return found


def test_every_board_is_reached_from_every_other_without_a_wall_of_links(models: dict[str, Json]) -> None:
    for uid, model in models.items():
        assert reached(model, models) | {uid} == set(models)
        assert len(model["links"]) <= 6
        assert uid == grafana.HOME or model["links"][0]["url"] == f"/d/{grafana.HOME}"


def test_alerts_name_panels_that_exist(models: dict[str, Json]) -> None:
    boards = {model["title"].removeprefix("Agent Vitals: "): {p["title"] for p in grafana.panels(model)}
              for model in models.values()}
    named = []
    for alert in alerts.all_alerts().values():
        assert f"vitals-{alert.dashboard}" in models
        text = " ".join(alert.do)
        named += re.findall(rf"(?:[Ss]ee|[Cc]ompare with) ([A-Z][\w ]*?) on ({'|'.join(boards)})\b", text)
    assert len(named) > 15
    assert [(title, board) for title, board in named if title not in boards[board]] == []


def test_queries_are_listed(models: dict[str, Json]) -> None:
    listed = grafana.queries(models["vitals-overview"])
    assert ("Traffic", 'job:traffic:rate5m{job=~"$job"} * 60') in listed
    assert len(listed) == sum(len(p["targets"]) for p in grafana.panels(models["vitals-overview"]))


def test_ids_stay_when_a_panel_is_added(known: Origins) -> None:
    from vitals.dashboards.cost import BOARD
    from vitals.dashboards.panels import q, row, stat

    more = grafana.Board(BOARD.uid, BOARD.title, BOARD.text, rows=(
        row("New", stat("New", "New.", "short", q('job:llm_cost_usd:increase1h{job=~"$job"}'))), *BOARD.rows))
    before, after = ({p["title"]: p["id"] for p in grafana.panels(grafana.model(b, known))} for b in (BOARD, more))
    assert after == before | {"New": after["New"]}


def test_labels_of_results() -> None:
    def of(expr: str) -> set[str]:
        return labels(parser.parse(expr))

    assert of("job_error_type:app_errors:rate5m") == {"job", "error_type", "profile"}
    assert of("sum by (job) (job_agent:agent_runs:rate5m) * 60") == {"job"}
    assert of("job_agent:agent_failure_ratio:rate5m / on (job) group_left () job:agent_failure_ratio:threshold") \
        == {"job", "agent", "profile"}
    assert of("job_model:llm_cost_usd:increase24h / on (job, model) (job_model:llm_tokens:increase24h > 0)") == {"job", "model"}
    assert of("topk(3, job_stage:rag_latency_seconds:p95)") == {"job", "stage", "profile"}
    assert of("count(ALERTS) or vector(0)") == set()


# --- what nobody writes by hand -------------------------------------------------------------------------


def test_an_empty_panel_says_why(known: Origins) -> None:
    why = known.emptiness(['job_model:llm_waiting:current{job=~"$job"}', 'job:llm_waiting:threshold{job=~"$job"}'])
    assert why and why.short == "no app feeds llm_waiting by model"
    assert why.full == ("No chosen app feeds llm_waiting by model (requests waiting for a model). "
                        "Profiles that do: vllm (vllm:num_requests_waiting).")
    idle = known.emptiness(['job:response_latency_seconds:p95{job=~"$job"}'])
    assert idle and idle.full.startswith("No chosen app was busy, or none feeds response_latency_seconds (")
    uncounted = known.emptiness(['job_source:leads:increase1h{job=~"$job"}'])
    assert uncounted and uncounted.full.startswith("Nothing was counted yet, or no chosen app feeds leads by source (")
    either = known.emptiness(['job:http_error_ratio:rate5m{job=~"$job"} or on (job) job:agent_failure_ratio:rate5m{job=~"$job"}'])
    assert either and "feeds http_requests or agent_runs." in either.full
    both = known.emptiness(['job:llm_cost_per_conversation_usd:1h{job=~"$job"}'])
    assert both and "feeds llm_cost_usd and conversations." in both.full
    unset = known.emptiness(['job:leads:increase1h{job=~"$job"} / on (job) job:leads_per_hour_min:threshold{job=~"$job"}'])
    assert unset and unset.short == "no leads_per_hour_min is set"
    assert unset.full.startswith("No chosen app has leads_per_hour_min, a limit that vitals.yaml or its profile sets. Or: Nothing")
    probed = known.emptiness(['job:probe_success:current{job=~"$job"}'])
    assert probed and probed.full.endswith("Give it probes in vitals.yaml.")
    assert known.emptiness(["vitals:prices_as_of_seconds:info"]) is None


def test_the_profiles_named_are_those_that_feed(models: dict[str, Json], truth: Truth) -> None:
    """For every panel: who is named can answer one of its queries, and where nobody is more are counted rightly."""
    seen = 0
    for model in models.values():
        for panel in grafana.panels(model):
            told = panel["fieldConfig"]["defaults"].get("noValue", "") if panel["type"] != "logs" else ""
            if not (match := re.search(r"Profiles that do: (.*?)(?: and (\d+) more)?\.(?: It|$)", told)):
                continue
            seen += 1
            exprs = [t["expr"] for t in panel["targets"] if not origins.LIMIT.fullmatch(t["expr"])]
            feed = {name for name, series in truth.by_profile.items()
                    if any(coverage.answers(expr, series) for expr in exprs)}
            named = set(re.findall(r"([a-z][a-z0-9-]*)(?: \([^)]*\))?(?:, |$)", match[1]))
            assert named <= feed, (panel["title"], named - feed)
            assert len(named) + int(match[2] or 0) <= len(feed)
    assert seen > 100


def test_a_limit_leads_to_its_runbook(models: dict[str, Json], known: Origins) -> None:
    assert known.alerts(['job:http_error_ratio:rate5m{job=~"$job"}', 'job:http_error_ratio:threshold{job=~"$job"}',
                         'job:http_error_ratio_elevated:threshold{job=~"$job"}']) == ["HttpErrorsHigh", "HttpErrorsElevated"]
    assert known.alerts(['job:http_error_ratio:rate5m{job=~"$job"}']) == []
    assert known.alerts(['job_service:breaker_state:current{job=~"$job"}']) == ["BreakerOpen"]
    pages = {path.stem for path in (settings.ROOT / "docs" / "runbooks").glob("*.md")}
    base = settings.load(settings.ROOT / "vitals.yaml").file.links.runbooks
    for uid, model in models.items():
        assert RUNBOOKS not in json.dumps(model)
        for panel in grafana.panels(model):
            links = [link["url"] for link in panel.get("links", []) if link["title"].startswith("Runbook")]
            assert {url.removeprefix(f"{base}/") for url in links} <= pages
            drawn = [t for t in panel["targets"] if t.get("legendFormat", "").endswith((" limit", " elevated"))]
            assert links or not drawn, f"{uid}/{panel['title']} draws a limit that no alert compares with"


# --- each check can fail --------------------------------------------------------------------------------


def _panel(kind: str) -> Callable[[Json], Json]:
    return lambda model: next(p for p in grafana.panels(model) if p["type"] == kind)


def _query(expr: str, legend: str = "{{job}}") -> Callable[[Json], None]:
    def change(model: Json) -> None:
        _panel("timeseries")(model)["targets"][0] |= {"expr": expr, "legendFormat": legend}
    return change


def _set(value: Any, *path: Any, kind: str = "timeseries") -> Callable[[Json], None]:
    def change(model: Json) -> None:
        at = _panel(kind)(model)
        for key in path[:-1]:
            at = at[key]
        if value is DROPPED:
            del at[path[-1]]
        else:
            at[path[-1]] = value
    return change


def _limit_line(**changes: Any) -> Callable[[Json], None]:
    def change(model: Json) -> None:
        panel = next(p for p in grafana.panels(model) if p["title"] == "Error ratio")
        panel["targets"][1] |= changes
    return change


def _no_dashes(model: Json) -> None:
    panel = next(p for p in grafana.panels(model) if p["title"] == "Error ratio")
    panel["fieldConfig"]["overrides"] = []


def _same(key: str) -> Callable[[Json], None]:
    def change(model: Json) -> None:
        first, second, *_ = grafana.panels(model)
        second[key] = first[key]
    return change


DROPPED = object()
FAULTS: dict[str, tuple[Callable[[Json], Any], str]] = {
    "no title": (_set("", "title"), "has no title"),
    "no description": (_set(DROPPED, "description"), "has no description"),
    "no unit": (_set(DROPPED, "fieldConfig", "defaults", "unit"), "has no unit"),
    "unknown unit": (_set("bytes/s", "fieldConfig", "defaults", "unit"), "unknown unit"),
    "no reason to be empty": (_set(DROPPED, "fieldConfig", "defaults", "noValue"), "why it may be empty"),
    "datasource by name": (_set("Prometheus", "datasource"), "another datasource"),
    "target without datasource": (_set(DROPPED, "targets", 0, "datasource"), "another datasource"),
    "removed type": (_set("graph", "type"), "no current panel type"),
    "unknown calculation": (_set(["avg"], "options", "reduceOptions", "calcs", kind="stat"), "unknown calculation"),
    "unknown transformation": (_set("joinByLabel", "transformations", 0, "id", kind="table"), "unknown transformation"),
    "unknown matcher": (_set("byRefId", "fieldConfig", "overrides", 0, "matcher", "id"), "unknown matcher"),
    "unknown colour": (_set({"mode": "classic"}, "fieldConfig", "defaults", "color"), "unknown colour"),
    "threshold base": (_set("null", "fieldConfig", "defaults", "thresholds", "steps", 0, "value", kind="stat"), "not null"),
    "null field": (_set(None, "interval"), "/interval is null"),
    "old schema": (lambda model: model.update(schemaVersion=12), "schemaVersion"),
    "same id": (_same("id"), "id or title"),
    "same title": (_same("title"), "id or title"),
    "overlap": (_same("gridPos"), "overlaps"),
    "too wide": (_set(25, "gridPos", "w"), "wider"),
    "same refId": (_set("B", "targets", 0, "refId"), "one refId"),
    "stat over time": (_set(False, "targets", 0, "instant", kind="stat"), "instant"),
    "foreign metric": (_query("rate(api_requests_total[5m])"), "which nothing records"),
    "misspelt series": (_query('job:http_request:rate5m{job=~"$job"}'), "which nothing records"),
    "no profile has both": (_query('job:conversations:increase1h{job=~"$job"} / on (job) job:leads:increase1h{job=~"$job"}'),
                            "no profile can answer"),
    "all jobs": (_query("job:http_requests:rate5m"), "not filtered"),
    "exporters chosen by $job": (_query('job_instance:host_cpu_ratio:current{job=~"$job"}', "{{instance}}"), "not filtered"),
    "apps chosen by $exporter": (_query('job:http_requests:rate5m{job=~"$exporter"}'), "not filtered"),
    "label is gone": (_query('sum by (job) (job_agent:agent_runs:rate5m{job=~"$job"})', "{{agent}}"), "shows agent"),
    "label was never there": (_query('job:http_requests:rate5m{job=~"$job"}', "{{endpoint}}"), "shows endpoint"),
    "unknown variable": (_query('job:http_requests:rate5m{job=~"$app"}'), "variable $app"),
    "limit in numbers": (_limit_line(expr="vector(0.05)"), "threshold series"),
    "limit not named so": (_limit_line(legendFormat="{{job}}"), "called so"),
    "limit not dashed": (_no_dashes, "not drawn as one"),
    "dead link": (lambda model: model["links"][0].update(url="/d/vitals-costs"), "does not exist"),
    "annotation without filter": (lambda model: model["annotations"]["list"][-1]["target"].update(
        expr="changes(job_instance:app_start_seconds:current[2m]) > 0"), "annotation Restarts"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found(name: str, models: dict[str, Json], truth: Truth) -> None:
    change, expected = FAULTS[name]
    model = copy.deepcopy(models["vitals-system-health"])
    if "transformation" in name:
        model = copy.deepcopy(models["vitals-overview"])
    change(model)
    assert any(expected in text for text in problems(model, truth, set(models)))
