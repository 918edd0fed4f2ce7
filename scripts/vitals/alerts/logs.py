# ruff: noqa: E501  (texts read best on one line)
"""What apps write into their logs, and that they write at all."""

from vitals.alerts import Alert, floor, over

ALERTS = [
    Alert(
        "LogErrorsHigh", "warning", "5m",
        over("job:log_error_ratio:rate5m", "log_error_ratio")
        + floor("job:log_errors:rate5m", "log_errors_min"),
        unit="ratio", limit="log_error_ratio", dashboard="logs", keep_firing_for="5m",
        summary="{{ $labels.job }}: {value} of its log lines are errors",
        description="{value} of the log lines of {{ $labels.job }} that name a level were of level error or worse over 5 minutes; "
                    "the limit is {limit}.",
        means="The application reports more trouble than usual, whether its metrics show it or not.",
        do=("Which patterns? See Pattern matches on Logs.", "Read the lines themselves: Kibana, the panel on Logs, or the file.",
            "Did a deployment, a key or a provider change just before?"),
    ),
    Alert(
        "LogPatternDetected", "warning", "1m",
        "job_pattern:log_pattern_matches:window\n"
        "> on (job, pattern) group_left (severity) job_pattern:log_pattern_matches:threshold",
        unit="count", dashboard="logs", keep_firing_for="5m", labels={"severity": "{{ $labels.severity }}"},
        summary="{{ $labels.job }}: {{ $labels.pattern }} in {value} log lines",
        description="{value} log lines of {{ $labels.job }} in {{ $labels.window }} match {{ $labels.pattern }}; the limit is "
                    '{{ range query (printf "job_pattern:log_pattern_matches:threshold{job=%q, pattern=%q}" $labels.job $labels.pattern) }}{{ . | value | humanize }}{{ end }}. '
                    "{pattern means}",
        means="A known kind of trouble stands in the logs more often than it may. Limit, window and severity are the pattern's own: "
              "prometheus/log-patterns.yaml, and log_patterns and log_limits in vitals.yaml.",
        do=("Read the lines themselves: Kibana, the panel on Logs, or the file.", "The notification says what the pattern means.",
            "Is it harmless in this app? Give it a limit of its own: log_limits in vitals.yaml."),
    ),
    Alert(
        # At dawn the last line is hours old, and the first requests leave few.
        "LogsStopped", "warning", "5m",
        over("time() - job:log_last_line_seconds:current", "log_silence_seconds")
        + "\nand on (job) job:traffic:rate5m > 0.1 * avg_over_time(job:traffic:rate5m[1d])\n"
        "and on (job, profile) up == 1\n"
        'unless on () job_instance:log_reader_up:current == 0',
        unit="seconds", limit="log_silence_seconds", dashboard="logs",
        summary="{{ $labels.job }} is busy and has logged nothing for {value}",
        description="{{ $labels.job }} has more than a tenth of its day's mean traffic, and no line has come into its log files for "
                    "{value}; the limit is {limit}.",
        means="The application's logging is broken or goes elsewhere: its next trouble leaves no trace.",
        do=("Is its disk full, or its log folder no longer writable?", "Was the file renamed or the path changed? Compare with logs in vitals.yaml.",
            "Did a deployment change the log level or the handler?"),
    ),
    Alert(
        "LogsMissing", "warning", "15m",
        "job:logs:expected unless on (job) job:log_last_line_seconds:current\n"
        "and on (job) job:traffic:rate5m > 0\n"
        'unless on () job_instance:log_reader_up:current == 0',
        dashboard="logs",
        summary="No log line of {{ $labels.job }} was ever read",
        description="vitals.yaml says where {{ $labels.job }} logs; it has traffic, and the log reader has not seen a line of it.",
        means="The path is wrong, the files cannot be read by the log reader's user, or the application logs elsewhere.",
        do=("Is there a file at log_dir and logs of vitals.yaml?", "May the log reader read it? The container's user is 65534.",
            "`make logs SERVICE=mtail` says which files it found."),
    ),
    Alert(
        "LogReaderDown", "warning", "2m",
        "job_instance:log_reader_up:current == 0",
        dashboard="monitoring",
        summary="The log reader does not answer on {{ $labels.instance }}",
        description="Prometheus cannot scrape the log reader on {{ $labels.instance }}: no log line is counted, no pattern is seen.",
        means="Alerts on logs are blind; the applications themselves may be well.",
        do=("`make status`, `make logs SERVICE=mtail`.", "Restart it: `make up`. Lines written meanwhile are not counted."),
    ),
    Alert(
        "LogReaderFailing", "warning", "5m", "job_instance:log_reader_errors:rate5m > 0",
        dashboard="monitoring", keep_firing_for="10m",
        summary="The log reader on {{ $labels.instance }} has trouble",
        description="The log reader on {{ $labels.instance }} fails to read files or to run its programs: some lines are not counted.",
        means="Part of what is in the logs is not seen.",
        do=("`make logs SERVICE=mtail` names the file or program.", "`make reload` writes the programs anew."),
    ),
]
