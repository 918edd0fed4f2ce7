"""Divisions that do not say what they seem to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from vitals.lint.checks.base import Context, Said, Subject, check
from vitals.lint.expression import (
    COMPARISONS,
    RATES,
    SELECTING,
    Aggregate,
    Binary,
    Call,
    Node,
    Number,
    Selector,
    Subquery,
)
from vitals.lint.values import is_part, key

_SERIES_BY_SERIES = RATES | {"avg_over_time", "sum_over_time", "max_over_time", "min_over_time", "delta", "changes"}


@check(
    "self-ratio", "error", "expression",
    "A ratio whose two sides are the same series is always 1",
    why="""\
Both sides are matched label by label. Where the label that the numerator filters by is still there, each series meets
itself: a failed request is divided by failed requests, and the result is 1 (or nothing) however few fail.
""",
    bad="""\
alert: ManyErrors
expr: rate(http_requests_total{code="500"}[5m]) / rate(http_requests_total[5m]) > 0.05
""",
    good="""\
alert: ManyErrors
expr: |
  sum by (job) (rate(http_requests_total{code="500"}[5m]))
  / sum by (job) (rate(http_requests_total[5m])) > 0.05
""")
def self_ratio(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        if node.op != "/" or node.group or node.open or node.filled:
            continue
        label = _itself(node)
        if label is None:
            continue
        if label:
            yield Said(f"the two sides differ only in the label `{label}`, by which they are matched: "
                       "each series meets itself, the result is 1 or nothing",
                       f"aggregate both sides without `{label}`", node.span)
        else:
            yield Said("both sides are the same: the result is always 1", "divide by what it is a part of", node.span)


def _itself(node: Binary) -> str | None:
    """The label that one side filters by and both keep; empty: the sides are equal; None: all is well."""
    found = _alike(_unmultiplied(node.left), _unmultiplied(node.right))
    if found is None:
        return None
    one, other, layers = found
    if one.name != other.name or not one.name or one.window_text != other.window_text:
        return None
    if one.shifted or other.shifted or one.partial or other.partial:
        return None
    mine = {(m.name, m.op, m.value) for m in one.matchers if m.name != "__name__"}
    its = {(m.name, m.op, m.value) for m in other.matchers if m.name != "__name__"}
    differing = sorted({name for name, _, _ in mine ^ its})
    if not differing:
        # x / x of raw series is an idiom for 1 with their labels; of a rate it is a slip.
        return "" if isinstance(_unmultiplied(node.left), Aggregate | Call) else None
    for name in differing:
        kept = all(name in by if mode == "by" else name not in by for mode, by in layers)
        matched = name in node.on if node.matching == "on" else not (node.matching == "ignoring" and name in node.on)
        if not (kept and matched):
            return None
        ops = [op for found in (mine, its) for n, op, _ in found if n == name]
        if ops == ["=", "="]:
            return None  # that is for dead-join to say
    return differing[0]


def _unmultiplied(node: Node) -> Node:
    """``100 * x`` → ``x``."""
    while isinstance(node, Binary) and node.op == "*" and node.left.scalar != node.right.scalar:
        node = node.right if node.left.scalar else node.left
    return node


Layer = tuple[str, tuple[str, ...]]  # an aggregation: by or without which labels


def _alike(left: Node, right: Node) -> tuple[Selector, Selector, list[Layer]] | None:
    """The selectors of two sides that are built alike, and the aggregations around them."""
    layers: list[Layer] = []
    while True:
        if isinstance(left, Selector) and isinstance(right, Selector):
            return left, right, layers
        if isinstance(left, Call) and isinstance(right, Call):
            if left.func != right.func or left.func not in _SERIES_BY_SERIES or len(left.args) != 1:
                return None
            left, right = left.args[0], right.args[0]
        elif isinstance(left, Aggregate) and isinstance(right, Aggregate):
            if left.op != right.op or left.mode != right.mode or sorted(left.by) != sorted(right.by):
                return None
            if left.op in SELECTING or left.param or left.open or right.open:
                return None
            layers.append((left.mode or "by", left.by))
            left, right = left.expr, right.expr
        else:
            return None


@check(
    "ratio-of-windows", "warning", "expression",
    "The two sides of a ratio look back over different windows",
    why="""\
An increase over five minutes divided by one over ten is half of what it should be. With rates the units agree, yet the
two sides tell of different times.
""",
    bad="""\
alert: ManyErrors
expr: sum(increase(errors_total[5m])) / sum(increase(requests_total[10m])) > 0.05
""",
    good="""\
alert: ManyErrors
expr: sum(increase(errors_total[5m])) / sum(increase(requests_total[5m])) > 0.05
""")
def ratio_of_windows(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        if node.op != "/":
            continue
        one, other = _window(node.left), _window(node.right)
        if one and other and one[0] == other[0] == "increase" and one[1] != other[1] and one[2] != other[2]:
            yield Said(f"increase over {one[1]} is divided by increase over {other[1]}",
                       "use the same window on both sides", node.span)


def _window(node: Node) -> tuple[str, str, float] | None:
    while isinstance(node, Aggregate):
        node = node.expr
    if isinstance(node, Call) and node.func in RATES and isinstance(node.args[0], Selector):
        selector = node.args[0]
        return (node.func, selector.window_text, selector.window) if selector.window and not selector.shifted else None
    return None


@check(
    "ratio-precedence", "warning", "expression",
    "Division binds before subtraction: a - b / a",
    why="`total - free / total` subtracts a share from a number of bytes. What was meant is `(total - free) / total`.",
    bad="""\
alert: MemoryFull
expr: node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100 > 90
""",
    good="""\
alert: MemoryFull
expr: (node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes) / node_memory_MemTotal_bytes * 100 > 90
""")
def ratio_precedence(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        if node.op not in ("-", "+") or node.left.scalar or node.right.outer != node.right.span:
            continue
        ratio = node.right
        while isinstance(ratio, Binary) and ratio.op == "*" and isinstance(ratio.right, Number):
            ratio = ratio.left
        if not (isinstance(ratio, Binary) and ratio.op == "/" and not ratio.right.scalar and not ratio.left.scalar
                and ratio.outer == ratio.span):
            continue
        first = node.left
        while isinstance(first, Binary) and first.op in "+-" and first.outer == first.span:
            first = first.left
        if key(first) == key(ratio.right):
            yield Said("the division comes first: this subtracts a share from an amount", "put the difference in "
                       "parentheses", (node.start, ratio.end))


@check(
    "percentage-of-part", "error", "expression",
    "A share is compared with a percentage",
    why="A part divided by its whole is at most 1; it never exceeds a limit of 5 that is meant as 5 %.",
    bad="""\
alert: ManyErrors
expr: sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 5
""",
    good="""\
alert: ManyErrors
expr: sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05
""")
def percentage_of_part(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        if node.op not in COMPARISONS or not isinstance(node.right, Number) or not isinstance(node.left, Binary):
            continue
        limit, ratio = node.right.value, node.left
        if limit is None or limit <= 1 or ratio.op != "/":
            continue
        whole, inside = _unscaled(ratio.right)
        if is_part(ratio.left, ratio.right):
            yield Said(f"a part of the whole is at most 1, the limit is {limit:g}",
                       f"compare with {limit / 100:g}, or multiply by 100", node.span)
        elif inside is not None and is_part(ratio.left, whole):
            yield Said(f"the whole is multiplied by 100 before it divides: at most 0.01 is compared with {limit:g}",
                       "multiply the result of the division", inside.span)


def _unscaled(node: Node) -> tuple[Node, Binary | None]:
    """``sum(x * 100)`` → ``sum(x)`` and the multiplication."""
    if isinstance(node, Binary) and node.op == "*" and isinstance(node.right, Number) and node.right.value == 100:
        return node.left, node
    if isinstance(node, Aggregate) and node.op == "sum":
        inner, found = _unscaled(node.expr)
        if found:
            copied = replace(node, expr=inner)
            copied.labels = node.labels
            return copied, found
    return node, None


@check(
    "rate-of-sum", "warning", "expression",
    "A rate over a sum of counters takes every restart for a jump",
    why="""\
`rate` sees that a counter starts anew because its value falls. In a sum the fall of one instance hides among the
others, and what is left looks like an increase.
""",
    bad="""\
record: job:http_requests:rate5m
expr: rate(sum by (job) (http_requests_total)[5m:30s])
""",
    good="""\
record: job:http_requests:rate5m
expr: sum by (job) (rate(http_requests_total[5m]))
""")
def rate_of_sum(subject: Subject, context: Context) -> Iterator[Said]:
    for call in subject.expression.calls:
        if call.func not in RATES or len(call.args) != 1 or not isinstance(call.args[0], Subquery):
            continue
        inner = call.args[0].expr
        if isinstance(inner, Aggregate) and inner.op == "sum" and isinstance(inner.expr, Selector):
            if any(inner.labels.can_have(label) for label in ("instance", "pod")):
                continue  # what starts anew does so as a whole
            yield Said(f"{call.func}() over a sum of counters: the restart of one instance looks like an increase",
                       f"sum the {call.func}() of each", call.span)
