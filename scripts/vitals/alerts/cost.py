# ruff: noqa: E501  (texts read best on one line)
"""What models cost."""

from vitals.alerts import Alert, floor, over, under

ALERTS = [
    Alert(
        "CostPerConversationHigh", "warning", "30m",
        over("job:llm_cost_per_conversation_usd:1h", "llm_cost_per_conversation_usd")
        + floor("job:conversations:increase1h", "conversations_min", per=1),
        unit="usd", limit="llm_cost_per_conversation_usd", dashboard="cost", keep_firing_for="15m",
        summary="{{ $labels.job }}: a conversation costs {value}",
        description="The last hour's conversations of {{ $labels.job }} cost {value} each in model calls; the limit is {limit}.",
        means="Conversations cost more than they may.",
        do=("More tokens per conversation, or a dearer model? See Cost.", "Does the agent go in circles?"),
    ),
    Alert(
        "TokensPerConversationHigh", "warning", "30m",
        over("job:llm_tokens_per_conversation:1h", "llm_tokens_per_conversation")
        + floor("job:conversations:increase1h", "conversations_min", per=1),
        unit="count", limit="llm_tokens_per_conversation", dashboard="cost", keep_firing_for="15m",
        summary="{{ $labels.job }}: {value} tokens per conversation",
        description="The last hour's conversations of {{ $labels.job }} used {value} tokens each; the limit is {limit}.",
        means="Prompts or answers have grown, or conversations need more turns.",
        do=("Input or output tokens? See Tokens by type on Cost.", "Did the prompt or the retrieved context grow?"),
    ),
    Alert(
        "SpendHigh", "warning", "5m",
        over("job:llm_cost_usd:increase1h", "llm_cost_per_hour_usd"),
        unit="usd", limit="llm_cost_per_hour_usd", dashboard="cost", keep_firing_for="15m",
        summary="{{ $labels.job }} spent {value} in an hour",
        description="{{ $labels.job }} spent {value} on models in the last hour; the limit is {limit}.",
        means="More money is spent in an hour than allowed.",
        do=("Which model or tenant? See Cost.", "Is it real use, or a loop?"),
    ),
    Alert(
        "BudgetSpent", "warning", "15m",
        over("job:llm_cost_usd:increase30d", "llm_cost_per_month_usd"),
        unit="usd", limit="llm_cost_per_month_usd", dashboard="cost", keep_firing_for="1h",
        summary="{{ $labels.job }} spent {value} in 30 days",
        description="{{ $labels.job }} spent {value} on models in the last 30 days; its budget is {limit}.",
        means="The month's budget is used up.",
        do=("Which model or tenant? See Cost.", "Raise the budget in vitals.yaml, or save: smaller models, caching."),
    ),
    Alert(
        "SpendSurge", "warning", "15m",
        # This hour over the mean of the day before it; without a day's history there is nothing to compare with.
        # (Not told by a count of samples: that would depend on how often the rules are evaluated.)
        "job:llm_cost_usd:increase1h / (job:llm_cost_usd:increase24h offset 1h / 24 > 0)\n"
        "> on (job) group_left () job:llm_cost_surge_ratio:threshold\n"
        "and on (job) present_over_time(job:llm_cost_usd:increase1h[1h] offset 23h)"
        + floor("job:llm_cost_usd:increase1h", "llm_cost_surge_min_usd", per=1),
        unit="count", limit="llm_cost_surge_ratio", dashboard="cost", keep_firing_for="15m",
        summary="{{ $labels.job }} spends {value} times its usual",
        description="{{ $labels.job }} spent {value} times as much on models in the last hour as in a mean hour of the day "
                    "before; the limit is {limit} times.",
        means="Spend has jumped.",
        do=("Which model or tenant? See Cost.", "Is it real use, a retry loop, or a stolen key?"),
    ),
    Alert(
        "TokensUnpriced", "info", "15m",
        "job_model:llm_unpriced_tokens:rate5m > 0",
        unit="per_second", dashboard="cost",
        summary="{{ $labels.job }}: no price for {{ $labels.model }}",
        description="{{ $labels.job }} uses {value} tokens of {{ $labels.model }}, which has no price: the cost shown is too low.",
        means="The cost figures leave out a model.",
        do=("Add the model under prices.models, or its price under prices.overrides, in vitals.yaml; `make reload`.",),
    ),
    Alert(
        "TeamBudgetLow", "warning", "15m",
        under("job_team:llm_budget_left_ratio:current", "llm_budget_left_ratio_min"),
        unit="ratio", limit="llm_budget_left_ratio_min", dashboard="cost",
        summary="{{ $labels.job }}: team {{ $labels.team }} has {value} of its budget left",
        description="Team {{ $labels.team }} has {value} of its budget on {{ $labels.job }} left; below {limit} is told. At zero "
                    "the gateway refuses its calls.",
        means="A team will soon be cut off.",
        do=("Tell the team; raise its budget, or find what spends it on Cost.",),
    ),
    Alert(
        "PricesStale", "info", "1h",
        "time() - vitals:prices_as_of_seconds:info > 120 * 86400",
        unit="seconds", dashboard="cost",
        summary="Model prices are {value} old",
        description="The model prices in vitals.yaml are dated {value} ago; providers change them several times a year.",
        means="Costs worked out from tokens drift away from the bill.",
        do=("Update the genai-prices package, set prices.as_of in vitals.yaml, run `make reload`.",),
    ),
]
