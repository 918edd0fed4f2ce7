"""prometheus.yml and the targets: where metrics come from. Addresses depend on the engine, nothing else does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from vitals.recording import PROBE, Profiles
from vitals.settings import DEMO_FAKES, Settings, demo_jobs
from vitals.signals import INTERVAL_SECONDS

EngineName = Literal["native", "compose"]

# Part → (profile, port inside its container). Native parts listen on the ports of vitals.yaml.
STACK = {"prometheus": ("prometheus", 9090), "alertmanager": ("alertmanager", 9093)}
EXPORTERS = {"node-exporter": ("node", 9100), "blackbox-exporter": ("blackbox", 9115)}
DEMO_EXPORTERS = {"postgres-exporter": ("postgres", 9187), "redis-exporter": ("redis", 9121)}
LOG_READER = {"mtail": ("mtail", 3903)}
COMPOSE_ONLY = {"cadvisor": ("cadvisor", 8080)}
LOGS_EXPORTERS = {"elasticsearch-exporter": ("elasticsearch", 9114)}
DEMO_PORT = 9400
INBOX_PORT = 9095
# The stack's own pages that are probed: part → (port inside its container, path).
PAGES = {"prometheus": (9090, "/-/ready"), "alertmanager": (9093, "/-/ready"), "inbox": (INBOX_PORT, "/-/ready")}
# How often metrics are read, and how often alerting rules are looked at (the interval of their groups).
SCRAPE_INTERVAL, EVALUATION_INTERVAL = "10s", f"{INTERVAL_SECONDS}s"
COMPOSE_PAGES = {"grafana": (3000, "/api/health")}
# An address's scheme → module of exporters/blackbox/blackbox.yml.
MODULES = {"http": "http_2xx", "https": "http_2xx", "tcp": "tcp_connect", "tls": "tls_connect"}

# More than any app should expose; a target beyond it is refused whole, and ScrapeTooBig says so.
LIMITS = {"sample_limit": 50_000, "label_limit": 64, "label_value_length_limit": 1024, "body_size_limit": "32MB"}


def address(settings: Settings, engine: EngineName, part: str, port: int) -> str:
    return f"127.0.0.1:{settings.ports[part]}" if engine == "native" else f"{part}:{port}"


def prometheus(settings: Settings, engine: EngineName = "native", replica: str = "prometheus") -> dict[str, Any]:
    """prometheus.yml. Paths are relative to it. With `ha` each of the two Prometheus (``replica``) has its own."""
    scrapes: list[dict[str, Any]] = [
        {"job_name": "targets", **LIMITS, "file_sd_configs": [{"files": ["targets/*.yml"]}]},
    ]
    for app in settings.apps:
        if app.bearer_token_file:
            file = settings.document.path.parent / app.bearer_token_file.expanduser()
            credentials = str(file) if engine == "native" else f"secrets/{app.job}"
            scrapes.append({"job_name": app.job, **LIMITS, "authorization": {"credentials_file": credentials},
                            "file_sd_configs": [{"files": [f"targets/authorized/{app.job}.yml"]}]})
    scrapes.append({
        "job_name": "probes", **LIMITS, "metrics_path": "/probe", "params": {"module": ["http_2xx"]},
        "scrape_interval": "15s", "file_sd_configs": [{"files": ["targets/probes/*.yml"]}],
        # instance is the address as its owner wrote it; what is asked may be another way to the same place.
        "relabel_configs": [
            {"source_labels": ["__param_target", "__address__"], "regex": ";(.+)", "target_label": "__param_target"},
            {"source_labels": ["__address__"], "target_label": "instance"},
            {"target_label": "__address__",
             "replacement": address(settings, engine, "blackbox-exporter", EXPORTERS["blackbox-exporter"][1])},
        ],
    })
    if settings.log_reader:
        # What it counts belongs to the apps: job and profile are those that its programs write.
        scrapes.append({"job_name": "log-reader", **LIMITS, "honor_labels": True,
                        "file_sd_configs": [{"files": ["targets/logs/*.yml"]}]})
    return {
        "global": {"scrape_interval": SCRAPE_INTERVAL, "scrape_timeout": "9s",
                   "evaluation_interval": EVALUATION_INTERVAL, **_replica(settings, replica)},
        "rule_files": ["rules/*.yml"],
        "alerting": {**_alert_relabeling(settings),
                     "alertmanagers": [{"file_sd_configs": [{"files": ["alertmanagers.yml"]}]}]},
        "scrape_configs": scrapes,
    }


def _replica(settings: Settings, replica: str) -> dict[str, Any]:
    """Which of the two this is, for whoever reads or stores the series of both."""
    return {"external_labels": {"cluster": "agent-vitals", "replica": replica}} if settings.ha else {}


def _alert_relabeling(settings: Settings) -> dict[str, Any]:
    """Alerts carry their job's team, for the routes; recorded series do not.

    With two Prometheus they lose the replica: the same alert of both is then one alert to Alertmanager.
    """
    jobs: dict[str, list[str]] = {}
    for app in settings.apps:
        if app.team:
            jobs.setdefault(app.team, []).append(app.job)
    relabel: list[dict[str, Any]] = [
        {"source_labels": ["job"], "regex": "|".join(names), "target_label": "team", "replacement": team}
        for team, names in sorted(jobs.items())]
    if settings.ha:
        relabel.append({"action": "labeldrop", "regex": "replica"})
    return {"alert_relabel_configs": relabel} if relabel else {}


def alertmanagers(settings: Settings, engine: EngineName) -> list[dict[str, Any]]:
    """Every Prometheus tells every Alertmanager, as their protocol wants it: behind a balancer each would know half."""
    _, port = STACK["alertmanager"]
    own = [address(settings, engine, replica, port) for replica in settings.replicas("alertmanager")]
    return [{"targets": [*own, *settings.file.alertmanagers]}]


def targets(settings: Settings, profiles: Profiles, engine: EngineName) -> dict[str, list[dict[str, Any]]]:
    """file_sd files by path under targets/."""
    parts = {**STACK, **EXPORTERS, **(DEMO_EXPORTERS if settings.demo else {}),
             **(COMPOSE_ONLY if engine == "compose" else {})}
    files = {"stack.yml": [
        {"targets": [address(settings, engine, part, port)], "labels": {"job": profile, "profile": profile}}
        for name, (profile, port) in parts.items() for part in settings.replicas(name) if part not in settings.without
    ]}
    if settings.log_reader:
        files["logs/vitals.yml"] = [
            {"targets": [address(settings, engine, part, port)], "labels": {"job": profile, "profile": profile}}
            for part, (profile, port) in LOG_READER.items()
        ]
    if settings.logs:
        for part, (profile, port) in LOGS_EXPORTERS.items():
            # It is told with each scrape what to ask; the password is in its own file (compose/logs.yaml).
            files["stack.yml"].append({"targets": [address(settings, engine, part, port)], "labels": {
                "job": profile, "profile": profile, "__metrics_path__": "/probe",
                "__param_target": "http://elasticsearch:9200", "__param_auth_module": "vitals"}})
    if settings.demo:
        demo = address(settings, engine, "demo", DEMO_PORT)
        files["demo.yml"] = [
            {"targets": [demo],
             "labels": {"job": job, "profile": job, "__metrics_path__": f"/apps/{job}/metrics"}}
            for job in (*demo_jobs(profiles), *(fake for fake in DEMO_FAKES if fake in profiles))
        ]
    for path, entry in _apps(settings, engine):
        files.setdefault(path, []).append(entry)
    files["probes/vitals.yml"] = list(_probes(settings, profiles, engine))
    return files


def _probes(settings: Settings, profiles: Profiles, engine: EngineName) -> Iterator[dict[str, Any]]:
    """Who is asked from outside: the stack's own pages, the demo's health pages, and what apps name."""
    for job, (port, path) in {**PAGES, **(COMPOSE_PAGES if engine == "compose" else {})}.items():
        for part in settings.replicas(job):
            if part not in settings.without:
                yield _probe(job, f"http://{address(settings, engine, part, port)}{path}", engine)
    if settings.demo:
        demo = address(settings, engine, "demo", DEMO_PORT)
        for job in demo_jobs(profiles):
            yield _probe(job, f"http://{demo}/apps/{job}/health/live", engine)
    for app in settings.apps:
        for url in app.probes:
            yield _probe(app.job, url, engine, app.team)


def _probe(job: str, url: str, engine: EngineName, team: str | None = None) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    target = url if scheme in ("http", "https") else rest
    labels = {"job": job, "profile": PROBE, "__param_module": MODULES[scheme], **({"team": team} if team else {})}
    host = re.split(r"[/?]", rest, maxsplit=1)[0]
    if engine == "compose" and (inside := _from_inside(host)) != host:
        # Its name stays: for the Host header, and for the certificate.
        labels |= {"__param_target": target.replace(host, inside, 1),
                   "__param_hostname": re.sub(r":\d+$", "", host).strip("[]")}
    return {"targets": [target], "labels": labels}


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
    found = re.fullmatch(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", target)
    return f"host.docker.internal{found[2] or ''}" if found else target
