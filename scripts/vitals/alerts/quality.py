# ruff: noqa: E501  (texts read best on one line)
"""The quality of answers, as evaluations judge it."""

from vitals.alerts import Alert, floor, over, under


def _score(name: str) -> str:
    return f'job_eval:eval_scores:mean1h{{eval="{name}"}}'


def _judged(name: str) -> str:
    return floor(f'job_eval:eval_scores_count:increase1h{{eval="{name}"}}', "evals_min", per=1)


ALERTS = [
    Alert(
        "CsatLow", "warning", "30m",
        under(_score("csat"), "csat_min") + _judged("csat"),
        unit="score", limit="csat_min", dashboard="quality", keep_firing_for="15m",
        summary="{{ $labels.job }}: customer satisfaction {value}",
        description="Customers rated {{ $labels.job }} {value} of 5 in the last hour; the limit is {limit}.",
        means="Customers are unhappy with the answers.",
        do=("Read the worst-rated conversations.", "Did escalation, latency or hallucination rise before it?"),
    ),
    Alert(
        "IntentAccuracyLow", "warning", "30m",
        under(_score("intent_accuracy"), "intent_accuracy_min") + _judged("intent_accuracy"),
        unit="ratio", limit="intent_accuracy_min", dashboard="quality", keep_firing_for="15m",
        summary="{{ $labels.job }} understands only {value} of intents",
        description="{{ $labels.job }} understood {value} of the judged intents of the last hour; the limit is {limit}.",
        means="The agent misreads what customers want and answers something else.",
        do=("Which intents are confused? Read the judged conversations.", "Did the prompt, the model or the intent list change?"),
    ),
    Alert(
        "HallucinationsHigh", "warning", "30m",
        over(_score("hallucination"), "hallucination_ratio") + _judged("hallucination"),
        unit="ratio", limit="hallucination_ratio", dashboard="quality", keep_firing_for="15m",
        summary="{{ $labels.job }}: {value} of answers hold made-up facts",
        description="{value} of the judged answers of {{ $labels.job }} in the last hour held made-up facts; the limit is {limit}.",
        means="Customers are told things that are not true.",
        do=("Does retrieval still find documents? See AI Performance.", "Did the model or the prompt change?",
            "Put risky intents behind a person until it is mended."),
    ),
    Alert(
        "SentimentMisreadHigh", "warning", "30m",
        over(_score("sentiment_misread"), "sentiment_misread_ratio") + _judged("sentiment_misread"),
        unit="ratio", limit="sentiment_misread_ratio", dashboard="quality", keep_firing_for="15m",
        summary="{{ $labels.job }} misreads {value} of moods",
        description="{{ $labels.job }} misread the customer's mood in {value} of the judged messages of the last hour; the limit "
                    "is {limit}.",
        means="Angry customers are taken for content ones, or the other way round.",
        do=("Read the judged messages: which mood is missed?", "Did the model or the prompt change?"),
    ),
]
