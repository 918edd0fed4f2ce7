"""The promtool unit tests of prometheus/tests, one pytest case a file, and what they must cover."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
from tests.rules import promtest

from vitals import alerts, settings
from vitals.engines import parts


@pytest.fixture(scope="session")
def promtool() -> Path:
    return parts.tool(settings.load(), "promtool")


@pytest.mark.parametrize("file", promtest.FILES, ids=lambda f: f.stem)
def test_promtool(file: Path, promtool: Path) -> None:
    done = subprocess.run([promtool, "test", "rules", file.name], cwd=file.parent, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _expectations() -> dict[str, list[dict]]:
    found = defaultdict(list)
    for file in promtest.FILES:
        for group in promtest.load(file)["tests"]:
            for case in group.get("alert_rule_test", []):
                found[case["alertname"]].append(case)
    return found


@pytest.mark.parametrize("name", sorted(alerts.all_alerts()))
def test_every_alert_is_seen_to_fire_and_to_stay_silent(name: str) -> None:
    cases = _CASES[name]
    fired = [alert for case in cases for alert in case.get("exp_alerts") or []]
    assert fired, f"no test sees {name} fire"
    assert any({"summary", "description"} <= set(alert.get("exp_annotations", {})) for alert in fired), (
        f"no test spells out what {name} says")
    if name != "Watchdog":
        assert any(not case.get("exp_alerts") for case in cases), f"no test sees {name} stay silent"


def test_no_test_of_an_alert_that_does_not_exist() -> None:
    assert set(_CASES) <= set(alerts.all_alerts())


_CASES = _expectations()
