"""The jsonnet mixin renders what Python makes, and goes on doing so when the same thing is changed on both sides."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import _gojsonnet
import promql_parser as parser
import pytest
import rjsonnet
import yaml

from vitals import export, recording, settings, slo
from vitals.engines import parts
from vitals.export.bundle import Bundle, Json
from vitals.settings import Objective
from vitals.signals import THRESHOLDS

Configured = Callable[..., settings.Settings]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.of(settings.load(settings.ROOT / "vitals.yaml"))


@pytest.fixture(scope="module")
def vendor(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vendor folder with the mixin in it."""
    return _vendored(bundle, tmp_path_factory.mktemp("vendor"))


def _vendored(bundle: Bundle, into: Path) -> Path:
    for path, text in export.files("mixin", bundle).items():
        (into / "agent-vitals" / path).parent.mkdir(parents=True, exist_ok=True)
        (into / "agent-vitals" / path).write_text(text)
    return into


RULES = "{ rules: m.prometheusRules.groups, alerts: m.prometheusAlerts.groups }"
BOARDS = "{ boards: m.grafanaDashboards }"
ALL = f"{RULES} + {BOARDS}"


def render(vendor: Path, config: Json | None = None, evaluate: Any = rjsonnet.evaluate_snippet, wanted: str = RULES) -> Json:
    with_config = f" + {{ _config+:: {_merging(config)} }}" if config else ""
    found = evaluate("test", f"local m = (import 'agent-vitals/mixin.libsonnet'){with_config}; {wanted}", jpathdir=str(vendor))
    return json.loads(found)


def _merging(config: Any) -> str:
    """As a person would write it: objects are merged into those that are there."""
    if not isinstance(config, dict):
        return json.dumps(config, default=float)
    return "{" + ", ".join(f"{json.dumps(key)}{'+' if isinstance(value, dict) else ''}: {_merging(value)}"
                           for key, value in config.items()) + "}"


def groups(rendered: Json) -> dict[str, Json]:
    found = [*rendered["rules"], *rendered["alerts"]]
    assert len({group["name"] for group in found}) == len(found)
    return {group["name"]: group for group in found}


def of_python(bundle: Bundle) -> dict[str, Json]:
    """As they stand in rule files: written as YAML and read again."""
    found = json.loads(json.dumps([group for content in bundle.rules.values() for group in content["groups"]]))
    return {group["name"]: group for group in found}


def rules(found: dict[str, Json]) -> list[Json]:
    return [rule for _, group in sorted(found.items()) for rule in group["rules"]]


def same(found: dict[str, Json], wanted: dict[str, Json]) -> None:
    assert sorted(found) == sorted(wanted)
    for name, group in wanted.items():
        for one, other in zip(found[name]["rules"], group["rules"], strict=True):
            assert one == other, name
        assert found[name] == group


def changed(one: dict[str, Json], other: dict[str, Json]) -> int:
    return sum(a != b for a, b in zip(rules(one), rules(other), strict=True))


# --- as it comes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("evaluate", [rjsonnet.evaluate_snippet, _gojsonnet.evaluate_snippet], ids=["jrsonnet", "go-jsonnet"])
def test_without_a_change_it_is_what_python_makes(vendor: Path, bundle: Bundle, evaluate: Any) -> None:
    rendered = render(vendor, evaluate=evaluate, wanted=ALL)
    same(groups(rendered), of_python(bundle))
    assert {path.removesuffix(".json"): model for path, model in rendered["boards"].items()} == bundle.dashboards
    assert len(rules(groups(rendered))) > 1500


def debian(program: str, *args: str | Path) -> subprocess.CompletedProcess[str]:
    """jsonnet's first implementation, in C++, as Debian 12 has it (0.18)."""
    root = parts.fetch(settings.load(settings.ROOT / "vitals.yaml"), ["jsonnet", "libjsonnet0"], suite="bookworm")
    libraries = ":".join(str(folder) for folder in (root / "usr/lib").iterdir() if folder.is_dir())
    return subprocess.run([root / "usr/bin" / program, *args], capture_output=True, text=True,
                          env={**os.environ, "LD_LIBRARY_PATH": libraries})


def test_an_old_jsonnet_renders_the_same(vendor: Path) -> None:
    done = debian("jsonnet", "-J", vendor, "-e", f"local m = import 'agent-vitals/mixin.libsonnet'; {RULES}")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == render(vendor)


def test_it_is_written_as_jsonnetfmt_would(vendor: Path) -> None:
    files = sorted((vendor / "agent-vitals").rglob("*.libsonnet"))
    done = debian("jsonnetfmt", "--test", *files)
    assert len(files) > 80
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_fields_are_hidden_and_merge_with_those_of_others(vendor: Path) -> None:
    assert render(vendor, wanted="m") == {}
    merged = render(vendor, wanted="""
        { prometheusAlerts:: { groups: [{ name: 'theirs' }] }, prometheusRules:: { groups: [] }, grafanaDashboards:: { 'x.json': {} } }
        + m + { prometheusAlerts+:: { groups+: [{ name: 'later' }] }, all: [g.name for g in self.prometheusAlerts.groups],
                boards: std.objectFields(self.grafanaDashboards), folder: self.grafanaDashboardFolder }""")
    assert merged["all"][0] == "theirs"
    assert merged["all"][-1] == "later"
    assert "alerts:api" in merged["all"]
    assert {"x.json", "vitals-overview.json"} <= set(merged["boards"])
    assert merged["folder"] == "Agent Vitals"


def test_the_example_of_the_readme_renders(vendor: Path, bundle: Bundle) -> None:
    example = re.findall(r"```jsonnet\n(.*?)```", (vendor / "agent-vitals/README.md").read_text(), re.S)
    out = json.loads(rjsonnet.evaluate_snippet("readme", example[0], jpathdir=str(vendor)))
    found = {rule.get("alert", rule.get("record")): rule for group in yaml.load(out["rules.yaml"], yaml.CSafeLoader)["groups"]
             for rule in group["rules"]}
    assert found["HttpErrorsHigh"]["labels"] == {"severity": "page", "area": "api", "team": "agents"}
    assert found["SpendHigh"]["for"] == "15m"
    assert "PricesStale" not in found
    assert json.loads(rjsonnet.evaluate_snippet("readme", f"{example[1].strip()}.prometheusAlerts", jpathdir=str(vendor)))
    assert json.loads((vendor / "agent-vitals/jsonnetfile.json").read_text())["dependencies"] == []


# --- the same change on both sides --------------------------------------------------------------------------


def test_every_limit_and_objective(vendor: Path, bundle: Bundle) -> None:
    promised = {sli.promise for sli in slo.SLIS.values()} - {""}
    limits = recording.limits(bundle.settings, bundle.profiles).by_profile
    profiles, config = {}, {"thresholds": {}, "slos": {}}
    changes = 0
    for name, (profile, document) in bundle.profiles.items():
        new = {key: _other(key, value, profile) for key, value in limits[name].items() if key not in promised}
        slos = {}
        for key, objective in profile.slos.items():
            sli = slo.SLIS[key]
            within = objective.within_seconds
            if sli.within and not sli.promise:
                within = next(bound for bound in recording.bounds(profile, sli.within) if bound != within)
            share = objective.objective - (0 if sli.promise else Decimal("0.0371"))
            slos[key] = Objective(objective=share, within_seconds=within)
        changes += len(new) + sum(1 for key, objective in slos.items() if objective != profile.slos[key])
        profiles[name] = (profile.model_copy(update={"thresholds": {**profile.thresholds, **new}, "slos": slos}), document)
        config["thresholds"][name] = new
        config["slos"][name] = {key: {k: v for k, v in o.model_dump().items() if v is not None} for key, o in slos.items()}
    found = groups(render(vendor, config))
    same(found, of_python(Bundle(bundle.settings, profiles)))
    assert changed(found, of_python(bundle)) > changes > 200


def _other(name: str, value: Decimal, profile: settings.Profile) -> Decimal:
    if histogram := THRESHOLDS[name].bound_of:
        return next(bound for bound in recording.bounds(profile, histogram) if bound != value)
    return value * Decimal("0.73") + (0 if value else Decimal("0.25"))


def test_a_promise_is_changed_with_its_threshold(vendor: Path, bundle: Bundle) -> None:
    profile, document = bundle.profiles["startup-studio"]
    assert "availability" in profile.slos
    new = profile.model_copy(update={
        "thresholds": {**profile.thresholds, "availability_target": Decimal("0.9")},
        "slos": {**profile.slos, "availability": Objective(objective=Decimal("0.9"))}})
    found = groups(render(vendor, {"thresholds": {"startup-studio": {"availability_target": 0.9}},
                                   "slos": {"startup-studio": {"availability": {"objective": 0.9}}}}))
    same(found, of_python(Bundle(bundle.settings, {**bundle.profiles, "startup-studio": (new, document)})))
    # Burning 14.4 times too fast would be more than everything: the limit is halfway.
    limit = [rule["expr"] for rule in rules(found) if rule.get("record") == slo.limit("1h")
             and rule["labels"] == {"profile": "startup-studio", "slo": "availability"}]
    assert limit == ['group by (job) (job:app:info{profile="startup-studio"}) * 0.55']


def test_apps_with_limits_of_their_own(vendor: Path, configured: Configured) -> None:
    own = configured("""
demo: false
apps:
- {job: shop, profile: vllm, targets: ["127.0.0.1:8000"], thresholds: {http_error_ratio: 0.02, llm_waiting: 7}}
- {job: desk, profile: otel-genai, targets: ["127.0.0.1:8001"], thresholds: {llm_cost_per_hour_usd: 2.5, http_error_ratio: 0.5}}
- {job: plain, profile: litellm, targets: ["127.0.0.1:8002"]}
prices: {as_of: 2026-11-01, models: [gpt-4o, gpt-4o-mini, gpt-5, gpt-5-mini, claude-sonnet-4-5, claude-haiku-4-5,
         gemini-2.5-pro, gemini-2.5-flash, grok-4], overrides: {text-embedding-3-small: {input_usd_per_mtok: 0.02, output_usd_per_mtok: 0}}}
""")
    apps = {app.job: {"profile": app.profile, "thresholds": dict(app.thresholds)} for app in own.apps}
    found = groups(render(vendor, {"apps": apps}))
    same(found, of_python(Bundle.of(own)))
    assert len(found["apps"]["rules"]) == 3 + 4


def test_an_export_with_apps_has_them_in_its_config(configured: Configured, tmp_path: Path) -> None:
    own = Bundle.of(configured('demo: false\napps: [{job: shop, profile: vllm, targets: ["127.0.0.1:8000"], '
                               "thresholds: {llm_waiting: 7}, slos: {availability: 0.9}, alerts: {LlmQueueLong: {for: 9m}}}]"
                               "\nlinks: {grafana: 'https://one.example', runbooks: 'https://one.example/books'}"))
    vendor = _vendored(own, tmp_path / "vendor")
    same(groups(render(vendor)), of_python(own))
    found = groups(render(vendor, {"apps": {"shop": {"thresholds": {"llm_waiting": 8}}}, "runbooks": "https://two.example"}))
    limits = [rule["expr"] for rule in rules(found) if rule.get("record") == "job:llm_waiting:threshold"]
    assert limits == ["vector(8)", 'group by (job) (job:app:info{profile="vllm", job!~"shop"}) * 50']
    assert {rule["annotations"]["runbook_url"] for rule in rules(found) if "alert" in rule} == {
        f"https://two.example/{rule['alert']}" for rule in rules(found) if "alert" in rule}


def test_what_an_alert_is_to_do_differently(vendor: Path, configured: Configured, bundle: Bundle) -> None:
    change = {"HttpErrorsHigh": {"for": "7m", "severity": "warning"}, "SpendHigh": {"enabled": False},
              "RagSlow": {"enabled": False}, "ServiceDown": {"for": "0m"}, "HttpLatencyHigh": {"for": "1h"}}
    text = (settings.ROOT / "vitals.yaml").read_text() + f"\nalerts: {json.dumps(change)}\n"
    found = groups(render(vendor, {"alerts": change}))
    same(found, of_python(Bundle.of(configured(text))))
    assert "alerts:rag" not in found  # it had this one only


def test_where_texts_point(vendor: Path, configured: Configured) -> None:
    links = {"grafana": "https://grafana.example/x", "runbooks": "https://books.example"}
    other = Bundle.of(configured((settings.ROOT / "vitals.yaml").read_text() + f"\nlinks: {json.dumps(links)}\n"))
    rendered = render(vendor, links, wanted=ALL)
    same(groups(rendered), of_python(other))
    assert {path.removesuffix(".json"): model for path, model in rendered["boards"].items()} == other.dashboards


def test_how_often_groups_are_evaluated(vendor: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums over windows count samples: they change with the interval."""
    for module in (recording, slo):
        monkeypatch.setattr(module, "INTERVAL_SECONDS", 20)
    wanted = of_python(Bundle(bundle.settings, bundle.profiles))
    found = groups(render(vendor, {"intervals": {"rules": "20s"}}))
    same(found, wanted)
    assert changed(found, of_python(bundle)) > 150
    other = groups(render(vendor, {"intervals": {"rules": "20s", "alerts": "1m", "windows": "5m", "budget": "10m"}}))
    assert {name: group["interval"] for name, group in other.items()} == {
        name: "1m" if name.startswith("alerts:") else "5m" if name.endswith(":windows") and name != "slo:windows" else
        "10m" if name == "slo:budget" else "20s" for name in wanted}


# --- selectors and labels, held against trees of another parser --------------------------------------------------


Selected = Callable[[str], list[tuple[str, str, str]]]  # name of a metric → matchers that it must have more


def tree(expr: str, more: Selected = lambda name: [], profile: str = "profile") -> Any:
    """An expression as nested tuples; with further matchers, and the label ``profile`` under another name."""
    return _tree(parser.parse(re.sub(r"\$__\w+", "5m", expr)), more, profile)


def _tree(node: Any, more: Selected, profile: str) -> Any:
    def name(label: str) -> str:
        return profile if label == "profile" else label

    def inner(child: Any) -> Any:
        return _tree(child, more, profile)

    match node:
        case parser.VectorSelector():
            matchers = {(name(m.name), str(m.op), m.value) for m in node.matchers.matchers}
            return "selector", node.name, sorted(matchers | set(more(node.name))), str(node.offset), str(node.at)
        case parser.StringLiteral():
            return "text", name(node.val)
        case parser.NumberLiteral():
            return "number", node.val
        case parser.AggregateExpr():
            labels = [name(label) for label in node.modifier.labels] if node.modifier else None
            return str(node.op), labels, inner(node.param) if node.param else None, inner(node.expr)
        case parser.BinaryExpr():
            return str(node.op), re.sub(r"\bprofile\b", profile, str(node.modifier)), inner(node.lhs), inner(node.rhs)
        case parser.Call():
            return node.func.name, [inner(arg) for arg in node.args]
        case parser.MatrixSelector():
            return "range", str(node.range), inner(node.vector_selector)
        case parser.SubqueryExpr():
            return "subquery", str(node.range), str(node.step), inner(node.expr)
        case parser.ParenExpr() | parser.UnaryExpr():
            return type(node).__name__, inner(node.expr)
    raise AssertionError(type(node))


def recorded(bundle: Bundle) -> set[str]:
    records = {rule["record"] for rule in rules(of_python(bundle)) if "record" in rule}
    return {*records, "ALERTS", "job:app:expected", *(f"job:{name}:threshold" for name in THRESHOLDS)}


def test_a_selector_is_of_every_metric_as_it_is_scraped_and_of_no_other(vendor: Path, bundle: Bundle) -> None:
    ours = recorded(bundle)
    rendered = render(vendor, {"selector": 'cluster="eu-1", env!~"dev|test"'}, wanted=ALL)

    def more(name: str) -> list[tuple[str, str, str]]:
        return [] if name in ours else [("cluster", "MatchOp.Equal", "eu-1"), ("env", "MatchOp.NotRe", "dev|test")]

    before, after = rules(of_python(bundle)), rules(groups(rendered))
    for one, other in zip(before, after, strict=True):
        assert tree(other["expr"]) == tree(one["expr"], more), other["expr"]
        assert {**other, "expr": ""} == {**one, "expr": ""}
    assert sum('cluster="eu-1"' in rule["expr"] for rule in after) > 300
    for uid, model in bundle.dashboards.items():
        for one, other in zip(_queries(model), _queries(rendered["boards"][f"{uid}.json"]), strict=True):
            assert tree(other) == tree(one, more), other


def test_labels_of_what_is_recorded_are_asked_for_wherever_it_is_read(vendor: Path, bundle: Bundle) -> None:
    ours = recorded(bundle)
    found = groups(render(vendor, {"recordLabels": {"cluster": 'e"u', "env": "prod"}, "alertLabels": {"squad": "red"}}))

    def more(name: str) -> list[tuple[str, str, str]]:
        return [("cluster", "MatchOp.Equal", 'e"u'), ("env", "MatchOp.Equal", "prod")] if name in ours else []

    for one, other in zip(rules(of_python(bundle)), rules(found), strict=True):
        assert tree(other["expr"]) == tree(one["expr"], more), other["expr"]
        added = {"squad": "red"} if "alert" in one else {"cluster": 'e"u', "env": "prod"}
        assert other["labels"] == {**one.get("labels", {}), **added}
        if "alert" in one:
            for key, text in one["annotations"].items():
                asked, read = (re.findall(r"[a-z_]+:[a-z_0-9]+:\w+", t) for t in (text, other["annotations"][key]))
                assert read == asked
                assert other["annotations"][key].count(r', cluster=\"e\\\"u\", env=\"prod\"}') == len(asked)


def test_the_profile_s_label_may_have_another_name(vendor: Path, bundle: Bundle) -> None:
    rendered = render(vendor, {"profileLabel": "vitals_kind"}, wanted=ALL)
    for one, other in zip(rules(of_python(bundle)), rules(groups(rendered)), strict=True):
        assert tree(other["expr"]) == tree(one["expr"], profile="vitals_kind"), other["expr"]
        assert other.get("labels", {}) == {"vitals_kind" if key == "profile" else key: value
                                           for key, value in one.get("labels", {}).items()}
        assert other.get("annotations") == one.get("annotations")
    assert not re.search(r'"profile"|\{\{ *profile *\}\}', json.dumps(rendered["boards"]))


def test_severities_have_other_names_where_they_are_given_and_read(vendor: Path, bundle: Bundle) -> None:
    names = {"critical": "page", "warning": "ticket", "info": "note"}
    rendered = render(vendor, {"severities": names}, wanted=ALL)
    for one, other in zip(rules(of_python(bundle)), rules(groups(rendered)), strict=True):
        label = one.get("labels", {}).get("severity")
        assert other.get("labels", {}).get("severity") == names.get(label, label)
        assert other["expr"] == one["expr"]
    before, after = (json.dumps(boards, sort_keys=True) for boards in (bundle.dashboards, rendered["boards"]))
    assert 'severity=~\\"page|ticket\\"' in after
    back = after.replace('.json": {"annotations', '": {"annotations')
    for ours, theirs in names.items():
        back = re.sub(rf'(severity=~?\\"[^"\\]*)\b{theirs}\b', rf"\1{ours}", back)
    assert back == before


def test_two_clusters_in_one_prometheus(vendor: Path, tmp_path: Path) -> None:
    """An app of the same name in two clusters: one is failing, by a limit of its own, and only that one is told of."""
    names = ["apps", "artisan-hub:signals", "alerts:api"]
    order = []
    for cluster, limit in (("eu", 0.5), ("us", 0.2)):
        found = groups(render(vendor, {
            "selector": f'cluster="{cluster}"', "recordLabels": {"cluster": cluster}, "alertLabels": {"cluster": cluster},
            "profileLabel": "kind_of_app", "thresholds": {"artisan-hub": {"http_error_ratio": limit}}}))
        kept = [{**found[name], "name": f"{name} {cluster}"} for name in names if name in found]
        order += [group["name"] for group in kept]
        (tmp_path / f"{cluster}.yml").write_text(json.dumps({"groups": kept}))
    here = 'job="hub", kind_of_app="artisan-hub", instance="hub:8000"'
    series = [{"series": f'{metric}{{{here}, cluster="{cluster}"{more}}}', "values": values} for cluster in ("eu", "us")
              for metric, more, values in (
                  ("up", "", "1x20"),
                  ("http_requests_total", ', method="GET", endpoint="/", status="200"', "0+70x20"),
                  ("http_requests_total", ', method="GET", endpoint="/", status="500"', "0+30x20"))]
    told = {"exp_labels": {"severity": "critical", "area": "api", "job": "hub", "kind_of_app": "artisan-hub", "cluster": "us"},
            "exp_annotations": {
                "summary": "hub: 30% of requests fail",
                "description": "30% of HTTP requests to hub were answered with a 5xx code over 5 minutes; the limit is 20%.",
                "runbook_url": "http://127.0.0.1:9095/runbooks/HttpErrorsHigh",
                "dashboard_url": "http://127.0.0.1:3000/d/vitals-system-health?var-job=hub"}}
    (tmp_path / "test.yml").write_text(yaml.safe_dump({
        "rule_files": ["eu.yml", "us.yml"], "evaluation_interval": "30s", "group_eval_order": order,
        "tests": [{"interval": "1m", "input_series": series,
                   "alert_rule_test": [{"alertname": "HttpErrorsHigh", "eval_time": "15m", "exp_alerts": [told]}]}]}))
    done = subprocess.run([parts.tool(settings.load(), "promtool"), "test", "rules", "test.yml"], cwd=tmp_path,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


# --- dashboards -----------------------------------------------------------------------------------------------


def test_dashboards_are_as_config_has_them(vendor: Path, bundle: Bundle) -> None:
    variable = {"name": "cluster", "type": "query", "query": "label_values(cluster)"}
    rendered = render(vendor, {"dashboards": {"tags": ["agents", "sre"], "refresh": "5m", "folder": "AI", "datasource": "Mimir",
                                              "variables": [variable]}}, wanted=BOARDS)
    for path, model in rendered["boards"].items():
        before = bundle.dashboards[path.removesuffix(".json")]
        *kept, last = model["templating"]["list"]
        assert last == variable
        for one, other in zip(before["templating"]["list"], kept, strict=True):
            new = {"current": {"text": "Mimir", "value": "Mimir"}} if one.get("query") == "prometheus" else {}
            assert other == {**one, **new}
        same = {**before, "tags": ["agents", "sre"], "refresh": "5m", "templating": model["templating"]}
        assert model == same


def test_a_dashboard_s_queries_can_be_narrowed(vendor: Path, bundle: Bundle) -> None:
    rendered = render(vendor, {"dashboards": {"selector": 'cluster=~"$cluster"'}}, wanted=BOARDS)["boards"]
    seen = 0
    for uid, before in bundle.dashboards.items():
        for one, other in zip(_queries(before), _queries(rendered[f"{uid}.json"]), strict=True):
            assert tree(other) == tree(one, lambda name: [("cluster", "MatchOp.Re", "$cluster")]), other
            seen += 1
    assert seen > 200


def _queries(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for item in node for found in _queries(item)]
    if not isinstance(node, dict):
        return []
    own = [value for key, value in sorted(node.items()) if key == "expr" and isinstance(value, str)]
    own += [m[1] for key, value in sorted(node.items()) if key in ("definition", "query") and isinstance(value, str)
            and (m := re.fullmatch(r"label_values\((.*), \w+\)", value))]
    return own + [found for _, value in sorted(node.items()) for found in _queries(value)]


# --- what is wrong in _config ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("config", "said"), [
    ({"thresholds": {"vlm": {}}}, "_config.thresholds.vlm: there is none; there are alertmanager, artisan-hub, "),
    ({"thresholds": {"vllm": {"http_eror_ratio": 1}}}, "_config.thresholds.vllm.http_eror_ratio: limits nothing there; "
                                                      "this profile may have app_memory_bytes, "),
    ({"thresholds": {"vllm": {"csat_min": 4}}}, "_config.thresholds.vllm.csat_min: limits nothing there"),
    ({"thresholds": {"vllm": {"http_error_ratio": "5%"}}}, "_config.thresholds.vllm.http_error_ratio: is not a number"),
    ({"thresholds": {"vllm": {"http_error_ratio": -1}}}, "http_error_ratio: a limit cannot be below 0"),
    ({"thresholds": {"support-agent": {"response_latency_p99_seconds": 61}}}, "61 is beyond the highest bucket, 60: no quantile "),
    ({"thresholds": {"marketing-agents": {"rag_timeout_seconds": 3}}}, "rag_timeout_seconds: 3 is not one of the buckets 0.1, "),
    ({"thresholds": {"startup-studio": {"availability_target": 0.9}}},
     "_config.slos.startup-studio.availability: contradicts thresholds.startup-studio.availability_target: 0.9 there, 0.999 here"),
    ({"slos": {"vllm": {"llm_success": {"objective": 99.5}}}},
     "_config.slos.vllm.llm_success.objective: is a share of at least 0.5 and below 1"),
    ({"slos": {"vllm": {"avail": {"objective": 0.99}}}}, "_config.slos.vllm.avail: there is none; there are llm_success"),
    ({"alerts": {"HttpErorsHigh": {}}}, "_config.alerts.HttpErorsHigh: there is no such alert"),
    ({"alerts": {"HttpErrorsHigh": {"For": "1m"}}}, "_config.alerts.HttpErrorsHigh.For: there are enabled, for, "),
    ({"apps": {"shop": {"profile": "vlm"}}}, "_config.apps.shop.profile.vlm: there is none; there are "),
    ({"intervals": {"rules": "fast"}}, "_config.intervals.rules: 'fast' is not a duration such as 30s or 1m"),
], ids=lambda value: "" if isinstance(value, str) else json.dumps(value))
def test_what_config_names_wrongly_is_refused(vendor: Path, config: Json, said: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        render(vendor, config, wanted="m.prometheusAlerts" if "alerts" in config else "m.prometheusRules")
    assert said in re.sub(r".*agent-vitals: ", "", str(caught.value).splitlines()[0])
