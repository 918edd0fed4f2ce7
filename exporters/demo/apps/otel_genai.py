"""An app instrumented with OpenTelemetry's semantic conventions, as the Prometheus exporter names them.

The OpenAI models speak today's generative-AI names, the Anthropic model the ones that are coming, so that a reader
of both meets both.
"""

from __future__ import annotations

from vitals_demo.logs import OF_AGENTS, OF_MODELS, identifier, kind, number, why
from vitals_demo.metrics import counter, gauge, histogram
from vitals_demo.model import (
    Amount,
    AppSpec,
    Case,
    Choice,
    Emit,
    Flow,
    Level,
    Line,
    LogNormal,
    Observe,
    Shape,
    each,
)

CALL = ("gen_ai_operation_name gen_ai_provider_name gen_ai_request_model gen_ai_response_model server_address "
        "server_port")
OPERATION_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_TOKEN_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
TOKEN_SECONDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5)
AGENT_SECONDS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 102.4, 204.8, 409.6)
TOOL_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
CALLS = (1, 2, 4, 8, 16, 32, 64, 128)

METRICS = (
    gauge("target_info", "Target metadata", "service_name service_version telemetry_sdk_language telemetry_sdk_name"),
    histogram("http_server_request_duration_seconds", "Duration of HTTP server requests.",
              "http_request_method http_route http_response_status_code url_scheme error_type"),
    gauge("http_server_active_requests", "Number of active HTTP server requests.", "http_request_method url_scheme"),
    histogram("http_client_request_duration_seconds", "Duration of HTTP client requests.",
              "http_request_method server_address http_response_status_code error_type"),
    histogram("gen_ai_client_operation_duration_seconds", "GenAI operation duration.", f"{CALL} error_type",
              OPERATION_SECONDS),
    histogram("gen_ai_client_token_usage", "Number of input and output tokens used.", f"{CALL} gen_ai_token_type "
              "gen_ai_agent_name", TOKENS),
    histogram("gen_ai_server_time_to_first_token_seconds", "Time to generate first token for successful responses.",
              CALL, FIRST_TOKEN_SECONDS),
    histogram("gen_ai_server_time_per_output_token_seconds",
              "Time per output token generated after the first token for successful responses.", CALL, TOKEN_SECONDS),
    histogram("gen_ai_client_inference_duration_seconds", "GenAI inference duration.", f"{CALL} error_type",
              OPERATION_SECONDS),
    histogram("gen_ai_client_inference_time_to_first_chunk_seconds", "Time to receive the first chunk.", CALL,
              FIRST_TOKEN_SECONDS),
    counter("gen_ai_client_inference_usage_input_tokens_total", "Input tokens used.", f"{CALL} gen_ai_token_modality"),
    counter("gen_ai_client_inference_usage_output_tokens_total", "Output tokens used.",
            f"{CALL} gen_ai_token_modality"),
    counter("gen_ai_client_inference_usage_cache_read_input_tokens_total", "Input tokens read from a cache.", CALL),
    counter("gen_ai_client_inference_usage_reasoning_output_tokens_total", "Output tokens used for reasoning.", CALL),
    histogram("gen_ai_invoke_agent_duration_seconds", "Duration of agent invocations.",
              "gen_ai_agent_name gen_ai_request_model error_type", AGENT_SECONDS),
    histogram("gen_ai_invoke_agent_inference_calls", "Inference calls per agent invocation.", "gen_ai_agent_name",
              CALLS),
    histogram("gen_ai_invoke_agent_tool_calls", "Tool calls per agent invocation.", "gen_ai_agent_name", CALLS),
    histogram("gen_ai_invoke_workflow_duration_seconds", "Duration of workflow invocations.",
              "gen_ai_workflow_name error_type", [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200]),
    histogram("gen_ai_execute_tool_duration_seconds", "Duration of tool executions.",
              "gen_ai_tool_name gen_ai_tool_type gen_ai_agent_name error_type", TOOL_SECONDS),
    histogram("mcp_client_operation_duration_seconds", "Duration of MCP requests as seen by the client.",
              "mcp_method_name gen_ai_tool_name error_type", TOOL_SECONDS),
    histogram("db_client_operation_duration_seconds", "Duration of database client operations.",
              "db_system_name db_collection_name db_namespace db_operation_name error_type",
              [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]),
)


def _timed(metric: str, shape: Shape, error: str) -> tuple[Emit, ...]:
    """One duration, its failures told apart by ``error_type``, which is empty on success."""
    return (Observe(metric, "ok", {"error_type": ""}, shape=shape),
            Observe(metric, "error", {"error_type": error}, shape=shape))


def _model(provider: str, model: str, host: str) -> Case:
    return Case(1, {"gen_ai_operation_name": "chat", "gen_ai_provider_name": provider, "gen_ai_request_model": model,
                    "gen_ai_response_model": model, "server_address": host, "server_port": "443"})


STATUS = "http_response_status_code"
AGENTS = (
    Case(4, {"gen_ai_agent_name": "triage", "gen_ai_request_model": "gpt-4o-mini"}, 0.5),
    Case(3, {"gen_ai_agent_name": "researcher", "gen_ai_request_model": "claude-sonnet-4-5"}, 1.4),
    Case(3, {"gen_ai_agent_name": "writer", "gen_ai_request_model": "gpt-4o"}),
)
# (model, the agent that calls it, calls a second, input tokens, output tokens, median seconds)
OPENAI = (("gpt-4o", "writer", 0.8, 900, 240, 1.6), ("gpt-4o-mini", "triage", 1.6, 600, 160, 1.0))

APP = AppSpec(
    name="otel-genai",
    about="An agent app instrumented with OpenTelemetry's conventions for HTTP, databases, GenAI and MCP.",
    metrics=METRICS,
    flows=(
        Flow("http", 10, (
            Case(6, {"http_request_method": "POST", "http_route": "/v1/chat", "url_scheme": "http"}, 3),
            Case(10, {"http_request_method": "GET", "http_route": "/v1/threads/{thread_id}", "url_scheme": "http"}),
            Case(4, {"http_request_method": "POST", "http_route": "/v1/feedback", "url_scheme": "http"}),
        ), (
            Observe("http_server_request_duration_seconds", "ok", mix=(
                Case(975, {STATUS: "200", "error_type": ""}), Case(25, {STATUS: "404", "error_type": ""})),
                shape=LogNormal(0.12)),
            Observe("http_server_request_duration_seconds", "error", {STATUS: "500", "error_type": "500"},
                    shape=LogNormal(0.12)),
        ), failure=0.003),
        Flow("integrations", 3, (
            Case(1, {"http_request_method": "GET", "server_address": "crm.example.com"}),
            Case(1, {"http_request_method": "POST", "server_address": "search.example.com"}, 1.5),
        ), (
            Observe("http_client_request_duration_seconds", "ok", {STATUS: "200", "error_type": ""},
                    shape=LogNormal(0.15)),
            Observe("http_client_request_duration_seconds", "error", {STATUS: "503", "error_type": "503"},
                    shape=LogNormal(0.15)),
        ), failure=0.003),
        Flow("agents", 2.6, AGENTS, (
            *_timed("gen_ai_invoke_agent_duration_seconds", LogNormal(6, 0.65), "timeout"),
            Observe("gen_ai_invoke_agent_inference_calls", shape=Choice({1: 3, 2: 4, 3: 2, 5: 1}), scaled_by=""),
            Observe("gen_ai_invoke_agent_tool_calls", shape=Choice({0: 2, 1: 4, 2: 3, 4: 1}), scaled_by=""),
        ), failure=0.02),
        Flow("workflows", 1.0, each("gen_ai_workflow_name", {"answer_question": 3, "write_report": 1}),
             _timed("gen_ai_invoke_workflow_duration_seconds", LogNormal(14, 0.6), "timeout"), failure=0.02),
        *(Flow("llm", rate, (_model("openai", model, "api.openai.com"),), (
            *_timed("gen_ai_client_operation_duration_seconds", LogNormal(median), "timeout"),
            Observe("gen_ai_client_token_usage", "ok", {"gen_ai_token_type": "input", "gen_ai_agent_name": agent},
                    shape=LogNormal(tokens_in, 0.4), scaled_by="tokens"),
            Observe("gen_ai_client_token_usage", "ok", {"gen_ai_token_type": "output", "gen_ai_agent_name": agent},
                    shape=LogNormal(tokens_out, 0.5), scaled_by="tokens"),
            Observe("gen_ai_server_time_to_first_token_seconds", "ok", shape=LogNormal(0.4, 0.5)),
            Observe("gen_ai_server_time_per_output_token_seconds", "ok", shape=LogNormal(0.018, 0.4)),
        ), failure=0.003) for model, agent, rate, tokens_in, tokens_out, median in OPENAI),
        Flow("llm", 1.0, (_model("anthropic", "claude-sonnet-4-5", "api.anthropic.com"),), (
            *_timed("gen_ai_client_inference_duration_seconds", LogNormal(1.8), "timeout"),
            Observe("gen_ai_client_inference_time_to_first_chunk_seconds", "ok", shape=LogNormal(0.5, 0.5)),
            Amount("gen_ai_client_inference_usage_input_tokens_total", "ok", {"gen_ai_token_modality": "text"},
                   mean=1100),
            Amount("gen_ai_client_inference_usage_output_tokens_total", "ok", {"gen_ai_token_modality": "text"},
                   mean=280),
            Amount("gen_ai_client_inference_usage_cache_read_input_tokens_total", "ok", mean=420),
            Amount("gen_ai_client_inference_usage_reasoning_output_tokens_total", "ok", mean=60),
        ), failure=0.003),
        Flow("rag", 2.0, (
            Case(1, {**_model("openai", "text-embedding-3-small", "api.openai.com").labels,
                     "gen_ai_operation_name": "retrieval", "db_system_name": "qdrant", "db_collection_name": "articles",
                     "db_namespace": "knowledge", "db_operation_name": "query"}),
        ), (
            *_timed("db_client_operation_duration_seconds", LogNormal(0.06), "timeout"),
            *_timed("gen_ai_client_operation_duration_seconds", LogNormal(0.09), "timeout"),
        ), failure=0.001),
        Flow("db", 6, (
            Case(3, {"db_system_name": "postgresql", "db_collection_name": "threads", "db_namespace": "app",
                     "db_operation_name": "SELECT"}),
            Case(1, {"db_system_name": "postgresql", "db_collection_name": "messages", "db_namespace": "app",
                     "db_operation_name": "INSERT"}, 1.5),
        ), _timed("db_client_operation_duration_seconds", LogNormal(0.004, 0.7), "08006"), failure=0.0005),
        Flow("tools", 2.2, (
            Case(1, {"gen_ai_tool_name": "web_search", "gen_ai_tool_type": "function",
                     "gen_ai_agent_name": "researcher"}),
            Case(1, {"gen_ai_tool_name": "calculator", "gen_ai_tool_type": "function",
                     "gen_ai_agent_name": "triage"}, 0.3),
        ), _timed("gen_ai_execute_tool_duration_seconds", LogNormal(0.5, 0.7), "tool_error"), failure=0.003),
        Flow("tools", 1.2, (Case(1, {"mcp_method_name": "tools/call", "gen_ai_tool_name": "ticket_lookup"}),),
             _timed("mcp_client_operation_duration_seconds", LogNormal(0.3), "tool_error"), failure=0.003),
        Flow("mcp", 0.1, (Case(1, {"mcp_method_name": "tools/list", "gen_ai_tool_name": ""}),),
             _timed("mcp_client_operation_duration_seconds", LogNormal(0.05), "timeout"), failure=0.001),
    ),
    levels=(
        Level("target_info", 1, labels={"service_name": "assistant", "service_version": "2.3.0",
                                        "telemetry_sdk_language": "python", "telemetry_sdk_name": "opentelemetry"},
              noise=0),
        Level("http_server_active_requests", 4, labels={"http_request_method": "GET", "url_scheme": "http"},
              noise=0.3, rhythm=True, whole=True),
        Level("http_server_active_requests", 6, labels={"http_request_method": "POST", "url_scheme": "http"},
              noise=0.3, rhythm=True, whole=True),
    ),
    lines=(
        Line("info", {"event": "request", "http_route": ("/v1/chat", "/v1/threads/{thread_id}"), "status": 200,
                      "trace_id": identifier("trace"), "duration_ms": number(40, 900)}, 1.0),
        Line("error", {"event": "request", "http_route": "/v1/chat", "status": 500, "trace_id": identifier("trace"),
                       "error_type": "500", "error_message": why()}, on="http"),
        Line("error", {"event": "invoke_agent", "trace_id": identifier("trace"), "error_type": kind,
                       "error_message": why(),
                       "agent_name": tuple(a.labels["gen_ai_agent_name"] for a in AGENTS)}, on="agents",
             causes=OF_AGENTS),
        Line("error", {"event": "chat", "trace_id": identifier("trace"), "error_type": kind,
                       "error_message": why(),
                       "model": ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5")}, on="llm",
             causes=OF_MODELS),
    ),
    depends_on=("database",),
)
