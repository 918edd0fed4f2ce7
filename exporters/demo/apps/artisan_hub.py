"""Artisan hub: a marketplace with agents, tools, three model providers, caches and its own cost counter."""

from __future__ import annotations

from vitals_demo.logs import OF_AGENTS, OF_MODELS, identifier, kind, number, why
from vitals_demo.metrics import counter, gauge, histogram
from vitals_demo.model import Amount, AppSpec, Case, Count, Flow, Level, Line, LogNormal, Observe, each
from vitals_demo.prices import usd

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)

METRICS = (
    counter("http_requests_total", "Total HTTP requests", "method endpoint status"),
    histogram("http_request_duration_seconds", "HTTP request duration", "endpoint"),
    histogram("http_request_size_bytes", "HTTP request size", "endpoint", SIZES),
    histogram("http_response_size_bytes", "HTTP response size", "endpoint", SIZES),
    gauge("active_requests", "Current active requests"),
    counter("agent_executions_total", "Total agent executions", "type status"),
    histogram("agent_execution_duration_seconds", "Agent execution duration", "type",
              [0.5, 1, 2.5, 5, 10, 30, 60, 120]),
    counter("agent_errors_total", "Agent errors", "type error_type"),
    gauge("active_agents", "Current active agents"),
    counter("llm_requests_total", "LLM API requests", "provider model status"),
    histogram("llm_request_duration_seconds", "LLM request duration", "provider model",
              [0.5, 1, 2.5, 5, 10, 30, 60, 120]),
    counter("llm_tokens_used_total", "Total tokens used", "provider model type"),
    counter("llm_cost_usd_total", "Total LLM cost in USD", "provider model"),
    counter("db_queries_total", "Database queries", "operation table"),
    histogram("db_query_duration_seconds", "Query duration", "operation",
              [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5]),
    counter("cache_hits_total", "Cache hits", "cache_type"),
    counter("cache_misses_total", "Cache misses", "cache_type"),
    counter("tool_executions_total", "Tool executions", "tool_name status"),
    histogram("tool_execution_duration_seconds", "Tool execution duration", "tool_name",
              [0.1, 0.5, 1, 2.5, 5, 10, 30]),
    gauge("memory_usage_bytes", "Memory usage"),
    gauge("app_info", "Application information", "version environment"),
)

# (provider, model, calls a second, input tokens, output tokens, median seconds)
MODELS = (
    ("openai", "gpt-4o-mini", 1.2, 800, 220, 1.2),
    ("anthropic", "claude-haiku-4-5", 0.8, 700, 200, 1.4),
    ("google", "gemini-2.5-flash", 0.8, 650, 180, 1.0),
)
AGENTS = (
    Case(4, {"type": "profile_analyst"}),
    Case(4, {"type": "supply_hunter"}, 1.4),
    Case(3, {"type": "growth_marketer"}, 1.2),
    Case(3, {"type": "event_scout"}),
)

APP = AppSpec(
    name="artisan-hub",
    about="Marketplace backend with agents, tools, caches and three model providers.",
    metrics=METRICS,
    flows=(
        Flow("http", 12, (
            Case(40, {"method": "GET", "endpoint": "/api/search"}),
            Case(25, {"method": "GET", "endpoint": "/api/products/{id}"}, 0.5),
            Case(15, {"method": "POST", "endpoint": "/api/chat"}, 5),
            Case(12, {"method": "GET", "endpoint": "/api/artisans/{id}"}, 0.6),
            Case(8, {"method": "POST", "endpoint": "/api/orders"}, 1.5),
        ), (
            Count("http_requests_total", "ok", mix=each("status", {"200": 965, "404": 25, "422": 10})),
            Count("http_requests_total", "error", mix=each("status", {"500": 7, "502": 1, "503": 2})),
            Observe("http_request_duration_seconds", shape=LogNormal(0.14)),
            Observe("http_request_size_bytes", shape=LogNormal(700, 0.9), scaled_by="size"),
            Observe("http_response_size_bytes", shape=LogNormal(6000, 1.1), scaled_by="size"),
        ), failure=0.003),
        Flow("agents", 3.2, AGENTS, (
            Count("agent_executions_total", "ok", {"status": "success"}),
            Count("agent_executions_total", "error", {"status": "error"}),
            Count("agent_errors_total", "error", mix=each("error_type", {
                "timeout": 5, "llm_error": 3, "tool_error": 2})),
            Observe("agent_execution_duration_seconds", shape=LogNormal(5, 0.65)),
        ), failure=0.02),
        *(Flow("llm", rate, (Case(1, {"provider": provider, "model": model}),), (
            Count("llm_requests_total", "ok", {"status": "success"}),
            Count("llm_requests_total", "error", {"status": "error"}),
            Observe("llm_request_duration_seconds", shape=LogNormal(median)),
            Amount("llm_tokens_used_total", "ok", {"type": "input"}, mean=tokens_in),
            Amount("llm_tokens_used_total", "ok", {"type": "output"}, mean=tokens_out),
            Amount("llm_cost_usd_total", "ok", mean=usd(model, tokens_in, tokens_out), whole=False),
        ), failure=0.003) for provider, model, rate, tokens_in, tokens_out, median in MODELS),
        Flow("db", 20, (
            Case(50, {"operation": "select", "table": "products"}),
            Case(25, {"operation": "select", "table": "artisans"}),
            Case(15, {"operation": "insert", "table": "orders"}, 1.5),
            Case(10, {"operation": "update", "table": "orders"}, 1.5),
        ), (
            Count("db_queries_total"),
            Observe("db_query_duration_seconds", shape=LogNormal(0.004, 0.8)),
        )),
        # A lookup that "fails" is a miss.
        Flow("cache", 18, each("cache_type", {"search": 5, "embedding": 4, "session": 4}), (
            Count("cache_hits_total", "ok"),
            Count("cache_misses_total", "error"),
        ), failure=0.10),
        Flow("tools", 3.5, each("tool_name", {"web_search": 3, "maps": 3, "inventory_lookup": 4}), (
            Count("tool_executions_total", "ok", {"status": "success"}),
            Count("tool_executions_total", "error", {"status": "error"}),
            Observe("tool_execution_duration_seconds", shape=LogNormal(0.5, 0.7)),
        ), failure=0.003),
    ),
    levels=(
        Level("active_requests", 9, "requests", noise=0.3, rhythm=True, whole=True),
        Level("active_agents", 14, "active_agents", noise=0.2, rhythm=True, whole=True),
        Level("app_info", 1, labels={"version": "1.4.2", "environment": "production"}, noise=0),
    ),
    memory_metric="memory_usage_bytes",
    lines=(
        Line("info", {"event": "request_completed", "method": ("GET", "POST"),
                      "endpoint": ("/api/search", "/api/chat", "/api/products/{id}"), "status": 200,
                      "duration_seconds": number(0.03, 0.6, 3)}, 1.3),
        Line("error", {"event": "request_failed", "method": ("GET", "POST"),
                       "endpoint": ("/api/search", "/api/chat", "/api/orders"), "status": (500, 502, 503),
                       "duration_seconds": number(0.1, 5, 3),
                       "error": why()}, on="http"),
        Line("error", {"event": "agent_execution_failed", "agent_type": tuple(a.labels["type"] for a in AGENTS),
                       "run_id": identifier("run"), "error_type": kind, "error": why()}, on="agents",
             causes=OF_AGENTS),
        Line("error", {"event": "llm_request_failed", "provider": tuple(m[0] for m in MODELS),
                       "error_type": kind, "error": why()}, on="llm", causes=OF_MODELS),
    ),
)
