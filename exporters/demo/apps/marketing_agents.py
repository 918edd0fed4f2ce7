"""AI marketing agents: campaigns, leads and content, with retrieval and outside advertising services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitals_demo.logs import OF_AGENTS, OF_MODELS, identifier, number, why
from vitals_demo.metrics import counter, gauge, histogram
from vitals_demo.model import (
    Amount,
    AppSpec,
    Case,
    Count,
    Flow,
    Level,
    Line,
    LogNormal,
    LogStyle,
    Normal,
    Observe,
    each,
)
from vitals_demo.prices import usd
from vitals_demo.rhythm import wave

if TYPE_CHECKING:
    from vitals_demo.simulation import App

METRICS = (
    counter("api_requests_total", "Total API requests", "method endpoint status_code"),
    histogram("api_request_duration_seconds", "API request duration in seconds", "method endpoint",
              [0.1, 0.5, 1, 2, 5, 10]),
    gauge("api_active_connections", "Number of active API connections"),
    counter("agent_executions_total", "Total agent executions", "agent_name status"),
    histogram("agent_execution_duration_seconds", "Agent execution duration", "agent_name",
              [1, 5, 10, 30, 60, 300]),
    counter("agent_errors_total", "Total agent errors", "agent_name error_type"),
    counter("llm_tokens_total", "Total LLM tokens used", "model"),
    counter("llm_cost_total", "Total LLM costs", "model"),
    counter("rag_queries_total", "Total RAG queries", "query_type"),
    histogram("rag_query_duration_seconds", "RAG query duration", "stage", [0.1, 0.5, 1, 2, 5]),
    histogram("rag_documents_retrieved_count", "Number of documents retrieved", "", [1, 5, 10, 20, 50, 100]),
    counter("external_api_calls_total", "Total external API calls", "api_name status"),
    histogram("external_api_duration_seconds", "External API call duration", "api_name", [0.1, 0.5, 1, 2, 5, 10]),
    gauge("circuit_breaker_state", "Circuit breaker state (0=closed, 1=open, 2=half_open)", "service_name"),
    counter("circuit_breaker_failures_total", "Circuit breaker failures", "service_name"),
    counter("campaigns_created_total", "Total campaigns created", "campaign_type"),
    gauge("campaign_performance_score", "Campaign performance score", "campaign_id"),
    counter("leads_generated_total", "Total leads generated", "source quality"),
    histogram("lead_score_distribution", "Lead score distribution", "", [0.1, 0.3, 0.5, 0.7, 0.9]),
    counter("content_generated_total", "Total content pieces generated", "content_type"),
    histogram("content_performance_score", "Content performance scores", "", [0.1, 0.3, 0.5, 0.7, 0.9]),
    counter("events_processed_total", "Total events processed", "event_type"),
    gauge("user_profiles_active", "Number of active user profiles"),
    counter("personalization_requests_total", "Total personalization requests"),
    counter("revenue_tracked_total", "Total revenue tracked", "source"),
    counter("conversion_events_total", "Total conversion events", "conversion_type"),
)

ENDPOINTS = (
    Case(30, {"method": "GET", "endpoint": "/api/v1/campaigns"}),
    Case(8, {"method": "POST", "endpoint": "/api/v1/campaigns"}, 1.5),
    Case(25, {"method": "GET", "endpoint": "/api/v1/leads"}),
    Case(15, {"method": "POST", "endpoint": "/api/v1/leads/score"}, 1.5),
    Case(7, {"method": "POST", "endpoint": "/api/v1/content/generate"}, 4),
    Case(15, {"method": "GET", "endpoint": "/api/v1/analytics/{campaign_id}"}, 2),
)
AGENTS = (
    Case(3, {"agent_name": "market_research"}, 1.3),
    Case(4, {"agent_name": "content_creator"}),
    Case(4, {"agent_name": "lead_scoring"}, 0.5),
    Case(3, {"agent_name": "campaign_optimizer"}),
)
SERVICES = each("api_name", {"google_ads": 4, "linkedin": 3, "hubspot": 4, "sendgrid": 3})
BREAKERS = each("service_name", {"google_ads": 1, "linkedin": 1, "hubspot": 1, "sendgrid": 1})
BREAKING = "hubspot"  # the one that opens when a fault says so
OPEN_SECONDS, PROBE_SECONDS = 180, 60

# (model, calls a second, input tokens, output tokens)
MODELS = (("gpt-4o", 0.5, 1200, 320), ("gpt-4o-mini", 1.2, 900, 260))

# Campaigns run one after another: a new one every eight hours, six at a time, names used again.
CAMPAIGNS = tuple(f"campaign-{i:02d}" for i in range(1, 13))
RUNNING = 6
CAMPAIGN_SECONDS = 8 * 3600


def campaigns(app: App) -> None:
    """Scores of the running campaigns; one that has ended leaves no score behind."""
    first = int(app.now // CAMPAIGN_SECONDS)
    running = [CAMPAIGNS[(first + i) % len(CAMPAIGNS)] for i in range(RUNNING)]
    for i, campaign in enumerate(CAMPAIGNS):
        if campaign in running:
            score = (0.86 + 0.06 * wave(app.now, i)) * app.knobs.get("campaigns.level", 1.0)
            app.set("campaign_performance_score", round(score, 4), campaign_id=campaign)
        else:
            app.store.remove("campaign_performance_score", {"campaign_id": campaign})


def breaker(app: App) -> None:
    """Closed, unless a fault holds it open: then it probes now and then, and every probe fails."""
    state = 0
    if app.knobs.get("breaker.shift"):
        state = 1 if app.age("breaker") % (OPEN_SECONDS + PROBE_SECONDS) < OPEN_SECONDS else 2
        app.add("circuit_breaker_failures_total", int(app.seconds / 30 + app.rng.random()), service_name=BREAKING)
    app.set("circuit_breaker_state", state, service_name=BREAKING)


APP = AppSpec(
    name="marketing-agents",
    about="Marketing agents with retrieval, campaigns, leads and content.",
    metrics=METRICS,
    flows=(
        Flow("http", 10, ENDPOINTS, (
            Count("api_requests_total", "ok", mix=each("status_code", {"200": 960, "404": 25, "422": 15})),
            Count("api_requests_total", "error", mix=each("status_code", {"500": 7, "502": 1, "503": 2})),
            Observe("api_request_duration_seconds", shape=LogNormal(0.16)),
        ), failure=0.003),
        Flow("agents", 3.2, AGENTS, (
            Count("agent_executions_total", "ok", {"status": "success"}),
            Count("agent_executions_total", "error", {"status": "failure"}),
            Count("agent_errors_total", "error", mix=each("error_type", {
                "TimeoutError": 5, "RateLimitError": 3, "ValidationError": 2})),
            Observe("agent_execution_duration_seconds", shape=LogNormal(7, 0.7)),
        ), failure=0.02),
        *(Flow("llm", rate, each("model", {model: 1}), (
            Amount("llm_tokens_total", "ok", mean=tokens_in + tokens_out),
            Amount("llm_cost_total", "ok", mean=usd(model, tokens_in, tokens_out), whole=False),
        ), failure=0.003) for model, rate, tokens_in, tokens_out in MODELS),
        Flow("rag", 2.5, each("query_type", {"market_insight": 4, "brand_voice": 3, "competitor": 2}), (
            Count("rag_queries_total"),
            Observe("rag_query_duration_seconds", labels={"stage": "retrieval"}, shape=LogNormal(0.25, 0.5)),
            Observe("rag_query_duration_seconds", labels={"stage": "generation"}, shape=LogNormal(1.1, 0.45)),
            Observe("rag_query_duration_seconds", labels={"stage": "compression"}, shape=LogNormal(0.2, 0.5)),
            Observe("rag_documents_retrieved_count", shape=LogNormal(8, 0.7), scaled_by=""),
        )),
        Flow("integrations", 4, SERVICES, (
            Count("external_api_calls_total", "ok", {"status": "success"}),
            Count("external_api_calls_total", "error", {"status": "error"}),
            Observe("external_api_duration_seconds", shape=LogNormal(0.3)),
        ), failure=0.003),
        Flow("breaker", 0.004, BREAKERS, (Count("circuit_breaker_failures_total"),)),
        Flow("campaigns", 0.002, each("campaign_type", {"email": 4, "social": 3, "search": 2}), (
            Count("campaigns_created_total"),)),
        Flow("leads", 0.06, each("source", {"organic": 4, "paid_search": 3, "social": 2, "referral": 1}), (
            Count("leads_generated_total", mix=each("quality", {"hot": 2, "warm": 5, "cold": 3})),
            Observe("lead_score_distribution", shape=Normal(0.58, 0.2), scaled_by=""),
        )),
        Flow("content", 0.05, each("content_type", {"blog": 2, "email": 4, "social_post": 5, "ad_copy": 3}), (
            Count("content_generated_total"),
            Observe("content_performance_score", shape=Normal(0.68, 0.15), scaled_by=""),
        )),
        Flow("events", 20, each("event_type", {"page_view": 60, "click": 25, "form_submit": 5, "email_open": 10}), (
            Count("events_processed_total"),)),
        Flow("personalization", 3, (Case(1, {}),), (Count("personalization_requests_total"),)),
        Flow("conversions", 0.03, each("conversion_type", {"signup": 6, "demo_request": 3, "purchase": 2}), (
            Count("conversion_events_total"),)),
        Flow("revenue", 0.02, each("source", {"organic": 4, "paid_search": 3, "email": 3}), (
            Amount("revenue_tracked_total", mean=89, scaled_by="amount", whole=False),)),
    ),
    levels=(
        Level("api_active_connections", 14, "connections", noise=0.25, rhythm=True, whole=True),
        Level("user_profiles_active", 5200, "profiles", noise=0.05, rhythm=True, whole=True),
        *(Level("circuit_breaker_state", 0, labels=case.labels) for case in BREAKERS
          if case.labels["service_name"] != BREAKING),
    ),
    steps=(campaigns, breaker),
    log_style=LogStyle("asctime", "levelname", upper=True),
    lines=(
        Line("info", {"name": "app.api", "message": ("campaign listed", "lead scored", "analytics served"),
                      "environment": "production", "user_id": identifier("user")}, 0.8),
        Line("info", {"name": "app.agents", "message": ("agent finished", "content generated"),
                      "environment": "production", "user_id": identifier("user")}, 0.6),
        Line("error", {"name": "app.api", "message": why("request failed: "),
                       "environment": "production", "status_code": (500, 502, 503)}, on="http"),
        Line("error", {"name": "app.agents", "message": why("agent execution failed: "),
                       "agent_name": tuple(case.labels["agent_name"] for case in AGENTS),
                       "duration": number(5, 60, 2), "environment": "production"}, on="agents",
             causes=OF_AGENTS),
        Line("warning", {"name": "app.integrations", "message": "external api call failed",
                         "api_name": tuple(case.labels["api_name"] for case in SERVICES),
                         "environment": "production"}, on="integrations"),
        Line("error", {"name": "app.llm", "message": why("model call failed: "), "environment": "production",
                       "model": ("gpt-4o", "gpt-4o-mini")}, on="llm", causes=OF_MODELS),
    ),
)
