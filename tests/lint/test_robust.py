"""No input makes the linter crash, hang or fill the memory; what it cannot read it says in one line."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitals.lint import run, sources
from vitals.lint.located import Unreadable

ROOT = Path(__file__).parents[2]
LIMIT_MB = 300
LIMIT_SECONDS = 20  # of the processor, for one input: a guard against hanging, not a measure (that is tests/bench)
RULES = """\
groups:
  - name: api
    interval: 30s
    rules:
      - alert: HighErrorRate
        expr: |
          sum by (job) (rate(http_requests_total{code=~"5.."}[5m]))
            / sum by (job) (rate(http_requests_total[5m])) > 0.05
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: "{{ $labels.job }} fails in {{ $value | humanizePercentage }} of its requests"
      - record: job:http_requests:rate5m
        expr: sum by (job) (rate(http_requests_total[5m]))
      - alert: 'Slow'
        expr: histogram_quantile(0.95, sum by (le, job) (rate(latency_seconds_bucket{le!="x"}[5m]))) > 2 # slow
        annotations: {summary: >-
            Slow: {{ printf "%.1f" $value }} s}
"""
DASHBOARD = json.dumps({
    "title": "API", "uid": "api", "schemaVersion": 39, "templating": {"list": [
        {"name": "job", "type": "query", "query": "label_values(up, job)"}]},
    "panels": [
        {"id": 1, "type": "timeseries", "title": "Requests", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
         "fieldConfig": {"defaults": {"unit": "reqps"}}, "targets": [
             {"refId": "A", "expr": 'sum by (code) (rate(http_requests_total{job="$job"}[$__rate_interval]))',
              "legendFormat": "{{code}}"}]},
        {"id": 2, "type": "row", "collapsed": True, "title": "More", "gridPos": {"x": 0, "y": 8, "w": 24, "h": 1},
         "panels": [{"id": 3, "type": "heatmap", "title": "Latency", "targets": [
             {"refId": "A", "expr": "sum by (le) (increase(latency_seconds_bucket[${window}]))", "format": "heatmap"}]}]},
    ]}, indent=1)


def judged(file: str, text: str) -> None:
    """Read and linted; the one thing that may happen is that it is said to be unreadable."""
    try:
        source = sources.read_text(file, text)
    except Unreadable as err:
        assert "\n" not in str(err) and str(err).startswith(file)
        return
    if source:
        for finding in run.lint([source]):
            assert finding.place.line >= 0 and finding.message


# --- what a single input may cost: the command itself, with a limit on memory and processor -----------------------


def deep(opening: str, closing: str, times: int) -> str:
    return opening * times + closing * times


def rule(expr: str) -> str:
    return json.dumps({"groups": [{"name": "g", "rules": [{"record": "a:b", "expr": expr}]}]})


def bomb(levels: int = 9, width: int = 9) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join([*lines, "groups:", "  - name: g", f"    rules: *a{levels - 1}"])


def rule_bomb(levels: int = 8, width: int = 10) -> str:
    lines = ["x0: &x0 {record: 'a:b', expr: up}"]
    lines += [f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join([*lines, f"groups: [{{name: g, rules: *x{levels - 1}}}]"])


def many_rules(count: int) -> str:
    one = "  - {{alert: A{0}, expr: 'rate(x_total{{a=\"{0}\"}}[5m]) / rate(x_total[5m]) > 0.{0}', for: 5m}}\n"
    return "groups:\n- name: g\n  rules:\n" + "".join(one.format(i) for i in range(count))


def big_dashboard(count: int) -> str:
    panel = json.loads(DASHBOARD)["panels"][0]
    return json.dumps({"title": "big", "panels": [panel | {"id": i, "title": f"p{i}"} for i in range(count)]})


INPUTS = {
    "empty.yml": "", "null.yml": "~\n", "scalar.yml": "groups", "list.json": "[]", "spaces.yml": " \t\n" * 1000,
    "nul.yml": "groups:\n\0", "tabs.yml": "groups:\n\t- name: x\n", "colons.yml": ":" * 100_000,
    "groups-of-nothing.yml": "groups:\n- \n- name:\n- {name: x, rules: ~}\n- {name: y, rules: [~, 1, [], {}]}\n",
    "wrong-types.yml": "groups: [{name: [1], interval: {}, rules: [{alert: {a: b}, expr: [1, 2], for: [], labels: 3}]}]",
    "nested-lists.yml": "groups: " + deep("[", "]", 100_000), "nested-maps.yml": deep("{a: ", "}", 50_000),
    "nested-json.json": deep("[", "]", 200_000), "open-json.json": "[" * 500_000, "indented.yml": "".join(
        "  " * i + "a:\n" for i in range(2000)),
    "deep-expression.json": rule(deep("(", ")", 40_000)), "deep-calls.json": rule(deep("abs(", ")", 40_000).replace(
        "()", "(up)")), "deep-aggregates.json": rule("sum(" * 5000 + "up" + ")" * 5000),
    "open-expression.json": rule("(" * 90_000), "minus.json": rule("-" * 90_000 + "1"), "not.json": rule("!" * 99_000),
    "chain.json": rule(" + ".join(["up"] * 18_000)), "powers.json": rule(" ^ ".join(["2"] * 20_000)),
    "megabyte.json": rule("up + " * 200_000 + "up"), "one-name.json": rule("x" * 1_000_000),
    "one-string.json": rule('up{a="' + "x" * 900_000 + '"}'), "regex.json": rule('up{a=~"' + "(a+)+" * 15_000 + '$"}'),
    "matchers.json": rule("up{" + ",".join(f'l{i}="{i}"' for i in range(6000)) + "}"),
    "by.json": rule("sum by (" + ", ".join(f"l{i}" for i in range(12_000)) + ") (up)"),
    "ors.json": rule(" or ".join(f'rate(x_total{{a="{i}"}}[5m])' for i in range(2500))),
    "comments.json": rule("#" * 90_000 + "\nup"), "ranges.json": rule("rate(up[" + "5m" * 40_000 + "])"),
    "number.json": rule("up > " + "9" * 90_000), "template.yml": "groups: [{name: g, rules: [{alert: A, expr: up, "
    "annotations: {summary: '" + "{{ $labels.a " * 20_000 + "'}}]}]", "braces.yml":
    "groups: [{name: g, rules: [{alert: A, expr: up, annotations: {summary: '" + "{{" * 200_000 + "'}}]}]",
    "bomb.yml": bomb(), "rule-bomb.yml": rule_bomb(), "merge-bomb.yml": "\n".join(
        ["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}], k{i}: 1}}" for i in range(1, 500)),
         "groups: [{name: g, rules: [{<<: *a499, record: 'a:b', expr: up}]}]"]),
    "recursive.yml": "groups: &g\n- name: x\n  rules: *g\n", "documents.yml": "---\n" * 50_000 + "groups: []\n",
    "many-rules.yml": many_rules(5000), "same-name.yml": many_rules(2000).replace("A1", "A"),
    "big-dashboard.json": big_dashboard(3000), "panels-in-panels.json": '{"title": "x", "panels": ' + deep(
        '[{"type": "row", "panels": ', "}]", 20_000).replace(": }", ": []}", 1) + "}",
    "embedded.yml": "kind: ConfigMap\ndata:\n" + "".join(
        f"  d{i}.json: '{big_dashboard(20)}'\n" for i in range(20)),
    "variables.json": json.dumps({"title": "x", "panels": [{"type": "stat", "targets": [
        {"expr": "sum($a{$b}[$c]) by ($d) / ${e:regex} > [[f]]" + "$x" * 20_000}]}]}),
}
BINARY = {"utf16.yml": RULES.encode("utf-16"), "latin1.yml": RULES.replace("Slow:", "Träge:").encode("latin-1"),
          "bom.yml": b"\xef\xbb\xbf" + RULES.encode(), "noise.yml": bytes(random.Random(1).randbytes(300_000)),
          "surrogate.json": rule("up").encode().replace(b"up", b"\\ud800"), "half.json": DASHBOARD.encode()[:-200],
          "high.yml": RULES.encode() + b"\xff"}


@pytest.mark.parametrize("name", [*INPUTS, *BINARY])
def test_an_input_costs_little(name, tmp_path):
    file = tmp_path / name
    file.write_bytes(BINARY[name] if name in BINARY else INPUTS[name].encode())

    def limits() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_SECONDS, LIMIT_SECONDS + 1))

    # Not ru_maxrss, which begins with what the process was before exec: this one.
    code = ("import sys; from vitals.cli import main\n"
            "sys.argv = ['vitals', 'lint', sys.argv[1]]\n"
            "try: main()\n"
            "finally: print('peak', open('/proc/self/status').read().split('VmHWM:')[1].split()[0], file=sys.stderr)")
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, cwd=ROOT,
                          preexec_fn=limits, errors="replace")
    assert done.returncode in (0, 1, 2), f"ended with {done.returncode}: {done.stderr[-500:]}"
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    peak_mb = int(done.stderr.rsplit("peak ", 1)[1]) // 1024
    assert peak_mb < LIMIT_MB
    assert max(map(len, (done.stdout + done.stderr).splitlines()), default=0) < 5000, "a report that nobody can read"


# --- mutations of valid files, and expressions made at random ------------------------------------------------------

FEW = settings(max_examples=150, deadline=None, derandomize=True, database=None,
               suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large])
PIECES = st.sampled_from(["{{", "}}", "$", "${", "[[", "(", ")", "[", "]", "{", "}", '"', "'", "`", ":", "- ", "\n", "  ",
                          "|", ">", "&a", "*a", "<<: ", "!!binary", "---\n", "#", "%", "\\", "\0", "é", "\U0001f600",
                          "\\ud800", "\r", "5m", "by", "on()", "group_left", "or", "offset -1d", "@ end()", "1e309", "NaN",
                          "-Inf", "0x", "groups:", "panels", "null", "true"])


@st.composite
def mutated(draw: st.DrawFn, whole: str) -> str:
    text = whole
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        how = draw(st.sampled_from(["cut", "put", "double", "swap"]))
        piece = draw(PIECES) if how == "put" else ""
        text = {"cut": text[:start] + text[end:], "put": text[:start] + piece + text[start:],
                "double": text[:end] + text[start:end] + text[end:], "swap": text[end:] + text[:end]}[how]
    return text


@FEW
@given(mutated(RULES))
def test_mutated_rules(text):
    judged("x.yml", text)


@FEW
@given(mutated(DASHBOARD))
def test_mutated_dashboards(text):
    judged("x.json", text)


WORDS = st.sampled_from([
    "sum", "by", "without", "(", ")", "{", "}", "[5m]", "[5m:]", "[$__range]", ",", "rate", "up", "x_total", "x_bucket",
    "le", '"a"', "=", "=~", "!=", "==", "bool", ">", "0.5", "/", "*", "-", "and", "or", "unless", "on", "ignoring",
    "group_left", "offset", "5m", "@", "end()", "histogram_quantile", "topk", "label_replace", "absent", "vector", "time()",
    "$job", "${job:regex}", "[[job]]", "count_values", "1e3", "NaN", "inf", "#", "\n", "quantile_over_time", "__name__"])


@FEW
@given(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=60))
def test_expressions_of_any_kind(expr, template):
    for found in (expr, template):
        panel = {"title": template, "type": "stat", "targets": [{"expr": found, "legendFormat": template}]}
        judged("x.json", json.dumps({"groups": [{"name": "g", "rules": [
            {"alert": "A", "expr": found, "annotations": {"summary": template}, "labels": {"a": template}}]}]}))
        judged("x.json", json.dumps({"title": "x", "panels": [panel]}))


@pytest.mark.parametrize("whole", [RULES, DASHBOARD], ids=["rules", "dashboard"])
def test_every_truncation(whole):
    for end in range(0, len(whole), 7):
        judged("x.yml", whole[:end])
