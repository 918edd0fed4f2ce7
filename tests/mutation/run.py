"""`make mutation`: changes every rule in every way of `mutate`, and runs the tests that can see it.

A mutant that no test notices is a survivor: it needs a test, or one line in argued.yaml that says why not.
`make mutation RULES=host` changes only rule files with that in their name.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, TypeVar

import yaml

from vitals import settings
from vitals.engines import parts

sys.path[:0] = [str(Path(__file__).parent), str(settings.ROOT)]
import alerting  # noqa: E402
import recorded  # noqa: E402

ARGUED = Path(__file__).with_name("argued.yaml")
ENOUGH = 0.97

Mutant = TypeVar("Mutant", alerting.Mutant, recorded.Mutant)


def valid(promtool: Path, some: list[Mutant]) -> list[Mutant]:
    """Those that Prometheus would load at all."""
    if not some:
        return []
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "check.yml"
        rules: list[dict[str, Any]] = [{**m.rule, **({"alert": m.name} if "alert" in m.rule else {"record": m.name})} for m in some]
        file.write_text(yaml.dump({"groups": [{"name": "x", "rules": rules}]}, Dumper=yaml.CSafeDumper, width=10**9))
        if subprocess.run([promtool, "check", "rules", "--lint=none", file], capture_output=True).returncode == 0:
            return some
    if len(some) == 1:
        return []
    half = len(some) // 2
    return valid(promtool, some[:half]) + valid(promtool, some[half:])


def judge(kind: str, everything: list[Mutant], found: list[Mutant], argued: dict[str, str]) -> bool:
    """Prints the survivors and the score; whether it is enough."""
    survivors = [m for m in found if not m.killed]
    open_ = [m for m in survivors if m.key not in argued]
    for mutant in survivors:
        print(f"{'argued' if mutant.key in argued else 'ALIVE '}  {mutant.key}"
              + (f"  ({argued[mutant.key]})" if mutant.key in argued else ""))
    score = 1 - len(survivors) / len(found) if found else 1.0
    print(f"{kind} rules: {len(found) - len(survivors)} of {len(found)} mutants killed, {score:.1%}; {len(open_)} survivors "
          f"without an argument; {len(everything) - len(found)} more are no valid rules", flush=True)
    return score >= ENOUGH and not open_


def main(wanted: str) -> int:
    start = time.monotonic()
    promtool = parts.tool(settings.load(), "promtool")
    argued: dict[str, str] = yaml.safe_load(ARGUED.read_text()) or {} if ARGUED.exists() else {}
    alerts, records = alerting.every_mutant(wanted), recorded.every_mutant(wanted)
    kept_alerts, kept_records = valid(promtool, alerts), valid(promtool, records)
    alerting.run(promtool, kept_alerts)
    enough = judge("alerting", alerts, kept_alerts, argued)
    recorded.run(promtool, kept_records, wanted)
    enough &= judge("recording", records, kept_records, argued)
    stale = {key for key in argued if wanted in key} - {m.key for m in (*kept_alerts, *kept_records) if not m.killed}
    for key in sorted(stale) if not wanted else ():
        print(f"no longer a survivor, remove it from {ARGUED.name}: {key}")
    print(f"{time.monotonic() - start:.0f} s")
    return int(not enough or bool(stale and not wanted))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
