# ruff: noqa: E501  (texts read best on one line)
"""Conversations with customers."""

from vitals.alerts import Alert, floor, over, reaches, under

_ENOUGH = floor("job:conversations:increase1h", "conversations_min", per=1)

ALERTS = [
    Alert(
        "ConversationErrorsHigh", "critical", "5m",
        over("job:app_error_ratio:rate5m", "app_error_ratio") + floor("job:response_latency_seconds:rate5m", "responses_min"),
        unit="ratio", limit="app_error_ratio", dashboard="operations", keep_firing_for="10m",
        summary="{{ $labels.job }}: {value} errors per answer",
        description="{{ $labels.job }} counted {value} errors per answered message over 5 minutes; the limit is {limit}.",
        means="Customers' messages run into errors.",
        do=("Which component? See Errors by component on Operations.", "Is the model, the database or an integration failing?",
            "Was it just deployed? Roll back."),
    ),
    Alert(
        "ConversationErrorsElevated", "warning", "15m",
        over("job:app_error_ratio:rate5m", "app_error_ratio_elevated")
        + floor("job:response_latency_seconds:rate5m", "responses_min"),
        unit="ratio", limit="app_error_ratio_elevated", dashboard="operations", keep_firing_for="5m",
        summary="{{ $labels.job }}: {value} errors per answer",
        description="{{ $labels.job }} counted {value} errors per answered message for a quarter of an hour; the limit is "
                    "{limit}.",
        means="Some messages run into errors, not enough to wake somebody.",
        do=("Which component? See Errors by component on Operations.", "Read its error lines."),
    ),
    Alert(
        "AnswersStopped", "critical", "5m",
        # When every message fails before it is timed, there are no answers to hold the errors against.
        over("job:conversations:rate5m * 300", "responses_min", ">=")
        + "\nunless on (job) job:response_latency_seconds:rate5m > 0",
        unit="count", limit="responses_min", dashboard="operations", keep_firing_for="5m",
        summary="{{ $labels.job }} answers nobody",
        description="{value} conversations of {{ $labels.job }} began in 5 minutes and not one message was answered; told from "
                    "{limit} conversations on.",
        means="Customers write and get no answer at all.",
        do=("Which errors? See Errors by component on Operations, and the error lines.",
            "Does the model's provider answer?", "Was it just deployed? Roll back."),
    ),
    Alert(
        "ResponseSlow", "warning", "5m",
        reaches("job:response_latency_seconds:p95", "response_latency_p95_seconds")
        + floor("job:response_latency_seconds:rate5m", "responses_min"),
        unit="seconds", limit="response_latency_p95_seconds", dashboard="operations", keep_firing_for="5m",
        summary="{{ $labels.job }} answers slowly: p95 {value}",
        description="One in twenty answers of {{ $labels.job }} takes {value} or longer; the limit is {limit}.",
        means="Customers wait for answers.",
        do=("Which intent? See Response time by intent on Operations.", "Compare with model and integration latency."),
    ),
    Alert(
        "ResponseMedianSlow", "warning", "5m",
        reaches("job:response_latency_seconds:p50", "response_latency_p50_seconds")
        + floor("job:response_latency_seconds:rate5m", "responses_min"),
        unit="seconds", limit="response_latency_p50_seconds", dashboard="operations", keep_firing_for="5m",
        summary="{{ $labels.job }}: the usual answer takes {value}",
        description="Half of the answers of {{ $labels.job }} take {value} or longer; the limit is {limit}.",
        means="Everybody waits, not the unlucky few only.",
        do=("Is the model slow? Compare with model latency.", "Is the app saturated?"),
    ),
    Alert(
        "ResponseTailSlow", "warning", "5m",
        reaches("job:response_latency_seconds:p99", "response_latency_p99_seconds")
        + floor("job:response_latency_seconds:rate5m", "responses_min"),
        unit="seconds", limit="response_latency_p99_seconds", dashboard="operations", keep_firing_for="5m",
        summary="{{ $labels.job }}: the slowest answers take {value}",
        description="One in a hundred answers of {{ $labels.job }} takes {value} or longer; the limit is {limit}.",
        means="A few customers wait very long: timeouts or retries behind the scenes.",
        do=("Which intent? See Response time by intent on Operations.", "Look for timeouts in the integration log lines."),
    ),
    Alert(
        "FirstResponseSlow", "warning", "10m",
        reaches("job:first_response_seconds:p95", "first_response_p95_seconds")
        + floor("job:first_response_seconds:rate5m", "responses_min"),
        unit="seconds", limit="first_response_p95_seconds", dashboard="operations", keep_firing_for="5m",
        summary="{{ $labels.job }}: first answers take {value}",
        description="One in twenty conversations of {{ $labels.job }} gets its first answer only after {value}; the limit is "
                    "{limit}.",
        means="New customers are left waiting.",
        do=("Is there a queue before the first answer?", "Compare with Response time on Operations."),
    ),
    Alert(
        "ResolutionSlow", "warning", "30m",
        # Over an hour: of 20 conversations an hour, one or two end in 5 minutes, and often none.
        reaches("histogram_quantile(0.95, avg_over_time(job_le:conversation_seconds_bucket:rate5m[1h]))\n",
                "conversation_p95_seconds") + _ENOUGH,
        unit="seconds", limit="conversation_p95_seconds", dashboard="operations", keep_firing_for="15m",
        summary="{{ $labels.job }}: conversations take {value} to resolve",
        description="One in twenty of the last hour's conversations of {{ $labels.job }} took {value} or longer until it was "
                    "resolved; the limit is {limit}.",
        means="Customers' problems are solved late.",
        do=("More turns per conversation, or slower turns?", "Has escalation become slow?"),
    ),
    Alert(
        "EscalationsHigh", "warning", "30m",
        over("job:escalation_ratio:1h", "escalation_ratio") + _ENOUGH,
        unit="ratio", limit="escalation_ratio", dashboard="operations", keep_firing_for="15m",
        summary="{{ $labels.job }}: {value} of conversations are escalated",
        description="{value} of the last hour's conversations of {{ $labels.job }} were handed to a person; the limit is {limit}.",
        means="The agent cannot help as many customers as it should; people get the work.",
        do=("Which reason? See Escalations by reason on Operations.", "Did intent accuracy drop?",
            "Does an integration fail, so that the agent cannot act?"),
    ),
    Alert(
        "AutomationLow", "warning", "30m",
        under("job:automation_ratio:1h", "automation_ratio_min") + _ENOUGH,
        unit="ratio", limit="automation_ratio_min", dashboard="operations", keep_firing_for="15m",
        summary="{{ $labels.job }}: only {value} of conversations need no person",
        description="Only {value} of the last hour's conversations of {{ $labels.job }} needed no person; the limit is {limit}.",
        means="The agent does less of the work than it is there for.",
        do=("Which reason for escalation rose? See Business.", "Compare by intent: which one does it no longer manage?"),
    ),
    Alert(
        "ResolutionLow", "warning", "30m",
        under("job:resolution_ratio:1h", "resolution_ratio_min") + _ENOUGH,
        unit="ratio", limit="resolution_ratio_min", dashboard="operations", keep_firing_for="15m",
        summary="{{ $labels.job }}: only {value} of conversations are resolved",
        description="Only {value} of the last hour's conversations of {{ $labels.job }} were resolved; the limit is {limit}.",
        means="Customers leave without a solution.",
        do=("Compare escalations and abandoned conversations.", "Did an integration or the knowledge base change?"),
    ),
]
