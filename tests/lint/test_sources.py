"""What is read, where each value of it stands, and what cannot be read."""

from __future__ import annotations

import io
import json
import sys
import textwrap
from pathlib import Path

import pytest

from vitals.lint import sources
from vitals.lint.located import Map, Origin, Scalar, read_json, read_yaml
from vitals.lint.model import Source, Text

ROOT = Path(__file__).parents[2]


def read(text: str, file: str = "rules.yml") -> Source:
    source = sources.read_text(file, textwrap.dedent(text))
    assert source
    return source


def problem(data: str | bytes, tmp_path: Path, name: str = "rules.yml") -> str:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    found, problems = sources.read([str(path)])
    assert not found
    assert len(problems) == 1
    return str(problems[0]).removeprefix(f"{tmp_path}/")


def rules(source: Source) -> list[str]:
    return [rule.name.value for group in source.groups for rule in group.rules]


def queries(source: Source) -> list[str]:
    return [query.expr.value for board in source.dashboards for panel in board.panels for query in panel.queries]


RULES = """\
groups:
- name: api
  interval: 1m30s
  query_offset: 30s
  labels: {team: web}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 1h
    labels:
      severity: critical
      level: 1
    annotations: {summary: "{{ $labels.job }} is down"}
"""


def test_a_rule_file() -> None:
    group, = read(RULES).groups
    assert (group.name, group.interval, group.offset, group.labels["team"].value) == ("api", 90, 30, "web")
    record, alert = group.rules
    assert (record.kind, record.name.value, record.expr.value) == ("record", "job:up:sum", "sum by (job) (up)")
    assert (alert.kind, alert.hold, alert.keep, alert.index) == ("alert", 300, 3600, 1)
    assert {name: text.value for name, text in alert.labels.items()} == {"severity": "critical", "level": "1"}
    assert (alert.keys["for"].line, alert.keys["for"].column) == (11, 5)
    assert alert.extent and (alert.extent[0].line, alert.extent[1].line) == (9, 16)


WRAPPED = {
    # what the rules are wrapped in: a text with `RULES` in it, and where the file says `up == 0`
    "Prometheus": ("RULES", (10, 11)),
    "Mimir's namespace": ("namespace: web\nRULES", (11, 11)),
    "a manifest": ("apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: x}\nspec:\n  RULES", (14, 13)),
    "the second document": ("kind: Service\nspec: {ports: []}\n---\nkind: PrometheusRule\nspec:\n  RULES", (15, 13)),
    "a list of manifests": ("kind: List\nitems:\n- kind: PrometheusRule\n  spec:\n    RULES", (14, 15)),
    "a config map": ("kind: ConfigMap\ndata:\n  web.rules: |\n    RULES", (13, 15)),
    "Helm values": ("additionalPrometheusRulesMap:\n  web:\n    RULES", (12, 15)),
}


@pytest.mark.parametrize(("text", "place"), WRAPPED.values(), ids=WRAPPED)
def test_rules_are_found_however_they_are_wrapped(text: str, place: tuple[int, int]) -> None:
    before, _ = text.split("RULES")
    lead = " " * (len(before) - before.rfind("\n") - 1)
    source = read(text.replace("RULES", textwrap.indent(RULES, lead).lstrip()))
    assert rules(source) == ["job:up:sum", "Down"]
    assert source.findings == []
    expr = source.groups[0].rules[1].expr
    assert (expr.place.line, expr.place.column) == place
    assert expr.locate(6).column == place[1] + 6


def test_rules_in_json() -> None:
    rule = {"alert": "Hot", "expr": 'temp{room="\U0001f525"} > 30', "labels": {"severity": "page"}}
    for indent in (None, 1):
        text = json.dumps({"groups": [{"name": "g", "rules": [rule]}]}, indent=indent)
        expr = read(text, "rules.json").groups[0].rules[0].expr
        assert expr.value == rule["expr"]
        at = expr.value.index("30")
        line = text.split("\n")[expr.locate(at).line - 1]
        assert line[expr.locate(at).column - 1:][:2] == "30"


# The same expression in each way that YAML has to write a text.
EXPR = 'sum(rate(a{b="c"}[5m]))\n  / sum(rate(d[5m])) > 0.5'
FOLDED = 'sum(rate(a{b="c"}[5m])) / sum(rate(d[5m])) > 0.5'
STYLES = {
    "plain": "expr: " + FOLDED,
    "plain on two lines": 'expr: sum(rate(a{b="c"}[5m]))\n  / sum(rate(d[5m])) > 0.5',
    "single quotes": "expr: '" + FOLDED + "'",
    "single quotes with a quote": "expr: '" + FOLDED.replace('"c"', '"it' + "''" + 's"') + "'",
    "double quotes": 'expr: "' + FOLDED.replace('"', '\\"') + '"',
    "double quotes on two lines": 'expr: "sum(rate(a{b=\\"c\\"}[5m])) \\\n    / sum(rate(d[5m]))\n    > 0.5"',
    "double quotes with other escapes": 'expr: "\\u0073um(rate(a{b=\\x22\\u00e9\\"}[5m]))\\n / sum(rate(d[5m]))\\t> 0.5"',
    "literal": "expr: |\n" + textwrap.indent(EXPR, "    "),
    "literal, stripped": "expr: |-\n" + textwrap.indent(EXPR, "  "),
    "literal with an indent of its own": "expr: |2-  # why\n" + textwrap.indent(EXPR, "    "),
    "literal, CRLF": "expr: |\r\n" + textwrap.indent(EXPR, "    ").replace("\n", "\r\n"),
    "literal with an empty line": "expr: |\n\n" + textwrap.indent(EXPR.replace("\n", "\n\n"), "    "),
    "folded": "expr: >\n" + textwrap.indent(EXPR.replace("\n  ", "\n"), "    "),
    "folded and kept": "expr: >+\n" + textwrap.indent(EXPR.replace("\n  ", "\n\n"), "    ") + "\n\n",
    "with an anchor": "expr: &a |\n" + textwrap.indent(EXPR, "    "),
    "with a tag": "expr: !!str '" + FOLDED + "'",
    "behind wide characters": "'\u4f60\U0001f525': 1\nexpr: " + FOLDED.replace('"c"', '"\u4f60\U0001f525"'),
    "flow": "{expr: '" + FOLDED + "'}",
}


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)
def test_every_character_knows_its_place(text: str) -> None:
    """Each word of the value is what the file has at its place."""
    (node, _), = read_yaml(Origin("f", text))
    assert isinstance(node, Map)
    value: Text = Origin("f", text).value(node["expr"], node.at["expr"])
    assert isinstance(value.at, Scalar)
    assert value.at.exact
    lines = text.split("\n")
    offset = 0
    for word in value.value.split():
        offset = value.value.index(word, offset)
        place = value.locate(offset)
        written = lines[place.line - 1][place.column - 1:]
        index = value.at.index(offset)
        assert index is not None and text[index:].startswith(written[:1])
        plain = word if '"' not in word and "s" not in word else ""
        assert written.startswith((plain or word[0], "\\"))
        end = value.at.index(offset + len(word))
        assert end is not None and index < end <= len(text)
    assert value.place == value.locate(len(value.value) - len(value.value.lstrip()))
    last = value.at.index(len(value.value.rstrip()))
    assert last is not None and text[:last].endswith("0.5")


def test_yaml_1_1_line_ends_do_not_move_places() -> None:
    """libyaml counts U+2028 as a line's end; editors and GitHub do not."""
    source = read('groups:\n- name: "a\u2028b"\n  rules:\n  - alert: A\n    expr: up == 0\n')
    assert source.groups[0].rules[0].expr.place.line == 5


DASHBOARD = {
    "title": "Web", "schemaVersion": 39, "uid": "web",
    "templating": {"list": [{"name": "ds", "type": "datasource", "query": "prometheus"},
                            {"name": "logs", "type": "datasource", "query": "loki"}]},
    "panels": [
        {"id": 1, "type": "timeseries", "title": "Rate", "gridPos": {"x": 0, "y": 1, "w": 12, "h": 8},
         "datasource": {"type": "prometheus", "uid": "${ds}"},
         "fieldConfig": {"defaults": {"unit": "reqps", "links": [{"url": "/d/other"}]}},
         "targets": [{"refId": "A", "expr": 'rate(x{a="b"}[$__rate_interval])', "legendFormat": "{{job}}"},
                     {"refId": "B", "expr": "", "datasource": {"type": "prometheus"}}]},
        {"id": 2, "type": "row", "title": "More", "collapsed": True, "panels": [
            {"id": 3, "type": "stat", "title": "Now", "datasource": "${ds}",
             "targets": [{"refId": "A", "expr": "up", "instant": True, "format": "table"}]},
            {"id": 4, "type": "logs", "title": "Logs", "datasource": {"type": "loki", "uid": "l"},
             "targets": [{"refId": "A", "expr": '{app="x"} |= "error"'}]},
            {"id": 5, "type": "logs", "title": "Logs by a variable", "datasource": "$logs",
             "targets": [{"refId": "A", "expr": '{app="x"}'}]},
            {"id": 8, "type": "logs", "title": "Logs by name", "datasource": "My Loki",
             "targets": [{"refId": "A", "expr": '{app="x"}'}]}]},
        {"id": 6, "libraryPanel": {"uid": "abc", "name": "Shared"}, "gridPos": {"x": 0, "y": 9, "w": 12, "h": 8}},
        {"id": 7, "type": "timeseries", "title": "Mixed", "datasource": "-- Mixed --", "targets": [
            {"refId": "A", "expr": "down", "datasource": {"type": "prometheus", "uid": "p"}},
            {"refId": "B", "query": "status:500", "datasource": {"type": "elasticsearch", "uid": "e"}}]},
    ],
}


def test_a_dashboard() -> None:
    text = json.dumps(DASHBOARD, indent=2)
    source = read(text, "web.json")
    board, = source.dashboards
    assert board.title == "Web"
    assert list(board.variables) == ["ds", "logs"]
    assert queries(source) == ['rate(x{a="b"}[$__rate_interval])', "up", "down"]
    rate, now, logs, _, _, shared, mixed = board.panels
    assert (rate.identity, rate.type, rate.grid, rate.collapsed) == (1, "timeseries", (0, 1, 12, 8), False)
    assert rate.unit and rate.unit.value == "reqps"
    assert [link.value for link in rate.links] == ["/d/other"]
    assert rate.queries[0].legend and rate.queries[0].legend.value == "{{job}}"
    assert (now.collapsed, now.queries[0].instant, now.queries[0].format) == (True, True, "table")
    assert (logs.queries, shared.title, len(mixed.queries)) == ([], "Shared", 1)
    assert rate.model["gridPos"]["w"] == 12
    assert [what for _, what in source.skipped] == ["4 queries of dashboard Web (not PromQL)"]
    expr = rate.queries[0].expr
    for piece in ("rate(", "b", "[$__rate"):
        place = expr.locate(expr.value.index(piece))
        assert text.split("\n")[place.line - 1][place.column - 1:].startswith(piece)


def test_dashboards_are_found_however_they_are_wrapped() -> None:
    plain = json.dumps(DASHBOARD)
    block = textwrap.indent(json.dumps(DASHBOARD, indent=1), " " * 4)
    expected = queries(read(plain, "web.json"))
    for text, file in ((json.dumps({"dashboard": DASHBOARD, "overwrite": True}), "web.json"),
                       (f"kind: ConfigMap\ndata:\n  web.json: |-\n{block}\n", "web.yaml"),
                       (f"kind: GrafanaDashboard\nspec:\n  json: >\n{block}\n", "web.yaml"),
                       ("kind: ConfigMap\ndata:\n  web.json: " + json.dumps(plain) + "\n", "web.yaml")):
        assert queries(read(text, file)) == expected


def test_rows_of_before_grafana_5() -> None:
    source = read(json.dumps({"dashboard": {"title": "Old", "rows": [
        {"collapse": True, "panels": [{"type": "singlestat", "title": "Up", "format": "percent", "datasource": None,
                                       "targets": [{"expr": "up"}]}]},
        {"panels": [{"type": "graph", "title": "Down", "yaxes": [{"format": "s"}, {}],
                     "targets": [{"expr": "down"}]}]}]}}), "old.json")
    up, down = source.dashboards[0].panels
    assert (up.collapsed, up.unit and up.unit.value, down.collapsed, down.unit and down.unit.value) == (True, "percent", False, "s")


def test_schema_v2() -> None:
    query = {"kind": "DataQuery", "group": "prometheus", "version": "v0", "spec": {"expr": "up", "instant": True}}
    panel = {"kind": "Panel", "spec": {
        "id": 1, "title": "Up", "data": {"kind": "QueryGroup", "spec": {"queries": [
            {"kind": "PanelQuery", "spec": {"refId": "A", "query": query}},
            {"kind": "PanelQuery", "spec": {"refId": "B", "query": {"kind": "loki", "spec": {"expr": "{a=\"b\"}"}}}}]}},
        "vizConfig": {"kind": "VizConfig", "group": "stat", "spec": {"fieldConfig": {"defaults": {"unit": "short"}}}}}}
    layout = {"kind": "RowsLayout", "spec": {"rows": [{"kind": "RowsLayoutRow", "spec": {"collapse": True, "layout": {
        "kind": "GridLayout", "spec": {"items": [{"kind": "GridLayoutItem", "spec": {
            "x": 0, "y": 2, "width": 6, "height": 4, "element": {"kind": "ElementReference", "name": "panel-1"}}}]}}}}]}}
    source = read(json.dumps({"apiVersion": "dashboard.grafana.app/v2beta1", "kind": "Dashboard", "spec": {
        "title": "New", "elements": {"panel-1": panel}, "layout": layout,
        "variables": [{"kind": "DatasourceVariable", "spec": {"name": "ds", "pluginId": "prometheus"}}]}}), "v2.json")
    board, = source.dashboards
    up, = board.panels
    assert (up.title, up.type, up.grid, up.collapsed, up.unit and up.unit.value) == ("Up", "stat", (0, 2, 6, 4), True, "short")
    assert [(q.expr.value, q.ref, q.instant) for q in up.queries] == [("up", "A", True)]
    assert board.variables["ds"]["query"] == "prometheus"
    assert up.model["fieldConfig"]["defaults"]["unit"] == "short"


def test_the_projects_own_dashboards_are_read_as_json_reads_them() -> None:
    for path in sorted((ROOT / "grafana/dashboards").glob("*.json")):
        text = path.read_text()
        assert read_json(Origin(path.name, text))[0] == json.loads(text)


def test_promtools_tests(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "a.yml").write_text(RULES)
    path = tmp_path / "tests" / "a.yml"
    path.parent.mkdir()
    path.write_text("rule_files: [../rules/*.yml]\ntests:\n- alert_rule_test:\n  - {alertname: Down, eval_time: 1m}\n"
                    "  - alertname: Down\n    eval_time: 9m\n    exp_alerts: [{exp_labels: {}}]\n")
    (source,), problems = sources.read([str(path)])
    assert not problems
    assert [(test.alert, test.fires, test.place.line) for test in source.tests] == [("Down", False, 4), ("Down", True, 5)]
    assert source.tests[0].rule_files == (str(tmp_path / "rules" / "a.yml"),)


NOT_PROMQL = {
    "LogQL": 'groups:\n- name: logs\n  rules:\n  - alert: A\n    expr: sum(rate({app="x"} |= "error" [5m])) > 1\n',
    "a pipe within a string only": None,
    "Grafana's own": "apiVersion: 1\ngroups:\n- orgId: 1\n  name: g\n  rules:\n  - {uid: a, condition: C, data: []}\n",
    "VictoriaLogs": "groups:\n- name: v\n  type: vlogs\n  rules:\n  - alert: A\n    expr: 'error | stats count()'\n",
}


def test_other_languages_are_told_as_not_analysed() -> None:
    for name, text in NOT_PROMQL.items():
        if text:
            source = read(text)
            assert (source.groups, len(source.skipped)) == ([], 1), name
    source = read("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: 'up{job=~\"a|b\"} == 0 # or | not'\n")
    assert rules(source) == ["A"]


SCHEMA = {
    # what is wrong: (text of the rule, line, what is said)
    "unknown key": ("- alert: A\n    expr: up\n    labls: {}", 6, "unknown key `labls`"),
    "no expression": ("- alert: A\n    for: 5m", 4, "a rule without an expression"),
    "an empty expression": ("- alert: A\n    expr: ' '", 5, "a rule without an expression"),
    "both": ("- alert: A\n    record: b\n    expr: up", 4, "a rule with both `alert` and `record`"),
    "neither": ("- expr: up", 4, "a rule with neither `alert` nor `record`"),
    "a duration in words": ("- alert: A\n    expr: up\n    for: 5 minutes", 6, "`for: 5 minutes` is not a duration"),
    "a duration without a unit": ("- alert: A\n    expr: up\n    for: 5", 6, "`for: 5` is not a duration"),
    "labels as a list": ("- alert: A\n    expr: up\n    labels: [a]", 6, "`labels` is not a mapping"),
    "a label that is a list": ("- alert: A\n    expr: up\n    labels: {a: [b]}", 6, "`labels.a` is not a text"),
    "a label's name": ("- alert: A\n    expr: up\n    labels: {a-b: c}", 6, "'a-b' is not a label name"),
    "a recording rule with for": ("- record: a\n    expr: up\n    for: 5m", 6, "a recording rule has no `for`"),
    "a recorded name": ("- record: a-b\n    expr: up", 4, "'a-b' is not a metric name"),
    "a rule that is text": ("- up == 0", 4, "a rule is a mapping"),
    "an expression that is a list": ("- alert: A\n    expr: [up]", 5, "`expr` is not a text"),
}


@pytest.mark.parametrize(("rule", "line", "said"), SCHEMA.values(), ids=SCHEMA)
def test_what_prometheus_refuses(rule: str, line: int, said: str) -> None:
    source = read("groups:\n- name: g\n  rules:\n  " + rule + "\n")
    finding = source.findings[0]
    assert finding.check == "rule-schema"
    assert said in finding.message
    assert finding.place.line == line


def test_what_prometheus_takes() -> None:
    source = read("groups:\n- name: g\n  interval: 0\n  limit: 5\n  rules:\n  - {alert: A, expr: 1, for: 0, labels: null}\n"
                  "- name: empty\n")
    assert source.findings == []
    assert source.groups[0].rules[0].expr.value == "1"
    for empty in ("", "# nothing yet\n", "groups:\n", "groups: []\n", "---\n"):
        assert read(empty).findings == []


# Deep, long, broken and hostile. Each is one message with a place; none takes long, or more than a little memory.
UNREADABLE = {
    "not UTF-8": (b"groups:\n- name: \xe9\n", "rules.yml:2:9: not UTF-8 (byte 0xe9)"),
    "UTF-16": ("groups: []".encode("utf-16"), "rules.yml:1:1: UTF-16; save it as UTF-8"),
    "NUL": ("groups:\n- name: a\0b\n", "rules.yml:2:10: not YAML: control characters are not allowed"),
    "a tab": ("groups:\n\t- name: a\n", "rules.yml:2:1: not YAML: found character that cannot start any token"),
    "an open bracket": ("groups: [\n", "rules.yml:2:1: not YAML"),
    "an open quote": ("groups:\n- name: 'a\n", "rules.yml:3:1: not YAML"),
    "bad indentation": ("groups:\n- name: a\n   rules: []\n", "rules.yml:3:9: not YAML"),
    "a key twice": ("groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up\n    expr: down\n",
                    "rules.yml:6:5: the key 'expr' is given twice (first on line 5); remove one"),
    "an unknown anchor": ("groups: *a\n", "rules.yml:1:9: no anchor 'a'"),
    "an anchor within itself": ("groups: &a [*a]\n", "rules.yml:1:13: no anchor 'a'"),
    "100,000 brackets": ("groups: " + "[" * 100_000, "nested more than 100 levels deep"),
    "100,000 dashes": ("- " * 100_000, "nested more than 100 levels deep"),
    "neither": ("a: b\n", "rules.yml: neither Prometheus rules nor a Grafana dashboard"),
    "aliases of aliases": (
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)) + "groups: *a8\n",
        "aliases that unfold to far more than the file holds"),
    "rules by alias": (
        "r: &r {alert: A, expr: up, labels: &l {" + ", ".join(f"l{i}: x" for i in range(1000)) + "}}\n"
        "rules: &rs [" + ", ".join(["*r"] * 2000) + "]\n"
        "groups: [" + ", ".join(["{name: g, rules: *rs}"] * 2000) + "]\n",
        "aliases that unfold to far more than the file holds"),
    "merges of merges": (
        "m0: &m0 {" + ", ".join(f"k{i}: v" for i in range(2000)) + "}\n" + "".join(
            f"n{i}: {{<<: *m0}}\n" for i in range(2000)) + "groups: []\n",
        "aliases that unfold to far more than the file holds"),
    "a Helm template": (
        "{{- if .Values.rules }}\ngroups:\n- name: a\n  rules: []\n{{- end }}\n",
        "rules.yml:1:1: a Helm template, not YAML; lint what it renders: helm template … | vitals lint -"),
    "a Helm template that is YAML": (
        "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up < {{ .Values.limit }}\n", "rules.yml:5:16: a Helm template"),
}


@pytest.mark.parametrize(("data", "said"), UNREADABLE.values(), ids=UNREADABLE)
def test_one_message_with_a_place(data: str | bytes, said: str, tmp_path: Path) -> None:
    assert said in problem(data, tmp_path)


UNREADABLE_JSON = {
    "cut off": ('{"panels": [', "d.json:1:13: not JSON: it ends too soon"),
    "no comma": ('{"a": 1\n "b": 2}', "d.json:2:2: not JSON: expected ',' or '}'"),
    "a comma too many": ('{"a": 1,}', "d.json:1:9: not JSON: expected a key in double quotes"),
    "no value": ('{"a": ,}', "d.json:1:7: not JSON: a value is missing here"),
    "a control character": ('{"a": "\x01"}', "d.json:1:8: not JSON: invalid control character"),
    "a bad escape": ('{"a": "\\q"}', "d.json:1:8: not JSON: invalid \\escape"),
    "text behind it": ('{"panels": []} x', "d.json:1:16: not JSON: more text behind the document"),
    "NaN": ('{"a": NaN}', "d.json:1:7: not JSON: a value is missing here"),
    "deep": ("[" * 100_000, "d.json:1:101: nested more than 100 levels deep"),
    "open": ('{"a": "b', "d.json:1:7: not JSON: unterminated string"),
}


@pytest.mark.parametrize(("data", "said"), UNREADABLE_JSON.values(), ids=UNREADABLE_JSON)
def test_one_message_with_a_place_for_json(data: str, said: str, tmp_path: Path) -> None:
    assert said in problem(data, tmp_path, "d.json")


def test_json_is_read_as_the_standard_library_reads_it() -> None:
    for text in ('[]', '{}', ' [1, -0, 2.5e3, 1E-2, true, false, null, ""] ', '{"a": {"b": [[], {}, "\\u0041\\ud83d\\ude00"]}}',
                 '"x"', "12", '{"a": 1, "a": 2}', '{"\\n": "\\t", "": 0}', "[" + "9" * 400 + "]"):
        assert repr(read_json(Origin("f", text))[0]) == repr(json.loads(text)) or "999" in text


def test_a_megabyte_in_one_scalar() -> None:
    expr = " + ".join(["up"] * 200_000)
    source = read(f"groups:\n- name: g\n  rules:\n  - record: a\n    expr: >-\n      {expr}\n")
    assert len(source.groups[0].rules[0].expr.value) == len(expr)


def test_a_byte_order_mark_moves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_bytes(b"\xef\xbb\xbf" + RULES.encode())
    (source,), _ = sources.read([str(path)])
    assert source.groups[0].place.column == 9


# --- files, folders, patterns, standard input


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {
        "rules/a.yml": RULES, "rules/b.rules": RULES, "rules/deep/er/c.yaml": RULES, "rules/.hidden.yml": RULES,
        ".git/d.yml": RULES, "node_modules/e.yml": RULES, "values.yaml": "image: {tag: v1}\nreplicas: 2\n",
        "broken.yaml": "a: [1,\n", "package.json": '{"name": "x", "scripts": {}}', "web.json": json.dumps(DASHBOARD),
        "README.md": "groups:\n", "workflow.yml": "on: push\njobs: {a: {steps: [{run: make}]}}\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*paths: str, strict: bool = True) -> tuple[list[str], list[str]]:
    read_, problems = sources.read(paths, strict=strict)
    return [source.file for source in read_], [str(problem) for problem in problems]


def test_a_folder(tree: Path) -> None:
    assert found(".") == (["web.json", "rules/a.yml", "rules/b.rules", "rules/deep/er/c.yaml"], [])


def test_a_pattern(tree: Path) -> None:
    assert found("rules/**/*.yaml") == (["rules/deep/er/c.yaml"], [])
    assert found("*.yaml") == ([], [])  # none of them is meant, and none of them is named
    assert found("*.yml5") == ([], ["*.yml5: no file matches this pattern"])


def test_a_file_is_read_once(tree: Path) -> None:
    (tree / "link.yml").symlink_to(tree / "rules/a.yml")
    assert found("rules/a.yml", "./rules/a.yml", "rules", "link.yml")[0] == ["rules/a.yml", "rules/b.rules", "rules/deep/er/c.yaml"]


def test_a_named_file_must_be_one(tree: Path) -> None:
    assert found("values.yaml") == ([], ["values.yaml: neither Prometheus rules nor a Grafana dashboard"])
    assert found("values.yaml", "package.json", "broken.yaml", strict=False) == ([], [])
    assert found("nope.yml") == ([], ["nope.yml: cannot be read: No such file or directory"])


def test_what_is_odd_in_a_folder_is_passed_over_unless_it_is_meant(tree: Path) -> None:
    import os

    before = found(".")
    (tree / "latin.yml").write_bytes("name: caf\xe9\n".encode("latin-1"))
    (tree / "data.json").write_bytes(b'{"rows": [' + b"1," * (17 << 20) + b"1]}")
    (tree / "firewall.yml").write_text("groups:\n- name: web\n  rules:\n  - {port: 80, from: any}\n")
    (tree / "dangling.yml").symlink_to("nowhere")
    os.mkfifo(tree / "pipe.yml")
    assert found(".") == before
    assert found("latin.yml")[1] == ["latin.yml:1:10: not UTF-8 (byte 0xe9)"]
    assert found("data.json")[1] == ["data.json: larger than 32 MB; not read"]
    assert found("firewall.yml")[1] == ["firewall.yml: neither Prometheus rules nor a Grafana dashboard"]
    (tree / "latin.yml").write_bytes(RULES.replace("Down", "caf\xe9").encode("latin-1"))
    assert found(".")[1] == ["latin.yml:9:15: not UTF-8 (byte 0xe9)"]


def test_a_broken_rule_file_in_a_folder_is_not_passed_over(tree: Path) -> None:
    (tree / "rules/z.yml").write_text("groups:\n- name: g\n  rules:\n  - alert: [\n    expr: up\n")
    assert "rules/z.yml" in found(".")[1][0]


def test_what_is_excluded(tree: Path) -> None:
    assert [s.file for s in sources.read(["rules"], lambda path: "deep" in path)[0]] == ["rules/a.yml", "rules/b.rules"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(("---\n" + RULES).encode())))
    (source,), _ = sources.read(["-"])
    assert (source.file, rules(source)) == ("<stdin>", ["job:up:sum", "Down"])


def test_what_is_no_file(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.yml")
    assert "not a file" in str(sources.read([str(tmp_path / "pipe.yml")])[1][0])
    (tmp_path / "loop.yml").symlink_to("loop.yml")
    assert "cannot be read" in str(sources.read([str(tmp_path / "loop.yml")])[1][0])


def test_what_was_applied_last_is_not_read_twice() -> None:
    manifest = {"kind": "PrometheusRule", "spec": {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up"}]}]}}
    noted = {**manifest, "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(manifest)}}}
    assert rules(read(json.dumps(noted), "r.json")) == ["A"]
