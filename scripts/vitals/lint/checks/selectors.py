"""Matchers that match nothing, or not what they seem to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vitals.lint.checks.base import Context, Edit, Said, Subject, check
from vitals.lint.expression import Matcher

# What nobody writes into a label's value: `.*`, `.+`, `5..`, `[0-9]`, `(a|b)`, `a|b`.
_PATTERN = re.compile(r"\.\*|\.\+|\[[0-9a-zA-Z]-[0-9a-zA-Z]\]|^[1-5]\.\.$|^\^|^\(\w[\w.-]*(?:\|[\w.-]+)+\)$|"
                      r"^[A-Za-z0-9][\w.-]*(?:\|[\w.-]+)+$")


@check(
    "pattern-as-text", "error", "expression",
    "A regular expression is matched as plain text",
    why='`{code="5.."}` asks for the text `5..`, which no series has. Regular expressions need `=~`.',
    bad="""\
alert: Errors
expr: rate(http_requests_total{code="5.."}[5m]) > 1
""",
    good="""\
alert: Errors
expr: rate(http_requests_total{code=~"5.."}[5m]) > 1
""", fixes=True)
def pattern_as_text(subject: Subject, context: Context) -> Iterator[Said]:
    for selector in subject.expression.selectors:
        for m in selector.matchers:
            if m.op in ("=", "!=") and not m.variable and m.value and _PATTERN.search(m.value):
                op = "=~" if m.op == "=" else "!~"
                where = m.start + len(m.name)
                text = subject.expression.text
                at = text.find(m.op, where, m.end)
                edits = (Edit(at, at + len(m.op), op),) if at >= 0 and m.op == "=" else ()
                result = "matches nothing" if m.op == "=" else "takes nothing away"
                yield Said(f'{m.name}{m.op}"{m.value}" is compared as text, not as a pattern: it {result}',
                           f"use {op}", (m.start, m.end), edits=edits)


_GLOB = re.compile(r"\*?\w[\w./-]*[A-Za-z0-9_-]\*")


@check(
    "glob-as-pattern", "warning", "expression",
    "A shell pattern is used as a regular expression",
    why="`node*` is `nod`, then any number of `e`. What begins with `node` is `node.*`.",
    bad="""\
alert: Down
expr: up{job=~"node*"} == 0
""",
    good="""\
alert: Down
expr: up{job=~"node.*"} == 0
""")
def glob_as_pattern(subject: Subject, context: Context) -> Iterator[Said]:
    for selector in subject.expression.selectors:
        for m in selector.matchers:
            if m.op not in ("=~", "!~") or m.variable or "*" not in m.value:
                continue
            for part in m.value.split("|"):
                if _GLOB.fullmatch(part) and not part.endswith(("https*", ".*")):
                    yield Said(f"`{part}` ends in any number of `{part[-2]}`, and not in anything else",
                               f"write {part[:-1]}.*", (m.start, m.end))
                    break


@check(
    "contradiction", "error", "expression",
    "Matchers that no series satisfies together",
    why="All matchers of a selector must hold; a label has one value.",
    bad="""\
alert: Down
expr: up{job="api", job="web"} == 0
""",
    good="""\
alert: Down
expr: up{job=~"api|web"} == 0
""")
def contradiction(subject: Subject, context: Context) -> Iterator[Said]:
    for selector in subject.expression.selectors:
        if len(selector.matchers) < 2 or selector.partial:
            continue
        fixed: dict[str, Matcher] = {}
        for m in selector.matchers:
            if m.op == "=" and not m.variable:
                other = fixed.setdefault(m.name, m)
                if other.value != m.value:
                    yield Said(f'`{m.name}` cannot be both "{other.value}" and "{m.value}"',
                               "keep one of them, or use =~", (m.start, m.end))
        for m in selector.matchers:
            if m.op == "!=" and m.name in fixed and fixed[m.name].value == m.value and not m.variable:
                yield Said(f'`{m.name}` cannot be "{m.value}" and not "{m.value}"', "leave one of them out",
                           (m.start, m.end))


_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}|\[\[(\w+)\]\]")


@check(
    "multi-value-equality", "warning", "query",
    "A variable that may hold several values is matched by `=`",
    why="With two values chosen, or All, Grafana writes `(a|b)`, which `=` compares as text: the panel is empty.",
    bad="""\
templating: {list: [{name: job, type: query, multi: true}]}
panels:
- type: timeseries
  targets:
  - expr: rate(http_requests_total{job="$job"}[$__rate_interval])
""",
    good="""\
templating: {list: [{name: job, type: query, multi: true}]}
panels:
- type: timeseries
  targets:
  - expr: rate(http_requests_total{job=~"$job"}[$__rate_interval])
""", fixes=True)
def multi_value_equality(subject: Subject, context: Context) -> Iterator[Said]:
    if subject.panel is None:
        return
    variables = subject.panel.dashboard.variables
    repeated = subject.panel.model.get("repeat")
    for selector in subject.expression.selectors:
        for m in selector.matchers:
            if m.op not in ("=", "!=") or not m.variable:
                continue
            found = _VARIABLE.fullmatch(m.value)
            name = found and (found[1] or found[2] or found[3])
            if not name or name == repeated or not _several(variables.get(name)) or _in_repeated_row(subject, name):
                continue
            text = subject.expression.text
            at = text.find(m.op, m.start + len(m.name), m.end)
            op = "=~" if m.op == "=" else "!~"
            yield Said(f"${name} may hold several values, which {m.op} compares as one text", f"use {op}",
                       (m.start, m.end), edits=(Edit(at, at + len(m.op), op),) if at >= 0 else ())


def _several(variable: dict | None) -> bool:
    if not variable or variable.get("type") in ("datasource", "constant", "textbox", "interval", "adhoc"):
        return False
    return bool(variable.get("multi")) or bool(variable.get("includeAll"))


def _in_repeated_row(subject: Subject, name: str) -> bool:
    """A row that is repeated sets the variable to one value for its panels."""
    model = subject.panel.dashboard.model if subject.panel else {}
    rows = [*(model.get("rows") or []), *(p for p in model.get("panels") or [] if isinstance(p, dict))]
    return any(isinstance(row, dict) and row.get("repeat") == name for row in rows)


