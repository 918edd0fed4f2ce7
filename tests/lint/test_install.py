"""`pip install` of what this repository builds, into an empty environment, used far from the repository.

Slow (it makes an environment and fetches the dependencies), and the only test that sees a package left out.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lint.running import alert, group

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def vitals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed command."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "scripts/bootstrap.py")
    assert spec and spec.loader
    bootstrap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bootstrap)
    work = tmp_path_factory.mktemp("install")
    pip = str(bootstrap.find_pip(work))
    copy = work / "source"  # a build leaves folders behind
    for folder in ("scripts", "exporters/demo"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy)
    quiet = ["-q", "--no-input", "--disable-pip-version-check"]
    call(sys.executable, pip, "wheel", *quiet, "--no-deps", "--no-build-isolation", "-w", work, copy)
    wheel, = work.glob("*.whl")
    call(sys.executable, "-m", "venv", "--without-pip", work / "venv")
    pins = re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / "requirements.lock").read_text(), re.M)
    (work / "pins.txt").write_text("\n".join(pins))
    call(work / "venv/bin/python", pip, "install", *quiet, "--only-binary", ":all:", "-c", work / "pins.txt", wheel)
    return work / "venv/bin/vitals"


def call(*command: object, cwd: Path | None = None) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def test_lint_as_installed(vitals: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(group(alert("One"), alert("Two", "sum by (instance) (node_cpu) > 1")))
    (tmp_path / ".vitals-lint.yaml").write_text("checks: {severity: {dead-join: warning}}\n")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": "/nonexistent", "HOME": str(tmp_path), "LANG": os.environ.get("LANG", "C")}
        return subprocess.run([str(vitals), *arguments], capture_output=True, text=True, cwd=tmp_path, env=env)

    done = run("lint", "-f", "json", "rules.yml")
    assert done.returncode == 1, done.stderr
    found = {(entry["subject"], entry["check"]): entry["severity"] for entry in json.loads(done.stdout)["findings"]}
    assert found["alert One", "dead-join"] == "warning"  # the configuration was read
    assert ("alert Two", "renamed-metric") in found  # the catalogues came along
    for format in ("text", "github", "sarif", "junit", "checkstyle"):
        assert run("lint", "-f", format, ".").returncode == 1
    assert "dead-join" in run("lint", "--list").stdout
    assert run("lint", "--explain", "dead-join").returncode == 0
    assert run("lint", "rules.yml", "--fail-on", "never").returncode == 0
    assert "Exit codes" in run("lint", "--help").stdout
    for words in (["up"], ["doctor", "http://127.0.0.1:9"]):  # what is not installed says so
        done = run(*words)
        assert done.returncode == 1
        assert "from a checkout, by `make`" in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == [".vitals-lint.yaml", "rules.yml"]
