"""Half an hour of the healthy demo, at night and at noon: nothing fires but Watchdog.

The demo runs on simulated time; what it exposes becomes promtool's input, and every rule is loaded.
"""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import re2
import yaml

from vitals import logs, settings
from vitals.engines import parts

STEP = 30
WARM = 70 * 60  # an hour's window and then some
WATCHED = 30 * 60


class Written:
    """What the log reader counts in the demo's lines. (That it counts so is tested in tests/unit/test_logs.py.)"""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.patterns = [one.pattern for one in logs.patterns(settings.load()).common]
        self.regexes = [re2.compile(pattern.regex) for pattern in self.patterns]

    def __call__(self, line: dict[str, Any]) -> None:
        labels = f'job="{line["service"]}", profile="{line["service"]}", instance="mtail:3903"'
        level = str(line.get("level", line.get("levelname"))).lower()
        for other in logs.LEVELS:
            self._add(f'app_log_lines_total{{{labels}, level="{other}"}}', other == level)
        self._add(f"app_log_plain_lines_total{{{labels}}}", level not in logs.LEVELS)
        text = json.dumps(line, ensure_ascii=False)
        for pattern, regex in zip(self.patterns, self.regexes, strict=True):
            looked_at = pattern.lines == "all" or level not in ("info", "debug")
            self._add(f'app_log_pattern_matches_total{{{labels}, pattern="{pattern.name}"}}',
                      looked_at and bool(regex.search(text)))

    def _add(self, name: str, one: bool) -> None:
        self.counts[name] = self.counts.get(name, 0) + one


def _series(start: float) -> list[dict[str, str]]:
    """The demo's series as promtool writes them: name{labels} and one value a step."""
    from vitals_demo.simulation import Simulation

    written = Written()
    simulation = Simulation(seed=7, start=start, sink=written)
    steps = (WARM + WATCHED) // STEP + 1
    values: dict[str, list[str]] = defaultdict(list)
    for i in range(steps):
        simulation.advance(start + i * STEP)
        for job, app in simulation.apps.items():
            values[f'up{{job="{job}", profile="{job}", instance="demo:9400"}}'].append("1")
            for family in app.registry.collect():
                for sample in family.samples:
                    if sample.name.endswith("_created"):
                        continue
                    labels = {**sample.labels, "job": job, "profile": job, "instance": "demo:9400"}
                    text = ", ".join(f'{k}="{v}"' for k, v in labels.items() if v != "")
                    # A series that begins later is blank until then.
                    series = values[f"{sample.name}{{{text}}}"]
                    series += ["_"] * (i - len(series)) + [repr(float(sample.value))]
        for name, count in written.counts.items():
            values[name] += ["_"] * (i - len(values[name])) + [str(count)]
    return [{"series": name, "values": " ".join(v)} for name, v in values.items()]


@pytest.mark.parametrize("hour", [3, 13], ids=["at night", "at noon"])
def test_nothing_fires(hour: int, tmp_path: Path) -> None:
    loaded = settings.load()
    rules = sorted((loaded.root / "prometheus" / "rules").glob("*.yml"))
    at = [f"{WARM // 60 + m}m" for m in range(0, WATCHED // 60 + 1, 5)]
    test = {
        "rule_files": [str(rule) for rule in rules],
        "evaluation_interval": f"{STEP}s",
        "tests": [{
            "interval": f"{STEP}s",
            "input_series": _series(datetime(2026, 11, 18, hour, tzinfo=UTC).timestamp()),
            "promql_expr_test": [
                {"expr": "count by (alertname, job, severity) (ALERTS{alertstate=\"firing\"})", "eval_time": moment,
                 "exp_samples": [{"labels": '{alertname="Watchdog", severity="info"}', "value": 1}]}
                for moment in at
            ],
        }],
    }
    file = tmp_path / "healthy.yml"
    file.write_text(yaml.dump(test, Dumper=yaml.CSafeDumper, width=10**9))
    done = subprocess.run([parts.tool(loaded, "promtool"), "test", "rules", file], capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[:4000]
