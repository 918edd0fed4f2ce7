"""Starts that cannot succeed say so, and leave nothing behind."""

from __future__ import annotations

import os
import socket

import pytest

from vitals import settings
from vitals.engines import offline, preflight
from vitals.engines.compose import BUILT

from .conftest import ComposeStack, docker


def fails(stack: ComposeStack, *words: str) -> None:
    done = stack.vitals("up", "--with", "", check=False)
    assert done.returncode == 1, done.stdout
    assert [word for word in words if word not in done.stderr] == [], done.stderr
    assert "Traceback" not in done.stderr and "up in" not in done.stdout
    assert stack.running() == {}


def test_a_port_that_is_taken(other: ComposeStack) -> None:
    with socket.create_server(("127.0.0.1", other.ports["alertmanager"])):
        fails(other, f"port {other.ports['alertmanager']} (alertmanager) is taken by", f"pid {os.getpid()}",
              "ports.alertmanager", "nothing was started")


def test_an_empty_secret(other: ComposeStack) -> None:
    secret = other.state / "secrets" / "grafana-admin"
    secret.parent.mkdir(parents=True, mode=0o700)
    secret.touch(mode=0o600)
    fails(other, f"{secret} is empty", "rotate-secrets", "nothing was started")


def test_a_service_that_crashes_again_and_again(other: ComposeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is well for some seconds each time, so that each single look at it would be content."""
    loaded = settings.load()
    images = offline.at_hand(loaded) if os.environ["IMAGES"] == "offline" else {
        name: image for name, image in {**BUILT, **offline.pinned(loaded)}.items() if preflight.has(image)}
    broken = "agent-vitals-test/node-exporter:crashing"
    made = docker("create", "--entrypoint", "timeout", images["NODE_EXPORTER_IMAGE"], "7", "/bin/node_exporter")
    try:
        docker("commit", "--change", 'ENTRYPOINT ["timeout", "7", "/bin/node_exporter"]', made, broken)
        offline.keep(other.state / "compose" / "offline.env", {**images, "NODE_EXPORTER_IMAGE": broken})
        monkeypatch.delenv("IMAGES")
        fails(other, "node-exporter", "not stay up")
    finally:
        docker("rm", made)
        other.vitals("clean")
        docker("image", "rm", broken)
