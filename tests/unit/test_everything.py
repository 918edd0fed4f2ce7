"""What `make test` does with its parts: tests/everything.py itself, over a Makefile with others."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "everything.py"
MAKEFILE = """
good:
\t@echo "3 passed in 0.10s"
bad:
\t@echo before; echo "===== FAILURES ====="; echo "it was 7"; echo "1 failed, 2 passed in 0.10s"; exit 1
mute:
\t@exit 3
slow bad-slow quick:
\t@$(if $(findstring slow,$@),sleep 1;) echo $@ >> order$(if $(findstring bad,$@),; exit 1)
long:
\t@echo $$$$ > pid; exec sleep 600
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    shutil.copy(SCRIPT, tmp_path / "tests")
    (tmp_path / "Makefile").write_text(MAKEFILE)
    return tmp_path


def start(folder: Path, *targets: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, folder / "tests" / "everything.py", *targets], stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def test_what_passes(folder: Path) -> None:
    done = start(folder, "good")
    out, _ = done.communicate()
    assert done.returncode == 0, out
    assert "good: 3 passed" in out and "FAILED" not in out


def test_what_fails_ends_nothing_else_and_is_shown(folder: Path) -> None:
    done = start(folder, "bad", "good", "mute")
    out, _ = done.communicate()
    assert done.returncode == 1
    assert "good: 3 passed" in out and "bad: 1 failed, 2 passed" in out
    _, *told = re.split(r"#{20} (\w+) #{20}", out)
    words = dict(zip(told[::2], told[1::2], strict=True))
    assert words.keys() == {"bad", "mute"}
    assert words["bad"].split("\n")[1].endswith("= FAILURES =====") and "it was 7" in words["bad"]
    assert "Error 3" in words["mute"], "a log that does not say where its failures begin: its end"
    summary = out.splitlines()[-4:]
    assert [line.split()[0] for line in summary].count("FAILED") == 3, summary  # bad, mute, and all of it
    assert (folder / "build" / "test" / "bad.log").read_text().startswith("before")


def test_a_lane_is_done_in_its_order_and_a_round_when_the_one_before_is_done(folder: Path) -> None:
    rounds = [[["bad-slow", "slow"], ["good"]], [["quick"]]]
    done = subprocess.run([sys.executable, "-c", f"import everything, sys; sys.exit(everything.run({rounds}))"],
                          cwd=folder / "tests", capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr
    assert (folder / "order").read_text().split() == ["bad-slow", "slow", "quick"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing_running(folder: Path, number: signal.Signals) -> None:
    process = start(folder, "long", "good")
    pid = folder / "pid"
    while not (pid.exists() and pid.read_text()):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "interrupted" in out and "Traceback" not in out
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
