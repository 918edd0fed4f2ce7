"""Changed alerting rules: each is evaluated beside the original in every promtool test of its alert.

All mutants of an alert file are evaluated under names of their own, in one promtool run for each test file.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from mutate import mutants

from vitals import settings

ROOT = settings.ROOT
TESTS = ROOT / "prometheus" / "tests"
_FAILED = re.compile(r"alertname: (\S+)__m(\d+), time|__m(\d+)\W")
_BROKEN = re.compile(r"rule: (\S+)__m(\d+), time")


def load(file: Path) -> Any:
    return yaml.load(file.read_text(), yaml.CSafeLoader)


def dump(data: Any, file: Path) -> None:
    file.write_text(yaml.dump(data, Dumper=yaml.CSafeDumper, width=10**9))


@dataclass
class Mutant:
    file: str  # the rule file's stem
    alert: str
    what: str
    rule: dict[str, Any]
    number: int
    killed: bool = False
    seen_by: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f"{self.alert}__m{self.number}"

    @property
    def key(self) -> str:
        return f"{self.alert}: {self.what}"


def every_mutant(wanted: str) -> list[Mutant]:
    """Of the rule files with that in their name."""
    found: list[Mutant] = []
    for file in sorted((ROOT / "prometheus" / "rules").glob("alerts-*.yml")):
        if wanted not in file.stem:
            continue
        for group in load(file)["groups"]:
            for rule in group["rules"]:
                for what, changed in mutants(rule):
                    found.append(Mutant(file.stem, rule["alert"], what, changed, len(found)))
    return found


def with_mutants(test_file: Path, some: list[Mutant], folder: Path) -> Path:
    """The test file once more, each test of an alert repeated for each of its mutants."""
    place = folder / test_file.stem
    place.mkdir(exist_ok=True)
    content = load(test_file)
    by_alert: dict[str, list[Mutant]] = {}
    for mutant in some:
        by_alert.setdefault(mutant.alert, []).append(mutant)
    rules = []
    for name in content["rule_files"]:
        original = (test_file.parent / name).resolve()
        here = [m for m in some if m.file == original.stem]
        if here:
            data = load(original)
            for group in data["groups"]:
                group["rules"] = [x for rule in group["rules"]
                                  for x in [rule, *({**m.rule, "alert": m.name} for m in by_alert.get(rule["alert"], [])
                                                    if m.rule["labels"].get("job") == rule["labels"].get("job")
                                                    and m.rule["labels"].get("profile") == rule["labels"].get("profile"))]]
            original = place / original.name
            dump(data, original)
        rules.append(str(original))
    content["rule_files"] = rules
    for test in content["tests"]:
        test["alert_rule_test"] = list(_repeated(test.get("alert_rule_test", []), by_alert))
        test["promql_expr_test"] = list(_asked(test.get("promql_expr_test", []), by_alert))
    file = place / test_file.name
    dump(content, file)
    return file


def _repeated(cases: list[dict[str, Any]], by_alert: dict[str, list[Mutant]]) -> Iterator[dict[str, Any]]:
    for case in cases:
        for mutant in by_alert.get(case["alertname"], []):
            yield {**case, "alertname": mutant.name}


def _asked(cases: list[dict[str, Any]], by_alert: dict[str, list[Mutant]]) -> Iterator[dict[str, Any]]:
    for case in cases:
        for name in re.findall(r'alertname="(\w+)"', case["expr"]):
            for mutant in by_alert.get(name, []):
                yield {**case, "expr": case["expr"].replace(f'"{name}"', f'"{mutant.name}"')}


def _test(promtool: Path, test_file: Path, found: dict[int, Mutant], folder: Path) -> None:
    files = {Path(name).stem for name in load(test_file)["rule_files"]}
    text = test_file.read_text()
    some = [m for m in found.values() if m.file in files and not m.killed and re.search(rf"\b{m.alert}\b", text)]
    while some:
        done = subprocess.run([promtool, "test", "rules", with_mutants(test_file, some, folder)], capture_output=True,
                              text=True)
        output = done.stdout + done.stderr
        broken = {int(number) for _, number in _BROKEN.findall(output)}
        for number in {int(a or b) for _, a, b in _FAILED.findall(output)} | broken:
            found[number].killed = True
        if not broken:
            if done.returncode and "__m" not in output:
                raise SystemExit(f"{test_file.name} fails without any change:\n{output[:2000]}")
            return
        # A rule that cannot be evaluated ends the test before the others are looked at.
        some = [m for m in some if m.number not in broken]


def run(promtool: Path, some: list[Mutant]) -> None:
    """Marks those that a test notices."""
    found = {mutant.number: mutant for mutant in some}
    files = sorted(TESTS.glob("*.yml"), key=lambda f: -f.stat().st_size)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(max_workers=2) as pool:
        for i, _ in enumerate(pool.map(lambda file: _test(promtool, file, found, Path(name)), files), 1):
            if sys.stderr.isatty():
                print(f"\r{i} of {len(files)} test files", end="", file=sys.stderr, flush=True)
