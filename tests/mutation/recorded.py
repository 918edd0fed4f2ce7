"""Changed recording rules over made-up metrics, as in tests/rules/test_recorded.py.

All mutants of a rule file are evaluated beside the originals, in one promtool run for each case.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from mutant import Mutant, Placed, put
from tests.rules import recorded


def run(promtool: Path, rules: list[Placed], some: list[Mutant], wanted: str) -> None:
    """Marks those that record something else."""
    cases: dict[str, list[recorded.Case]] = {}
    for case in recorded.cases(wanted).values():
        cases.setdefault(case.rules, []).append(case)
    by_file: dict[str, list[Mutant]] = {}
    for mutant in some:
        if mutant.of.file in cases and mutant.of.name not in recorded.BY_HAND:
            by_file.setdefault(mutant.of.file, []).append(mutant)

    def judge(file: str) -> None:
        here = [one for one in rules if one.file == file]
        for case in cases[file]:
            _against_oracle(promtool, case, here, by_file[file])
        if file.startswith("profile-") and (pair := recorded.disturbed(cases[file][0].profile)):
            _disturbed(promtool, pair, here, by_file[file])

    with ThreadPoolExecutor(max_workers=2) as pool:
        for i, _ in enumerate(pool.map(judge, by_file), 1):
            if sys.stderr.isatty():
                print(f"\r{i} of {len(by_file)} rule files", end="", file=sys.stderr, flush=True)


def _against_oracle(promtool: Path, case: recorded.Case, rules: list[Placed], some: list[Mutant]) -> None:
    left, (got,) = _beside(promtool, [case], rules, some)
    for mutant in left:
        tags = {(key, value) for key, value in mutant.rule.get("labels", {}).items() if key != "profile"}
        expected = {key: value for key, value in case.expected.get(mutant.of.name, {}).items() if tags <= key}
        mutant.killed = recorded.differs(expected, got.get(mutant.of.name + mutant.suffix, {}))


def _disturbed(promtool: Path, pair: tuple[recorded.Case, recorded.Case], rules: list[Placed], some: list[Mutant]) -> None:
    left, (calm, other) = _beside(promtool, [*pair], rules, some)
    for mutant in left:
        here, there = (got.get(mutant.of.name + mutant.suffix, {}) for got in (calm, other))
        mutant.killed = (not here or recorded.differs(here, there)
                         or not recorded.labelled(mutant.of.name, pair[0].profile, here))


def _beside(promtool: Path, cases: list[recorded.Case], rules: list[Placed],
            some: list[Mutant]) -> tuple[list[Mutant], list[dict[str, dict[recorded.o.Labels, float]]]]:
    """Those of the mutants that the cases are about and can be evaluated, and what is recorded in each case."""
    while True:
        left = [mutant for mutant in some if not mutant.killed and mutant.of.name not in cases[0].given]
        beside = [rule for one in rules for rule in (one.rule, *(
            m.rule | {"record": one.name + m.suffix, "expr": put(m.rule["expr"], {one.name}, m.suffix)}
            for m in left if m.of is one))]
        keeping = [mutant for mutant in left if mutant.of.name in mutant.rule["expr"]]  # they read what they recorded
        try:
            with tempfile.TemporaryDirectory() as folder:
                return left, [recorded.record(promtool, replace(case, inputs=[*case.inputs, *(
                    line | {"series": put(line["series"], {m.of.name}, m.suffix)} for m in keeping for line in case.inputs
                    if line["series"].startswith(m.of.name + "{"))]), beside, Path(folder)) for case in cases]
        except recorded.Broken as err:
            # A rule that cannot be evaluated ends the run before the others are looked at.
            broken = [mutant for mutant in left if mutant.of.name + mutant.suffix in err.names]
            if not broken:
                raise SystemExit(f"{cases[0].rules} fails without any change: {err}") from err
            for mutant in broken:
                mutant.killed = True
