# ruff: noqa: E501  (texts read best on one line)
"""HTTP and reachability."""

from vitals.alerts import Alert, floor, over, reaches, under

ALERTS = [
    Alert(
        "ServiceDown", "critical", "1m",
        'up == 0\nand on (job, profile) job:app:info{kind="app"}',
        summary="{{ $labels.job }} does not answer on {{ $labels.instance }}",
        description="Prometheus has not been able to scrape {{ $labels.instance }} of {{ $labels.job }} for a minute.",
        means="An application's process is gone, hangs, or cannot be reached. Its users most likely see errors.",
        do=("Is the process running? Look at its last log lines and at its restarts.",
            "Open its /metrics address from the Prometheus host: refused, timed out, or 401?",
            "Was it just deployed? Roll back."),
        dashboard="system-health",
    ),
    Alert(
        "ServiceMissing", "critical", "5m",
        "job:app:expected unless on (job) up",
        summary="{{ $labels.job }} has vanished from discovery",
        description="vitals.yaml names {{ $labels.job }}, but Prometheus has no target for it.",
        means="The application is in vitals.yaml and Prometheus no longer scrapes it at all: nothing would alert.",
        do=("Is the target file there? `make reload` writes it anew.",
            "Look at /api/v1/targets for dropped targets and at Prometheus' log for discovery errors.",
            "If the application was retired, take it out of vitals.yaml."),
        dashboard="system-health",
    ),
    Alert(
        "AvailabilityLow", "warning", "5m",
        # Of an app that is new, one missed scrape would be half of its day.
        under("(job:probe_success:avg24h and on (job) job:probe_success:current offset 6h\n"
              "or on (job) job:availability:avg24h)", "availability_min")
        + '\nand on (job) job:app:info{kind="app"} offset 6h',
        unit="ratio", limit="availability_min",
        summary="{{ $labels.job }} was reachable only {value} of the last day",
        description="{{ $labels.job }} answered {value} of its probes (of its scrapes, where it has none) in 24 hours; "
                    "the limit is {limit}.",
        means="Short outages added up. Each may have been too short for ServiceDown.",
        do=("When was it down? See Availability on System Health.", "Look for restarts at those times.",
            "Compare with deployments and with the host's memory."),
        dashboard="system-health",
    ),
    Alert(
        "HttpErrorsHigh", "critical", "5m",
        over("job:http_error_ratio:rate5m", "http_error_ratio")
        + floor("job:http_requests:rate5m", "http_requests_min"),
        unit="ratio", limit="http_error_ratio", keep_firing_for="10m",
        summary="{{ $labels.job }}: {value} of requests fail",
        description="{value} of HTTP requests to {{ $labels.job }} were answered with a 5xx code over 5 minutes; "
                    "the limit is {limit}.",
        means="Users get server errors.",
        do=("Which endpoint? See Errors by endpoint on System Health.",
            "Is a dependency failing: model provider, database, Redis, an integration?",
            "Was it just deployed? Roll back."),
        dashboard="system-health",
    ),
    Alert(
        "HttpErrorsElevated", "warning", "15m",
        over("job:http_error_ratio:rate5m", "http_error_ratio_elevated")
        + floor("job:http_requests:rate5m", "http_requests_min"),
        unit="ratio", limit="http_error_ratio_elevated", keep_firing_for="5m",
        summary="{{ $labels.job }}: {value} of requests fail",
        description="{value} of HTTP requests to {{ $labels.job }} were answered with a 5xx code over 5 minutes, "
                    "for a quarter of an hour; the limit is {limit}.",
        means="Some users get server errors, not enough to wake somebody.",
        do=("Which endpoint? See Errors by endpoint on System Health.", "Read the error log lines of that endpoint."),
        dashboard="system-health",
    ),
    Alert(
        "HttpLatencyHigh", "warning", "5m",
        reaches("job:http_latency_seconds:p95", "http_latency_p95_seconds")
        + floor("job:http_latency_seconds:rate5m", "http_requests_min"),
        unit="seconds", limit="http_latency_p95_seconds", keep_firing_for="5m",
        summary="{{ $labels.job }} is slow: p95 {value}",
        description="One in twenty HTTP requests to {{ $labels.job }} takes {value} or longer; the limit is {limit}.",
        means="Users wait.",
        do=("Which endpoint? See p95 by endpoint on System Health.",
            "Compare with model latency, retrieval stages and database time: which rose first?",
            "Is it saturated: processor, memory, connections in flight?"),
        dashboard="system-health",
    ),
    Alert(
        "TrafficStopped", "warning", "15m",
        "job:traffic:increase1h offset 1h >= 60\n"
        "unless on (job) job:traffic:rate5m > 0\n"
        # An app that had none at this hour of last week (of yesterday, while it is new) is closed, not broken.
        "unless on (job) (min_over_time(job:traffic:rate5m[2h] offset 167h)\n"
        "or min_over_time(job:traffic:rate5m[2h] offset 23h)) == 0\n"
        # Its own target: a probe of a dead app is well scraped.
        'and on (job, profile) up == 1',
        summary="{{ $labels.job }} is up and gets no traffic",
        description="{{ $labels.job }} handled {value} requests in an hour before; for a quarter of an hour there "
                    "have been none, though it answers its scrapes.",
        means="Nothing reaches the application, or it no longer counts what it does. An app that stops every night is told "
              "on its first only: then the same hour of the day before is known, and after a week that of the week before.",
        do=("Does the load balancer or queue still send to it?", "Did a deployment rename its metrics? "
            "`vitals doctor URL` shows what is missing.", "Is it a planned pause? Silence this alert."),
        dashboard="overview",
    ),
]
