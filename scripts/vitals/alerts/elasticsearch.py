# ruff: noqa: E501  (texts read best on one line)
"""The log store, and whether log lines arrive in it. Silent where no Elasticsearch is watched."""

from vitals.alerts import Alert, over

ALERTS = [
    Alert(
        "ElasticsearchDown", "critical", "2m", "job_instance:elasticsearch_up:current == 0",
        dashboard="logs",
        summary="Elasticsearch behind {{ $labels.instance }} does not answer",
        description="The exporter {{ $labels.instance }} gets no answer from Elasticsearch, or is refused.",
        means="No log can be searched. New lines wait in Logstash's queue on disk, up to its limit.",
        do=("Is it running? `make logs SERVICE=elasticsearch`.", "Out of memory, or its disk full?", "A password changed by hand? `make down`, `make up`."),
    ),
    Alert(
        "ElasticsearchRed", "critical", "2m", "job_instance:elasticsearch_red:current == 1",
        dashboard="logs",
        summary="Elasticsearch is red: data is missing",
        description="Elasticsearch behind {{ $labels.instance }} lacks a primary shard: some logs can be neither read nor written.",
        means="Part of the logs is not there.",
        do=("`GET _cluster/allocation/explain` says which shard and why.", "Disk full? Data damaged? Restore a snapshot of that index, or delete it."),
    ),
    Alert(
        "ElasticsearchYellow", "warning", "30m", "job_instance:elasticsearch_yellow:current == 1",
        dashboard="logs",
        summary="Elasticsearch is yellow: copies are missing",
        description="Elasticsearch behind {{ $labels.instance }} lacks replica shards: all logs are there, once.",
        means="A disk that fails now takes logs with it. On one node, an index asks for replicas that cannot be.",
        do=("`GET _cat/indices?health=yellow`.", "On one node set its index.number_of_replicas to 0."),
    ),
    Alert(
        "ElasticsearchDiskHigh", "warning", "10m", over("job_instance:elasticsearch_disk_ratio:current", "elasticsearch_disk_ratio"),
        unit="ratio", limit="elasticsearch_disk_ratio", dashboard="logs", keep_firing_for="10m",
        summary="The log store's disk is {value} full",
        description="The disk of Elasticsearch behind {{ $labels.instance }} is {value} full; the limit is {limit}. At 95% it stops writing.",
        means="Soon no log line is taken in.",
        do=("Which data stream grows? `GET _data_stream/_stats?human`.", "Keep logs for fewer days: log_retention in vitals.yaml.", "What else fills the disk?"),
    ),
    Alert(
        "ElasticsearchReadOnly", "critical", "0m", "job_instance:elasticsearch_read_only_indices:current > 0",
        unit="count", dashboard="logs", keep_firing_for="5m",
        summary="Elasticsearch takes no more log lines: its disk is full",
        description="{value} indices of Elasticsearch behind {{ $labels.instance }} are read-only: the disk passed the flood stage.",
        means="Nothing is written until there is room. Lines wait in Logstash's queue, then in the senders.",
        do=("Make room: delete the oldest indices, or what else fills the disk.", "It writes again by itself once the disk is under the high watermark (90%)."),
    ),
    Alert(
        "ElasticsearchHeapHigh", "warning", "15m", over("job_instance:elasticsearch_heap_ratio:current", "elasticsearch_heap_ratio"),
        unit="ratio", limit="elasticsearch_heap_ratio", dashboard="logs", keep_firing_for="10m",
        summary="Elasticsearch uses {value} of its heap",
        description="Elasticsearch behind {{ $labels.instance }} has used {value} of its heap for a quarter of an hour; the limit is {limit}.",
        means="It spends its time on collecting garbage; requests are refused to save it.",
        do=("A costly search? Too many shards? `GET _cat/shards`.", "Give it more: ES_JAVA_OPTS and mem_limit in compose/logs.yaml."),
    ),
    Alert(
        "ElasticsearchRejecting", "warning", "5m", "job_instance:elasticsearch_rejections:rate5m > 0",
        unit="per_second", dashboard="logs", keep_firing_for="10m",
        summary="Elasticsearch refuses writes: {value}",
        description="Elasticsearch behind {{ $labels.instance }} refuses writes because its queue is full: {value}.",
        means="Log lines come late; Logstash tries again, nothing is lost.",
        do=("What sends so much? The Logs dashboard, by service.", "Slow disk? Give it more processor or memory."),
    ),
    Alert(
        # The pipeline writes a line of its own every half minute, all the way into the store.
        "LogsNotArriving", "critical", "5m",
        "job_instance:elasticsearch_up:current == 1\nunless on (job, instance) job_instance:log_heartbeats:rate5m > 0",
        dashboard="logs",
        summary="No log lines arrive in Elasticsearch",
        description="Not even the log pipeline's own lines arrive in Elasticsearch behind {{ $labels.instance }}, though it answers.",
        means="Logstash is down, is refused or cannot write: what happens now is not in the logs. Filebeat and Logstash's queue keep it for a while.",
        do=("`make status`; `make logs SERVICE=logstash`.", "401 there: the password; start again with `make down`, `make up`.", "Is the disk full? ElasticsearchReadOnly."),
    ),
    Alert(
        "LogsRejected", "warning", "0m", "job_instance:log_rejected:rate5m > 0",
        unit="per_second", dashboard="logs", keep_firing_for="15m",
        summary="Elasticsearch refuses log lines: {value}",
        description="Elasticsearch behind {{ $labels.instance }} refuses log lines for what they hold: {value}. They are kept in logs-vitals.rejected-default.",
        means="These lines are missing among the others.",
        do=("Kibana, search \"Rejected log lines\": message says why, event.original what.", "Does an app send a field of a kind that it never had?"),
    ),
]
