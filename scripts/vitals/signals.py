# ruff: noqa: E501  (a table reads best with one entry to a line)
"""The things worth watching, each named once. Knows no app's metric names and no PromQL.

A signal is what an app feeds through its profile. A ratio is one signal's rate over another's. A threshold
is a limit that a profile, or vitals.yaml for one job, may set; it is recorded as a series beside the values
it limits. docs/signals.md is made from these tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Kind = Literal["counter", "gauge", "histogram", "summary"]
By = tuple[str, ...]
JOB: By = ()  # per job, nothing kept beside it
Levels = dict[By, tuple[str, ...]]  # the labels kept → which operations or windows of it are recorded

RATE = "5m"
INTERVAL_SECONDS = 30
WINDOWS: dict[str, int] = {"1h": 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400}
QUANTILES: dict[str, str] = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}
OPERATIONS = ("rate5m", *QUANTILES, "mean5m")  # what may be recorded of a histogram or summary


@dataclass(frozen=True)
class Signal:
    """One thing worth watching.

    ``labels`` are kept in detail; ``by`` are the subsets recorded ready-made (headline), of a histogram with what
    is recorded beside its buckets, of a summary beside its sum and count; ``windows`` are the subsets of which long
    windows are recorded too, and which. Nothing is recorded that nobody reads (tests/dashboards/test_signals.py):
    every rule costs at each evaluation, a window of 30 days the most. ``agg`` is how a gauge's series are combined.
    """

    name: str
    kind: Kind
    unit: str
    text: str
    labels: By = ()
    by: Levels = field(default_factory=lambda: {JOB: ()})
    windows: Levels = field(default_factory=dict)
    agg: Literal["sum", "max", "min", "avg"] = "sum"
    derived: bool = False  # made by the recording rules, not fed by profiles


@dataclass(frozen=True)
class Part:
    """A signal's rate, or the part of it that has certain label values; ``name`` is what that part is called,
    ``windows`` its long windows, beside those of the ratio."""

    signal: str
    match: str = ""
    name: str = ""
    windows: Levels = field(default_factory=dict)


@dataclass(frozen=True)
class Ratio:
    """``num`` over the sum of ``den``, both as rates; ``complement`` gives one minus that. Idle gives nothing."""

    name: str
    text: str
    num: Part
    den: tuple[str, ...]
    by: Levels = field(default_factory=lambda: {JOB: ()})
    windows: Levels = field(default_factory=dict)
    complement: bool = False
    unit: str = "ratio"


@dataclass(frozen=True)
class Threshold:
    """A limit. ``needs`` are the signals without which it limits nothing; ``quantile_of`` is the histogram
    whose highest finite bucket it may not pass; ``default`` None means: only where somebody sets it."""

    name: str
    unit: str
    text: str
    needs: tuple[str, ...]
    default: Decimal | None = None
    quantile_of: str | None = None
    bound_of: str | None = None  # must be one of this histogram's bounds


def _s(name: str, kind: Kind, unit: str, text: str, labels: str = "", by: str = "", windows: str = "",
       agg: Literal["sum", "max", "min", "avg"] = "sum", derived: bool = False) -> Signal:
    return Signal(name, kind, unit, text, _by(labels), {JOB: ()} | _levels(by), _levels(windows), agg, derived)


def _only(name: str, kind: Kind, unit: str, text: str, labels: str = "instance", by: str = "", windows: str = "",
          agg: Literal["sum", "max", "min", "avg"] = "sum") -> Signal:
    """Told by its labels alone (of a machine, by instance): nobody reads its sum over the job."""
    return Signal(name, kind, unit, text, _by(labels), _levels(by), _levels(windows), agg)


def _by(words: str) -> By:
    return tuple(words.split())


def _levels(words: str) -> Levels:
    """``"job p95, agent outcome"`` → p95 per job, and per agent and outcome; ``"agent 1h 24h"`` → these windows per agent."""
    found: Levels = {}
    for part in filter(None, words.split(",")):
        labels = tuple(word for word in part.split() if word != "job" and word not in (*OPERATIONS, *WINDOWS))
        found[labels] = tuple(word for word in part.split() if word in (*OPERATIONS, *WINDOWS))
    return found


# fmt: off
_SIGNALS = (
    # every target
    _s("availability", "gauge", "ratio", "share of the job's targets that answer their scrape", windows="job 24h 30d", agg="avg", derived=True),
    # probes, made for nothing else; instance is the address
    _s("probe_success", "gauge", "ratio", "share of probes that get the answer they want", "instance", "instance", windows="job 24h 30d, instance 24h 30d", agg="avg"),
    _only("probe_duration_seconds", "gauge", "seconds", "time that a probe takes", "instance", "instance", agg="max"),
    _only("probe_phase_seconds", "gauge", "seconds", "time that an HTTP probe takes by phase (resolve, connect, tls, processing, transfer)", "instance phase", "instance phase", agg="max"),
    _only("probe_http_code", "gauge", "code", "status code of an HTTP probe's last answer; 0: none came", "instance", "instance", agg="max"),
    _only("probe_certificate_expires_seconds", "gauge", "timestamp", "when the first of a server's certificates expires (Unix time)", "instance", "instance", agg="min"),
    # HTTP
    _s("http_requests", "counter", "requests", "HTTP requests served", "endpoint code", "code, endpoint"),
    _s("http_latency_seconds", "histogram", "seconds", "time to serve an HTTP request", "endpoint", "job rate5m p50 p95 p99 mean5m, endpoint rate5m p50 p95 mean5m"),
    _s("http_in_flight", "gauge", "requests", "HTTP requests being served now"),
    _s("http_request_size_bytes", "histogram", "bytes", "size of HTTP request bodies", "endpoint", "job p50 p95, endpoint rate5m mean5m"),
    _s("http_response_size_bytes", "histogram", "bytes", "size of HTTP response bodies", "endpoint", "job p50 p95"),
    # agents and workflows
    _s("agent_runs", "counter", "runs", "finished agent runs by outcome", "agent outcome", "agent, outcome", windows="job 1h 24h 30d, agent 24h"),
    _s("agent_starts", "counter", "runs", "agent runs begun", "agent", "agent"),
    _s("agent_latency_seconds", "histogram", "seconds", "duration of one agent run", "agent", "job rate5m p50 p95 p99, agent rate5m p50 p95"),
    _only("agent_errors", "counter", "errors", "errors raised inside agents", "agent error_type", "error_type"),
    _s("agents_active", "gauge", "agents", "agents running now"),
    _s("agent_model_calls", "summary", "calls", "model calls per agent run", "agent", "job mean5m, agent mean5m"),
    _s("agent_tool_calls", "summary", "calls", "tool calls per agent run", "agent", "job mean5m, agent mean5m"),
    _s("workflow_runs", "counter", "runs", "finished workflows by outcome", "workflow outcome", "workflow, outcome"),
    _s("workflow_latency_seconds", "histogram", "seconds", "duration of one workflow", "workflow", "job p50 p95 p99"),
    _only("crew_tasks", "counter", "tasks", "tasks done per crew role", "role", "role"),
    _only("crew_task_latency_seconds", "histogram", "seconds", "duration of one crew task", "role", "role p95"),
    # models
    _s("llm_requests", "counter", "requests", "calls to a language model by outcome", "provider model outcome", "model, provider, outcome", windows="job 24h, model 24h"),
    _only("llm_errors", "counter", "errors", "failed model calls by kind of error", "provider model error_type"),
    _only("llm_finishes", "counter", "calls", "model calls by why the model stopped (stop, length, abort, …)", "model reason", "reason"),
    _s("llm_latency_seconds", "histogram", "seconds", "duration of a model call", "provider model", "job rate5m p50 p95 p99, model p50 p95, provider p95"),
    _s("llm_first_token_seconds", "histogram", "seconds", "time until a model's first token", "provider model", "job rate5m p95, model p95"),
    _only("llm_token_seconds", "histogram", "seconds", "time for each further token", "provider model", "model p50"),
    _s("llm_tokens", "counter", "tokens", "tokens used by type (input, output, total)", "provider model type tenant agent", "model, type, model type, tenant", windows="job 24h, model 1h 24h, type 1h"),
    _only("llm_call_tokens", "histogram", "tokens", "tokens of one model call by type (input, output)", "type", "type p50 p95"),
    _s("llm_cached_tokens", "counter", "tokens", "input tokens that a provider's or engine's cache answered", "model"),
    _s("llm_reasoning_tokens", "counter", "tokens", "output tokens spent on reasoning", "model"),
    _s("llm_cost_usd", "counter", "usd", "money spent on models: the app's own figure, else tokens × price", "provider model tenant agent", "model, provider, tenant, agent", windows="job 1h 24h 7d 30d, model 1h 24h 7d 30d, tenant 1h 24h 7d 30d, agent 1h 24h 7d 30d"),
    _s("llm_unpriced_tokens", "counter", "tokens", "tokens of models that have no price, so that no cost is counted for them", "model", "model", windows="job 24h", derived=True),
    _s("llm_queue_seconds", "histogram", "seconds", "time a request waits before a model works on it", "model", "job p50 p95"),
    _only("llm_waiting", "gauge", "requests", "requests waiting for a model", "model"),
    _s("llm_running", "gauge", "requests", "requests a model works on now", "model"),
    _only("llm_kv_cache_ratio", "gauge", "ratio", "share of the key-value cache in use", "model instance", "model", agg="max"),
    _only("llm_preemptions", "counter", "requests", "requests pushed back because the key-value cache was full", "model"),
    _s("gateway_overhead_seconds", "histogram", "seconds", "time that a gateway itself adds to a request", "", "job p50 p95 p99"),
    _only("llm_deployment_state", "gauge", "state", "0 healthy, 1 partly failing, 2 outage", "model provider deployment", "model provider deployment", agg="max"),
    _only("llm_fallbacks", "counter", "requests", "calls that went to another model instead, by outcome", "model fallback outcome", "model, outcome"),
    _only("llm_cooldowns", "counter", "events", "deployments taken out for a while", "model"),
    _only("llm_remaining_requests", "gauge", "requests", "requests a provider still allows in this window", "model provider", "model provider", agg="min"),
    _only("llm_remaining_tokens", "gauge", "tokens", "tokens a provider still allows in this window", "model provider", "model provider", agg="min"),
    _only("llm_budget_usd", "gauge", "usd", "budget of a team", "team", "team"),
    _only("llm_budget_left_usd", "gauge", "usd", "what is left of a team's budget", "team", "team"),
    _s("guardrail_requests", "counter", "requests", "guardrail checks by outcome", "guardrail outcome", "guardrail outcome"),
    # retrieval
    _s("rag_queries", "counter", "queries", "retrieval queries", "query_type", "query_type"),
    _s("rag_latency_seconds", "histogram", "seconds", "duration of a retrieval stage", "stage", "job rate5m, stage rate5m p50 p95"),
    _s("rag_documents", "histogram", "documents", "documents retrieved per query", "", "job rate5m p50 p95 mean5m"),
    # tools, integrations, resilience
    _s("tool_runs", "counter", "runs", "finished tool calls by outcome", "tool outcome", "tool"),
    _only("tool_latency_seconds", "histogram", "seconds", "duration of a tool call", "tool", "tool p95"),
    _s("tool_cost_usd", "counter", "usd", "money spent on tools", "tool", "tool", windows="job 24h, tool 1h"),
    _s("integration_requests", "counter", "requests", "calls to services outside the app by outcome", "service outcome", "service"),
    _only("integration_latency_seconds", "histogram", "seconds", "duration of such a call", "service", "service p95 p99"),
    _only("breaker_state", "gauge", "state", "circuit breaker: 0 closed, 1 open, 2 half-open", "service", "service", agg="max"),
    _only("breaker_failures", "counter", "failures", "failures a circuit breaker counted", "service", "service"),
    # conversations and their quality
    _s("conversations", "counter", "conversations", "conversations begun", "tenant channel intent", "tenant, intent, channel", windows="job 1h 24h 7d 30d, intent 24h, tenant 24h"),
    _s("conversations_resolved", "counter", "conversations", "conversations resolved", "tenant resolution", "resolution"),
    _s("conversations_escalated", "counter", "conversations", "conversations handed to a person", "tenant reason", "reason", windows="reason 1h"),
    _only("conversations_active", "gauge", "conversations", "conversations going on now", "tenant", "tenant"),
    _s("response_latency_seconds", "histogram", "seconds", "time to answer one message", "tenant intent", "job rate5m p50 p95 p99, intent p95"),
    _s("first_response_seconds", "histogram", "seconds", "time to a conversation's first answer", "tenant", "job rate5m p50 p95"),
    _s("conversation_seconds", "histogram", "seconds", "time until a conversation is resolved", "tenant", "job p50 p95"),
    _s("app_errors", "counter", "errors", "errors the application counted", "error_type component", "error_type, component"),
    _only("sentiment", "counter", "messages", "messages by the customer's mood", "sentiment", "sentiment", windows="sentiment 1h 24h"),
    _only("eval_scores", "summary", "score", "judged answers by evaluation (csat 1 to 5, the others 0 to 1)", "eval", "eval", windows="eval 1h 24h 7d 30d"),
    # logs
    _s("log_lines", "counter", "lines", "log lines by level (critical, error, warning, info, debug)", "level", "level"),
    _s("log_plain_lines", "counter", "lines", "log lines that name no level: tracebacks, plain text"),
    _only("log_pattern_matches", "counter", "lines", "log lines in which a known pattern was found", "pattern", "pattern"),
    # business
    _only("campaigns", "counter", "campaigns", "campaigns created", "campaign_type", "campaign_type"),
    _only("campaign_score", "gauge", "ratio", "a campaign's performance score", "campaign", agg="avg"),
    _s("leads", "counter", "leads", "leads generated", "source quality", "source, quality", windows="job 1h, source 1h"),
    _s("lead_score", "histogram", "ratio", "score of generated leads", "", "job rate5m p50 p95 mean5m"),
    _only("content", "counter", "pieces", "content pieces generated", "content_type", "content_type"),
    _s("content_score", "histogram", "ratio", "performance score of content"),
    _only("events", "counter", "events", "behavioural events processed", "event_type", "event_type"),
    _s("profiles_active", "gauge", "profiles", "active user profiles"),
    _s("personalizations", "counter", "requests", "personalisation requests"),
    _s("revenue_usd", "counter", "usd", "revenue tracked", "source", "source", windows="job 1h 24h 7d 30d, source 1h"),
    _s("conversions", "counter", "conversions", "conversion events", "conversion_type", "conversion_type", windows="job 24h"),
    _s("registrations", "counter", "users", "user registrations", windows="job 1h 24h 7d 30d"),
    _s("users_active", "gauge", "users", "active users"),
    _s("sessions_active", "gauge", "sessions", "active sessions"),
    _only("feature_uses", "counter", "uses", "uses of a feature", "feature", "feature", windows="feature 1h 7d"),
    # security
    _s("auth_failures", "counter", "attempts", "failed logins; whose and from where is not kept", windows="job 24h"),
    _s("suspicious_requests", "counter", "requests", "requests that look like an attack", "type", "type", windows="job 24h"),
    _s("rate_limit_hits", "counter", "requests", "requests refused by a rate limit", "endpoint", "endpoint", windows="job 24h"),
    # caches, the app's view of its database, the process
    _only("cache_hits", "counter", "lookups", "cache lookups that found something", "cache", "cache"),
    _only("cache_misses", "counter", "lookups", "cache lookups that found nothing", "cache", "cache"),
    _only("db_queries", "counter", "queries", "database queries", "operation table", "operation, table"),
    _s("db_latency_seconds", "histogram", "seconds", "duration of a database query", "operation", "job p50 p95 p99, operation p95"),
    _only("app_memory_bytes", "gauge", "bytes", "memory of the app's processes", "instance", "instance"),
    _only("app_cpu_cores", "gauge", "cores", "processor cores the app uses"),
    _only("app_start_seconds", "gauge", "timestamp", "when the app's process began (Unix time)", "instance", "instance", agg="max"),
    _only("app_version", "gauge", "processes", "processes that run each version of the app", "version", "version"),
    # hosts
    _only("host_cpu_ratio", "gauge", "ratio", "share of a host's processor time in use", agg="max"),
    _only("host_cpu_mode_ratio", "gauge", "ratio", "share of a host's processor time by what it did (user, system, iowait, steal)", "instance mode", agg="max"),
    _only("host_pressure_seconds", "counter", "seconds", "time in which some work waited for a resource (cpu, memory, io)", "instance resource"),
    _only("host_load_ratio", "gauge", "ratio", "five-minute load per processor core", agg="max"),
    _only("host_memory_ratio", "gauge", "ratio", "share of a host's memory in use", agg="max"),
    _only("host_swapped_pages", "counter", "pages", "pages moved to and from swap"),
    _only("host_disk_ratio", "gauge", "ratio", "share of a file system in use", "instance mountpoint", agg="max"),
    _only("host_disk_free_bytes", "gauge", "bytes", "bytes left on a file system", "instance mountpoint", agg="min"),
    _only("host_inode_ratio", "gauge", "ratio", "share of a file system's inodes in use", "instance mountpoint", agg="max"),
    _only("host_disk_io_ratio", "gauge", "ratio", "share of time a disk is busy", "instance device", agg="max"),
    _only("host_disk_read_bytes", "counter", "bytes", "bytes read from a disk", "instance device"),
    _only("host_disk_written_bytes", "counter", "bytes", "bytes written to a disk", "instance device"),
    _only("host_disk_operation_seconds", "gauge", "seconds", "mean time of a disk operation, waiting included", "instance device", agg="max"),
    _only("host_network_receive_bytes", "counter", "bytes", "bytes received", "instance device", "instance"),
    _only("host_network_transmit_bytes", "counter", "bytes", "bytes sent", "instance device", "instance"),
    _only("host_network_errors", "counter", "packets", "packets lost to errors or dropped"),
    _only("host_tcp_retransmit_ratio", "gauge", "ratio", "share of TCP segments that were sent again", agg="max"),
    _only("host_oom_kills", "counter", "kills", "processes killed because the host's memory ran out"),
    _only("host_start_seconds", "gauge", "timestamp", "when the host began (Unix time)", agg="max"),
    _only("host_clock_offset_seconds", "gauge", "seconds", "how far the host's clock is from its time source", agg="max"),
    _only("host_clock_synchronised", "gauge", "state", "1 while the host's clock follows a time source", agg="min"),
    # graphics processors
    _only("gpu_utilisation_ratio", "gauge", "ratio", "share of time in which a GPU works", "instance gpu", agg="max"),
    _only("gpu_memory_ratio", "gauge", "ratio", "share of a GPU's memory in use", "instance gpu", agg="max"),
    _only("gpu_temperature_celsius", "gauge", "celsius", "temperature of a GPU", "instance gpu", agg="max"),
    _only("gpu_power_watts", "gauge", "watts", "power that a GPU draws", "instance gpu"),
    _only("gpu_failing", "gauge", "state", "1 while a GPU reports an error (Xid)", "instance gpu", agg="max"),
    # containers
    _only("container_cpu_cores", "gauge", "cores", "processor cores a container uses", "instance container"),
    _only("container_cpu_throttled_ratio", "gauge", "ratio", "share of periods in which a container was held back by its processor limit", "instance container", agg="max"),
    _only("container_memory_bytes", "gauge", "bytes", "memory a container works with", "instance container"),
    _only("container_memory_ratio", "gauge", "ratio", "a container's memory over its limit", "instance container", agg="max"),
    _only("container_cpu_seconds", "gauge", "seconds", "processor time since a container's start; it falls when the container starts anew", "instance container"),
    _only("container_oom_kills", "counter", "kills", "processes killed at a container's memory limit", "instance container"),
    _only("container_network_receive_bytes", "counter", "bytes", "bytes a container received", "instance container"),
    _only("container_network_transmit_bytes", "counter", "bytes", "bytes a container sent", "instance container"),
    # PostgreSQL
    _only("postgres_up", "gauge", "state", "1 when the exporter reaches the server", agg="min"),
    _only("postgres_connections", "gauge", "connections", "connections by state", "instance state"),
    _only("postgres_connections_ratio", "gauge", "ratio", "connections over max_connections", agg="max"),
    _only("postgres_transactions", "counter", "transactions", "transactions by outcome (success: commit, error: rollback)", "instance database outcome", "instance, instance outcome"),
    _only("postgres_rows", "counter", "rows", "rows by operation (fetched, inserted, updated, deleted)", "instance database operation", "instance operation"),
    _only("postgres_statement_calls", "counter", "calls", "runs of a statement; query is its id in pg_stat_statements", "instance database query"),
    _only("postgres_statement_seconds", "counter", "seconds", "time spent in a statement", "instance database query"),
    _only("postgres_deadlocks", "counter", "deadlocks", "deadlocks found", "instance database", "instance"),
    _only("postgres_cache_hit_ratio", "gauge", "ratio", "share of blocks read from the buffer cache", agg="min"),
    _only("postgres_blocks_read", "counter", "blocks", "blocks that were not in the buffer cache", "instance database", "instance"),
    _only("postgres_temp_bytes", "counter", "bytes", "bytes written to temporary files, because work_mem was too small", "instance database", "instance"),
    _only("postgres_checkpoints", "counter", "checkpoints", "checkpoints, timed or requested because the log of changes was full", "instance kind"),
    _only("postgres_wal_bytes", "gauge", "bytes", "size of the log of changes (WAL) on disk"),
    _only("postgres_wraparound_ratio", "gauge", "ratio", "transaction ids used since the oldest row was frozen, of the 2^31 there are", "instance database", agg="max"),
    _only("postgres_replica", "gauge", "state", "1 when the server follows another", agg="max"),
    _only("postgres_replication_lag_seconds", "gauge", "seconds", "how far a replica is behind", agg="max"),
    _only("postgres_longest_transaction_seconds", "gauge", "seconds", "age of the oldest running transaction", agg="max"),
    _only("postgres_database_bytes", "gauge", "bytes", "size of a database", "instance database"),
    _only("postgres_locks", "gauge", "locks", "locks held by mode", "instance mode"),
    # Redis
    _only("redis_up", "gauge", "state", "1 when the exporter reaches the server", agg="min"),
    _only("redis_memory_bytes", "gauge", "bytes", "memory in use"),
    _only("redis_memory_limit_bytes", "gauge", "bytes", "maxmemory; 0: none"),
    _only("redis_memory_ratio", "gauge", "ratio", "memory over maxmemory", agg="max"),
    _only("redis_fragmentation_ratio", "gauge", "ratio", "memory that the system gave Redis over what it uses", agg="max"),
    _only("redis_cpu_cores", "gauge", "cores", "processor cores used; commands run on one"),
    _only("redis_clients", "gauge", "connections", "connected clients"),
    _only("redis_clients_ratio", "gauge", "ratio", "connected clients over maxclients", agg="max"),
    _only("redis_clients_blocked", "gauge", "connections", "clients that wait in a blocking command"),
    _only("redis_commands", "counter", "commands", "commands processed by command", "instance command", "instance"),
    _only("redis_command_seconds", "counter", "seconds", "processor time spent in commands, waiting not included", "instance command", "instance"),
    _only("redis_commands_failed", "counter", "commands", "commands that failed or were refused"),
    _only("redis_commands_slow", "counter", "commands", "commands that the slow log took in (slowlog-log-slower-than)"),
    _only("redis_hits", "counter", "lookups", "key lookups that found something"),
    _only("redis_misses", "counter", "lookups", "key lookups that found nothing"),
    _only("redis_evictions", "counter", "keys", "keys dropped because memory was full"),
    _only("redis_expirations", "counter", "keys", "keys that reached the end of their time to live"),
    _only("redis_keys", "gauge", "keys", "keys held", "instance database"),
    _only("redis_keys_expiring", "gauge", "keys", "keys with a time to live", "instance database"),
    _only("redis_received_bytes", "counter", "bytes", "bytes received from clients"),
    _only("redis_sent_bytes", "counter", "bytes", "bytes sent to clients"),
    _only("redis_rejected_connections", "counter", "connections", "connections refused at maxclients"),
    _only("redis_save_failed", "gauge", "state", "1 when the last background save failed", agg="max"),
    _only("redis_append_failed", "gauge", "state", "1 when the last write to the append-only file failed", agg="max"),
    _only("redis_last_save_seconds", "gauge", "timestamp", "when the last snapshot was saved (Unix time)", agg="min"),
    _only("redis_changes_unsaved", "gauge", "changes", "changes since the last snapshot"),
    _only("redis_replicas", "gauge", "servers", "replicas connected"),
    _only("redis_replica_lag_seconds", "gauge", "seconds", "time since the slowest replica was last heard of", agg="max"),
    _only("redis_start_seconds", "gauge", "timestamp", "when the server began (Unix time)", agg="max"),
    # the log reader
    _only("log_reader_up", "gauge", "state", "1 when Prometheus reaches the log reader", agg="min"),
    _only("log_reader_lines", "counter", "lines", "lines the log reader read"),
    _only("log_reader_files", "gauge", "files", "files it has read lines from"),
    _only("log_reader_programs", "gauge", "programs", "programs it runs, one for each app with logs"),
    _only("log_reader_errors", "counter", "errors", "lines its programs failed on (run), files it could not read (read), programs it refused (load)", "instance kind", "instance"),
    # Elasticsearch, the log store
    _only("elasticsearch_up", "gauge", "state", "1 when the exporter reaches the cluster", agg="min"),
    _only("elasticsearch_red", "gauge", "state", "1 while a primary shard is missing", agg="max"),
    _only("elasticsearch_yellow", "gauge", "state", "1 while only a replica shard is missing", agg="max"),
    _only("elasticsearch_heap_ratio", "gauge", "ratio", "heap in use, of what Java may take", agg="max"),
    _only("elasticsearch_disk_ratio", "gauge", "ratio", "disk in use where the data is", agg="max"),
    _only("elasticsearch_read_only_indices", "gauge", "indices", "indices that take no writes because the disk is full", agg="max"),
    _only("elasticsearch_rejections", "counter", "requests", "writes refused because the queue was full"),
    _only("elasticsearch_documents", "counter", "documents", "documents written"),
    _only("elasticsearch_store_bytes", "gauge", "bytes", "size of a data stream", "instance data_stream", "data_stream"),
    _only("log_heartbeats", "counter", "lines", "the log pipeline's own lines that arrived in the log store"),
    _only("log_rejected", "counter", "lines", "log lines that the log store refused"),
    # the parts of the stack: Prometheus, Alertmanager, exporters
    _only("stack_memory_bytes", "gauge", "bytes", "memory of a part of the monitoring"),
    _only("stack_cpu_cores", "gauge", "cores", "processor cores that a part of the monitoring uses"),
    _only("stack_start_seconds", "gauge", "timestamp", "when a part of the monitoring began (Unix time)", agg="max"),
    _only("exporter_failures", "gauge", "collectors", "collectors of an exporter that failed at the last scrape"),
    # Prometheus and Alertmanager themselves
    _only("prometheus_rules", "gauge", "rules", "rules that Prometheus evaluates"),
    _only("prometheus_rule_failures", "counter", "failures", "rule evaluations that failed", "instance group", "instance"),
    _only("prometheus_rule_lag_ratio", "gauge", "ratio", "a rule group's evaluation time over its interval", "instance group", agg="max"),
    _only("prometheus_rule_missed", "counter", "evaluations", "rule evaluations that did not happen in time", "instance group", "instance"),
    _only("prometheus_notifications_dropped", "counter", "notifications", "alerts not delivered to any Alertmanager"),
    _only("prometheus_notifications", "counter", "notifications", "alerts sent to Alertmanagers"),
    _only("prometheus_queue_ratio", "gauge", "ratio", "share of the queue to the Alertmanagers that is full", agg="max"),
    _only("prometheus_alertmanagers", "gauge", "servers", "Alertmanagers that Prometheus knows", agg="min"),
    _only("prometheus_reload_ok", "gauge", "state", "1 when the running configuration is the one on disk", agg="min"),
    _only("prometheus_discovery_failures", "counter", "failures", "target files that could not be read, targets that could not be made of them"),
    _only("prometheus_query_seconds", "gauge", "seconds", "p90 of the time to evaluate a query", agg="max"),
    _only("prometheus_tsdb_failures", "counter", "failures", "failed compactions, checkpoints, truncations and corruptions"),
    _only("prometheus_series", "gauge", "series", "series in memory"),
    _only("prometheus_series_made", "counter", "series", "series that are new; many of few: labels that change all the time"),
    _only("prometheus_samples", "counter", "samples", "samples taken in"),
    _only("prometheus_samples_refused", "counter", "samples", "samples refused as out of order, out of bounds or given twice"),
    _only("prometheus_scrapes_too_big", "counter", "scrapes", "scrapes refused because they passed a limit"),
    _only("prometheus_storage_bytes", "gauge", "bytes", "disk space the series use"),
    _only("prometheus_wal_bytes", "gauge", "bytes", "size of the write-ahead log"),
    _only("prometheus_oldest_sample_seconds", "gauge", "timestamp", "the oldest sample that is kept (Unix time)", agg="min"),
    _only("alertmanager_reload_ok", "gauge", "state", "1 when the running configuration is the one on disk", agg="min"),
    _only("alertmanager_notifications", "counter", "notifications", "notifications tried", "instance integration"),
    _only("alertmanager_notifications_failed", "counter", "notifications", "notifications that failed", "instance integration"),
    _only("alertmanager_notification_seconds", "summary", "seconds", "time to send one notification", "instance integration", "instance integration mean5m"),
    _only("alertmanager_received", "counter", "alerts", "alerts received, the same ones again and again"),
    _only("alertmanager_alerts", "gauge", "alerts", "alerts an Alertmanager holds", "instance state"),
    _only("alertmanager_silences", "gauge", "silences", "silences by state", "instance state"),
    _only("alertmanager_members", "gauge", "servers", "Alertmanagers in the cluster that one sees", agg="min"),
    _only("alertmanager_config_hash", "gauge", "state", "a number made of the running configuration; another one has another number", agg="min"),
)

_FAILED = 'outcome!="success"'
_RATIOS = (
    Ratio("http_error_ratio", "share of HTTP requests answered with a 5xx code", Part("http_requests", 'code=~"5.."', "http_errors"), ("http_requests",), _levels("job, endpoint")),
    Ratio("agent_failure_ratio", "share of agent runs that failed", Part("agent_runs", _FAILED, "agent_failures", _levels("job 1h 24h")), ("agent_runs",), _levels("job, agent"), windows=_levels("agent 1h 24h 7d")),
    Ratio("workflow_failure_ratio", "share of workflows that failed", Part("workflow_runs", _FAILED, "workflow_failures"), ("workflow_runs",), _levels("job, workflow")),
    Ratio("llm_failure_ratio", "share of model calls that failed", Part("llm_requests", _FAILED, "llm_failures", _levels("job 24h")), ("llm_requests",), _levels("job, model, provider")),
    Ratio("tool_failure_ratio", "share of tool calls that failed", Part("tool_runs", _FAILED, "tool_failures"), ("tool_runs",), _levels("job, tool")),
    Ratio("integration_failure_ratio", "share of calls to outside services that failed", Part("integration_requests", _FAILED, "integration_failures"), ("integration_requests",), _levels("job, service")),
    Ratio("app_error_ratio", "errors per answered message", Part("app_errors"), ("response_latency_seconds",)),
    Ratio("escalation_ratio", "share of conversations handed to a person", Part("conversations_escalated"), ("conversations",), _levels(""), windows=_levels("job 1h 24h")),
    Ratio("automation_ratio", "share of conversations that needed no person", Part("conversations_escalated"), ("conversations",), _levels(""), windows=_levels("job 1h 24h 7d 30d"), complement=True),
    Ratio("resolution_ratio", "share of conversations resolved", Part("conversations_resolved"), ("conversations",), _levels(""), windows=_levels("job 1h 24h")),
    Ratio("log_error_ratio", "share of log lines of level error or worse", Part("log_lines", 'level=~"error|critical"', "log_errors"), ("log_lines",)),
    Ratio("cache_hit_ratio", "share of cache lookups that found something", Part("cache_hits"), ("cache_hits", "cache_misses"), _levels("cache")),
    Ratio("redis_hit_ratio", "share of Redis lookups that found something", Part("redis_hits"), ("redis_hits", "redis_misses"), _levels("instance")),
    Ratio("redis_latency_seconds", "mean time of a command, waiting not included", Part("redis_command_seconds"), ("redis_commands",), _levels("instance, instance command"), unit="seconds"),
    Ratio("postgres_rollback_ratio", "share of transactions rolled back", Part("postgres_transactions", _FAILED, "postgres_rollbacks"), ("postgres_transactions",), _levels("instance")),
    Ratio("guardrail_block_ratio", "share of guardrail checks that did not pass", Part("guardrail_requests", _FAILED, "guardrail_blocks", _levels("job 24h")), ("guardrail_requests",)),
    Ratio("llm_cost_per_conversation_usd", "model cost of one conversation", Part("llm_cost_usd"), ("conversations",), _levels(""), windows=_levels("job 1h"), unit="usd"),
    Ratio("llm_tokens_per_conversation", "tokens of one conversation", Part("llm_tokens"), ("conversations",), _levels(""), windows=_levels("job 1h"), unit="tokens"),
    Ratio("llm_cost_per_request_usd", "cost of one model call", Part("llm_cost_usd"), ("llm_requests",), _levels(""), windows=_levels("job 1h"), unit="usd"),
    Ratio("llm_cost_per_run_usd", "model cost of one agent run", Part("llm_cost_usd"), ("agent_runs",), _levels(""), windows=_levels("job 1h"), unit="usd"),
    Ratio("revenue_per_llm_usd", "revenue for each dollar spent on models", Part("revenue_usd"), ("llm_cost_usd",), _levels(""), windows=_levels("job 24h")),
)


def _t(name: str, unit: str, text: str, needs: str, default: str | None = None, quantile_of: str | None = None,
       bound_of: str | None = None) -> Threshold:
    return Threshold(name, unit, text, tuple(needs.split()), None if default is None else Decimal(default),
                     quantile_of, bound_of)


_THRESHOLDS = (
    _t("availability_target", "ratio", "share of time the app should answer", "availability", "0.995"),
    _t("availability_min", "ratio", "share of a day the app must answer", "availability", "0.99"),
    _t("probe_duration_seconds", "seconds", "time that a probe takes", "probe_duration_seconds", "2"),
    _t("probe_certificate_seconds", "seconds", "time until a certificate expires, to look at", "probe_certificate_expires_seconds", "1814400"),
    _t("probe_certificate_seconds_critical", "seconds", "time until a certificate expires that wakes someone", "probe_certificate_expires_seconds", "604800"),
    _t("http_error_ratio", "ratio", "5xx share that wakes someone", "http_requests", "0.05"),
    _t("http_error_ratio_elevated", "ratio", "5xx share to look at this day", "http_requests", "0.01"),
    _t("http_error_ratio_target", "ratio", "5xx share promised", "http_requests"),
    _t("http_requests_min", "requests", "requests in 5 minutes below which error shares say nothing", "http_requests", "20"),
    _t("http_requests_per_second_target", "requests/s", "throughput the app must be able to carry", "http_requests"),
    _t("http_latency_p95_seconds", "seconds", "p95 of HTTP requests", "http_latency_seconds", "2", "http_latency_seconds"),
    _t("http_latency_p95_target_seconds", "seconds", "p95 promised", "http_latency_seconds", None, "http_latency_seconds"),
    _t("agent_failure_ratio", "ratio", "share of an agent's runs that may fail", "agent_runs", "0.1"),
    _t("agent_failures_min", "runs", "failed runs of one agent in 5 minutes below which their share says nothing", "agent_runs", "5"),
    _t("agent_runs_min", "runs", "runs of one agent in 5 minutes below which quantiles say nothing", "agent_runs", "5"),
    _t("agent_latency_p95_seconds", "seconds", "p95 of one agent's runs", "agent_latency_seconds", "60", "agent_latency_seconds"),
    _t("workflow_failure_ratio", "ratio", "share of workflows that may fail", "workflow_runs", "0.1"),
    _t("workflow_failures_min", "runs", "failed workflows in 5 minutes below which their share says nothing", "workflow_runs", "5"),
    _t("llm_errors_per_minute", "errors/min", "failed model calls in a minute", "llm_requests", "10"),
    _t("llm_failure_ratio", "ratio", "share of model calls that may fail", "llm_requests", "0.05"),
    _t("llm_failures_min", "requests", "failed calls to one model in 5 minutes below which their share says nothing", "llm_requests", "5"),
    _t("llm_requests_min", "requests", "model calls in 5 minutes below which quantiles say nothing", "llm_requests", "10"),
    _t("llm_latency_p95_seconds", "seconds", "p95 of model calls", "llm_latency_seconds", "30", "llm_latency_seconds"),
    _t("llm_latency_p99_seconds", "seconds", "p99 of model calls", "llm_latency_seconds", None, "llm_latency_seconds"),
    _t("llm_first_token_p95_seconds", "seconds", "p95 until the first token", "llm_first_token_seconds", "5", "llm_first_token_seconds"),
    _t("llm_waiting", "requests", "requests waiting for a model", "llm_waiting", "50"),
    _t("llm_kv_cache_ratio", "ratio", "use of the key-value cache", "llm_kv_cache_ratio", "0.95"),
    _t("llm_remaining_requests_min", "requests", "requests a provider still allows", "llm_remaining_requests", "20"),
    _t("llm_budget_left_ratio_min", "ratio", "share of a team's budget still left", "llm_budget_usd llm_budget_left_usd", "0.1"),
    _t("llm_cost_per_conversation_usd", "usd", "model cost of one conversation", "llm_cost_usd conversations"),
    _t("llm_cost_per_conversation_target_usd", "usd", "model cost of one conversation aimed at", "llm_cost_usd conversations"),
    _t("llm_tokens_per_conversation", "tokens", "tokens of one conversation", "llm_tokens conversations"),
    _t("llm_tokens_per_conversation_target", "tokens", "tokens of one conversation aimed at", "llm_tokens conversations"),
    _t("llm_cost_per_hour_usd", "usd", "model spend in an hour", "llm_cost_usd"),
    _t("llm_cost_per_month_usd", "usd", "model budget for 30 days", "llm_cost_usd"),
    _t("llm_cost_surge_ratio", "ratio", "this hour's spend over the day's hourly mean", "llm_cost_usd", "3"),
    _t("llm_cost_surge_min_usd", "usd", "spend in an hour below which a surge says nothing", "llm_cost_usd", "0.5"),
    _t("rag_timeout_seconds", "seconds", "time after which a retrieval counts as too slow; one of the buckets", "rag_latency_seconds", None, None, "rag_latency_seconds"),
    _t("rag_slow_ratio", "ratio", "share of retrievals that may be too slow", "rag_latency_seconds", "0.05"),
    _t("rag_queries_min", "queries", "retrievals in 5 minutes below which shares say nothing", "rag_latency_seconds", "10"),
    _t("tool_failure_ratio", "ratio", "share of a tool's calls that may fail", "tool_runs", "0.05"),
    _t("tool_failures_min", "runs", "failed calls of one tool in 5 minutes below which their share says nothing", "tool_runs", "5"),
    _t("integration_failure_ratio", "ratio", "share of calls to one outside service that may fail", "integration_requests", "0.05"),
    _t("integration_failure_ratio_target", "ratio", "share of failed calls aimed at", "integration_requests"),
    _t("integration_failures_min", "requests", "failed calls to one service in 5 minutes below which their share says nothing", "integration_requests", "5"),
    _t("app_error_ratio", "ratio", "errors per answered message", "app_errors response_latency_seconds", "0.05"),
    _t("app_error_ratio_elevated", "ratio", "errors per answered message to look at this day", "app_errors response_latency_seconds", "0.01"),
    _t("responses_min", "responses", "answers in 5 minutes below which shares and quantiles say nothing", "response_latency_seconds", "10"),
    _t("response_latency_p50_seconds", "seconds", "median time to answer", "response_latency_seconds", "5", "response_latency_seconds"),
    _t("response_latency_p50_target_seconds", "seconds", "median time to answer aimed at", "response_latency_seconds", None, "response_latency_seconds"),
    _t("response_latency_p95_seconds", "seconds", "p95 of the time to answer", "response_latency_seconds", "10", "response_latency_seconds"),
    _t("response_latency_p99_seconds", "seconds", "p99 of the time to answer", "response_latency_seconds", "30", "response_latency_seconds"),
    _t("response_latency_p99_target_seconds", "seconds", "p99 of the time to answer aimed at", "response_latency_seconds", None, "response_latency_seconds"),
    _t("first_response_p95_seconds", "seconds", "p95 until the first answer", "first_response_seconds", "60", "first_response_seconds"),
    _t("first_response_target_seconds", "seconds", "time to the first answer aimed at", "first_response_seconds", None, "first_response_seconds"),
    _t("conversation_p95_seconds", "seconds", "p95 until a conversation is resolved", "conversation_seconds", "900", "conversation_seconds"),
    _t("conversation_target_seconds", "seconds", "time to resolution aimed at", "conversation_seconds", None, "conversation_seconds"),
    _t("conversations_min", "conversations", "conversations in an hour below which shares say nothing", "conversations", "20"),
    _t("escalation_ratio", "ratio", "share of conversations handed to a person", "conversations conversations_escalated", "0.25"),
    _t("escalation_ratio_target", "ratio", "share handed to a person aimed at", "conversations conversations_escalated"),
    _t("automation_ratio_min", "ratio", "share of conversations that need no person", "conversations conversations_escalated", "0.7"),
    _t("automation_ratio_target", "ratio", "share that needs no person aimed at", "conversations conversations_escalated"),
    _t("resolution_ratio_min", "ratio", "share of conversations resolved", "conversations conversations_resolved", "0.6"),
    _t("resolution_ratio_target", "ratio", "share resolved aimed at", "conversations conversations_resolved"),
    _t("evals_min", "answers", "judged answers in an hour below which scores say nothing", "eval_scores", "20"),
    _t("csat_min", "score", "customer satisfaction, 1 to 5", "eval_scores"),
    _t("csat_target", "score", "customer satisfaction aimed at", "eval_scores"),
    _t("intent_accuracy_min", "ratio", "share of intents understood", "eval_scores"),
    _t("intent_accuracy_target", "ratio", "share of intents understood aimed at", "eval_scores"),
    _t("hallucination_ratio", "ratio", "share of answers with made-up facts", "eval_scores"),
    _t("hallucination_ratio_target", "ratio", "share of answers with made-up facts aimed at", "eval_scores"),
    _t("sentiment_misread_ratio", "ratio", "share of moods misread", "eval_scores"),
    _t("sentiment_misread_ratio_target", "ratio", "share of moods misread aimed at", "eval_scores"),
    _t("human_cost_per_conversation_usd", "usd", "what a person handling one conversation costs (for savings)", "conversations"),
    _t("leads_per_hour_min", "leads", "leads in an hour", "leads"),
    _t("campaign_score_min", "ratio", "a running campaign's score", "campaign_score"),
    _t("business_drop_ratio", "ratio", "this hour's volume over the same hour a week ago", "", "0.5"),
    _t("auth_failures_per_second", "attempts/s", "failed logins", "auth_failures", "0.5"),
    _t("suspicious_requests_per_minute", "requests/min", "requests that look like an attack", "suspicious_requests", "30"),
    _t("rate_limit_hits_per_second", "requests/s", "requests refused by rate limits", "rate_limit_hits", "5"),
    _t("cache_hit_ratio_min", "ratio", "share of cache lookups that find something", "cache_hits cache_misses", "0.7"),
    _t("cache_lookups_min", "lookups", "lookups of one cache in 5 minutes below which shares say nothing", "cache_hits cache_misses", "50"),
    _t("app_memory_bytes", "bytes", "memory of one process", "app_memory_bytes"),
    _t("app_restarts_per_hour", "restarts", "process starts in an hour", "app_start_seconds", "4"),
    _t("host_cpu_ratio", "ratio", "processor use", "host_cpu_ratio", "0.8"),
    _t("host_memory_ratio", "ratio", "memory use to look at", "host_memory_ratio", "0.8"),
    _t("host_memory_ratio_critical", "ratio", "memory use that wakes someone", "host_memory_ratio", "0.95"),
    _t("host_disk_ratio", "ratio", "disk use to look at", "host_disk_ratio", "0.8"),
    _t("host_disk_ratio_critical", "ratio", "disk use that wakes someone", "host_disk_ratio", "0.95"),
    _t("host_inode_ratio", "ratio", "inode use", "host_inode_ratio", "0.9"),
    _t("container_memory_ratio", "ratio", "container memory over its limit", "container_memory_ratio", "0.9"),
    _t("container_cpu_throttled_ratio", "ratio", "share of periods held back", "container_cpu_throttled_ratio", "0.25"),
    _t("container_restarts_per_hour", "restarts", "container starts in an hour", "container_cpu_seconds", "3"),
    _t("log_error_ratio", "ratio", "share of log lines of level error or worse", "log_lines", "0.2"),
    _t("log_errors_min", "lines", "error lines in 5 minutes below which their share says nothing", "log_lines", "20"),
    _t("log_silence_seconds", "seconds", "time without a log line while there is traffic", "log_lines", "900"),
    _t("postgres_connections_ratio", "ratio", "connections over max_connections that wakes someone", "postgres_connections_ratio", "0.9"),
    _t("postgres_connections_ratio_elevated", "ratio", "connections over max_connections to look at", "postgres_connections_ratio", "0.8"),
    _t("postgres_rollback_ratio", "ratio", "share of transactions rolled back", "postgres_transactions", "0.1"),
    _t("postgres_transactions_min", "transactions", "transactions in 5 minutes below which shares say nothing", "postgres_transactions", "50"),
    _t("postgres_cache_hit_ratio_min", "ratio", "share of blocks from the buffer cache", "postgres_cache_hit_ratio", "0.9"),
    _t("postgres_transaction_seconds", "seconds", "age of a running transaction", "postgres_longest_transaction_seconds", "300"),
    _t("redis_memory_ratio", "ratio", "memory over maxmemory", "redis_memory_ratio", "0.9"),
    _t("redis_hit_ratio_min", "ratio", "share of lookups that find something", "redis_hits redis_misses"),
    _t("elasticsearch_disk_ratio", "ratio", "disk in use where the log store's data is", "elasticsearch_disk_ratio", "0.85"),
    _t("elasticsearch_heap_ratio", "ratio", "heap in use, of what Java may take", "elasticsearch_heap_ratio", "0.9"),
    _t("slo_bad_events_min", "events", "bad events in a window below which a burning error budget tells nobody", "availability", "10"),
    _t("prometheus_rule_lag_ratio", "ratio", "evaluation time over the interval", "prometheus_rule_lag_ratio", "0.8"),
    _t("prometheus_series_jump_ratio", "ratio", "series now over an hour ago", "prometheus_series", "1.5"),
    _t("prometheus_series_jump_min", "series", "series below which a jump says nothing", "prometheus_series", "20000"),
)
# fmt: on

SIGNALS: dict[str, Signal] = {s.name: s for s in _SIGNALS}
RATIOS: dict[str, Ratio] = {r.name: r for r in _RATIOS}
THRESHOLDS: dict[str, Threshold] = {t.name: t for t in _THRESHOLDS}

# The signal that says an app is being used: the first of these that its profile feeds.
TRAFFIC_WINDOWS = ("1h", "24h")
TRAFFIC = ("http_requests", "conversations", "agent_runs", "workflow_runs", "llm_requests", "tool_runs", "events")


def series(by: By, metric: str, operation: str) -> str:
    """The name of a recorded series: ``series(("agent",), "agent_runs", "rate5m")`` → ``job_agent:agent_runs:rate5m``."""
    return f"{'_'.join(('job', *by))}:{metric}:{operation}"


def threshold_series(name: str) -> str:
    return series(JOB, name, "threshold")
