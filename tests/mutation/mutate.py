"""Every way in which a rule is changed to see whether a test notices."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from vitals.lint import expression as ql

Rule = dict[str, Any]
FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">=", "==": "!=", "!=": "=="}
SEVERITY = {"critical": "warning", "warning": "info", "info": "critical"}
LABEL = re.compile(r"\{\{\s*\$labels\.(\w+)[^}]*\}\}")


def mutants(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """(what was changed, the changed rule)."""
    for what, expr in _expressions(rule["expr"]):
        yield what, rule | {"expr": expr}
    yield from _alerts(rule) if "alert" in rule else _factors(rule)


def _alerts(rule: Rule) -> Iterator[tuple[str, Rule]]:
    if "for" in rule:
        yield "for removed", {k: v for k, v in rule.items() if k != "for"}
        yield "for doubled", rule | {"for": _twice(rule["for"])}
    if "keep_firing_for" in rule:
        yield "keep_firing_for removed", {k: v for k, v in rule.items() if k != "keep_firing_for"}
    severity = rule["labels"]["severity"]
    yield "severity changed", rule | {"labels": rule["labels"] | {"severity": SEVERITY.get(severity, "none")}}
    for key, text in rule["annotations"].items():
        for i, match in enumerate(LABEL.finditer(text)):
            without = text[:match.start()] + text[match.end():]
            yield f"annotation {key}: label {match[1]} removed ({i + 1})", rule | {"annotations": rule["annotations"] | {key: without}}


def _factors(rule: Rule) -> Iterator[tuple[str, Rule]]:
    expr = rule["expr"]
    for node in ql.walk(ql.parse(expr).root):
        if isinstance(node, ql.Binary) and node.op == "*":
            for side in (node.left, node.right):
                if isinstance(side, ql.Number) and side.value:
                    start, end = side.outer
                    yield f"factor doubled (at {start})", rule | {"expr": f"{expr[:start]}(2 * {expr[start:end]}){expr[end:]}"}


def _twice(duration: str) -> str:
    return f"{2 * int(duration[:-1])}{duration[-1]}"


def _expressions(text: str) -> Iterator[tuple[str, str]]:
    tree = ql.parse(text)

    def cut(start: int, end: int, new: str) -> str:
        return text[:start] + new + text[end:]

    def source(node: ql.Node) -> str:
        return text[node.outer[0]:node.outer[1]]

    joins: list[ql.Binary] = []
    for i, node in enumerate(ql.walk(tree.root)):
        at = f"at {node.start}"
        if isinstance(node, ql.Binary):
            yield from _binary(node, text, source, cut)
        elif isinstance(node, ql.Selector):
            for matcher in node.matchers:
                if (join := _join(node, matcher.name)) is None:
                    yield f"matcher {matcher.name} of {node.name} removed ({i})", _without(text, [(node, matcher)])
                elif join not in joins:
                    joins.append(join)
                    same = [(one, m) for one in ql.walk(join) if isinstance(one, ql.Selector)
                            and _join(one, matcher.name) is join and (m := one.matcher(matcher.name))]
                    yield f"matcher {matcher.name} of {node.name} and what is joined to it removed ({i})", _without(text, same)
            if node.window_text:
                wide = text[node.start:node.end].replace(f"[{node.window_text}]", f"[{_thrice(node.window_text)}]", 1)
                yield f"window of {node.name} × 3 ({at})", cut(node.start, node.end, wide)
        elif isinstance(node, ql.Subquery) and ":" in node.window_text:
            window, _, step = node.window_text.partition(":")
            wide = text[node.start:node.end]
            j = wide.rindex(f"[{node.window_text}]")
            yield f"subquery × 3 ({at})", cut(node.start, node.end, wide[:j] + f"[{_thrice(window)}:{step}]" + wide[j + len(node.window_text) + 2:])
        elif isinstance(node, ql.Aggregate):
            for label in node.by:
                kept = ", ".join(x for x in node.by if x != label)
                inside = text[node.start:node.end]
                yield f"{label} dropped from {node.op} {node.mode} ({at})", cut(
                    node.start, node.end, re.sub(rf"\b{node.mode} *\([^)]*\)", f"{node.mode} ({kept})", inside, count=1))
        elif isinstance(node, ql.Call) and node.func == "histogram_quantile":
            first = node.args[0]
            other = "0.9" if source(first) == "0.5" else "0.5"
            yield f"quantile changed ({at})", cut(first.start, first.end, other)


def _join(node: ql.Selector, label: str) -> ql.Binary | None:
    """The operator furthest up that joins a selector to another on a label which matchers set on both sides.

    Without its matcher, either side would still be held to the other's: they are one condition, written twice.
    """
    found, here = None, node.parent
    while here and label in here.labels.sure:
        if (isinstance(here, ql.Binary) and here.op not in ("or", "unless") and all(label in side.labels.sure for side in here.children())
                and (label in here.on if here.matching == "on" else label not in here.on)):
            found = here
        here = here.parent
    return found


def _without(text: str, gone: list[tuple[ql.Selector, ql.Matcher]]) -> str:
    for node, matcher in sorted(gone, key=lambda one: -one[1].start):
        inside = re.sub(rf"\s*{re.escape(text[matcher.start:matcher.end])}\s*,?", "", text[node.start:node.end], count=1)
        text = text[:node.start] + re.sub(r",\s*\}", "}", inside) + text[node.end:]
    return text


def _thrice(window: str) -> str:
    return f"{round(3 * ql.seconds(window))}s"


def _binary(node: ql.Binary, text: str, source: Any, cut: Any) -> Iterator[tuple[str, str]]:
    start, end = node.left.outer[0], node.right.outer[1]
    left, right = source(node.left), source(node.right)
    between = text[node.left.outer[1]:node.right.outer[0]]
    at = f"at {node.op_start}"
    if node.op in FLIPPED:
        yield f"{node.op} flipped ({at})", cut(node.op_start, node.op_start + len(node.op), FLIPPED[node.op])
        limit, other = (node.left, node.right) if isinstance(node.left, ql.Number) else (node.right, node.left)
        if not (isinstance(limit, ql.Number) and limit.value == 0):
            for factor in ("2", "0.5"):
                yield f"limit × {factor} ({at})", cut(*limit.outer, f"({factor} * {source(limit)})")
    elif node.op == "/":
        yield f"numerator and denominator swapped ({at})", text[:start] + right + between + left + text[end:]
    elif node.op in ql.SETS:
        yield f"{node.op} arm removed ({at})", text[:start] + left + text[end:]
        if node.op == "or":
            yield f"first arm of or removed ({at})", text[:start] + right + text[end:]
