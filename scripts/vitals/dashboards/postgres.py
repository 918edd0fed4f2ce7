# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""PostgreSQL: are the servers up, with room left; what holds them up, and which statements take the time."""

from vitals.dashboards.grafana import HIDDEN_EXPORTER, Board, Variable
from vitals.dashboards.panels import (
    REPLICA,
    UP,
    Column,
    elevated,
    limit,
    q,
    row,
    stat,
    table,
    timeseries,
)

HERE = '{job=~"$exporter", instance=~"$postgres"}'
NO_STATEMENTS = "the exporter reads no statements: --collector.stat_statements, and the extension pg_stat_statements"


def _of_statement(what: str) -> str:
    """A statement's rate, for the twenty that take the most time of all."""
    return (f"job_instance_database_query:postgres_statement_{what}:rate5m{HERE} "
            f"and topk(20, job_instance_database_query:postgres_statement_seconds:rate5m{HERE})")


BOARD = Board(
    "vitals-postgres", "Agent Vitals: PostgreSQL",
    "PostgreSQL servers: connections, transactions, locks, cache, disk, replication, slowest statements.",
    variables=(HIDDEN_EXPORTER, Variable("postgres", "Server", 'label_values(job_instance:postgres_up:current{job=~"$exporter"}, instance)')),
    audience="platform",
    apps=False,
    rows=(
        row(
            "Now",
            stat("PostgreSQL", "Whether the exporter reaches the server.", "short", q(f"job_instance:postgres_up:current{HERE}", "{{instance}}"), states=UP),
            stat("Connections used", "Connections over max_connections, idle ones too; the fullest server. Worry above 80 %.", "percentunit", q(f"max(job_instance:postgres_connections_ratio:current{HERE})", "used")),
            stat("Transactions a second", "Committed and rolled back, over all chosen servers. Worry when it is far from usual.", "ops", q(f"sum(job_instance:postgres_transactions:rate5m{HERE})", "transactions")),
            stat("From the buffer cache", "Share of blocks that needed no disk; the server with the lowest. Worry below 90 %.", "percentunit", q(f"min(job_instance:postgres_cache_hit_ratio:current{HERE})", "hits")),
            stat("Oldest transaction runs for", "It holds locks and keeps vacuum from cleaning. Worry above five minutes.", "dtdurations", q(f"max(job_instance:postgres_longest_transaction_seconds:current{HERE})", "runs")),
            stat("Replication lag", "How far the slowest replica is behind; a primary has none. Worry when it grows.", "s", q(f"max(job_instance:postgres_replication_lag_seconds:current{HERE})", "behind")),
            table("PostgreSQL servers", "One line for each server. Worry about the one whose values differ from its equals.", ("instance",),
                  Column("Now", f"job_instance:postgres_up:current{HERE}", states=UP),
                  Column("Role", f"job_instance:postgres_replica:current{HERE}", states=REPLICA),
                  Column("Connections", f"job_instance:postgres_connections_ratio:current{HERE}", "percentunit"),
                  Column("Transactions/s", f"job_instance:postgres_transactions:rate5m{HERE}", "short"),
                  Column("Rolled back", f"job_instance:postgres_rollback_ratio:rate5m{HERE}", "percentunit"),
                  Column("From cache", f"job_instance:postgres_cache_hit_ratio:current{HERE}", "percentunit"),
                  Column("Size", f"sum by (job, instance) (job_instance_database:postgres_database_bytes:current{HERE})", "bytes"),
                  Column("Behind", f"job_instance:postgres_replication_lag_seconds:current{HERE}", "s"),
                  size=(24, 6), names={"instance": "Server"}, sort="Connections"),
            collapsed=False,
        ),
        row(
            "Golden signals",
            timeseries("Transactions", "Transactions a second, committed and rolled back. Worry when errors widen, or everything falls to the ground.", "ops",
                       q(f"job_instance_outcome:postgres_transactions:rate5m{HERE}", "{{instance}} {{outcome}}")),
            timeseries("Rollbacks", "Share of transactions that were rolled back.", "percentunit",
                       q(f"job_instance:postgres_rollback_ratio:rate5m{HERE}", "{{instance}}"), limit("postgres_rollback_ratio", "exporter")),
            timeseries("Oldest transaction", "Age of the oldest running transaction; it holds locks and keeps vacuum from cleaning.", "s",
                       q(f"job_instance:postgres_longest_transaction_seconds:current{HERE}", "{{instance}}"), limit("postgres_transaction_seconds", "exporter")),
            timeseries("Connections in use", "Connections over max_connections, idle ones too.", "percentunit",
                       q(f"job_instance:postgres_connections_ratio:current{HERE}", "{{instance}}"), limit("postgres_connections_ratio", "exporter"), elevated("postgres_connections_ratio_elevated", "exporter")),
            timeseries("Connections by state", "Many idle ones: a pool too large, or a leak. Idle in transaction: an app forgot to commit. Worry when idle in transaction grows.", "short",
                       q(f"job_instance_state:postgres_connections:current{HERE}", "{{instance}} {{state}}"), stack=True),
            timeseries("Blocks from the buffer cache", "Share of blocks that needed no disk.", "percentunit",
                       q(f"job_instance:postgres_cache_hit_ratio:current{HERE}", "{{instance}}"), limit("postgres_cache_hit_ratio_min", "exporter"), top=1),
            collapsed=False,
        ),
        row(
            "Statements",
            table("Slowest statements", "The twenty statements that take the most time now. Time: seconds a second, so 1 is a whole connection. A statement's text stands in pg_stat_statements, under its queryid. Worry about one that was not on top before.", ("instance", "database", "query"),
                  Column("Time", _of_statement("seconds"), "percentunit"),
                  Column("Calls/s", _of_statement("calls"), "short"),
                  Column("Mean", f"({_of_statement('seconds')}) / (job_instance_database_query:postgres_statement_calls:rate5m{HERE} > 0)", "s"),
                  size=(24, 9), names={"instance": "Server", "query": "Statement"}, sort="Time", empty=NO_STATEMENTS),
            timeseries("Time by statement", "Seconds a second that the five most expensive statements take. Worry about a line that climbs.", "percentunit",
                       q(f"topk(5, job_instance_database_query:postgres_statement_seconds:rate5m{HERE})", "{{instance}} {{database}} {{query}}"), size=(12, 8), empty=NO_STATEMENTS),
            timeseries("Rows", "Rows a second that statements fetched and changed. Worry when fetched rows multiply without more transactions: an index is missing.", "rowsps",
                       q(f"job_instance_operation:postgres_rows:rate5m{HERE}", "{{instance}} {{operation}}"), size=(12, 8)),
        ),
        row(
            "Locks",
            timeseries("Locks by mode", "Locks held, by mode. Worry about exclusive ones that stay.", "short", q(f"job_instance_mode:postgres_locks:current{HERE}", "{{instance}} {{mode}}")),
            timeseries("Deadlocks", "Deadlocks a minute: transactions that waited for each other until one was ended. Worry above 0.", "cpm", q(f"job_instance:postgres_deadlocks:rate5m{HERE} * 60", "{{instance}}", "bad")),
            timeseries("Transaction ids", "Share of the 2³¹ transaction ids used since the oldest row was frozen. Worry above 50 %: at 100 % the server stops writing; autovacuum begins at about 9 %.", "percentunit",
                       q(f"job_instance_database:postgres_wraparound_ratio:current{HERE}", "{{instance}} {{database}}"), top=1, empty="the exporter runs without --collector.database_wraparound"),
        ),
        row(
            "Disk",
            timeseries("Blocks read", "Blocks a second that were not in the buffer cache. Worry when it climbs: what is needed no longer fits the cache.", "iops", q(f"job_instance:postgres_blocks_read:rate5m{HERE}", "{{instance}}")),
            timeseries("Temporary files", "Bytes a second written because a sort or join did not fit work_mem. Worry when it is not 0 for long.", "Bps", q(f"job_instance:postgres_temp_bytes:rate5m{HERE}", "{{instance}}")),
            timeseries("Checkpoints", "Checkpoints an hour. Requested: the log was full before the time was up; raise max_wal_size. Worry when requested ones are frequent.", "short",
                       q(f"job_instance_kind:postgres_checkpoints:rate5m{HERE} * 3600", "{{instance}} {{kind}}"), empty="the exporter reads no checkpoints: since PostgreSQL 17 only with --collector.stat_checkpointer"),
            timeseries("Database size", "Bytes that each database takes on disk. Worry when it grows faster than what is stored in it.", "bytes",
                       q(f"job_instance_database:postgres_database_bytes:current{HERE}", "{{instance}} {{database}}"), size=(12, 8)),
            timeseries("Log of changes", "Bytes of write-ahead log (WAL) on disk. Worry when it grows without end: a replica or an archive is gone, and its part is kept.", "bytes",
                       q(f"job_instance:postgres_wal_bytes:current{HERE}", "{{instance}}"), size=(12, 8)),
        ),
        row(
            "Replication",
            timeseries("Replication lag of each server", "How far each replica is behind its primary. Worry when a line grows.", "s", q(f"job_instance:postgres_replication_lag_seconds:current{HERE}", "{{instance}}"), size=(24, 8)),
        ),
    ),
)
