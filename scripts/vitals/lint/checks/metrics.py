"""What a catalogue of metrics knows better than the expression."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from vitals.lint.checks.base import Context, Edit, Said, Subject, check
from vitals.lint.expression import COMPARISONS, RATES, Aggregate, Binary, Call, Node, Number, Selector

# Labels that a target, the server or whoever collects the series may add.
ADDED = frozenset({"job", "instance", "__name__", "cluster", "namespace", "pod", "service", "endpoint", "container",
                   "node", "env", "environment", "region", "zone", "le", "quantile", "prometheus", "replica", "tenant"})


@check(
    "renamed-metric", "warning", "expression",
    "A metric that its exporter no longer exposes",
    why="The expression has no data since the exporter was updated, and an alert on it is silent.",
    bad="""\
record: instance:cpu:idle
expr: rate(node_cpu{mode="idle"}[5m])
""",
    good="""\
record: instance:cpu:idle
expr: rate(node_cpu_seconds_total{mode="idle"}[5m])
""", fixes=True)
def renamed_metric(subject: Subject, context: Context) -> Iterator[Said]:
    for selector in subject.expression.selectors:
        if not selector.name or (new := context.catalogue.renamed(selector.name)) is None:
            continue
        if _alternative(selector) or selector.name in context.records or (
                subject.rule and subject.rule.kind == "record" and new.startswith(subject.rule.name.value)):
            continue  # both names are asked for, or one is made from the other
        end = selector.start + len(selector.name)
        plain = new.isidentifier() and subject.expression.text[selector.start:end] == selector.name
        yield Said(f"{selector.name} is no longer exposed", f"use {new}" if new else "there is nothing in its place",
                   (selector.start, end), edits=(Edit(selector.start, end, new),) if plain else ())


_TIME = re.compile(r"time|_up$|_lsn\b|_offset|_generation$|_revision$|_segment_current$")


def _alternative(node: Node) -> bool:
    here = node.parent
    while here is not None:
        if isinstance(here, Binary) and here.op == "or":
            return True
        here = here.parent
    return False


@check(
    "lost-label", "warning", "expression",
    "A label that the metric no longer has",
    why="A matcher for it matches nothing, an aggregation by it puts everything into one.",
    bad="""\
record: pod:memory:sum
expr: sum(container_memory_working_set_bytes{pod_name="api"})
""",
    good="""\
record: pod:memory:sum
expr: sum(container_memory_working_set_bytes{pod="api"})
""")
def lost_label(subject: Subject, context: Context) -> Iterator[Said]:
    for selector in subject.expression.selectors:
        if not selector.name or _alternative(selector):
            continue
        for m in selector.matchers:
            new = context.catalogue.lost_label(selector.name, m.name)
            if new is not None:
                yield Said(f"{selector.name} no longer has the label `{m.name}`",
                           f"use `{new}`" if new else "there is nothing in its place", (m.start, m.end))
    for node in subject.expression.aggregates:
        inner = node.expr
        while isinstance(inner, Call) and len(inner.args) == 1 or isinstance(inner, Aggregate) and not inner.mode:
            inner = inner.args[0] if isinstance(inner, Call) else inner.expr
        if node.mode != "by" or not isinstance(inner, Selector) or not inner.name or _alternative(inner):
            continue
        for label in node.by:
            new = context.catalogue.lost_label(inner.name, label)
            if new is not None and inner.matcher(label) is None:
                yield Said(f"{inner.name} no longer has the label `{label}`: all of it becomes one series",
                           f"use `{new}`" if new else "leave it out", subject.expression.by_span(node, label))


@check(
    "unknown-metric", "warning", "expression",
    "A metric that its exporter does not have",
    why="A name that is not exposed gives nothing: the alert is silent, the panel empty.",
    bad="""\
record: instance:memory:free
expr: node_memory_Free_bytes
""",
    good="""\
record: instance:memory:free
expr: node_memory_MemFree_bytes
""")
def unknown_metric(subject: Subject, context: Context) -> Iterator[Said]:
    catalogue = context.catalogue
    for selector in subject.expression.selectors:
        name = selector.name
        if not name or ":" in name or not catalogue.knows_prefix(name) or name in context.records:
            continue
        if catalogue.metric(name) is None and catalogue.renamed(name) is None and not _alternative(selector):
            yield Said(f"{name} is not among the metrics of its exporter", "look the name up", (selector.start,
                                                                                             selector.end))


@check(
    "unknown-label", "info", "expression",
    "A label that the metric does not have",
    why="A matcher for it matches nothing.",
    bad="""\
alert: Full
expr: node_filesystem_avail_bytes{mount="/"} < 1e9
""",
    good="""\
alert: Full
expr: node_filesystem_avail_bytes{mountpoint="/"} < 1e9
""")
def unknown_label(subject: Subject, context: Context) -> Iterator[Said]:
    for selector in subject.expression.selectors:
        known = context.catalogue.metric(selector.name) if selector.name else None
        if known is None or known.labels is None:
            continue
        for m in selector.matchers:
            if m.op != "=" or not m.value or m.name in known.labels or m.name in ADDED or m.variable:
                continue
            # Targets have labels of their own; what looks like one of the metric's is a slip.
            near = [x for x in sorted(known.labels) if len(m.name) > 3 and x.startswith(m.name)] or \
                difflib.get_close_matches(m.name, sorted(known.labels), 1, 0.85)
            if near:
                yield Said(f"{selector.name} has no label `{m.name}` of its own", f"did you mean `{near[0]}`?",
                           (m.start, m.end))


@check(
    "rate-of-gauge", "warning", "expression",
    "A rate of what goes up and down",
    why="`rate` takes every fall for a restart: of a gauge it means nothing. Use `deriv` or `delta`.",
    bad="""\
alert: MemoryGrows
expr: rate(node_memory_MemAvailable_bytes[5m]) > 0
""",
    good="""\
alert: MemoryGrows
expr: deriv(node_memory_MemAvailable_bytes[5m]) > 0
""")
def rate_of_gauge(subject: Subject, context: Context) -> Iterator[Said]:
    for call in subject.expression.calls:
        if call.func in RATES and isinstance(call.args[0], Selector) and call.args[0].name:
            known = context.catalogue.metric(call.args[0].name)
            # Whether a time still rises, its rate tells; of what is 0 or 1, it counts how often it rose.
            if known and known.type == "gauge" and not _TIME.search(known.name):
                yield Said(f"{known.name} is a gauge, {call.func}() is for counters",
                           "use delta()" if call.func == "increase" else "use deriv()", call.span)


@check(
    "delta-of-counter", "warning", "expression",
    "A difference of what starts again at 0",
    why="`delta` and `deriv` of a counter are negative after a restart. Use `increase` or `rate`.",
    bad="""\
alert: Errors
expr: delta(node_network_receive_errs_total[5m]) > 10
""",
    good="""\
alert: Errors
expr: increase(node_network_receive_errs_total[5m]) > 10
""")
def delta_of_counter(subject: Subject, context: Context) -> Iterator[Said]:
    for call in subject.expression.calls:
        if call.func in ("delta", "idelta", "deriv", "predict_linear") and isinstance(call.args[0], Selector):
            name = call.args[0].name
            known = context.catalogue.metric(name) if name else None
            if known and known.type == "counter":
                better = "increase()" if call.func in ("delta", "predict_linear") else "rate()"
                yield Said(f"{known.name} is a counter: {call.func}() falls at every restart", f"use {better}",
                           call.span)


@check(
    "raw-counter", "warning", "alert",
    "A counter's total is compared with a limit",
    why="It counts since the process started: once above the limit the alert fires until the next restart.",
    bad="""\
alert: Errors
expr: node_network_receive_errs_total > 100
""",
    good="""\
alert: Errors
expr: increase(node_network_receive_errs_total[1h]) > 100
""")
def raw_counter(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        if node.op not in (">", ">=") or not isinstance(node.right, Number) or node.as_bool:
            continue
        left = node.left
        while isinstance(left, Aggregate) and left.op in ("sum", "max", "avg", "min"):
            left = left.expr
        if not isinstance(left, Selector) or not left.name or left.is_range:
            continue
        known = context.catalogue.metric(left.name)
        if known and known.type == "counter" and isinstance(node.right.value, float) and not _within_call(node):
            yield Said(f"{known.name} counts since the start of its process", "take increase() or rate()", node.span)


def _within_call(node: Node) -> bool:
    here = node.parent
    while here is not None:
        if isinstance(here, Call) or isinstance(here, Binary) and here.op not in COMPARISONS and here.op not in (
                "and", "or", "unless"):
            return True
        here = here.parent
    return False


# Labels that tell one client, user or request from another: as many values as there are of them.
CLIENTS = re.compile(r"(?:^|_)(?:(?:user|customer|client|account|session|request)(?:_?(?:id|name|ip|addr(?:ess)?))?"
                     r"|(?:remote_|source_|src_|peer_)?ip(?:_?addr(?:ess)?)?|e_?mail)$")


@check(
    "limit-per-client", "warning", "alert",
    "An alert's limit holds for each client alone",
    why="""\
The metric has a label for each user or address. The limit is compared with each of them: what comes from many at once,
a little from each, is never seen. Only a catalogue can tell (`--metrics`, `--prometheus`).
""",
    bad="""\
alert: ManyFailedLogins
expr: rate(login_failures_total[5m]) > 0.5
""",
    good="""\
alert: ManyFailedLogins
expr: sum by (job) (rate(login_failures_total[5m])) > 0.5
""")
def limit_per_client(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        call = node.left
        if node.op not in (">", ">=") or not isinstance(node.right, Number) or not isinstance(call, Call):
            continue
        if call.func not in RATES or not isinstance(call.args[0], Selector) or not call.args[0].name:
            continue
        known = context.catalogue.metric(call.args[0].name)
        chosen = {m.name for m in call.args[0].matchers}
        labels = sorted(x for x in (known.labels if known else None) or () if CLIENTS.search(x) and x not in chosen)
        if labels:
            yield Said(f"the limit is compared for each {' and '.join(labels)} alone", "sum over the clients, or say "
                       f"`sum by ({labels[0]})` if each is meant", node.span)
