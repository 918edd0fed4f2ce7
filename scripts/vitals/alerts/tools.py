# ruff: noqa: E501  (texts read best on one line)
"""Tools and MCP servers."""

from vitals.alerts import Alert, floor, over

ALERTS = [
    Alert(
        "ToolFailuresHigh", "warning", "5m",
        over("job_tool:tool_failure_ratio:rate5m", "tool_failure_ratio")
        + floor("job_tool:tool_failure_ratio:rate5m * job_tool:tool_runs:rate5m", "tool_failures_min", "tool"),
        unit="ratio", limit="tool_failure_ratio", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: {value} of {{ $labels.tool }} calls fail",
        description="{value} of the calls of tool {{ $labels.tool }} in {{ $labels.job }} failed over 5 minutes; the limit is "
                    "{limit}.",
        means="Agents cannot do what the tool does for them.",
        do=("Is the service behind the tool up?", "Did its interface or the agent's prompt change? Bad arguments look like "
            "failures.", "Are credentials still valid?"),
    ),
]
