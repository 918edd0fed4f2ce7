# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""Redis: are the servers up, with room left, and do lookups find something."""

from vitals.dashboards.grafana import EXPORTER, Board
from vitals.dashboards.panels import (
    FAILED,
    UP,
    limit,
    q,
    row,
    stat,
    target,
    timeseries,
)

BOARD = Board(
    "vitals-redis", "Agent Vitals: Redis",
    "Redis servers: memory, lookups, commands, clients.",
    variables=(EXPORTER,),
    audience="platform",
    rows=(
        row(
            "Redis",
            stat("Redis", "Whether the exporter reaches the server.", "short",
                 q('job_instance:redis_up:current{job=~"$exporter"}', "{{instance}}"), states=UP, size=(4, 4)),
            stat("Redis saves", "Whether the last background save succeeded.", "short",
                 q('job_instance:redis_save_failed:current{job=~"$exporter"}', "{{instance}}"), states=FAILED, size=(4, 4)),
            timeseries("Redis memory", "Memory in use.", "bytes", q('job_instance:redis_memory_bytes:current{job=~"$exporter"}', "{{instance}}")),
            timeseries("Redis memory of its limit", "Memory over maxmemory; beyond it keys are evicted or writes refused.", "percentunit",
                       q('job_instance:redis_memory_ratio:current{job=~"$exporter"}', "{{instance}}"), limit("redis_memory_ratio", "exporter"), empty="no Redis with a maxmemory is scraped"),
            timeseries("Redis hits", "Share of key lookups that found something.", "percentunit",
                       q('job_instance:redis_hit_ratio:rate5m{job=~"$exporter"}', "{{instance}}"), target("redis_hit_ratio_min", "exporter"), top=1),
            timeseries("Redis commands", "Commands a second.", "ops", q('job_instance:redis_commands:rate5m{job=~"$exporter"}', "{{instance}}")),
            timeseries("Redis clients", "Connected clients.", "short", q('job_instance:redis_clients:current{job=~"$exporter"}', "{{instance}}")),
            timeseries("Redis evictions", "Keys a minute that were dropped because memory was full.", "cpm", q('job_instance:redis_evictions:rate5m{job=~"$exporter"} * 60', "{{instance}}")),
            timeseries("Redis connections refused", "Connections a minute refused at maxclients.", "cpm", q('job_instance:redis_rejected_connections:rate5m{job=~"$exporter"} * 60', "{{instance}}")),
        ),
    ),
)
