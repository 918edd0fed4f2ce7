# ruff: noqa: E501  (texts read best on one line)
"""Attacks and abuse. These carry category: security."""

from vitals.alerts import Alert, over

_SECURITY = {"category": "security"}

ALERTS = [
    Alert(
        "LoginFailuresHigh", "warning", "10m",
        over("job:auth_failures:rate5m", "auth_failures_per_second"),
        unit="per_second", limit="auth_failures_per_second", dashboard="security", labels=_SECURITY, keep_firing_for="10m",
        summary="{{ $labels.job }}: {value} failed logins",
        description="{{ $labels.job }} refuses {value} logins, over all users and addresses; the limit is {limit}.",
        means="Somebody tries passwords, or a client holds an old one.",
        do=("From where? The access log tells; the metrics keep no addresses.", "Block, or slow down, what attacks.",
            "Did any of these logins succeed?"),
    ),
    Alert(
        "SuspiciousRequestsHigh", "critical", "5m",
        over("job:suspicious_requests:rate5m * 60", "suspicious_requests_per_minute"),
        unit="count", limit="suspicious_requests_per_minute", dashboard="security", labels=_SECURITY, keep_firing_for="15m",
        summary="{{ $labels.job }}: {value} suspicious requests a minute",
        description="{{ $labels.job }} sees {value} requests a minute that look like an attack; the limit is {limit}.",
        means="The application is under attack.",
        do=("Which type? See Suspicious requests on Security.", "Did any get through? Look for 2xx answers to them.",
            "Block the sources; tell whoever handles incidents."),
    ),
    Alert(
        "RateLimitHitsHigh", "warning", "10m",
        over("job:rate_limit_hits:rate5m", "rate_limit_hits_per_second"),
        unit="per_second", limit="rate_limit_hits_per_second", dashboard="security", labels=_SECURITY, keep_firing_for="10m",
        summary="{{ $labels.job }}: {value} requests refused by rate limits",
        description="{{ $labels.job }} refuses {value} requests because of rate limits; the limit is {limit}.",
        means="A client asks too much: a broken loop, a scraper, or too tight a limit.",
        do=("Which endpoint? See Rate limit hits on Security.", "One client or many?"),
    ),
]
