"""Changed recording rules: each is evaluated beside the original, and must record something else than the oracle says."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mutate import recorded as changed
from tests.rules import recorded as r

TESTS = r.ROOT / "prometheus" / "tests"
RULES = r.ROOT / "prometheus" / "rules"


@dataclass
class Mutant:
    file: str  # the rule file's stem
    index: int  # of the rule in it
    record: str
    what: str
    expr: str
    number: int
    killed: bool = False

    @property
    def rule(self) -> dict[str, Any]:
        return {"record": self.record, "expr": self.expr}

    @property
    def name(self) -> str:
        return f"{self.record}__m{self.number}"

    @property
    def key(self) -> str:
        return f"{self.file}/{self.record}: {self.what}"


def every_mutant(wanted: str) -> list[Mutant]:
    """Of the rule files with that in their name."""
    found: list[Mutant] = []
    for file in sorted(RULES.glob("*.yml")):
        if wanted in file.stem and not file.stem.startswith("alerts-"):
            for i, rule in enumerate(r.load(file.stem)):
                for what, expr in changed(rule["expr"]):
                    found.append(Mutant(file.stem, i, rule["record"], what, expr, len(found)))
    return found


def run(promtool: Path, found: list[Mutant], wanted: str) -> None:
    """Marks those that something notices."""
    cases: dict[str, list[r.Case]] = {}
    for case in r.cases(wanted).values():
        cases.setdefault(case.rules, []).append(case)
    by_file: dict[str, list[Mutant]] = {}
    for mutant in found:
        by_file.setdefault(mutant.file, []).append(mutant)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for i, _ in enumerate(pool.map(lambda file: _file(promtool, by_file[file], cases.get(file, [])), by_file), 1):
            if sys.stderr.isatty():
                print(f"\r{i} of {len(by_file)} rule files", end="", file=sys.stderr, flush=True)


def _file(promtool: Path, some: list[Mutant], cases: list[r.Case]) -> None:
    for case in cases:
        _beside(promtool, case, [m for m in some if not m.killed and m.record not in {*case.given, *r.BY_HAND}])
    for mutant in some:
        if not mutant.killed and (not cases or mutant.record in {*cases[0].given, *r.BY_HAND}):
            _instead(promtool, mutant)


def _beside(promtool: Path, case: r.Case, some: list[Mutant]) -> None:
    """All of them in one run, under names of their own."""
    original = r.load(case.rules)
    while some:
        rules = []
        for i, rule in enumerate(original):
            rules += [rule, *({**rule, "record": m.name, "expr": m.expr} for m in some if m.index == i)]
        try:
            with tempfile.TemporaryDirectory() as folder:
                got = r.record(promtool, case, rules, Path(folder))
        except r.Broken as err:
            # A rule that cannot be evaluated ends the run before the others are looked at.
            broken = [m for m in some if m.name in err.names]
            if not broken:
                raise SystemExit(f"{case.rules} fails without any change: {err.names}") from err
            for mutant in broken:
                mutant.killed = True
            some = [m for m in some if not m.killed]
            continue
        for mutant in some:
            tags = {(k, v) for k, v in original[mutant.index].get("labels", {}).items() if k != "profile"}
            wanted = {key: value for key, value in case.expected.get(mutant.record, {}).items() if tags <= key}
            mutant.killed = r.differs(wanted, got.get(mutant.name, {}))
        return


def _instead(promtool: Path, mutant: Mutant) -> None:
    """In place of the original, in the tests that load its file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules").symlink_to(RULES)
        (folder / "changed").mkdir()
        data = yaml.load((RULES / f"{mutant.file}.yml").read_text(), yaml.CSafeLoader)
        rules: list[dict[str, Any]] = [rule for group in data["groups"] for rule in group["rules"]]
        rules[mutant.index]["expr"] = mutant.expr
        place = folder / "changed" / f"{mutant.file}.yml"
        place.write_text(yaml.dump(data, Dumper=yaml.CSafeDumper, width=10**9))
        for test in sorted(TESTS.glob("*.yml"), key=lambda file: file.stat().st_size):
            text = test.read_text()
            if f"../rules/{mutant.file}.yml" in text:
                copy = folder / "changed" / test.name
                copy.write_text(text.replace(f"../rules/{mutant.file}.yml", place.name))
                done = subprocess.run([promtool, "test", "rules", copy], capture_output=True)
                if done.returncode:
                    mutant.killed = True
                    return
