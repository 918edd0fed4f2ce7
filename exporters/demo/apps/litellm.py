"""A LiteLLM proxy: one gateway in front of three providers, with teams, budgets, fallbacks, cache and guardrails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitals_demo.logs import OF_MODELS, identifier, kind, number, why
from vitals_demo.metrics import counter, gauge, histogram
from vitals_demo.model import Amount, AppSpec, Case, Count, Flow, Level, Line, LogNormal, Observe, each
from vitals_demo.prices import usd

if TYPE_CHECKING:
    from vitals_demo.simulation import App

LATENCY = (0.005, 0.00625, 0.0125, 0.025, 0.05, 0.1, *(i / 2 for i in range(1, 21)), 15, 20, 25, 30, 60, 120, 180, 240,
           300, 600)

KEY = "hashed_api_key api_key_alias team team_alias"
IDS = f"{KEY} end_user user"
ORG = "org_id org_alias"
CLIENT = "client_ip user_agent"
DEPLOYMENT = "litellm_model_name model_id api_base api_provider"
SERVED = f"{KEY} model_group requested_model {DEPLOYMENT} {CLIENT}"
USED = f"{IDS} user_email model requested_model model_id api_provider {ORG}"
TIMED = f"model_group {IDS} requested_model model model_id api_provider service_tier {ORG}"
CACHED = f"model {IDS} model_id api_provider"
PROXIED = f"{IDS} user_email requested_model route {CLIENT} model_id api_provider {ORG}"

METRICS = (
    counter("litellm_proxy_total_requests_metric_total", "Total number of requests made to the proxy server",
            f"{PROXIED} status_code"),
    counter("litellm_proxy_failed_requests_metric_total", "Total number of failed responses from the proxy",
            f"{PROXIED} exception_status exception_class"),
    gauge("litellm_in_flight_requests", "Requests being served"),
    counter("litellm_requests_metric_total", "Total number of LLM calls to litellm",
            f"{IDS} user_email model requested_model {CLIENT} model_id api_provider {ORG}"),
    histogram("litellm_request_total_latency_metric", "Total latency (seconds) for a request to LiteLLM", TIMED,
              LATENCY),
    histogram("litellm_llm_api_latency_metric", "Total latency (seconds) for a model's API call", TIMED, LATENCY),
    histogram("litellm_llm_api_time_to_first_token_metric", "Time to first token for a model's API call", TIMED,
              LATENCY),
    histogram("litellm_overhead_latency_metric", "Latency overhead (seconds) added by LiteLLM processing",
              "model_group api_provider api_base litellm_model_name", LATENCY),
    histogram("litellm_request_queue_time_seconds", "Time a request spent in the queue", KEY, LATENCY),
    histogram("litellm_deployment_latency_per_output_token", "Latency per output token", f"{DEPLOYMENT} {KEY}",
              LATENCY),
    counter("litellm_input_tokens_metric_total", "Total number of input tokens from LLM requests", USED),
    counter("litellm_output_tokens_metric_total", "Total number of output tokens from LLM requests", USED),
    counter("litellm_total_tokens_metric_total", "Total number of input + output tokens from LLM requests", USED),
    counter("litellm_input_cached_tokens_metric_total", "Input tokens read from the provider's cache", USED),
    counter("litellm_output_reasoning_tokens_metric_total", "Output tokens spent on reasoning", USED),
    counter("litellm_spend_metric_total", "Total spend on LLM requests",
            f"{IDS} user_email model requested_model {CLIENT} model_id api_provider service_tier {ORG}"),
    counter("litellm_deployment_total_requests_total", "Total number of LLM API calls via litellm", SERVED),
    counter("litellm_deployment_success_responses_total", "Total number of successful LLM API calls", SERVED),
    counter("litellm_deployment_failure_responses_total", "Total number of failed LLM API calls",
            f"{SERVED} exception_status exception_class"),
    gauge("litellm_deployment_state", "State of a deployment: 0 healthy, 1 partial outage, 2 complete outage",
          DEPLOYMENT),
    counter("litellm_deployment_cooled_down_total", "Deployments put on cooldown", f"{DEPLOYMENT} exception_status"),
    counter("litellm_deployment_successful_fallbacks_total", "Successful fallback requests",
            f"requested_model fallback_model {KEY} exception_status exception_class"),
    counter("litellm_deployment_failed_fallbacks_total", "Failed fallback requests",
            f"requested_model fallback_model {KEY} exception_status exception_class"),
    gauge("litellm_remaining_requests_metric", "Requests the provider still allows in this window",
          f"model_group hashed_api_key api_key_alias {DEPLOYMENT}"),
    gauge("litellm_remaining_tokens_metric", "Tokens the provider still allows in this window",
          f"model_group hashed_api_key api_key_alias {DEPLOYMENT}"),
    gauge("litellm_team_max_budget_metric", "Maximum budget set for a team", "team team_alias"),
    gauge("litellm_remaining_team_budget_metric", "Remaining budget for a team", "team team_alias"),
    counter("litellm_guardrail_requests_total", "Guardrail invocations", "guardrail_name status hook_type"),
    histogram("litellm_guardrail_latency_seconds", "Latency of guardrails", "guardrail_name status hook_type", LATENCY),
    counter("litellm_guardrail_errors_total", "Errors raised by guardrails", "guardrail_name error_type hook_type"),
    counter("litellm_cache_hits_metric_total", "Requests answered from the cache", CACHED),
    counter("litellm_cache_misses_metric_total", "Requests not found in the cache", CACHED),
    counter("litellm_cached_tokens_metric_total", "Tokens answered from the cache", CACHED),
    counter("litellm_mcp_tool_calls_total", "MCP tool calls", f"mcp_tool_name mcp_server_name {IDS}"),
)

# (model, provider, API, input tokens, output tokens)
GPT = ("gpt-4o", "openai", "https://api.openai.com", 900, 250)
MINI = ("gpt-4o-mini", "openai", "https://api.openai.com", 700, 180)
CLAUDE = ("claude-sonnet-4-5", "anthropic", "https://api.anthropic.com", 1000, 260)
FLASH = ("gemini-2.5-flash", "gemini", "https://generativelanguage.googleapis.com", 800, 200)
MODELS = (GPT, MINI, CLAUDE, FLASH)
TEAMS = ("research", "product")
# (team, model, calls a second)
USES = (("research", GPT, 0.5), ("research", CLAUDE, 0.6), ("product", MINI, 1.2), ("product", FLASH, 0.9))

BUDGET_USD = 5000.0
REQUESTS_PER_MINUTE, TOKENS_PER_MINUTE = 5000, 4_000_000
MONTH_SECONDS = 30 * 86400


def _deployment(model: str, provider: str, base: str) -> dict[str, str]:
    return {"litellm_model_name": model, "model": model, "model_group": model, "requested_model": model,
            "model_id": f"{model}-1", "api_base": base, "api_provider": provider}


def _team(team: str) -> dict[str, str]:
    return {"hashed_api_key": f"hash-{team}", "api_key_alias": f"{team}-key", "team": f"team-{team}",
            "team_alias": team, "end_user": "", "user": f"{team}-service", "user_email": "", "org_id": "org-demo",
            "org_alias": "demo", "client_ip": "192.0.2.10", "user_agent": "openai-python", "service_tier": "default",
            "route": "/chat/completions"}


FAILED = (
    Case(5, {"exception_status": "503", "exception_class": "ServiceUnavailableError"}),
    Case(3, {"exception_status": "429", "exception_class": "RateLimitError"}),
    Case(2, {"exception_status": "408", "exception_class": "Timeout"}),
)
SERVER_ERROR = {"exception_status": "500", "exception_class": "InternalServerError"}


def _flows(team: str, use: tuple[str, str, str, int, int], rate: float) -> tuple[Flow, ...]:
    model, provider, base, tokens_in, tokens_out = use
    case = (Case(1, {**_deployment(model, provider, base), **_team(team)}),)
    return (
        Flow("http", rate * 2, case, (
            Count("litellm_proxy_total_requests_metric_total", "ok",
                  mix=each("status_code", {"200": 980, "400": 10, "401": 10})),
            Count("litellm_proxy_total_requests_metric_total", "error", {"status_code": "500"}),
            Count("litellm_proxy_failed_requests_metric_total", "error", SERVER_ERROR),
        ), failure=0.003),
        Flow("llm", rate, case, (
            Count("litellm_requests_metric_total"),
            Observe("litellm_request_total_latency_metric", "ok", shape=LogNormal(1.9)),
            Observe("litellm_llm_api_latency_metric", "ok", shape=LogNormal(1.8)),
            Observe("litellm_llm_api_time_to_first_token_metric", "ok", shape=LogNormal(0.45, 0.5)),
            Observe("litellm_overhead_latency_metric", "ok", shape=LogNormal(0.008, 0.5), scaled_by=""),
            Observe("litellm_request_queue_time_seconds", shape=LogNormal(0.004, 0.6)),
            Observe("litellm_deployment_latency_per_output_token", "ok", shape=LogNormal(0.015, 0.4)),
            Amount("litellm_input_tokens_metric_total", "ok", mean=tokens_in),
            Amount("litellm_output_tokens_metric_total", "ok", mean=tokens_out),
            Amount("litellm_total_tokens_metric_total", "ok", mean=tokens_in + tokens_out),
            Amount("litellm_input_cached_tokens_metric_total", "ok", mean=0.3 * tokens_in),
            Amount("litellm_output_reasoning_tokens_metric_total", "ok", mean=0.15 * tokens_out),
            Amount("litellm_spend_metric_total", "ok", mean=usd(model, tokens_in, tokens_out), whole=False),
            Count("litellm_deployment_total_requests_total"),
            Count("litellm_deployment_success_responses_total", "ok"),
            Count("litellm_deployment_failure_responses_total", "error", mix=FAILED),
        ), failure=0.003),
        # A lookup that "fails" is a miss.
        Flow("cache", rate, case, (
            Count("litellm_cache_hits_metric_total", "ok"),
            Count("litellm_cache_misses_metric_total", "error"),
            Amount("litellm_cached_tokens_metric_total", "ok", mean=tokens_in),
        ), failure=0.10),
        Flow("tools", rate / 4, case, (
            Count("litellm_mcp_tool_calls_total", mix=(
                Case(2, {"mcp_tool_name": "search_docs", "mcp_server_name": "docs"}),
                Case(1, {"mcp_tool_name": "create_issue", "mcp_server_name": "tracker"}))),
        )),
    )


def remaining(app: App) -> None:
    """What providers still allow in this minute, and what is left of the teams' budgets in this month."""
    used = 0.3 * app.load * (app.now % 60) / 60
    for team, (model, provider, base, *_), _rate in USES:
        labels = {**_deployment(model, provider, base), **_team(team)}
        app.set("litellm_remaining_requests_metric", round(REQUESTS_PER_MINUTE * (1 - used)), **labels)
        app.set("litellm_remaining_tokens_metric", round(TOKENS_PER_MINUTE * (1 - used)), **labels)
    left = 0.9 - 0.5 * (app.now % MONTH_SECONDS) / MONTH_SECONDS
    for team in TEAMS:
        app.set("litellm_remaining_team_budget_metric",
                round(BUDGET_USD * left * app.knobs.get("budget.level", 1.0), 2), **_team(team))


APP = AppSpec(
    name="litellm",
    about="A LiteLLM proxy in front of three providers.",
    metrics=METRICS,
    flows=(
        *(flow for team, model, rate in USES for flow in _flows(team, model, rate)),
        *(Flow("fallbacks", 0.002, (Case(1, {"requested_model": asked, "fallback_model": instead, **_team(team)}),), (
            Count("litellm_deployment_successful_fallbacks_total", "ok", FAILED[0].labels),
            Count("litellm_deployment_failed_fallbacks_total", "error", FAILED[0].labels),
        ), failure=0.05) for team, asked, instead in (("research", "gpt-4o", "claude-sonnet-4-5"),
                                                      ("product", "gpt-4o-mini", "gemini-2.5-flash"))),
        Flow("cooldowns", 0.0005, tuple(Case(1, _deployment(*model[:3])) for model in MODELS), (
            Count("litellm_deployment_cooled_down_total", labels={"exception_status": "429"}),)),
        Flow("guardrails", 3, (
            Case(2, {"guardrail_name": "pii", "hook_type": "pre_call"}),
            Case(1, {"guardrail_name": "prompt_injection", "hook_type": "pre_call"}),
        ), (
            Count("litellm_guardrail_requests_total", "ok", {"status": "success"}),
            Count("litellm_guardrail_requests_total", "error", {"status": "blocked"}),
            Count("litellm_guardrail_errors_total", "error", {"error_type": "GuardrailRaisedException"}, share=0.02),
            Observe("litellm_guardrail_latency_seconds", "ok", {"status": "success"}, shape=LogNormal(0.03)),
            Observe("litellm_guardrail_latency_seconds", "error", {"status": "blocked"}, shape=LogNormal(0.03)),
        ), failure=0.01),
    ),
    levels=(
        Level("litellm_in_flight_requests", 12, noise=0.3, rhythm=True, whole=True),
        *(Level("litellm_deployment_state", 0, "deployments", _deployment(*model[:3])) for model in MODELS),
        *(Level("litellm_team_max_budget_metric", BUDGET_USD, labels=_team(team), noise=0) for team in TEAMS),
    ),
    steps=(remaining,),
    lines=(
        Line("info", {"event": "request_completed", "route": "/chat/completions", "status_code": 200,
                      "team_alias": TEAMS, "model": tuple(model[0] for model in MODELS),
                      "duration_seconds": number(0.6, 5, 2), "call_id": identifier("call")}, 1.0),
        Line("error", {"event": "llm_api_failed", "error_type": kind, "error": why(),
                       "model": tuple(model[0] for model in MODELS), "call_id": identifier("call")}, on="llm",
             causes=OF_MODELS),
        Line("error", {"event": "request_failed", "route": "/chat/completions", "status_code": 500, "error": why(),
                       "team_alias": TEAMS, "call_id": identifier("call")}, on="http"),
    ),
)
