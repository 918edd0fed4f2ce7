"""The log store works from one end to the other. (Where its images are to be had, and with WITH=demo,logs.)"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vitals.settings import ROOT

from .conftest import ComposeStack


def test_lines_are_found_again_and_nothing_is_lost(stack: ComposeStack) -> None:
    if "elasticsearch" not in stack.containers():
        pytest.skip("no Elasticsearch in this stack: it exists as an image only; the full-stack workflow runs this")
    done = subprocess.run([sys.executable, "-m", "tests.elk.end_to_end", "--config", str(stack.config)], text=True,
                          env={**os.environ, "VITALS_STATE": str(stack.state)}, capture_output=True, timeout=1800)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_log_store_from_one_end_to_the_other(stack: ComposeStack, search) -> None:
    """Every way in, what is refused, roles, Kibana, Grafana, Prometheus, and Elasticsearch gone for a while."""
    done = subprocess.run([sys.executable, "-m", "tests.elk.end_to_end", "--config", str(stack.config)], cwd=ROOT,
                          env={**os.environ, "VITALS_STATE": str(stack.state)}, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
