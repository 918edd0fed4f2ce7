"""Two vectors that can never meet."""

from __future__ import annotations

from collections.abc import Iterator

from vitals.lint.checks.base import Context, Said, Subject, check
from vitals.lint.checks.metrics import ADDED
from vitals.lint.expression import (
    ARITHMETIC,
    COMPARISONS,
    RATES,
    SELECTING,
    Aggregate,
    Binary,
    Call,
    Hole,
    Node,
    Selector,
    Subquery,
    matches_empty,
    walk,
)
from vitals.lint.owned import owned

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
        found = _unmatched(node, context) or _unmatched_by_catalogue(node, context)
        if not found:
            yield from _differing(node)
            continue
        label, has, lacks = found
        side, other = ("left", "right") if has is node.left else ("right", "left")
        result = "takes nothing away" if node.op == "unless" else "gives nothing"
        span = (node.op_start, node.op_start + len(node.op))
        yield Said(f"the {side} side has the label `{label}` and the {other} side cannot have it: this {result}",
                   _advice(node, label, lacks), span)


def _differing(node: Binary) -> Iterator[Said]:
    """Labels that both sides fix, to different values."""
    left, right = _fixed(node.left), _fixed(node.right)
    for label in sorted(left.keys() & right.keys()):
        if left[label] == right[label] or label == "__name__":
            continue
        if node.matching == "on" and label not in node.on or node.matching == "ignoring" and label in node.on:
            continue
        result = "takes nothing away" if node.op == "unless" else "gives nothing"
        yield Said(f'`{label}` is "{left[label]}" on the left and "{right[label]}" on the right: this {result}',
                   f"match `ignoring ({label})`, or aggregate `{label}` away", (node.op_start,
                                                                               node.op_start + len(node.op)))
        return


def _fixed(node: Node) -> dict[str, str]:
    """The labels whose value is the same in every series of the result."""
    if isinstance(node, Selector):
        return {} if node.partial else {m.name: m.value for m in node.matchers
                                        if m.op == "=" and m.value and not m.variable}
    if isinstance(node, Call) and node.func not in ("label_replace", "label_join", "info", "absent",
                                                    "absent_over_time", "vector"):
        vectors = [arg for arg in node.args if not arg.scalar]
        return _fixed(vectors[0]) if len(vectors) == 1 else {}
    if isinstance(node, Subquery):
        return _fixed(node.expr)
    if isinstance(node, Aggregate):
        inner = _fixed(node.expr)
        return inner if node.op in SELECTING else {k: v for k, v in inner.items() if node.labels.can_have(k)}
    if isinstance(node, Binary):
        if node.left.scalar or node.right.scalar:
            return _fixed(node.right if node.left.scalar else node.left)
        if node.op in ("and", "unless"):
            return _fixed(node.left)
        if node.op != "or" and not node.open and not node.include:
            fixed = _fixed(node.right if node.group == "right" else node.left)
            return {k: v for k, v in fixed.items() if node.labels.can_have(k)}
    return {}


def _advice(node: Binary, label: str, lacks: Node) -> str:
    if isinstance(lacks, Aggregate) and lacks.mode == "by":
        return f"aggregate both sides to the same labels, or match `on ({', '.join(lacks.by)})`"
    return f"aggregate `{label}` away, or say what to match by `on (…)`"


def _unmatched(node: Binary, context: Context) -> tuple[str, Node, Node] | None:
    """A label that is matched by, that one side has and the other cannot have: (label, has, has not)."""
    for has, lacks in ((node.left, node.right), (node.right, node.left)):
        if lacks.labels.only is None and not lacks.labels.never:
            continue
        alone = lacks.labels.only == frozenset() and not any(
            isinstance(n, Selector) and n.name in context.records for n in walk(has))
        for label in sorted(owned(has, alone)):
            if label in PLACES or lacks.labels.can_have(label):
                continue
            if node.matching == "on" and label not in node.on or node.matching == "ignoring" and label in node.on:
                continue
            return label, has, lacks
    return None


def _unmatched_by_catalogue(node: Binary, context: Context) -> tuple[str, Node, Node] | None:
    """The same of two metrics whose exporter's labels are known: one has a label that the other does not have."""
    for has, lacks in ((node.left, node.right), (node.right, node.left)):
        one, other = _plain(has), _plain(lacks)
        if one is None or other is None or one.partial or other.partial:
            continue
        mine, its = (context.catalogue.metric(x.name or "") for x in (one, other))
        labels: frozenset[str] = frozenset()
        if mine and its and mine.labels is not None and its.labels is not None:
            labels = mine.labels - its.labels
        if (other.name or "").endswith(("_count", "_sum")) and one.matcher("le"):
            labels = labels | {"le"}  # only buckets have it
        for label in sorted(labels - ADDED.difference({"le"}) - OPTIONAL):
            matched = label in node.on if node.matching == "on" else label not in node.on
            chosen = one.matcher(label)
            sure = chosen is None and label != "le" or chosen is not None and chosen.op == "=" and bool(chosen.value)
            if matched and sure and not other.matcher(label):
                return label, has, lacks
    return None


def _plain(node: Node) -> Selector | None:
    """The one selector whose series, with all their labels, the result is made of."""
    while not isinstance(node, Selector):
        if isinstance(node, Binary) and node.op in ARITHMETIC | COMPARISONS and (node.left.scalar or node.right.scalar):
            node = node.right if node.left.scalar else node.left
        elif isinstance(node, Call) and node.func in SAME_LABELS and len(vectors := [
                arg for arg in node.args if not arg.scalar]) == 1:
            node = vectors[0]
        else:
            return None
    return node


# Labels that some versions of an exporter, or some of its modes, do not have.
OPTIONAL = frozenset({"server", "uid", "unit", "device_error", "host", "hostname", "type"})
SAME_LABELS = RATES | {"delta", "idelta", "deriv", "changes", "avg_over_time", "max_over_time", "min_over_time",
                       "sum_over_time", "last_over_time", "abs", "ceil", "floor", "round", "predict_linear"}


@check(
    "group-label-lost", "error", "expression",
    "group_left copies a label that the other side does not have",
    why="""\
`group_left (x)` copies `x` from the side with one series per match. Aggregated away there, it is not copied; what the
many side had under that name is even removed.
""",
    bad="""\
record: node:pods:count
expr: kube_pod_status_ready * on (namespace, pod) group_left (node) max by (namespace, pod) (kube_pod_info)
""",
    good="""\
record: node:pods:count
expr: kube_pod_status_ready * on (namespace, pod) group_left (node) max by (namespace, pod, node) (kube_pod_info)
""")
def group_label_lost(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        if not node.include or node.open or node.left.scalar or node.right.scalar:
            continue
        one = node.left if node.group == "right" else node.right
        many = node.right if node.group == "right" else node.left
        for label in node.include:
            if one.labels.can_have(label) or label in PLACES:
                continue
            if node.matching == "on" and label in node.on:
                continue  # refused by promtool
            kept = many.labels.can_have(label)
            result = f"and so `{label}` is removed" if kept else f"so there is no `{label}`"
            yield Said(f"group_{node.group} copies `{label}`, which the other side cannot have, {result}",
                       f"keep `{label}` in the aggregation of that side", one.span)


@check(
    "by-label-lost", "warning", "expression",
    "An aggregation by a label that was aggregated away before",
    why="What is gone cannot be grouped by: the label is missing in the result, and all of it becomes one series.",
    bad="""\
record: job:requests:rate5m
expr: sum by (job, code) (sum by (job) (rate(http_requests_total[5m])))
""",
    good="""\
record: job:requests:rate5m
expr: sum by (job, code) (sum by (job, code, instance) (rate(http_requests_total[5m])))
""")
def by_label_lost(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.aggregates:
        if node.mode != "by" or node.expr.scalar or isinstance(node.expr, Selector):
            continue
        for label in node.by:
            if label not in PLACES and not node.expr.labels.can_have(label):
                yield Said(f"`{label}` was aggregated away below", f"keep `{label}` there, or leave it out here",
                           subject.expression.by_span(node, label))
                break


@check(
    "record-label", "error", "expression",
    "A recorded series is selected by a label that its rule does not leave",
    why="The recording rule, in the same file, aggregates the label away: the matcher matches nothing.",
    bad="""\
- record: job:errors:rate5m
  expr: sum by (job) (rate(errors_total[5m]))
- alert: ManyErrors
  expr: job:errors:rate5m{instance="a:80"} > 1
""",
    good="""\
- record: job:errors:rate5m
  expr: sum by (job) (rate(errors_total[5m]))
- alert: ManyErrors
  expr: job:errors:rate5m{job="a"} > 1
""")
def record_label(subject: Subject, context: Context) -> Iterator[Said]:
    if subject.rule is None:
        return
    for selector in subject.expression.selectors:
        if not selector.matchers or not (known := context.recorded(subject.rule, selector.name)):
            continue
        for m in selector.matchers:
            if m.name in known or m.name in PLACES or m.name == "__name__" or m.variable:
                continue
            if m.op == "=" and m.value or m.op == "=~" and not matches_empty(m.value):
                yield Said(f"{selector.name} is recorded without `{m.name}`: this matches nothing",
                           f"keep `{m.name}` in the recording rule, or leave the matcher out", (m.start, m.end))
