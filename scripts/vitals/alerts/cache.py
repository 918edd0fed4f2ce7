# ruff: noqa: E501  (texts read best on one line)
"""Caches."""

from vitals.alerts import Alert, under

ALERTS = [
    Alert(
        "CacheHitsLow", "warning", "10m",
        under("job_cache:cache_hit_ratio:rate5m", "cache_hit_ratio_min")
        # A cache that has never found anything has no series of hits.
        + "\nand on (job, cache) ((job_cache:cache_hits:rate5m or 0 * job_cache:cache_misses:rate5m)"
        " + job_cache:cache_misses:rate5m) * 300\n>= on (job) group_left () job:cache_lookups_min:threshold",
        unit="ratio", limit="cache_hit_ratio_min", dashboard="system-health", keep_firing_for="10m",
        summary="{{ $labels.job }}: cache {{ $labels.cache }} hits only {value}",
        description="Only {value} of the lookups in cache {{ $labels.cache }} of {{ $labels.job }} find something; the limit is "
                    "{limit}.",
        means="The cache does not help: more load behind it, slower answers, more model cost.",
        do=("Was it flushed or restarted? It warms up by itself.", "Is it too small: evictions?", "Did the keys change?"),
    ),
]
