"""What a check is, what it is given, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from vitals.lint.catalogue import EMPTY, Catalogue
from vitals.lint.expression import Expression, NotAnalysed, parse
from vitals.lint.model import AlertTest, Dashboard, Edit, Group, Panel, Query, Rule, Severity, Source, Text

# What a check is run over: each expression (of a rule or a query), rule, group, panel, dashboard, file; or all files.
Scope = Literal["expression", "rule", "group", "panel", "dashboard", "file", "files"]


@dataclass(frozen=True, slots=True)
class Options:
    """What the user says about the place where the rules run. Seconds; None: not known, so nothing is concluded."""

    scrape_interval: float | None = None
    evaluation_interval: float | None = None
    required_labels: tuple[str, ...] = ("severity",)
    required_annotations: tuple[str, ...] = ("summary|description|message", "runbook_url|runbook")
    disabled: frozenset[str] = frozenset()  # ids of checks
    only: frozenset[str] | None = None
    severities: dict[str, Severity] = field(default_factory=dict)


@dataclass(slots=True)
class Subject:
    """An expression and where it stands: in a rule, or in a panel's query."""

    text: Text
    expression: Expression
    rule: Rule | None = None
    panel: Panel | None = None
    query: Query | None = None

    @property
    def is_alert(self) -> bool:
        return self.rule is not None and self.rule.kind == "alert"


@dataclass(frozen=True, slots=True)
class Said:
    """What a check says: about a span of the expression, of another text, or of a place."""

    message: str
    fix: str
    span: tuple[int, int] | None = None
    text: Text | None = None  # None: the expression
    place: Any = None
    edits: tuple[Edit, ...] = ()
    severity: Severity | None = None  # None: the check's own
    subject: str = ""  # empty: what the check was run over


class Context:
    """Everything that was read, for checks that look across rules."""

    def __init__(self, sources: list[Source], catalogue: Catalogue = EMPTY, options: Options | None = None) -> None:
        self.sources = sources
        self.catalogue = catalogue
        self.options = options or Options()
        self._expressions: dict[int, Expression | None] = {}

    def of(self, rule: Rule) -> Expression | None:
        """A rule's expression; None: it could not be analysed."""
        key = id(rule)
        if key not in self._expressions:
            self._expressions[key] = parsed(rule.expr.value)
        return self._expressions[key]

    def rules(self) -> Iterator[Rule]:
        for source in self.sources:
            for group in source.groups:
                yield from group.rules

    @cached_property
    def records(self) -> dict[str, list[Rule]]:
        """The recording rules by the name they record."""
        found: dict[str, list[Rule]] = {}
        for rule in self.rules():
            if rule.kind == "record":
                found.setdefault(rule.name.value, []).append(rule)
        return found


def parsed(text: str, variables: bool = False) -> Expression | None:
    try:
        return parse(text, variables)
    except NotAnalysed:
        return None


Run = Callable[[Any, Context], Iterable[Said]]


@dataclass(frozen=True, slots=True)
class Check:
    """One kind of defect. ``bad`` and ``good`` are rules or panels in YAML; ``docs`` is Markdown."""

    id: str
    severity: Severity
    over: Scope
    reason: str  # one sentence
    bad: str
    good: str
    docs: str
    run: Run
    fixes: bool = False
    needs: str = ""  # what it needs to say anything: "catalogue", "tests", "scrape interval", "online"


def check(id: str, severity: Severity, over: Scope, reason: str, *, bad: str, good: str, docs: str = "",
          fixes: bool = False, needs: str = "") -> Callable[[Run], Check]:
    """Makes a function a check. It is given a Subject, Rule, Group, Panel, Dashboard or Source, or the Context."""
    def wrap(run: Run) -> Check:
        return Check(id, severity, over, reason, bad, good, docs, run, fixes, needs)
    return wrap


__all__ = ["AlertTest", "Check", "Context", "Dashboard", "Edit", "Group", "Options", "Panel", "Query", "Rule", "Said",
           "Source", "Subject", "Text", "check"]
