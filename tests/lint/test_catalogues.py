"""Catalogues: what the bundled files know, a metrics page, the profiles, and a real Prometheus."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from vitals import settings as vitals_settings
from vitals.engines import parts
from vitals.errors import VitalsError
from vitals.lint import bundled, catalogues

KNOWN = bundled.Bundled()


@pytest.mark.parametrize("name", bundled.names())
def test_a_bundled_file_is_well_formed(name):
    bundle = bundled.read(bundled.FOLDER / f"{name}.txt")
    assert bundle.title and (bundle.entries or bundle.renamed)
    assert {entry.type for entry in bundle.entries.values()} <= {"counter", "gauge", "histogram", "summary", "untyped"}
    for metric, entry in bundle.entries.items():
        assert bundled.bundle_of(metric) is bundled.load(name), f"{metric} would not be found"
        assert not (entry.labels or frozenset()) & {"job", "instance", "le", "quantile"}, metric
        assert list(entry.buckets) == sorted(entry.buckets, key=float), metric
    for old in bundle.renamed:
        assert old not in bundle.entries, f"{old} is still exposed"
        assert bundled.bundle_of(old) is bundled.load(name), f"{old} would not be found"


@pytest.mark.parametrize(("name", "type_", "label"), [
    ("node_cpu_seconds_total", "counter", "mode"), ("node_filesystem_avail_bytes", "gauge", "mountpoint"),
    ("redis_commands_total", "counter", "cmd"), ("pg_stat_activity_count", "gauge", "application_name"),
    ("probe_http_duration_seconds", "gauge", "phase"), ("kube_pod_info", "gauge", "node"),
    ("prometheus_http_requests_total", "counter", "handler"), ("alertmanager_notifications_total", "counter", "integration"),
    ("kube_pod_container_status_restarts_total", "counter", "container"), ("up", "gauge", None),
    ("container_memory_working_set_bytes", "gauge", None), ("process_start_time_seconds", "gauge", None)])
def test_well_known_metrics(name, type_, label):
    metric = KNOWN.metric(name)
    assert metric and metric.type == type_
    assert label is None or metric.labels is not None and label in metric.labels


def test_a_histogram_is_known_by_its_own_name_and_by_its_parts():
    whole = KNOWN.metric("prometheus_http_request_duration_seconds")
    part = KNOWN.metric("prometheus_http_request_duration_seconds_bucket")
    assert whole and part and whole.type == "histogram" and part.type == "counter"
    assert whole.buckets == part.buckets and whole.buckets[-1] == 120


def test_old_names_and_lost_labels():
    assert bundled.renamed("node_cpu") == "node_cpu_seconds_total"
    assert bundled.renamed("kube_hpa_status_current_replicas") == "kube_horizontalpodautoscaler_status_current_replicas"
    assert bundled.renamed("node_cpu_seconds_total") is None and bundled.renamed("no_such_metric") is None
    assert bundled.lost_label("container_memory_rss", "pod_name") == "pod"
    assert bundled.lost_label("container_memory_rss", "pod") is None


def test_only_what_is_closed_is_said_not_to_exist():
    assert KNOWN.knows_prefix("node_load99")
    for name in ("node_reboot_required", "pg_custom_query", "kube_custom_thing", "app_requests_total", "redis_x"):
        assert not KNOWN.knows_prefix(name), name


PAGE = """# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{code="200",empty=""} 3
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{code="200",le="0.5"} 1
http_request_duration_seconds_bucket{code="200",le="2.5"} 2
http_request_duration_seconds_bucket{code="200",le="+Inf"} 2
http_request_duration_seconds_sum{code="200"} 1
http_request_duration_seconds_count{code="200"} 2
# TYPE queue_length gauge
queue_length 3
# TYPE quiet_errors_total counter
"""
OPENMETRICS = """# TYPE http_requests counter
http_requests_total{code="200"} 3
http_requests_created{code="200"} 1
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{code="200",le="0.5"} 1
http_request_duration_seconds_bucket{code="200",le="2.5"} 2
http_request_duration_seconds_bucket{code="200",le="+Inf"} 2
http_request_duration_seconds_sum{code="200"} 1
http_request_duration_seconds_count{code="200"} 2
# TYPE queue_length gauge
queue_length 3
# EOF
"""


@pytest.mark.parametrize("page", [PAGE, OPENMETRICS], ids=["text", "openmetrics"])
def test_a_saved_page(tmp_path, page):
    file = tmp_path / "metrics.txt"
    file.write_text(page)
    known = catalogues.from_page(str(file))
    assert known.metric("http_requests_total").type == "counter"
    assert known.metric("http_requests_total").labels == {"code"}
    assert known.metric("http_request_duration_seconds").type == "histogram"
    assert known.metric("http_request_duration_seconds_bucket").buckets == (0.5, 2.5)
    assert known.metric("queue_length").type == "gauge" and known.metric("queue_length").labels == frozenset()
    assert known.metric("http_request_duration_p95") is None and known.knows_prefix("http_request_duration_p95")
    assert not known.knows_prefix("other_metric") and not known.knows_prefix("queue_other")


def test_a_counter_that_has_no_series_yet_is_known(tmp_path):
    (tmp_path / "metrics.txt").write_text(PAGE)
    known = catalogues.from_page(str(tmp_path / "metrics.txt"))
    assert known.metric("quiet_errors_total").labels is None


@pytest.mark.parametrize("text", ["", "<html>", '{"a": 1}', "not a page"])
def test_what_is_no_page_is_refused(tmp_path, text):
    file = tmp_path / "metrics.txt"
    file.write_text(text)
    with pytest.raises(VitalsError, match=r"metrics\.txt"):
        catalogues.from_page(str(file))


def test_the_profiles_know_their_metrics():
    known = catalogues.from_profiles(vitals_settings.load_profiles(vitals_settings.load()))
    assert known.metric("api_requests_total").type == "counter"
    assert known.metric("response_latency_seconds_bucket").type == "counter"
    assert known.metric("response_latency_seconds").buckets[-1] == 60
    assert not known.knows_prefix("api_other")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory):
    """A real Prometheus that scrapes itself."""
    program = parts.programs(vitals_settings.load(), ["servers"])["prometheus"]
    folder = tmp_path_factory.mktemp("prometheus")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "self", "static_configs": [
            {"targets": [f"127.0.0.1:{port}"], "labels": {"cluster": "one"}}]}]}))
    process = subprocess.Popen([program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                found = urlopen(f"{address}/api/v1/query?query=prometheus_http_request_duration_seconds_bucket", timeout=5)
                if json.load(found)["data"]["result"]:
                    break
            except OSError:
                assert process.poll() is None
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def test_a_live_prometheus(prometheus):
    live = catalogues.Live(prometheus)
    assert live.metric("prometheus_http_requests_total").type == "counter"
    assert live.metric("prometheus_http_requests_total").labels == {"code", "handler"}
    bucket = live.metric("prometheus_http_request_duration_seconds_bucket")
    assert bucket.type == "counter" and 120 in bucket.buckets and bucket.labels == {"handler"}
    whole = live.metric("prometheus_http_request_duration_seconds")
    assert whole.type == "histogram" and whole.buckets == bucket.buckets
    assert live.metric("up").labels == frozenset()
    assert live.metric("no_such_metric") is None and live.knows_prefix("no_such_metric")


def test_an_address_where_no_prometheus_is():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(VitalsError, match="does not answer"):
        catalogues.Live(address)
    with pytest.raises(VitalsError, match="no address"):
        catalogues.Live("file:///etc/passwd")


def test_something_else_than_a_prometheus(tmp_path):
    (tmp_path / "index.html").write_text("hello")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1",
                               "-d", str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                urlopen(f"http://127.0.0.1:{port}/", timeout=5)
                break
            except OSError:
                time.sleep(0.05)
        with pytest.raises(VitalsError, match="answers 404"):
            catalogues.Live(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(10)


def test_a_name_reads_one_file_only():
    code = ("from vitals.lint import bundled; b = bundled.Bundled(); b.metric('redis_up');"
            "print(bundled.load.cache_info().currsize)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "1"
