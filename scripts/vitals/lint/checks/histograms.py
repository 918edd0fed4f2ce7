"""Histograms, summaries, and the text of their bounds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from vitals.lint.checks.base import Context, Edit, Said, Subject, check
from vitals.lint.expression import (
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Matcher,
    Node,
    Number,
    Selector,
    walk,
)


@check(
    "quantile-range", "error", "expression",
    "A quantile outside of 0 to 1",
    why="A quantile is a share: 0.95, not 95. Above 1 the result is +Inf, whatever was measured.",
    bad="""\
alert: Slow
expr: histogram_quantile(95, sum by (le) (rate(http_request_duration_seconds_bucket[5m]))) > 1
""",
    good="""\
alert: Slow
expr: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m]))) > 1
""")
def quantile_range(subject: Subject, context: Context) -> Iterator[Said]:
    found: list[Node | None] = [call.args[0] for call in subject.expression.calls
                                if call.func in ("histogram_quantile", "quantile_over_time") and len(call.args) == 2]
    found += [node.param for node in subject.expression.aggregates if node.op == "quantile"]
    for node in found:
        if isinstance(node, Number) and node.value is not None and not 0 <= node.value <= 1:
            yield Said(f"a quantile lies between 0 and 1; {node.value:g} gives {'+' if node.value > 1 else '-'}Inf",
                       f"write {node.value / 100:g}" if 1 < node.value <= 100 else "write a share", node.span)


@check(
    "histogram-without-le", "error", "expression",
    "histogram_quantile over buckets whose `le` was aggregated away",
    why="Without `le` there are no buckets, and the result is empty.",
    bad="""\
alert: Slow
expr: histogram_quantile(0.95, sum by (job) (rate(http_request_duration_seconds_bucket[5m]))) > 1
""",
    good="""\
alert: Slow
expr: histogram_quantile(0.95, sum by (job, le) (rate(http_request_duration_seconds_bucket[5m]))) > 1
""")
def histogram_without_le(subject: Subject, context: Context) -> Iterator[Said]:
    for call in subject.expression.calls:
        if call.func not in ("histogram_quantile", "histogram_fraction") or len(call.args) < 2:
            continue
        arg = call.args[-1]
        # VictoriaMetrics' own histograms have `vmrange` instead.
        if not arg.labels.can_have("le") and "vmrange" not in (arg.labels.only or ()) and _reads_buckets(arg):
            yield Said("`le` was aggregated away: there are no buckets left", "keep `le` in the aggregation", arg.span)


def _reads_buckets(node: Node) -> bool:
    """Only classic histograms have series with this ending; native ones need no `le`."""
    selectors = [n for n in walk(node) if isinstance(n, Selector)]
    return bool(selectors) and all(s.name is not None and s.name.endswith("_bucket") for s in selectors)


@check(
    "bare-histogram", "error", "expression",
    "A histogram is read by its own name, under which it has no series",
    why="""\
A classic histogram consists of `x_bucket`, `x_sum` and `x_count`. Under `x` alone there is nothing: the panel is empty
and the alert silent. Only a catalogue can tell (`--metrics`, `--prometheus`); native histograms do bear their own name.
""",
    bad="""\
record: job:http_request_duration:max
expr: max by (job) (prometheus_http_request_duration_seconds)
""",
    good="""\
record: job:http_request_duration:p99
expr: histogram_quantile(0.99, sum by (job, le) (rate(prometheus_http_request_duration_seconds_bucket[5m])))
""")
def bare_histogram(subject: Subject, context: Context) -> Iterator[Said]:
    for selector in subject.expression.selectors:
        known = context.catalogue.metric(selector.name) if selector.name else None
        if known and known.type == "histogram" and known.buckets and not _may_be_native(selector):
            name = known.name
            yield Said(f"{name} is a histogram: its series are {name}_bucket, {name}_sum and {name}_count",
                       f"read {name}_bucket, by `le`", selector.span)


def _may_be_native(selector: Selector) -> bool:
    here: Node | None = selector
    while here is not None:
        if isinstance(here, Call) and (here.func.startswith("histogram_") or here.func.startswith("absent")):
            return True
        here = here.parent
    return False


@check(
    "histogram-without-rate", "warning", "expression",
    "histogram_quantile over buckets since the process started",
    why="Buckets are counters: without `rate` the quantile is that of all time, and hardly moves any more.",
    bad="""\
alert: Slow
expr: histogram_quantile(0.95, sum by (le) (http_request_duration_seconds_bucket)) > 1
""",
    good="""\
alert: Slow
expr: histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m]))) > 1
""")
def histogram_without_rate(subject: Subject, context: Context) -> Iterator[Said]:
    for call in subject.expression.calls:
        if call.func != "histogram_quantile" or len(call.args) != 2:
            continue
        node = call.args[1]
        while isinstance(node, Aggregate):
            node = node.expr
        if not isinstance(node, Selector) or not node.name or ":" in node.name or node.is_range:
            continue
        known = context.catalogue.metric(node.name)
        if known is not None and known.type == "gauge":
            continue
        if node.name.endswith("_bucket"):
            yield Said("buckets are counters: this is the quantile since the process started",
                       "take rate() of the buckets", node.span)
        elif not _RECORDED.search(node.name) and node.name not in context.records and (
                known is None or not known.buckets):
            yield Said("there are no buckets under this name, and of a native histogram this is the quantile since the "
                       "process started", f"take rate() of {node.name}_bucket by `le`", node.span)


# What a recording rule may have named without colons.
_RECORDED = re.compile(r"(?:rate|increase|irate|delta)|\d+[smhd]$")


@check(
    "aggregated-quantile", "warning", "expression",
    "Quantiles of several instances are summed or averaged",
    why="""\
The average of two 99th percentiles is no percentile of anything. Only histograms can be aggregated; of summaries, look
at each instance or at the worst (`max`).
""",
    bad="""\
alert: Slow
expr: avg(rpc_duration_seconds{quantile="0.99"}) > 1
""",
    good="""\
alert: Slow
expr: max(rpc_duration_seconds{quantile="0.99"}) > 1
""")
def aggregated_quantile(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.aggregates:
        if node.op not in ("sum", "avg"):
            continue
        inner = node.expr
        if isinstance(inner, Call) and inner.func == "histogram_quantile":
            if inner.labels.only is not None and not inner.labels.only - set(node.by) - {"vmrange"}:
                continue  # one quantile each
            yield Said(f"{node.op}() of quantiles is not a quantile", "aggregate the buckets by `le`, then take the "
                       "quantile", node.span, severity="warning" if node.op == "avg" else None)
        elif isinstance(inner, Selector) and not inner.is_range and any(
                m.name == "quantile" and m.op == "=" and not m.variable for m in inner.matchers):
            # By the labels of one instance it only drops other labels.
            if node.mode == "by" and {"instance", "pod"} & set(node.by) or node.mode == "without":
                continue
            yield Said(f"{node.op}() of quantiles is not a quantile", "use max(), or a histogram", node.span,
                       severity="info")


@check(
    "bucket-sum", "warning", "expression",
    "Cumulative buckets are summed over `le`",
    why="Each bucket counts the smaller ones too: their sum counts a fast request many times. `_count` has the number.",
    bad="""\
record: job:http_requests:rate5m
expr: sum by (job) (rate(http_request_duration_seconds_bucket[5m]))
""",
    good="""\
record: job:http_requests:rate5m
expr: sum by (job) (rate(http_request_duration_seconds_count[5m]))
""")
def bucket_sum(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.aggregates:
        if node.op not in ("sum", "avg") or node.labels.can_have("le"):
            continue
        inner = node.expr
        if isinstance(inner, Call) and inner.func in ("rate", "irate", "increase") and inner.args:
            inner = inner.args[0]
        if not isinstance(inner, Selector) or not inner.name or not inner.name.endswith("_bucket") or inner.partial:
            continue
        if ":" in inner.name or inner.matcher("le") or _in_quantile(node) or _only_whether(node):
            continue
        yield Said("each bucket counts the smaller ones too: summed over `le`, events are counted many times",
                   f"use {inner.name.removesuffix('_bucket')}_count, or keep `le`", node.span)


def _only_whether(node: Node) -> bool:
    """Compared with 0: whether there are any is all that is asked."""
    above = node.parent
    return isinstance(above, Binary) and above.op in COMPARISONS and isinstance(above.right, Number) \
        and above.right.value == 0


def _in_quantile(node: Node) -> bool:
    """histogram-without-le says it there."""
    here: Node | None = node
    while here is not None:
        if isinstance(here, Call) and here.func.startswith("histogram_"):
            return True
        here = here.parent
    return False


_INTEGER = re.compile(r"\d+")
_FLOAT = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def normalised(text: str) -> str:
    """A bound as Prometheus 3 stores it: ``1`` → ``1.0``, ``1000000`` → ``1e+06``, ``0.50`` → ``0.5``."""
    number = Decimal(repr(float(text))).normalize()
    if not number:
        return "0.0"
    power = number.adjusted()
    if power < -4 or power >= 6:  # as Go's strconv.FormatFloat(…, 'g', -1, 64)
        mantissa = number.scaleb(-power)
        return f"{mantissa:f}e{'-' if power < 0 else '+'}{abs(power):02d}"
    plain = f"{number:f}"
    return plain if "." in plain else f"{plain}.0"


@check(
    "le-literal", "warning", "expression",
    "A bound is written in a way that Prometheus 3 does not store",
    why="""\
Since version 3, Prometheus stores the bounds of classic histograms and the quantiles of summaries as floats: `le="1"`
becomes `le="1.0"` and a matcher for `1` finds nothing. Version 2 keeps what the application exposes: `1` of Go clients,
`1.0` of Python and Java. A regular expression serves both.
""",
    bad="""\
record: job:fast_requests:rate5m
expr: sum by (job) (rate(http_request_duration_seconds_bucket{le="1"}[5m]))
""",
    good="""\
record: job:fast_requests:rate5m
expr: sum by (job) (rate(http_request_duration_seconds_bucket{le=~"1([.]0)?"}[5m]))
""", fixes=True)
def le_literal(subject: Subject, context: Context) -> Iterator[Said]:
    for selector in subject.expression.selectors:
        for m in selector.matchers:
            if m.name not in ("le", "quantile") or m.variable or not selector.name or ":" in selector.name:
                continue
            if m.name == "le" and not selector.name.endswith("_bucket"):
                continue
            if m.op == "=":
                yield from _of_equality(m)
            elif m.op == "=~":
                yield from _of_alternatives(m)


def _of_equality(m: Matcher) -> Iterator[Said]:
    if not _FLOAT.fullmatch(m.value) or normalised(m.value) == m.value:
        return
    stored = normalised(m.value)
    safe = f"{m.value}([.]0)?" if stored == f"{m.value}.0" else f"{m.value}|{stored.replace('+', '[+]')}"
    edit = Edit(m.start, m.end, f'{m.name}=~"{safe}"')
    yield Said(f'Prometheus 3 stores {m.name}="{stored}": this matches nothing there',
               f'write {m.name}=~"{safe}", which matches on version 2 too', (m.start, m.end), edits=(edit,))


def _of_alternatives(m: Matcher) -> Iterator[Said]:
    """``0.5|1`` of plain numbers; anything cleverer is trusted."""
    parts = m.value.removeprefix("^").removesuffix("$").removeprefix("(").removesuffix(")").split("|")
    if not all(_FLOAT.fullmatch(part) or part in ("+Inf", r"\+Inf", r"\\+Inf", "[+]Inf") for part in parts):
        return
    lost = [part for part in parts if _INTEGER.fullmatch(part) and normalised(part) not in parts]
    # `1.0` as an expression matches 1.0 itself, and `1` only 1.
    if lost:
        yield Said(f'Prometheus 3 stores {m.name}="{normalised(lost[0])}": the alternative {lost[0]} matches nothing '
                   "there", f"write {lost[0]}([.]0)?", (m.start, m.end))


@check(
    "beyond-buckets", "error", "expression",
    "A quantile is compared with a limit above the highest bucket",
    why="""\
What lies above the highest finite bound counts as that bound: the quantile never exceeds it, and the alert never fires.
""",
    bad="""\
alert: Slow
expr: |
  histogram_quantile(0.99, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[5m]))) > 300
""",
    good="""\
alert: Slow
expr: |
  histogram_quantile(0.99, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[5m]))) > 30
""")
def beyond_buckets(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        if node.op not in (">", ">=", "==") or not isinstance(node.left, Call) or not isinstance(node.right, Number):
            continue
        if node.left.func != "histogram_quantile" or node.right.value is None:
            continue
        names = {n.name for n in walk(node.left) if isinstance(n, Selector) and n.name}
        known = context.catalogue.metric(names.pop()) if len(names) == 1 else None
        if known is None or not known.buckets:
            continue
        top, limit = max(known.buckets), node.right.value
        if limit > top or limit == top and node.op == ">":
            yield Said(f"the highest bucket is {top:g}: no quantile is above it, and {node.op} {limit:g} never holds",
                       "lower the limit, or give the histogram a higher bucket", node.span)

