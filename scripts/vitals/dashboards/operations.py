# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""Operations: how the whole fleet of apps works right now, and what its users wait for."""

from vitals.dashboards.grafana import Board, Variable
from vitals.dashboards.panels import (
    Column,
    drill,
    elevated,
    heatmap,
    limit,
    q,
    quantiles,
    row,
    table,
    target,
    timeseries,
    to,
)
from vitals.dashboards.shared import GOLDEN

ONE = 'job:http_latency_seconds:{0}{{job=~"$job"}} or on (job) job:response_latency_seconds:{0}{{job=~"$job"}} or on (job) job:agent_latency_seconds:{0}{{job=~"$job"}} or on (job) job:llm_latency_seconds:{0}{{job=~"$job"}}'

BOARD = Board(
    "vitals-operations", "Agent Vitals: Operations",
    "The fleet of apps at work: response times, errors, hand-overs to people, what is going on now.",
    variables=(Variable("answers_of", "Answers of", 'label_values(job_le:response_latency_seconds_bucket:rate5m{job=~"$job"}, job)', many=False),),
    rows=(
        GOLDEN,
        row(
            "How long do users wait?",
            timeseries("Response time", "Median, p95 and p99 of the time to answer one message. The limit is for p95.", "s",
                       *quantiles("response_latency_seconds"), limit("response_latency_p95_seconds"), links=[drill("ai-performance")]),
            timeseries("Response time, median", "Half of all messages are answered faster. Worry when the median passes the limit: then it is slow for everybody.", "s",
                       *quantiles("response_latency_seconds", "p50"), limit("response_latency_p50_seconds"), target("response_latency_p50_target_seconds")),
            timeseries("Response time, p99", "One message in a hundred waits longer. Worry when only this one rises: look for time-outs and retries.", "s",
                       *quantiles("response_latency_seconds", "p99"), limit("response_latency_p99_seconds"), target("response_latency_p99_target_seconds")),
            table("Latency by app", "How long one piece of work takes: HTTP requests; where none are timed, answers, agent runs or model calls. Worry when p99 is far from p50: some users wait much longer than others.", ("job",),
                  Column("p50", ONE.format("p50"), "s"), Column("p95", ONE.format("p95"), "s", link=to("system-health")), Column("p99", ONE.format("p99"), "s"),
                  size=(24, 8), names={"job": "App"}, sort="p95"),
            collapsed=False,
        ),
        row(
            "Which answers are slow?",
            heatmap("Response time distribution", "How long answers took: each column the answers of that moment, darker where many lie. One app at a time, chosen at the top. Worry about a second band above the first: a slow path.", "s",
                    q('sum by (le) (job_le:response_latency_seconds_bucket:rate5m{job=~"$job", job=~"$answers_of"})')),
            timeseries("Response time by intent", "The time that 19 of 20 answers stay below. The limit is the app's, for all intents.", "s",
                       q('job_intent:response_latency_seconds:p95{job=~"$job"}', "{{job}} {{intent}}"), limit("response_latency_p95_seconds"), size=(12, 8)),
            timeseries("First response", "Time to a conversation's first answer. The limit is for p95.", "s", *quantiles("first_response_seconds", "p50", "p95"), limit("first_response_p95_seconds"), target("first_response_target_seconds"), size=(12, 8)),
            timeseries("Resolution time", "Time until a conversation is resolved. The limit is for p95.", "s", *quantiles("conversation_seconds", "p50", "p95"), limit("conversation_p95_seconds"), target("conversation_target_seconds"), size=(12, 8)),
        ),
        row(
            "What fails?",
            table("Error rates", "Each app's share of failed work of every kind, now. An empty cell: the app does not feed it, or was idle. Click a value to go where it is explained. Worry about what is far above its neighbours.", ("job",),
                  Column("HTTP", 'job:http_error_ratio:rate5m{job=~"$job"}', "percentunit", link=to("system-health")),
                  Column("Answers", 'job:app_error_ratio:rate5m{job=~"$job"}', "percentunit"),
                  Column("Agents", 'job:agent_failure_ratio:rate5m{job=~"$job"}', "percentunit", link=to("ai-performance")),
                  Column("Workflows", 'job:workflow_failure_ratio:rate5m{job=~"$job"}', "percentunit", link=to("ai-performance")),
                  Column("Models", 'job:llm_failure_ratio:rate5m{job=~"$job"}', "percentunit", link=to("ai-performance")),
                  Column("Tools", 'job:tool_failure_ratio:rate5m{job=~"$job"}', "percentunit", link=to("ai-performance")),
                  Column("Integrations", 'job:integration_failure_ratio:rate5m{job=~"$job"}', "percentunit", link=to("system-health")),
                  Column("Log lines", 'job:log_error_ratio:rate5m{job=~"$job"}', "percentunit", link=to("logs")),
                  size=(24, 8), names={"job": "App"}, sort="HTTP"),
            timeseries("Errors per answer", "Errors that the app counted over the messages that it answered. Worry beyond the limit, look beyond elevated.", "percentunit",
                       q('job:app_error_ratio:rate5m{job=~"$job"}'), limit("app_error_ratio"), elevated("app_error_ratio_elevated"), links=[drill("system-health")]),
            timeseries("Errors by component", "Errors a minute by the part of the app that raised them. Worry when one line leaves the others.", "epm",
                       q('job_component:app_errors:rate5m{job=~"$job"} * 60', "{{job}} {{component}}")),
            timeseries("Errors by type", "Errors a minute by kind. Worry about kinds that were not there before.", "epm",
                       q('job_error_type:app_errors:rate5m{job=~"$job"} * 60', "{{job}} {{error_type}}")),
            collapsed=False,
        ),
        row(
            "Who is handed to a person?",
            timeseries("Automation", "Share of conversations that needed no person, in the hour and in the day before each point. Worry below the limit.", "percentunit",
                       q('job:automation_ratio:1h{job=~"$job"}', "{{job}} 1h"), q('job:automation_ratio:24h{job=~"$job"}', "{{job}} 24h", "reference"), limit("automation_ratio_min"), target("automation_ratio_target"), top=1),
            timeseries("Escalation", "Share of conversations handed to a person, in the hour and in the day before each point. Worry beyond the limit.", "percentunit",
                       q('job:escalation_ratio:1h{job=~"$job"}', "{{job}} 1h"), q('job:escalation_ratio:24h{job=~"$job"}', "{{job}} 24h", "reference"), limit("escalation_ratio"), target("escalation_ratio_target")),
            timeseries("Escalations by reason", "Conversations handed to a person in the hour before each point. Worry when one reason grows alone: something is missing or broken.", "short",
                       q('job_reason:conversations_escalated:increase1h{job=~"$job"}', "{{job}} {{reason}}"), stack=True),
            timeseries("Resolution", "Share of conversations resolved, in the hour and in the day before each point; slow ones resolve in a later hour than they began. Worry below the limit.", "percentunit",
                       q('job:resolution_ratio:1h{job=~"$job"}', "{{job}} 1h"), q('job:resolution_ratio:24h{job=~"$job"}', "{{job}} 24h", "reference"), limit("resolution_ratio_min"), target("resolution_ratio_target"), size=(12, 8)),
            timeseries("Resolutions by kind", "Conversations resolved, an hour. Worry when those by people grow at the cost of the others.", "short",
                       q('job_resolution:conversations_resolved:rate5m{job=~"$job"} * 3600', "{{job}} {{resolution}}"), size=(12, 8)),
            collapsed=False,
        ),
        row(
            "What is going on now?",
            timeseries("Active conversations", "Conversations going on, by tenant. Worry when they grow and do not end: answers hang.", "short",
                       q('job_tenant:conversations_active:current{job=~"$job"}', "{{job}} {{tenant}}"), stack=True, size=(12, 8)),
            timeseries("At work", "Requests, agents and model calls that each app works on at this moment. Worry when a line climbs while traffic does not.", "short",
                       q('job:http_in_flight:current{job=~"$job"}', "{{job}} requests"), q('job:agents_active:current{job=~"$job"}', "{{job}} agents"), q('job:llm_running:current{job=~"$job"}', "{{job}} model calls"), size=(12, 8)),
            collapsed=False,
        ),
    ),
)
