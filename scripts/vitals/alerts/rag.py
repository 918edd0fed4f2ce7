# ruff: noqa: E501  (texts read best on one line)
"""Retrieval."""

from vitals.alerts import Alert, floor, over

ALERTS = [
    Alert(
        "RagSlow", "warning", "5m",
        over("job_stage:rag_slow_ratio:rate5m", "rag_slow_ratio")
        + floor("job_stage:rag_latency_seconds:rate5m", "rag_queries_min", "stage"),
        unit="ratio", limit="rag_slow_ratio", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: {value} of {{ $labels.stage }} steps run out of time",
        description="{value} of the {{ $labels.stage }} steps of retrieval in {{ $labels.job }} take longer than their time "
                    "limit; {limit} may.",
        means="Retrieval is too slow for more queries than it may be; answers come late or without their sources.",
        do=("Is the vector store slow or throttling?", "Do queries fetch more documents than before?",
            "For the generation stage: is the model slow?"),
    ),
]
