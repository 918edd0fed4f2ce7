"""Two vectors that can never meet."""

from __future__ import annotations

from collections.abc import Iterator

from vitals.lint.checks.base import Context, Said, Subject, check
from vitals.lint.expression import Aggregate, Binary, Call, Hole, Negation, Node, Selector

# Labels that say where a server stands; a set-up with one cluster has them nowhere, and then they match as absent.
PLACES = frozenset({"cluster", "cluster_id", "region", "environment", "env", "tenant"})


@check(
    "dead-join", "error", "expression",
    "Two sides whose labels can never match give nothing.",
    why="""\
Without `on` or `ignoring`, two series match only when all their labels are the same. A side aggregated to fewer labels
than the other has never matches it, and the alert never fires.
""",
    bad="""\
alert: TooManyConnections
expr: pg_stat_database_numbackends / sum by (instance) (pg_settings_max_connections) > 0.9
""",
    good="""\
alert: TooManyConnections
expr: sum by (instance) (pg_stat_database_numbackends) / sum by (instance) (pg_settings_max_connections) > 0.9
""")
def dead_join(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        if node.op == "or" or node.filled or node.open or node.left.scalar or node.right.scalar:
            continue
        if isinstance(node.left, Hole) or isinstance(node.right, Hole):
            continue
        found = _unmatched(node)
        if not found:
            continue
        label, has, lacks = found
        side, other = ("left", "right") if has is node.left else ("right", "left")
        result = "takes nothing away" if node.op == "unless" else "gives nothing"
        span = (node.op_start, node.op_start + len(node.op))
        yield Said(f"the {side} side has the label `{label}` and the {other} side cannot have it: this {result}",
                   _advice(node, label, lacks), span)


def _advice(node: Binary, label: str, lacks: Node) -> str:
    if isinstance(lacks, Aggregate) and lacks.mode == "by":
        return f"aggregate both sides to the same labels, or match `on ({', '.join(lacks.by)})`"
    return f"aggregate `{label}` away, or say what to match by `on (…)`"


def _unmatched(node: Binary) -> tuple[str, Node, Node] | None:
    """A label that is matched by, that one side has and the other cannot have: (label, has, has not)."""
    for has, lacks in ((node.left, node.right), (node.right, node.left)):
        if lacks.labels.only is None and not lacks.labels.never:
            continue
        for label in sorted(owned(has)):
            if label in PLACES or lacks.labels.can_have(label):
                continue
            if node.matching == "on" and label not in node.on or node.matching == "ignoring" and label in node.on:
                continue
            return label, has, lacks
    return None


def owned(node: Node) -> frozenset[str]:
    """Labels that every series of the result has, as far as one can trust what is written: those matched by, those
    aggregated by, and ``job`` and ``instance`` of what is scraped."""
    if isinstance(node, Aggregate) and node.op not in ("topk", "bottomk", "limitk", "limit_ratio"):
        inner = owned(node.expr)
        if node.mode == "by":
            # A label that is grouped by is there, or nobody would write it.
            return frozenset(x for x in node.by if node.labels.can_have(x)) - {"__name__"}
        return inner - frozenset(node.by) if node.mode == "without" else frozenset()
    if isinstance(node, Selector):
        return _of_selector(node)
    if isinstance(node, Aggregate):
        return owned(node.expr)
    if isinstance(node, Negation):
        return owned(node.expr)
    if isinstance(node, Call):
        vectors = [arg for arg in node.args if not arg.scalar]
        if len(vectors) != 1 or node.func in ("absent", "absent_over_time", "info", "vector", "label_replace",
                                              "label_join", "histogram_quantiles"):
            return node.labels.sure
        inner = owned(vectors[0].expr if hasattr(vectors[0], "expr") else vectors[0])  # through a subquery
        return frozenset(x for x in inner if node.labels.can_have(x))
    if isinstance(node, Binary):
        return _of_binary(node)
    return node.labels.sure


def _of_selector(node: Selector) -> frozenset[str]:
    known = node.labels.sure - {"__name__"}
    if node.partial or not node.name or ":" in node.name or node.name.startswith("ALERTS"):
        return known
    if scraped(node.name):
        known |= {x for x in ("instance", "job") if x not in node.labels.never}
    return known


# Namespaces of exporters that are scraped, so that their series have the labels job and instance.
SCRAPED = ("node_", "kube_", "container_", "up", "go_", "process_", "pg_", "mysql_", "redis_", "rabbitmq_", "haproxy_",
           "nginx_", "kafka_", "elasticsearch_", "mongodb_", "windows_", "blackbox_", "probe_", "etcd_", "apiserver_",
           "kubelet_", "coredns_", "prometheus_", "alertmanager_", "memcached_", "consul_", "vault_", "zookeeper_",
           "jvm_", "traefik_", "machine_", "scrape_", "ceph_", "minio_", "argocd_", "certmanager_", "nodejs_")


def scraped(name: str) -> bool:
    return name == "up" or name != "up" and not name.startswith("up") and name.startswith(SCRAPED)


def _of_binary(node: Binary) -> frozenset[str]:
    if node.left.scalar or node.right.scalar:
        return owned(node.right if node.left.scalar else node.left)
    left, right = owned(node.left), owned(node.right)
    if node.op == "or":
        return left & right
    if node.op in ("and", "unless"):
        return left
    if node.open:
        return frozenset()
    if node.group:
        many = right if node.group == "right" else left
        return many - frozenset(node.include)
    if node.matching == "on":
        return (left | right) & frozenset(node.on)
    if node.matching == "ignoring":
        return (left | right) - frozenset(node.on)
    return left | right

