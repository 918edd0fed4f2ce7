"""Which labels every series of a result has, as far as one can trust what is written."""

from __future__ import annotations

from vitals.lint.expression import (
    ABSENT,
    SELECTING,
    Aggregate,
    Binary,
    Call,
    Negation,
    Node,
    Selector,
    Subquery,
)

_OTHERS = ABSENT | {"info", "vector", "label_replace", "label_join", "histogram_quantiles"}


def owned(node: Node, any_name: bool = False) -> frozenset[str]:
    """Labels that every series of the result has, as far as one can trust what is written: those matched by, those
    aggregated by, and ``job`` and ``instance`` of what is scraped (of well-known exporters, or whatever the name)."""
    if isinstance(node, Aggregate) and node.op not in SELECTING:
        inner = owned(node.expr, any_name)
        if node.mode == "by":
            # A label that is grouped by is there, or nobody would write it.
            return frozenset(x for x in node.by if node.labels.can_have(x)) - {"__name__"}
        return inner - frozenset(node.by) if node.mode == "without" else frozenset()
    if isinstance(node, Selector):
        return _of_selector(node, any_name)
    if isinstance(node, Aggregate):
        return owned(node.expr, any_name)
    if isinstance(node, Negation | Subquery):
        return owned(node.expr, any_name)
    if isinstance(node, Call):
        vectors = [arg for arg in node.args if not arg.scalar]
        if len(vectors) != 1 or node.func in _OTHERS:
            return node.labels.sure
        inner = owned(vectors[0], any_name)
        return frozenset(x for x in inner if node.labels.can_have(x))
    if isinstance(node, Binary):
        return _of_binary(node, any_name)
    return node.labels.sure


def _of_selector(node: Selector, any_name: bool) -> frozenset[str]:
    known = node.labels.sure - {"__name__"}
    if node.partial or not node.name or ":" in node.name or node.name.startswith("ALERTS"):
        return known
    if any_name or scraped(node.name):
        known |= {x for x in ("instance", "job") if node.labels.can_have(x)}
    return known


# Namespaces of exporters that are scraped, so that their series have the labels job and instance.
SCRAPED = ("node_", "kube_", "container_", "go_", "process_", "pg_", "mysql_", "redis_", "rabbitmq_", "haproxy_",
           "nginx_", "kafka_", "elasticsearch_", "mongodb_", "windows_", "blackbox_", "probe_", "etcd_", "apiserver_",
           "kubelet_", "coredns_", "prometheus_", "alertmanager_", "memcached_", "consul_", "vault_", "zookeeper_",
           "jvm_", "traefik_", "machine_", "scrape_", "ceph_", "minio_", "argocd_", "certmanager_", "nodejs_")


def scraped(name: str) -> bool:
    return name == "up" or name.startswith(SCRAPED)


def _of_binary(node: Binary, any_name: bool) -> frozenset[str]:
    if node.left.scalar or node.right.scalar:
        return owned(node.right if node.left.scalar else node.left, any_name)
    left, right = owned(node.left, any_name), owned(node.right, any_name)
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
