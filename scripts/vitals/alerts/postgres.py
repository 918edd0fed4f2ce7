# ruff: noqa: E501  (texts read best on one line)
"""PostgreSQL."""

from vitals.alerts import Alert, floor, over, under

ALERTS = [
    Alert(
        "PostgresDown", "critical", "1m", "job_instance:postgres_up:current == 0",
        dashboard="postgres",
        summary="PostgreSQL behind {{ $labels.instance }} does not answer",
        description="The exporter {{ $labels.instance }} gets no answer from PostgreSQL.",
        means="The database is down, hangs, refuses connections, or the exporter's password is wrong.",
        do=("Is the server running? Read its log.", "All connections used? Then the exporter gets none either.",
            "Was the password rotated?"),
    ),
    Alert(
        "PostgresConnectionsExhausted", "critical", "5m",
        over("job_instance:postgres_connections_ratio:current", "postgres_connections_ratio"),
        unit="ratio", limit="postgres_connections_ratio", dashboard="postgres", keep_firing_for="5m",
        summary="PostgreSQL: {value} of connections used",
        description="{value} of the connections of the PostgreSQL behind {{ $labels.instance }} are in use; the limit is {limit}. "
                    "New clients will be refused.",
        means="Soon no new connection is possible: applications fail.",
        do=("Who holds them? `select usename, state, count(*) from pg_stat_activity group by 1, 2 order by 3 desc`.",
            "Many idle? An application leaks them, or its pool is too large.", "End idle ones; put a pooler in front."),
    ),
    Alert(
        "PostgresConnectionsHigh", "warning", "10m",
        over("job_instance:postgres_connections_ratio:current", "postgres_connections_ratio_elevated"),
        unit="ratio", limit="postgres_connections_ratio_elevated", dashboard="postgres", keep_firing_for="10m",
        summary="PostgreSQL: {value} of connections used",
        description="{value} of the connections of the PostgreSQL behind {{ $labels.instance }} are in use; the limit is {limit}.",
        means="Little room is left for a surge.", do=("Who holds them? See pg_stat_activity.", "Use a pooler."),
    ),
    Alert(
        "PostgresDeadlocks", "warning", "5m", "round(job_instance:postgres_deadlocks:rate5m * 300) > 0",
        dashboard="postgres", keep_firing_for="15m",
        summary="PostgreSQL: {value} deadlocks in 5 minutes",
        description="The PostgreSQL behind {{ $labels.instance }} ended {value} deadlocks in 5 minutes by failing a transaction.",
        means="Transactions lock the same rows in different orders; some fail.",
        do=("The server's log names both statements.", "Lock in one order, or retry."),
    ),
    Alert(
        "PostgresRollbacksHigh", "warning", "15m",
        over("job_instance:postgres_rollback_ratio:rate5m", "postgres_rollback_ratio")
        + floor("job_instance:postgres_transactions:rate5m", "postgres_transactions_min", "instance"),
        unit="ratio", limit="postgres_rollback_ratio", dashboard="postgres", keep_firing_for="10m",
        summary="PostgreSQL: {value} of transactions are rolled back",
        description="{value} of the transactions of the PostgreSQL behind {{ $labels.instance }} are rolled back; the limit is "
                    "{limit}.",
        means="Statements fail: constraint violations, timeouts, serialisation conflicts.", do=("Read the server's error log.",),
    ),
    Alert(
        "PostgresCacheHitsLow", "warning", "30m",
        under("job_instance:postgres_cache_hit_ratio:current", "postgres_cache_hit_ratio_min")
        + floor("job_instance:postgres_transactions:rate5m", "postgres_transactions_min", "instance"),
        unit="ratio", limit="postgres_cache_hit_ratio_min", dashboard="postgres", keep_firing_for="15m",
        summary="PostgreSQL: only {value} of blocks come from memory",
        description="Only {value} of the blocks read by the PostgreSQL behind {{ $labels.instance }} come from its cache; the limit "
                    "is {limit}.",
        means="The working set no longer fits, or a query reads whole tables.",
        do=("Which query? pg_stat_statements, by shared_blks_read.", "An index missing? More shared_buffers?"),
    ),
    Alert(
        "PostgresTransactionLong", "warning", "5m",
        over("job_instance:postgres_longest_transaction_seconds:current", "postgres_transaction_seconds"),
        unit="seconds", limit="postgres_transaction_seconds", dashboard="postgres", keep_firing_for="5m",
        summary="PostgreSQL: a transaction has run for {value}",
        description="A transaction has been running for {value} on the PostgreSQL behind {{ $labels.instance }}; the limit is "
                    "{limit}.",
        means="It holds locks and keeps vacuum from cleaning up.",
        do=("Which? `select pid, state, xact_start, query from pg_stat_activity order by xact_start`.",
            "Idle in transaction? End it and mend the application."),
    ),
]
