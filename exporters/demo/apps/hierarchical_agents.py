"""Hierarchical marketing agents: a supervisor, workers and tools.

The app's document records samples: durations in milliseconds, success as 0 or 1. Exposed as Prometheus would have
them, durations are histograms in milliseconds and successes summaries (sum = successes, count = runs). Its
``workflow_id`` is new for every run and therefore no label.
"""

from __future__ import annotations

from vitals_demo.logs import OF_AGENTS, identifier, number, why
from vitals_demo.metrics import histogram, summary
from vitals_demo.model import AppSpec, Case, Choice, Emit, Flow, Line, LogNormal, Observe, fixed

MS = (50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 120000)

METRICS = (
    histogram("agent_execution_duration_ms", "Agent execution duration in milliseconds", "agent_name", MS),
    summary("agent_execution_success", "Agent executions: 1 for a success, 0 for a failure", "agent_name"),
    histogram("tool_execution_duration_ms", "Tool execution duration in milliseconds", "tool_name", MS),
    summary("tool_execution_success", "Tool executions: 1 for a success, 0 for a failure", "tool_name"),
    summary("tool_execution_cost", "Estimated cost of a tool execution in USD", "tool_name"),
    histogram("workflow_total_duration_ms", "Workflow duration in milliseconds", "", MS),
    summary("workflow_success", "Workflows: 1 for a success, 0 for a failure"),
    summary("workflow_total_agents", "Agents used by a workflow"),
    summary("workflow_total_tools", "Tools used by a workflow"),
)


def _success(metric: str) -> tuple[Emit, ...]:
    return (Observe(metric, "ok", shape=fixed(1), scaled_by=""), Observe(metric, "error", shape=fixed(0), scaled_by=""))


AGENTS = (
    Case(4, {"agent_name": "supervisor"}, 0.5),
    Case(3, {"agent_name": "research_worker"}, 1.3),
    Case(3, {"agent_name": "content_worker"}, 1.2),
    Case(3, {"agent_name": "social_worker"}),
)
TOOLS = {"web_search": 0.005, "trend_analysis": 0.01, "image_generation": 0.04}  # USD a call
TOOL_NAMES = tuple(TOOLS)
AGENT_NAMES = tuple(case.labels["agent_name"] for case in AGENTS)

APP = AppSpec(
    name="hierarchical-agents",
    about="A supervisor with worker agents, tools and workflows, measured in milliseconds and samples.",
    metrics=METRICS,
    flows=(
        Flow("agents", 3.2, AGENTS, (
            Observe("agent_execution_duration_ms", shape=LogNormal(4500, 0.65)),
            *_success("agent_execution_success"),
        ), failure=0.02),
        *(Flow("tools", 1.2, (Case(1, {"tool_name": tool}),), (
            Observe("tool_execution_duration_ms", shape=LogNormal(700, 0.7)),
            Observe("tool_execution_cost", shape=fixed(cost), scaled_by="cost"),
            *_success("tool_execution_success"),
        ), failure=0.003) for tool, cost in TOOLS.items()),
        Flow("workflows", 1.0, (Case(1, {}),), (
            Observe("workflow_total_duration_ms", shape=LogNormal(14000, 0.5)),
            Observe("workflow_total_agents", shape=Choice({2: 3, 3: 5, 4: 2}), scaled_by=""),
            Observe("workflow_total_tools", shape=Choice({1: 1, 2: 3, 3: 4, 4: 2}), scaled_by=""),
            *_success("workflow_success"),
        ), failure=0.02),
    ),
    lines=(
        Line("info", {"event": "agent_execution_completed", "agent_name": AGENT_NAMES,
                      "workflow_id": identifier("wf"), "duration_ms": number(900, 12000), "success": True}, 0.6),
        Line("info", {"event": "tool_executed", "tool_name": TOOL_NAMES, "duration_ms": number(100, 2500),
                      "success": True, "cost_estimate": number(0.001, 0.04, 4), "workflow_id": identifier("wf")}, 0.4),
        Line("info", {"event": "routing_decision", "decision_point": "supervisor", "selected_node": AGENT_NAMES[1:],
                      "confidence": number(0.7, 0.99, 2), "workflow_id": identifier("wf")}, 0.3),
        Line("info", {"event": "workflow_completed", "status": "completed", "workflow_id": identifier("wf")}, 0.3),
        Line("error", {"event": "agent_execution_failed", "agent_name": AGENT_NAMES, "success": False,
                       "workflow_id": identifier("wf"), "duration_ms": number(2000, 60000),
                       "error_message": why()}, on="agents", causes=OF_AGENTS),
    ),
    depends_on=("redis",),
)
