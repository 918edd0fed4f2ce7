# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""Monitoring itself: who watches the watchers."""

from vitals.dashboards.grafana import EXPORTER, Board
from vitals.dashboards.panels import (
    ALL_IS_GOOD,
    OK,
    UP,
    limit,
    q,
    row,
    stat,
    timeseries,
)

BOARD = Board(
    "vitals-monitoring", "Agent Vitals: Monitoring itself",
    "The health of what watches: Prometheus, its rules and storage, Alertmanager, scrapes.",
    variables=(EXPORTER,),
    audience="platform",
    rows=(
        row(
            "The monitoring itself",
            stat("Targets", "Share of each job's scrape targets that answer now; exporters and the stack itself.", "percentunit",
                 q('job:availability:current{job=~"$exporter"}'), steps=ALL_IS_GOOD, size=(12, 5)),
            stat("Pages", "Whether the stack's own pages answer, asked from outside.", "short",
                 q('job_instance:probe_success:current unless on (job) job:app:info{kind="app"}', "{{job}}"), states=UP, size=(24, 4)),
            stat("Configuration loaded", "Whether what runs is what is on disk. Failed: the last reload was refused, read the log.", "short",
                 q('job_instance:prometheus_reload_ok:current{job=~"$exporter"}', "Prometheus {{instance}}"),
                 q('job_instance:alertmanager_reload_ok:current{job=~"$exporter"}', "Alertmanager {{instance}}"), states=OK, size=(12, 5)),
            timeseries("Rule evaluation", "How much of its interval the slowest rule group needs. Above 1, evaluations are missed.", "percentunit",
                       q('topk(5, job_instance_group:prometheus_rule_lag_ratio:current{job=~"$exporter"})', "{{group}}"), limit("prometheus_rule_lag_ratio", "exporter")),
            timeseries("Rules failed or missed", "Rule evaluations a minute.", "cpm",
                       q('job_instance:prometheus_rule_failures:rate5m{job=~"$exporter"} * 60', "{{instance}} failed", "bad"), q('job_instance:prometheus_rule_missed:rate5m{job=~"$exporter"} * 60', "{{instance}} missed")),
            timeseries("Notifications", "Notifications a minute that Alertmanager tried, and those that failed.", "cpm",
                       q('job_instance_integration:alertmanager_notifications:rate5m{job=~"$exporter"} * 60', "{{integration}} tried"),
                       q('job_instance_integration:alertmanager_notifications_failed:rate5m{job=~"$exporter"} * 60', "{{integration}} failed", "bad")),
            timeseries("Alerts lost on the way", "Alerts a minute that Prometheus could not deliver to any Alertmanager.", "cpm",
                       q('job_instance:prometheus_notifications_dropped:rate5m{job=~"$exporter"} * 60', "{{instance}}", "bad")),
            timeseries("Alerts held", "Alerts that Alertmanager holds, by state.", "short", q('job_instance_state:alertmanager_alerts:current{job=~"$exporter"}', "{{instance}} {{state}}")),
            timeseries("Series", "Series in Prometheus' memory. A jump: some label has too many values.", "short", q('job_instance:prometheus_series:current{job=~"$exporter"}', "{{instance}}")),
            timeseries("Samples", "Samples a second taken in.", "ops", q('job_instance:prometheus_samples:rate5m{job=~"$exporter"}', "{{instance}}")),
            timeseries("Storage", "Disk space that the series use.", "bytes", q('job_instance:prometheus_storage_bytes:current{job=~"$exporter"}', "{{instance}}")),
            timeseries("Storage failures", "Failed compactions, checkpoints, truncations and corruptions a minute, and scrapes that were too big.", "cpm",
                       q('job_instance:prometheus_tsdb_failures:rate5m{job=~"$exporter"} * 60', "{{instance}} storage", "bad"), q('job_instance:prometheus_scrapes_too_big:rate5m{job=~"$exporter"} * 60', "{{instance}} scrapes too big")),
        ),
    ),
)
