"""`make up ENGINE=native WITH=ha` as a person has it: who runs, who knows whom, what a crash and a backup leave."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.stack.conftest import Stack, get, poll

TWICE = ("prometheus", "prometheus-2", "alertmanager", "alertmanager-2")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("ha"), "demo: false\n")
    print(running.vitals("up", "--with", "ha").stdout)
    yield running
    running.vitals("clean")
    assert running.processes() == []


def states(stack: Stack) -> dict[str, str]:
    return {line.split()[0]: line.split()[1] for line in stack.vitals("status").stdout.splitlines() if line}


def pids(stack: Stack) -> dict[str, str]:
    """Of those that are up; somebody who has just crashed makes `status` fail."""
    return dict(re.findall(r"^(\S+) +up .* pid (\d+),", stack.vitals("status", check=False).stdout, re.M))


def peers(stack: Stack, alertmanager: str) -> set[str]:
    return {peer["name"] for peer in get(stack.url(alertmanager) + "/api/v2/status")["cluster"]["peers"]}


def test_all_four_run_and_know_each_other(stack: Stack) -> None:
    found = states(stack)
    assert {name: found[name] for name in TWICE} == dict.fromkeys(TWICE, "up")
    for alertmanager in TWICE[2:]:
        poll(lambda: peers(stack, alertmanager) == {"alertmanager-1", "alertmanager-2"}, 60, "a cluster of two")  # noqa: B023
    for prometheus in TWICE[:2]:
        told = get(stack.url(prometheus) + "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
        assert {one["url"] for one in told} == {stack.url(name) + "/api/v2/alerts" for name in TWICE[2:]}
        active = get(stack.url(prometheus) + "/api/v1/targets", state="active")["data"]["activeTargets"]
        own = {t["labels"]["instance"] for t in active if t["labels"]["job"] in ("prometheus", "alertmanager")}
        assert {f"127.0.0.1:{stack.ports[name]}" for name in TWICE} <= own, "each watches all four"


def test_an_alert_of_both_is_one(stack: Stack) -> None:
    """Watchdog is fired by both Prometheus, with replica labels that Alertmanager must not see."""
    for alertmanager in TWICE[2:]:
        [alert] = poll(lambda: get(stack.url(alertmanager) + "/api/v2/alerts", filter="alertname=Watchdog"), 90,  # noqa: B023
                       "Watchdog reaches it")
        assert alert["labels"].get("cluster") == "agent-vitals" and "replica" not in alert["labels"]


def test_what_crashes_comes_back_into_the_cluster(stack: Stack) -> None:
    before = pids(stack)
    killed = ("prometheus-2", "alertmanager")
    for name in killed:
        os.kill(int(before[name]), signal.SIGKILL)
    poll(lambda: (now := pids(stack)) and all(now.get(name, before[name]) != before[name] for name in killed), 60, "they run again")
    poll(lambda: peers(stack, "alertmanager") == peers(stack, "alertmanager-2") == {"alertmanager-1", "alertmanager-2"},
         60, "they are a cluster again")


def test_a_silence_in_one_holds_in_both(stack: Stack) -> None:
    silence = ["--alertmanager.url=" + stack.url("alertmanager-2"), "silence", "add", "--comment=x", "--author=x", "job=none"]
    from vitals import settings
    from vitals.engines import parts

    amtool = parts.tool(settings.load(stack.config), "amtool")
    subprocess.run([amtool, *silence], check=True, capture_output=True)
    poll(lambda: get(stack.url("alertmanager") + "/api/v2/silences"), 30, "the first knows it too")


def test_a_backup_leaves_one_of_each_running_and_both_get_it_back(stack: Stack) -> None:
    before = pids(stack)
    said = stack.vitals("backup").stdout
    after = pids(stack)
    assert {name for name in TWICE if before[name] != after[name]} == {"prometheus", "alertmanager"}
    [archive] = (stack.state / "backups").glob("*.tar.gz")
    assert "prometheus-2" not in said
    stack.vitals("down")
    assert "prometheus-2" in stack.vitals("restore", str(archive), check=False).stderr, "it has data: --overwrite"
    stack.vitals("restore", str(archive), "--overwrite")
    for prometheus in TWICE[:2]:
        query = f"count_over_time(up{{job='inbox'}}[1h]) or count_over_time(up{{job='node'}}[1h])"  # noqa: F541
        assert get(stack.url(prometheus) + "/api/v1/query", query=query)["data"]["result"], "both have samples from before"


def test_without_ha_the_second_ones_go(stack: Stack) -> None:
    stack.vitals("up", "--with", "")
    found = states(stack)
    assert "prometheus-2" not in found and found["prometheus"] == found["alertmanager"] == "up"
    assert get(stack.url("alertmanager") + "/api/v2/status")["cluster"]["status"] == "disabled"
