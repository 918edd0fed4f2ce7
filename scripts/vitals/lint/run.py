"""Runs the checks over what was read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from vitals.lint.catalogue import EMPTY, Catalogue
from vitals.lint.checks import ALL, Context, Judge, Said, Subject
from vitals.lint.checks.base import Scope, parsed
from vitals.lint.model import Dashboard, Finding, Group, Options, Panel, Place, Query, Source, Text


class Result(list[Finding]):
    """The findings, in the order of the sources; and how many expressions could not be analysed."""

    def __init__(self) -> None:
        super().__init__()
        self.expressions = 0
        self.not_analysed: list[Text] = []


def lint(sources: Iterable[Source], catalogue: Catalogue = EMPTY, options: Options | None = None,
         checks: Collection[str] | None = None) -> Result:
    """What the checks with these ids find (None: those enabled by default). Same input, same findings, same order."""
    chosen = [check for check in ALL.values() if (check.enabled if checks is None else check.id in checks)]
    return _Run(Context(list(sources), catalogue, options), chosen).run()


class _Run:
    def __init__(self, context: Context, chosen: list[Judge]) -> None:
        self.context = context
        self.checks: dict[Scope, list[Judge]] = {}
        for check in chosen:
            self.checks.setdefault(check.over, []).append(check)
        self.result = Result()

    def run(self) -> Result:
        for source in self.context.sources:
            first = len(self.result)
            for group in source.groups:
                self.group(group)
            for dashboard in source.dashboards:
                self.dashboard(dashboard)
            self.over("file", source, source.file, None, Place(source.file, 1, 1))
            self.result[first:] = sorted(self.result[first:], key=_order)
        first = len(self.result)
        self.over("files", self.context.sources, "", None, Place("", 1, 1))
        self.result[first:] = sorted(self.result[first:], key=_order)
        return self.result

    def group(self, group: Group) -> None:
        for rule in group.rules:
            subject = f"{'alert' if rule.kind == 'alert' else 'record'} {rule.name.value}"
            self.result.expressions += 1
            expression = self.context.of(rule)
            if expression is None:
                self.result.not_analysed.append(rule.expr)
            else:
                judged = Subject(rule.expr, expression, rule=rule)
                self.over("expression", judged, subject, rule.expr)
                if rule.kind == "alert":
                    self.over("alert", judged, subject, rule.expr)
            self.over("rule", rule, subject, rule.expr, rule.place)
        self.over("group", group, f"group {group.name}", None, group.place)

    def dashboard(self, dashboard: Dashboard) -> None:
        for panel in dashboard.panels:
            subject = f"panel {panel.title}" if panel.title else f"{panel.type} panel"
            for query in panel.queries:
                self.query(panel, query, subject)
            self.over("panel", panel, subject, None, panel.place)
        self.over("dashboard", dashboard, f"dashboard {dashboard.title}", None, dashboard.place)

    def query(self, panel: Panel, query: Query, subject: str) -> None:
        self.result.expressions += 1
        expression = parsed(query.expr.value, variables=True)
        if expression is None:
            self.result.not_analysed.append(query.expr)
        else:
            judged = Subject(query.expr, expression, panel=panel, query=query)
            self.over("expression", judged, subject, query.expr)
            self.over("query", judged, subject, query.expr)

    def over(self, scope: Scope, what: Any, subject: str, text: Text | None, place: Place | None = None) -> None:
        for check in self.checks.get(scope, ()):
            for said in check.run(what, self.context):
                self.result.append(self.finding(check, said, subject, text, place))

    def finding(self, check: Judge, said: Said, subject: str, text: Text | None, place: Place | None) -> Finding:
        where = said.text or (text if said.span or said.place is None and place is None else None)
        if said.place is not None:
            place = said.place
        elif where is not None:
            place = where.locate(said.span[0]) if said.span else where.place
        assert place is not None
        severity = said.severity or check.severity
        return Finding(check.id, severity, said.message, said.fix, place, said.subject or subject, where, said.span,
                       said.edits)


def _order(finding: Finding) -> tuple[int, int, str]:
    return finding.place.line, finding.place.column, finding.check
