"""The demo app: the documents' metrics, a healthy day, every fault, and the HTTP interface."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.request import urlopen

import pytest
from genai_prices import Usage, calc_price
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from vitals_demo import backends
from vitals_demo.apps import ALL
from vitals_demo.faults import FAULTS
from vitals_demo.logs import CAUSES
from vitals_demo.prices import USD_PER_MTOK
from vitals_demo.server import serve
from vitals_demo.simulation import Simulation

from vitals import demo
from vitals.errors import VitalsError

MONDAY = datetime(2026, 11, 16, tzinfo=UTC).timestamp()
NOON = MONDAY + 12 * 3600
REAL_FAULTS = {"redis-down", "database-connections"}

# type, name, labels | finite buckets. Names, labels and buckets as the documents spell them.
DEFAULT = "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1.0 2.5 5.0 7.5 10.0"
MS = "50.0 100.0 250.0 500.0 1000.0 2500.0 5000.0 10000.0 30000.0 60000.0 120000.0"
DOCUMENTED = {
    "marketing-agents": """
        counter api_requests_total method endpoint status_code
        histogram api_request_duration_seconds method endpoint | 0.1 0.5 1.0 2.0 5.0 10.0
        gauge api_active_connections
        counter agent_executions_total agent_name status
        histogram agent_execution_duration_seconds agent_name | 1.0 5.0 10.0 30.0 60.0 300.0
        counter agent_errors_total agent_name error_type
        counter rag_queries_total query_type
        histogram rag_query_duration_seconds stage | 0.1 0.5 1.0 2.0 5.0
        histogram rag_documents_retrieved_count | 1.0 5.0 10.0 20.0 50.0 100.0
        counter campaigns_created_total campaign_type
        gauge campaign_performance_score campaign_id
        counter leads_generated_total source quality
        histogram lead_score_distribution | 0.1 0.3 0.5 0.7 0.9
        counter content_generated_total content_type
        histogram content_performance_score | 0.1 0.3 0.5 0.7 0.9
        counter events_processed_total event_type
        gauge user_profiles_active
        counter personalization_requests_total
        counter external_api_calls_total api_name status
        histogram external_api_duration_seconds api_name | 0.1 0.5 1.0 2.0 5.0 10.0
        gauge circuit_breaker_state service_name
        counter circuit_breaker_failures_total service_name
        counter revenue_tracked_total source
        counter conversion_events_total conversion_type
        counter llm_cost_total model
        counter llm_tokens_total model""",
    "support-agent": """
        counter conversations_total store_id channel intent
        counter conversations_resolved_total store_id resolution_type
        counter conversations_escalated_total store_id reason
        histogram response_latency_seconds store_id intent | 0.5 1.0 2.0 5.0 10.0 30.0 60.0
        histogram llm_latency_seconds model operation | 0.1 0.5 1.0 2.0 5.0 10.0
        counter llm_tokens_total store_id model type
        gauge active_conversations store_id
        counter errors_total store_id error_type component
        counter integration_requests_total service endpoint status
        histogram integration_latency_seconds service endpoint | 0.1 0.25 0.5 1.0 2.0 5.0
        summary langsmith_feedback_score store_id key
        counter sentiment_total store_id sentiment
        histogram first_response_seconds store_id | 1.0 5.0 10.0 30.0 60.0 120.0 300.0
        histogram conversation_duration_seconds store_id | 30.0 60.0 120.0 300.0 600.0 900.0 1800.0 3600.0""",
    "artisan-hub": f"""
        counter http_requests_total method endpoint status
        histogram http_request_duration_seconds endpoint | {DEFAULT}
        gauge active_requests
        counter agent_executions_total type status
        counter agent_errors_total type error_type
        gauge active_agents
        counter llm_requests_total provider model status
        counter llm_tokens_used_total provider model type
        counter llm_cost_usd_total provider model
        counter db_queries_total operation table
        counter cache_hits_total cache_type
        counter cache_misses_total cache_type
        counter tool_executions_total tool_name status
        gauge memory_usage_bytes
        gauge app_info version environment""",
    "startup-studio": f"""
        counter http_requests_total method endpoint status
        histogram http_request_duration_seconds | {DEFAULT}
        counter user_registrations_total
        gauge active_users
        histogram model_inference_duration_seconds | {DEFAULT}
        counter model_requests_total model status
        counter agent_tasks_started_total agent_type
        counter agent_tasks_completed_total agent_type status
        histogram agent_task_duration_seconds agent_type | {DEFAULT}
        counter crew_agent_tasks_total agent_role
        histogram crew_agent_task_duration_seconds agent_role | {DEFAULT}
        counter auth_failed_attempts_total ip user
        counter suspicious_requests_total type
        counter rate_limit_hits_total endpoint
        gauge active_sessions
        counter feature_uses_total feature""",
    "hierarchical-agents": f"""
        histogram agent_execution_duration_ms agent_name | {MS}
        summary agent_execution_success agent_name
        histogram tool_execution_duration_ms tool_name | {MS}
        summary tool_execution_success tool_name
        summary tool_execution_cost tool_name
        histogram workflow_total_duration_ms | {MS}
        summary workflow_success
        summary workflow_total_agents
        summary workflow_total_tools""",
    "otel-genai": f"""
        histogram http_server_request_duration_seconds http_request_method http_route http_response_status_code \
            url_scheme error_type | {DEFAULT}
        histogram gen_ai_invoke_agent_duration_seconds gen_ai_agent_name gen_ai_request_model error_type | \
            0.1 0.2 0.4 0.8 1.6 3.2 6.4 12.8 25.6 51.2 102.4 204.8 409.6
        histogram gen_ai_client_operation_duration_seconds gen_ai_operation_name gen_ai_provider_name \
            gen_ai_request_model gen_ai_response_model server_address server_port error_type | \
            0.01 0.02 0.04 0.08 0.16 0.32 0.64 1.28 2.56 5.12 10.24 20.48 40.96 81.92
        histogram gen_ai_execute_tool_duration_seconds gen_ai_tool_name gen_ai_tool_type gen_ai_agent_name \
            error_type | 0.01 0.02 0.05 0.1 0.2 0.5 1.0 2.0 5.0 10.0 30.0 60.0 120.0 300.0""",
    "litellm": """
        gauge litellm_deployment_state litellm_model_name model_id api_base api_provider
        gauge litellm_team_max_budget_metric team team_alias
        counter litellm_mcp_tool_calls_total mcp_tool_name mcp_server_name hashed_api_key api_key_alias team \
            team_alias end_user user""",
    "vllm": """
        gauge vllm:num_requests_waiting model_name engine
        counter vllm:request_success_total model_name engine finished_reason
        histogram vllm:request_prompt_tokens model_name engine | 1.0 2.0 5.0 10.0 20.0 50.0 100.0 200.0 500.0 1000.0 \
            2000.0 5000.0 10000.0 20000.0 50000.0 100000.0
        counter http_requests_total handler method status
        histogram http_request_duration_seconds handler method | 0.1 0.5 1.0""",
    "dcgm": """
        gauge DCGM_FI_DEV_GPU_UTIL gpu UUID pci_bus_id device modelName Hostname
        gauge DCGM_FI_DEV_FB_USED gpu UUID pci_bus_id device modelName Hostname
        gauge DCGM_FI_DEV_FB_FREE gpu UUID pci_bus_id device modelName Hostname
        gauge DCGM_FI_DEV_GPU_TEMP gpu UUID pci_bus_id device modelName Hostname
        gauge DCGM_FI_DEV_POWER_USAGE gpu UUID pci_bus_id device modelName Hostname
        gauge DCGM_FI_DEV_XID_ERRORS gpu UUID pci_bus_id device modelName Hostname""",
}


class Reading:
    """What one scrape of an app shows."""

    def __init__(self, simulation: Simulation, job: str) -> None:
        self.families = list(simulation.apps[job].registry.collect())
        self.samples = [(s.name, s.labels, s.value) for family in self.families for s in family.samples]

    def values(self, name: str, **match: str) -> list[float]:
        """Values of the samples with this name whose labels match; a trailing ``*`` matches any ending."""
        return [value for sample, labels, value in self.samples if sample == name and all(
            labels[k].startswith(want[:-1]) if want.endswith("*") else labels[k] == want for k, want in match.items())]

    def sum(self, name: str, **match: str) -> float:
        return sum(self.values(name, **match))


class Window:
    """What happened between two scrapes."""

    def __init__(self, simulation: Simulation, job: str, seconds: float, step: float = 30) -> None:
        self.before = Reading(simulation, job)
        self.start = simulation.now
        while simulation.now < self.start + seconds:
            simulation.advance(simulation.now + step)
        self.after = Reading(simulation, job)
        self.seconds = simulation.now - self.start

    def more(self, name: str, **match: str) -> float:
        return self.after.sum(name, **match) - self.before.sum(name, **match)

    def rate(self, name: str, **match: str) -> float:
        return self.more(name, **match) / self.seconds

    def share(self, name: str, match: dict[str, str], **of: str) -> float:
        return self.more(name, **{**of, **match}) / self.more(name, **of)

    def mean(self, name: str, **match: str) -> float:
        return self.more(f"{name}_sum", **match) / self.more(f"{name}_count", **match)

    def quantile(self, q: float, name: str, **match: str) -> float:
        """As PromQL does it: linear within a bucket, never above the highest finite one."""
        bounds = sorted({float(labels["le"]) for sample, labels, _ in self.after.samples
                         if sample == f"{name}_bucket"})
        counts = [self.more(f"{name}_bucket", **match, le="+Inf" if b == float("inf") else repr(b)) for b in bounds]
        wanted, below, start = q * counts[-1], 0.0, 0.0
        for bound, count in zip(bounds[:-1], counts, strict=False):
            if count >= wanted:
                return start + (bound - start) * (wanted - below) / (count - below)
            below, start = count, bound
        return bounds[-2]


Measure = Callable[[Window], float]


def ms(q: float, name: str) -> Measure:
    return lambda w: w.quantile(q, name) / 1000


def errors(name: str, label: str) -> Measure:
    return lambda w: w.share(name, {label: "5*"})


def failing(name: str, good: dict[str, str]) -> Measure:
    return lambda w: 1 - w.share(name, good)


def unsuccessful(name: str) -> Measure:
    return lambda w: 1 - w.mean(name)


def failed_counts(name: str) -> Measure:
    return lambda w: 1 - w.share(f"{name}_count", {"error_type": ""})


def p(q: float, name: str, **match: str) -> Measure:
    return lambda w: w.quantile(q, name, **match)


def slower(name: str, le: str, **match: str) -> Measure:
    return lambda w: 1 - w.more(f"{name}_bucket", le=le, **match) / w.more(f"{name}_count", **match)


def score(key: str) -> Measure:
    return lambda w: w.mean("langsmith_feedback_score", key=key)


def tokens_per_conversation(w: Window) -> float:
    return w.more("llm_tokens_total") / w.more("conversations_total")


def conversation_cost(w: Window) -> float:
    return sum(w.more("llm_tokens_total", model=model, type=kind) * price / 1e6
               for model in ("gpt-4o", "gpt-4o-mini")
               for kind, price in zip(("input", "output"), USD_PER_MTOK[model], strict=True)
               ) / w.more("conversations_total")


def hits(found: str, missed: str) -> Measure:
    return lambda w: w.more(found) / (w.more(found) + w.more(missed))


# What a healthy app keeps to, hour by hour: (app, what, lowest, highest). The documents' limits are further out.
HEALTHY: list[tuple[str, str, Measure, float, float]] = [
    ("marketing-agents", "requests", lambda w: w.rate("api_requests_total"), 2, 20),
    ("marketing-agents", "errors", errors("api_requests_total", "status_code"), 0, 0.01),
    ("marketing-agents", "latency", p(0.95, "api_request_duration_seconds"), 0, 1.2),
    ("marketing-agents", "agent failures", failing("agent_executions_total", {"status": "success"}), 0, 0.05),
    ("marketing-agents", "agent latency", p(0.95, "agent_execution_duration_seconds"), 0, 31),
    ("marketing-agents", "runs of the rarest agent",
     lambda w: w.more("agent_executions_total", agent_name="market_research"), 20, 1000),
    *(("marketing-agents", f"rag {stage} over 5 s", slower("rag_query_duration_seconds", "5.0", stage=stage), 0, 0.02)
      for stage in ("retrieval", "generation", "compression")),
    ("marketing-agents", "integrations", failing("external_api_calls_total", {"status": "success"}), 0, 0.02),
    ("marketing-agents", "breakers", lambda w: max(w.after.values("circuit_breaker_state")), 0, 0),
    ("marketing-agents", "campaigns, worst", lambda w: min(w.after.values("campaign_performance_score")), 0.75, 0.95),
    ("marketing-agents", "campaigns, best", lambda w: max(w.after.values("campaign_performance_score")), 0.75, 0.95),
    ("marketing-agents", "campaigns running", lambda w: len(w.after.values("campaign_performance_score")), 6, 6),
    ("support-agent", "conversations", lambda w: w.rate("conversations_total"), 0.1, 1),
    ("support-agent", "errors", lambda w: w.more("errors_total") / w.more("response_latency_seconds_count"), 0, 0.01),
    ("support-agent", "median response", p(0.5, "response_latency_seconds"), 0, 2),
    ("support-agent", "p95 response", p(0.95, "response_latency_seconds"), 0, 5),
    ("support-agent", "p99 response", p(0.99, "response_latency_seconds"), 0, 10),
    ("support-agent", "p99 model", p(0.99, "llm_latency_seconds"), 0, 5),
    ("support-agent", "first response", p(0.95, "first_response_seconds"), 0, 29),
    ("support-agent", "integrations", failing("integration_requests_total", {"status": "200"}), 0, 0.01),
    ("artisan-hub", "errors", errors("http_requests_total", "status"), 0, 0.01),
    ("artisan-hub", "latency", p(0.95, "http_request_duration_seconds"), 0, 2.5),
    ("artisan-hub", "agent failures", failing("agent_executions_total", {"status": "success"}), 0, 0.05),
    ("artisan-hub", "model failures a minute", lambda w: 60 * w.rate("llm_requests_total", status="error"), 0, 3),
    ("artisan-hub", "model latency", p(0.95, "llm_request_duration_seconds"), 0, 15),
    ("artisan-hub", "tools", failing("tool_executions_total", {"status": "success"}), 0, 0.02),
    ("artisan-hub", "memory", lambda w: w.after.sum("memory_usage_bytes"), 0.8e9, 1.3e9),
    ("artisan-hub", "cache", hits("cache_hits_total", "cache_misses_total"), 0.85, 0.95),
    ("startup-studio", "errors", errors("http_requests_total", "status"), 0, 0.001),
    ("startup-studio", "latency", p(0.95, "http_request_duration_seconds"), 0, 0.2),
    ("startup-studio", "agent failures", failing("agent_tasks_completed_total", {"status": "success"}), 0, 0.05),
    ("startup-studio", "agent latency", p(0.95, "agent_task_duration_seconds"), 0, 7.4),
    ("startup-studio", "models", failing("model_requests_total", {"status": "success"}), 0, 0.02),
    ("startup-studio", "model latency", p(0.95, "model_inference_duration_seconds"), 0, 5),
    ("startup-studio", "failed logins", lambda w: w.rate("auth_failed_attempts_total"), 0, 0.1),
    ("startup-studio", "suspicious a minute", lambda w: 60 * w.rate("suspicious_requests_total"), 0, 5),
    ("startup-studio", "rate limits", lambda w: w.rate("rate_limit_hits_total"), 0, 0.5),
    ("hierarchical-agents", "agents", unsuccessful("agent_execution_success"), 0, 0.05),
    ("hierarchical-agents", "agent latency", ms(0.95, "agent_execution_duration_ms"), 0, 30),
    ("hierarchical-agents", "tools", unsuccessful("tool_execution_success"), 0, 0.02),
    ("hierarchical-agents", "workflows", unsuccessful("workflow_success"), 0, 0.07),
    ("otel-genai", "latency", p(0.95, "http_server_request_duration_seconds"), 0, 1),
    ("otel-genai", "agents", failed_counts("gen_ai_invoke_agent_duration_seconds"), 0, 0.05),
    ("otel-genai", "models", failed_counts("gen_ai_client_operation_duration_seconds"), 0, 0.02),
    ("otel-genai", "model latency", p(0.95, "gen_ai_client_operation_duration_seconds"), 0, 15),
    ("otel-genai", "first token", p(0.95, "gen_ai_server_time_to_first_token_seconds"), 0, 2.5),
    ("otel-genai", "retrieval", p(0.95, "db_client_operation_duration_seconds", db_system_name="qdrant"), 0, 0.5),
    ("litellm", "latency", p(0.95, "litellm_request_total_latency_metric"), 0, 15),
    ("litellm", "deployments", lambda w: max(w.after.values("litellm_deployment_state")), 0, 0),
    ("litellm", "requests left", lambda w: min(w.after.values("litellm_remaining_requests_metric")), 1000, 5000),
    ("litellm", "budget left", lambda w: min(w.after.values("litellm_remaining_team_budget_metric")), 1500, 5000),
    ("litellm", "cache", hits("litellm_cache_hits_metric_total", "litellm_cache_misses_metric_total"), 0.8, 0.99),
    ("vllm", "errors", errors("http_requests_total", "status"), 0, 0.01),
    ("vllm", "latency", p(0.95, "http_request_duration_seconds"), 0, 0.7),
    ("vllm", "waiting", lambda w: w.after.sum("vllm:num_requests_waiting"), 0, 10),
    ("vllm", "key-value cache", lambda w: w.after.sum("vllm:kv_cache_usage_perc"), 0.1, 0.7),
]

# The same over an hour, as their alerts look at them.
HEALTHY_HOUR: list[tuple[str, str, Measure, float, float]] = [
    ("marketing-agents", "leads", lambda w: w.more("leads_generated_total"), 30, 400),
    ("support-agent", "escalated", lambda w: w.more("conversations_escalated_total") / w.more("conversations_total"),
     0.05, 0.15),
    ("support-agent", "resolved", lambda w: w.more("conversations_resolved_total") / w.more("conversations_total"),
     0.78, 0.92),
    ("support-agent", "tokens", tokens_per_conversation, 500, 3000),
    ("support-agent", "cost", conversation_cost, 0.001, 0.05),
    ("support-agent", "duration", p(0.95, "conversation_duration_seconds"), 0, 299),
    ("support-agent", "csat", score("csat"), 4.3, 4.8),
    ("support-agent", "intent", score("intent_accuracy"), 0.95, 1),
    ("support-agent", "hallucination", score("hallucination"), 0, 0.015),
    ("support-agent", "mood misread", score("sentiment_misread"), 0, 0.05),
]


@pytest.mark.parametrize("job", DOCUMENTED)
def test_metrics_are_named_as_in_the_documents(job: str) -> None:
    simulation = Simulation(1, NOON, [job])
    simulation.advance(NOON + 60)
    shown = {}
    text = generate_latest(simulation.apps[job].registry).decode()
    for family in text_string_to_metric_families(text):
        labels = {name for s in family.samples for name in s.labels} - {"le"}
        bounds = {s.labels["le"]: None for s in family.samples if "le" in s.labels}
        name = f"{family.name}_total" if family.type == "counter" else family.name
        shown[name] = (family.type, labels, [b for b in bounds if b != "+Inf"])
    for line in DOCUMENTED[job].strip().splitlines():
        head, _, bounds = line.partition("|")
        kind, name, *labels = head.split()
        assert shown[name] == (kind, set(labels), bounds.split()), name


def test_the_documents_odd_names_reach_the_wire() -> None:
    simulation = Simulation(1, NOON)
    simulation.advance(NOON + 600)
    text = {job: generate_latest(app.registry).decode() for job, app in simulation.apps.items()}
    assert "\nrag_documents_retrieved_count_count " in text["marketing-agents"]
    assert 'status="failure"' in text["marketing-agents"] and 'status="error"' in text["artisan-hub"]
    assert 'http_requests_total{handler="/v1/models",method="GET",status="2xx"}' in text["vllm"]
    assert 'error_type=""' in text["otel-genai"]
    assert all("process_start_time_seconds 1.7" in page and "_created gauge" not in page for page in text.values())


def test_every_child_is_there_from_the_start() -> None:
    simulation = Simulation(1, NOON)
    first = {job: {(n, *sorted(labels.items())) for n, labels, _ in Reading(simulation, job).samples} for job in ALL}
    simulation.advance(NOON + 3 * 3600)
    for job in ALL:
        now = {(n, *sorted(labels.items())) for n, labels, _ in Reading(simulation, job).samples}
        assert now == first[job]


def test_series_stay_bounded_and_ended_campaigns_leave() -> None:
    simulation = Simulation(1, NOON)
    before = {job: len(Reading(simulation, job).samples) for job in ALL}
    campaigns = {s[1]["campaign_id"] for s in Reading(simulation, "marketing-agents").samples if "campaign_id" in s[1]}
    simulation.advance(NOON + 2 * 86400)
    later = {s[1]["campaign_id"] for s in Reading(simulation, "marketing-agents").samples if "campaign_id" in s[1]}
    assert {job: len(Reading(simulation, job).samples) for job in ALL} == before
    assert campaigns != later
    assert max(before.values()) < 1500


def test_the_same_seed_gives_the_same_numbers() -> None:
    def run(seed: int, jobs: list[str]) -> bytes:
        simulation = Simulation(seed, NOON, jobs)
        for _ in range(20):
            simulation.advance(simulation.now + 15)
        return generate_latest(simulation.apps["litellm"].registry)

    assert run(1, ["litellm"]) == run(1, ["vllm", "litellm"]) != run(2, ["litellm"])


def test_steps_of_any_length_give_the_same_traffic() -> None:
    fine, coarse = Simulation(1, NOON, ["artisan-hub"]), Simulation(1, NOON, ["artisan-hub"])
    while fine.now < NOON + 3600:
        fine.advance(fine.now + 1)
    coarse.advance(NOON + 3600)
    coarse.advance(NOON)  # a clock that goes back changes nothing
    for name in ("http_requests_total", "llm_tokens_used_total", "http_request_duration_seconds_sum"):
        assert Reading(fine, "artisan-hub").sum(name) == pytest.approx(Reading(coarse, "artisan-hub").sum(name), rel=.05)


def _keep(table: list[tuple[str, str, Measure, float, float]], windows: dict[str, Window]) -> list[str]:
    return [f"{job}: {what} is {value:.4g}" for job, what, measure, low, high in table
            if not low <= (value := measure(windows[job])) <= high]


def _windows(simulation: Simulation, seconds: float, step: float) -> dict[str, Window]:
    """One window for every app over the same time."""
    jobs = list(simulation.apps)
    before = {job: Reading(simulation, job) for job in jobs}
    first = Window(simulation, jobs[0], seconds, step)
    windows = {}
    for job in jobs:
        windows[job] = Window.__new__(Window)
        windows[job].__dict__.update(before=before[job], after=Reading(simulation, job), seconds=first.seconds)
    return windows


@pytest.mark.parametrize("day", [0, 6], ids=["monday", "sunday"])
def test_a_healthy_day_stays_inside_every_limit(day: int) -> None:
    simulation = Simulation(1, MONDAY + day * 86400)
    problems = []
    for hour in range(0, 24, 4):
        simulation.advance(MONDAY + day * 86400 + hour * 3600)
        problems += [f"{hour}h {p}" for p in _keep(HEALTHY, _windows(simulation, 300, 15))]
        problems += [f"{hour}h {p}" for p in _keep(HEALTHY_HOUR, _windows(simulation, 3600, 300))]
    assert not problems


def test_traffic_has_a_rhythm_and_nights_are_not_empty() -> None:
    simulation = Simulation(1, MONDAY, ["artisan-hub"])
    hours = []
    for _ in range(24):
        hours.append(Window(simulation, "artisan-hub", 3600, 600).rate("http_requests_total"))
    assert max(hours) > 2.5 * min(hours)
    assert min(hours) > 0.27 * max(hours)


def breaker(w: Window) -> float:
    return max(w.after.values("circuit_breaker_state"))


# What a fault does, in one app: (fault, app, measure, highest or lowest healthy value, lowest or highest value broken).
# Where healthy > broken, the fault makes the measure fall.
BROKEN: list[tuple[str, str, Measure, float, float]] = [
    ("error-burst", "marketing-agents", errors("api_requests_total", "status_code"), 0.01, 0.2),
    ("error-burst", "support-agent", lambda w: w.more("errors_total") / w.more("response_latency_seconds_count"),
     0.01, 0.2),
    ("error-burst", "vllm", errors("http_requests_total", "status"), 0.01, 0.2),
    ("llm-outage", "artisan-hub", lambda w: 60 * w.rate("llm_requests_total", status="error"), 3, 20),
    ("llm-outage", "litellm", lambda w: max(w.after.values("litellm_deployment_state")), 0, 2),
    ("llm-outage", "startup-studio", failing("model_requests_total", {"status": "success"}), 0.02, 0.6),
    ("slow-model", "marketing-agents", p(0.95, "agent_execution_duration_seconds"), 31, 61),
    ("slow-model", "support-agent", p(0.99, "llm_latency_seconds"), 5, 10),
    ("slow-model", "support-agent", p(0.95, "first_response_seconds"), 29, 61),
    ("slow-model", "artisan-hub", p(0.95, "llm_request_duration_seconds"), 15, 31),
    ("slow-model", "startup-studio", p(0.95, "model_inference_duration_seconds"), 5, 10),
    ("slow-model", "hierarchical-agents", ms(0.95, "agent_execution_duration_ms"), 30, 61),
    ("slow-model", "otel-genai", p(0.95, "gen_ai_client_inference_duration_seconds"), 15, 31),
    ("slow-model", "litellm", p(0.95, "litellm_request_total_latency_metric"), 15, 31),
    ("slow-model", "vllm", lambda w: w.after.sum("vllm:num_requests_waiting"), 10, 51),
    ("slow-model", "vllm", lambda w: w.after.sum("vllm:kv_cache_usage_perc"), 0.7, 0.951),
    ("agent-failures", "marketing-agents", failing("agent_executions_total", {"status": "success"}), 0.05, 0.4),
    ("agent-failures", "hierarchical-agents", unsuccessful("workflow_success"), 0.07, 0.4),
    ("agent-failures", "otel-genai", failed_counts("gen_ai_invoke_agent_duration_seconds"), 0.05, 0.4),
    ("runaway-agent", "hierarchical-agents", unsuccessful("agent_execution_success"), 0.05, 0.3),
    ("runaway-agent", "artisan-hub", lambda w: w.rate("llm_requests_total"), 3.5, 8),
    ("context-overflow", "otel-genai", failed_counts("gen_ai_client_inference_duration_seconds"), 0.02, 0.25),
    ("content-filter", "startup-studio", failing("model_requests_total", {"status": "success"}), 0.02, 0.2),
    ("malformed-output", "marketing-agents", failing("agent_executions_total", {"status": "success"}), 0.05, 0.3),
    ("bad-api-key", "artisan-hub", failing("llm_requests_total", {"status": "success"}), 0.02, 0.85),
    ("out-of-memory", "vllm", errors("http_requests_total", "status"), 0.01, 0.3),
    ("bad-deploy", "startup-studio", errors("http_requests_total", "status"), 0.01, 0.15),
    ("rag-timeouts", "marketing-agents", p(0.95, "rag_query_duration_seconds", stage="retrieval"), 2, 5),
    ("rag-timeouts", "otel-genai", p(0.9, "db_client_operation_duration_seconds", db_system_name="qdrant"), 0.5, 5),
    ("integration-failures", "marketing-agents", failing("external_api_calls_total", {"status": "success"}),
     0.02, 0.25),
    ("integration-failures", "support-agent", failing("integration_requests_total", {"status": "200"}), 0.02, 0.25),
    ("breaker-open", "marketing-agents", breaker, 0, 1),
    ("lead-drought", "marketing-agents", lambda w: -3600 * w.rate("leads_generated_total"), -40, 0),
    ("campaign-drop", "marketing-agents", lambda w: -max(w.after.values("campaign_performance_score")), -0.8, -0.7),
    ("escalation-surge", "support-agent",
     lambda w: w.more("conversations_escalated_total") / w.more("conversations_total"), 0.2, 0.35),
    ("escalation-surge", "support-agent",
     lambda w: -w.more("conversations_resolved_total") / w.more("conversations_total"), -0.75, -0.6),
    ("quality-drop", "support-agent", score("hallucination"), 0.03, 0.06),
    ("quality-drop", "support-agent", lambda w: -score("csat")(w), -4, -3.5),
    ("quality-drop", "support-agent", lambda w: -score("intent_accuracy")(w), -0.93, -0.9),
    ("token-blowup", "support-agent", tokens_per_conversation, 3000, 12000),
    ("cost-surge", "support-agent", conversation_cost, 0.05, 0.15),
    ("cost-surge", "hierarchical-agents", lambda w: w.rate("tool_execution_cost_sum"), 0.12, 1),
    ("cost-surge", "litellm", lambda w: w.rate("litellm_spend_metric_total"), 0.03, 0.2),
    ("login-attack", "startup-studio", lambda w: w.rate("auth_failed_attempts_total"), 0.1, 1),
    ("login-attack", "startup-studio", lambda w: 60 * w.rate("suspicious_requests_total"), 5, 40),
    ("cache-cold", "artisan-hub", lambda w: -hits("cache_hits_total", "cache_misses_total")(w), -0.85, -0.5),
    ("memory-growth", "artisan-hub", lambda w: w.after.sum("memory_usage_bytes"), 1.5e9, 4.3e9),
    ("memory-growth", "litellm", lambda w: w.after.sum("process_resident_memory_bytes"), 1.5e9, 4.3e9),
    ("process-killed", "vllm", lambda w: -w.more("http_requests_total"), -1, 0),
]


@pytest.mark.parametrize(("fault", "job", "measure", "healthy", "broken"), BROKEN,
                         ids=[f"{row[0]}-{row[1]}-{i}" for i, row in enumerate(BROKEN)])
def test_a_fault_does_what_it_says_and_ends(
        fault: str, job: str, measure: Measure, healthy: float, broken: float) -> None:
    simulation = Simulation(3, NOON, [job])
    simulation.advance(NOON + 60)
    assert measure(Window(simulation, job, 600, 30)) <= healthy
    simulation.inject(fault, job, 10)
    assert measure(Window(simulation, job, 600, 30)) >= broken
    assert not simulation.active()
    simulation.advance(simulation.now + 60)
    assert measure(Window(simulation, job, 600, 30)) <= healthy


def test_every_fault_is_tried_and_turns_something_in_each_of_its_apps() -> None:
    assert {row[0] for row in BROKEN} == set(FAULTS) - REAL_FAULTS - {"logs-silent"}
    for fault in FAULTS.values():
        for job in set(fault.jobs) & set(ALL):
            spec = ALL[job]
            kinds = {x.kind for x in (*spec.flows, *spec.levels)} | {"memory", "process", "logs"}
            assert {knob.rsplit(".", 1)[0] for knob in fault.changes_for(job)} & kinds, f"{fault.name} on {job}"


def test_an_open_breaker_probes_and_closes() -> None:
    simulation = Simulation(1, NOON, ["marketing-agents"])
    simulation.inject("breaker-open", "marketing-agents", 10)
    states = []
    for _ in range(11):
        simulation.advance(simulation.now + 60)
        states.append(breaker_state := max(Reading(simulation, "marketing-agents").values("circuit_breaker_state")))
        assert breaker_state in (0, 1, 2)
    assert states == [1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 0]
    assert Reading(simulation, "marketing-agents").sum("circuit_breaker_failures_total") > 5


def test_a_killed_process_starts_again_from_zero() -> None:
    simulation = Simulation(1, NOON, ["artisan-hub"])
    simulation.advance(NOON + 3600)
    before = Reading(simulation, "artisan-hub")
    simulation.inject("process-killed", "artisan-hub", 2)
    simulation.advance(simulation.now + 60)
    assert not simulation.apps["artisan-hub"].alive
    simulation.advance(simulation.now + 120)
    after = Reading(simulation, "artisan-hub")
    assert simulation.apps["artisan-hub"].alive
    assert 0 < after.sum("http_requests_total") < before.sum("http_requests_total") / 10
    assert before.sum("process_start_time_seconds") == NOON
    assert after.sum("process_start_time_seconds") == NOON + 3720


def test_faults_add_up_renew_and_heal() -> None:
    simulation = Simulation(1, NOON)
    simulation.inject("token-blowup", "litellm", 10)
    simulation.inject("cost-surge", "litellm", 10)
    assert simulation.apps["litellm"].knobs["llm.tokens"] == 60
    assert "llm.tokens" not in simulation.apps["vllm"].knobs
    simulation.advance(NOON + 300)
    simulation.inject("cost-surge", "litellm", 10)
    assert sorted(a.until - NOON for a in simulation.active()) == [600, 900]
    assert simulation.heal("vllm") == 0 and simulation.heal("litellm", "cost-surge") == 1
    assert simulation.apps["litellm"].knobs == {"llm.tokens": 10}
    assert simulation.heal() == 1 and not simulation.apps["litellm"].knobs


def test_prices_are_those_of_real_models() -> None:
    for model, (price_in, price_out) in USD_PER_MTOK.items():
        known = calc_price(Usage(input_tokens=1000, output_tokens=1000), model)
        assert float(known.total_price) == pytest.approx((price_in + price_out) / 1000, rel=0.05), model


def test_log_lines_carry_their_documents_fields() -> None:
    lines: list[dict] = []
    simulation = Simulation(1, NOON, sink=lines.append)
    while simulation.now < NOON + 1200:
        simulation.advance(simulation.now + 1)
    fields = {job: set().union(*(line for line in lines if line["service"] == job)) for job in ALL}
    assert fields["marketing-agents"] >= {"asctime", "name", "levelname", "message", "environment", "user_id"}
    assert fields["support-agent"] >= {"event", "level", "timestamp", "conversation_id", "store_id", "channel", "intent",
                                       "confidence", "response_time_ms", "tokens_used", "error_type", "error_message"}
    assert fields["artisan-hub"] >= {"timestamp", "level", "event", "method", "endpoint", "status", "duration_seconds"}
    assert fields["startup-studio"] >= {"timestamp", "level", "logger", "message", "module", "function", "line",
                                        "user_id"}
    assert fields["hierarchical-agents"] >= {"event", "agent_name", "duration_ms", "success", "error_message",
                                             "tool_name", "cost_estimate", "workflow_id", "status", "decision_point",
                                             "selected_node", "confidence"}
    assert all("request_id" in line for line in lines)
    assert 5 < len(lines) / 1200 < 12
    mails = [line["customer_email"] for line in lines if "customer_email" in line]
    assert all(mail.endswith("@example.com") for mail in mails) and 0 < len(mails) < len(lines) / 20
    errors_before = sum(line.get("level") == "error" for line in lines if line["service"] == "artisan-hub")
    simulation.inject("error-burst", "artisan-hub", 20)
    lines.clear()
    while simulation.now < NOON + 2400:
        simulation.advance(simulation.now + 1)
    assert sum(line.get("level") == "error" for line in lines if line["service"] == "artisan-hub") > 3 * errors_before


def live(simulation: Simulation, seconds: int) -> None:
    for _ in range(seconds):
        simulation.advance(simulation.now + 1)


def said(line: dict) -> str:
    return " ".join(map(str, line.values()))


@pytest.mark.parametrize("fault", [fault.name for fault in FAULTS.values() if fault.causes])
def test_a_faults_cause_stands_in_the_logs_of_each_of_its_apps(fault: str) -> None:
    words = {CAUSES[cause].text for cause in FAULTS[fault].causes}
    for job in FAULTS[fault].jobs:
        lines: list[dict] = []
        simulation = Simulation(3, NOON, [job], sink=lines.append)
        simulation.inject(fault, job, 5)
        live(simulation, 299)
        errors = [line for line in lines if str(line.get("level", line.get("levelname"))).lower() == "error"]
        assert len(errors) > 20, job
        assert all(any(word in said(line) for word in words) for line in errors), job


def test_a_silent_app_works_on() -> None:
    lines: list[dict] = []
    simulation = Simulation(3, NOON, ["litellm"], sink=lines.append)
    simulation.inject("logs-silent", "litellm", 5)
    live(simulation, 299)
    assert lines == []
    assert Reading(simulation, "litellm").sum("litellm_proxy_total_requests_metric_total") > 100
    live(simulation, 60)
    assert len(lines) > 20


def test_what_is_written_changes_no_number() -> None:
    quiet, loud = Simulation(5, NOON, ["vllm"]), Simulation(5, NOON, ["vllm"], sink=lambda line: None)
    for simulation in (quiet, loud):
        for _ in range(60):
            simulation.advance(simulation.now + 10)
    assert Reading(quiet, "vllm").values("http_requests_total") == Reading(loud, "vllm").values("http_requests_total")


class Flapping(backends.Backend):
    """Fails three times, answers twice, fails again and again."""

    name, failures = "flapping", (OSError,)

    def connect(self) -> None:
        self.rounds = getattr(self, "rounds", 0) + 1

    def work(self) -> None:
        self.worked = getattr(self, "worked", 0) + 1
        if self.worked not in (4, 5):
            raise OSError("refused")

    ask = work

    def close(self) -> None:
        if getattr(self, "worked", 0) > 8:
            self._stop.set()


def test_a_lost_server_is_reported_once_each_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "PATIENCE", (0, 0))
    reports: list[str] = []
    backend = Flapping(lambda _level, message: reports.append(message), lambda: False)
    monkeypatch.setattr(backend._stop, "wait", lambda _seconds: None)
    backend.start()
    backend.stop = lambda: None
    for thread in backend._threads:
        thread.join(timeout=5)
    assert reports == ["flapping does not answer: refused", "flapping answers", "flapping does not answer: refused"]


@pytest.fixture
def running() -> Iterator[tuple[str, Simulation, dict]]:
    simulation, servers = Simulation(1, NOON), {}
    simulation.advance(NOON + 60)
    server = serve(("127.0.0.1", 0), simulation, servers)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", simulation, servers
    server.shutdown()
    server.server_close()


def ask(url: str, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def test_faults_over_http(running: tuple[str, Simulation, dict]) -> None:
    url, simulation, _ = running
    assert {f["name"] for f in demo.catalogue(url)} == set(FAULTS)
    assert demo.inject(url, "cache-cold", "vllm", 2.5) == {"fault": "cache-cold", "job": "vllm", "seconds_left": 150}
    simulation.advance(NOON + 90)
    assert demo.active(url) == [{"fault": "cache-cold", "job": "vllm", "seconds_left": 120}]
    assert "cache-cold on vllm, 120 s left" in ask(url, "GET", "/")[1]
    assert demo.heal(url, job="litellm") == 0 and demo.heal(url, fault="cache-cold") == 1
    assert demo.active(url) == []


@pytest.mark.parametrize(("fault", "job", "minutes", "message"), [
    ("login-attack", "vllm", 5, "the demo refuses: login-attack does not apply to vllm; it applies to startup-studio"),
    ("nonsense", "vllm", 5, "no fault 'nonsense'; there are error-burst, "),
    ("cache-cold", "nobody", 5, "no job 'nobody'; there are marketing-agents, "),
    ("cache-cold", "vllm", 0, "minutes must be a number above 0 and at most 240"),
    ("cache-cold", "vllm", 241, "minutes must be"),
    ("cache-cold", "vllm", float("nan"), "minutes must be"),
    ("cache-cold", "vllm", True, "minutes must be"),
    ("cache-cold", "vllm", "5", "minutes must be"),
    (None, "vllm", 5, "a fault is asked for as"),
    ("redis-down", "redis", 5, "this demo runs without redis"),
])
def test_wrong_faults_are_refused_with_a_reason(
        running: tuple[str, Simulation, dict], fault: str, job: str, minutes: float, message: str) -> None:
    with pytest.raises(VitalsError) as refused:
        demo.inject(running[0], fault, job, minutes)
    assert message in str(refused.value)
    assert running[1].active() == []


@pytest.mark.parametrize(("status", "method", "path", "body", "headers"), [
    (415, "POST", "/faults", b"{}", {"Content_Type": "text/plain"}),
    (415, "POST", "/faults", b"{}", {}),
    (400, "POST", "/faults", b"{nonsense", {"Content_Type": "application/json"}),
    (400, "POST", "/faults", b"[" * 4000, {"Content_Type": "application/json"}),
    (400, "POST", "/faults", b"[]", {"Content_Type": "application/json"}),
    (413, "POST", "/faults", b" " * 5000, {"Content_Type": "application/json"}),
    (413, "POST", "/faults", b"{}", {"Content_Type": "application/json", "Content_Length": "9" * 5000}),
    (413, "POST", "/faults", b"{}", {"Content_Type": "application/json", "Content_Length": "00000000099999"}),
    (411, "POST", "/faults", None, {"Content_Type": "application/json", "Content_Length": "-1"}),
    (404, "POST", "/", b"{}", {"Content_Type": "application/json"}),
    (400, "DELETE", "/faults?jobs=vllm", None, {}),
    (400, "DELETE", "/faults?fault=nonsense", None, {}),
    (404, "GET", "/apps/nobody/metrics", None, {}),
    (404, "GET", "/apps/vllm/etc", None, {}),
    (404, "GET", "/nowhere", None, {}),
])
def test_bad_requests_get_one_clear_message(running: tuple[str, Simulation, dict], status: int, method: str, path: str,
                                            body: bytes | None, headers: dict[str, str]) -> None:
    got, text = ask(running[0], method, path, body, **headers)
    assert got == status
    assert isinstance(json.loads(text)["error"], str)


def test_metrics_over_http_and_a_killed_process_that_says_nothing(running: tuple[str, Simulation, dict]) -> None:
    url, _, _ = running
    for job in ALL:
        with urlopen(f"{url}/apps/{job}/metrics") as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=")
            assert b"process_start_time_seconds" in response.read()
    assert ask(url, "GET", "/apps/vllm/metrics", Accept="application/openmetrics-text; version=1.0.0")[1].endswith(
        "# EOF\n")
    demo.inject(url, "process-killed", "vllm", 1)
    for path in ("metrics", "health/live"):
        with pytest.raises(http.client.RemoteDisconnected):
            ask(url, "GET", f"/apps/vllm/{path}")
    assert ask(url, "GET", "/apps/litellm/metrics")[0] == 200


class Server:
    """Stands in for a real server's health."""

    name = "redis"

    def __init__(self, problem: str | None) -> None:
        self.problem = lambda: problem


def test_health_follows_the_real_servers(running: tuple[str, Simulation, dict]) -> None:
    url, _, servers = running
    assert ask(url, "GET", "/apps/marketing-agents/health")[0] == 200
    servers["database"], servers["redis"] = Server(None), Server("refused")
    status, text = ask(url, "GET", "/apps/marketing-agents/health")
    assert status == 503
    assert json.loads(text)["checks"] == {"database": {"status": "healthy"},
                                          "redis": {"status": "unhealthy", "error": "refused"}}
    status, text = ask(url, "GET", "/apps/support-agent/health/ready")
    assert (status, json.loads(text)["status"]) == (503, "not_ready")
    assert ask(url, "GET", "/apps/support-agent/health/live")[0] == 200
    assert ask(url, "GET", "/apps/vllm/health")[0] == 200  # depends on neither
    assert ask(url, "GET", "/-/ready")[0] == 200


def test_a_demo_that_is_not_there() -> None:
    with pytest.raises(VitalsError, match="the demo does not answer at http://127.0.0.1:1: "):
        demo.active("http://127.0.0.1:1")
    with pytest.raises(VitalsError, match="does not answer at nonsense"):
        demo.active("nonsense")
