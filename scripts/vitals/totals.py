"""Sums over long windows as differences of running totals: the same values, at a cost that does not grow.

promtool looks at every sample of a window at every evaluation, refuses more than 10,000 of them, and evaluates every
group at the same pace. Over days that is most of the work, or the end of it. Instead, a total of what was recorded so
far is recorded beside it, and a sum over a window is the total less what it was a window ago; so are counts and means.
Only for what rules record: that has one sample for each evaluation, and no NaN.
"""

from __future__ import annotations

from typing import Any

from vitals.lint import expression as ql

LONG_SECONDS = 3600  # windows up to that stay what they are
OVER = frozenset({"sum_over_time", "count_over_time", "avg_over_time"})

Group = dict[str, Any]


def running(groups: list[Group], every: int) -> list[Group]:
    """These groups, evaluated every ``every`` seconds in this order, with totals in place of long windows."""
    names: dict[str, str] = {}  # what is summed up → the total's name
    found = []
    for group in groups:
        rules = []
        for rule in group["rules"]:
            known = len(names)
            changed = {**rule, "expr": _replaced(rule["expr"], names)}
            for selected, name in list(names.items())[known:]:
                rules += _totals(selected, name, every)
            rules.append(changed)
        found.append({**group, "rules": rules})
    return found


def _replaced(expr: str, names: dict[str, str]) -> str:
    calls = [node for node in ql.walk(ql.parse(expr).root) if isinstance(node, ql.Call) and node.func in OVER]
    for call in sorted(calls, key=lambda node: -node.start):
        selector = call.args[0]
        if isinstance(selector, ql.Selector) and _long(selector):
            selected = expr[selector.start:selector.end].rpartition("[")[0]
            name = names.setdefault(selected, f"total{len(names)}")
            total, count = (_since(f"{name}:{what}:sum", selector.window_text) for what in ("values", "samples"))
            value = {"sum_over_time": total, "count_over_time": count, "avg_over_time": f"{total} / {count}"}[call.func]
            expr = f"{expr[:call.start]}({value} and {count} > 0){expr[call.end:]}"
    return expr


def _long(selector: ql.Selector) -> bool:
    return ":" in (selector.name or "") and not selector.shifted and (selector.window or 0) > LONG_SECONDS


def _since(total: str, window: str) -> str:
    return f"({total} - ({total} offset {window} or {total} * 0))"


def _totals(selected: str, name: str, every: int) -> list[dict[str, str]]:
    """A total stays what it is while nothing is recorded."""
    found = []
    for what, added in (("values", selected), ("samples", f"({selected} * 0 + 1)")):
        total = f"{name}:{what}:sum"
        before = f"{total} offset {every}s"
        found.append({"record": total, "expr": f"({before} + {added}) or {added} or {before}"})
    return found
