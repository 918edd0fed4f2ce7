"""The panels P01 to P17 of the reference documents in two ways: over raw metrics, mended so that they say what they mean,
and over recorded series. And what collapsed rows show.
"""

from __future__ import annotations

from dataclasses import dataclass

MARKETING, SUPPORT = "marketing-agents", "support-agent"
M, S = f'profile="{MARKETING}"', f'profile="{SUPPORT}"'


@dataclass(frozen=True)
class Panel:
    """``instant``: asked once, for now. ``day``: over a window of 24 hours. ``detail``: in a collapsed row."""

    board: str
    name: str
    raw: str
    ours: str
    instant: bool = False
    day: bool = False
    detail: bool = False


def _quantile(metric: str, sel: str, *by: str, q: str = "0.95") -> str:
    return f"histogram_quantile({q}, sum by ({', '.join(('job', 'le', *by))}) (rate({metric}_bucket{{{sel}}}[5m])))"


def _share(metric: str, sel: str, part: str, by: str = "job", window: str = "5m") -> str:
    return f"sum by ({by}) (rate({metric}{{{sel}, {part}}}[{window}])) / sum by ({by}) (rate({metric}{{{sel}}}[{window}]))"


PANELS = (
    Panel("System Health", "P01 p95", _quantile("api_request_duration_seconds", M), f"job:http_latency_seconds:p95{{{M}}}"),
    Panel("System Health", "P01 p50", _quantile("api_request_duration_seconds", M, q="0.5"),
          f"job:http_latency_seconds:p50{{{M}}}"),
    Panel("System Health", "P02", f"sum by (job) (api_active_connections{{{M}}})", f"job:http_in_flight:current{{{M}}}"),
    Panel("System Health", "P03", _share("api_requests_total", M, 'status_code=~"5.."'), f"job:http_error_ratio:rate5m{{{M}}}"),
    Panel("AI Performance", "P04", f"sum by (le) (rate(agent_execution_duration_seconds_bucket{{{M}}}[5m]))",
          f"sum by (le) (job_le:agent_latency_seconds_bucket:rate5m{{{M}}})"),
    Panel("AI Performance", "P05", _quantile("rag_query_duration_seconds", M, "stage"), f"job_stage:rag_latency_seconds:p95{{{M}}}"),
    Panel("AI Performance", "P06", f"sum by (job, model) (rate(llm_tokens_total{{{M}}}[5m]))", f"job_model:llm_tokens:rate5m{{{M}}}"),
    Panel("AI Performance", "P07", _share("agent_executions_total", M, 'status="success"', "job, agent_name", "1h"),
          f"1 - job_agent:agent_failure_ratio:1h{{{M}}}", instant=True),
    Panel("Business", "P08", f"sum by (job, source) (increase(leads_generated_total{{{M}}}[1h]))", f"job_source:leads:increase1h{{{M}}}"),
    Panel("Business", "P09", f"avg by (job, campaign_id) (campaign_performance_score{{{M}}})",
          f"job_campaign:campaign_score:current{{{M}}}", instant=True),
    Panel("Business", "P10", f"sum by (job) (increase(revenue_tracked_total{{{M}}}[1h]))", f"job:revenue_usd:increase1h{{{M}}}",
          instant=True),
    Panel("Business", "P11", f"sum by (le) (rate(content_performance_score_bucket{{{M}}}[5m]))",
          f"sum by (le) (job_le:content_score_bucket:rate5m{{{M}}})"),
    Panel("Customer support", "P13", f"sum by (le) (rate(response_latency_seconds_bucket{{{S}}}[5m]))",
          f"sum by (le) (job_le:response_latency_seconds_bucket:rate5m{{{S}}})"),
    Panel("Customer support", "P15",
          f"sum by (job) (rate(errors_total{{{S}}}[5m])) / sum by (job) (rate(response_latency_seconds_count{{{S}}}[5m]))",
          f"job:app_error_ratio:rate5m{{{S}}}"),
    Panel("Customer support", "P16", f"sum by (job, model) (rate(llm_tokens_total{{{S}}}[1h])) * 3600",
          f"job_model:llm_tokens:increase1h{{{S}}}"),
    Panel("Customer support", "P17", f"sum by (job, store_id) (active_conversations{{{S}}})",
          f"job_tenant:conversations_active:current{{{S}}}"),
    Panel("24 hours", "P12",
          f"1 - sum by (job) (rate(conversations_escalated_total{{{S}}}[24h])) / sum by (job) (rate(conversations_total{{{S}}}[24h]))",
          f"job:automation_ratio:24h{{{S}}}", instant=True, day=True),
    Panel("24 hours", "P14", f"sum by (job, intent) (increase(conversations_total{{{S}}}[24h]))",
          f"job_intent:conversations:increase24h{{{S}}}", instant=True, day=True),
    Panel("Detail rows", "latency by endpoint", _quantile("api_request_duration_seconds", M, "endpoint"),
          f"job_endpoint:http_latency_seconds:p95{{{M}}}", detail=True),
    Panel("Detail rows", "errors by endpoint", _share("api_requests_total", M, 'status_code=~"5.."', "job, endpoint"),
          f"job_endpoint:http_error_ratio:rate5m{{{M}}}", detail=True),
    Panel("Detail rows", "latency by agent", _quantile("agent_execution_duration_seconds", M, "agent_name"),
          f"job_agent:agent_latency_seconds:p95{{{M}}}", detail=True),
    Panel("Detail rows", "answers by intent", _quantile("response_latency_seconds", S, "intent"),
          f"job_intent:response_latency_seconds:p95{{{S}}}", detail=True),
    Panel("Detail rows", "conversations by store", f"sum by (job, store_id) (rate(conversations_total{{{S}}}[5m]))",
          f"job_tenant:conversations:rate5m{{{S}}}", detail=True),
)

# Boards that show the same, asked as a whole with their collapsed rows closed.
BOARDS = ("vitals-system-health", "vitals-ai-performance", "vitals-business", "vitals-overview")
