# ruff: noqa: E501  (texts read best on one line)
"""Probes: what applications, and the stack's own pages, look like from outside."""

from vitals.alerts import Alert, over, under

LEFT = "job_instance:probe_certificate_expires_seconds:current - time()"

ALERTS = [
    Alert(
        # Longer than ServiceDown takes: of an app that is down, one alert is enough.
        "ProbeFailed", "critical", "2m", "job_instance:probe_success:current == 0",
        dashboard="system-health",
        summary="{{ $labels.job }}: {{ $labels.instance }} fails its probe",
        description="{{ $labels.instance }} of {{ $labels.job }} has not given the answer that its probe wants for 2 minutes.",
        means="From outside it does not work, whatever it says of itself: refused, timed out, an HTTP error, or a certificate that is not trusted or has expired.",
        do=("Ask for it yourself: `curl -v` the address.",
            "The exporter's own account: `/probe?debug=true&module=http_2xx&target=` and the address, on its port.",
            "Does the app's scrape work? Then look at what is between: proxy, certificate, DNS, a dependency of its health page.",
            "Was it just deployed? Roll back."),
    ),
    Alert(
        "ProbeSlow", "warning", "10m",
        # One probe is one request: only the mean of several says something. A probe that fails may fail slowly.
        over("avg_over_time(job_instance:probe_duration_seconds:current[5m])", "probe_duration_seconds")
        + "\nand on (job, instance) job_instance:probe_success:current == 1",
        unit="seconds", limit="probe_duration_seconds", dashboard="system-health", keep_firing_for="10m",
        summary="{{ $labels.job }}: {{ $labels.instance }} takes {value}",
        description="Probes of {{ $labels.instance }} of {{ $labels.job }} take {value}; the limit is {limit}.",
        means="It answers, and slowly: users wait as well.",
        do=("Which phase? See Probe phases on System Health: resolve is DNS, connect and tls the network, processing the app.",
            "Compare with Response time: slow there too, or only from here?"),
    ),
    Alert(
        "CertificateExpiresSoon", "warning", "15m", under(LEFT, "probe_certificate_seconds"),
        unit="seconds", limit="probe_certificate_seconds", dashboard="security",
        summary="{{ $labels.job }}: certificate of {{ $labels.instance }} expires in {value}",
        description="The first of the certificates of {{ $labels.instance }} expires in {value}; the limit is {limit}.",
        means="Its renewal should have happened by now. When it expires, every client refuses to connect.",
        do=("Does the renewal run? Read its log (certbot, cert-manager, the cloud's).",
            "Renewed already? Then the server has not loaded it: reload the server."),
    ),
    Alert(
        "CertificateExpiresNow", "critical", "15m", under(LEFT, "probe_certificate_seconds_critical"),
        unit="seconds", limit="probe_certificate_seconds_critical", dashboard="security",
        summary="{{ $labels.job }}: certificate of {{ $labels.instance }} expires in {value}",
        description="The first of the certificates of {{ $labels.instance }} expires in {value}; the limit is {limit}.",
        means="Within days every client will refuse to connect.",
        do=("Renew it by hand now, then mend the renewal.", "Reload the server; the probe sees the new one within a minute."),
    ),
]
