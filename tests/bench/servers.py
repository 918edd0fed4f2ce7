"""Prometheus for the bench: running over a folder of blocks, asked, and its processor time read."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.stack.conftest import free_ports  # noqa: E402

from vitals import settings  # noqa: E402
from vitals.engines import parts  # noqa: E402

STEP = 30  # seconds between samples, between evaluations, and between the points of a panel
HOUR = 3600
HASTE = {**os.environ, "GOGC": "400"}  # promtool takes more memory and less time; the server is left as it is


class Server:
    """Asked over one connection that stays open, as Grafana does."""

    def __init__(self, pid: int, port: int, config: Path) -> None:
        self.pid, self.url, self.config = pid, f"http://127.0.0.1:{port}", config
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def get(self, path: str, **query: Any) -> Any:
        self._connection.request("GET", f"{path}?{urllib.parse.urlencode(query)}")
        response = self._connection.getresponse()
        answer = json.load(response)
        if response.status != 200:
            raise SystemExit(f"{query}: {answer}")
        return answer["data"]

    def seconds(self) -> float:
        """Processor time used so far: the kernel's clock of that process, in nanoseconds (clock_getcpuclockid)."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def ask(self, expr: str, at: int, instant: bool) -> list[Any]:
        """Over the hour that ends ``at``, or ``at`` alone."""
        if instant:
            return self.get("/api/v1/query", query=expr, time=at)["result"]  # type: ignore[no-any-return]
        return self.get("/api/v1/query_range", query=expr, start=at - HOUR, end=at, step=STEP)["result"]  # type: ignore[no-any-return]

    def number(self, expr: str, at: float | None = None) -> float:
        """What a query of one series gives; nothing is 0."""
        found = self.get("/api/v1/query", query=expr, **({} if at is None else {"time": at}))["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def metric(self, name: str) -> float:
        """One of the server's own metrics."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=60) as response:
            for line in response.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        raise KeyError(name)

    def reload(self, config: dict[str, Any]) -> None:
        self.config.write_text(yaml.dump(config))
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/-/reload", method="POST"), timeout=120).close()

    def settle(self) -> None:
        """Waits until blocks that overlap are made one, which begins a minute after the start."""
        while not self.metric("prometheus_tsdb_compactions_triggered_total"):
            time.sleep(2)
        while self.busy(2) > 0.1:
            pass

    def busy(self, seconds: float) -> float:
        """Processor seconds a second, over the next ``seconds``."""
        before, start = self.seconds(), time.monotonic()
        time.sleep(seconds)
        return (self.seconds() - before) / (time.monotonic() - start)


class Tools:
    """Prometheus and promtool, as the stack has them."""

    def __init__(self) -> None:
        loaded = settings.load()
        self.prometheus, self.promtool = (parts.tool(loaded, name) for name in ("prometheus", "promtool"))

    @contextmanager
    def running(self, folder: Path, config: dict[str, Any] | None = None) -> Iterator[Server]:
        """A server over ``folder``/data."""
        [port] = free_ports(1)
        file = folder / "prometheus.yml"
        file.write_text(yaml.dump(config or {}))
        process = subprocess.Popen(
            [self.prometheus, f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}", "--web.enable-lifecycle", "--storage.tsdb.retention.time=60d",
             "--query.max-samples=500000000", "--query.timeout=10m", "--log.level=error"])
        server = Server(process.pid, port, file)
        try:
            while True:
                try:
                    urllib.request.urlopen(f"{server.url}/-/ready", timeout=5).close()
                    break
                except OSError:
                    if process.poll() is not None:
                        raise SystemExit("Prometheus did not start") from None
                    time.sleep(0.1)
            yield server
        finally:
            process.terminate()
            process.wait()

    def blocks(self, folder: Path, text: Path) -> None:
        """OpenMetrics text → blocks in ``folder``/data. The text is removed."""
        subprocess.run([self.promtool, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=81h", text,
                        folder / "data"], check=True, stdout=subprocess.DEVNULL, env=HASTE)
        text.unlink()

    def record(self, folder: Path, levels: list[list[dict[str, Any]]], start: int, end: int) -> None:
        """What rules give from ``start`` to ``end``, level after level, into blocks in ``folder``/data."""
        for level in levels:
            file = folder / "level.yml"
            file.write_text(yaml.dump({"groups": [{"name": "level", "interval": f"{STEP}s", "rules": level}]}, width=10**9))
            with self.running(folder) as server:
                subprocess.run(
                    [self.promtool, "tsdb", "create-blocks-from", "rules", f"--url={server.url}", f"--start={start}",
                     f"--end={end}", f"--output-dir={folder / 'data'}", f"--eval-interval={STEP}s", file],
                    check=True, capture_output=True, env=HASTE)
