# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""Executive: is it worth it? One page for those who decide, over all chosen apps."""

from vitals import slo
from vitals.dashboards.grafana import Board
from vitals.dashboards.panels import (
    ANY_IS_BAD,
    OF_LIMIT,
    Column,
    Query,
    Steps,
    bargauge,
    limit,
    q,
    row,
    see,
    stat,
    table,
    target,
    timeseries,
    to,
)
from vitals.dashboards.shared import SATISFACTION, saved

PERIODS = (("24h", "day"), ("7d", "week"), ("30d", "month"))
KEPT: Steps = ((None, "red"), (0.9, "orange"), (1, "green"))
NO_PROMISE = "the chosen apps promise nothing (slos:)"


def _sums(metric: str) -> list[Query]:
    """A counter over the last day, week and month, all chosen apps together."""
    return [q(f'sum(job:{metric}:increase{window}{{job=~"$job"}})', period) for window, period in PERIODS]


def _mean(value: str, weight: str) -> list[Query]:
    """A share or score over the last day, week and month, each app counting by how much it did."""
    return [q(f"sum({value} * on (job) {weight}) / (sum({weight} and on (job) {value}) > 0)".replace("WINDOW", window), period)
            for window, period in PERIODS]


BOARD = Board(
    "vitals-executive", "Agent Vitals: Executive",
    "What the apps do for customers, what that saves and costs, and whether promises are kept: day, week and month.",
    since="now-7d",
    audience="business",
    rows=(
        row(
            "Do customers get what they came for?",
            stat("Conversations", "Conversations begun in the last day, week and month. Worry when a day is far from a seventh of the week.", "short",
                 *_sums("conversations"), size=(8, 4), links=[see("business", "By app, intent and channel")]),
            stat("Automation rate", "Share of conversations that needed no person, in the last day, week and month: conversations summed, not a mean of shares. Worry when the day is below the month.", "percentunit",
                 *_mean('job:automation_ratio:WINDOW{job=~"$job"}', 'job:conversations:increaseWINDOW{job=~"$job"}'), size=(8, 4), links=[see("operations", "Who is handed to a person?")]),
            stat("CSAT", "Mean customer satisfaction, 1 to 5, in the last day, week and month. Worry when the day is below the month.", "short",
                 *[q(f'sum(job_eval:eval_scores_sum:increase{window}{{job=~"$job", eval="csat"}}) / (sum(job_eval:eval_scores_count:increase{window}{{job=~"$job", eval="csat"}}) > 0)', period) for window, period in PERIODS],
                 size=(8, 4), links=[see("quality", "All evaluations")]),
            timeseries("Automation by day", "Share of conversations that needed no person, in the day and in the week before each point, with what is aimed at. Worry below the limit.", "percentunit",
                       q('job:automation_ratio:24h{job=~"$job"}', "{{job}} day"), q('job:automation_ratio:7d{job=~"$job"}', "{{job}} week", "reference"),
                       limit("automation_ratio_min"), target("automation_ratio_target"), top=1, size=(12, 8)),
            SATISFACTION,
            collapsed=False,
        ),
        row(
            "What is it worth?",
            stat("Saved", "Conversations that needed no person × what a person costs for one, minus the model cost; last day, week and month. Worry below 0: the models cost more than they save.", "currencyUSD",
                 *[q(f"sum({saved(window)})", period) for window, period in PERIODS], size=(8, 4), links=[see("business", "By app")]),
            stat("Model spend", "What the chosen apps spent on models in the last day, week and month. Worry when the day is far above a seventh of the week.", "currencyUSD",
                 *_sums("llm_cost_usd"), size=(8, 4), links=[see("cost", "By app, model and tenant")]),
            stat("Revenue", "Revenue that the chosen apps tracked in the last day, week and month. Worry when the day is far below a seventh of the week.", "currencyUSD",
                 *_sums("revenue_usd"), size=(8, 4), links=[see("business", "By source")]),
            timeseries("Saved, spent, earned", "What the day before each point saved in people's work, cost in models and brought in revenue. Worry when spend rises and the others do not.", "currencyUSD",
                       q(f"sum({saved('24h')})", "saved", "good"), q('sum(job:llm_cost_usd:increase24h{job=~"$job"})', "spent on models", "bad"), q('sum(job:revenue_usd:increase24h{job=~"$job"})', "revenue", "neutral"), size=(12, 8), bottom=None),
            bargauge("Budget used", "Each app's model spend of the last 30 days over its budget for a month. Worry when it is ahead of the calendar.", "percentunit",
                     q('job:llm_cost_usd:increase30d{job=~"$job"} / on (job) job:llm_cost_per_month_usd:threshold{job=~"$job"}'), steps=OF_LIMIT, size=(12, 8)),
            collapsed=False,
        ),
        row(
            "Are promises kept?",
            stat("Promises kept", "Share of the chosen apps' service level objectives that still have error budget left over 30 days. Worry below 100 %: a promise is broken.", "percentunit",
                 q(f'count({slo.BUDGET_LEFT}{{job=~"$job"}} >= 0) / count({slo.BUDGET_LEFT}{{job=~"$job"}}) or 0 * count({slo.BUDGET_LEFT}{{job=~"$job"}})', "kept"), size=(8, 4), steps=KEPT, empty=NO_PROMISE, links=[see("slo", "Which ones?")]),
            stat("Availability", "Share of the last 30 days in which the chosen apps answered, the mean of all. Worry when it falls below what was promised.", "percentunit",
                 q('avg(job:probe_success:avg30d{job=~"$job"} or on (job) job:availability:avg30d{job=~"$job"})', "30 days"), size=(8, 4), links=[see("system-health", "By app")]),
            stat("Alerts that wake someone", "Critical alerts that fire now for the chosen apps. Worry above 0; somebody is at work on it.", "short",
                 q('count(ALERTS{alertstate="firing", severity="critical", job=~"$job"}) or vector(0)', "critical"), size=(8, 4), steps=ANY_IS_BAD, links=[see("overview", "Which ones?")]),
            bargauge("Error budget left", "The eight promises with the least error budget left for 30 days. Worry near 0, where the promise is broken.", "percentunit",
                     q(f'sort(bottomk(8, {slo.BUDGET_LEFT}{{job=~"$job"}}))', "{{job}} {{slo}}"), steps=((None, "red"), (0, "orange"), (0.25, "green")), top=1, size=(24, 8), empty=NO_PROMISE),
            collapsed=False,
        ),
        row(
            "Which app does how well?",
            table("Apps in 30 days", "One line for each app, over the last 30 days. An empty cell: the app does not feed it. Worry about the app that costs much and serves few.", ("job",),
                  Column("Conversations", 'job:conversations:increase30d{job=~"$job"}', "short", link=to("business")),
                  Column("Automated", 'job:automation_ratio:30d{job=~"$job"}', "percentunit", link=to("operations")),
                  Column("CSAT", 'job_eval:eval_scores:mean30d{job=~"$job", eval="csat"}', "short", link=to("quality")),
                  Column("Agent runs", 'job:agent_runs:increase30d{job=~"$job"}', "short", link=to("ai-performance")),
                  Column("Model spend", 'job:llm_cost_usd:increase30d{job=~"$job"}', "currencyUSD", link=to("cost")),
                  Column("Revenue", 'job:revenue_usd:increase30d{job=~"$job"}', "currencyUSD", link=to("business")),
                  Column("Saved", saved("30d"), "currencyUSD", link=to("business")),
                  Column("Available", 'job:probe_success:avg30d{job=~"$job"} or on (job) job:availability:avg30d{job=~"$job"}', "percentunit", link=to("system-health")),
                  size=(24, 9), names={"job": "App"}, sort="Model spend"),
        ),
    ),
)
