"""The viewer that the native engine starts: first in the list, before a real Prometheus, and back when it was killed."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request

import pytest

from tests.stack.conftest import Stack, get, poll


def test_it_is_the_first_thing_that_status_names(stack: Stack) -> None:
    first = stack.vitals("status").stdout.splitlines()[0].split()
    assert first[:3] == ["viewer", "up", f"127.0.0.1:{stack.ports['viewer']}"]


def test_it_asks_the_stacks_prometheus(stack: Stack) -> None:
    viewer = stack.url("viewer")
    assert get(viewer + "/boards.json")["prometheus"] == stack.url("prometheus")
    found = poll(lambda: get(viewer + "/api/v1/query", query="prometheus_build_info")["data"]["result"], 60, "a first scrape")
    assert [one["metric"] for one in found] == [one["metric"] for one in stack.query("prometheus_build_info")]
    assert "prometheus" in get(viewer + "/api/v1/label/job/values")["data"]
    for path in ("labels", "alerts", "targets", "rules", "status/buildinfo"):
        assert get(f"{viewer}/api/v1/{path}")["status"] == "success"


def test_prometheus_refusals_come_in_its_own_words(stack: Stack) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(stack.url("viewer") + "/api/v1/query", query="up * on () up")
    assert caught.value.code == 422 and "many-to-many" in json.load(caught.value)["error"]


def test_it_comes_back(stack: Stack) -> None:
    def pid() -> int:
        line = next(line for line in stack.vitals("status").stdout.splitlines() if line.startswith("viewer"))
        return int(line.partition("pid ")[2].split(",")[0]) if "pid " in line else 0

    before = pid()
    os.kill(before, signal.SIGKILL)

    def back() -> bool:
        with urllib.request.urlopen(stack.url("viewer") + "/-/ready", timeout=5) as response:
            return bool(response.status == 200 and pid() not in (0, before))

    poll(back, 60, "the viewer after it was killed")
