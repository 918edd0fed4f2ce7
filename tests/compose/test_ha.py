"""`make up WITH=ha` in containers: two of each, one cluster, and an alert that is told once while one of them is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import ComposeStack, Receiver, docker, get, health, poll, started

TWICE = ("prometheus", "prometheus-2", "alertmanager", "alertmanager-2")


@pytest.fixture(scope="module")
def pair(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """The core, twice where there are two. An app that nobody is fails from the beginning."""
    folder: Path = tmp_path_factory.mktemp("ha")
    (folder / "webhook").write_text(f"http://host.docker.internal:{receiver.server_address[1]}/hook")
    stack = ComposeStack(folder, "demo: false\nnotify: {critical: {webhook_url_file: webhook}}\n"
                                 "apps: [{job: nobody, profile: otel-genai, targets: ['127.0.0.1:1']}]\n")
    yield from started(stack, "ha")


def test_both_of_each_run_and_are_one_cluster(pair: ComposeStack) -> None:
    containers = pair.containers()
    assert {name: health(containers[name]) for name in TWICE} == dict.fromkeys(TWICE, "healthy")
    for alertmanager in TWICE[2:]:
        poll(lambda: len(get(pair.url(alertmanager) + "/api/v2/status")["cluster"]["peers"]) == 2, 60,  # noqa: B023
             f"{alertmanager} sees both")
    assert "9094" not in docker("ps", "--format", "{{.Ports}}"), "the gossip stays inside"


def test_an_alert_is_told_once_while_the_first_alertmanager_is_away(pair: ComposeStack, receiver: Receiver) -> None:
    """Usually it has not told yet: then the second does, which would have waited for it. If it has, the second knows."""
    docker("kill", pair.containers()["alertmanager"]["Id"])
    told = poll(lambda: [a for a in receiver.alerts("ServiceDown") if a["labels"]["job"] == "nobody"], 180, "it is told")
    assert "replica" not in told[0]["labels"]
    docker("start", pair.containers()["alertmanager"]["Id"])
    poll(lambda: health(pair.containers()["alertmanager"]) == "healthy", 60, "the first is back")
    # It hears of the alert at the next evaluation, and begins to tell 35 s after its start: by then it knows better.
    time.sleep(35 + 15 + 10)
    assert len([a for a in receiver.alerts("ServiceDown") if a["labels"]["job"] == "nobody"]) == 1
