"""A vLLM server with one small model that gives short answers (routing, classification)."""

from __future__ import annotations

from vitals_demo.logs import kind, number, why
from vitals_demo.metrics import counter, gauge, histogram
from vitals_demo.model import Amount, AppSpec, Case, Count, Flow, Level, Line, LogNormal, Observe, each

MODEL = "meta-llama/Llama-3.1-8B-Instruct"
LABELS = "model_name engine"
SERVED = {"model_name": MODEL, "engine": "0"}
REQUEST_SECONDS = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
FIRST_TOKEN_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
                       160, 640, 2560)
REQUEST_TOKENS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000)
TOKEN_SECONDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)

METRICS = (
    gauge("vllm:num_requests_running", "Number of requests in model execution batches.", LABELS),
    gauge("vllm:num_requests_waiting", "Number of requests waiting to be processed.", LABELS),
    gauge("vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", LABELS),
    counter("vllm:num_preemptions_total", "Cumulative number of preemptions from the engine.", LABELS),
    counter("vllm:prompt_tokens_total", "Number of prefill tokens processed.", LABELS),
    counter("vllm:generation_tokens_total", "Number of generation tokens processed.", LABELS),
    counter("vllm:prefix_cache_queries_total", "Prefix cache queries, in terms of number of queried tokens.", LABELS),
    counter("vllm:prefix_cache_hits_total", "Prefix cache hits, in terms of number of cached tokens.", LABELS),
    counter("vllm:request_success_total", "Count of successfully processed requests.", f"{LABELS} finished_reason"),
    histogram("vllm:request_prompt_tokens", "Number of prefill tokens processed.", LABELS, REQUEST_TOKENS),
    histogram("vllm:request_generation_tokens", "Number of generation tokens processed.", LABELS, REQUEST_TOKENS),
    histogram("vllm:e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.", LABELS,
              REQUEST_SECONDS),
    histogram("vllm:request_queue_time_seconds", "Histogram of time spent in WAITING phase for request.", LABELS,
              REQUEST_SECONDS),
    histogram("vllm:time_to_first_token_seconds", "Histogram of time to first token in seconds.", LABELS,
              FIRST_TOKEN_SECONDS),
    histogram("vllm:inter_token_latency_seconds", "Histogram of inter-token latency in seconds.", LABELS,
              TOKEN_SECONDS),
    histogram("vllm:request_time_per_output_token_seconds",
              "Histogram of time_per_output_token_seconds per request.", LABELS, TOKEN_SECONDS),
    counter("http_requests_total", "Total number of requests by method, status and handler.", "handler method status"),
    histogram("http_request_duration_seconds", "Duration of HTTP requests in seconds", "handler method",
              [0.1, 0.5, 1]),
)

APP = AppSpec(
    name="vllm",
    about="A vLLM server with one small model.",
    metrics=METRICS,
    flows=(
        Flow("http", 8, (
            Case(6, {"handler": "/v1/chat/completions", "method": "POST"}),
            Case(2, {"handler": "/v1/completions", "method": "POST"}, 0.8),
            Case(1, {"handler": "/v1/models", "method": "GET"}, 0.02),
        ), (
            Count("http_requests_total", "ok", mix=each("status", {"2xx": 985, "4xx": 15})),
            Count("http_requests_total", "error", {"status": "5xx"}),
            Observe("http_request_duration_seconds", shape=LogNormal(0.2, 0.45)),
        ), failure=0.002),
        Flow("llm", 7, (Case(1, SERVED),), (
            Count("vllm:request_success_total", "ok", mix=each("finished_reason", {"stop": 94, "length": 6})),
            Count("vllm:request_success_total", "error", {"finished_reason": "abort"}),
            Observe("vllm:e2e_request_latency_seconds", shape=LogNormal(0.22, 0.45)),
            Observe("vllm:time_to_first_token_seconds", "ok", shape=LogNormal(0.045, 0.4)),
            Observe("vllm:inter_token_latency_seconds", "ok", shape=LogNormal(0.008, 0.3)),
            Observe("vllm:request_time_per_output_token_seconds", "ok", shape=LogNormal(0.008, 0.3)),
            Observe("vllm:request_queue_time_seconds", shape=LogNormal(0.01)),
            Observe("vllm:request_prompt_tokens", "ok", shape=LogNormal(320, 0.4), scaled_by="tokens"),
            Observe("vllm:request_generation_tokens", "ok", shape=LogNormal(25, 0.5), scaled_by="tokens"),
            Amount("vllm:prompt_tokens_total", "ok", mean=350),
            Amount("vllm:generation_tokens_total", "ok", mean=28),
        ), failure=0.003),
        # A prefix that "fails" is not found in the cache.
        Flow("cache", 7, (Case(1, SERVED),), (
            Amount("vllm:prefix_cache_queries_total", mean=350),
            Amount("vllm:prefix_cache_hits_total", "ok", mean=350),
        ), failure=0.25),
        Flow("preemptions", 0.0005, (Case(1, SERVED),), (Count("vllm:num_preemptions_total"),)),
    ),
    levels=(
        Level("vllm:num_requests_running", 6, labels=SERVED, noise=0.3, rhythm=True, whole=True),
        Level("vllm:num_requests_waiting", 1, "queue", SERVED, noise=0.8, rhythm=True, whole=True),
        Level("vllm:kv_cache_usage_perc", 0.38, "kv", SERVED, noise=0.03),
    ),
    memory_bytes=3.0e9,
    lines=(
        Line("info", {"event": "engine_stats", "prompt_throughput": number(300, 2500, 1),
                      "generation_throughput": number(40, 300, 1), "running": number(1, 8), "waiting": 0}, 0.7),
        Line("error", {"event": "request_aborted", "model": MODEL, "error_type": kind, "error": why()}, on="llm"),
        Line("error", {"event": "request_failed", "status": 500, "error": why()}, on="http"),
    ),
    depends_on=(),
)
