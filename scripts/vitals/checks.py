"""`vitals check`: everything that can be verified in seconds, without a running stack."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import yaml

from vitals import alerts, notify, parity, render, runbooks, scraping
from vitals.errors import VitalsError
from vitals.settings import EXTRAS, Settings, load_profiles


@dataclass(frozen=True)
class Result:
    name: str
    seconds: float
    problems: str  # empty: all is well


def run(settings: Settings) -> Iterator[Result]:
    """Each check's result, in the order of the list, as soon as it and those before it are done."""
    from vitals.engines import parts

    promtool, amtool = parts.tool(settings, "promtool"), parts.tool(settings, "amtool")
    rules = sorted((settings.root / "prometheus" / "rules").glob("*.yml"))
    checks: list[tuple[str, Callable[[], str]]] = [
        ("generated files are fresh", lambda: _fresh(settings)),
        ("alerts, parity and runbooks point at things that exist", lambda: _tables(settings)),
        ("promtool: rules",
         lambda: _command(settings, promtool, "check", "rules", "--lint=all", "--lint-fatal", *rules)),
        ("vitals lint: rules and dashboards",
         lambda: _command(settings, sys.executable, "-m", "vitals.cli", "lint", "--min-severity=warning", "prometheus",
                          "grafana")),
        ("promtool: prometheus.yml",
         lambda: _command(settings, promtool, "check", "config", "--syntax-only", "prometheus/prometheus.yml")),
        ("amtool: alertmanager.yml",
         lambda: _command(settings, amtool, "check-config", "alertmanager/alertmanager.yml")),
        ("promtool, amtool: what both engines run with everything beside the core",
         lambda: _engines(settings, promtool, amtool)),
        ("ruff", lambda: _command(settings, sys.executable, "-m", "ruff", "check", "-q", "--output-format=concise")),
        ("mypy", lambda: _command(settings, sys.executable, "-m", "mypy", "--no-error-summary")),
    ]
    with ThreadPoolExecutor(max_workers=4) as pool:
        futures = [pool.submit(_timed, name, check) for name, check in checks]
        for future in futures:
            yield future.result()


def _timed(name: str, check: Callable[[], str]) -> Result:
    start = time.monotonic()
    try:
        problems = check()
    except VitalsError as err:
        problems = str(err)
    return Result(name, time.monotonic() - start, problems)


def _fresh(settings: Settings) -> str:
    stale = render.stale(settings)
    names = "\n".join(str(path.relative_to(settings.root)) for path in stale)
    return f"stale, run `make build`:\n{names}" if stale else ""


def _tables(settings: Settings) -> str:
    from vitals import dashboards
    from vitals.dashboards import grafana

    profiles = load_profiles(settings)
    panels = {f"{uid}/{title}" for uid, model in dashboards.models(settings, profiles).items()
              for title, _ in grafana.queries(model)}
    return "\n".join([*alerts.check(), *parity.check(settings, profiles, panels), *runbooks.check(settings, profiles)])


def _engines(settings: Settings, promtool: Path, amtool: Path) -> str:
    """The committed files are the native engine's core; containers and two of each have others."""
    whole = settings.having(frozenset(EXTRAS))
    engines: tuple[scraping.EngineName, ...] = ("native", "compose")
    with tempfile.TemporaryDirectory() as folder:
        servers, routes = [], []
        for engine in engines:
            for replica in whole.replicas("prometheus"):
                servers.append(Path(folder, f"{engine}-{replica}.yml"))
                servers[-1].write_text(yaml.safe_dump(scraping.prometheus(whole, engine, replica)))
            routes.append(Path(folder, f"{engine}-alertmanager.yml"))
            routes[-1].write_text(yaml.safe_dump(notify.alertmanager(whole, engine)))
        return "\n".join(filter(None, [_command(settings, promtool, "check", "config", "--syntax-only", *servers),
                                       _command(settings, amtool, "check-config", *routes)]))


def _command(settings: Settings, *command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=settings.root, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}".strip() or f"exit code {done.returncode}"
