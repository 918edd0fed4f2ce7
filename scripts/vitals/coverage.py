"""Which recorded series an expression reads, and whether an app that feeds some of them can answer it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import promql_parser as parser

# Series that every target has.
ALWAYS = frozenset({"up", "ALERTS"})


def answers(expr: str, recorded: set[str]) -> bool:
    """True when the expression can give data from these series (and ``up``, ``ALERTS``).

    One arm of an ``or`` is enough; what ``unless`` takes away need not be there.
    """
    return _answers(parser.parse(expr), recorded | ALWAYS)


def reads(expr: str) -> set[str]:
    """The names of all the series in the expression."""
    return set(_names(parser.parse(expr)))


def _answers(node: Any, recorded: set[str]) -> bool:
    if isinstance(node, parser.BinaryExpr):
        op = str(node.op)
        if op == "or":
            return _answers(node.lhs, recorded) or _answers(node.rhs, recorded)
        return _answers(node.lhs, recorded) and (op == "unless" or _answers(node.rhs, recorded))
    if isinstance(node, parser.VectorSelector):
        return node.name in recorded
    return all(_answers(child, recorded) for child in _children(node))


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, parser.VectorSelector):
        yield node.name
    for child in _children(node):
        yield from _names(child)


def _children(node: Any) -> Iterator[Any]:
    """The expressions right below a node. (The library's own walk is superlinear.)"""
    for attribute in ("lhs", "rhs", "expr", "vector_selector", "args", "param"):
        value = getattr(node, attribute, None)
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, parser.Expr):
                yield child
