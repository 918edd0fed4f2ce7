"""What annotations, alert labels, legends and links make of a result."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from vitals.lint.checks.base import Context, Panel, Said, Subject, Text, check, parsed
from vitals.lint.expression import COMPARISONS, RATES, Aggregate, Binary, Call, Node, Number, Selector
from vitals.lint.values import RATIO, is_part, unit

_ACTION = re.compile(r"""\{\{-?\s*((?:[^"`'{}]|"(?:[^"\\]|\\.)*"|`[^`]*`|'(?:[^'\\]|\\.)*')*?)\s*-?\}\}""", re.S)
_LABEL = re.compile(r"\$labels\.([A-Za-z_]\w*)|\bindex\s+\$labels\s+[\"`]([A-Za-z_]\w*)[\"`]")
_DOT_LABEL = re.compile(r"(?<![\w)\]$.])\.Labels\.([A-Za-z_]\w*)")
_VALUE = re.compile(r"\$value\b|(?<![\w)\]$.])\.Value\b")
_KEYWORD = re.compile(r"(if|else|range|with|define|block|template|end)\b")


class Action(NamedTuple):
    """What stands between ``{{`` and ``}}``."""

    text: str
    start: int  # of the braces
    end: int
    keyword: str  # if, else, range, with, define, end, or empty: its result is printed
    inside: bool  # of a range, with or define: the dot is another


@lru_cache(maxsize=256)
def actions(text: str) -> tuple[Action, ...]:
    if "{{" not in text or len(text) > 10_000:
        return ()
    found: list[Action] = []
    opened: list[str] = []
    for match in _ACTION.finditer(text):
        word = _KEYWORD.match(match[1])
        keyword = word[1] if word else ""
        inside = any(x in ("range", "with", "define", "block") for x in opened)
        found.append(Action(match[1], match.start(), match.end(), keyword, inside))
        if keyword in ("if", "range", "with", "define", "block"):
            opened.append(keyword)
        elif keyword == "end" and opened:
            opened.pop()
    return tuple(found)


def _escaped(text: str) -> bool:
    """Whether a template makes the template (Helm, Ansible, jsonnet): what it will say is not known here."""
    if "{{" not in text and "{%" not in text:
        return False
    return '{{ "{{' in text or "{{`" in text or "{{ `" in text or '{{"{{' in text or "{% " in text or "{{ '{{" in text \
        or "{{'{{" in text


def _texts(subject: Subject, labels: bool = True) -> Iterator[Text]:
    """An alert's annotations and, with them, its labels."""
    if subject.is_alert and subject.rule:
        for text in subject.rule.annotations.values():
            if not _escaped(text.value):
                yield text
        if labels:
            yield from (text for text in subject.rule.labels.values() if not _escaped(text.value))


def _templates(subject: Subject, labels: bool = True) -> Iterator[Text]:
    """Those of them that have actions."""
    if subject.is_alert and subject.rule:
        for text in (*subject.rule.annotations.values(), *(subject.rule.labels.values() if labels else ())):
            if "{{" in text.value and not _escaped(text.value):
                yield text


@check(
    "template-label", "error", "alert",
    "An annotation uses a label that the result does not have",
    why="""\
A label that the expression aggregates away is empty in the template: the notification says `Instance  is down` and
nobody knows which.
""",
    bad="""\
alert: TooManyErrors
expr: sum by (job) (rate(http_errors_total[5m])) > 1
annotations:
  summary: Errors on {{ $labels.instance }}
""",
    good="""\
alert: TooManyErrors
expr: sum by (job, instance) (rate(http_errors_total[5m])) > 1
annotations:
  summary: Errors on {{ $labels.instance }}
""")
def template_label(subject: Subject, context: Context) -> Iterator[Said]:
    rule = subject.rule
    if rule is None:
        return
    labels = subject.expression.root.labels
    if labels.only is None and not labels.never:
        return
    for text in _templates(subject):
        for label, start, end in _used(text.value):
            if labels.can_have(label):
                continue
            if label in rule.labels or label in rule.group.labels or label == "alertname":
                continue  # template-own-label says it
            yield Said(f"the result has no label `{label}`: {_why(subject, label)}",
                       f"keep `{label}` in the expression, or leave it out of the text", (start, end), text)


def _why(subject: Subject, label: str) -> str:
    only = subject.expression.root.labels.only
    if only is None:
        return "it was aggregated away"
    only -= {"__name__"}
    if not only:
        return "it has no labels at all"
    return f"it only has {', '.join(sorted(only))}"


def _used(text: str) -> Iterator[tuple[str, int, int]]:
    """The labels that a template prints, where no condition asks for them first."""
    if "abels" not in text:
        return
    found = actions(text)
    asked = {name for action in found if action.keyword for name in _names(action)}
    for action in found:
        if action.keyword:
            continue
        for name in _names(action):
            if name not in asked:
                yield name, action.start, action.end


def _names(action: Action) -> Iterator[str]:
    for match in _LABEL.finditer(action.text):
        yield match[1] or match[2]
    if not action.inside:
        for match in _DOT_LABEL.finditer(action.text):
            yield match[1]


_ABOUT_ALERTS = re.compile(r"ALERTS|alert|rule|event|log|incident", re.I)  # such series may well have these labels


@check(
    "template-own-label", "warning", "alert",
    "A template asks for a label that the rule itself adds",
    why="""\
`$labels` are the labels of the expression's result. What stands under `labels:`, and `alertname`, are added later and
are empty in every template of the rule.
""",
    bad="""\
alert: Down
expr: up == 0
labels:
  severity: critical
annotations:
  summary: '[{{ $labels.severity }}] {{ $labels.instance }} is down'
""",
    good="""\
alert: Down
expr: up == 0
labels:
  severity: critical
annotations:
  summary: '[critical] {{ $labels.instance }} is down'
""")
def template_own_label(subject: Subject, context: Context) -> Iterator[Said]:
    rule = subject.rule
    if rule is None:
        return
    own = {"alertname", *rule.labels, *rule.group.labels}
    text_of_all = subject.expression.text
    for text in _templates(subject):
        for label, start, end in _used(text.value):
            if label not in own or label in text_of_all or _ABOUT_ALERTS.search(text_of_all):
                continue
            if label in rule.labels and "{{" in rule.labels[label].value or ":" in text_of_all and label != "alertname":
                continue
            if subject.expression.root.labels.only is None and label not in ("alertname", "severity", "priority"):
                continue
            yield Said(f"`{label}` is the rule's own label: it is not in $labels, and the text stays empty here",
                       "write it out" if label in rule.labels else "write the alert's name out", (start, end), text)


@check(
    "template-outside", "error", "expression",
    "A template's variable stands outside the braces",
    why="Only what stands in `{{ }}` is replaced; `$value` alone is sent as it is.",
    bad="""\
alert: Down
expr: up == 0
annotations:
  summary: $labels.instance is down
""",
    good="""\
alert: Down
expr: up == 0
annotations:
  summary: '{{ $labels.instance }} is down'
""")
def template_outside(subject: Subject, context: Context) -> Iterator[Said]:
    for text in _texts(subject):
        if "$labels." not in text.value and "$value" not in text.value or len(text.value) > 20_000:
            continue
        rest = _ACTION.sub(lambda m: " " * len(m[0]), text.value)
        if "{{" in rest or "}}" in rest:
            continue
        found = re.search(r"(?<![\\$\w])\$(?:labels\.\w+|value\b)", rest)
        if found:
            yield Said(f"`{found[0]}` stands outside of {{{{ }}}} and is sent as it is",
                       f"write {{{{ {found[0]} }}}}", found.span(), text)


@check(
    "template-bare-value", "error", "alert",
    "A template calls `value` without a sample",
    why="`value` is a function that takes a sample; alone it fails, and the annotation becomes an error text.",
    bad="""\
alert: Queue
expr: queue_length > 100
annotations:
  summary: '{{ value }} jobs wait'
""",
    good="""\
alert: Queue
expr: queue_length > 100
annotations:
  summary: '{{ $value }} jobs wait'
""")
def template_bare_value(subject: Subject, context: Context) -> Iterator[Said]:
    for text in _templates(subject):
        for action in actions(text.value) if "value" in text.value else ():
            if re.match(r"value\s*(?:$|\|)", action.text):
                yield Said("`value` is a function and takes a sample: the text will be an error message",
                           "write {{ $value }}", (action.start, action.end), text)


_FIELD = re.compile(r"\.([A-Za-z_]\w*)")
_FIELDS = frozenset({"Labels", "Value", "ExternalLabels", "ExternalURL"})


@check(
    "template-unknown-field", "error", "alert",
    "A template reads a field that Prometheus does not give it",
    why="""\
A rule's template has `.Labels` and `.Value` (`$labels` and `$value`); `.CommonLabels` or `.Annotations` are
Alertmanager's. Anything else fails, and the annotation becomes an error text.
""",
    bad="""\
alert: Down
expr: up == 0
annotations:
  summary: '{{ .instance }} is down'
""",
    good="""\
alert: Down
expr: up == 0
annotations:
  summary: '{{ $labels.instance }} is down'
""")
def template_unknown_field(subject: Subject, context: Context) -> Iterator[Said]:
    for text in _templates(subject):
        for action in actions(text.value) if "{{" in text.value else ():
            found = None if action.inside or action.keyword else _FIELD.match(action.text)
            if found and found[1] not in _FIELDS:
                yield Said(f"there is no .{found[1]} in a rule's template: the text will be an error message",
                           f"write $labels.{found[1]}" if found[1][0].islower() else "use $labels and $value",
                           (action.start, action.end), text)


_PRINTF = re.compile(r"""(?:^|\(|\|)\s*printf\s+("(?:[^"\\]|\\.)*"|`[^`]*`)\s*"""
                     r"""(\$value|\$labels\.\w+|\.Value)?\s*(?:$|\||\))""")
_VERB = re.compile(r"%[-+# 0]*\d*(?:\.\d+)?([a-zA-Z%])")


@check(
    "template-printf", "error", "expression",
    "printf is given a verb that does not fit",
    why="`$value` is a float and a label is a string: `printf \"%d\" $value` prints `%!d(float64=3)`.",
    bad="""\
alert: Queue
expr: queue_length > 100
annotations:
  summary: '{{ printf "%d" $value }} jobs wait'
""",
    good="""\
alert: Queue
expr: queue_length > 100
annotations:
  summary: '{{ printf "%.0f" $value }} jobs wait'
""")
def template_printf(subject: Subject, context: Context) -> Iterator[Said]:
    for text in _templates(subject):
        if "printf" not in text.value:
            continue
        for action in actions(text.value):
            for found in _PRINTF.finditer(action.text):
                given = found[2]
                if not given:
                    before = re.fullmatch(r"\s*(\$value|\$labels\.\w+|\.Value)\s*", action.text[:found.start()])
                    given = before[1] if before else None
                verbs = [verb for verb in _VERB.findall(found[1]) if verb != "%"]
                if not given or len(verbs) != 1 or action.inside and given == ".Value":
                    continue
                number = given in ("$value", ".Value")
                if verbs[0] in ("dsqctoUp" if number else "dfFeEgGbcoUt"):
                    kind = "a float" if number else "a string"
                    yield Said(f"%{verbs[0]} does not fit {given}, which is {kind}: the text will say "
                               f"%!{verbs[0]}({'float64' if number else 'string'}=…)",
                               f"use {'%.0f' if number else '%s'}", (action.start, action.end), text)


@check(
    "value-in-label", "warning", "alert",
    "An alert's label holds the value",
    why="""\
With another value it is another alert: `for` starts anew at every evaluation, and what was firing is resolved and sent
again. Values belong into annotations.
""",
    bad="""\
alert: DiskFull
expr: disk_used_ratio > 0.9
for: 5m
labels:
  severity: warning
  value: '{{ $value }}'
""",
    good="""\
alert: DiskFull
expr: disk_used_ratio > 0.9
for: 5m
labels:
  severity: warning
annotations:
  value: '{{ $value }}'
""")
def value_in_label(subject: Subject, context: Context) -> Iterator[Said]:
    rule = subject.rule
    if rule is None:
        return
    for name, text in rule.labels.items():
        if _escaped(text.value):
            continue
        for action in actions(text.value):
            if not action.keyword and not action.inside and re.search(r"\$value\b|(?<![\w)$.])\.Value\b", action.text):
                yield Said(f"the label `{name}` changes with the value, and so does the alert's identity",
                           "move it to the annotations", (action.start, action.end), text)


# Values in words

def value_nodes(root: Node) -> list[Node]:
    """The expressions whose value ``$value`` is."""
    if isinstance(root, Binary):
        if root.op in ("and", "unless"):
            return value_nodes(root.left)
        if root.op == "or":
            return value_nodes(root.left) + value_nodes(root.right)
        if root.op in COMPARISONS and not root.as_bool:
            return value_nodes(root.right if root.left.scalar else root.left)
    return [root]


def _limits(root: Node) -> list[float]:
    """The literals that ``$value`` was compared with."""
    found = []
    while isinstance(root, Binary):
        if root.op in COMPARISONS:
            for side in (root.left, root.right):
                if isinstance(side, Number) and side.value is not None:
                    found.append(side.value)
            root = root.right if root.left.scalar else root.left
        elif root.op in ("and", "unless"):
            root = root.left
        else:
            break
    return found


_PERCENT = re.compile(r"(?:\}\}\s?%)|(?:\}\} ?percent\b)")
_SIMPLE_VALUE = re.compile(
    r"""(?:\$value|\.Value)(?:\s*\|\s*(?:humanize|printf\s+"[^"]*"))*|printf\s+("[^"]*")\s+(?:\$value|\.Value)""")


@check(
    "ratio-as-percent", "error", "alert",
    "A share between 0 and 1 is printed with a percent sign",
    why="At 95 % the notification says 0.95%.",
    bad="""\
alert: ManyErrors
expr: sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05
annotations:
  summary: '{{ $value }}% of requests fail'
""",
    good="""\
alert: ManyErrors
expr: sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m])) > 0.05
annotations:
  summary: '{{ $value | humanizePercentage }} of requests fail'
""")
def ratio_as_percent(subject: Subject, context: Context) -> Iterator[Said]:
    texts = [text for text in _texts(subject, labels=False) if "%" in text.value or "percent" in text.value]
    if not texts:
        return
    root = subject.expression.root
    nodes = value_nodes(root)
    limits = _limits(root)
    if len(nodes) != 1:
        return
    known = unit(nodes[0], context.catalogue)
    amount = known.base if known and known.base in ("bytes", "seconds") and limits != [100] else ""
    if not amount and not _is_share(nodes[0], limits, context):
        return
    for text in texts:
        for action in actions(text.value):
            if action.keyword or action.inside or not _SIMPLE_VALUE.fullmatch(action.text):
                continue
            if not amount and re.search(r"%\d*\.0f|%d", action.text):
                yield Said("the value is a share between 0 and 1, printed without decimals: it will say 0",
                           "write {{ $value | humanizePercentage }}", (action.start, action.end), text)
                continue
            if _PERCENT.match(text.value, action.end - 2) or "%%" in action.text:
                if amount:
                    yield Said(f"the value is in {amount}, printed as a percentage",
                               "print what it is, or divide by the whole", (action.start, action.end), text)
                    continue
                yield Said("the value is a share between 0 and 1, printed as a percentage",
                           "write {{ $value | humanizePercentage }}", (action.start, action.end), text)


def _is_share(node: Node, limits: list[float], context: Context) -> bool:
    """Whether a value is surely between 0 and 1, or compared as if it were."""
    if isinstance(node, Binary) and node.op == "-" and isinstance(node.left, Number) and node.left.value == 1:
        node = node.right
    if not isinstance(node, Binary) or node.op != "/" or node.left.scalar or node.right.scalar:
        return False
    if any(limit > 1 for limit in limits):
        return False
    if is_part(node.left, node.right):
        return True
    known = unit(node, context.catalogue)
    if known is not None and known != RATIO:
        return False
    return bool(limits) and all(0 < limit < 1 for limit in limits)


@check(
    "percent-humanized", "error", "alert",
    "humanizePercentage multiplies by 100 what was multiplied already",
    why="At 95 % the notification says 9500%.",
    bad="""\
alert: DiskFull
expr: 100 * node_filesystem_used_bytes / node_filesystem_size_bytes > 90
annotations:
  summary: '{{ $value | humanizePercentage }} used'
""",
    good="""\
alert: DiskFull
expr: node_filesystem_used_bytes / node_filesystem_size_bytes > 0.9
annotations:
  summary: '{{ $value | humanizePercentage }} used'
""")
def percent_humanized(subject: Subject, context: Context) -> Iterator[Said]:
    texts = [text for text in _texts(subject, labels=False) if "humanizePercentage" in text.value]
    nodes = value_nodes(subject.expression.root) if texts else []
    limits = _limits(subject.expression.root)
    if not nodes or not all(_is_percent(node) for node in nodes) or limits and max(limits) <= 1:
        return
    if not limits and not all(isinstance(node, Binary) for node in nodes):
        return  # a name alone is not enough
    for text in texts:
        for action in actions(text.value):
            if not action.inside and re.fullmatch(r"(?:\$value|\.Value)\s*\|\s*humanizePercentage|"
                                                  r"humanizePercentage\s+(?:\$value|\.Value)", action.text):
                yield Said("the value is a percentage already: 95 would be printed as 9500%",
                           "leave out the `* 100`, or print the value as it is", (action.start, action.end), text)


def _is_percent(node: Node) -> bool:
    """``x * 100``, ``100 - y * 100``, ``x_percent``."""
    while isinstance(node, Aggregate) or isinstance(node, Call) and len(node.args) == 1:
        node = node.expr if isinstance(node, Aggregate) else node.args[0]
    if isinstance(node, Selector):
        return bool(node.name) and (node.name or "").endswith(("_percent", "_percentage"))
    if not isinstance(node, Binary):
        return False
    if node.op == "-" and isinstance(node.left, Number) and node.left.value == 100:
        return True
    if node.op == "*":
        return any(isinstance(side, Number) and side.value == 100 for side in (node.left, node.right))
    return node.op == "/" and _is_percent(node.left) and not node.right.scalar


_SAYS = {"ms": ("seconds", 1e3), "milliseconds": ("seconds", 1e3), "s": ("seconds", 1), "seconds": ("seconds", 1),
         "sec": ("seconds", 1), "kb": ("bytes", 1e-3), "mb": ("bytes", 1e-6), "gb": ("bytes", 1e-9),
         "mib": ("bytes", 2**-20),
         "gib": ("bytes", 2**-30), "%": ("ratio", 100)}


@check(
    "limit-in-words", "error", "alert",
    "The text tells the limit in another unit than the expression compares in",
    why="With a limit of 100 for seconds where the text says 100 ms, the alert comes a thousand times too late.",
    bad="""\
alert: SlowDisk
expr: rate(node_disk_read_time_seconds_total[5m]) / rate(node_disk_reads_completed_total[5m]) > 100
annotations:
  summary: Reads take longer than 100ms
""",
    good="""\
alert: SlowDisk
expr: rate(node_disk_read_time_seconds_total[5m]) / rate(node_disk_reads_completed_total[5m]) > 0.1
annotations:
  summary: Reads take longer than 100ms
""")
def limit_in_words(subject: Subject, context: Context) -> Iterator[Said]:
    root = subject.expression.root
    limits = [limit for limit in _limits(root) if limit > 1]
    nodes = value_nodes(root) if limits else []
    value = unit(nodes[0], context.catalogue) if len(nodes) == 1 else None
    if value is None or value.base == "ratio" and not (isinstance(nodes[0], Binary) and nodes[0].op == "/"):
        return
    for text in _texts(subject, labels=False):
        if "$value" in text.value and len(text.value) > 20_000:
            continue
        for limit in limits:
            if f"{limit:g}" not in text.value:
                continue
            found = re.search(rf"(?<![\w.]){re.escape(f'{limit:g}')} ?(ms|milliseconds|seconds|sec|s|[KMG]i?B|%)"
                              r"(?![\w/])", text.value, re.I)
            if not found:
                continue
            base, scale = _SAYS.get(found[1].lower(), ("", 1.0))
            if base == value.base and not 0.5 < scale / value.scale < 2:
                yield Said(f"the limit {limit:g} is {limit / value.scale:g} {_plain(base)}, the text says {found[0]}",
                           "mend the limit, or the text", found.span(), text)


def _plain(base: str) -> str:
    return {"ratio": "of 1"}.get(base, base)


_PER = re.compile(r"[^.{}\n]{0,30}?(?:\bper |/ ?)(?P<unit>minute|min|hour|day|second|sec|s)\b")
# “{{ $value }} leads in the last hour”; not what speaks of a rate or an average.
_IN_LAST = re.compile(r" (?:[\w-]+ ){1,4}(?:in|within|during) (?:the )?(?:last|past) "
                      r"(?:\w+ )?(?:minute|min|hour|day)s?\b")
_A_RATE = re.compile(r"\brate\b|per[ -]sec|/ ?s(?:ec)?\b|\b(?:average|avg|mean|rps|qps|tps|ops)\b", re.I)
_PER_LONG = re.compile(r"(?:\bper |/ ?)(?P<unit>minute|min|hour|hr|day)\b(?!/)", re.I)
_IN_WORDS = {"minute": 60, "min": 60, "hour": 3600, "day": 86400, "second": 1, "sec": 1, "s": 1}


@check(
    "rate-in-words", "warning", "alert",
    "The text names another unit of time than the expression has",
    why="`rate` is per second, `increase` per window: 5 from `rate(x[1m])` are 300 per minute.",
    bad="""\
alert: ManyErrors
expr: sum(rate(errors_total[5m])) > 10
annotations:
  summary: '{{ $value }} errors per minute'
""",
    good="""\
alert: ManyErrors
expr: sum(rate(errors_total[5m])) * 60 > 10
annotations:
  summary: '{{ $value }} errors per minute'
""")
def rate_in_words(subject: Subject, context: Context) -> Iterator[Said]:
    nodes = value_nodes(subject.expression.root)
    period = _period(nodes[0]) if len(nodes) == 1 else None
    if period is None:
        return
    is_rate = period == 1
    for text in _templates(subject, labels=False):
        for action in actions(text.value):
            if action.keyword or action.inside or not _VALUE.search(action.text):
                continue
            found = _PER.match(text.value, action.end)
            if found and _IN_WORDS[found["unit"]] != period:
                yield Said(f"the value is {'per second' if is_rate else f'per {period:g} seconds'}, "
                           f"the text says per {found['unit']}",
                           f"multiply by {_IN_WORDS[found['unit']]}" if is_rate else "say the window, or use rate()",
                           (action.start, found.end()), text)
            elif is_rate and (found := _IN_LAST.match(text.value, action.end)) and not _A_RATE.search(text.value):
                yield Said("the value is per second, the text gives it as the count of a whole window",
                           "use increase() over that window", (action.start, found.end()), text)


@check(
    "rate-in-title", "warning", "panel",
    "A panel's title or legend names another unit of time than the query has",
    why="`rate` is per second: under the title “per hour” it shows 3600 times too little.",
    bad="""\
type: stat
title: Orders per hour
targets:
- expr: sum(rate(orders_total[1h]))
""",
    good="""\
type: stat
title: Orders per hour
targets:
- expr: sum(rate(orders_total[1h])) * 3600
""")
def rate_in_title(panel: Panel, context: Context) -> Iterator[Said]:
    for query in panel.queries:
        expression = parsed(query.expr.value, variables=True)
        if expression is None or _period(expression.root) != 1:
            continue
        for words in (query.legend.value if query.legend else "", panel.title):
            found = _PER_LONG.search(words)
            if found and not re.search(r"max|avg|per second|/ ?s(?:ec)?\b", words, re.I):
                unit_ = found["unit"].lower().replace("hr", "hour")
                yield Said(f"the query is per second, “{words.strip()}” says per {unit_}",
                           f"multiply by {_IN_WORDS[unit_]}", text=query.expr, span=expression.root.span)
                break


@check(
    "rate-as-percent", "error", "alert",
    "Events per second are taken for a share",
    why="""\
`rate(errors_total[5m]) > 0.05` is one error in twenty seconds, not 5 %: it fires on a busy service with few errors, and
never on a quiet one where everything fails.
""",
    bad="""\
alert: ManyErrors
expr: sum(rate(errors_total[5m])) > 0.05
annotations:
  summary: 'Error rate above 5 %: {{ $value | humanizePercentage }}'
""",
    good="""\
alert: ManyErrors
expr: sum(rate(errors_total[5m])) / sum(rate(requests_total[5m])) > 0.05
annotations:
  summary: 'Error rate above 5 %: {{ $value | humanizePercentage }}'
""")
def rate_as_percent(subject: Subject, context: Context) -> Iterator[Said]:
    nodes, limits = value_nodes(subject.expression.root), _limits(subject.expression.root)
    if len(nodes) != 1 or len(limits) != 1 or not 0 < limits[0] < 1 or not _counts_events(nodes[0]):
        return
    for text in _texts(subject, labels=False):
        if found := _of_value(text.value):
            yield Said("the value is events per second, printed as a percentage", "divide by the rate of all events",
                       found, text)
        elif found := _of_limit(text.value, limits[0]):
            yield Said(f"the limit is {limits[0]:g} events per second, the text takes it for a percentage",
                       "divide by the rate of all events", found, text)
        else:
            continue
        return


# What such a rate is: the share of time that something was spent on.
_TIME_SPENT = re.compile(r"cpu|time|second|_ms|busy|idle|usage|pressure|ratio|percent|pause|steal|ticks|jiffies|wait|"
                         r"throttl|duration|latency|:")


def _counts_events(node: Node) -> bool:
    """A rate of what is counted in events, not in time (whose rate is a share)."""
    while isinstance(node, Aggregate) and node.op in ("sum", "avg", "max", "min"):
        node = node.expr
    return _period(node) == 1 and isinstance(node, Call) and isinstance(node.args[0], Selector) \
        and bool(node.args[0].name) and not _TIME_SPENT.search(node.args[0].name or "")


def _of_value(text: str) -> tuple[int, int] | None:
    for action in actions(text):
        if action.keyword or action.inside or not _VALUE.search(action.text):
            continue
        if "humanizePercentage" in action.text or _PERCENT.match(text, action.end - 2):
            return action.start, action.end
    return None


def _of_limit(text: str, limit: float) -> tuple[int, int] | None:
    """Where the text names the limit in percent: 5 % for 0.05."""
    found = re.search(rf"(?<![\d.]){re.escape(f'{round(limit * 100, 6):g}')} ?(?:%|percent\b)", text)
    return found.span() if found else None


def _period(node: Node) -> float | None:
    """The seconds that a count is over: 1 for rates, the window for increases; None: neither."""
    while isinstance(node, Aggregate) and node.op in ("sum", "avg", "max", "min", "topk"):
        node = node.expr
    if not isinstance(node, Call) or node.func not in RATES or not isinstance(node.args[0], Selector):
        return None
    selector = node.args[0]
    # Seconds per second and bytes per second have words of their own.
    if selector.name and "_seconds" in selector.name:
        return None
    return selector.window if node.func == "increase" else 1


# Dashboards

_LEGEND = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")


@check(
    "legend-label", "warning", "query",
    "A legend names a label that the result does not have",
    why="What `{{ instance }}` stands for is empty, and lines cannot be told apart.",
    bad="""\
type: timeseries
targets:
- expr: sum by (job) (rate(http_requests_total[$__rate_interval]))
  legendFormat: '{{ instance }}'
""",
    good="""\
type: timeseries
targets:
- expr: sum by (job) (rate(http_requests_total[$__rate_interval]))
  legendFormat: '{{ job }}'
""")
def legend_label(subject: Subject, context: Context) -> Iterator[Said]:
    query = subject.query
    if query is None or query.legend is None or query.format == "table" or "{{" not in query.legend.value:
        return
    labels = subject.expression.root.labels
    if labels.only is None and not labels.never:
        return
    for found in _LEGEND.finditer(query.legend.value):
        label = found[1]
        if label == "__name__" or labels.can_have(label):
            continue
        yield Said(f"the result has no label `{label}`: {_why(subject, label)}",
                   f"keep `{label}` in the query, or leave it out of the legend", found.span(), query.legend)


_LINK = re.compile(r"\$\{__field\.labels\.([A-Za-z_]\w*)[^}]*\}|\$\{__field\.labels\[[\"']([^\"']+)[\"']\][^}]*\}")


@check(
    "link-label", "warning", "panel",
    "A link passes on a label that no query of the panel has",
    why="The link opens with an empty value.",
    bad="""\
type: timeseries
fieldConfig: {defaults: {links: [{url: '/d/pod?var-pod=${__field.labels.pod}'}]}}
targets:
- expr: sum by (namespace) (rate(http_requests_total[$__rate_interval]))
""",
    good="""\
type: timeseries
fieldConfig: {defaults: {links: [{url: '/d/pod?var-pod=${__field.labels.pod}'}]}}
targets:
- expr: sum by (namespace, pod) (rate(http_requests_total[$__rate_interval]))
""")
def link_label(panel: Panel, context: Context) -> Iterator[Said]:
    links = [text for text in panel.links if "__field.labels" in text.value]
    if not links or not panel.queries or panel.model.get("transformations"):
        return
    roots = [parsed(query.expr.value, variables=True) for query in panel.queries]
    if any(root is None for root in roots):
        return
    for text in links:
        for found in _LINK.finditer(text.value):
            label = found[1] or found[2]
            if not any(root.root.labels.can_have(label) for root in roots if root):
                yield Said(f"no query of the panel has the label `{label}`", f"keep `{label}` in the query, or leave "
                           "it out of the link", found.span(), text)
