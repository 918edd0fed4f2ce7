"""prometheus.yml and the targets: where metrics come from. Addresses depend on the engine, nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from vitals.recording import Profiles
from vitals.settings import Settings, demo_jobs

EngineName = Literal["native", "compose"]

# Part → (profile, port inside its container). Native parts listen on the ports of vitals.yaml.
STACK = {"prometheus": ("prometheus", 9090), "alertmanager": ("alertmanager", 9093)}
EXPORTERS = {"node-exporter": ("node", 9100)}
DEMO_EXPORTERS = {"postgres-exporter": ("postgres", 9187), "redis-exporter": ("redis", 9121)}
COMPOSE_ONLY = {"cadvisor": ("cadvisor", 8080)}
DEMO_PORT = 9400
INBOX_PORT = 9095

# More than any app should expose; a target beyond it is refused whole, and ScrapeTooBig says so.
LIMITS = {"sample_limit": 50_000, "label_limit": 64, "label_value_length_limit": 1024, "body_size_limit": "32MB"}


def address(settings: Settings, engine: EngineName, part: str, port: int) -> str:
    return f"127.0.0.1:{settings.ports[part]}" if engine == "native" else f"{part}:{port}"


def prometheus(settings: Settings, engine: EngineName = "native") -> dict[str, Any]:
    """prometheus.yml. Paths are relative to it."""
    scrapes: list[dict[str, Any]] = [
        {"job_name": "targets", **LIMITS, "file_sd_configs": [{"files": ["targets/*.yml"]}]},
    ]
    for app in settings.apps:
        if app.bearer_token_file:
            file = settings.document.path.parent / app.bearer_token_file.expanduser()
            credentials = str(file) if engine == "native" else f"secrets/{app.job}"
            scrapes.append({"job_name": app.job, **LIMITS, "authorization": {"credentials_file": credentials},
                            "file_sd_configs": [{"files": [f"targets/authorized/{app.job}.yml"]}]})
    return {
        "global": {"scrape_interval": "10s", "scrape_timeout": "9s", "evaluation_interval": "30s"},
        "rule_files": ["rules/*.yml"],
        "alerting": {"alertmanagers": [{"file_sd_configs": [{"files": ["alertmanagers.yml"]}]}]},
        "scrape_configs": scrapes,
    }


def alertmanagers(settings: Settings, engine: EngineName) -> list[dict[str, Any]]:
    return [{"targets": [address(settings, engine, "alertmanager", STACK["alertmanager"][1])]}]


def targets(settings: Settings, profiles: Profiles, engine: EngineName) -> dict[str, list[dict[str, Any]]]:
    """file_sd files by path under targets/."""
    parts = {**STACK, **EXPORTERS, **(DEMO_EXPORTERS if settings.demo else {}),
             **(COMPOSE_ONLY if engine == "compose" else {})}
    files = {"stack.yml": [
        {"targets": [address(settings, engine, part, port)], "labels": {"job": profile, "profile": profile}}
        for part, (profile, port) in parts.items()
    ]}
    if settings.demo:
        demo = address(settings, engine, "demo", DEMO_PORT)
        files["demo.yml"] = [
            {"targets": [demo],
             "labels": {"job": job, "profile": job, "__metrics_path__": f"/apps/{job}/metrics"}}
            for job in demo_jobs(profiles)
        ]
    for path, entry in _apps(settings, engine):
        files.setdefault(path, []).append(entry)
    return files


def _apps(settings: Settings, engine: EngineName) -> Iterator[tuple[str, dict[str, Any]]]:
    for app in settings.apps:
        labels = {"job": app.job, "profile": app.profile, "__metrics_path__": app.metrics_path,
                  "__scheme__": app.scheme}
        if app.team:
            labels["team"] = app.team
        hosts = [_from_inside(t) if engine == "compose" else t for t in app.targets]
        path = f"authorized/{app.job}.yml" if app.bearer_token_file else "apps.yml"
        yield path, {"targets": hosts, "labels": labels}


def _from_inside(target: str) -> str:
    """The host's own loopback, as a container reaches it."""
    host, _, port = target.rpartition(":")
    return f"host.docker.internal:{port}" if host in ("127.0.0.1", "localhost", "[::1]") else target
