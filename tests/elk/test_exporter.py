"""The profile against what the real elasticsearch_exporter exposes, asked as Prometheus asks it.

Elasticsearch itself is a fake: the answers that the exporter reads, as its API documents them, with security on.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import yaml

from vitals import settings as settings_module
from vitals.engines import parts, secrets
from vitals.settings import ROOT

WORDS = {name: f"{name}-word" for name in secrets.SECRETS}
NODE = {
    "name": "elasticsearch", "host": "172.18.0.2", "roles": ["data", "ingest", "master"], "timestamp": 1,
    "jvm": {"mem": {"heap_used_in_bytes": 400, "heap_max_in_bytes": 1000, "heap_committed_in_bytes": 1000}},
    "thread_pool": {"write": {"threads": 2, "queue": 0, "active": 0, "rejected": 7, "largest": 2, "completed": 99}},
    "indices": {"indexing": {"index_total": 42}},
    "fs": {"data": [{"path": "/usr/share/elasticsearch/data", "mount": "/", "type": "ext4", "total_in_bytes": 1000,
                     "free_in_bytes": 100, "available_in_bytes": 80}]},
}


def index(count: int) -> dict[str, Any]:
    return {kind: {"docs": {"count": count}, "indexing": {"index_total": count}} for kind in ("primaries", "total")}


ANSWERS: dict[str, Any] = {
    "/": {"name": "elasticsearch", "cluster_name": "agent-vitals", "cluster_uuid": "u",
          "version": {"number": "9.5.1", "build_date": "2026-01-01T00:00:00.000Z", "build_hash": "x", "lucene_version": "10.3.0"}},
    "/_cluster/health": {"cluster_name": "agent-vitals", "status": "yellow", "number_of_nodes": 1, "number_of_data_nodes": 1},
    "/_nodes/_local/stats": {"cluster_name": "agent-vitals", "nodes": {"n1": NODE}},
    "/_cat/shards": [],
    "/_all/_stats": {"indices": {".ds-logs-vitals.heartbeat-default-2026.11.21-000001": index(5),
                                 ".ds-logs-vitals.rejected-default-2026.11.21-000001": index(1),
                                 ".ds-logs-vitals.app-default-2026.11.21-000001": index(900)}},
    "/_all/_settings": {".ds-logs-vitals.app-default-2026.11.21-000001": {"settings": {"index": {
        "blocks": {"read_only_allow_delete": "true"}, "creation_date": "1795257045123", "number_of_replicas": "0"}}}},
    "/_cluster/settings": {"persistent": {}, "transient": {}, "defaults": {"cluster": {"routing": {"allocation": {
        "enable": "all", "disk": {"threshold_enabled": "true",
                                  "watermark": {"low": "85%", "high": "90%", "flood_stage": "95%"}}}}}}},
    "/_data_stream/*/_stats": {"data_streams": [{"data_stream": "logs-vitals.app-default", "backing_indices": 1,
                                                 "store_size_bytes": 20, "maximum_timestamp": 1795257045123}]},
}


class Elasticsearch(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        wanted = "Basic " + base64.b64encode(f"exporter:{WORDS['elastic-exporter']}".encode()).decode()
        path = self.path.partition("?")[0].replace("%2A", "*")
        known = self.headers.get("Authorization") == wanted
        data = json.dumps(ANSWERS[path] if known else {"error": "security_exception", "status": 401}).encode()
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def elasticsearch() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elasticsearch)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The exporter with the flags of compose/logs.yaml and the file that `make up` would make."""
    root = parts.fetch(settings_module.load(), ("prometheus-elasticsearch-exporter",), "forky")
    file = tmp_path_factory.mktemp("exporter") / "elastic-exporter.yml"
    file.write_text(secrets.derived(WORDS)["elastic-exporter.yml"])
    service = yaml.safe_load((ROOT / "compose/logs.yaml").read_text())["services"]["elasticsearch-exporter"]
    flags = [flag.replace("/run/secrets/elastic-exporter.yml", str(file)) for flag in service["command"]]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = root / "usr/bin/prometheus-elasticsearch-exporter"
    log = (file.parent / "log").open("w")
    process = subprocess.Popen([program, *flags, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    until = time.monotonic() + 30
    while True:
        try:
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).read()
            break
        except URLError:
            assert process.poll() is None and time.monotonic() < until, Path(log.name).read_text()
            time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()
    log.close()


def scrape(exporter: str, target: str) -> dict[str, list[dict[str, str]]]:
    """Metric → the labels of its series."""
    text = urlopen(f"{exporter}/probe?target={target}&auth_module=vitals", timeout=20).read().decode()
    found: dict[str, list[dict[str, str]]] = {}
    for name, labels in re.findall(r"^([a-zA-Z_:]+)(?:\{(.*)\})? ", text, re.M):
        found.setdefault(name, []).append(dict(re.findall(r'(\w+)="([^"]*)"', labels)))
    return found


def test_every_metric_of_the_profile_is_exposed_with_the_labels_it_selects_by(elasticsearch: str, exporter: str) -> None:
    found = scrape(exporter, elasticsearch)
    profile = (ROOT / "prometheus/profiles/elasticsearch.yaml").read_text()
    names = set(re.findall(r"elasticsearch_[a-z_]+(?=\{)|(?<=metric: )elasticsearch_[a-z_]+", profile))
    assert len(names) >= 9
    assert names - set(found) == set()
    for name, feed in yaml.safe_load(profile)["signals"].items():
        if match := feed.get("match"):
            label, operator, value = re.fullmatch(r'(\w+)(=~?)"(.*)"', match).groups()  # type: ignore[union-attr]
            hits = [s for s in found[feed["metric"]] if (re.fullmatch(value, s[label]) if operator == "=~" else s[label] == value)]
            assert hits, name
        for own in set((feed.get("labels") or {}).values()) - {"instance"}:
            assert all(own in series for series in found[feed["metric"]]), name


def test_a_dead_or_refusing_elasticsearch_shows_as_missing_health_and_the_exporter_answers(exporter: str) -> None:
    found = scrape(exporter, "http://127.0.0.1:9")
    assert "elasticsearch_cluster_health_status" not in found


def test_prometheus_asks_it_so() -> None:
    from vitals import scraping
    from vitals.settings import load_profiles

    loaded = settings_module.load().having(frozenset({"logs"}))
    entries = scraping.targets(loaded, load_profiles(loaded), "compose")["stack.yml"]
    [entry] = [e for e in entries if e["labels"]["profile"] == "elasticsearch"]
    assert entry["targets"] == ["elasticsearch-exporter:9114"]
    assert entry["labels"]["__metrics_path__"] == "/probe" and entry["labels"]["__param_auth_module"] == "vitals"
    without = scraping.targets(settings_module.load().having(frozenset()), load_profiles(loaded), "compose")["stack.yml"]
    assert not any(e["labels"]["profile"] == "elasticsearch" for e in without)
