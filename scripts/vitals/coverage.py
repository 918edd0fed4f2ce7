"""Which recorded series an expression reads, and whether an app that feeds some of them can answer it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import promql_parser as parser

# Series that every target has.
ALWAYS = frozenset({"up", "ALERTS", "scrape_duration_seconds", "scrape_samples_post_metric_relabeling"})


def answers(expr: str, recorded: set[str], surely: bool = False, always: frozenset[str] = ALWAYS) -> bool:
    """True when the expression can give data from these series and those that are ``always`` there.

    One arm of an ``or`` is enough. What ``unless`` takes away need not be there; ``surely``, it may not.
    """
    return _answers(_needs(expr), recorded | always, surely)


def reads(expr: str) -> set[str]:
    """The names of all the series in the expression."""
    return set(_names(_needs(expr)))


# A series' name, or what is asked of several needs: ("or" | "unless" | "all", the needs).
Needs = str | tuple[str, tuple["Needs", ...]]


@cache
def _needs(expr: str) -> Needs:
    """The expression without all that does not matter here. Kept: every dashboard asks of the same ones."""
    return _needs_of(parser.parse(expr))


def _needs_of(node: Any) -> Needs:
    if isinstance(node, parser.VectorSelector):
        return str(node.name) if node.name else ("or", ())  # {…} alone: nobody knows whether
    op = str(node.op) if isinstance(node, parser.BinaryExpr) else ""
    return op if op in ("or", "unless") else "all", tuple(_needs_of(child) for child in children(node))


def _answers(needs: Needs, recorded: set[str], surely: bool) -> bool:
    if isinstance(needs, str):
        return needs in recorded
    how, inner = needs
    if how == "or":
        return any(_answers(one, recorded, surely) for one in inner)
    if how == "unless":
        left, right = inner
        return _answers(left, recorded, surely) and not (surely and _answers(right, recorded, surely))
    return all(_answers(one, recorded, surely) for one in inner)


def _names(needs: Needs) -> Iterator[str]:
    if isinstance(needs, str):
        yield needs
    else:
        for one in needs[1]:
            yield from _names(one)


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
