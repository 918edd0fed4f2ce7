"""Agentic startup studio: a SaaS boilerplate with crews of agents, model serving, users and security counters."""

from __future__ import annotations

from vitals_demo.logs import OF_AGENTS, OF_MODELS, identifier, number, why
from vitals_demo.metrics import counter, gauge, histogram
from vitals_demo.model import AppSpec, Case, Count, Flow, Level, Line, LogNormal, LogStyle, Observe, each

METRICS = (
    counter("http_requests_total", "Total HTTP requests", "method endpoint status"),
    histogram("http_request_duration_seconds", "HTTP request duration"),
    counter("user_registrations_total", "Total user registrations"),
    gauge("active_users", "Number of active users"),
    histogram("model_inference_duration_seconds", "Model inference time"),
    counter("model_requests_total", "Total model requests", "model status"),
    counter("agent_tasks_started_total", "Agent tasks started", "agent_type"),
    counter("agent_tasks_completed_total", "Agent tasks completed", "agent_type status"),
    histogram("agent_task_duration_seconds", "Agent task duration", "agent_type"),
    counter("crew_agent_tasks_total", "Agent tasks", "agent_role"),
    histogram("crew_agent_task_duration_seconds", "Task duration", "agent_role"),
    counter("auth_failed_attempts_total", "Failed login attempts", "ip user"),
    counter("suspicious_requests_total", "Suspicious HTTP requests", "type"),
    counter("rate_limit_hits_total", "Rate limit violations", "endpoint"),
)

# The app's document wants these on a dashboard and gives no metric for them.
ADDED = (
    gauge("active_sessions", "Number of active sessions"),
    counter("feature_uses_total", "Uses of a feature", "feature"),
)

AGENT_TYPES = {"researcher": 4, "planner": 3, "writer": 4}
ROLES = {"analyst": 3, "strategist": 2, "developer": 3}
# The document's labels are a person's: here a few invented ones, addresses from the documentation range.
LOGINS = tuple(Case(1, {"ip": f"203.0.113.{10 + i}", "user": f"user{i % 4 + 1}"}) for i in range(8))

APP = AppSpec(
    name="startup-studio",
    about="SaaS boilerplate with crews of agents, model inference and users.",
    metrics=(*METRICS, *ADDED),
    flows=(
        Flow("http", 40, (
            Case(35, {"method": "GET", "endpoint": "/api/projects"}),
            Case(25, {"method": "GET", "endpoint": "/api/users/{user_id}"}),
            Case(20, {"method": "GET", "endpoint": "/api/agents"}),
            Case(12, {"method": "POST", "endpoint": "/api/agents/{agent_id}/tasks"}),
            Case(8, {"method": "POST", "endpoint": "/auth/login"}),
        ), (
            Count("http_requests_total", "ok", mix=each("status", {"200": 975, "401": 10, "404": 15})),
            Count("http_requests_total", "error", mix=each("status", {"500": 8, "503": 2})),
            Observe("http_request_duration_seconds", shape=LogNormal(0.04, 0.65)),
        ), failure=0.0001),
        Flow("agents", 2.6, each("agent_type", AGENT_TYPES), (
            Count("agent_tasks_started_total"),
            Count("agent_tasks_completed_total", "ok", {"status": "success"}),
            Count("agent_tasks_completed_total", "error", {"status": "failure"}),
            Observe("agent_task_duration_seconds", shape=LogNormal(1.6)),
        ), failure=0.02),
        Flow("crew", 2, each("agent_role", ROLES), (
            Count("crew_agent_tasks_total"),
            Observe("crew_agent_task_duration_seconds", shape=LogNormal(1.8)),
        )),
        Flow("llm", 3.5, each("model", {"gpt-4o-mini": 5, "claude-haiku-4-5": 3}), (
            Count("model_requests_total", "ok", {"status": "success"}),
            Count("model_requests_total", "error", {"status": "error"}),
            Observe("model_inference_duration_seconds", shape=LogNormal(0.9)),
        ), failure=0.003),
        Flow("registrations", 0.02, (Case(1, {}),), (Count("user_registrations_total"),)),
        Flow("logins", 0.03, LOGINS, (Count("auth_failed_attempts_total"),)),
        Flow("suspicious", 0.01, each("type", {"sql_injection": 2, "path_traversal": 2, "scanner": 5}), (
            Count("suspicious_requests_total"),)),
        Flow("rate_limits", 0.05, each("endpoint", {"/auth/login": 2, "/api/agents/{agent_id}/tasks": 3}), (
            Count("rate_limit_hits_total"),)),
        Flow("features", 1.5, each("feature", {"crew_builder": 3, "chat": 6, "export": 1, "share": 2}), (
            Count("feature_uses_total"),)),
    ),
    levels=(
        Level("active_users", 480, "users", rhythm=True, whole=True),
        Level("active_sessions", 620, "users", rhythm=True, whole=True),
    ),
    log_style=LogStyle("timestamp", "level", upper=True),
    busiest_hour=16,
    lines=(
        Line("info", {"logger": "app.api", "message": ("request served", "task accepted", "user signed in"),
                      "module": "middleware", "function": "metrics_middleware", "line": 42,
                      "user_id": identifier("user")}, 1.1),
        Line("error", {"logger": "app.api", "message": why("request failed: "), "module": "middleware",
                       "function": "metrics_middleware", "line": 57, "status": (500, 503)}, on="http"),
        Line("error", {"logger": "app.agents", "message": why("agent task failed: "), "module": "crew",
                       "function": "execute_task", "line": 88, "agent_type": tuple(AGENT_TYPES),
                       "duration_seconds": number(0.5, 10, 2)}, on="agents",
             causes=OF_AGENTS),
        Line("error", {"logger": "app.models", "message": why("model request failed: "), "module": "inference",
                       "function": "predict", "line": 31}, on="llm", causes=OF_MODELS),
    ),
)
