"""The rules in other hands: Prometheus 2.53 and VictoriaMetrics' vmalert-tool. Run by `make compat`."""

from __future__ import annotations

import os
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
    return parts.fetch(settings.load(), ["prometheus"], suite="trixie") / "usr/bin/promtool"


@pytest.fixture(scope="session")
def vmalert_tool() -> Path:
    return parts.fetch(settings.load(), ["victoria-metrics"], suite="forky") / "usr/bin/vmalert-tool"


def run(*command: object, cwd: Path | None = None) -> None:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


def test_prometheus_2_takes_the_rules(promtool_2: Path) -> None:
    version = subprocess.run([promtool_2, "--version"], capture_output=True, text=True).stdout
    assert "version 2.53" in version
    run(promtool_2, "check", "rules", *RULES)


@pytest.mark.parametrize("file", TESTS, ids=lambda f: f.stem)
def test_prometheus_2_passes_the_tests(file: Path, promtool_2: Path) -> None:
    run(promtool_2, "test", "rules", file, cwd=file.parent)


@pytest.mark.parametrize("file", TESTS, ids=lambda f: f.stem)
def test_vmalert_passes_the_tests(file: Path, vmalert_tool: Path, tmp_path: Path) -> None:
    """Promtool's files in vmalert-tool's words: paths made absolute, MetricsQL's name for expression tests."""
    data: dict[str, Any] = yaml.load(file.read_text(), yaml.CSafeLoader)
    data["rule_files"] = [str((file.parent / rule).resolve()) for rule in data["rule_files"]]
    data.pop("fuzzy_compare", None)
    for group in data["tests"]:
        if "promql_expr_test" in group:
            group["metricsql_expr_test"] = group.pop("promql_expr_test")
    translated = tmp_path / file.name
    translated.write_text(yaml.dump(data, Dumper=yaml.CSafeDumper, width=10**9))
    run(vmalert_tool, "unittest", "--disableAlertgroupLabel", f"--files={translated}", cwd=tmp_path)
