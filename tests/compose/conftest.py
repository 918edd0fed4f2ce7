"""Real stacks on a real Docker engine: the project's compose files, started by `vitals up` as a person starts them.

Every file can be run by a worker of its own, on the one engine: most of a test is waiting.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.stack.conftest import Stack, get, poll
from vitals import settings
from vitals.engines import dockerd
from vitals.engines.compose import Compose
from vitals.errors import VitalsError

from .engine import with_images


def docker(*command: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *command], capture_output=True, text=True, timeout=120)
    assert not check or done.returncode == 0, f"docker {' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


def health(container: dict[str, Any]) -> str:
    """What its check says; where Docker is given none, that it runs."""
    return container["State"].get("Health", {}).get("Status", "healthy" if container["State"]["Running"] else "stopped")


class ComposeStack(Stack):
    """A stack of containers in a folder, with its own ports, volumes and networks."""

    def vitals(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "VITALS_STATE": str(self.state), "ENGINE": "compose"}
        done = subprocess.run([sys.executable, "-m", "vitals.cli", "--config", str(self.config), *args],
                              env=env, capture_output=True, text=True, timeout=400)
        if check:
            assert done.returncode == 0, f"vitals {' '.join(args)}:\n{done.stdout}\n{done.stderr}"
        return done

    @property
    def project(self) -> str:
        return Compose(settings.load(self.config).model_copy(update={"state": self.state})).project

    def containers(self) -> dict[str, dict[str, Any]]:
        """What Docker knows of each service's container."""
        ids = docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={self.project}").split()
        inspected = json.loads(docker("inspect", *ids, check=False) or "[]") if ids else []
        return {c["Config"]["Labels"]["com.docker.compose.service"]: c for c in inspected}

    def running(self) -> dict[str, dict[str, Any]]:
        """Without those that have done their work."""
        return {name: container for name, container in self.containers().items() if container["State"]["Running"]}

    def execute(self, service: str, *command: str, check: bool = True) -> str:
        return docker("exec", self.containers()[service]["Id"], *command, check=check)

    def left(self) -> list[str]:
        """What Docker keeps of this stack."""
        of_project = f"label=com.docker.compose.project={self.project}"
        kinds = {"container": ("ps", "--all"), "network": ("network", "ls"), "volume": ("volume", "ls")}
        return [f"{kind} {name}" for kind, command in kinds.items()
                for name in docker(*command, "--quiet", "--filter", of_project).split()]

    def remove(self) -> None:
        self.vitals("clean")
        assert self.left() == []


@pytest.fixture(scope="session", autouse=True)
def engine() -> Iterator[None]:
    """An engine for the session. Skips where there is none and none can be started, and says why."""
    with ExitStack() as kept:
        try:
            kept.enter_context(with_images())
        except VitalsError as err:
            if dockerd.obstacle():
                pytest.skip(str(err))
            raise
        print(f"Docker {docker('version', '--format', '{{.Server.Version}}')}, {os.environ['IMAGES']} images")
        yield


class Receiver(ThreadingHTTPServer):
    """Somebody's webhook: a server on the host, at the address by which containers reach it."""

    def __init__(self, address: str) -> None:
        self.told: list[dict[str, Any]] = []
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        super().__init__((address, 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def alerts(self, name: str, status: str = "firing") -> list[dict[str, Any]]:
        return [alert for message in list(self.told) for alert in message["alerts"]
                if alert["labels"]["alertname"] == name and alert["status"] == status]


@pytest.fixture(scope="session")
def receiver(engine: None) -> Iterator[Receiver]:
    gateway = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    server = Receiver(gateway)
    yield server
    server.shutdown()


@pytest.fixture(scope="session")
def stack(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """The core and what WITH names (the demo); who is told of what is critical is the receiver."""
    folder = tmp_path_factory.mktemp("compose")
    (folder / "webhook").write_text(f"http://host.docker.internal:{receiver.server_address[1]}/hook")
    running = ComposeStack(folder, "notify: {critical: {webhook_url_file: webhook}}\n")
    yield from started(running, os.environ.get("WITH", "demo"))


@pytest.fixture(scope="module")
def small_disk(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """The core alone, whose Prometheus has 48 MB for its data."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "webhook").write_text(f"http://host.docker.internal:{receiver.server_address[1]}/hook")
    running = ComposeStack(folder, "notify: {critical: {webhook_url_file: webhook}}\n")
    name = f"{running.project}_prometheus"
    docker("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=48m,uid=65534,gid=65534",
           "--label", f"com.docker.compose.project={running.project}", "--label", "com.docker.compose.volume=prometheus",
           name)
    yield from started(running, "")


def started(stack: ComposeStack, extras: str) -> Iterator[ComposeStack]:
    begun = time.monotonic()
    try:
        print(stack.vitals("up", "--with", extras).stdout)
        print(f"up in {time.monotonic() - begun:.1f} s")
        yield stack
    finally:
        stack.remove()


@pytest.fixture(scope="module")
def trouble(stack: ComposeStack, small_disk: ComposeStack) -> float:
    """Everything that test_faults.py waits for, begun at once; gives when."""
    stack.vitals("demo", "fault", "process-killed", "--job", "vllm", "--minutes", "2.5")
    stack.execute("demo", "python", "-c", "bytearray(2**30)", check=False)  # four times what the container may have
    small_disk.execute("prometheus", "sh", "-c", "cat /dev/zero > /prometheus/filler", check=False)
    return time.monotonic()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[ComposeStack]:
    """A stack of a test's own, not started."""
    stack = ComposeStack(tmp_path)
    yield stack
    stack.remove()


__all__ = ["ComposeStack", "Receiver", "docker", "get", "poll"]
