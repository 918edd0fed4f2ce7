"""Every check finds its own bad example and leaves its good one alone; and what was once a false alarm stays silent."""

from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from tests.lint.snippets import source
from vitals.lint.catalogue import Known, Metric
from vitals.lint.checks import ALL
from vitals.lint.model import AlertTest, Finding, Options, Place
from vitals.lint.run import lint

CATALOGUE = Known(
    [Metric("node_memory_MemAvailable_bytes", "gauge"), Metric("node_memory_MemFree_bytes", "gauge"), Metric("node_memory_MemTotal_bytes", "gauge"),
     Metric("node_network_receive_errs_total", "counter", frozenset({"device"})),
     Metric("node_filesystem_avail_bytes", "gauge", frozenset({"device", "fstype", "mountpoint"})),
     Metric("prometheus_http_request_duration_seconds_bucket", "counter", buckets=(0.1, 1, 120)),
     Metric("prometheus_http_request_duration_seconds", "histogram", buckets=(0.1, 1, 120)),
     Metric("login_failures_total", "counter", frozenset({"ip", "user"}))],
    complete=["node_memory_"], renamed={"node_cpu": "node_cpu_seconds_total"},
    lost={"container_memory_working_set_bytes": {"pod_name": "pod"}})
OPTIONS = Options(scrape_interval=30)


def findings(written: str, tests: list[AlertTest] | None = None) -> list[Finding]:
    read = source(written)
    read.tests = tests or []
    return lint([read], CATALOGUE, OPTIONS, checks=set(ALL))


def ids(written: str) -> set[str]:
    return {found.check for found in findings(written)}


def alert(expr: str, **annotations: str) -> str:
    return yaml.safe_dump({"alert": "A", "expr": expr, "labels": {"severity": "warning"}, "annotations": annotations})


@pytest.mark.parametrize("check", [c for c in ALL if c not in ("untested-alert", "dead-link")])
def test_a_check_finds_its_bad_example_only(check: str) -> None:
    bad = [found for found in findings(ALL[check].bad) if found.check == check]
    assert bad, "its bad example is not found"
    assert check not in ids(ALL[check].good)
    for found in bad:
        assert found.message and found.fix and found.subject
        if found.span:
            assert found.text is not None
            assert 0 <= found.span[0] < found.span[1] <= len(found.text.value)


@pytest.mark.parametrize("check", [c for c, judge in ALL.items() if judge.kinds[0] == "rules"])
def test_a_good_example_is_good_in_every_way(check: str) -> None:
    others = {found.check for found in findings(ALL[check].good) if found.severity != "info"}
    assert not others


def test_alerts_that_no_test_sees_fire_or_stay_silent() -> None:
    rule = "alert: Down\nexpr: up == 0\n"
    here = Place("test.yml", 1, 1)

    def said(tests: list[AlertTest]) -> list[str]:
        return [found.message for found in findings(rule, tests) if found.check == "untested-alert"]

    fires, silent = AlertTest("Down", True, here), AlertTest("Down", False, here)
    assert said([]) == []
    assert said([fires, silent]) == []
    assert said([fires]) == ["no test sees it stay silent"]
    assert said([silent]) == ["no test sees it fire"]
    assert said([AlertTest("Other", True, here)]) == ["no test"]


# Real rules of others' (shortened), found right in them.
FOUND = {
    "code kept on both sides": (
        'sum by (code) (rate(x_total{code="500"}[5m])) / sum by (code) (rate(x_total[5m])) > 0.05', "self-ratio"),
    "times 100": ('100 * rate(x_count{code!~"2.."}[15m]) / rate(x_count[15m]) > 10', "self-ratio"),
    "two jobs at once": ('up{job="a"} == 0 and up{job="b"} == 0', "dead-join"),
    "a count has no instance": (
        "(count(node_uname_info) > 1) * on (instance) group_left (nodename) node_uname_info", "dead-join"),
    "instance and quantile": (
        'apiserver_client_certificate_expiration_seconds_count{job="a"} > 0 and histogram_quantile(0.01, '
        "sum by (job, le) (rate(apiserver_client_certificate_expiration_seconds_bucket[5m]))) < 86400", "dead-join"),
    "raw against all": ("queue_length > sum(queue_limit)", "dead-join"),
    "grouped by more": ("sum by (a, b) (x) / sum by (a) (y) > 1", "dead-join"),
    "unless of others": ("sum by (a) (x) unless sum by (a, b) (y)", "dead-join"),
    "Sunday is 0": ("day_of_week() == 7", "never-holds"),
    "a sum of what is above": ("sum(x > 5) < 3", "never-holds"),
    "absent is 1": ("absent(up) == 0", "never-holds"),
    "rates are not negative": ("increase(x_total[5m]) < 0", "never-holds"),
    "of counts": ("count_over_time(x[5m]) < 1", "never-holds"),
    "buckets in a matcher of many": (
        'sum(rate(x_bucket{le=~"0.5|1"}[5m])) / sum(rate(x_count[5m])) < 0.9', "le-literal"),
    "millions": ('sum(rate(x_bytes_bucket{le="1000000"}[5m])) > 1', "le-literal"),
    "sums": ("sum(cilium_endpoint_state{state='invalid'}) by (pod)", "no-condition"),
    "grouped by a lost label": ("sum by (pod_name) (rate(container_memory_working_set_bytes[5m])) > 1", "lost-label"),
    "an arm of or": ("rate(x_total[5m]) or y > 5", "no-condition"),
}


@pytest.mark.parametrize(("expr", "check"), FOUND.values(), ids=FOUND)
def test_what_is_found(expr: str, check: str) -> None:
    assert check in ids(alert(expr))


# What looks alike and is right; each was, or could be, a false alarm.
RIGHT = {
    "any traffic": "sum by (job) (rate(x_bucket[5m])) > 0",
    "grouped again": "max by (job) (sum by (job, pod) (x)) > 1",
    "grouped by what was joined": "sum by (node) (x * on (pod) group_left (node) max by (pod, node) (y)) > 1",
    "grouped by what was made": "sum by (team) (label_replace(sum by (job) (x), 'team', '$1', 'job', '(.*)')) > 1",
    "the place grouped again": "count by (cluster, node) (sum by (node, cpu) (x)) > 1",
    "load per core": 'node_load1 / count without (cpu, mode) (node_cpu_seconds_total{mode="idle"}) > 2',
    "state ignored": 'node_md_disks_required - ignoring (state) (node_md_disks{state="active"}) > 0',
    "ratio by name": "(node_nf_conntrack_entries{job='node'} / node_nf_conntrack_entries_limit) > 0.75",
    "topk keeps labels": (
        "sum by (namespace, pod, cluster) (max by (namespace, pod, cluster) (kube_pod_status_phase{phase='Pending'})\n"
        "* on (namespace, pod, cluster) group_left (owner_kind) topk by (namespace, pod, cluster) (\n"
        "  1, max by (namespace, pod, owner_kind, cluster) (kube_pod_owner))) > 0"),
    "the place may be absent": "sum by (cluster, job) (a_total) / sum by (job) (b_total) > 1",
    "nothing or nothing": "sum(rate(a_total[5m])) > 5 and sum(rate(b_total[5m])) > 0",
    "on nothing": "up == 0 and on () vector(1)",
    "zero for none": "(sum(rate(a_total{code='500'}[5m])) or vector(0)) / sum(rate(a_total[5m])) > 0.5",
    "ratio in percent": "sum(rate(a_total{code='500'}[5m])) / sum(rate(a_total[5m])) * 100 > 5",
    "other metric": "sum(rate(errors_total[5m])) / sum(rate(requests_total[5m])) > 5",
    "an hour ago": "rate(x_total[5m]) / rate(x_total[5m] offset 1h) > 2",
    "other window": "rate(x_total[5m]) / rate(x_total[1h]) > 2",
    "sides with labels of their own": "x{a='1'} / ignoring (a) x{a='2'} > 3",
    "counting what is down": "count(mon_status == 0) <= 2",
    "counted with bool": "sum(up == bool 1) < 2",
    "exists": "count(up == 0) > 0",
    "count alone": "count(up{job='a'} == 0)",
    "presence": "absent(up{job='a'} == 1)",
    "watchdog": "vector(1)",
    "watchdog compared": "vector(1) > 0",
    "switched off": "vector(0) > 1",
    "others' alerts": 'ALERTS{alertstate="firing", severity="critical"}',
    "recorded as a condition": "job:slow:firing",
    "existence of failures": 'max_over_time(shutdown_seconds_count{status!="success"}[15m])',
    "no data is fine": "rate(x_total[5m]) >= 0 and on (job) up == 0",
    "both ways": "x > 0.05 and deriv(x[5m]) >= 0 or x < -0.05 and deriv(x[5m]) <= 0",
    "between": "x > 0.9 < 1",
    "hours of work": "x > 1 and on () hour() >= 9 < 17",
    "native histograms": "histogram_quantile(0.9, sum by (job) (rate(request_duration_seconds[5m]))) > 1",
    "VictoriaMetrics": "histogram_quantile(0.9, sum by (job, vmrange) (rate(x_bucket[5m]))) > 1",
    "buckets without an instance": (
        "histogram_quantile(0.99, sum without (instance, pod) (rate(apiserver_request_duration_seconds_bucket[5m]))) > 1"),
    "one quantile each": "sum by (job) (histogram_quantile(0.9, sum by (job, le) (rate(x_bucket[5m])))) > 1",
    "both spellings": 'sum(rate(x_bucket{le=~"1([.]0)?"}[5m])) > 1',
    "both alternatives": 'sum(rate(x_bucket{le=~"1|1.0"}[5m])) > 1',
    "halves": 'sum(rate(x_bucket{le="0.5"}[5m])) > 1',
    "infinity": 'sum(rate(x_bucket{le="+Inf"}[5m])) > 1',
    "a label of one's own": 'x{le="1"} > 1',
    "old names made from new": "rate(node_cpu[5m]) > 0.9 or rate(node_cpu_seconds_total[5m]) > 0.9",
    "slashes and dots": 'up{instance="host.example.org:9100", path="/a/b-c_d"} == 0',
    "starting over as one": "increase(sum by (job, instance) (x_total)[5m:1m]) > 1",
    "total minus share": "a - b / c > 5",
    "in parentheses": "(total - free) / total > 0.9",
}


@pytest.mark.parametrize("expr", RIGHT.values(), ids=RIGHT)
def test_what_is_right(expr: str) -> None:
    assert not [found for found in findings(alert(expr)) if found.severity != "info"]


TEXTS = {
    # expression, annotation, the checks it gives
    "value of and": ("up == 0 and on (job) sum by (job) (x) > 1", "{{ $labels.instance }} {{ $value }}", set()),
    "asked for first": ("sum by (job) (x_total) > 1", "{{ with $labels.pod }}{{ . }}{{ end }}", set()),
    "asked by if": ("sum by (job) (x_total) > 1", "{{ if $labels.pod }}{{ $labels.pod }}{{ end }}", set()),
    "another dot": ("sum(x_total) > 1", '{{ range query "up" }}{{ .Labels.instance }}{{ end }}', set()),
    "absent takes equalities": ('absent(up{job="a"})', "{{ $labels.job }}", set()),
    "absent has no instance": ('absent(up{job="a"})', "{{ $labels.instance }}", {"template-label"}),
    "without": ("sum without (pod) (x_total) > 1", "{{ $labels.pod }}", {"template-label"}),
    "index": ("sum(x_total) > 1", '{{ index $labels "pod" }}', {"template-label"}),
    "own label": ("up == 0", "{{ $labels.severity }}", {"template-own-label"}),
    "the alert's name": ("up == 0", "{{ $labels.alertname }}", {"template-own-label"}),
    "alerts about alerts": ("increase(alerting_rule_errors_total[5m]) > 1", "{{ $labels.alertname }}", set()),
    "Helm": ("sum(x_total) > 1", "{{ `{{ $labels.pod }}` }}", set()),
    "a field": ("up == 0", "{{ .instance }}", {"template-unknown-field"}),
    "Alertmanager's": ("up == 0", "{{ .CommonLabels.job }}", {"template-unknown-field"}),
    "the rule's fields": ("up == 0", "{{ .Labels.job }} {{ .Value }} {{ .ExternalURL }}", set()),
    "a price": ("x > 1", "costs $5, or $valuesomething", set()),
    "share": ("a / b > 0.9", "{{ $value }}% used", {"ratio-as-percent"}),
    "percent": ("a / b * 100 > 90", "{{ $value }}% used", set()),
    "share by humanize": ("a / b > 0.9", "{{ $value | humanizePercentage }} used", set()),
    "no decimals": ("a / b > 0.9", '{{ printf "%.0f" $value }} errors', {"ratio-as-percent"}),
    "bytes": ("predict_linear(x_bytes[1h], 3600) < 1", "{{ $value | humanize }}% left", {"ratio-as-percent"}),
    "of 1": ("a / b * 100 > 90", "{{ $value | humanizePercentage }}", {"percent-humanized"}),
    "in percent by name": ("x_percent > 90", "{{ $value | humanizePercentage }}", {"percent-humanized"}),
    "a word": ("x > 1", '{{ printf "%s" $labels.instance }}', set()),
    "a number as a word": ("x > 1", '{{ printf "%s" $value }}', {"template-printf"}),
    "milliseconds": ("rate(x_seconds_sum[5m]) / rate(x_seconds_count[5m]) > 500", "above 500ms", {"limit-in-words"}),
    "seconds": ("rate(x_seconds_sum[5m]) / rate(x_seconds_count[5m]) > 500", "above 500s", set()),
    "scaled": ("rate(x_seconds_sum[5m]) / rate(x_seconds_count[5m]) * 1000 > 500", "above 500ms", set()),
    "per second": ("rate(x_total[5m]) > 5", "{{ $value }} per second", set()),
    "per minute": ("rate(x_total[5m]) > 5", "{{ $value }} errors per minute", {"rate-in-words"}),
    "made per minute": ("rate(x_total[5m]) * 60 > 5", "{{ $value }} errors per minute", set()),
}


@pytest.mark.parametrize(("expr", "written", "checks"), TEXTS.values(), ids=TEXTS)
def test_texts(expr: str, written: str, checks: set[str]) -> None:
    found = findings(alert(expr, description=written))
    assert {finding.check for finding in found if finding.severity != "info"} == checks
    for finding in found:
        assert finding.severity == "info" or finding.text and finding.text.value == written


def test_labels_of_what_the_same_file_records() -> None:
    rules = """\
- record: job:errors:ratio
  expr: sum by (job) (rate(errors_total[5m])) / sum by (job) (rate(requests_total[5m]))
  labels: {kind: slo}
- alert: ManyErrors
  expr: job:errors:ratio > 0.05
  annotations: {summary: '{{ $labels.job }} %s'}
"""
    assert "template-label" in ids(rules % "{{ $labels.instance }}")
    assert "template-label" not in ids(rules % "{{ $labels.kind }}")
    other = source(rules % "{{ $labels.instance }}")
    other.groups[0].rules.pop(0)
    assert "template-label" not in {found.check for found in lint([other])}


def test_rules_that_read_each_other() -> None:
    assert not [found for found in findings("""\
- record: a:b:c
  expr: d:e:f > 1
- record: d:e:f
  expr: a:b:c or d:e:f
""") if found.severity == "error"]


DASHBOARD = """\
templating: {list: [
  {name: job, type: query, multi: true}, {name: node, type: query}, {name: by, type: custom},
  {name: window, type: interval}]}
panels:
- type: %s
  title: T
  fieldConfig: {defaults: {unit: %s}}
  targets:
  - expr: '%s'
    legendFormat: '%s'
"""
PANELS = {
    "bytes per second": ("Bps", "rate(x_bytes_total{job=~\"$job\"}[$__rate_interval])", "{{job}}", set()),
    "bits": ("bps", "rate(x_bytes_total[$window]) * 8", "", set()),
    "bytes for bits": ("bps", "rate(x_bytes_total[$window])", "", {"panel-unit"}),
    "not per second": ("bytes", "irate(x_bytes_total[5m])", "", {"panel-unit"}),
    "milliseconds": ("ms", "histogram_quantile(0.9, sum by (le) (rate(x_seconds_bucket[5m])))", "", {"panel-unit"}),
    "made milliseconds": ("ms", "histogram_quantile(0.9, sum by (le) (rate(x_seconds_bucket[5m]))) * 1e3", "", set()),
    "share": ("percent", "sum(rate(x{a=\"1\"}[5m])) / sum(rate(x[5m]))", "", {"panel-unit"}),
    "percent": ("percent", "100 - avg(rate(node_cpu_seconds_total{mode=\"idle\"}[5m])) * 100", "", set()),
    "a speed": ("bps", "node_network_speed_bytes * 8", "", set()),
    "uptime": ("s", "time() - process_start_time_seconds", "", set()),
    "megabytes": ("decmbytes", "x_bytes / 1024 / 1024", "", set()),
    "unknown metric": ("bytes", "x / y", "", set()),
    "several": ("short", "x{job=\"$job\"}", "", {"multi-value-equality"}),
    "one": ("short", "x{node=\"$node\"}", "", set()),
    "grouped by choice": ("short", "sum by ($by) (x)", "{{anything}}", set()),
    "lost": ("short", "sum by (job) (x)", "{{job}} {{pod}}", {"legend-label"}),
    "undefined": ("short", "x{job=~\"$jobs\"}", "", {"undefined-variable"}),
    "an end": ("short", "x{job=~\"a$\", node=~\"${node:regex}|[[node]]\"}", "", set()),
    "groups": ("short", "label_replace(x, \"a\", \"$b\", \"c\", \"(?P<b>.*)\")", "", set()),
}


@pytest.mark.parametrize(("unit", "expr", "legend", "checks"), PANELS.values(), ids=PANELS)
def test_panels(unit: str, expr: str, legend: str, checks: set[str]) -> None:
    found = findings(DASHBOARD % ("timeseries", unit, expr, legend))
    assert {finding.check for finding in found if finding.severity != "info"} - {"short-window"} == checks


def test_links_are_asked_only_online() -> None:
    """A real server: one page, one that moved to it, one behind a login, one that is gone, one that hates HEAD."""
    answers = {"/there": 200, "/moved": 302, "/login": 401, "/gone": 404, "/no-head": 405, "/busy": 503}

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/no-head" else answers[self.path])
            self.send_header("Location", "/there")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_HEAD(self) -> None:
            self.send_response(answers[self.path])
            self.send_header("Location", "/there")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        base = f"http://127.0.0.1:{server.server_port}"
        rules = [{"alert": path[1:], "expr": "up == 0", "annotations": {"runbook_url": base + path}} for path in answers]
        read = source(yaml.safe_dump(rules) + ALL["dead-link"].bad + ALL["dead-link"].good)
        assert lint([read], CATALOGUE, OPTIONS, checks={"dead-link"}) == []
        found = lint([read], CATALOGUE, replace(OPTIONS, online=True), checks={"dead-link"})
        assert {finding.subject for finding in found} == {"alert gone", "alert Down"}
        assert {finding.text.value for finding in found} == {f"{base}/gone", "http://127.0.0.1:9/nobody-listens-here"}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
