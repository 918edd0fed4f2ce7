"""Changed rules in the tests of prometheus/tests.

A test is run with the rules that what it asks for goes back to, and beside each of them with its mutants, and with all
that reads these, under names of their own. So one promtool run shows which of many mutants a test notices.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mutant import WORD, Mutant, Placed, put
from tests.rules import promtest

from vitals.lint.expression import seconds

_NOTICED = re.compile(r"__m(\d+)\b")
_BROKEN = re.compile(r"rule: \S+__m(\d+), time")


@dataclass(eq=False)
class Test:
    """One of those in a test file, and the rules that have a part in it, in the order in which they are evaluated."""

    file: str
    settings: dict[str, Any]  # of the whole file
    test: dict[str, Any]
    rules: list[Placed]

    @cached_property
    def cost(self) -> float:
        """About what promtool has to do."""
        ends = (seconds(str(case["eval_time"])) for case in promtest.cases(self.test))
        return max(ends, default=0) / seconds(self.settings.get("evaluation_interval", "1m")) * len(self.rules)

    def affected(self, name: str) -> set[str]:
        """It and all that is made of it."""
        found = {name}
        while more := {one.name for one in self.rules if one.name not in found and _reads(one) & found}:
            found |= more
        return found


def _reads(one: Placed) -> set[str]:
    """Words in a rule, among them the names of all that it reads; some also in its annotations."""
    return {*WORD.findall(" ".join([one.rule["expr"], *one.rule.get("annotations", {}).values()]))}


def tests(rules: list[Placed]) -> list[Test]:
    """All, the quickest first."""
    by_file: dict[str, list[Placed]] = {}
    for one in rules:
        by_file.setdefault(one.file, []).append(one)
    reads = {one: _reads(one) for one in rules}
    found = []
    for file in promtest.FILES:
        content = promtest.load(file)
        loaded = [one for name in content["rule_files"] for one in by_file[Path(name).stem]]
        whole = {key: value for key, value in content.items() if key not in ("tests", "rule_files")}
        for test in content["tests"]:
            wanted = {word for case in promtest.cases(test) for word in WORD.findall(case.get("expr") or case["alertname"])}
            while more := {word for one in loaded if one.name in wanted for word in reads[one]} - wanted:
                wanted |= more
            found.append(Test(file.stem, whole, test, [one for one in loaded if one.name in wanted]))
    return sorted(found, key=lambda one: one.cost)


def run(promtool: Path, rules: list[Placed], some: list[Mutant]) -> None:
    """Marks those that a test notices."""
    every = tests(rules)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for i, _ in enumerate(pool.map(lambda test: _run(promtool, test, some), every), 1):
            if sys.stderr.isatty():
                print(f"\r{i} of {len(every)} tests", end="", file=sys.stderr, flush=True)


def _run(promtool: Path, test: Test, some: list[Mutant]) -> None:
    while left := [mutant for mutant in some if not mutant.killed and mutant.of in test.rules]:
        with tempfile.TemporaryDirectory() as name:
            file = _with(test, left, Path(name))
            done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True)
        output = done.stdout + done.stderr
        numbers = {int(number) for number in _NOTICED.findall(output)}
        if done.returncode and not numbers:
            raise SystemExit(f"{test.file} fails without any change:\n{output[:2000]}")
        for mutant in left:
            if mutant.number in numbers:
                mutant.killed = True
        # A rule that cannot be evaluated ends the test before the others are looked at.
        if not _BROKEN.search(output):
            return


def _with(test: Test, some: list[Mutant], folder: Path) -> Path:
    affected = {mutant.number: test.affected(mutant.of.name) for mutant in some}
    groups: dict[str, list[dict[str, Any]]] = {}
    for one in test.rules:
        beside = [_renamed(mutant.rule if mutant.of is one else one.rule, affected[mutant.number], mutant.suffix)
                  for mutant in some if one.name in affected[mutant.number]]
        groups.setdefault(one.group, []).extend([one.rule, *beside])
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": k, "rules": v} for k, v in groups.items()]}))
    changed = {key: value for key, value in test.test.items() if not key.endswith("_test")}
    changed["input_series"] = [*test.test.get("input_series", [])]
    for mutant in some:
        names = affected[mutant.number]
        for key in ("alert_rule_test", "promql_expr_test"):
            changed.setdefault(key, []).extend(_asked(test.test.get(key, []), names, mutant.suffix))
        changed["input_series"] += [one | {"series": put(one["series"], names, mutant.suffix)}
                                    for one in test.test.get("input_series", []) if WORD.match(one["series"])[0] in names]
    file = folder / "test.yml"
    file.write_text(json.dumps(test.settings | {"rule_files": ["rules.yml"], "tests": [changed]}))
    return file


def _renamed(rule: dict[str, Any], names: set[str], suffix: str) -> dict[str, Any]:
    kind = "alert" if "alert" in rule else "record"
    changed = rule | {kind: rule[kind] + suffix, "expr": put(rule["expr"], names, suffix)}
    if "annotations" in rule:  # these ask for what is recorded, and have the alert's name only in addresses
        recorded = {name for name in names if ":" in name}
        changed["annotations"] = {key: put(text, recorded, suffix) for key, text in rule["annotations"].items()}
    return changed


def _asked(cases: list[dict[str, Any]], names: set[str], suffix: str) -> Iterator[dict[str, Any]]:
    """The cases that ask for any of the names, under the new ones."""
    for case in cases:
        if "alertname" in case:
            if case["alertname"] in names:
                yield case | {"alertname": case["alertname"] + suffix}
        elif names & {*WORD.findall(case["expr"])}:
            yield case | {"expr": put(case["expr"], names, suffix), "exp_samples": [
                one | {"labels": put(str(one.get("labels", "")), names, suffix)} for one in case.get("exp_samples") or []]}
