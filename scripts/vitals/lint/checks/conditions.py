"""Conditions that never hold, always hold, or hold for another reason than it seems."""

from __future__ import annotations

from collections.abc import Iterator

from vitals.lint.checks.base import Context, Edit, Said, Subject, check
from vitals.lint.expression import (
    ABSENT,
    COMPARISONS,
    RATES,
    SETS,
    Aggregate,
    Binary,
    Call,
    Hole,
    Negation,
    Node,
    Number,
    Selector,
    walk,
)
from vitals.lint.values import ANYTHING, always, bounds, is_part, key, never


@check(
    "never-holds", "error", "expression",
    "A comparison that no value can satisfy",
    why="""\
`count()` of nothing is nothing, not 0; `absent()` is 1 or nothing; a rate is never negative. An alert with such a
comparison never fires.
""",
    bad="""\
alert: NoReplicas
expr: count(up{job="api"} == 1) == 0
""",
    good="""\
alert: NoReplicas
expr: absent(up{job="api"} == 1)
""")
def never_holds(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        if node.op not in COMPARISONS or node.filled:
            continue
        left, right = node.left, node.right
        if left.scalar and not right.scalar or isinstance(left, Hole) or isinstance(right, Hole):
            continue
        if isinstance(left, Number) or not isinstance(right, Number) or right.value is None or _constant(left):
            continue
        if isinstance(left, Binary) and left.op == "/" and is_part(left.left, left.right):
            continue  # percentage-of-part says it
        if isinstance(left, Call) and left.func == "vector":
            continue  # or-precedence says it
        value = bounds(left, context.catalogue)
        if value == ANYTHING:
            continue
        limit = bounds(right, context.catalogue)
        if value.low <= value.high and never(node.op, value, limit) and limit != ANYTHING:
            counts = _counts(left)
            what = f"count() is at least 1: {_written(node)} never holds" if counts else \
                f"the left side is {_range(value.low, value.high)}: {_written(node)} never holds"
            fix = "use absent(), or sum(… == bool …)" if counts else "compare with a value it can have"
            yield Said(what, fix, node.span)


def _constant(node: Node) -> bool:
    """``vector(1)``: whoever compares it means it, as in a watchdog or a rule that is switched off."""
    return isinstance(node, Call) and node.func in ("vector", "time")


def _counts(node: Node) -> bool:
    return isinstance(node, Aggregate) and node.op == "count"


def _written(node: Binary) -> str:
    value = node.right.value if isinstance(node.right, Number) else None
    return f"`{node.op} {value:g}`"


def _range(low: float, high: float) -> str:
    if low == high:
        return f"always {low:g}"
    if high == float("inf"):
        return f"at least {low:g}"
    return f"at most {high:g}" if low == float("-inf") else f"between {low:g} and {high:g}"


@check(
    "always-holds", "warning", "alert",
    "An alert's condition that every value satisfies",
    why="The alert fires as long as there is data.",
    bad="""\
alert: Errors
expr: sum(rate(errors_total[5m])) >= 0
""",
    good="""\
alert: Errors
expr: sum(rate(errors_total[5m])) > 0
""")
def always_holds(subject: Subject, context: Context) -> Iterator[Said]:
    for node in _arms(subject.expression.root):
        if not isinstance(node, Binary) or node.op not in COMPARISONS or node.as_bool or node.filled:
            continue
        if not isinstance(node.right, Number) or node.left.scalar or node.right.value is None:
            continue
        if node.op == "==" or _tells_presence(node.left) or _constant(node.left):
            continue
        value = bounds(node.left, context.catalogue)
        if value != ANYTHING and value.low <= value.high and always(node.op, value, bounds(node.right,
                                                                                          context.catalogue)):
            yield Said(f"the left side is {_range(value.low, value.high)}: {_written(node)} always holds",
                       "compare with a value that tells good from bad", node.span)


def _tells_presence(node: Node) -> bool:
    """What gives a value only when there is something: comparing it is a way to say so."""
    if isinstance(node, Aggregate):
        return node.op in ("count", "group", "count_values") or _tells_presence(node.expr)
    if isinstance(node, Call):
        return node.func in ABSENT or node.func in ("present_over_time", "count_over_time") or any(
            _tells_presence(arg) for arg in node.args if not isinstance(arg, Selector))
    if isinstance(node, Binary):
        return node.op in COMPARISONS or node.op in SETS or _tells_presence(node.left) or _tells_presence(node.right)
    return isinstance(node, Selector)


def _arms(root: Node) -> list[Node]:
    """The alternatives of an expression: the sides of its ``or``."""
    if isinstance(root, Binary) and root.op == "or":
        return _arms(root.left) + _arms(root.right)
    return [root]


@check(
    "disjoint-limits", "error", "expression",
    "Two limits that no value lies between",
    why="`x > 90 and x < 80` holds for no x.",
    bad="""\
alert: Load
expr: node_load1 > 90 and node_load1 < 80
""",
    good="""\
alert: Load
expr: node_load1 > 80 and node_load1 < 90
""")
def disjoint_limits(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        if node.op != "and" or not isinstance(node.left, Binary) or not isinstance(node.right, Binary):
            continue
        one, other = node.left, node.right
        if one.op not in COMPARISONS or other.op not in COMPARISONS or one.as_bool or other.as_bool:
            continue
        if not isinstance(one.right, Number) or not isinstance(other.right, Number) or one.right.value is None:
            continue
        if node.matching == "on" and not node.on or key(one.left) != key(other.left) or one.left.scalar:
            continue
        if never(other.op, bounds(one, context.catalogue), bounds(other.right, context.catalogue)):
            yield Said(f"nothing is both {_written(one)} and {_written(other)}", "use `or`, or mend the limits",
                       node.span)


_WELL = {("==", 1.0), (">", 0.0), ("!=", 0.0), (">=", 1.0)}


@check(
    "count-of-filtered", "warning", "alert",
    "A count of what passes a filter is compared from above: at zero there is nothing to compare",
    why="""\
`count(up == 1) < 2` fires at one and is silent at none: with nothing left, the count is empty, not 0. The worst case is
missed.
""",
    bad="""\
alert: FewReplicas
expr: count(up{job="api"} == 1) < 2
""",
    good="""\
alert: FewReplicas
expr: sum(up{job="api"} == bool 1) < 2
""")
def count_of_filtered(subject: Subject, context: Context) -> Iterator[Said]:
    for arm in _arms(subject.expression.root):
        if not isinstance(arm, Binary) or arm.op not in ("<", "<=") or arm.as_bool or arm.filled:
            continue
        counted = arm.left
        if isinstance(counted, Binary) and counted.op == "/" and not counted.filled:
            counted = counted.left
        if not isinstance(counted, Aggregate) or counted.op not in ("count", "sum"):
            continue
        inner = counted.expr
        if not isinstance(inner, Binary) or inner.op not in COMPARISONS or inner.as_bool:
            continue
        # Counting what is well: `== 1`, `> 0`. With `== 0` what is down is counted, and none is fine.
        if not isinstance(inner.right, Number) or (inner.op, inner.right.value) not in _WELL:
            continue
        if not isinstance(arm.right, Number) or any(isinstance(n, Call) and n.func in ABSENT
                                                    for n in walk(subject.expression.root)):
            continue
        if inner.op == "==" and inner.right.value == 0:
            continue  # those that are down: none is the best case
        if counted.op == "count" and inner.right.value is not None and counted is arm.left:
            limit = arm.right.value if isinstance(arm.right, Number) else None
            if limit is not None and (limit < 1 or limit == 1 and arm.op == "<"):
                continue  # never-holds says it
        yield Said(f"when nothing passes the filter, {counted.op}() is empty and not 0: the worst case is missed",
                   f"write {inner.op} bool inside sum(), or add `or vector(0)`", counted.span)


@check(
    "or-precedence", "error", "expression",
    "A comparison after `or` belongs to its right side only",
    why="`sum(x) or vector(0) > 5` is `sum(x) or (vector(0) > 5)`: it fires whenever there is a sum.",
    bad="""\
alert: Errors
expr: sum(rate(errors_total[5m])) or vector(0) > 5
""",
    good="""\
alert: Errors
expr: (sum(rate(errors_total[5m])) or vector(0)) > 5
""")
def or_precedence(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        right = node.right
        if node.op != "or" or not isinstance(right, Binary) or right.outer != right.span:
            continue
        if right.op in COMPARISONS and not right.as_bool and isinstance(right.left, Call) \
                and right.left.func == "vector" and isinstance(right.right, Number):
            yield Said("the comparison belongs to vector() alone, not to what stands before `or`",
                       "put both sides of `or` in parentheses", right.span)


@check(
    "bool-in-alert", "error", "alert",
    "An alert whose result is 0 or 1",
    why="An alert fires for every series of the result, whatever its value; `> bool 5` gives one for each, always.",
    bad="""\
alert: Queue
expr: queue_length > bool 5
""",
    good="""\
alert: Queue
expr: queue_length > 5
""", fixes=True)
def bool_in_alert(subject: Subject, context: Context) -> Iterator[Said]:
    for arm in _arms(subject.expression.root):
        while isinstance(arm, Binary) and arm.op in ("and", "unless"):
            arm = arm.left
        if isinstance(arm, Binary) and arm.op in COMPARISONS and arm.as_bool:
            yield Said("with `bool` the result is 0 or 1 for every series, and the alert fires for all of them",
                       "leave out `bool`", arm.span, edits=_without_bool(arm, subject.expression.text))


def _without_bool(node: Binary, text: str) -> tuple[Edit, ...]:
    after = node.op_start + len(node.op)
    between = text[after:node.right.outer[0]]
    return (Edit(after, node.right.outer[0], " "),) if between.strip().lower() == "bool" else ()


@check(
    "no-condition", "warning", "alert",
    "An alert without a condition",
    why="It fires for every series that the expression gives, whatever the values.",
    bad="""\
alert: Errors
expr: sum(rate(errors_total[5m]))
""",
    good="""\
alert: Errors
expr: sum(rate(errors_total[5m])) > 0
""")
def no_condition(subject: Subject, context: Context) -> Iterator[Said]:
    if any(or_precedence.run(subject, context)):
        return
    for arm in _arms(subject.expression.root):
        if not _is_plain_amount(arm):
            continue
        yield Said("without a comparison this fires for every series there is, whatever its value", "compare it",
                   arm.span)


def _is_plain_amount(node: Node) -> bool:
    """A number that says nothing by being there: a rate, a difference, an average."""
    if any(isinstance(n, Binary) and (n.op in COMPARISONS or n.op in SETS) or isinstance(n, Hole)
           or isinstance(n, Call) and n.func in (*ABSENT, "vector") or isinstance(n, Aggregate) and n.op in ("count",)
           or isinstance(n, Selector) and (n.name is None or ":" in n.name or n.name.startswith("ALERTS"))
           for n in walk(node)):
        return False
    summed = False
    while isinstance(node, Aggregate | Negation):
        summed = summed or isinstance(node, Aggregate) and node.op in ("sum", "avg")
        node = node.expr
    if isinstance(node, Binary) or summed and isinstance(node, Selector):
        return True
    return isinstance(node, Call) and (node.func in RATES or node.func in (
        "histogram_quantile", "delta", "deriv", "predict_linear", "avg_over_time", "changes", "resets"))


@check(
    "timestamp-of-expression", "warning", "expression",
    "timestamp() of anything but a selector is the time of evaluation",
    why="Only a plain selector's samples carry the time of their scrape; a computed value is as old as the query.",
    bad="""\
alert: Stale
expr: time() - timestamp(max by (job) (last_seen)) > 300
""",
    good="""\
alert: Stale
expr: time() - max by (job) (timestamp(last_seen)) > 300
""")
def timestamp_of_expression(subject: Subject, context: Context) -> Iterator[Said]:
    for call in subject.expression.calls:
        if call.func == "timestamp" and len(call.args) == 1 and not isinstance(call.args[0], Selector | Hole):
            yield Said("the samples of a computed value have the time of evaluation, not of the scrape",
                       "take timestamp() of the selector, then compute", call.span)


@check(
    "floored-rate", "warning", "expression",
    "A rate as denominator is raised to a floor that it seldom reaches",
    why="""\
`clamp_min(rate(x[5m]), 1)` makes every rate under one per second to one: with fewer requests the ratio comes out too
small.
""",
    bad="""\
alert: ManyErrors
expr: sum(rate(errors_total[5m])) / clamp_min(sum(rate(requests_total[5m])), 1) > 0.05
""",
    good="""\
alert: ManyErrors
expr: sum(rate(errors_total[5m])) / (sum(rate(requests_total[5m])) > 0) > 0.05
""")
def floored_rate(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.binaries:
        right = node.right
        if node.op != "/" or not isinstance(right, Call) or right.func != "clamp_min" or len(right.args) != 2:
            continue
        rate, floor = right.args
        while isinstance(rate, Aggregate) and rate.op == "sum":
            rate = rate.expr
        if isinstance(rate, Call) and rate.func in ("rate", "irate") and isinstance(floor, Number) \
                and floor.value is not None and floor.value >= 1:
            yield Said(f"a rate below {floor.value:g} per second is taken for {floor.value:g}: the ratio comes out too "
                       "small", "divide by `(… > 0)`", right.span, severity="info" if subject.panel else None)


@check(
    "silent-when-absent", "info", "alert",
    "A lower limit says nothing when the series are gone",
    why="`sum(x) < 5` has no result when there is no `x`, and the alert that should fire is silent.",
    bad="""\
alert: LowTraffic
expr: sum(rate(http_requests_total{job="api"}[5m])) < 5
""",
    good="""\
alert: LowTraffic
expr: (sum(rate(http_requests_total{job="api"}[5m])) or vector(0)) < 5
""")
def silent_when_absent(subject: Subject, context: Context) -> Iterator[Said]:
    root = subject.expression.root
    if not isinstance(root, Binary) or root.op not in ("<", "<="):
        return
    left = root.left
    if not isinstance(left, Aggregate) or left.op != "sum" or left.labels.only != frozenset() or root.as_bool:
        return
    if not isinstance(root.right, Number) or (root.right.value or 0) <= 0 or isinstance(left.expr, Binary):
        return
    names = set(subject.expression.names)
    if names & context.guarded:
        return
    yield Said("when the series are gone there is no sum, and this does not fire",
               "add `or vector(0)` inside, or an absent() alert", root.span)


@check(
    "no-volume-floor", "info", "alert",
    "An alert on a share fires on a single event",
    why="At night, one failure of one request is 100 %. A floor of traffic keeps it quiet.",
    bad="""\
alert: ManyErrors
expr: sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05
""",
    good="""\
alert: ManyErrors
expr: |
  sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05
  and sum(increase(http_requests_total[5m])) > 100
""", enabled=False)
def no_volume_floor(subject: Subject, context: Context) -> Iterator[Said]:
    root = subject.expression.root
    if not isinstance(root, Binary) or root.op not in (">", ">="):
        return
    ratio = root.left
    while isinstance(ratio, Binary) and ratio.op == "*":
        ratio = ratio.right if isinstance(ratio.left, Number) else ratio.left
    if isinstance(ratio, Binary) and ratio.op == "/" and is_part(ratio.left, ratio.right) \
            and isinstance(ratio.left, Aggregate) and ratio.left.op == "sum":
        yield Said("with little traffic a single event is a large share", "add `and` a minimum of traffic", root.span)


@check(
    "nan-in-aggregation", "info", "expression",
    "One NaN among what is summed or averaged makes all of it NaN",
    why="A series without traffic gives 0 / 0, which is NaN; a sum with NaN is NaN, and compares with nothing.",
    bad="""\
record: job:errors:ratio
expr: avg by (job) (rate(errors_total[5m]) / rate(requests_total[5m]))
""",
    good="""\
record: job:errors:ratio
expr: sum by (job) (rate(errors_total[5m])) / sum by (job) (rate(requests_total[5m]))
""")
def nan_in_aggregation(subject: Subject, context: Context) -> Iterator[Said]:
    for node in subject.expression.aggregates:
        if node.op not in ("sum", "avg") or not isinstance(node.expr, Binary) or node.expr.op != "/":
            continue
        right = node.expr.right
        if isinstance(right, Call) and right.func in RATES:
            yield Said("a series without traffic is 0 / 0 = NaN, and so is the whole aggregate",
                       "aggregate both sides first, then divide", node.span)


@check(
    "unguarded-up", "info", "alert",
    "up == 0 says nothing of a target that is no longer there",
    why="A target that service discovery has lost has no `up` at all. `absent(up{…})` sees it.",
    bad="""\
alert: Down
expr: up{job="api"} == 0
""",
    good="""\
alert: Down
expr: up{job="api"} == 0 or absent(up{job="api"})
""", enabled=False)
def unguarded_up(subject: Subject, context: Context) -> Iterator[Said]:
    root = subject.expression.root
    if isinstance(root, Binary) and root.op == "==" and isinstance(root.left, Selector) \
            and root.left.name == "up" and "up" not in context.guarded:
        yield Said("a target that is gone from service discovery has no `up`", "add an alert on absent(up{…})",
                   root.span)
