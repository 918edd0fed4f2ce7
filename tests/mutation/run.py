"""`make mutation`: changes every alerting rule in every way of `mutate`, and runs the promtool tests that load it.

All mutants of a rule file are evaluated beside the originals, under names of their own, in one promtool run for each
test file. A mutant that no test notices is a survivor: it needs a test, or one line in argued.yaml that says why not.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vitals import settings
from vitals.engines import parts

sys.path.insert(0, str(Path(__file__).parent))
from mutate import mutants  # noqa: E402

ROOT = settings.ROOT
TESTS = ROOT / "prometheus" / "tests"
ARGUED = Path(__file__).with_name("argued.yaml")
ENOUGH = 0.97
_FAILED = re.compile(r"alertname: (\S+)__m(\d+), time|__m(\d+)\W")
_BROKEN = re.compile(r"rule: (\S+)__m(\d+), time")


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


def load(file: Path) -> Any:
    return yaml.load(file.read_text(), yaml.CSafeLoader)


def dump(data: Any, file: Path) -> None:
    file.write_text(yaml.dump(data, Dumper=yaml.CSafeDumper, width=10**9))


def every_mutant() -> list[Mutant]:
    found: list[Mutant] = []
    for file in sorted((ROOT / "prometheus" / "rules").glob("alerts-*.yml")):
        for group in load(file)["groups"]:
            for rule in group["rules"]:
                for what, changed in mutants(rule):
                    found.append(Mutant(file.stem, rule["alert"], what, changed, len(found)))
    return found


def valid(promtool: Path, found: list[Mutant], folder: Path) -> list[Mutant]:
    """Those that Prometheus would load at all."""
    kept = []
    for i in range(0, len(found), 40):
        kept += _valid(promtool, found[i:i + 40], folder)
    return kept


def _valid(promtool: Path, some: list[Mutant], folder: Path) -> list[Mutant]:
    file = folder / f"check-{some[0].number}-{len(some)}.yml"
    dump({"groups": [{"name": "x", "rules": [{**m.rule, "alert": m.name} for m in some]}]}, file)
    if subprocess.run([promtool, "check", "rules", "--lint=none", file], capture_output=True).returncode == 0:
        return some
    if len(some) == 1:
        return []
    half = len(some) // 2
    return _valid(promtool, some[:half], folder) + _valid(promtool, some[half:], folder)


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


def run(promtool: Path, test_file: Path, found: dict[int, Mutant], folder: Path) -> None:
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


def main() -> int:
    start = time.monotonic()
    promtool = parts.tool(settings.load(), "promtool")
    argued: dict[str, str] = load(ARGUED) or {} if ARGUED.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        everything = every_mutant()
        found = {m.number: m for m in valid(promtool, everything, folder)}
        print(f"{len(found)} mutants of {len({m.alert for m in found.values()})} alerts; "
              f"{len(everything) - len(found)} more are no valid rules", flush=True)
        files = sorted(TESTS.glob("*.yml"), key=lambda f: -f.stat().st_size)
        with ThreadPoolExecutor(max_workers=2) as pool:
            for i, _ in enumerate(pool.map(lambda file: run(promtool, file, found, folder), files), 1):
                if sys.stderr.isatty():
                    print(f"\r{i} of {len(files)} test files", end="", file=sys.stderr, flush=True)
    survivors = [m for m in found.values() if not m.killed]
    open_ = [m for m in survivors if m.key not in argued]
    for mutant in survivors:
        print(f"{'argued' if mutant.key in argued else 'ALIVE '}  {mutant.key}"
              + (f"  ({argued[mutant.key]})" if mutant.key in argued else ""))
    stale = sorted(set(argued) - {m.key for m in survivors})
    for key in stale:
        print(f"no longer a survivor, remove it from {ARGUED.name}: {key}")
    score = 1 - len(survivors) / len(found)
    print(f"{len(found) - len(survivors)} of {len(found)} killed: {score:.1%}; {len(open_)} survivors without an argument; "
          f"{time.monotonic() - start:.0f} s")
    return int(score < ENOUGH or bool(open_) or bool(stale))


if __name__ == "__main__":
    sys.exit(main())
