# ruff: noqa: E501  (texts read best on one line)
"""Agents and workflows."""

from vitals.alerts import Alert, floor, over, reaches

ALERTS = [
    Alert(
        "AgentFailuresHigh", "warning", "5m",
        over("job_agent:agent_failure_ratio:rate5m", "agent_failure_ratio")
        + floor("job_agent:agent_failure_ratio:rate5m * job_agent:agent_runs:rate5m", "agent_failures_min", "agent"),
        unit="ratio", limit="agent_failure_ratio", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: {value} of {{ $labels.agent }} runs fail",
        description="{value} of the runs of agent {{ $labels.agent }} in {{ $labels.job }} failed over 5 minutes; "
                    "the limit is {limit}.",
        means="One agent fails more often than it may. Its tasks stay undone.",
        do=("Which errors? See Agent errors by type on AI Performance.",
            "Do the model provider, a tool or retrieval fail at the same time?",
            "Did its prompt, model or tools change?"),
    ),
    Alert(
        "AgentSlow", "warning", "5m",
        reaches("job_agent:agent_latency_seconds:p95", "agent_latency_p95_seconds")
        + floor("job_agent:agent_latency_seconds:rate5m", "agent_runs_min", "agent"),
        unit="seconds", limit="agent_latency_p95_seconds", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: {{ $labels.agent }} is slow, p95 {value}",
        description="One in twenty runs of agent {{ $labels.agent }} in {{ $labels.job }} takes {value} or longer; "
                    "the limit is {limit}.",
        means="One agent takes longer than it may; what waits for it waits too.",
        do=("Is the model slow? Compare with model latency.",
            "More model or tool calls per run than before: is it going in circles?",
            "Is a tool or retrieval stage slow?"),
    ),
    Alert(
        "WorkflowFailuresHigh", "warning", "10m",
        over("job_workflow:workflow_failure_ratio:rate5m", "workflow_failure_ratio")
        + floor("job_workflow:workflow_failure_ratio:rate5m * job_workflow:workflow_runs:rate5m", "workflow_failures_min", "workflow")
        + "\nor\n"
        + over("job:workflow_failure_ratio:rate5m", "workflow_failure_ratio")
        + floor("job:workflow_failure_ratio:rate5m * job:workflow_runs:rate5m", "workflow_failures_min")
        + "\nunless on (job) job_workflow:workflow_runs:rate5m",
        unit="ratio", limit="workflow_failure_ratio", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: {value} of {{ with $labels.workflow }}{{ . }} {{ end }}workflows fail",
        description="{value} of the {{ with $labels.workflow }}{{ . }} {{ end }}workflows of {{ $labels.job }} failed "
                    "over 5 minutes; the limit is {limit}.",
        means="Whole workflows fail, not single agents only.",
        do=("Which agent fails first? See Agent failures on AI Performance.", "Follow one workflow_id through the logs.",
            "Is a tool or an outside service down?"),
    ),
]
