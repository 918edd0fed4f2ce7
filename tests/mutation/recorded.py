"""Changed recording rules over made-up metrics: they must record something else than the oracle says.

All mutants of a rule file are evaluated beside the originals, in one promtool run for each of the oracle's cases.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutant import Mutant, Placed
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
        for case in cases[file]:
            _judge(promtool, case, [one for one in rules if one.file == file], by_file[file])

    with ThreadPoolExecutor(max_workers=2) as pool:
        for i, _ in enumerate(pool.map(judge, by_file), 1):
            if sys.stderr.isatty():
                print(f"\r{i} of {len(by_file)} rule files", end="", file=sys.stderr, flush=True)


def _judge(promtool: Path, case: recorded.Case, rules: list[Placed], some: Iterable[Mutant]) -> None:
    while left := [mutant for mutant in some if not mutant.killed and mutant.of.name not in case.given]:
        beside = [rule for one in rules for rule in (one.rule, *(
            m.rule | {"record": one.name + m.suffix} for m in left if m.of is one))]
        try:
            with tempfile.TemporaryDirectory() as folder:
                got = recorded.record(promtool, case, beside, Path(folder))
        except recorded.Broken as err:
            # A rule that cannot be evaluated ends the run before the others are looked at.
            broken = [mutant for mutant in left if mutant.of.name + mutant.suffix in err.names]
            if not broken:
                raise SystemExit(f"{case.rules} fails without any change: {err}") from err
            for mutant in broken:
                mutant.killed = True
            continue
        for mutant in left:
            tags = {(key, value) for key, value in mutant.rule.get("labels", {}).items() if key != "profile"}
            expected = {key: value for key, value in case.expected.get(mutant.of.name, {}).items() if tags <= key}
            mutant.killed = recorded.differs(expected, got.get(mutant.of.name + mutant.suffix, {}))
        return
