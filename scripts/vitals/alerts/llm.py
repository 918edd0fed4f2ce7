# ruff: noqa: E501  (texts read best on one line)
"""Language models and the gateways and servers in front of them."""

from vitals.alerts import Alert, floor, over, reaches, under

ALERTS = [
    Alert(
        "LlmErrorsHigh", "critical", "2m",
        over("job:llm_failures:rate5m * 60", "llm_errors_per_minute"),
        unit="count", limit="llm_errors_per_minute", dashboard="ai-performance", keep_firing_for="10m",
        summary="{{ $labels.job }}: {value} failed model calls a minute",
        description="{value} calls to language models fail each minute in {{ $labels.job }}; the limit is {limit}.",
        means="A model provider fails at a rate that users notice.",
        do=("Which provider and model? See Model failures on AI Performance.",
            "Look at the provider's status page and at rate limits.", "Switch to the fallback model or provider."),
    ),
    Alert(
        "LlmFailuresHigh", "warning", "5m",
        over("job_model:llm_failure_ratio:rate5m", "llm_failure_ratio")
        + floor("job_model:llm_failure_ratio:rate5m * job_model:llm_requests:rate5m", "llm_failures_min", "model"),
        unit="ratio", limit="llm_failure_ratio", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: {value} of {{ $labels.model }} calls fail",
        description="{value} of the calls of {{ $labels.job }} to {{ $labels.model }} failed over 5 minutes; the limit is "
                    "{limit}.",
        means="One model fails more often than it may.",
        do=("Timeouts, rate limits or bad requests? Read the error lines.", "Does another model of the same provider work?",
            "Was the model retired or the key rotated?"),
    ),
    Alert(
        "LlmLatencyP95High", "warning", "5m",
        reaches("job:llm_latency_seconds:p95", "llm_latency_p95_seconds")
        + floor("job:llm_latency_seconds:rate5m", "llm_requests_min"),
        unit="seconds", limit="llm_latency_p95_seconds", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: model calls are slow, p95 {value}",
        description="One in twenty model calls of {{ $labels.job }} takes {value} or longer; the limit is {limit}.",
        means="The models answer slowly; everything built on them is slow.",
        do=("Which model? See Model latency on AI Performance.", "Longer prompts or answers than before? Compare tokens per call.",
            "Is the provider slow for everybody? See its status page."),
    ),
    Alert(
        "LlmLatencyP99High", "warning", "5m",
        reaches("job:llm_latency_seconds:p99", "llm_latency_p99_seconds")
        + floor("job:llm_latency_seconds:rate5m", "llm_requests_min"),
        unit="seconds", limit="llm_latency_p99_seconds", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: the slowest model calls take {value}",
        description="One in a hundred model calls of {{ $labels.job }} takes {value} or longer; the limit is {limit}.",
        means="A small share of model calls is very slow: timeouts or retries.",
        do=("Which model? See Model latency on AI Performance.", "Are client timeouts shorter than the limit?"),
    ),
    Alert(
        "LlmFirstTokenSlow", "warning", "5m",
        reaches("job:llm_first_token_seconds:p95", "llm_first_token_p95_seconds")
        + floor("job:llm_first_token_seconds:rate5m", "llm_requests_min"),
        unit="seconds", limit="llm_first_token_p95_seconds", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: first token after {value}",
        description="One in twenty model calls of {{ $labels.job }} shows its first token only after {value}; the limit is "
                    "{limit}.",
        means="Streaming answers begin late; users see nothing move.",
        do=("Is there a queue in front of the model? See Waiting on AI Performance.", "Longer prompts than before?",
            "Is the prompt cache still hit?"),
    ),
    Alert(
        "LlmQueueLong", "warning", "5m",
        over("job_model:llm_waiting:current", "llm_waiting"),
        unit="count", limit="llm_waiting", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: {value} requests wait for {{ $labels.model }}",
        description="{value} requests wait for {{ $labels.model }} on {{ $labels.job }}; the limit is {limit}.",
        means="The model server gets more than it can do.",
        do=("Add replicas or shed load.", "Is the key-value cache full? See AI Performance.", "Is one client flooding it?"),
    ),
    Alert(
        "LlmKvCacheFull", "warning", "10m",
        over("job_model:llm_kv_cache_ratio:current", "llm_kv_cache_ratio"),
        unit="ratio", limit="llm_kv_cache_ratio", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: key-value cache of {{ $labels.model }} at {value}",
        description="The key-value cache of {{ $labels.model }} on {{ $labels.job }} is {value} full; the limit is {limit}. "
                    "Beyond it requests are pushed back and begun again.",
        means="Requests will be preempted and latency will jump.",
        do=("Are preemptions rising?", "Lower the number of concurrent sequences or the context length; add a replica."),
    ),
    Alert(
        "LlmDeploymentDown", "critical", "2m",
        "job_model_provider_deployment:llm_deployment_state:current == 2",
        dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: deployment {{ $labels.deployment }} of {{ $labels.model }} is out",
        description="The gateway {{ $labels.job }} reports a complete outage of {{ $labels.model }} at {{ $labels.provider }} "
                    "(deployment {{ $labels.deployment }}).",
        means="A deployment behind the gateway fails for everybody; only fallbacks answer.",
        do=("Is the provider down? See its status page.", "Is the key valid, the quota used up?",
            "Do the fallbacks carry the load? See Fallbacks on AI Performance."),
    ),
    Alert(
        "LlmRateLimitNear", "warning", "5m",
        # Known from a provider's answers: where nothing is asked any more, the last one stays for ever.
        under("job_model_provider:llm_remaining_requests:current", "llm_remaining_requests_min")
        + "\nand on (job, model, provider) job_provider_model_outcome:llm_requests:rate5m > 0",
        unit="count", limit="llm_remaining_requests_min", dashboard="ai-performance", keep_firing_for="5m",
        summary="{{ $labels.job }}: {{ $labels.provider }} allows {value} more {{ $labels.model }} requests",
        description="{{ $labels.provider }} allows {{ $labels.job }} only {value} more requests to {{ $labels.model }} in this "
                    "window; the limit is {limit}.",
        means="Calls will soon be refused with 429.",
        do=("Who uses so many? See Tokens by tenant on Cost.", "Ask for a higher quota, or spread over deployments."),
    ),
]
