"""Which recorded series an expression reads, and whether an app that feeds some of them can answer it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser as parser

# Series that every target has.
ALWAYS = frozenset({"up", "ALERTS", "scrape_duration_seconds", "scrape_samples_post_metric_relabeling"})


def answers(expr: str, recorded: set[str], surely: bool = False, always: frozenset[str] = ALWAYS) -> bool:
    """True when the expression can give data from these series and those that are ``always`` there.

    One arm of an ``or`` is enough. What ``unless`` takes away need not be there; ``surely``, it may not.
    """
    return _answers(parser.parse(expr), recorded | always, surely)


def reads(expr: str) -> set[str]:
    """The names of all the series in the expression."""
    return set(_names(parser.parse(expr)))


def _answers(node: Any, recorded: set[str], surely: bool) -> bool:
    if isinstance(node, parser.BinaryExpr):
        left, right = (_answers(side, recorded, surely) for side in (node.lhs, node.rhs))
        match str(node.op):
            case "or":
                return left or right
            case "unless":
                return left and not (surely and right)
        return left and right
    if isinstance(node, parser.VectorSelector):
        return node.name in recorded
    return all(_answers(child, recorded, surely) for child in children(node))


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, parser.VectorSelector) and node.name:
        yield node.name
    for child in children(node):
        yield from _names(child)


def children(node: Any) -> Iterator[Any]:
    """The expressions right below a node. (The library's own walk is superlinear.)"""
    for attribute in ("lhs", "rhs", "expr", "vector_selector", "args", "param"):
        value = getattr(node, attribute, None)
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, parser.Expr):
                yield child


def arms(expr: str) -> list[str]:
    """The alternatives of an expression: the sides of its outermost ``or``; itself where it has none.

    An arm that reads nothing (``or vector(0)``) is one too.
    """
    def split(node: Any) -> Iterator[str]:
        if isinstance(node, parser.ParenExpr):
            yield from split(node.expr)
        elif isinstance(node, parser.BinaryExpr) and str(node.op) == "or":
            yield from split(node.lhs)
            yield from split(node.rhs)
        else:
            yield node.prettify()
    return list(split(parser.parse(expr)))
