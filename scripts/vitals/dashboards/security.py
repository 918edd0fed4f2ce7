# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""Security: does somebody try to get in, does something leak, and does any certificate run out."""

from vitals.dashboards.grafana import Board
from vitals.dashboards.panels import UP, Column, elevated, limit, lines, q, row, stat, table, timeseries, to

# Patterns of prometheus/log-patterns.yaml that tell of keys and filters.
PATTERNS = "auth_failed|content_filtered"

BOARD = Board(
    "vitals-security", "Agent Vitals: Security",
    "Logins, attacks, rate limits, guardrails, what logs give away, certificates and probes.",
    since="now-24h",
    rows=(
        row(
            "Does somebody try to get in?",
            stat("Failed logins in 24 hours", "Failed logins of the last day. Worry when it is far above yesterday's.", "short",
                 q('job:auth_failures:increase24h{job=~"$job"}'), size=(6, 4)),
            stat("Suspicious requests in 24 hours", "Requests of the last day that look like an attack. Worry when it is far above yesterday's.", "short",
                 q('job:suspicious_requests:increase24h{job=~"$job"}'), size=(6, 4)),
            stat("Rate limit hits in 24 hours", "Requests of the last day that a rate limit refused. Worry when it is far above yesterday's.", "short",
                 q('job:rate_limit_hits:increase24h{job=~"$job"}'), size=(6, 4)),
            stat("First certificate expires in", "Time until the first certificate behind each app's addresses expires. Worry below three weeks.", "dtdurations",
                 q('min by (job) (job_instance:probe_certificate_expires_seconds:current{job=~"$job"} - time())'), size=(6, 4), empty="no probe uses TLS"),
            timeseries("Failed logins", "Failed logins a second over all users and addresses; which ones is not kept. Worry beyond the limit: somebody tries passwords.", "ops",
                       q('job:auth_failures:rate5m{job=~"$job"}'), limit("auth_failures_per_second")),
            timeseries("Suspicious requests", "Requests a minute that look like an attack, by type. The limit is for all types together.", "reqpm",
                       q('job_type:suspicious_requests:rate5m{job=~"$job"} * 60', "{{job}} {{type}}"), limit("suspicious_requests_per_minute")),
            timeseries("Rate limit hits", "Requests a second that a rate limit refused, by endpoint. The limit is for all endpoints together.", "reqps",
                       q('job_endpoint:rate_limit_hits:rate5m{job=~"$job"}', "{{job}} {{endpoint}}"), limit("rate_limit_hits_per_second")),
            timeseries("Refused requests", "HTTP requests a minute answered 401, 403 or 429, where an app counts its status codes. Worry about a wall of 401: keys are tried, or one has expired.", "reqpm",
                       q('sum by (job, code) (job_code:http_requests:rate5m{job=~"$job", code=~"401|403|429"}) * 60', "{{job}} {{code}}"), size=(12, 8)),
            timeseries("Guardrail blocks", "Prompts and answers a minute that each guardrail stopped. Worry about a burst of prompt injections.", "opm",
                       q('sum by (job, guardrail) (job_guardrail_outcome:guardrail_requests:rate5m{job=~"$job", outcome!="success"}) * 60', "{{job}} {{guardrail}}"), size=(12, 8)),
            collapsed=False,
        ),
        row(
            "What do the logs tell?",
            timeseries("Keys and filters in logs", "Log lines in the pattern's own window that tell of a refused key (auth_failed) or of a content filter. Worry beyond the pattern's limit, which is on Logs.", "short",
                       q(f'job_pattern:log_pattern_matches:window{{job=~"$job", pattern=~"{PATTERNS}"}}', "{{job}} {{pattern}}"), size=(24, 8)),
            lines("Lines with something redacted", "Log lines in which a secret or personal data was found and taken out before they were stored (`make up WITH=logs`). Worry about each: the app should not write it.", only="vitals.redacted:*"),
        ),
        row(
            "Which certificates and addresses hold?",
            timeseries("Certificates", "Time until the first certificate behind each address expires. Worry below elevated, act below the limit.", "dtdurations",
                       q('job_instance:probe_certificate_expires_seconds:current{job=~"$job"} - time()', "{{job}} {{instance}}"), limit("probe_certificate_seconds_critical"), elevated("probe_certificate_seconds"), size=(12, 8), empty="no probe of the chosen apps uses TLS"),
            table("Probed addresses", "Each address as it looks from outside. Worry about an answer that none should get, and a certificate that ends soon.", ("job", "instance"),
                  Column("Now", 'job_instance:probe_success:current{job=~"$job"}', states=UP, link=to("system-health")),
                  Column("Code", 'job_instance:probe_http_code:current{job=~"$job"}', "none"),
                  Column("Certificate expires in", 'job_instance:probe_certificate_expires_seconds:current{job=~"$job"} - time()', "dtdurations"),
                  size=(12, 8), names={"job": "App", "instance": "Address"}),
        ),
    ),
)
