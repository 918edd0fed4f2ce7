"""Snippets with a label each: every defect is found where it stands, and nothing else is said of any of them."""

from __future__ import annotations

import json
from collections import Counter as Tally
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.lint.test_documents import exposed
from vitals import page
from vitals.lint import catalogues, run, sources
from vitals.lint.bundled import Bundled
from vitals.lint.catalogue import Several
from vitals.lint.checks import ALL
from vitals.lint.model import Options

FOLDER = Path(__file__).parent / "corpus"
METRICS = yaml.safe_load((FOLDER / "metrics.yaml").read_text())
KNOWN = Several([catalogues.of_page(page.parse(exposed(METRICS["shop"]), None, "shop")), Bundled()])
OPTIONS = Options(scrape_interval=30)
# What an alert should have beside its expression is no matter here; a good rule is judged by its expression.
JUDGED = {check for check, judge in ALL.items() if judge.enabled} - {
    "missing-annotation", "missing-label", "untested-alert", "record-undefined"}


def cases() -> list[Any]:
    found = []
    for file in sorted(FOLDER.glob("*.yaml")):
        if file.name != "metrics.yaml":
            for index, case in enumerate(yaml.safe_load(file.read_text()), 1):
                about = case.get("alert") or case.get("record") or case["panel"]["expr"]
                found.append(pytest.param(case, id=f"{file.stem}-{index}-{about[:60]}"))
    return found


CASES = cases()


def written(case: dict[str, Any]) -> tuple[str, str]:
    """A file's name and text that hold the snippet."""
    if "panel" in case:
        about = case["panel"]
        target = {"refId": "A", "expr": about["expr"]} | ({"legendFormat": about["legend"]} if "legend" in about else {})
        panel = {"type": about.get("type", "timeseries"), "title": about.get("title", "A panel"), "targets": [target]} | (
            {"fieldConfig": {"defaults": {"unit": about["unit"]}}} if "unit" in about else {})
        variables = [{"name": name, "type": "query"} for name in about.get("variables", [])]
        return "snippet.json", json.dumps({"title": "Snippet", "templating": {"list": variables}, "panels": [panel]},
                                          indent=1, ensure_ascii=False)
    if "record" in case:
        rule = f"  - record: job:snippet:sum\n    expr: |\n      {case['record']}\n"
    else:
        rule = f"  - alert: Snippet\n    expr: |\n      {case['alert']}\n    labels: {{severity: warning}}\n"
        rule += f"    for: {case['for']}\n" if "for" in case else ""
        rule += f"    annotations:\n      summary: |\n        {case['summary']}\n" if "summary" in case else ""
    return "snippet.yml", f"groups:\n- name: g\n  rules:\n{rule}"


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_where_it_stands(case):
    file, text = written(case)
    source = sources.read_text(file, text)
    assert source is not None and not source.findings
    result = run.lint([source], KNOWN, OPTIONS, JUDGED)
    assert not result.not_analysed
    finds = case.get("finds", {})
    assert {finding.check for finding in result} == set(finds), [f"{f.check}: {f.message}" for f in result]
    lines = text.splitlines()
    for finding in result:
        here = lines[finding.place.line - 1][finding.place.column - 1:]
        guilty = finds[finding.check]
        assert here.startswith((guilty, json.dumps(guilty)[1:-1])), f"{finding.check} points at {here!r}"


def test_every_check_on_expressions_has_what_it_finds_and_what_it_leaves_alone():
    found = Tally(check for case in CASES for check in case.values[0].get("finds", {}))
    assert len(CASES) >= 200
    assert sum(1 for case in CASES if not case.values[0].get("finds")) >= 100
    left_out = {check for check in JUDGED if ALL[check].over in ("expression", "alert", "query")} - set(found)
    assert left_out == NEED_MORE_THAN_A_SNIPPET


# These look at a dashboard's variables or at a template's place; tests/lint/test_checks.py has them.
NEED_MORE_THAN_A_SNIPPET = {"multi-value-equality", "value-in-label", "record-label"}
