# ruff: noqa: E501  (texts read best on one line)
"""Redis."""

from vitals.alerts import Alert, over

ALERTS = [
    Alert(
        "RedisDown", "critical", "1m", "job_instance:redis_up:current == 0",
        dashboard="redis",
        summary="Redis behind {{ $labels.instance }} does not answer",
        description="The exporter {{ $labels.instance }} gets no answer from Redis.",
        means="Redis is down or hangs: caches, sessions and queues built on it fail.",
        do=("Is it running? Read its log.", "Does a slow command block it? `redis-cli slowlog get`.", "Was the password rotated?"),
    ),
    Alert(
        "RedisMemoryHigh", "warning", "10m", over("job_instance:redis_memory_ratio:current", "redis_memory_ratio"),
        unit="ratio", limit="redis_memory_ratio", dashboard="redis", keep_firing_for="10m",
        summary="Redis: {value} of maxmemory used",
        description="The Redis behind {{ $labels.instance }} uses {value} of maxmemory; the limit is {limit}.",
        means="Soon keys are dropped, or writes are refused, as its policy says.", do=("Large keys? `redis-cli --bigkeys`.",
                                                                                       "Do keys expire? Raise maxmemory."),
    ),
    Alert(
        "RedisEvicting", "warning", "10m", "job_instance:redis_evictions:rate5m > 0.1",
        unit="per_second", dashboard="redis", keep_firing_for="10m",
        summary="Redis drops keys: {value}",
        description="The Redis behind {{ $labels.instance }} drops keys because memory is full: {value}.",
        means="The cache is too small for what is kept in it.", do=("Raise maxmemory, or keep less.",),
    ),
    Alert(
        "RedisRejecting", "critical", "0m", "job_instance:redis_rejected_connections:rate5m > 0",
        dashboard="redis", keep_firing_for="5m",
        summary="Redis refuses connections",
        description="The Redis behind {{ $labels.instance }} refuses connections because maxclients is reached.",
        means="Clients cannot connect.", do=("Who holds them? `redis-cli client list`.", "Raise maxclients; use pools."),
    ),
    Alert(
        "RedisSaveFailed", "warning", "15m", "job_instance:redis_save_failed:current == 1",
        dashboard="redis",
        summary="Redis cannot save",
        description="The last background save of the Redis behind {{ $labels.instance }} failed.",
        means="After a restart, what was written since the last save is lost.", do=("Disk full? Not allowed to write? Read its log.",),
    ),
]
