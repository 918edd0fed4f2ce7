"""An app's own log file and pattern; a log reader that hangs."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Stack, poll

OWN = """
log_dir: own-logs
apps:
  - job: till
    profile: marketing-agents
    targets: ['127.0.0.1:{demo}']
    metrics_path: /apps/marketing-agents/metrics
    logs: ['till-*.log']
    log_patterns: [{{name: refunded_twice, regex: 'refunded (order )?twice', means: Money is paid back twice., limit: 2, severity: critical}}]
"""


@pytest.fixture
def till(stack: Stack) -> Iterator[Path]:
    """An app of one's own, live after a reload, that logs a line of each kind every second into this file."""
    folder = stack.folder / "own-logs"
    folder.mkdir()
    file = folder / "till-1.log"
    file.touch()
    stack.write(OWN.format(demo=stack.ports["demo"]))
    stack.vitals("reload")
    ended = threading.Event()

    def write() -> None:
        while not ended.wait(1):
            with file.open("a") as handle:
                handle.write('2026-11-01 09:00:03,120 - till - INFO - order paid\n{"level":"warning","event":"refunded order twice"}\n')

    writer = threading.Thread(target=write)
    writer.start()
    yield file
    ended.set()
    writer.join()
    stack.write()
    stack.vitals("reload")


def test_a_pattern_of_ones_own_fires_with_its_own_severity(stack: Stack, till: Path) -> None:
    poll(lambda: stack.query('job_level:log_lines:rate5m{job="till", level="info"} > 0'), 120, "its lines are counted")
    poll(lambda: stack.query('ALERTS{alertstate="firing", alertname="LogPatternDetected", job="till", severity="critical"}'),
         180, "its pattern fires")
    [told] = poll(lambda: stack.notifications(alertname="LogPatternDetected", job="till"), 60, "somebody is told")
    assert told["labels"]["pattern"] == "refunded_twice"
    assert told["annotations"]["description"].endswith("the limit is 2. Money is paid back twice.")


def test_a_reader_that_hangs_is_told_and_no_app_is_blamed(stack: Stack) -> None:
    [pid] = [pid for pid in stack.processes()
             if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(b"/mtail")]
    os.kill(pid, signal.SIGSTOP)
    try:
        poll(lambda: stack.notifications(alertname="LogReaderDown", status="firing"), 240, "LogReaderDown")
        assert ("ExporterDown", "mtail") not in stack.alerts()
        assert not [alert for alert in stack.alerts() if alert[0] in ("LogsStopped", "LogsMissing")]
    finally:
        os.kill(pid, signal.SIGCONT)
    poll(lambda: stack.query('up{job="mtail"} == 1'), 60, "it is back")
    poll(lambda: stack.query('time() - job:log_last_line_seconds:current{job="vllm"} < 60'), 120, "and reads on")
