# ruff: noqa: E501  (texts read best on one line)
"""The application's own process."""

from vitals.alerts import Alert, over

ALERTS = [
    Alert(
        "AppMemoryHigh", "warning", "10m",
        over("job_instance:app_memory_bytes:current", "app_memory_bytes"),
        unit="bytes", limit="app_memory_bytes", dashboard="system-health", keep_firing_for="10m",
        summary="{{ $labels.job }} uses {value} of memory",
        description="{{ $labels.instance }} of {{ $labels.job }} uses {value} of memory; the limit is {limit}.",
        means="The process grows: it will be killed at its limit, or starve its neighbours.",
        do=("Does it grow steadily (a leak) or with traffic? See Memory on System Health.",
            "Restart it before it is killed.", "Which release began it?"),
    ),
    Alert(
        "AppRestarting", "warning", "5m",
        over("changes(job_instance:app_start_seconds:current[1h])", "app_restarts_per_hour", ">="),
        unit="count", limit="app_restarts_per_hour", dashboard="system-health", keep_firing_for="15m",
        summary="{{ $labels.job }} restarted {value} times in an hour",
        description="{{ $labels.instance }} of {{ $labels.job }} started anew {value} times in the last hour; the limit is {limit}.",
        means="The process crashes and comes back; each time requests are lost.",
        do=("Read the last lines before each start.", "Out of memory? See the host and container panels.",
            "A deployment loop?"),
    ),
]
