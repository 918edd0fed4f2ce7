# ruff: noqa: E501  (texts read best on one line)
"""The monitoring itself: who watches the watchers."""

from vitals.alerts import Alert, over

ALERTS = [
    Alert(
        "Watchdog", "info", "0m", "vector(1)",
        summary="Alerting works",
        description="This alert always fires. If it stops arriving, alerting itself is broken.",
        means="Nothing is wrong. Send it to a dead man's switch that raises the alarm when it stops coming.",
        do=("Nothing to do.",),
    ),
    Alert(
        "ExporterDown", "warning", "2m",
        'up == 0\nand on (job, profile) job:app:info{kind="exporter"}',
        dashboard="monitoring",
        summary="Exporter {{ $labels.job }} does not answer on {{ $labels.instance }}",
        description="Prometheus cannot scrape {{ $labels.instance }} of {{ $labels.job }}; what it watches is unseen.",
        means="What the exporter watches may be well; nobody knows.",
        do=("Is the exporter running? Read its log.", "Does a slow backend make its scrape time out?"),
    ),
    Alert(
        "StackTargetDown", "critical", "2m",
        'up == 0\nand on (job, profile) job:app:info{kind="stack"}',
        dashboard="monitoring",
        summary="{{ $labels.job }} on {{ $labels.instance }} does not answer",
        description="Prometheus cannot scrape {{ $labels.job }} on {{ $labels.instance }}, a part of the monitoring itself.",
        means="Alerts may not be evaluated or sent.", do=("`make status`, `make logs`.", "Restart it: `make up`."),
    ),
    Alert(
        "RulesFailing", "critical", "5m", "job_instance:prometheus_rule_failures:rate5m > 0",
        dashboard="monitoring", keep_firing_for="5m",
        summary="Rules fail on {{ $labels.instance }}",
        description="Some rules of {{ $labels.instance }} cannot be evaluated: alerts built on them are dead.",
        means="Part of the alerting is blind.", do=("/api/v1/rules shows lastError.", "`make check`."),
    ),
    Alert(
        "RulesSlow", "warning", "10m",
        over("job_instance_group:prometheus_rule_lag_ratio:current", "prometheus_rule_lag_ratio"),
        unit="ratio", limit="prometheus_rule_lag_ratio", dashboard="monitoring", keep_firing_for="10m",
        summary="Rule group {{ $labels.group }} needs {value} of its interval",
        description="Rule group {{ $labels.group }} on {{ $labels.instance }} needs {value} of its interval; the limit is {limit}. "
                    "Beyond 100% evaluations are left out.",
        means="Alerts come late, then not at all.", do=("Did the number of series jump?", "Give Prometheus more processor."),
    ),
    Alert(
        "RulesMissed", "warning", "5m", "job_instance:prometheus_rule_missed:rate5m > 0",
        dashboard="monitoring", keep_firing_for="10m",
        summary="{{ $labels.instance }} leaves out rule evaluations",
        description="Rule groups of {{ $labels.instance }} were not evaluated in time.",
        means="Long windows count too little; alerts come late.", do=("See RulesSlow.", "Was the machine suspended?"),
    ),
    Alert(
        "NotificationsDropped", "critical", "5m", "job_instance:prometheus_notifications_dropped:rate5m > 0",
        dashboard="monitoring", keep_firing_for="5m",
        summary="{{ $labels.instance }} cannot reach Alertmanager",
        description="Alerts of {{ $labels.instance }} reach no Alertmanager.",
        means="Nobody is told of anything.", do=("Is Alertmanager up? `make status`.", "Is its address right?"),
    ),
    Alert(
        "AlertmanagerUnknown", "critical", "5m", "job_instance:prometheus_alertmanagers:current == 0",
        dashboard="monitoring",
        summary="{{ $labels.instance }} knows no Alertmanager",
        description="{{ $labels.instance }} has no Alertmanager to send alerts to.",
        means="Nobody is told of anything.", do=("Look at alerting in prometheus.yml and at its target file.",),
    ),
    Alert(
        # At once: it has tried for its whole group interval already, and what can wait (info) is sent but every half hour.
        "AlertmanagerCannotSend", "critical", "0m",
        "job_instance_integration:alertmanager_notifications_failed:rate5m > 0",
        dashboard="monitoring", keep_firing_for="5m",
        summary="Alertmanager cannot send by {{ $labels.integration }}",
        description="Notifications of {{ $labels.instance }} by {{ $labels.integration }} fail.",
        means="The people behind that receiver are not told.", do=("Read Alertmanager's log.", "Has the secret changed?",
                                                                   "Is the receiver's service down?"),
    ),
    Alert(
        "PrometheusReloadFailed", "warning", "5m", "job_instance:prometheus_reload_ok:current == 0",
        dashboard="monitoring",
        summary="{{ $labels.instance }} runs an old configuration",
        description="The last reload of {{ $labels.instance }} failed: it runs the configuration from before.",
        means="Changes to targets and rules are not live.", do=("`make check` says what is wrong.", "`make reload`."),
    ),
    Alert(
        "AlertmanagerReloadFailed", "warning", "5m", "job_instance:alertmanager_reload_ok:current == 0",
        dashboard="monitoring",
        summary="{{ $labels.instance }} runs an old configuration",
        description="The last reload of {{ $labels.instance }} failed: it runs the routes from before.",
        means="Changes to routes and receivers are not live.", do=("`make check` says what is wrong.", "`make reload`."),
    ),
    Alert(
        # Compared with those that answer: of one that does not, StackTargetDown tells.
        "AlertmanagerPeersMissing", "warning", "5m",
        "job_instance:alertmanager_members:current\n< on (job) group_left () count by (job) (up == 1)",
        dashboard="monitoring",
        summary="Alertmanager on {{ $labels.instance }} has lost its peer",
        description="{{ $labels.instance }} sees {value} members of its cluster, fewer than there are Alertmanagers that run.",
        means="The Alertmanagers do not know what the others have sent: everything is told once by each, and a silence holds in one only.",
        do=("Do they reach each other's port 9094, by TCP and UDP?", "Restart the one that sees too few: `make logs SERVICE=alertmanager`."),
    ),
    Alert(
        "AlertmanagerConfigsDiffer", "warning", "5m",
        "max by (job, profile) (job_instance:alertmanager_config_hash:current)\n"
        "!= min by (job, profile) (job_instance:alertmanager_config_hash:current)",
        dashboard="monitoring",
        summary="The Alertmanagers of {{ $labels.job }} run different configurations",
        description="The Alertmanagers of {{ $labels.job }} have read different configurations: one has missed a reload.",
        means="Who is told, and how often, depends on which of them sends.",
        do=("`make reload` reaches both.", "AlertmanagerReloadFailed says which of them refuses a configuration."),
    ),
    Alert(
        # At once: a checkpoint is made every two hours, so its failure is never seen for longer than the rate's window.
        "TsdbFailing", "critical", "0m", "job_instance:prometheus_tsdb_failures:rate5m > 0",
        dashboard="monitoring", keep_firing_for="15m",
        summary="{{ $labels.instance }} has trouble with its storage",
        description="Compactions, checkpoints, truncations or the write-ahead log of {{ $labels.instance }} fail.",
        means="Data may be lost.", do=("Disk full? Read Prometheus' log.", "Take a snapshot before you restart it."),
    ),
    Alert(
        # Of a full disk no other alert can tell: what it would read is not stored any more, and what fires is taken
        # back as the last samples grow old. Rules are evaluated all the same, and the Watchdog goes on firing.
        "SamplesNotStored", "critical", "1m", "time() - max(timestamp(up)) > 60\nor absent(up)",
        dashboard="monitoring",
        summary="Prometheus stores no more samples",
        description="The newest sample of any target is more than a minute old: Prometheus scrapes nothing, or cannot write what it scrapes.",
        means="All other alerts are blind, and those that fire now will be taken back although nothing is better.",
        do=("Is its disk full? Make room: it goes on by itself.", "Read its log: `make logs SERVICE=prometheus`.",
            "Does it have targets? /api/v1/targets."),
    ),
    Alert(
        "ScrapeTooBig", "warning", "5m", "job_instance:prometheus_scrapes_too_big:rate5m > 0",
        dashboard="monitoring", keep_firing_for="10m",
        summary="{{ $labels.instance }} refuses a scrape as too big",
        description="A target exposes more than {{ $labels.instance }} takes in; all of its samples are refused.",
        means="That target is unseen.", do=("Which? /api/v1/targets shows lastError.", "`vitals doctor URL` names unbounded labels."),
    ),
    Alert(
        "CardinalityJump", "warning", "15m",
        over("job_instance:prometheus_series:current / (job_instance:prometheus_series:current offset 1h > 0)",
             "prometheus_series_jump_ratio")
        + "\nand on (job, instance) "
        + over("job_instance:prometheus_series:current", "prometheus_series_jump_min"),
        unit="ratio", limit="prometheus_series_jump_ratio", dashboard="monitoring", keep_firing_for="30m",
        summary="{{ $labels.instance }} holds {value} of the series of an hour ago",
        description="{{ $labels.instance }} holds {value} as many series as an hour ago; the limit is {limit}.",
        means="Some label has no bounds: memory will run out.", do=("/api/v1/status/tsdb names the metrics and labels.",
                                                                   "`vitals doctor URL` on the suspect."),
    ),
]
