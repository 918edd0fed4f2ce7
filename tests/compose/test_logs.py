"""The log store works from one end to the other. (Where its images are to be had, and with WITH=demo,logs.)"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .conftest import ComposeStack


def test_lines_are_found_again_and_nothing_is_lost(stack: ComposeStack) -> None:
    if "elasticsearch" not in stack.containers():
        pytest.skip("no Elasticsearch in this stack: it exists as an image only; the full-stack workflow runs this")
    done = subprocess.run([sys.executable, "-m", "tests.elk.end_to_end", "--config", str(stack.config)], text=True,
                          env={**os.environ, "VITALS_STATE": str(stack.state)}, capture_output=True, timeout=1800)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
