# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""Logs: what the apps write, what of it is trouble, who fell silent; and the lines themselves where they are kept."""

from vitals.dashboards.grafana import HIDDEN_EXPORTER, Board
from vitals.dashboards.panels import (
    ANY_IS_BAD,
    OF_LIMIT,
    UP,
    Column,
    limit,
    lines,
    q,
    row,
    stat,
    table,
    timeseries,
    to,
)

MATCHES = 'job_pattern:log_pattern_matches:window{job=~"$job"}'
PATTERN_LIMIT = 'job_pattern:log_pattern_matches:threshold{job=~"$job"}'

BOARD = Board(
    "vitals-logs", "Agent Vitals: Logs",
    "What the apps write into their logs: levels, known troubles, silence.",
    variables=(HIDDEN_EXPORTER,),
    rows=(
        row(
            "Now",
            stat("Lines a minute", "Log lines of the chosen apps that name a level.", "short",
                 q('sum(job:log_lines:rate5m{job=~"$job"}) * 60', "lines")),
            stat("Errors a minute", "Log lines of level error or worse, over all chosen apps.", "short",
                 q('sum(job:log_errors:rate5m{job=~"$job"}) * 60', "errors")),
            stat("Share of errors", "Share of the chosen apps' log lines that are of level error or worse. Limits are each app's own.", "percentunit",
                 q('sum(job:log_errors:rate5m{job=~"$job"}) / (sum(job:log_lines:rate5m{job=~"$job"}) > 0)', "errors")),
            stat("Patterns over their limit", "Known troubles that stand in the logs of the chosen apps more often than they may.", "short",
                 q(f"count({MATCHES} > on (job, pattern) {PATTERN_LIMIT}) or vector(0)", "patterns"), steps=ANY_IS_BAD),
            stat("Apps fallen silent", "Chosen apps without a log line for longer than they may be silent, with traffic or not.", "short",
                 q('count(time() - job:log_last_line_seconds:current{job=~"$job"} > on (job) job:log_silence_seconds:threshold{job=~"$job"}) or vector(0)', "apps"), steps=ANY_IS_BAD),
            stat("Log reader", "Whether Prometheus reaches the log reader. While it is down no line is counted.", "short",
                 q('job:availability:current{profile="mtail", job=~"$exporter"}', "{{job}}"), states=UP, empty="no log reader is scraped"),
            table(
                "Logs by app", "One line for each app. Last line is when the newest log line was read, to two minutes.",
                ("job",),
                Column("Lines/min", 'job:log_lines:rate5m{job=~"$job"} * 60', "short"),
                Column("Errors/min", 'job:log_errors:rate5m{job=~"$job"} * 60', "short"),
                Column("Share of errors", 'job:log_error_ratio:rate5m{job=~"$job"}', "percentunit", link=to("system-health")),
                Column("Share of its limit", 'job:log_error_ratio:rate5m{job=~"$job"} / on (job) job:log_error_ratio:threshold{job=~"$job"}', "percentunit", OF_LIMIT, background=True),
                Column("Lines without a level/min", 'job:log_plain_lines:rate5m{job=~"$job"} * 60', "short"),
                Column("Last line", 'job:log_last_line_seconds:current{job=~"$job"} * 1000', "dateTimeFromNow"),
                size=(24, 8), names={"job": "App"}, sort="Errors/min", empty="no chosen app's log files are read: logs in vitals.yaml says where they are"),
            collapsed=False,
        ),
        row(
            "Levels",
            timeseries("Lines by level", "Log lines a minute, over all chosen apps.", "cpm",
                       q('sum by (level) (job_level:log_lines:rate5m{job=~"$job"}) * 60', "{{level}}"), stack=True, size=(12, 8)),
            timeseries("Lines by app", "Log lines a minute that name a level.", "cpm",
                       q('job:log_lines:rate5m{job=~"$job"} * 60'), size=(12, 8)),
            timeseries("Share of errors by app", "Share of log lines of level error or worse, with each app's limit. The alert also asks for a minimum of error lines.", "percentunit",
                       q('job:log_error_ratio:rate5m{job=~"$job"}'), limit("log_error_ratio"), size=(12, 8)),
            timeseries("Errors by app", "Log lines of level error or worse, a minute.", "cpm",
                       q('job:log_errors:rate5m{job=~"$job"} * 60'), size=(12, 8)),
            collapsed=False,
        ),
        row(
            "Patterns",
            timeseries("Pattern matches", "Lines that match a known pattern, within each pattern's own window. What they mean: prometheus/log-patterns.yaml.", "short",
                       q(MATCHES, "{{job}} {{pattern}}"), size=(12, 9)),
            timeseries("Patterns as shares of their limits", "Matches over the pattern's own limit: above 100 % the alert fires. Patterns of which no line is well have no share; they are in the table.", "percentunit",
                       q(f"{MATCHES} / on (job, pattern) ({PATTERN_LIMIT} > 0)", "{{job}} {{pattern}}"), size=(12, 9)),
            table("Patterns now", "Matching lines in each pattern's window, and how many are still well.",
                  ("job", "pattern"),
                  Column("Lines", MATCHES, "short"),
                  Column("Limit", PATTERN_LIMIT, "short"),
                  size=(24, 9), names={"job": "App", "pattern": "Pattern"}, sort="Lines", empty="no chosen app's log files are read"),
            collapsed=False,
        ),
        row(
            "Silence",
            timeseries("Time since the last line", "How long ago each app's newest log line was read, with the time it may be silent while it has traffic.", "s",
                       q('time() - job:log_last_line_seconds:current{job=~"$job"}'), limit("log_silence_seconds"), size=(12, 8)),
            timeseries("Lines without a level", "Tracebacks and plain text, a minute.", "cpm",
                       q('job:log_plain_lines:rate5m{job=~"$job"} * 60'), size=(12, 8)),
        ),
        row(
            "Log reader",
            timeseries("Lines read", "Lines that the log reader read, a minute.", "cpm",
                       q('job_instance:log_reader_lines:rate5m{job=~"$exporter"} * 60', "{{instance}}"), size=(8, 7)),
            timeseries("Files read", "Files that the log reader has read lines from since it started.", "short",
                       q('job_instance:log_reader_files:current{job=~"$exporter"}', "{{instance}}"), size=(8, 7)),
            timeseries("Reader's errors", "Files it could not read, programs it refused or failed in, a minute.", "cpm",
                       q('job_instance:log_reader_errors:rate5m{job=~"$exporter"} * 60', "{{instance}}"), size=(8, 7)),
        ),
        row(
            "Lines",
            lines("Log lines", "The lines themselves, newest first, where Elasticsearch keeps them (`make up WITH=logs`). Each opens to its fields, job and request id among them."),
        ),
    ),
)
