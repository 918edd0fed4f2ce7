"""Questions to running services. Each answers whether the service does its work, within a second or two."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitals.errors import VitalsError

Probe = Callable[[], bool]
_FAILED = (OSError, http.client.HTTPException, ValueError)

# Loopback is asked directly, whatever proxy the environment names.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def http_ok(url: str, seconds: float = 2) -> Probe:
    """Whether a page answers 200."""

    def probe() -> bool:
        try:
            with _OPENER.open(url, timeout=seconds) as response:
                return bool(response.status == 200)
        except _FAILED:
            return False

    return probe


def redis_ok(port: int, password_file: Path) -> Probe:
    """Whether Redis takes the password and answers a ping (it refuses while it loads its data)."""

    def probe() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as conn:
                conn.sendall(f"AUTH {password_file.read_text().strip()}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (chunk := conn.recv(256)):
                    answer += chunk
                return answer == b"+OK\r\n+PONG\r\n"
        except OSError:
            return False

    return probe


def postgres_ok(port: int, user: str, database: str, password_file: Path) -> Probe:
    """Whether PostgreSQL lets this role in and answers a query."""

    def probe() -> bool:
        import psycopg

        try:
            with psycopg.connect(host="127.0.0.1", port=port, user=user, dbname=database, connect_timeout=2,
                                 password=password_file.read_text().strip()) as conn:
                return conn.execute("select 1").fetchone() == (1,)
        except (psycopg.Error, OSError):
            return False

    return probe


@dataclass(frozen=True)
class Target:
    """A scrape target as Prometheus sees it."""

    job: str
    address: str
    up: bool
    problem: str


def targets(prometheus: str) -> list[Target]:
    """What Prometheus scrapes now. Empty while it does not answer."""
    try:
        with _OPENER.open(f"{prometheus}/api/v1/targets?state=active", timeout=3) as response:
            active: list[dict[str, Any]] = json.load(response)["data"]["activeTargets"]
    except (*_FAILED, KeyError):
        return []
    return [Target(t["labels"].get("job", ""), t["discoveredLabels"]["__address__"], t["health"] == "up",
                   t["lastError"] or ("not asked yet" if t["health"] == "unknown" else "")) for t in active]


def post_reload(name: str, url: str) -> None:
    """Asks Prometheus or Alertmanager to read its configuration again. Raises VitalsError with its answer.

    An Alertmanager that waits with its first notifications (cluster.START_DELAY) answers when it has begun.
    """
    try:
        with _OPENER.open(urllib.request.Request(f"{url}/-/reload", method="POST"), timeout=60):
            return
    except urllib.error.HTTPError as err:
        why = err.read(2000).decode(errors="replace").strip()
        raise VitalsError(f"{name} refused its new configuration and keeps the old one: {why}") from err
    except _FAILED as err:
        raise VitalsError(f"{name} does not answer at {url} ({err}); `make status` says more") from err


def await_targets(servers: Sequence[str], own: set[str], seconds: float) -> None:
    """Polls until each Prometheus (an address) reads every part of the stack. Raises VitalsError with what is left.

    The user's own applications (``own``: their jobs) may be down: that is said, not waited for.
    """
    print("waiting for the first scrapes ...", flush=True)
    deadline = time.monotonic() + seconds
    while True:
        each = [targets(server) for server in servers]
        late = {t for found in each for t in found if not t.up and t.job not in own}
        if all(each) and not late:
            break
        if time.monotonic() > deadline:
            missing = "; ".join(sorted(f"{t.job} at {t.address} ({t.problem})" for t in late))
            raise VitalsError(f"not all targets came up: {missing or 'Prometheus has none'}")
        time.sleep(0.1)
    found = each[0]
    down = [t for t in found if not t.up]
    print(f"{len(found) - len(down)} of {len(found)} targets are up")
    for target in down:
        print(f"  {target.job} at {target.address}: {target.problem}")
