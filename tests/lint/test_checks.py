"""Every check finds its own bad example and leaves its good one alone; and what was once a false alarm stays silent."""

from __future__ import annotations

import pytest

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
    lines = "\n".join(f"  {key}: >-\n    {value}" for key, value in annotations.items())
    body = "\n".join(f"  {line}" for line in expr.splitlines())
    return f"alert: A\nexpr: |-\n{body}\nlabels: {{severity: warning}}\nannotations:\n{lines}\n" if annotations else \
        f"alert: A\nexpr: |-\n{body}\nlabels: {{severity: warning}}\n"


@pytest.mark.parametrize("check", [c for c in ALL if c != "untested-alert"])
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
