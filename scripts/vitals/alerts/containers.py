# ruff: noqa: E501  (texts read best on one line)
"""Containers."""

from vitals.alerts import Alert, over

ALERTS = [
    Alert(
        "ContainerMemoryHigh", "warning", "10m",
        over("job_instance_container:container_memory_ratio:current", "container_memory_ratio"),
        unit="ratio", limit="container_memory_ratio", dashboard="infrastructure", keep_firing_for="10m",
        summary="{{ $labels.container }}: {value} of its memory limit",
        description="Container {{ $labels.container }} on {{ $labels.instance }} uses {value} of its memory limit; the limit for this alert is {limit}.",
        means="It will be killed at its limit.", do=("A leak or real need? See Containers on Infrastructure.", "Raise its limit."),
    ),
    Alert(
        "ContainerThrottled", "warning", "15m",
        over("job_instance_container:container_cpu_throttled_ratio:current", "container_cpu_throttled_ratio"),
        unit="ratio", limit="container_cpu_throttled_ratio", dashboard="infrastructure", keep_firing_for="10m",
        summary="{{ $labels.container }} is held back {value} of the time",
        description="Container {{ $labels.container }} on {{ $labels.instance }} is held back by its processor limit in {value} of "
                    "periods; the limit is {limit}.",
        means="It could work faster and may not: latency without visible load.", do=("Raise its processor limit.",),
    ),
    Alert(
        "ContainerRestarting", "warning", "5m",
        over("resets(job_instance_container:container_cpu_seconds:current[1h])", "container_restarts_per_hour", ">="),
        unit="count", limit="container_restarts_per_hour", dashboard="infrastructure", keep_firing_for="15m",
        summary="{{ $labels.container }} restarted {value} times in an hour",
        description="Container {{ $labels.container }} on {{ $labels.instance }} started anew {value} times in the last hour; the "
                    "limit is {limit}.",
        means="It crashes and is started again.", do=("Read its last log lines: `docker logs --tail 50`.", "Killed for memory?"),
    ),
    Alert(
        "ContainerOomKilled", "critical", "0m",
        "job_instance_container:container_oom_kills:rate5m > 0",
        dashboard="infrastructure", keep_firing_for="15m",
        summary="{{ $labels.container }} ran out of memory",
        description="A process in container {{ $labels.container }} on {{ $labels.instance }} was killed at its memory limit.",
        means="The container's limit is too low for what it does now.", do=("A leak? See its memory panel.", "Raise its limit."),
    ),
]
