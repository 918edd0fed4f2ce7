"""The rules in other hands: Prometheus 2.53 and VictoriaMetrics' vmalert-tool. Run by `make compat`."""

from __future__ import annotations

import math
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.rules import promtest

from vitals import alerts, settings
from vitals.engines import parts

ROOT = settings.ROOT
RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))

# What MetricsQL sees otherwise than PromQL. File → alert (or expression, as vmalert-tool prints it) and time → why, and how
# many minutes later (earlier) the case holds. With 0 it does not: all that is expected fires, but with others that
# Prometheus sees later (YOUNG), or with another value, on its way from one to another (EDGE, FIRST, SMALL).
YOUNG = "rate() is in full from a counter's second sample on: a floor or limit is passed before the window has filled"
EDGE = "rate() counts from the last sample before the window: what ended is in view for one sample more"
FIRST = "changes() counts a series' first sample: an app that is new has started anew once more"
SMALL = "increase() counts from zero where a counter's first sample is small: what was before the first scrape is news"
EXCEPTIONS = {
    "agents": {"AgentFailuresHigh at 6m": (YOUNG, 0), "AgentSlow at 6m": (YOUNG, 0), "AgentSlow at 21m": (EDGE, 0),
               "AgentSlow at 22m": (EDGE, 1)},
    "agents-workflows": {"WorkflowFailuresHigh at 11m": (YOUNG, 0), "WorkflowFailuresHigh at 22m": (EDGE, 0)},
    "api": {"HttpErrorsElevated at 16m": (YOUNG, 0), "HttpErrorsElevated at 28m": (EDGE, 0),
            "HttpErrorsElevated at 29m": (EDGE, 1), "HttpErrorsHigh at 6m": (YOUNG, 0),
            "HttpLatencyHigh at 6m": (YOUNG, 0), "HttpLatencyHigh at 11m": (YOUNG, 0),
            "HttpLatencyHigh at 22m": (EDGE, 0), "HttpLatencyHigh at 23m": (EDGE, 1)},
    "api-windows": {"TrafficStopped at 149m": (EDGE, 1)},
    "cache": {"CacheHitsLow at 14m": (YOUNG, 0)},
    "containers-firing": {"ContainerRestarting at 280m": (EDGE, 0)},
    "conversations": {"ConversationErrorsElevated at 30m": (EDGE, 0)},
    "integrations": {"IntegrationFailuresHigh at 6m": (YOUNG, 0)},
    "llm": {"LlmErrorsHigh at 6m": (YOUNG, -4), "LlmFailuresHigh at 6m": (YOUNG, 0),
            "LlmLatencyP95High at 6m": (YOUNG, 0), "LlmLatencyP95High at 21m": (EDGE, 0),
            "LlmLatencyP95High at 22m": (EDGE, 1), "LlmLatencyP99High at 6m": (YOUNG, 0)},
    "llm-vllm": {"LlmFirstTokenSlow at 6m": (YOUNG, 0), "LlmFirstTokenSlow at 16m": (EDGE, 0),
                 "LlmFirstTokenSlow at 17m": (EDGE, 1)},
    "logs": {"LogsStopped at 31m": (EDGE, 1)},
    "postgres": {"PostgresCacheHitsLow at 34m": (YOUNG, -4), "PostgresRollbacksHigh at 19m": (YOUNG, -4)},
    "process": {"AppRestarting at 45m": (FIRST, 0), "AppRestarting at 46m": (FIRST, 0),
                "AppRestarting at 84m": (FIRST, 2)},
    "rag": {"RagSlow at 6m": (YOUNG, 0)},
    "recording-platform": {r'"label_del(job_instance_gpu:gpu_failing:current, \"alertgroup\")", time: 6m0s': (SMALL, 0)},
    "redis": {"RedisEvicting at 12m": (YOUNG, -2)},
    "security": {"LoginFailuresHigh at 11m": (YOUNG, -1), "LoginFailuresHigh at 12m": (YOUNG, -2),
                 "LoginFailuresHigh at 31m": (EDGE, 0), "RateLimitHitsHigh at 14m": (YOUNG, -4),
                 "SuspiciousRequestsHigh at 9m": (YOUNG, -4)},
    "tools": {"ToolFailuresHigh at 6m": (YOUNG, 0)},
}

pytestmark = pytest.mark.skipif(not os.environ.get("COMPAT"), reason="optional: run `make compat`")


@pytest.fixture(scope="session")
def promtool_2() -> Path:
    return parts.fetch(settings.load(), ["promtool"], suite="trixie") / "usr/bin/promtool"


@pytest.fixture(scope="session")
def vmalert_tool() -> Path:
    return parts.fetch(settings.load(), ["victoria-metrics"], suite="forky") / "usr/bin/vmalert-tool"


def run(*command: object, cwd: Path | None = None) -> tuple[int, str]:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def save(file: Path, data: dict[str, Any]) -> None:
    file.write_text(yaml.dump(data, Dumper=yaml.CSafeDumper, width=10**9))


# --- Prometheus 2 -----------------------------------------------------------------------------------------


def test_prometheus_2_takes_the_rules(promtool_2: Path) -> None:
    assert "version 2.53" in run(promtool_2, "--version")[1]
    code, said = run(promtool_2, "check", "rules", *RULES)
    assert code == 0, said


@pytest.mark.parametrize("file", promtest.FILES, ids=lambda f: f.stem)
def test_prometheus_2_passes_the_tests(file: Path, promtool_2: Path, tmp_path: Path) -> None:
    """With windows of a millisecond less than the rules have, and so with the same samples in them.

    Prometheus 3 leaves out the sample that lies exactly at the start of a window, Prometheus 2 counts it. Real
    samples never lie there, those of tests always do.
    """
    for folder in ("rules", "tests"):
        (tmp_path / folder).mkdir()
    for name in promtest.load(file)["rule_files"]:
        (tmp_path / "tests" / name).write_text(_open_windows((file.parent / name).read_text()))
    (tmp_path / "tests" / file.name).write_text(file.read_text())
    code, said = run(promtool_2, "test", "rules", file.name, cwd=tmp_path / "tests")
    assert code == 0 or said.count("exp:") == len(_values(said)) and not _apart(said), said


def _open_windows(rules: str) -> str:
    """Every window, and every subquery's, a millisecond shorter."""
    units = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
    return re.sub(r"\[(\d+)([smhd])(?=[]:])", lambda m: f"[{int(m[1]) * units[m[2]] - 1}ms", rules)


# --- VictoriaMetrics --------------------------------------------------------------------------------------


def test_vmalert_takes_the_rules(vmalert_tool: Path) -> None:
    code, said = run(vmalert_tool.with_name("vmalert"), "-dryRun", *(f"-rule={file}" for file in RULES))
    assert code == 0, said


@pytest.mark.parametrize("file", promtest.FILES, ids=lambda f: f.stem)
def test_vmalert_passes_the_tests(file: Path, vmalert_tool: Path, tmp_path: Path) -> None:
    """All but the exceptions holds; they fail as they are, and hold when moved or in part."""
    save(tmp_path / file.name, _translated(file, tmp_path / "rules.yml"))
    code, said = run(vmalert_tool, "unittest", "--disableAlertgroupLabel", f"--files={file.name}", cwd=tmp_path)
    assert "failed to exec" not in said, said
    exceptions = EXCEPTIONS.get(file.stem, {})
    apart = _apart(said)
    failed = [_case(*found.groups()) if (found := re.search(r'alertname=\\"(\w+).*, time: (\w+)$', case)) else case
              for case in apart]
    for alert, time, expected, got in re.findall(
            r", alertname: (\w+), time: (\w+), *\n *exp:\[(.*?)\], *\n *got:\[(.*?)\] ", said, re.S):
        failed.append(case := _case(alert, time))
        if case in exceptions and exceptions[case][1] == 0:
            fires = r"(Labels:.*)\n *(Annotations:.*\})" if exceptions[case][0] == YOUNG else r"(Labels:.*)"
            assert set(re.findall(fires, expected)) <= set(re.findall(fires, got)), said
    told = len(failed) - len(apart) + len(_values(said))  # alerts, and values of expressions
    assert told == len(re.findall(r"\n *got: ?", said)) and bool(code) == bool(told), said
    assert sorted(failed) == sorted(exceptions), said


def _translated(file: Path, rules: Path) -> dict[str, Any]:
    """Promtool's file in vmalert-tool's words.

    vmalert-tool lets rules see what others recorded only when its whole group is done: here what reads what its own
    group recorded is a group of its own, as soon as Prometheus would see it.
    """
    data = promtest.load(file)
    groups = {group["name"]: group for name in data["rule_files"] for group in promtest.load(file.parent / name)["groups"]}
    order = data.pop("group_eval_order", list(groups))
    split = [group | {"name": f"{name}/{i}", "rules": stage}
             for name, group in sorted(groups.items(), key=lambda item: order.index(item[0]))
             for i, stage in enumerate(_stages(group["rules"]))]
    save(rules, {"groups": split})
    data |= {"rule_files": [str(rules)], "group_eval_order": [group["name"] for group in split]}
    for test in data["tests"]:
        cases = test.get("alert_rule_test", [])
        for case in list(cases):
            alert, time = case["alertname"], str(case["eval_time"])
            if moved := EXCEPTIONS.get(file.stem, {}).get(_case(alert, time), ("", 0))[1]:
                cases.append(case | {"eval_time": f"{_minutes(time) + moved:g}m"})
        test["metricsql_expr_test"] = [case | {"expr": _as_named(case)} for case in test.pop("promql_expr_test", [])]
    return data


def _values(said: str) -> list[tuple[str, dict[str, float], dict[str, float]]]:
    """What an expression should have given and has given, in either tool's words: expression and time, series → value."""
    cases = re.findall(r"\n *expr: (.*, time: \w+), *\n *exp: ?(.*)\n *got: ?(.*)", said)
    return [(case, *({series: float(value) for series, value in re.findall(r"(\{.*?\}) (\S+?)(?=[],\s]|$)", text)}
                     for text in sides)) for case, *sides in cases]


def _apart(said: str) -> list[str]:
    """The expressions with other series, or with values that differ by more than decimals.

    Prometheus 2 loses the sixteenth digit of a long sum, VictoriaMetrics keeps twelve of those behind the point.
    """
    return [case for case, wanted, found in _values(said)
            if not wanted or wanted.keys() != found.keys()
            or any(not math.isclose(wanted[series], found[series], rel_tol=1e-11) for series in wanted)]


def _stages(rules: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The rules in turns, each of which reads only what the turns before it recorded."""
    stages: list[list[dict[str, Any]]] = []
    recorded: dict[str, int] = {}
    for rule in rules:
        stage = max((recorded[name] + 1 for name in re.findall(r"[\w:]+", rule["expr"]) if name in recorded), default=0)
        stages += [[] for _ in range(stage + 1 - len(stages))]
        stages[stage].append(rule)
        if "record" in rule:
            recorded[rule["record"]] = max(stage, recorded.get(rule["record"], 0))
    return stages


def _as_named(case: dict[str, Any]) -> str:
    """vmalert names an alert's group in ALERTS, and MetricsQL's round() keeps the series' name."""
    unnamed = all(str(sample.get("labels", "")).startswith("{") for sample in case.get("exp_samples") or [{}])
    return f"""label_del({case["expr"]}, "alertgroup"{', "__name__"' if unnamed else ""})"""


def _case(alert: str, time: str) -> str:
    return f"{alert} at {_minutes(time):g}m"


def _minutes(time: str) -> float:
    units = {"s": 1 / 60, "m": 1, "h": 60, "d": 1440, "w": 10080}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smhdw])", time))


def test_exceptions_hide_no_alert() -> None:
    """Each alert is seen by vmalert-tool to fire, in its own words, and to stay silent."""
    fired: set[str] = set()
    silent: set[str] = set()
    for file in promtest.FILES:
        for test in promtest.load(file)["tests"]:
            for case in test.get("alert_rule_test", []):
                fires = bool(case.get("exp_alerts"))
                key = _case(case["alertname"], str(case["eval_time"]))
                reason, moved = EXCEPTIONS.get(file.stem, {}).get(key, ("", 0))
                if not reason or moved or (fires and reason == YOUNG):
                    (fired if fires else silent).add(case["alertname"])
    assert set(EXCEPTIONS) <= {file.stem for file in promtest.FILES}
    assert sorted(set(alerts.all_alerts()) - fired) == []
    assert sorted(set(alerts.all_alerts()) - silent - {"Watchdog"}) == []
