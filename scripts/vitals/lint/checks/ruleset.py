"""Rules among other rules: names, duplicates, order, tests, and what every alert should carry."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vitals.lint.checks.base import Context, Group, Options, Rule, Said, Source, check
from vitals.lint.expression import seconds
from vitals.lint.values import key


@check(
    "duplicate-rule", "warning", "file",
    "The same rule twice",
    why="Two alerts with one name and one set of labels are one to Alertmanager; two records write the same series.",
    bad="""\
- alert: Down
  expr: up == 0
- alert: Down
  expr: up == 0
""",
    good="""\
- alert: Down
  expr: up == 0
""")
def duplicate_rule(source: Source, context: Context) -> Iterator[Said]:
    named: dict[tuple, list[Rule]] = {}
    for group in source.groups:
        for rule in group.rules:
            labels = tuple(sorted((name, text.value) for name, text in {**group.labels, **rule.labels}.items()))
            named.setdefault((rule.kind, rule.name.value, labels), []).append(rule)
    for rules in named.values():
        seen: dict[object, Rule] = {}
        for rule in rules if len(rules) > 1 else ():
            expression = context.of(rule)
            what = key(expression.root) if expression and len(expression.text) < 5000 else rule.expr.value
            first = seen.setdefault(what, rule)
            if first is not rule:
                yield Said(f"the same rule stands in group {first.group.name}, line {first.place.line}",
                           "remove one of them", place=rule.place, subject=_subject(rule))


def _subject(rule: Rule) -> str:
    return f"{rule.kind} {rule.name.value}"


_WINDOW = re.compile(r"(?:rate|increase|delta|_over_time)_?((?:\d+[smhdw])+)$")


@check(
    "record-window", "warning", "rule",
    "A recording rule's name tells another window than its expression has",
    why="Whoever reads `…:rate5m` trusts it to look back five minutes.",
    bad="""\
record: instance:node_cpu:rate1m
expr: rate(node_cpu_seconds_total[5m])
""",
    good="""\
record: instance:node_cpu:rate5m
expr: rate(node_cpu_seconds_total[5m])
""")
def record_window(rule: Rule, context: Context) -> Iterator[Said]:
    found = _WINDOW.search(rule.name.value) if rule.kind == "record" else None
    expression = context.of(rule) if found else None
    if not found or expression is None:
        return
    windows = {s.window for s in expression.selectors if s.is_range} | {s.window for s in expression.subqueries}
    if len(windows) == 1 and (window := windows.pop()) is not None and window != seconds(found[1]):
        ranges = [s.window_text for s in expression.selectors if s.is_range]
        text = (ranges or [s.window_text for s in expression.subqueries])[0]
        yield Said(f"the name says {found[1]}, the expression looks back {text}", "make them agree", text=rule.name)


_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*:[a-zA-Z_][a-zA-Z0-9_]*(?::[a-zA-Z0-9_]+)*|:[a-zA-Z_]\w*:\w*")


@check(
    "record-name", "info", "rule",
    "A recording rule's name is not level:metric:operation",
    why="A colon tells recorded series from scraped ones; the level tells which labels are left.",
    bad="""\
record: http_requests_rate
expr: sum by (job) (rate(http_requests_total[5m]))
""",
    good="""\
record: job:http_requests:rate5m
expr: sum by (job) (rate(http_requests_total[5m]))
""", enabled=False)
def record_name(rule: Rule, context: Context) -> Iterator[Said]:
    if rule.kind == "record" and not _NAME.fullmatch(rule.name.value):
        yield Said(f"{rule.name.value} is not of the form level:metric:operation", "rename it", text=rule.name)


@check(
    "reads-later", "info", "group",
    "A rule reads what a later rule of its group records",
    why="Rules of a group run in order: what is recorded later is an interval old here.",
    bad="""\
- alert: ManyErrors
  expr: job:errors:rate5m > 1
- record: job:errors:rate5m
  expr: sum by (job) (rate(errors_total[5m]))
""",
    good="""\
- record: job:errors:rate5m
  expr: sum by (job) (rate(errors_total[5m]))
- alert: ManyErrors
  expr: job:errors:rate5m > 1
""")
def reads_later(group: Group, context: Context) -> Iterator[Said]:
    last = {rule.name.value: index for index, rule in enumerate(group.rules) if rule.kind == "record"}
    first: dict[str, int] = {}
    for index, rule in enumerate(group.rules):
        if rule.kind == "record":
            first.setdefault(rule.name.value, index)
    for index, rule in enumerate(group.rules) if last else ():
        expression = context.of(rule)
        if expression is None:
            continue
        for selector in expression.selectors:
            at = first.get(selector.name or "")
            if at is not None and at > index and not selector.shifted:
                yield Said(f"{selector.name} is recorded later in this group: it is an interval old here",
                           "move the recording rule up", (selector.start, selector.end), rule.expr,
                           subject=_subject(rule))
                break


@check(
    "record-undefined", "info", "files",
    "A recorded series is read that no rule records",
    why="The files record others of the same level and metric, so this name is a slip or was left behind.",
    bad="""\
- record: job:errors:rate5m
  expr: sum by (job) (rate(errors_total[5m]))
- alert: ManyErrors
  expr: job:errors:rate1m > 1
""",
    good="""\
- record: job:errors:rate5m
  expr: sum by (job) (rate(errors_total[5m]))
- alert: ManyErrors
  expr: job:errors:rate5m > 1
""")
def record_undefined(sources: list[Source], context: Context) -> Iterator[Said]:
    siblings: dict[tuple[str, str], set[str]] = {}
    for source in sources:
        for group in source.groups:
            for rule in group.rules:
                if rule.kind == "record" and rule.name.value.count(":") == 2:
                    siblings.setdefault((source.file, rule.name.value.rpartition(":")[0]), set()).add(rule.name.value)
    if not siblings:
        return
    for source in sources:
        for group in source.groups:
            for rule in group.rules:
                expression = context.of(rule) if ":" in rule.expr.value else None
                for selector in expression.selectors if expression else ():
                    name = selector.name or ""
                    if name.count(":") != 2 or name in context.records:
                        continue
                    near = siblings.get((source.file, name.rpartition(":")[0]))
                    if near:
                        yield Said(f"no rule records {name}; there is {', '.join(sorted(near)[:3])}",
                                   "mend the name, or record it", (selector.start, selector.end), rule.expr,
                                   subject=_subject(rule))


@check(
    "missing-label", "info", "rule",
    "An alert lacks a label that routing needs",
    why="Routes and inhibition go by labels, above all by `severity`.",
    bad="""\
- alert: Down
  expr: up == 0
  labels: {severity: critical}
- alert: Slow
  expr: latency_seconds > 1
""",
    good="""\
alert: Down
expr: up == 0
labels:
  severity: critical
""")
def missing_label(rule: Rule, context: Context) -> Iterator[Said]:
    if rule.kind == "alert":
        yield from _missing(rule, context, context.options.required_labels, DEFAULT.required_labels, "label",
                            {*rule.labels, *rule.group.labels})


DEFAULT = Options()


def _missing(rule: Rule, context: Context, wanted: tuple[str, ...], default: tuple[str, ...], what: str,
             has: set[str]) -> Iterator[Said]:
    """What nobody asked for is only missed where other alerts of the file have it."""
    for choice in wanted:
        names = choice.split("|")
        if has.intersection(names):
            continue
        if wanted != default or "summary" in names or any((rule.place.file, n) in context.carried for n in names):
            yield Said(f"no {what} {' or '.join(f'`{name}`' for name in names)}", "add it", place=rule.place)


@check(
    "missing-annotation", "info", "rule",
    "An alert lacks an annotation",
    why="Whoever is woken wants to read what is wrong, and where to look first.",
    bad="""\
alert: Down
expr: up == 0
labels:
  severity: critical
""",
    good="""\
alert: Down
expr: up == 0
labels:
  severity: critical
annotations:
  summary: '{{ $labels.instance }} is down'
  runbook_url: https://runbooks.example.org/down
""")
def missing_annotation(rule: Rule, context: Context) -> Iterator[Said]:
    if rule.kind == "alert":
        yield from _missing(rule, context, context.options.required_annotations, DEFAULT.required_annotations,
                            "annotation", set(rule.annotations))


@check(
    "untested-alert", "info", "files",
    "An alert that no test sees fire, or none sees silent",
    why="An alert that was never seen to fire may not; one that was never seen silent may always fire.",
    bad="""\
alert: Down
expr: up == 0
""",
    good="""\
alert: Down
expr: up == 0
""")
def untested_alert(sources: list[Source], context: Context) -> Iterator[Said]:
    tests = [test for source in sources for test in source.tests]
    if not tests:
        return
    fires = {test.alert for test in tests if test.fires}
    silent = {test.alert for test in tests if not test.fires}
    said = set()
    for rule in context.rules():
        name = rule.name.value
        if rule.kind != "alert" or name in said or name in fires and name in silent:
            continue
        said.add(name)
        what = "no test" if name not in fires | silent else \
            "no test sees it fire" if name not in fires else "no test sees it stay silent"
        yield Said(what, "add a case to its promtool tests", place=rule.place, subject=_subject(rule))
