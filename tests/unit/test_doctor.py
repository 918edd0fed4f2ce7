"""`vitals doctor`: what it reads, what it makes of it, and what it says when there is nothing to read."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from rich.console import Console

from vitals import dashboards, doctor, page, settings
from vitals.errors import VitalsError

TEXT = "text/plain; version=0.0.4"


@pytest.fixture(scope="module")
def loaded() -> settings.Settings:
    return settings.load(settings.ROOT / "vitals.yaml")


@pytest.fixture(scope="module", autouse=True)
def dashboards_built_once(loaded: settings.Settings) -> Iterator[None]:
    models = dashboards.models(loaded, settings.load_profiles(loaded))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dashboards, "models", lambda *_: models)
        yield


@pytest.fixture(scope="module")
def diagnose(loaded: settings.Settings) -> Callable[..., doctor.Report]:
    """``diagnose(text)`` → the report on a page with that text."""
    profiles = settings.load_profiles(loaded)

    def run(text: str | bytes, profile: str | None = None, content_type: str = TEXT) -> doctor.Report:
        body = text if isinstance(text, bytes) else text.encode()
        return doctor.diagnose(page.parse(body, content_type, "http://app:8000/metrics"), loaded, profiles, profile)

    return run


Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Any], Answer]], str]]:
    """``serve(lambda request: (200, headers, body))`` → the address of a server that answers so."""
    servers = []

    def start(answer: Callable[[Any], Answer]) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                code, headers, body = answer(self)
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that hang up
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def marketing(buckets: tuple[float, ...] = (0.1, 0.5, 1, 2, 5, 10)) -> CollectorRegistry:
    """A part of what the marketing app exposes."""
    registry = CollectorRegistry()
    requests = Counter("api_requests_total", "", ["method", "endpoint", "status_code"], registry=registry)
    latency = Histogram("api_request_duration_seconds", "", ["method", "endpoint"], buckets=buckets, registry=registry)
    Gauge("api_active_connections", "", registry=registry).set(3)
    Counter("agent_executions_total", "", ["agent_name", "status"], registry=registry)
    Counter("coupons_total", "", registry=registry).inc()
    Gauge("process_resident_memory_bytes", "", registry=registry).set(1e8)
    Gauge("python_info", "", registry=registry).set(1)
    requests.labels("GET", "/leads", "200").inc(10)
    latency.labels("GET", "/leads").observe(0.3)
    return registry


# --- which profile --------------------------------------------------------------------------------------


def test_the_profile_that_knows_most_of_the_page_fits_best(diagnose: Callable[..., doctor.Report]) -> None:
    report = diagnose(generate_latest(marketing()))
    assert report.profile == "marketing-agents"
    first = report.fits[0]
    # agent_executions_total is declared, and has no series yet. The process's own metrics say nothing.
    assert (first.found, first.wanted) == (4, 26)
    assert first.share == pytest.approx(4 / 26)
    assert set(report.fed) == {"http_requests", "http_latency_seconds", "http_in_flight", "agent_runs", "app_memory_bytes"}
    assert report.quiet == ("agent_executions_total",)
    assert report.unrecognised == ("coupons_total",)


def test_openmetrics_is_read_as_well(diagnose: Callable[..., doctor.Report]) -> None:
    content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    text, openmetrics = (diagnose(generate_latest(marketing())),
                         diagnose(generate_openmetrics(marketing()), content_type=content_type))
    assert set(openmetrics.fed) == set(text.fed)
    assert openmetrics.fits == text.fits
    assert openmetrics.unrecognised == ("coupons",)
    assert not openmetrics.problems


def test_a_metric_of_the_same_name_with_other_labels_counts_half(diagnose: Callable[..., doctor.Report]) -> None:
    page_of_vllm = '# TYPE http_requests_total counter\nhttp_requests_total{handler="/v1",method="GET",status="2xx"} 1\n'
    scores = {fit.profile: fit for fit in diagnose(page_of_vllm + "# TYPE vllm:num_requests_running gauge\n").fits}
    assert scores["vllm"].score == Decimal(2) / scores["vllm"].wanted
    by_label = '# TYPE http_requests_total counter\nhttp_requests_total{verb="GET"} 1\n'
    scores = {fit.profile: fit for fit in diagnose(by_label).fits}
    assert scores["vllm"].found == 1
    assert scores["vllm"].score == Decimal("0.5") / scores["vllm"].wanted


def test_a_counter_without_total_keeps_its_name(diagnose: Callable[..., doctor.Report]) -> None:
    report = diagnose("# TYPE pg_up gauge\npg_up 1\n"
                      "# TYPE pg_stat_database_xact_commit counter\n"
                      'pg_stat_database_xact_commit{datid="1",datname="a"} 5\n'
                      'pg_stat_database_xact_commit{datid="5",datname="b"} 6\n')
    assert report.profile == "postgres"
    assert report.fed == {"postgres_up": ("pg_up",), "postgres_transactions": ("pg_stat_database_xact_commit",)}
    assert report.series == 3
    assert not report.unrecognised


def test_no_profile_knows_the_page(diagnose: Callable[..., doctor.Report]) -> None:
    report = diagnose("# TYPE coupons_total counter\ncoupons_total 1\n")
    assert report.profile is None
    assert report.unrecognised == ("coupons_total",)
    assert not report.snippet


def test_another_profile_can_be_asked_for(diagnose: Callable[..., doctor.Report]) -> None:
    report = diagnose(generate_latest(marketing()), "redis")
    assert report.profile == "redis"
    assert set(report.fed) == {"stack_memory_bytes"}  # every process tells its memory
    assert {missing.signal for missing in report.missing} >= {"redis_up", "redis_hits"}


# --- what comes alive -----------------------------------------------------------------------------------


def test_alerts_come_alive_with_what_they_read(diagnose: Callable[..., doctor.Report]) -> None:
    report = diagnose(generate_latest(marketing()))
    assert {"HttpErrorsHigh", "HttpLatencyHigh"} <= set(report.alive["api"])
    assert "AgentFailuresHigh" in report.alive["agents"]
    assert {"AgentSlow", "RagSlow", "LeadsLow", "BreakerOpen"} <= set(report.asleep)
    # Neither what always fires nor what reads no more than `up`.
    assert not {"Watchdog", "ExporterDown"} & {name for names in report.alive.values() for name in names}


def test_what_is_missing_says_which_alerts_it_would_wake(diagnose: Callable[..., doctor.Report]) -> None:
    missing = {entry.signal: entry for entry in diagnose(generate_latest(marketing())).missing}
    assert missing["rag_latency_seconds"].metrics == ("rag_query_duration_seconds",)
    assert missing["rag_latency_seconds"].alerts == ("RagSlow",)
    assert missing["rag_documents"].alerts == ()
    assert "http_requests" not in missing


def test_panels_are_counted_by_what_they_read(diagnose: Callable[..., doctor.Report]) -> None:
    boards = {board.uid: board for board in diagnose(generate_latest(marketing())).boards}
    board = boards["vitals-ai-performance"]
    assert 0 < board.alive < board.possible


def test_every_profile_comes_alive_as_a_whole(loaded: settings.Settings, diagnose: Callable[..., doctor.Report]) -> None:
    profiles = settings.load_profiles(loaded)
    for name, (profile, _) in profiles.items():
        text = []
        for signal, feed in profile.signals.items():
            for metric in dict.fromkeys(m for m in doctor._wanted(feed)):
                kind = doctor.SIGNALS[signal].kind
                suffixes = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}.get(kind, ("",))
                text += [f"{metric}{suffix} 1" if suffix != "_bucket" else f'{metric}_bucket{{le="+Inf"}} 1'
                         for suffix in suffixes]
        report = diagnose("\n".join(dict.fromkeys(text)) + "\n", name)
        assert not report.missing, name
        assert not report.asleep, name


# --- what is wrong --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "problem"), [
    ("# TYPE api_request_duration_seconds gauge\napi_request_duration_seconds 1\n",
     "api_request_duration_seconds is a gauge, but http_latency_seconds needs a histogram"),
    ("# TYPE api_request_duration_seconds summary\napi_request_duration_seconds_sum 1\napi_request_duration_seconds_count 1\n",
     "api_request_duration_seconds is a summary, but http_latency_seconds needs a histogram"),
    ("# TYPE api_requests_total gauge\napi_requests_total 1\n",
     "api_requests_total is a gauge, but http_requests needs a counter"),
    ("# TYPE api_active_connections counter\napi_active_connections 1\n",
     "api_active_connections is a counter, but http_in_flight needs a gauge"),
])
def test_wrong_types(diagnose: Callable[..., doctor.Report], text: str, problem: str) -> None:
    found = diagnose(text, "marketing-agents").problems
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_untyped_metrics_are_taken_as_they_are(diagnose: Callable[..., doctor.Report]) -> None:
    report = diagnose('api_requests_total{endpoint="/",status_code="200"} 1\napi_active_connections 1\n')
    assert report.profile == "marketing-agents"
    assert not report.problems


def test_buckets_that_end_below_a_limit(diagnose: Callable[..., doctor.Report]) -> None:
    report = diagnose(generate_latest(marketing(buckets=(0.1, 0.5, 1))))
    assert [p for p in report.problems if "ends at a bucket of 1, but http_latency_p95_seconds is 2" in p
            and "HttpLatencyHigh" in p]
    assert [h for h in report.hints if "has buckets [0.1, 0.5, 1]; the profile expects [0.1, 0.5, 1, 2, 5, 10]" in h]


def test_buckets_in_another_unit_are_compared_in_the_limits_unit(
        write: Callable[..., Path], configured: Callable[..., settings.Settings]) -> None:
    own = ("profile: mine\ntitle: Mine\nabout: x\nsignals:\n  http_latency_seconds:\n    metric: mine_ms\n"
           "    scale: 0.001\n    buckets: [100, 5000]\n")
    loaded = configured("demo: false\n", {"mine": own})
    profiles = settings.load_profiles(loaded)
    text = '# TYPE mine_ms histogram\nmine_ms_bucket{le="100"} 1\nmine_ms_bucket{le="1500"} 1\nmine_ms_bucket{le="+Inf"} 1\n'
    report = doctor.diagnose(page.parse(text.encode(), TEXT, "x"), loaded, profiles, "mine")
    assert [p for p in report.problems if "ends at a bucket of 1.5, but http_latency_p95_seconds is 2" in p]


def test_the_profiles_own_buckets_raise_nothing(diagnose: Callable[..., doctor.Report]) -> None:
    report = diagnose(generate_latest(marketing()))
    assert not report.problems
    assert not [hint for hint in report.hints if "buckets" in hint]


def test_a_limit_that_must_be_a_bucket(diagnose: Callable[..., doctor.Report]) -> None:
    text = "# TYPE rag_query_duration_seconds histogram\n" + "".join(
        f'rag_query_duration_seconds_bucket{{stage="a",le="{le}"}} 1\n' for le in ("0.1", "10.0", "+Inf"))
    assert "rag_query_duration_seconds has no bucket of 5, which rag_timeout_seconds needs" in diagnose(text).problems


def test_labels_that_the_profile_reads_and_the_page_lacks(diagnose: Callable[..., doctor.Report]) -> None:
    hints = diagnose('# TYPE api_requests_total counter\napi_requests_total{status_code="200"} 1\n').hints
    assert "api_requests_total has no label 'endpoint': http_requests is not told apart by endpoint" in hints


def test_a_label_that_only_failures_have_is_not_missed(diagnose: Callable[..., doctor.Report]) -> None:
    hints = diagnose('# TYPE gen_ai_invoke_agent_duration_seconds histogram\n'
                     'gen_ai_invoke_agent_duration_seconds_bucket{gen_ai_agent_name="a",le="+Inf"} 1\n'
                     'gen_ai_invoke_agent_duration_seconds_count{gen_ai_agent_name="a"} 1\n').hints
    assert not [hint for hint in hints if "error_type" in hint]


def test_models_without_a_price(diagnose: Callable[..., doctor.Report]) -> None:
    text = ('# TYPE gen_ai_client_token_usage histogram\n'
            'gen_ai_client_token_usage_sum{gen_ai_request_model="gpt-4o",gen_ai_token_type="input"} 1\n'
            'gen_ai_client_token_usage_sum{gen_ai_request_model="house-llm",gen_ai_token_type="input"} 1\n')
    assert [h for h in diagnose(text).hints if h.startswith("no price for house-llm:")]


def test_a_page_that_prometheus_would_refuse(diagnose: Callable[..., doctor.Report]) -> None:
    many = "".join(f'coupons{{n="{n}"}} 1\n' for n in range(50_001))
    assert diagnose(many).problems == ("50,001 series: beyond 50,000, Prometheus is told to refuse the page",)
    long = f'coupons{{n="{"x" * 1025}"}} 1\n'
    assert [p for p in diagnose(long).problems if "characters in a label's value" in p]
    wide = "coupons{" + ",".join(f'l{n}="1"' for n in range(62)) + "} 1\n"
    assert [p for p in diagnose(wide).problems if "65 labels" in p]


@pytest.mark.parametrize("content_type", ["", "text/html", "application/json"])
def test_a_page_served_as_something_else(diagnose: Callable[..., doctor.Report], content_type: str) -> None:
    (problem,) = diagnose("coupons_total 1\n", content_type=content_type).problems
    assert "Prometheus 3 refuses the page" in problem


def test_an_address_with_a_query(loaded: settings.Settings, serve: Callable[..., str]) -> None:
    report = examine(loaded, serve(lambda request: (200, {"Content-Type": TEXT}, b"coupons_total 1\n")) + "/metrics?job=a")
    assert report.problems == ("the address needs ?job=a, which vitals.yaml cannot say; serve the page under a path of its own",)


def test_a_bucket_that_is_no_number(diagnose: Callable[..., doctor.Report]) -> None:
    report = diagnose("# TYPE api_request_duration_seconds histogram\n"
                      'api_request_duration_seconds_bucket{endpoint="/",le="fast"} 1\n'
                      'api_request_duration_seconds_bucket{endpoint="/",le="+Inf"} 1\n')
    assert "http_latency_seconds" in report.fed


# --- labels ---------------------------------------------------------------------------------------------


def _coupons(label: str, values: list[str]) -> str:
    return "".join(f'coupons_total{{{label}="{value}"}} 1\n' for value in values)


UUID = "6f1c2f9e-3d1b-4c55-9a57-2f7b0c1d{:04d}"


@pytest.mark.parametrize(("label", "values", "why"), [
    ("email", ["ann@example.com"], "e-mail addresses: personal data"),
    ("owner", ["ann@example.com", "none"], "e-mail addresses: personal data"),
    ("ip", ["203.0.113.7"], "IP addresses of people: personal data"),
    ("client_ip", ["2001:db8::1"], "IP addresses of people: personal data"),
    ("user", ["ann", "bob"], "says who somebody is: personal data"),
    ("customer_id", ["10482"], "says who somebody is: personal data"),
    ("peer", [f"10.0.0.{n}:8080" for n in range(12)], "IP addresses, one series each"),
    ("endpoint", ["/users/4711/orders", "/health"], "raw paths with numbers or ids in them; use the route's pattern"),
    ("http_route", ["/runs/" + UUID.format(1)], "raw paths with numbers or ids in them; use the route's pattern"),
    ("conversation", [UUID.format(n) for n in range(3)], "ids, one series each"),
    ("order", [str(10_000 + n) for n in range(10)], "ids, one series each"),
    ("workflow_id", [f"wf-{n:016x}ab1" for n in range(4)], "ids, one series each"),
    ("city", [f"city {n}" for n in range(51)], "51 values"),
])
def test_labels_without_bounds(diagnose: Callable[..., doctor.Report], label: str, values: list[str], why: str) -> None:
    found = diagnose(_coupons(label, values)).labels
    assert [(entry.label, entry.why, entry.metrics) for entry in found] == [(label, why, ("coupons_total",))]
    assert found[0].personal == ("personal" in why)


@pytest.mark.parametrize(("label", "values"), [
    ("city", [f"city {n}" for n in range(50)]),
    ("endpoint", ["/api/v1/leads", "/users/{id}", "/"]),
    ("status", ["200", "404", "500"]),
    ("model", ["gpt-4o-2024-08-06", "claude-sonnet-4-5"]),
    ("user", ["system"]),
    ("server_address", ["10.0.0.1", "10.0.0.2"]),
    ("ip", ["v4", "v6"]),
    ("mountpoint", ["/snap/core/16928"]),
    ("datid", ["16384", "16385", "16390", "24576"]),
])
def test_labels_with_bounds(diagnose: Callable[..., doctor.Report], label: str, values: list[str]) -> None:
    assert not diagnose(_coupons(label, values)).labels


def test_info_metrics_and_bucket_bounds_are_no_labels_to_worry_about(diagnose: Callable[..., doctor.Report]) -> None:
    text = ("".join(f'build_info{{commit="{UUID.format(n)}"}} 1\n' for n in range(5))
            + "".join(f'coupons_bucket{{le="{n}"}} 1\n' for n in range(80)))
    assert not diagnose(text).labels


def test_personal_values_are_not_passed_on(diagnose: Callable[..., doctor.Report]) -> None:
    report = diagnose(_coupons("email", ["ann.smith@example.com"]) + _coupons("ip", ["203.0.113.7"]))
    assert [entry.examples for entry in report.labels] == [("a…@example.com",), ("203.…",)]
    assert "ann.smith" not in shown(report)
    assert "203.0.113.7" not in shown(report)


# --- the address ----------------------------------------------------------------------------------------


def examine(loaded: settings.Settings, address: str, **more: Any) -> doctor.Report:
    return doctor.examine(address, loaded, settings.load_profiles(loaded), **more)


def test_a_live_page(loaded: settings.Settings, serve: Callable[..., str]) -> None:
    seen = []

    def answer(request: Any) -> Answer:
        seen.append((request.path, request.headers["Accept"]))
        return 200, {"Content-Type": TEXT}, generate_latest(marketing())

    address = serve(answer)
    report = examine(loaded, address)
    assert report.profile == "marketing-agents"
    assert report.address == f"http://{address}/metrics"
    assert seen[0][0] == "/metrics"
    assert seen[0][1].startswith("application/openmetrics-text")
    examine(loaded, f"http://{address}/internal/metrics")
    assert seen[1][0] == "/internal/metrics"


def test_a_file(loaded: settings.Settings, write: Callable[..., Path]) -> None:
    report = examine(loaded, str(write("page.txt", generate_latest(marketing()).decode())))
    assert report.profile == "marketing-agents"
    assert 'targets: ["HOST:PORT"]' in report.snippet


def test_an_openmetrics_file_is_known_by_its_end(loaded: settings.Settings, write: Callable[..., Path]) -> None:
    report = examine(loaded, str(write("page.txt", generate_openmetrics(marketing()).decode())))
    assert report.profile == "marketing-agents"


def test_a_token_is_sent_and_not_passed_on(loaded: settings.Settings, serve: Callable[..., str],
                                           write: Callable[..., Path]) -> None:
    elsewhere = []

    def other(request: Any) -> Answer:
        elsewhere.append(request.headers.get("Authorization"))
        return 200, {}, generate_latest(marketing())

    def guarded(request: Any) -> Answer:
        if request.headers.get("Authorization") != "Bearer s3cret":
            return 401, {}, b""
        if request.path == "/moved":
            return 302, {"Location": f"http://{serve(other)}/metrics"}, b""
        return 200, {}, generate_latest(marketing())

    address = serve(guarded)
    token = write("token", "s3cret\n")
    with pytest.raises(VitalsError, match="needs a token.*bearer_token_file"):
        examine(loaded, address)
    report = examine(loaded, address, token_file=token)
    assert f'bearer_token_file: "{token}"' in report.snippet
    examine(loaded, f"{address}/moved", token_file=token)
    assert elsewhere == [None]
    with pytest.raises(VitalsError, match="does not accept the token"):
        examine(loaded, address, token_file=write("wrong", "x"))


@pytest.mark.parametrize("content", ["", "two words", "a\nb", "täg"])
def test_a_file_that_holds_no_token(loaded: settings.Settings, write: Callable[..., Path], content: str) -> None:
    with pytest.raises(VitalsError, match="holds no token"):
        examine(loaded, "127.0.0.1:1", token_file=write("token", content))


def test_a_token_file_that_is_not_there(loaded: settings.Settings, tmp_path: Path) -> None:
    with pytest.raises(VitalsError, match="the token cannot be read"):
        examine(loaded, "127.0.0.1:1", token_file=tmp_path / "none")


@pytest.mark.parametrize(("answer", "problem"), [
    ((404, {}, b""), "no such page .404."),
    ((403, {}, b""), "needs a token .403."),
    ((500, {}, b"oops"), "answers 500"),
    ((200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><html></html>"), "is a web page"),
    ((200, {}, b"\n <html><body>login</body></html>"), "is a web page"),
    ((200, {"Content-Type": "application/json"}, b'{"status": "ok"}'), "is JSON"),
    ((200, {"Content-Type": TEXT}, b""), "holds no metrics"),
    ((200, {"Content-Type": TEXT}, b"ok"), "no metrics page"),
    ((200, {"Content-Type": TEXT}, b"everything is fine today\n"), "no metrics page"),
    ((200, {"Content-Type": TEXT}, b"\xff\xfe\x00binary"), "not text"),
    ((200, {"Content-Type": "application/openmetrics-text"}, b"# TYPE a counter\na 1\n# EOF\n"), "no metrics page"),
    ((200, {"Content-Type": TEXT}, b'coupons{n="1} 1\n'), "no metrics page"),
    ((302, {"Location": "/metrics"}, b""), "answers 302"),
])
def test_an_answer_that_is_no_metrics_page(loaded: settings.Settings, serve: Callable[..., str], answer: Answer,
                                           problem: str) -> None:
    with pytest.raises(VitalsError, match=problem):
        examine(loaded, serve(lambda request: answer))


def test_a_page_larger_than_prometheus_takes_in(loaded: settings.Settings, serve: Callable[..., str],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MAX_BYTES", 1000)
    with pytest.raises(VitalsError, match="larger than"):
        examine(loaded, serve(lambda request: (200, {}, b"coupons 1\n" * 101)))


def test_nobody_there(loaded: settings.Settings, serve: Callable[..., str]) -> None:
    with pytest.raises(VitalsError, match="http://127.0.0.1:1/metrics does not answer: .*refused"):
        examine(loaded, "127.0.0.1:1")
    with pytest.raises(VitalsError, match="does not answer"):
        examine(loaded, "no-such-host.invalid:80")


@pytest.mark.parametrize("after", [0, 100])
def test_an_answer_that_takes_too_long(loaded: settings.Settings, serve: Callable[..., str], after: int) -> None:
    """Also one that comes drop by drop."""

    def slow(request: Any) -> Answer:
        if after:
            request.send_response(200)
            request.end_headers()
            for _ in range(after):
                time.sleep(0.05)
                request.wfile.write(b"coupons 1\n")
        else:
            time.sleep(5)
        return 200, {}, b""

    address = serve(slow)
    start = time.monotonic()
    with pytest.raises(VitalsError, match="did not answer within 0.3 s"):
        examine(loaded, address, timeout=0.3)
    assert time.monotonic() - start < 3


@pytest.mark.parametrize(("address", "problem"), [
    ("ftp://127.0.0.1/metrics", "only http and https"),
    ("file:///etc/passwd", "only http and https"),
    ("http://user:secret@127.0.0.1:8000/metrics", "user name or password"),
    ("http://127.0.0.1:eight/metrics", "not an address"),
    ("http://127.0.0.1:99999/metrics", "not an address"),
    ("http://[::1/metrics", "not an address"),
    ("http:///metrics", "neither a file nor an address"),
    ("", "neither a file nor an address"),
    ("nothing here.txt", "neither a file nor an address"),
])
def test_an_address_that_is_none(loaded: settings.Settings, address: str, problem: str) -> None:
    with pytest.raises(VitalsError, match=problem) as raised:
        examine(loaded, address)
    assert "secret" not in str(raised.value)


def test_a_profile_that_does_not_exist(loaded: settings.Settings) -> None:
    with pytest.raises(VitalsError, match="no profile 'reddis'; did you mean 'redis'"):
        examine(loaded, "127.0.0.1:1", profile="reddis")


# --- what to paste, and what is shown -------------------------------------------------------------------


@pytest.mark.parametrize(("address", "job", "target", "path"), [
    ("http://127.0.0.1:8000/metrics", "my-app", "127.0.0.1:8000", "/metrics"),
    ("http://shop.example.com/metrics", "shop", "shop.example.com:80", "/metrics"),
    ("https://shop.example.com/internal/metrics", "shop", "shop.example.com:443", "/internal/metrics"),
    ("http://[::1]:8000/metrics", "my-app", "[::1]:8000", "/metrics"),
    ("http://litellm:4000/metrics", "my-app", "litellm:4000", "/metrics"),  # a demo job's name
])
def test_the_snippet_is_read_back_as_settings(configured: Callable[..., settings.Settings], loaded: settings.Settings,
                                              address: str, job: str, target: str, path: str) -> None:
    full = page.target(address).geturl()
    text = doctor.snippet(full, "otel-genai", Path("secrets/token"), settings.load_profiles(loaded))
    app = configured(text).apps[0]
    assert (app.job, app.targets, app.metrics_path) == (job, [target], path)
    assert app.scheme == address.split(":")[0]
    assert app.bearer_token_file == Path("secrets/token")


def shown(report: doctor.Report) -> str:
    out = io.StringIO()
    doctor.render(report, Console(file=out, width=160))
    return out.getvalue()


def test_everything_is_shown(diagnose: Callable[..., doctor.Report]) -> None:
    text = shown(diagnose(generate_latest(marketing(buckets=(0.1, 1))) + _coupons("email", ["ann@example.com"]).encode()))
    for part in ("→  15%    4 of  26 metrics  marketing-agents", "5 of 29 signals", "no series yet: agent_executions_total",
                 "HttpErrorsHigh", "not: AgentSlow", "Agent Vitals: Overview", "ends at a bucket of 1",
                 "email: e-mail addresses: personal data (a…@example.com), in coupons_total", "rag_query_duration_seconds",
                 "Not read by marketing-agents: 1 metric", "  - job: app\n    profile: marketing-agents\n"):
        assert part in text


def test_a_page_without_a_profile_is_shown(diagnose: Callable[..., doctor.Report]) -> None:
    text = shown(diagnose("coupons_total 1\n"))
    assert "None knows any of these metrics" in text
    assert "Not read by any profile: 1 metric" in text


def test_what_a_page_says_does_not_steer_the_terminal(diagnose: Callable[..., doctor.Report]) -> None:
    values = [f"\x1b[31m[bold]{n}[/bold]" for n in range(60)]
    text = shown(diagnose(_coupons("city", values)))
    assert "\x1b" not in text
    assert "[bold]0[/bold]" in text
