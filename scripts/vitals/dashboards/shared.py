# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""Panels that more than one page needs, so that they are the same on each."""

from vitals.dashboards.panels import drill, elevated, golden, limit, q, target, timeseries


def saved(window: str) -> str:
    """What people would have cost for the conversations that needed none, minus what the models cost; per app."""
    done = f'job:conversations:increase{window}{{job=~"$job"}}'
    return (f'{done} * job:automation_ratio:{window}{{job=~"$job"}}'
            ' * on (job) job:human_cost_per_conversation_usd:threshold{job=~"$job"}'
            f' - on (job) (job:llm_cost_usd:increase{window}{{job=~"$job"}} or 0 * {done})')


GOLDEN = golden(
    timeseries("Traffic", "What each app handles in a minute: HTTP requests, else conversations, agent runs or model calls. Worry when a line falls to the ground, or leaves its daily rhythm.", "opm",
               q('job:traffic:rate5m{job=~"$job"} * 60'), size=(6, 8), links=[drill("system-health")]),
    timeseries("Errors", "Each app's share of failed work: HTTP requests answered 5xx; where none are counted, errors per answer, failed agent runs or failed model calls. Limit and elevated are those of HTTP.", "percentunit",
               q('job:http_error_ratio:rate5m{job=~"$job"} or on (job) job:app_error_ratio:rate5m{job=~"$job"} or on (job) job:agent_failure_ratio:rate5m{job=~"$job"} or on (job) job:llm_failure_ratio:rate5m{job=~"$job"}'),
               limit("http_error_ratio"), elevated("http_error_ratio_elevated"), size=(6, 8), links=[drill("system-health")]),
    timeseries("Latency", "The time that 19 of 20 pieces of work stay below: HTTP requests; where none are timed, answers, agent runs or model calls. Worry when a line leaves its usual height: apps differ too much for one limit.", "s",
               q('job:http_latency_seconds:p95{job=~"$job"} or on (job) job:response_latency_seconds:p95{job=~"$job"} or on (job) job:agent_latency_seconds:p95{job=~"$job"} or on (job) job:llm_latency_seconds:p95{job=~"$job"}'),
               size=(6, 8), links=[drill("system-health")]),
    timeseries("Saturation", "How full each app is: processor use of its mean process (100 % is one core), and memory, model queue and key-value cache as shares of their limits. Worry near 100 %.", "percentunit",
               q('avg by (job) (job_instance:app_cpu_cores:current{job=~"$job"})', "{{job}} processor"),
               q('max by (job) (job_instance:app_memory_bytes:current{job=~"$job"} / on (job) group_left () job:app_memory_bytes:threshold{job=~"$job"})', "{{job}} memory"),
               q('max by (job) (job_model:llm_waiting:current{job=~"$job"} / on (job) group_left () job:llm_waiting:threshold{job=~"$job"})', "{{job}} model queue"),
               q('max by (job) (job_model:llm_kv_cache_ratio:current{job=~"$job"})', "{{job}} key-value cache"),
               size=(6, 8), links=[drill("system-health")]),
)

SATISFACTION = timeseries(
    "Customer satisfaction", "Mean CSAT, 1 to 5, in the hour and in the day before each point. Worry below the limit.", "short",
    q('job_eval:eval_scores:mean1h{job=~"$job", eval="csat"}', "{{job}} 1h"), q('job_eval:eval_scores:mean24h{job=~"$job", eval="csat"}', "{{job}} 24h", "reference"),
    limit("csat_min"), target("csat_target"), top=5, size=(12, 8))
