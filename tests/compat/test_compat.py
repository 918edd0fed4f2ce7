"""The rules in other hands: Prometheus 2.53 and VictoriaMetrics' vmalert-tool. Run by `make compat`."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from vitals import settings
from vitals.engines import parts

ROOT = settings.ROOT
TESTS = sorted((ROOT / "prometheus" / "tests").glob("*.yml"))
RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))

pytestmark = pytest.mark.skipif(not os.environ.get("COMPAT"), reason="optional: run `make compat`")


@pytest.fixture(scope="session")
def promtool_2() -> Path:
    return parts.fetch(settings.load(), ["promtool"], suite="trixie") / "usr/bin/promtool"


@pytest.fixture(scope="session")
def vmalert_tool() -> Path:
    return parts.fetch(settings.load(), ["victoria-metrics"], suite="forky") / "usr/bin/vmalert-tool"


def run(*command: object, cwd: Path | None = None) -> tuple[int, str]:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class Loader(yaml.CSafeLoader):
    """Leaves 0x40, forty zeroes more, the text it is for promtool."""


Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: node.value if "x" in node.value else int(node.value))


def load(file: Path) -> dict[str, Any]:
    return yaml.load(file.read_text(), Loader)


def save(file: Path, data: dict[str, Any]) -> None:
    file.write_text(yaml.dump(data, Dumper=yaml.CSafeDumper, width=10**9))


# --- Prometheus 2 -----------------------------------------------------------------------------------------


def test_prometheus_2_takes_the_rules(promtool_2: Path) -> None:
    assert "version 2.53" in run(promtool_2, "--version")[1]
    code, said = run(promtool_2, "check", "rules", *RULES)
    assert code == 0, said


@pytest.mark.parametrize("file", TESTS, ids=lambda f: f.stem)
def test_prometheus_2_passes_the_tests(file: Path, promtool_2: Path, tmp_path: Path) -> None:
    """With windows of a millisecond less than the rules have, and so with the same samples in them.

    Prometheus 3 leaves out the sample that lies exactly at the start of a window, Prometheus 2 counts it. Real
    samples never lie there, those of tests always do.
    """
    for folder in ("rules", "tests"):
        (tmp_path / folder).mkdir()
    for name in load(file)["rule_files"]:
        (tmp_path / "tests" / name).write_text(_open_windows((file.parent / name).read_text()))
    (tmp_path / "tests" / file.name).write_text(file.read_text())
    code, said = run(promtool_2, "test", "rules", file.name, cwd=tmp_path / "tests")
    assert code == 0, said


def _open_windows(rules: str) -> str:
    """Every window, and every subquery's, a millisecond shorter."""
    units = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
    return re.sub(r"\[(\d+)([smhd])(?=[]:])", lambda m: f"[{int(m[1]) * units[m[2]] - 1}ms", rules)


# --- VictoriaMetrics --------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", TESTS, ids=lambda f: f.stem)
def test_vmalert_passes_the_tests(file: Path, vmalert_tool: Path, tmp_path: Path) -> None:
    """Promtool's files in vmalert-tool's words: paths made absolute, MetricsQL's name for expression tests."""
    data = load(file)
    data["rule_files"] = [str((file.parent / rule).resolve()) for rule in data["rule_files"]]
    data.pop("fuzzy_compare", None)
    for group in data["tests"]:
        if "promql_expr_test" in group:
            group["metricsql_expr_test"] = group.pop("promql_expr_test")
    save(tmp_path / file.name, data)
    code, said = run(vmalert_tool, "unittest", "--disableAlertgroupLabel", f"--files={file.name}", cwd=tmp_path)
    assert code == 0, said
