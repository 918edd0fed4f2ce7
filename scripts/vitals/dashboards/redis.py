# ruff: noqa: E501  (a panel's texts and queries read best on one line)
"""Redis: are the servers up, with room left; do lookups find something; which commands take the time."""

from vitals.dashboards.grafana import HIDDEN_EXPORTER, Board, Variable
from vitals.dashboards.panels import (
    FAILED,
    UP,
    Column,
    limit,
    q,
    row,
    stat,
    table,
    target,
    timeseries,
)

HERE = '{job=~"$exporter", instance=~"$redis"}'
NO_LIMIT = "no Redis with a maxmemory is scraped"
NO_REPLICA = "no scraped Redis has a replica"

BOARD = Board(
    "vitals-redis", "Agent Vitals: Redis",
    "Redis servers: memory, lookups, commands and their latency, clients, keys, persistence.",
    variables=(HIDDEN_EXPORTER, Variable("redis", "Server", 'label_values(job_instance:redis_up:current{job=~"$exporter"}, instance)')),
    audience="platform",
    apps=False,
    rows=(
        row(
            "Now",
            stat("Redis", "Whether the exporter reaches the server.", "short", q(f"job_instance:redis_up:current{HERE}", "{{instance}}"), states=UP),
            stat("Memory used", "Memory over maxmemory; the fullest server. Worry above 90 %.", "percentunit", q(f"max(job_instance:redis_memory_ratio:current{HERE})", "used"), empty=NO_LIMIT),
            stat("Lookups that find something", "Share of the chosen servers' key lookups. Worry when it sinks.", "percentunit", q(f"sum(job_instance:redis_hits:rate5m{HERE}) / (sum(job_instance:redis_hits:rate5m{HERE}) + sum(job_instance:redis_misses:rate5m{HERE}) > 0)", "hits"), empty="no key was looked up in five minutes"),
            stat("Commands a second", "Commands a second over all chosen servers. Worry when it is far from usual.", "ops", q(f"sum(job_instance:redis_commands:rate5m{HERE})", "commands")),
            stat("Command takes", "Mean time of a command, without waiting; the slowest server. Worry above a millisecond.", "s", q(f"max(job_instance:redis_latency_seconds:rate5m{HERE})", "mean")),
            stat("Clients connected", "Clients connected to all chosen servers. Worry when it nears maxclients.", "short", q(f"sum(job_instance:redis_clients:current{HERE})", "clients")),
            table("Redis servers", "One line for each server. Memory of its limit is empty where there is no maxmemory. Worry about the one whose values differ from its equals.", ("instance",),
                  Column("Now", f"job_instance:redis_up:current{HERE}", states=UP),
                  Column("Memory", f"job_instance:redis_memory_bytes:current{HERE}", "bytes"),
                  Column("Of its limit", f"job_instance:redis_memory_ratio:current{HERE}", "percentunit"),
                  Column("Hits", f"job_instance:redis_hit_ratio:rate5m{HERE}", "percentunit"),
                  Column("Commands/s", f"job_instance:redis_commands:rate5m{HERE}", "short"),
                  Column("Mean", f"job_instance:redis_latency_seconds:rate5m{HERE}", "s"),
                  Column("Clients", f"job_instance:redis_clients:current{HERE}", "short"),
                  Column("Keys", f"sum by (job, instance) (job_instance_database:redis_keys:current{HERE})", "short"),
                  Column("Replicas", f"job_instance:redis_replicas:current{HERE}", "short"),
                  Column("Save", f"job_instance:redis_save_failed:current{HERE}", states=FAILED),
                  Column("Running since", f"time() - job_instance:redis_start_seconds:current{HERE}", "dtdurations"),
                  size=(24, 6), names={"instance": "Server"}, sort="Memory"),
            collapsed=False,
        ),
        row(
            "Golden signals",
            timeseries("Redis commands", "Commands a second of each server. Worry when a line leaves its daily rhythm.", "ops", q(f"job_instance:redis_commands:rate5m{HERE}", "{{instance}}")),
            timeseries("Redis latency", "Mean time of a command, without waiting for its turn. Worry when a line leaves its usual height.", "s", q(f"job_instance:redis_latency_seconds:rate5m{HERE}", "{{instance}}")),
            timeseries("Redis hits", "Share of key lookups that found something. Worry below the target, or when it sinks.", "percentunit",
                       q(f"job_instance:redis_hit_ratio:rate5m{HERE}", "{{instance}}"), target("redis_hit_ratio_min", "exporter"), top=1),
            timeseries("Redis memory", "Memory in use, and maxmemory where one is set. Worry when it nears maxmemory.", "bytes",
                       q(f"job_instance:redis_memory_bytes:current{HERE}", "{{instance}}"), q(f"job_instance:redis_memory_limit_bytes:current{HERE} > 0", "{{instance}} maxmemory", "reference")),
            timeseries("Redis memory of its limit", "Memory over maxmemory; beyond it keys are evicted or writes refused.", "percentunit",
                       q(f"job_instance:redis_memory_ratio:current{HERE}", "{{instance}}"), limit("redis_memory_ratio", "exporter"), empty=NO_LIMIT),
            timeseries("Redis evictions", "Keys a minute that were dropped because memory was full.", "cpm", q(f"job_instance:redis_evictions:rate5m{HERE} * 60", "{{instance}}", "bad")),
            collapsed=False,
        ),
        row(
            "Commands",
            timeseries("Commands by command", "The ten commands called most. Worry about KEYS or another that nobody should call often.", "ops", q(f"topk(10, job_instance_command:redis_commands:rate5m{HERE})", "{{instance}} {{command}}"), stack=True),
            timeseries("Time by command", "Share of one processor core that the ten most expensive commands take. Redis runs them one after another: together they cannot pass 100 %. Worry when the sum nears 100 %.", "percentunit",
                       q(f"topk(10, job_instance_command:redis_command_seconds:rate5m{HERE})", "{{instance}} {{command}}"), stack=True),
            timeseries("Latency by command", "Mean time of the ten slowest commands. Worry about a line above a millisecond.", "s", q(f"topk(10, job_instance_command:redis_latency_seconds:rate5m{HERE})", "{{instance}} {{command}}")),
            timeseries("Failed commands", "Commands a minute that failed or were refused. Worry above 0.", "cpm", q(f"job_instance:redis_commands_failed:rate5m{HERE} * 60", "{{instance}}", "bad")),
            timeseries("Slow commands", "Commands a minute that took longer than slowlog-log-slower-than. Which: SLOWLOG GET. Worry when it is not 0 for long: while one runs, all others wait.", "cpm", q(f"job_instance:redis_commands_slow:rate5m{HERE} * 60", "{{instance}}")),
            timeseries("Redis processor", "Processor cores in use. Worry near 1 for commands: Redis can do no more.", "short", q(f"job_instance:redis_cpu_cores:current{HERE}", "{{instance}}")),
        ),
        row(
            "Who is connected?",
            timeseries("Redis clients", "Connected clients, and those that wait in a blocking command. Worry when they climb and do not fall: connections leak.", "short",
                       q(f"job_instance:redis_clients:current{HERE}", "{{instance}}"), q(f"job_instance:redis_clients_blocked:current{HERE}", "{{instance}} blocked", "reference")),
            timeseries("Redis clients of the limit", "Connected clients over maxclients. Worry above 80 %.", "percentunit", q(f"job_instance:redis_clients_ratio:current{HERE}", "{{instance}}")),
            timeseries("Redis connections refused", "Connections a minute refused at maxclients.", "cpm", q(f"job_instance:redis_rejected_connections:rate5m{HERE} * 60", "{{instance}}", "bad")),
            timeseries("Redis received", "Bytes a second from clients. Worry when a line leaves its usual height.", "Bps", q(f"job_instance:redis_received_bytes:rate5m{HERE}", "{{instance}}"), size=(12, 8)),
            timeseries("Redis sent", "Bytes a second to clients. Worry when it jumps: somebody reads large values.", "Bps", q(f"job_instance:redis_sent_bytes:rate5m{HERE}", "{{instance}}"), size=(12, 8)),
        ),
        row(
            "What fills the memory?",
            timeseries("Keys", "Keys held in each database. Worry when they grow without end.", "short", q(f"job_instance_database:redis_keys:current{HERE}", "{{instance}} {{database}}"), empty="no key is held"),
            timeseries("Keys that expire", "Share of the keys that have a time to live; the others stay until they are deleted or evicted. Worry when it sinks: keys are kept for ever.", "percentunit",
                       q(f"job_instance_database:redis_keys_expiring:current{HERE} / job_instance_database:redis_keys:current{HERE}", "{{instance}} {{database}}"), top=1, empty="no key is held, or none has a time to live"),
            timeseries("Expired keys", "Keys a minute that reached the end of their time to live. Worry when it falls to zero while keys grow.", "cpm", q(f"job_instance:redis_expirations:rate5m{HERE} * 60", "{{instance}}")),
            timeseries("Fragmentation", "Memory that the system gave Redis over what it uses. Worry far above 1 with much memory, which is then wasted, and below 1: part of Redis is swapped out.", "short",
                       q(f"job_instance:redis_fragmentation_ratio:current{HERE}", "{{instance}}"), size=(24, 8)),
        ),
        row(
            "Would data survive?",
            stat("Redis saves", "Whether the last background save succeeded.", "short", q(f"job_instance:redis_save_failed:current{HERE}", "{{instance}}"), states=FAILED),
            stat("Append-only file", "Whether the last write to it succeeded; ok also where there is none. Worry when it failed: writes since then may be lost.", "short", q(f"job_instance:redis_append_failed:current{HERE}", "{{instance}}"), states=FAILED),
            stat("Last snapshot", "How long ago the last snapshot succeeded. Worry when it is older than the data may be lost for.", "dtdurations", q(f"time() - job_instance:redis_last_save_seconds:current{HERE}", "{{instance}}"), size=(8, 4)),
            stat("Replica lag", "Time since the slowest replica was last heard of. Worry above ten seconds.", "s", q(f"job_instance:redis_replica_lag_seconds:current{HERE}", "{{instance}}"), size=(8, 4), empty=NO_REPLICA),
            timeseries("Changes not yet saved", "Changes since the last snapshot: what a crash would lose where there is no append-only file. Worry when it grows and no snapshot follows.", "short", q(f"job_instance:redis_changes_unsaved:current{HERE}", "{{instance}}"), size=(24, 8)),
        ),
    ),
)
