# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""PostgreSQL: are the servers up, with room left, and what holds them up."""

from vitals.dashboards.grafana import EXPORTER, Board
from vitals.dashboards.panels import (
    UP,
    elevated,
    limit,
    q,
    row,
    stat,
    timeseries,
)

BOARD = Board(
    "vitals-postgres", "Agent Vitals: PostgreSQL",
    "PostgreSQL servers: connections, transactions, locks, cache, size.",
    variables=(EXPORTER,),
    audience="platform",
    rows=(
        row(
            "PostgreSQL",
            stat("PostgreSQL", "Whether the exporter reaches the server.", "short",
                 q('job_instance:postgres_up:current{job=~"$exporter"}', "{{instance}}"), states=UP, size=(4, 8)),
            timeseries("Connections in use", "Connections over max_connections, idle ones too.", "percentunit",
                       q('job_instance:postgres_connections_ratio:current{job=~"$exporter"}', "{{instance}}"), limit("postgres_connections_ratio", "exporter"), elevated("postgres_connections_ratio_elevated", "exporter"), size=(10, 8)),
            timeseries("Connections by state", "Many idle ones: a pool too large, or a leak.", "short",
                       q('job_instance_state:postgres_connections:current{job=~"$exporter"}', "{{instance}} {{state}}"), size=(10, 8)),
            timeseries("Transactions", "Transactions a second, committed and rolled back.", "ops",
                       q('job_instance_outcome:postgres_transactions:rate5m{job=~"$exporter"}', "{{instance}} {{outcome}}")),
            timeseries("Rollbacks", "Share of transactions that were rolled back.", "percentunit",
                       q('job_instance:postgres_rollback_ratio:rate5m{job=~"$exporter"}', "{{instance}}"), limit("postgres_rollback_ratio", "exporter")),
            timeseries("Blocks from the buffer cache", "Share of blocks that needed no disk.", "percentunit",
                       q('job_instance:postgres_cache_hit_ratio:current{job=~"$exporter"}', "{{instance}}"), limit("postgres_cache_hit_ratio_min", "exporter"), top=1),
            timeseries("Oldest transaction", "Age of the oldest running transaction; it holds locks and keeps vacuum from cleaning.", "s",
                       q('job_instance:postgres_longest_transaction_seconds:current{job=~"$exporter"}', "{{instance}}"), limit("postgres_transaction_seconds", "exporter")),
            timeseries("Deadlocks", "Deadlocks a minute.", "cpm", q('job_instance:postgres_deadlocks:rate5m{job=~"$exporter"} * 60', "{{instance}}")),
            timeseries("Locks by mode", "Locks held.", "short", q('job_instance_mode:postgres_locks:current{job=~"$exporter"}', "{{instance}} {{mode}}")),
            timeseries("Database size", "Bytes on disk.", "bytes",
                       q('job_instance_database:postgres_database_bytes:current{job=~"$exporter"}', "{{instance}} {{database}}"), size=(24, 6)),
        ),
    ),
)
