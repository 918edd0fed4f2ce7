"""Real Prometheus and Alertmanagers, configured and started as the product does, in time that runs faster.

Every duration of the product's configuration and command lines is divided by SPEED: intervals, waits and time-outs
keep the proportions that docs/high-availability.md argues with. Two things cannot be divided: how soon a lost peer is
noticed (memberlist's probes keep their second), and how long this machine takes to run a process.

What stands in: one server that is every app's /metrics and fails when told to, and one that is the inbox, counts every
message as it comes, and notes who sent it.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stack.conftest import free_ports, get, poll
from vitals import render, scraping, settings
from vitals.engines import cluster, parts
from vitals.engines.native import Native
from vitals.engines.supervisor import Part
from vitals.settings import PORTS, SECOND

SPEED = 5
ALERT = "ServiceDown"
PROFILE = "otel-genai"
# Of the rules those that ServiceDown needs, and the stack's own: the others would only take processor time.
RULES = ("apps", f"profile-{PROFILE}", "profile-prometheus", "profile-alertmanager", "alerts-api", "alerts-stack")
DURATION = re.compile(r"(?:\d+(?:ms|s|m|h|d))+")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
LASTING = ("--storage.", "--cluster.gossip-interval")  # not made faster


def seconds(duration: str) -> float:
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h|d)", duration))


def fast(duration: str) -> str:
    return f"{round(seconds(duration) * 1000 / SPEED)}ms"


EVALUATION = seconds(scraping.EVALUATION_INTERVAL) / SPEED
PEER_TIMEOUT = seconds(cluster.PEER_TIMEOUT) / SPEED
START_DELAY = seconds(cluster.START_DELAY) / SPEED
GROUP_WAIT, GROUP_INTERVAL = 15 / SPEED, 120 / SPEED
HELD = 60 / SPEED  # ServiceDown's `for`


def faster(value: Any) -> Any:
    """A configuration with every duration divided."""
    if isinstance(value, dict):
        return {key: faster(child) for key, child in value.items()}
    if isinstance(value, list):
        return [faster(child) for child in value]
    return fast(value) if isinstance(value, str) and DURATION.fullmatch(value) and seconds(value) else value


def faster_flag(flag: str) -> str:
    name, _, value = flag.partition("=")
    return f"{name}={fast(value)}" if DURATION.fullmatch(value) and not flag.startswith(LASTING) else flag


class Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", port), handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


@dataclass(frozen=True)
class Told:
    """One alert of one message."""

    at: float  # Unix time
    job: str
    status: str
    sender: str
    fired: float  # Unix time, as Prometheus says


class Receiver:
    """The inbox's place: every message counts, nothing is put together."""

    def __init__(self, port: int, senders: dict[int, str]) -> None:
        self.port, self.senders = port, senders
        self.told: list[Told] = []
        self.news = threading.Condition()
        self.before_answer: Callable[[Told], None] = lambda told: None
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                for told in receiver._take(json.loads(self.rfile.read(int(self.headers["Content-Length"])))):
                    receiver.before_answer(told)
                with suppress(OSError):  # the sender may be dead by now
                    self.send_response(200)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        self.handler = Handler
        self.server: Server | None = None
        self.open()

    def _take(self, message: dict[str, Any]) -> list[Told]:
        sender = self.senders[int(message["externalURL"].rpartition(":")[2])]
        with self.news:
            found = [Told(time.time(), alert["labels"]["job"], alert["status"], sender,
                          datetime.fromisoformat(alert["startsAt"]).timestamp())
                     for alert in message["alerts"] if alert["labels"]["alertname"] == ALERT]
            self.told += found
            self.news.notify_all()
        return found

    def open(self) -> None:
        self.server = Server(self.port, self.handler)

    def close(self) -> None:
        if self.server:
            self.server.close()
        self.server = None

    def of(self, job: str, status: str = "") -> list[Told]:
        with self.news:
            return [told for told in self.told if told.job == job and status in ("", told.status)]

    def wait_for(self, job: str, status: str, seconds: float) -> bool:
        with self.news:
            return self.news.wait_for(lambda: any((t.job, t.status) == (job, status) for t in self.told), seconds)

    def next(self, status: str, seconds: float) -> bool:
        """Waits for the next message of this kind; gives whether one came."""
        with self.news:
            known = len(self.told)
            return self.news.wait_for(lambda: any(t.status == status for t in self.told[known:]), seconds)


@dataclass
class Process:
    part: Part
    log: Path
    running: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.running = subprocess.Popen([self.part.command[0], *map(faster_flag, self.part.command[1:])],
                                            cwd=self.part.directory or self.log.parent, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.running
        self.running.send_signal(signal.SIGKILL)
        self.running.wait()


class Servers:
    """The Prometheus and Alertmanagers of one stack, and around them what they read and tell."""

    def __init__(self, folder: Path, extras: frozenset[str], jobs: list[str]) -> None:
        self.failing: set[str] = set()
        failing = self.failing

        class Metrics(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                well = self.path.removeprefix("/") not in failing
                self.send_response(200 if well else 500)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        port, *free = free_ports(len(PORTS) + 1)
        ports = dict(zip(PORTS, free, strict=True))
        self.apps = Server(port, Metrics)
        apps = [{"job": job, "profile": PROFILE, "targets": [f"127.0.0.1:{port}"], "metrics_path": f"/{job}"} for job in jobs]
        file = folder / "vitals.yaml"
        file.write_text(yaml.safe_dump({"demo": False, "prices": {"as_of": "2026-11-01"}, "ports": ports, "apps": apps}))
        loaded = settings.load(file).having(extras).model_copy(update={"state": folder / "state"})
        self.settings = loaded
        engine = Native(loaded)
        self._configure(engine.config)
        alertmanagers = loaded.replicas("alertmanager")
        self.receiver = Receiver(ports["inbox"], {ports[name]: name for name in alertmanagers})
        names = [name for part in SECOND for name in loaded.replicas(part)]
        self.processes = {part.name: Process(part, folder / f"{part.name}.log")
                          for part in engine._parts(parts.programs(loaded, ["tools", "servers"])) if part.name in names}
        for process in self.processes.values():
            process.start()
        try:
            for name in names:
                self.await_ready(name)
            for name in loaded.replicas("prometheus"):
                poll(lambda: self._seen(name) >= set(jobs), 60, f"{name} has asked every app")  # noqa: B023
            time.sleep(START_DELAY)  # until the Alertmanagers dispatch
        except BaseException:
            self.close()
            raise

    def _configure(self, live: Path) -> None:
        render.stage(self.settings, "native", live)
        prometheus = live / "prometheus"
        for file in (prometheus / "rules").glob("*.yml"):
            if file.stem not in RULES:
                file.unlink()
        for file in [*prometheus.glob("prometheus*.yml"), *(prometheus / "rules").glob("*.yml"),
                     live / "alertmanager" / "alertmanager.yml"]:
            content = yaml.safe_load(file.read_text())
            if file.parent.name == "rules":  # in expressions a window stays what it is
                for group in content["groups"]:
                    group["interval"] = fast(group["interval"])
                    for rule in group["rules"]:
                        rule.update({key: fast(rule[key]) for key in ("for", "keep_firing_for") if key in rule})
            else:
                content = faster(content)
            file.write_text(yaml.safe_dump(content, sort_keys=False))
        # Exporters and the prober do not run here.
        stack = yaml.safe_load((prometheus / "targets" / "stack.yml").read_text())
        (prometheus / "targets" / "stack.yml").write_text(yaml.safe_dump(
            [entry for entry in stack if entry["labels"]["job"] in SECOND]))
        (prometheus / "targets" / "probes" / "vitals.yml").write_text("[]\n")

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.settings.ports[name]}"

    def _seen(self, prometheus: str) -> set[str]:
        active = get(self.url(prometheus) + "/api/v1/targets", state="active")["data"]["activeTargets"]
        return {target["labels"]["job"] for target in active if target["health"] == "up"}

    def await_ready(self, name: str) -> None:
        poll(self.processes[name].part.ready, 60, f"{name} is ready; its log: {self.processes[name].log}")

    def waiting(self) -> set[str]:
        """The jobs whose alert fires and was not told yet."""
        found = get(self.url("alertmanager") + "/api/v2/alerts", filter=f"alertname={ALERT}")
        return {alert["labels"]["job"] for alert in found} - {told.job for told in self.receiver.told}

    def members(self, alertmanager: str) -> int:
        return len(get(self.url(alertmanager) + "/api/v2/status")["cluster"].get("peers", []))

    def close(self) -> None:
        for process in self.processes.values():
            if process.running and process.running.poll() is None:
                process.kill()
        self.receiver.close()
        self.apps.close()


@pytest.fixture(scope="session")
def real_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the caller's own stack is read or written."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("VITALS_STATE", "VITALS_CONFIG"):
            patch.delenv(name, raising=False)
        yield
