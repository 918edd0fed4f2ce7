"""Everything that can be broken on purpose. To add a fault, add an entry to FAULTS: nothing else knows their names.

``changes`` are knobs. ``kind.failure`` is the share of events that fail; ``kind.shift`` is added to a gauge; every
other knob multiplies (``kind.rate``, ``.latency``, ``.duration``, ``.tokens``, ``.cost``, ``.level``). The kinds are
those of the app's flows and levels; ``logs.rate`` 0 silences an app's log. ``only`` holds further or other changes
for single apps. ``causes`` are what its error lines then say (logs.CAUSES).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_MINUTES = 240


@dataclass(frozen=True)
class Fault:
    name: str
    text: str
    jobs: tuple[str, ...]
    changes: Mapping[str, float] = field(default_factory=dict)
    only: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    causes: tuple[str, ...] = ()

    def changes_for(self, job: str) -> dict[str, float]:
        return {**self.changes, **self.only.get(job, {})}


APPS = ("marketing-agents", "support-agent", "artisan-hub", "startup-studio", "hierarchical-agents", "otel-genai",
        "litellm", "vllm")
WITH_HTTP = ("marketing-agents", "artisan-hub", "startup-studio", "otel-genai", "litellm", "vllm")
WITH_AGENTS = ("marketing-agents", "artisan-hub", "startup-studio", "hierarchical-agents", "otel-genai")
WITH_LLM = ("marketing-agents", "artisan-hub", "startup-studio", "otel-genai", "litellm", "vllm")
WITH_TOKENS = ("marketing-agents", "support-agent", "artisan-hub", "otel-genai", "litellm", "vllm")

_FAULTS = (
    Fault("error-burst", "A quarter of the requests ends in a server error.", (*WITH_HTTP, "support-agent"),
          {"http.failure": 0.25}, {"support-agent": {"responses.failure": 0.25}},
          ("exception", "exception", "unavailable")),
    Fault("llm-outage", "The model provider refuses most calls; what builds on it fails too.",
          ("marketing-agents", "support-agent", "artisan-hub", "startup-studio", "otel-genai", "litellm", "vllm"),
          {"llm.failure": 0.7, "agents.failure": 0.35, "workflows.failure": 0.35},
          {"support-agent": {"responses.failure": 0.3},
           "litellm": {"http.failure": 0.3, "deployments.shift": 2, "fallbacks.rate": 100, "cooldowns.rate": 100},
           "vllm": {"http.failure": 0.5}},
          ("rate_limit", "rate_limit", "overloaded", "timeout")),
    Fault("slow-model", "Model answers take fifteen times as long, and so does what waits for them.", APPS,
          {"llm.latency": 15, "agents.latency": 15, "crew.latency": 10, "workflows.latency": 8,
           "responses.latency": 15},
          {"support-agent": {"conversations.latency": 15, "conversations.duration": 12},
           "vllm": {"llm.latency": 90, "http.latency": 10, "queue.shift": 80, "kv.shift": 0.59}}),
    Fault("agent-failures", "Nearly half of all agent runs fail.", WITH_AGENTS,
          {"agents.failure": 0.45, "workflows.failure": 0.45}),
    Fault("runaway-agent", "Agents go in circles until they are stopped, with four times the model calls.", WITH_AGENTS,
          {"agents.failure": 0.35, "llm.rate": 4, "agents.latency": 5}, causes=("loop",)),
    Fault("context-overflow", "Prompts have outgrown the model: a third of its calls is refused.", WITH_LLM,
          {"llm.failure": 0.35}, causes=("context_length",)),
    Fault("content-filter", "A content filter stops a quarter of the model calls.", WITH_LLM,
          {"llm.failure": 0.25}, causes=("content_filter",)),
    Fault("malformed-output", "The model writes JSON that nobody can read: a third of the agent runs fails.",
          WITH_AGENTS, {"agents.failure": 0.35}, causes=("parse",)),
    Fault("bad-api-key", "The provider no longer takes the key: nearly every model call fails.", WITH_LLM,
          {"llm.failure": 0.9}, causes=("auth",)),
    Fault("out-of-memory", "The model server runs out of memory: a third of its calls fails.",
          ("vllm",), {"llm.failure": 0.35, "http.failure": 0.35}, causes=("out_of_memory",)),
    Fault("bad-deploy", "A module is loaded twice and registers its metrics again: every fifth request fails.",
          WITH_HTTP, {"http.failure": 0.2}, causes=("duplicate",)),
    Fault("logs-silent", "The app works and writes no log line any more.", APPS, {"logs.rate": 0}),
    Fault("rag-timeouts", "Retrieval and what follows it take longer than five seconds.",
          ("marketing-agents", "otel-genai"), {"rag.latency": 15}, {"otel-genai": {"rag.latency": 120}}),
    Fault("integration-failures", "A third of the calls to outside services fails.",
          ("marketing-agents", "support-agent", "otel-genai"), {"integrations.failure": 0.35}),
    Fault("breaker-open", "A circuit breaker opens: three minutes open, one minute probing, and again.",
          ("marketing-agents",), {"breaker.shift": 1}),
    Fault("lead-drought", "No leads come in.", ("marketing-agents",), {"leads.rate": 0}),
    Fault("campaign-drop", "Every running campaign loses a third of its score.", ("marketing-agents",),
          {"campaigns.level": 0.68}),
    Fault("escalation-surge", "Half of the conversations are handed to a person, and fewer are resolved.",
          ("support-agent",), {"conversations.failure": 0.5}),
    Fault("quality-drop", "Answers are judged worse: made-up facts, wrong intents and moods, unhappy customers.",
          ("support-agent",),
          {"hallucination.failure": 0.25, "intent.failure": 0.5, "sentiment.failure": 0.4, "csat.failure": 0.9}),
    Fault("token-blowup", "Every model call uses ten times as many tokens.", WITH_TOKENS, {"llm.tokens": 10}),
    Fault("cost-surge", "Six times as many model calls, each six times as long; budgets melt.",
          ("marketing-agents", "support-agent", "artisan-hub", "hierarchical-agents", "otel-genai", "litellm"),
          {"llm.rate": 6, "llm.tokens": 6},
          {"litellm": {"budget.level": 0.05}, "hierarchical-agents": {"tools.cost": 36}}),
    Fault("login-attack", "Somebody tries passwords, probes for holes and runs into the rate limit.",
          ("startup-studio",), {"logins.rate": 150, "suspicious.rate": 400, "rate_limits.rate": 600}),
    Fault("cache-cold", "Two cache lookups in three find nothing.", ("artisan-hub", "litellm", "vllm"),
          {"cache.failure": 0.65}),
    Fault("redis-down", "The real Redis answers nobody (CLIENT PAUSE).", ("redis",)),
    Fault("database-connections", "The real PostgreSQL has 93 % of its connections taken.", ("postgres",)),
    Fault("memory-growth", "The process's memory figure grows by 25 MB a second, up to 7 GB.", APPS,
          {"memory.shift": 25e6}),
    Fault("process-killed", "The process is gone: scrapes get no answer. Afterwards it starts again from zero.", APPS,
          {"process.shift": -1}),
)

FAULTS: dict[str, Fault] = {fault.name: fault for fault in _FAULTS}
JOBS = (*APPS, "redis", "postgres")
