"""What can be told of an expression's value: its bounds, its unit, and whether two expressions are the same."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from vitals.lint.catalogue import Catalogue
from vitals.lint.expression import (
    ABSENT,
    COMPARISONS,
    RATES,
    SELECTING,
    Aggregate,
    Binary,
    Call,
    Hole,
    Negation,
    Node,
    Number,
    Selector,
    String,
    Subquery,
)

INF = math.inf
# Functions whose result lies between the least and the greatest of what they are given.
BETWEEN = frozenset({"avg_over_time", "min_over_time", "max_over_time", "last_over_time", "first_over_time",
                     "quantile_over_time", "mad_over_time", "sort", "sort_desc", "sort_by_label", "sort_by_label_desc",
                     "label_replace", "label_join", "scalar", "vector", "info"})
_RANGES: dict[str, tuple[float, float]] = {
    "absent": (1, 1), "absent_over_time": (1, 1), "present_over_time": (1, 1), "count_over_time": (1, INF),
    "rate": (0, INF), "irate": (0, INF), "increase": (0, INF), "changes": (0, INF), "resets": (0, INF),
    "abs": (0, INF), "sqrt": (0, INF), "exp": (0, INF), "sgn": (-1, 1), "stddev_over_time": (0, INF),
    "stdvar_over_time": (0, INF), "histogram_fraction": (0, 1), "histogram_count": (0, INF), "time": (1, INF),
    "hour": (0, 23), "minute": (0, 59), "month": (1, 12), "day_of_week": (0, 6), "day_of_month": (1, 31),
    "day_of_year": (1, 366), "days_in_month": (28, 31), "year": (1970, INF), "pi": (math.pi, math.pi)}


# Seconds that one processor or device can spend: one a second.
_SHARES_OF_TIME = frozenset({"node_cpu_seconds_total", "node_cpu", "windows_cpu_time_total",
                             "node_disk_io_time_seconds_total"})


class Bounds(NamedTuple):
    """Every value lies in [low, high] (or is NaN)."""

    low: float
    high: float


ANYTHING = Bounds(-INF, INF)


def bounds(node: Node, catalogue: Catalogue) -> Bounds:
    if isinstance(node, Number):
        return ANYTHING if node.value is None or node.value != node.value else Bounds(node.value, node.value)
    if isinstance(node, Selector):
        if node.name == "up":
            return Bounds(0, 1)
        known = catalogue.metric(node.name) if node.name else None
        return Bounds(0, INF) if known and known.type == "counter" else ANYTHING
    if isinstance(node, Negation):
        low, high = bounds(node.expr, catalogue)
        return Bounds(-high, -low)
    if isinstance(node, Subquery):
        return bounds(node.expr, catalogue)
    if isinstance(node, Aggregate):
        return _of_aggregate(node, catalogue)
    if isinstance(node, Call):
        return _of_call(node, catalogue)
    if isinstance(node, Binary):
        return _of_binary(node, catalogue)
    return ANYTHING


def _of_aggregate(node: Aggregate, catalogue: Catalogue) -> Bounds:
    if node.op in ("count", "count_values"):
        # Of count_values the value is a count too; the label holds what was counted.
        return Bounds(1, INF)
    if node.op == "group":
        return Bounds(1, 1)
    if node.op in ("stddev", "stdvar"):
        return Bounds(0, INF)
    inner = bounds(node.expr, catalogue)
    if node.op == "sum":
        return Bounds(inner.low if inner.low >= 0 else -INF, inner.high if inner.high <= 0 else INF)
    if node.op == "quantile" and not (isinstance(node.param, Number) and 0 <= (node.param.value or 0) <= 1):
        return ANYTHING
    return inner


def _of_call(node: Call, catalogue: Catalogue) -> Bounds:
    if node.func in ("rate", "irate") and isinstance(node.args[0], Selector) and node.args[0].name in _SHARES_OF_TIME:
        return Bounds(0, 1)
    if node.func in _RANGES:
        return Bounds(*_RANGES[node.func])
    vectors = [arg for arg in node.args if not isinstance(arg, String)]
    if node.func in BETWEEN and vectors:
        return bounds(vectors[-1] if node.func == "quantile_over_time" else vectors[0], catalogue)
    if node.func == "sum_over_time" and vectors:
        inner = bounds(vectors[0], catalogue)
        return Bounds(inner.low if inner.low >= 0 else -INF, inner.high if inner.high <= 0 else INF)
    if node.func in ("clamp_min", "clamp_max") and len(node.args) == 2:
        inner, limit = bounds(node.args[0], catalogue), bounds(node.args[1], catalogue)
        if node.func == "clamp_min":
            return Bounds(max(inner.low, limit.low), max(inner.high, limit.high))
        return Bounds(min(inner.low, limit.low), min(inner.high, limit.high))
    if node.func in ("floor", "ceil", "round") and len(node.args) == 1:
        inner = bounds(node.args[0], catalogue)
        return Bounds(inner.low if inner.low == -INF else math.floor(inner.low),
                      inner.high if inner.high == INF else math.ceil(inner.high))
    return ANYTHING


def _of_binary(node: Binary, catalogue: Catalogue) -> Bounds:
    if node.filled:
        return ANYTHING
    left = bounds(node.left, catalogue)
    if node.op in ("and", "unless"):
        return left
    right = bounds(node.right, catalogue)
    if node.op == "or":
        return Bounds(min(left.low, right.low), max(left.high, right.high))
    if node.op in COMPARISONS:
        if node.as_bool:
            return Bounds(0, 1)
        if node.left.scalar and not node.right.scalar:
            return right
        match node.op:
            case ">" | ">=":
                return Bounds(max(left.low, right.low), left.high)
            case "<" | "<=":
                return Bounds(left.low, min(left.high, right.high))
            case "==":
                return Bounds(max(left.low, right.low), min(left.high, right.high))
        return left
    match node.op:
        case "+":
            return Bounds(left.low + right.low, left.high + right.high)
        case "-":
            return Bounds(left.low - right.high, left.high - right.low)
        case "*":
            ends = [_times(a, b) for a in left for b in right]
            return Bounds(min(ends), max(ends))
        case "/":
            if is_part(node.left, node.right):
                return Bounds(0, 1)
            if right.low > 0:
                ends = [_times(a, 1 / b) for a in left for b in right]
                return Bounds(min(ends), max(ends))
            return Bounds(0, INF) if left.low >= 0 and right.low >= 0 else ANYTHING
    return ANYTHING


def _times(a: float, b: float) -> float:
    return 0.0 if a == 0 or b == 0 else a * b


def never(op: str, value: Bounds, limit: Bounds) -> bool:
    """Whether ``value op limit`` can never hold."""
    match op:
        case ">":
            return value.high <= limit.low
        case ">=":
            return value.high < limit.low
        case "<":
            return value.low >= limit.high
        case "<=":
            return value.low > limit.high
        case "==":
            return value.high < limit.low or value.low > limit.high
        case "!=":
            return value.low == value.high == limit.low == limit.high
    return False


def always(op: str, value: Bounds, limit: Bounds) -> bool:
    """Whether ``value op limit`` holds for every number."""
    opposite = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}
    return never(opposite[op], value, limit)


# The same, and a part of

def key(node: Node, matchers: bool = True) -> tuple:
    """Equal for nodes that compute the same; without matchers: the same but for what is selected."""
    if isinstance(node, Number):
        return ("number", node.value if node.value is not None else id(node))
    if isinstance(node, String):
        return ("string", node.value)
    if isinstance(node, Hole):
        return ("hole", node.text)
    if isinstance(node, Selector):
        chosen = tuple(sorted((m.name, m.op, m.value) for m in node.matchers)) if matchers else ()
        name = node.name if node.name else id(node)
        return ("selector", name, chosen, node.window_text, id(node) if node.shifted or node.partial else 0)
    inner = tuple(key(child, matchers) for child in node.children())
    if isinstance(node, Subquery):
        return ("subquery", node.window_text, node.step, id(node) if node.shifted else 0, inner)
    if isinstance(node, Call):
        return ("call", node.func, inner)
    if isinstance(node, Aggregate):
        return ("aggregate", node.op, node.mode, tuple(sorted(node.by)), id(node) if node.open else 0, inner)
    if isinstance(node, Binary):
        return ("binary", node.op, node.as_bool, node.matching, node.on, node.group, node.include, inner)
    return (type(node).__name__, inner)


def is_part(left: Node, right: Node) -> bool:
    """Whether the left side sums or counts some of the very same non-negative series that the right side does."""
    if isinstance(left, Aggregate) and isinstance(right, Aggregate):
        if left.op != right.op or left.op not in ("sum", "count") or left.open or right.open:
            return False
        if left.mode != right.mode or sorted(left.by) != sorted(right.by):
            return False
        if left.op == "count":
            return _filters(left.expr, right.expr)
        return _increments(left.expr, right.expr)
    if isinstance(left, Call) and isinstance(right, Call):
        return _increments(left, right)
    return False


def _increments(left: Node, right: Node) -> bool:
    """Two rates of one metric, the left of no more series than the right."""
    if not (isinstance(left, Call) and isinstance(right, Call) and left.func == right.func and left.func in RATES):
        return False
    one, other = left.args[0], right.args[0]
    return isinstance(one, Selector) and isinstance(other, Selector) and narrower(one, other)


def _filters(left: Node, right: Node) -> bool:
    while isinstance(left, Binary) and left.op in COMPARISONS and not left.as_bool and left.right.scalar:
        left = left.left
    if key(left) == key(right):
        return True
    return isinstance(left, Selector) and isinstance(right, Selector) and narrower(left, right)


def narrower(one: Selector, other: Selector) -> bool:
    """Whether everything the first selects is selected by the second too."""
    if not one.name or one.name != other.name or one.partial or other.partial or one.shifted or other.shifted:
        return False
    if one.window_text != other.window_text:
        return False
    matchers = {(m.name, m.op, m.value) for m in one.matchers}
    return all((m.name, m.op, m.value) in matchers for m in other.matchers if m.name != "__name__")


# Units

class Unit(NamedTuple):
    """A value's unit: ``Unit("bytes", 1, 8)`` are bits per second."""

    base: str  # bytes, seconds, count, ratio, timestamp
    per_second: int = 0
    scale: float = 1.0  # the value in these units is that in the base unit times this


RATIO = Unit("ratio")
_BASES = {"bytes": Unit("bytes"), "seconds": Unit("seconds"), "ratio": RATIO, "milliseconds": Unit("seconds", 0, 1e3),
          "ms": Unit("seconds", 0, 1e3), "microseconds": Unit("seconds", 0, 1e6),
          "nanoseconds": Unit("seconds", 0, 1e9), "bits": Unit("bytes", 0, 8)}
_TIMESTAMP = re.compile(r"(?:timestamp|_time|_created|expiry|not_after|not_before|expiration|last_\w*success\w*|"
                        r"last_\w*completion\w*)(?:_seconds)?$")
_PER_SECOND = re.compile(r"speed|rate(?:_|$)|per_sec|bandwidth|throughput|bps")  # a rate by itself, of unknown unit
_KEEP = BETWEEN | {"abs", "ceil", "floor", "round", "clamp", "clamp_min", "clamp_max", "sum_over_time", "increase",
                   "delta", "idelta", "predict_linear", "stddev_over_time", "holt_winters",
                   "double_exponential_smoothing"}


def unit_of_metric(name: str, catalogue: Catalogue) -> Unit | None:
    """A metric's unit, as its name or its catalogue says it."""
    known = catalogue.metric(name)
    if known and known.unit:
        return _BASES.get(known.unit)
    if ":" in name or _PER_SECOND.search(name):
        return None
    if _TIMESTAMP.search(name):
        return Unit("timestamp")
    base, _, last = name.rpartition("_")
    if last in ("count", "bucket"):
        return Unit("count")
    if last in ("total", "sum", "max", "min", "avg"):
        unit = _BASES.get(base.rpartition("_")[2])
        return unit or (Unit("count") if last == "total" else None)
    return _BASES.get(last)


def unit(node: Node, catalogue: Catalogue) -> Unit | None:
    """None: not known."""
    if isinstance(node, Selector):
        return unit_of_metric(node.name, catalogue) if node.name else None
    if isinstance(node, Negation | Subquery):
        return unit(node.expr, catalogue)
    if isinstance(node, Aggregate):
        if node.op in ("count", "count_values", "group"):
            return Unit("count")
        if node.op in ("stdvar",):
            return None
        if node.op == "sum" and isinstance(node.expr, Binary) and node.expr.as_bool:
            return Unit("count")
        return unit(node.expr, catalogue)
    if isinstance(node, Call):
        return _unit_of_call(node, catalogue)
    if isinstance(node, Binary):
        return _unit_of_binary(node, catalogue)
    return None


def _unit_of_call(node: Call, catalogue: Catalogue) -> Unit | None:
    if node.func == "time" or node.func == "timestamp":
        return Unit("timestamp")
    if node.func in ABSENT or not node.args:
        return None
    if node.func == "histogram_quantile" and len(node.args) == 2:
        return _of_buckets(node.args[1], catalogue)
    vectors = [arg for arg in node.args if not isinstance(arg, Number | String)]
    if len(vectors) != 1:
        return None
    inner = unit(vectors[0], catalogue)
    if inner is None:
        return None
    if node.func in ("rate", "irate", "deriv"):
        if inner.base == "seconds":
            return Unit("ratio", 0, inner.scale)
        return None if inner.base == "timestamp" else inner._replace(per_second=inner.per_second + 1)
    return inner if node.func in _KEEP else None


def _of_buckets(node: Node, catalogue: Catalogue) -> Unit | None:
    names = {s.name for s in _selectors(node)}
    if len(names) != 1 or not (name := names.pop()) or not name.endswith("_bucket"):
        return None
    return unit_of_metric(name.removesuffix("_bucket"), catalogue)


def _selectors(node: Node) -> list[Selector]:
    if isinstance(node, Selector):
        return [node]
    return [found for child in node.children() for found in _selectors(child)]


def _unit_of_binary(node: Binary, catalogue: Catalogue) -> Unit | None:
    left, right, op = node.left, node.right, node.op
    if op in COMPARISONS:
        return None if node.as_bool else unit(right if left.scalar else left, catalogue)
    if op in ("and", "unless"):
        return unit(left, catalogue)
    if isinstance(right, Number) or isinstance(left, Number):
        return _scaled(node, catalogue)
    if op == "/" and (is_part(left, right) or key(left, matchers=False) == key(right, matchers=False)
                      and isinstance(left, Aggregate | Call | Selector)):
        return RATIO
    one = unit(left, catalogue)
    other = unit(right, catalogue)
    if op == "or" and isinstance(right, Call) and right.func == "vector":
        return one
    if one is None or other is None:
        return None
    if op in ("+", "or"):
        return one if one == other else None
    if op == "-":
        if one.base == "timestamp" and other.base == "timestamp":
            return Unit("seconds")
        return one if one == other else None
    if op == "*":
        if other == RATIO:
            return one
        return other if one == RATIO else None
    if op == "/" and other.scale:
        if one.base == other.base and one.per_second == other.per_second and one.base != "timestamp":
            return Unit("ratio", 0, one.scale / other.scale)
        if other.base == "count" and one.per_second == other.per_second:
            return one._replace(per_second=0)
        if one.base == "ratio" and other == Unit("count", 1):
            return Unit("seconds", 0, one.scale)
        if other == RATIO:
            return one
    return None


# What units are converted by.
_CONVERSIONS = (1, 8, 24, 60, 100, 3600, 86400, 604800, *(1000.0 ** n for n in range(1, 6)),
                *(1024.0 ** n for n in range(1, 6)))


def _scaled(node: Binary, catalogue: Catalogue) -> Unit | None:
    """An operation with a literal."""
    if isinstance(node.right, Number):
        number, inner = node.right.value, unit(node.left, catalogue)
    else:
        number, inner = node.left.value if isinstance(node.left, Number) else None, unit(node.right, catalogue)
    if inner is None or number is None:
        return None
    if node.op in "*/" and not any(math.isclose(abs(number), x) or math.isclose(abs(number) * x, 1)
                                   for x in _CONVERSIONS):
        return None  # a share of it, a mean of several: no other unit of the same
    if node.op == "*" and number:
        return inner._replace(scale=inner.scale * number)
    if node.op == "/" and number and isinstance(node.right, Number):
        return inner._replace(scale=inner.scale / number)
    if node.op in ("+", "-"):
        # 1 - ratio, 100 - percent: the rest of the whole.
        return inner if inner.base == "ratio" and inner.scale == abs(number) else None
    return None


__all__ = ["ANYTHING", "RATIO", "SELECTING", "Bounds", "Unit", "always", "bounds", "is_part", "key", "narrower",
           "never", "unit", "unit_of_metric"]
