"""Windows, intervals and `for`."""

from __future__ import annotations

from collections.abc import Iterator

from vitals.lint.checks.base import Context, Rule, Said, Subject, check
from vitals.lint.expression import COMPARISONS, RATES, Aggregate, Binary, Call, Number, Selector, Subquery


@check(
    "short-window", "warning", "expression",
    "A window holds too few samples",
    why="""\
A rate needs two samples in its window. Under twice the scrape interval there often is one, and the result has gaps;
under four times a single failed scrape makes one.
""",
    bad="""\
alert: Errors
expr: rate(errors_total[1m]) > 1
""",
    good="""\
alert: Errors
expr: rate(errors_total[5m]) > 1
""")
def short_window(subject: Subject, context: Context) -> Iterator[Said]:
    interval = context.options.scrape_interval
    if interval is None:
        return
    for call in subject.expression.calls:
        if call.func not in RATES and call.func not in ("delta", "deriv", "idelta", "predict_linear"):
            continue
        window = call.args[0] if call.args else None
        if not isinstance(window, Selector) or window.window is None or window.window >= 4 * interval:
            continue
        if window.name and ":" in window.name:
            continue
        times = window.window / interval
        yield Said(f"{window.window_text} is {times:.3g} times the scrape interval of {interval:g}s",
                   f"use at least {_duration(4 * interval)}", window.span,
                   severity="error" if times < 2 else "warning")


def _duration(seconds: float) -> str:
    return f"{seconds / 60:g}m" if seconds % 60 == 0 else f"{seconds:g}s"


@check(
    "one-sample-subquery", "error", "expression",
    "A subquery's step leaves one sample in its window",
    why="`rate(x[5m:10m])` has one sample, and a rate needs two.",
    bad="""\
record: job:x:rate
expr: rate(x[5m:10m])
""",
    good="""\
record: job:x:rate
expr: rate(x[30m:5m])
""")
def one_sample_subquery(subject: Subject, context: Context) -> Iterator[Said]:
    for call in subject.expression.calls:
        if call.func in RATES or call.func in ("delta", "idelta", "deriv"):
            inner = call.args[0] if call.args else None
            if isinstance(inner, Subquery) and inner.window and inner.step and inner.step > inner.window:
                yield Said("the step is longer than the window", "take a shorter step", inner.span)


@check(
    "for-within-interval", "info", "rule",
    "`for` is shorter than the group's interval",
    why="The condition is looked at once per interval: a shorter `for` means the next look, a whole interval later.",
    bad="""\
groups:
- name: slow
  interval: 5m
  rules:
  - alert: Down
    expr: up == 0
    for: 1m
""",
    good="""\
groups:
- name: slow
  interval: 1m
  rules:
  - alert: Down
    expr: up == 0
    for: 5m
""")
def for_within_interval(rule: Rule, context: Context) -> Iterator[Said]:
    interval = rule.group.interval or context.options.evaluation_interval
    if interval and rule.hold and rule.hold < interval:
        yield Said(f"`for` is {rule.hold:g}s, the rule is evaluated every {interval:g}s",
                   "make it a multiple of the interval", place=rule.keys.get("for", rule.place))


@check(
    "for-outlasts-window", "info", "rule",
    "A single event leaves the window before `for` has passed",
    why="""\
`increase(x[5m]) > 0` holds for five minutes after an event. With `for: 10m` one event never fires; only events that go
on do.
""",
    bad="""\
alert: OutOfMemory
expr: increase(node_vmstat_oom_kill[5m]) > 0
for: 10m
""",
    good="""\
alert: OutOfMemory
expr: increase(node_vmstat_oom_kill[10m]) > 0
""")
def for_outlasts_window(rule: Rule, context: Context) -> Iterator[Said]:
    expression = context.of(rule) if rule.hold and rule.kind == "alert" else None
    if expression is None or not rule.hold:
        return
    root = expression.root
    if not isinstance(root, Binary) or root.op not in (">", ">=", "!=") or root.op not in COMPARISONS:
        return
    limit = root.right.value if isinstance(root.right, Number) else None
    if limit is None or not (limit == 0 and root.op in (">", "!=") or 0 < limit <= 1 and root.op == ">="):
        return
    node = root.left
    while isinstance(node, Aggregate) and node.op in ("sum", "max", "avg", "min"):
        node = node.expr
    if isinstance(node, Call) and node.func in ("increase", "changes", "resets", "delta") \
            and isinstance(node.args[0], Selector) and node.args[0].window and rule.hold >= node.args[0].window:
        yield Said(f"after one event this holds for {node.args[0].window_text}, `for` asks for {_duration(rule.hold)}",
                   "make the window longer than `for`, or leave `for` out", place=rule.keys.get("for", rule.place))


@check(
    "irate-in-alert", "info", "alert",
    "irate in an alert",
    why="`irate` looks at two samples: any short dip resets `for`. Use `rate` in alerts.",
    bad="""\
alert: Errors
expr: irate(errors_total[5m]) > 1
for: 5m
""",
    good="""\
alert: Errors
expr: rate(errors_total[5m]) > 1
for: 5m
""")
def irate_in_alert(subject: Subject, context: Context) -> Iterator[Said]:
    if subject.rule and subject.rule.hold:
        for call in subject.expression.calls:
            if call.func == "irate":
                yield Said("irate() looks at two samples: any short dip resets `for`", "use rate()", call.span)
