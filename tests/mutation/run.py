"""`make mutation`: changes every rule in every way of `mutate`, and runs the tests that can see it.

A mutant that no test notices is a survivor: it needs a test, or one line in argued.yaml that says why not.
`make mutation RULES=host` changes only rule files with that in their name.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from vitals import settings
from vitals.engines import parts

sys.path[:0] = [str(Path(__file__).parent), str(settings.ROOT)]
import byhand  # noqa: E402
import recorded  # noqa: E402
from mutant import Mutant, mutants, rules  # noqa: E402

ARGUED = Path(__file__).with_name("argued.yaml")
ENOUGH = 0.97


def valid(promtool: Path, some: list[Mutant]) -> list[Mutant]:
    """Those that Prometheus would load at all."""
    if not some:
        return []
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "check.yml"
        changed = [{**m.rule, "alert" if "alert" in m.rule else "record": m.of.name + m.suffix} for m in some]
        file.write_text(json.dumps({"groups": [{"name": "x", "rules": changed}]}))
        if subprocess.run([promtool, "check", "rules", "--lint=none", file], capture_output=True).returncode == 0:
            return some
    if len(some) == 1:
        return []
    half = len(some) // 2
    return valid(promtool, some[:half]) + valid(promtool, some[half:])


def judge(kind: str, found: list[Mutant], argued: dict[str, str]) -> bool:
    """Prints the survivors and the score; whether it is enough."""
    survivors = [mutant for mutant in found if not mutant.killed]
    for mutant in survivors:
        print(f"argued  {mutant.key}  ({argued[mutant.key]})" if mutant.key in argued else f"ALIVE   {mutant.key}")
    score = 1 - len(survivors) / len(found) if found else 1.0
    open_ = sum(mutant.key not in argued for mutant in survivors)
    print(f"{kind} rules: {len(found) - len(survivors)} of {len(found)} mutants killed, {score:.1%}; {open_} survivors "
          "without an argument", flush=True)
    return score >= ENOUGH and not open_


def main(wanted: str) -> int:
    start = time.monotonic()
    promtool = parts.tool(settings.load(), "promtool")
    argued = {key: one["why"] for one in yaml.safe_load(ARGUED.read_text()) for key in one["mutants"]}
    every = rules()
    found = valid(promtool, mutants([one for one in every if wanted in one.file]))
    recorded.run(promtool, every, [mutant for mutant in found if "record" in mutant.rule], wanted)
    byhand.run(promtool, every, found)
    enough = judge("alerting", [mutant for mutant in found if "alert" in mutant.rule], argued)
    enough &= judge("recording", [mutant for mutant in found if "record" in mutant.rule], argued)
    stale = sorted(argued.keys() - {mutant.key for mutant in found if not mutant.killed}) if not wanted else []
    for key in stale:
        print(f"no longer a survivor, remove it from {ARGUED.name}: {key}")
    used = os.times()
    print(f"{time.monotonic() - start:.0f} s, of processors {sum(used[:4]):.0f} s")
    return int(not enough or bool(stale))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
