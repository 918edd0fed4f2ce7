# ruff: noqa: E501  (texts read best on one line)
"""Services outside the app, and the circuit breakers in front of them."""

from vitals.alerts import Alert, floor, over

ALERTS = [
    Alert(
        "IntegrationFailuresHigh", "warning", "5m",
        over("job_service:integration_failure_ratio:rate5m", "integration_failure_ratio")
        + floor("job_service:integration_failure_ratio:rate5m * job_service:integration_requests:rate5m", "integration_failures_min", "service"),
        unit="ratio", limit="integration_failure_ratio", dashboard="system-health", keep_firing_for="5m",
        summary="{{ $labels.job }}: {value} of calls to {{ $labels.service }} fail",
        description="{value} of the calls of {{ $labels.job }} to {{ $labels.service }} failed over 5 minutes; the limit is "
                    "{limit}.",
        means="A service that the application needs fails; actions that go through it do not happen.",
        do=("See the service's status page.", "Timeouts, 401 or 429? Read the error lines.",
            "Has the circuit breaker opened?"),
    ),
    Alert(
        "BreakerOpen", "critical", "5m",
        "job_service:breaker_state:current != 0",
        dashboard="system-health", keep_firing_for="5m",
        summary="{{ $labels.job }}: the breaker for {{ $labels.service }} is open",
        description="The circuit breaker of {{ $labels.job }} for {{ $labels.service }} has not been closed for 5 minutes "
                    "(state {value}: 1 open, 2 half-open). Probing does not count as closed.",
        means="The application has given up on a service and refuses to call it.",
        do=("Is the service back? Call it by hand.", "Do the probes of the half-open breaker fail, and how?",
            "Does the application degrade as meant?"),
    ),
]
