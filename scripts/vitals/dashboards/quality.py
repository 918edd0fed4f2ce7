# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""Quality: are the answers right, are customers content, and what do the judges say over time."""

from vitals.dashboards.grafana import Board
from vitals.dashboards.panels import (
    ANY_IS_BAD,
    Column,
    Query,
    drill,
    limit,
    pie,
    q,
    row,
    stat,
    table,
    target,
    timeseries,
)
from vitals.dashboards.shared import SATISFACTION


def _scores(name: str) -> list[Query]:
    """The mean score of an evaluation in the hour and in the day before."""
    return [q(f'job_eval:eval_scores:mean1h{{job=~"$job", eval="{name}"}}', "{{job}} 1h"),
            q(f'job_eval:eval_scores:mean24h{{job=~"$job", eval="{name}"}}', "{{job}} 24h", "reference")]


BOARD = Board(
    "vitals-quality", "Agent Vitals: Quality",
    "Intent, made-up answers, moods, customer feedback, evaluation scores, guardrails.",
    since="now-24h",
    audience="engineering",
    rows=(
        row(
            "Are the answers right?",
            stat("Made-up answers in 24 hours", "Judged answers of the last day that held made-up facts: the mean of 0 and 1 × how many were judged. Worry above 0, and read them.", "short",
                 q('job_eval:eval_scores_sum:increase24h{job=~"$job", eval="hallucination"}'), size=(6, 4), steps=ANY_IS_BAD),
            stat("Intents understood in 24 hours", "Share of the last day's judged conversations whose intent was understood. Worry below the limit of Intent accuracy.", "percentunit",
                 q('job_eval:eval_scores:mean24h{job=~"$job", eval="intent_accuracy"}'), size=(6, 4)),
            stat("Judged answers in 24 hours", "How many answers were judged in the last day, by all evaluations. Worry when they are few: the scores beside it say little.", "short",
                 q('sum by (job) (job_eval:eval_scores_count:increase24h{job=~"$job"})'), size=(6, 4)),
            stat("Stopped by guardrails in 24 hours", "Checks of the last day that did not pass. Worry when it is far above yesterday's.", "short",
                 q('job:guardrail_blocks:increase24h{job=~"$job"}'), size=(6, 4)),
            timeseries("Intent accuracy", "Share of judged conversations whose intent was understood, in the hour and in the day before each point. Worry below the limit.", "percentunit",
                       *_scores("intent_accuracy"), limit("intent_accuracy_min"), target("intent_accuracy_target"), top=1, links=[drill("ai-performance")]),
            timeseries("Hallucinations", "Share of judged answers with made-up facts, in the hour and in the day before each point. Worry beyond the limit.", "percentunit",
                       *_scores("hallucination"), limit("hallucination_ratio"), target("hallucination_ratio_target"), links=[drill("ai-performance")]),
            timeseries("Moods misread", "Share of judged messages whose mood was misread, in the hour and in the day before each point. Worry beyond the limit.", "percentunit",
                       *_scores("sentiment_misread"), limit("sentiment_misread_ratio"), target("sentiment_misread_ratio_target"), links=[drill("ai-performance")]),
            collapsed=False,
        ),
        row(
            "Are customers content?",
            SATISFACTION,
            timeseries("Moods", "Customers' messages an hour by mood. Worry when the negative part widens.", "short",
                       q('sum by (sentiment) (job_sentiment:sentiment:increase1h{job=~"$job"})', "{{sentiment}}"), stack=True, size=(6, 8)),
            pie("Moods today", "How the last day's messages sounded. Worry when the negative part is larger than usual.", "short",
                q('sum by (sentiment) (job_sentiment:sentiment:increase24h{job=~"$job"})', "{{sentiment}}"), size=(6, 8)),
            collapsed=False,
        ),
        row(
            "How do scores develop?",
            timeseries("Evaluation scores", "Mean score of every evaluation in the day before each point; csat is 1 to 5, the others 0 to 1. Worry about a step: a prompt, model or index has changed.", "short",
                       q('job_eval:eval_scores:mean24h{job=~"$job"}', "{{job}} {{eval}}"), size=(12, 8)),
            timeseries("Answers judged", "Answers that each evaluation judged in the hour before each point. Worry at 0: nobody looks.", "short",
                       q('job_eval:eval_scores_count:increase1h{job=~"$job"}', "{{job}} {{eval}}"), size=(12, 8)),
            table("Evaluations", "Every evaluation that judged answers: how many, and the mean score. Worry when the day is worse than the month.", ("job", "eval"),
                  Column("Judged 24h", 'job_eval:eval_scores_count:increase24h{job=~"$job"}', "short"),
                  Column("Mean 24h", 'job_eval:eval_scores:mean24h{job=~"$job"}', "short"),
                  Column("Mean 7d", 'job_eval:eval_scores:mean7d{job=~"$job"}', "short"),
                  Column("Mean 30d", 'job_eval:eval_scores:mean30d{job=~"$job"}', "short"),
                  size=(24, 8), names={"job": "App", "eval": "Evaluation"}),
        ),
        row(
            "What do guardrails stop?",
            timeseries("Guardrail checks", "Checks a minute by guardrail and outcome; error: it did not pass. Worry when checks cease: nothing is guarded.", "opm",
                       q('job_guardrail_outcome:guardrail_requests:rate5m{job=~"$job"} * 60', "{{job}} {{guardrail}} {{outcome}}"), size=(12, 8)),
            timeseries("Blocked by guardrails", "Share of each app's checks that did not pass. Worry when it leaves its usual height.", "percentunit", q('job:guardrail_block_ratio:rate5m{job=~"$job"}'), size=(12, 8)),
        ),
    ),
)
