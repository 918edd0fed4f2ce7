"""A real stack of one's own for the tests: the native engine with its own ports and state, started by the CLI.

Every file can be run by a worker of its own, with a stack of its own: most of a test is waiting.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Any, TypeVar

import pytest

from vitals.settings import PORTS, ROOT

T = TypeVar("T")
BLOCK = 400  # ports: for a dozen and a half of stacks


@cache
def own_ports() -> Iterator[int]:
    """Ports that no other process of these tests gives away: it holds their lock as long as it lives.

    They are below those that the kernel gives to outgoing connections.
    """
    for first in random.sample(range(10000, 32000, BLOCK), 22000 // BLOCK):
        lock = os.open(Path(tempfile.gettempdir()) / f"agent-vitals-ports-{os.getuid()}-{first}", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return cycle(range(first, first + BLOCK))
    pytest.fail("every port that tests use is taken by tests that run now")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    ports: list[int] = []
    for port in islice(own_ports(), BLOCK):
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            ports.append(port)
        if len(ports) == count:
            return ports
    pytest.fail(f"not {count} free ports among {BLOCK}")


def poll(look: Callable[[], T], seconds: float, what: str) -> T:
    """Looks until there is something to see; fails with what was looked for."""
    deadline = time.monotonic() + seconds
    seen: Any = None
    while time.monotonic() < deadline:
        try:
            if seen := look():
                return seen
        except OSError as err:
            seen = err
        time.sleep(0.5)
    pytest.fail(f"not within {seconds:.0f} s: {what} (last seen: {seen!r})")


def get(url: str, **query: Any) -> Any:
    full = url + ("?" + urllib.parse.urlencode(query) if query else "")
    with urllib.request.urlopen(full, timeout=10) as response:
        return json.load(response)


class Stack:
    """A stack in a folder: its settings file, its ports, and how to talk to it."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.folder = folder
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.config = folder / "vitals.yaml"
        self.state = folder / "state"
        self.write(settings)

    def write(self, more: str = "") -> None:
        ports = ", ".join(f"{name}: {port}" for name, port in self.ports.items())
        shipped = (ROOT / "vitals.yaml").read_text()
        prices = shipped[shipped.index("\nprices:"):shipped.index("\n# Who is told")]
        self.config.write_text(f"{prices}\nports: {{{ports}}}\n{more}")

    def vitals(self, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "VITALS_STATE": str(self.state), "ENGINE": "native"}
        done = subprocess.run([sys.executable, "-m", "vitals.cli", "--config", str(self.config), *args],
                              env=env, capture_output=True, text=True, timeout=300)
        if check:
            assert done.returncode == 0, f"vitals {' '.join(args)}:\n{done.stdout}\n{done.stderr}"
        return done

    def url(self, part: str) -> str:
        return f"http://127.0.0.1:{self.ports[part]}"

    def query(self, expr: str) -> list[dict[str, Any]]:
        return get(self.url("prometheus") + "/api/v1/query", query=expr)["data"]["result"]

    def alerts(self) -> set[tuple[str, str]]:
        """What fires now: (alert, job)."""
        return {(r["metric"]["alertname"], r["metric"].get("job", "")) for r in self.query('ALERTS{alertstate="firing"}')}

    def notifications(self, **query: str) -> list[dict[str, Any]]:
        return get(self.url("inbox") + "/api/notifications", **query)

    def processes(self) -> list[int]:
        """The pids whose command line names this stack's folder."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if str(self.state).encode() in (entry / "cmdline").read_bytes():
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found


def well(stack: Stack) -> bool:
    """Whether every target is up. For a scrape interval after `up`, which asked them more often, none is yet."""
    targets = get(stack.url("prometheus") + "/api/v1/targets")["data"]["activeTargets"]
    return bool(targets) and all(target["health"] == "up" for target in targets)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    running = Stack(tmp_path_factory.mktemp("stack"))
    start = time.monotonic()
    print(running.vitals("up").stdout)
    print(f"up in {time.monotonic() - start:.1f} s")
    running.started = time.monotonic()
    yield running
    running.vitals("clean")
    assert running.processes() == []
    assert not running.state.exists() or not any(running.state.iterdir())
