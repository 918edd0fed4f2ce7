"""E-commerce support agent: conversations of two shops, their escalations, and judged quality."""

from __future__ import annotations

from vitals_demo.logs import OF_MODELS, identifier, kind, number, why
from vitals_demo.metrics import counter, gauge, histogram, summary
from vitals_demo.model import (
    Amount,
    AppSpec,
    Case,
    Choice,
    Count,
    Flow,
    Level,
    Line,
    LogNormal,
    Observe,
    each,
    fixed,
)

METRICS = (
    counter("conversations_total", "Total conversations", "store_id channel intent"),
    counter("conversations_resolved_total", "Resolved conversations", "store_id resolution_type"),
    counter("conversations_escalated_total", "Escalated conversations", "store_id reason"),
    histogram("response_latency_seconds", "Response time distribution", "store_id intent",
              [0.5, 1, 2, 5, 10, 30, 60]),
    histogram("llm_latency_seconds", "LLM API latency", "model operation", [0.1, 0.5, 1, 2, 5, 10]),
    counter("llm_tokens_total", "Total LLM tokens used", "store_id model type"),
    gauge("active_conversations", "Currently active conversations", "store_id"),
    counter("errors_total", "Total errors", "store_id error_type component"),
    counter("integration_requests_total", "External API requests", "service endpoint status"),
    histogram("integration_latency_seconds", "External API latency", "service endpoint", [0.1, 0.25, 0.5, 1, 2, 5]),
)

# The app's document sets targets for these and gives no metric to measure them by.
ADDED = (
    summary("langsmith_feedback_score", "Feedback on judged conversations (csat 1 to 5, the others 0 or 1)",
            "store_id key"),
    counter("sentiment_total", "Customer messages by mood", "store_id sentiment"),
    histogram("first_response_seconds", "Time to the first answer of a conversation", "store_id",
              [1, 5, 10, 30, 60, 120, 300]),
    histogram("conversation_duration_seconds", "Time until a conversation is resolved", "store_id",
              [30, 60, 120, 300, 600, 900, 1800, 3600]),
)

STORES = {"store_north": 6, "store_south": 4}
INTENTS = {"order_status": 45, "return_request": 20, "product_question": 20, "shipping": 10, "complaint": 5}
CHANNELS = {"widget": 6, "email": 3, "whatsapp": 1}

STORE_CASES = each("store_id", STORES)
CONVERSATIONS = tuple(Case(weight * share, {"store_id": store, "intent": intent})
                      for store, weight in STORES.items() for intent, share in INTENTS.items())
# (model, operation, input tokens, output tokens, median seconds); one answer takes one call of each
CALLS = (("gpt-4o-mini", "classify", 210, 12, 0.35), ("gpt-4o", "respond", 280, 75, 0.95))
PER_CONVERSATION = 4  # answers
CONVERSATIONS_PER_SECOND = 0.6


def _judged(key: str, wrong: float, score_if_right: float) -> Flow:
    """Every conversation is judged; ``wrong`` is the share judged badly."""
    right, bad = fixed(score_if_right), fixed(1 - score_if_right)
    return Flow(key.split("_")[0], CONVERSATIONS_PER_SECOND, STORE_CASES, (
        Observe("langsmith_feedback_score", "ok", {"key": key}, shape=right, scaled_by=""),
        Observe("langsmith_feedback_score", "error", {"key": key}, shape=bad, scaled_by=""),
    ), failure=wrong)


APP = AppSpec(
    name="support-agent",
    about="Customer-support agent for online shops.",
    metrics=(*METRICS, *ADDED),
    flows=(
        # A conversation that "fails" is one handed to a person.
        Flow("conversations", CONVERSATIONS_PER_SECOND, CONVERSATIONS, (
            Count("conversations_total", mix=each("channel", CHANNELS)),
            Count("conversations_resolved_total", "ok", share=0.945,
                  mix=each("resolution_type", {"automated": 80, "self_service": 20})),
            Count("conversations_escalated_total", "error", mix=each("reason", {
                "low_confidence": 4, "customer_request": 4, "complex_issue": 2})),
            Observe("first_response_seconds", shape=LogNormal(3.5), scaled_by="latency"),
            Observe("conversation_duration_seconds", "ok", shape=LogNormal(75, 0.6), scaled_by="duration"),
        ), failure=0.10),
        Flow("responses", CONVERSATIONS_PER_SECOND * PER_CONVERSATION, CONVERSATIONS, (
            Observe("response_latency_seconds", shape=LogNormal(1.2, 0.6)),
            Count("errors_total", "error", mix=(
                Case(5, {"error_type": "timeout", "component": "llm"}),
                Case(3, {"error_type": "rate_limit", "component": "llm"}),
                Case(2, {"error_type": "http_error", "component": "integration"}),
            )),
            Count("sentiment_total", mix=each("sentiment", {"positive": 35, "neutral": 50, "negative": 15})),
        ), failure=0.001),
        *(Flow("llm", CONVERSATIONS_PER_SECOND * PER_CONVERSATION, STORE_CASES, (
            Observe("llm_latency_seconds", "ok", {"model": model, "operation": operation}, shape=LogNormal(median)),
            Amount("llm_tokens_total", "ok", {"model": model, "type": "input"}, mean=tokens_in),
            Amount("llm_tokens_total", "ok", {"model": model, "type": "output"}, mean=tokens_out),
        ), failure=0.003) for model, operation, tokens_in, tokens_out, median in CALLS),
        Flow("integrations", 4, (
            Case(5, {"service": "shopify", "endpoint": "/orders/{id}"}),
            Case(3, {"service": "shopify", "endpoint": "/products/{id}"}),
            Case(4, {"service": "shipping", "endpoint": "/track/{id}"}, 1.5),
            Case(3, {"service": "helpdesk", "endpoint": "/tickets"}),
        ), (
            Count("integration_requests_total", "ok", {"status": "200"}),
            Count("integration_requests_total", "error", mix=each("status", {"500": 3, "503": 3, "timeout": 4})),
            Observe("integration_latency_seconds", shape=LogNormal(0.22)),
        ), failure=0.001),
        _judged("intent_accuracy", 0.03, 1),
        _judged("hallucination", 0.005, 0),
        _judged("sentiment_misread", 0.02, 0),
        Flow("csat", 0.25, STORE_CASES, (
            Observe("langsmith_feedback_score", "ok", {"key": "csat"}, shape=Choice({5: 70, 4: 30}), scaled_by=""),
            Observe("langsmith_feedback_score", "error", {"key": "csat"}, shape=Choice({3: 1, 2: 2, 1: 2}),
                    scaled_by=""),
        ), failure=0.06),
    ),
    levels=tuple(Level("active_conversations", 8 * weight, labels={"store_id": store}, noise=0.2, rhythm=True,
                       whole=True) for store, weight in STORES.items()),
    busiest_hour=19,
    lines=(
        # The app's document logs the customer's address at the start of a conversation; so it does here, now and then.
        Line("info", {"event": "conversation_started", "conversation_id": identifier("conv"),
                      "store_id": tuple(STORES), "channel": tuple(CHANNELS),
                      "customer_email": lambda rng, cause: f"customer{rng.randrange(40)}@example.com"}, 0.1),
        Line("info", {"event": "message_processed", "conversation_id": identifier("conv"),
                      "store_id": tuple(STORES), "intent": tuple(INTENTS), "confidence": number(0.8, 0.99, 2),
                      "response_time_ms": number(400, 4000), "tokens_used": number(300, 900)}, 1.1),
        Line("error", {"event": "response_failed", "conversation_id": identifier("conv"), "store_id": tuple(STORES),
                       "error_type": kind, "error_message": why()}, on="responses",
             causes=OF_MODELS),
        Line("error", {"event": "integration_failed", "conversation_id": identifier("conv"),
                       "integration": ("shopify", "shipping", "helpdesk"), "error_type": kind,
                       "error_message": why()}, on="integrations"),
        Line("warning", {"event": "conversation_escalated", "conversation_id": identifier("conv"),
                         "store_id": tuple(STORES), "reason": ("low_confidence", "customer_request")},
             on="conversations"),
    ),
)
