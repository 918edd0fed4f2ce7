"""What a check is, what it is given, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from vitals.lint.catalogue import EMPTY, Catalogue, Remembered
from vitals.lint.expression import (
    ABSENT,
    ANY,
    Expression,
    Labels,
    NotAnalysed,
    Selector,
    either,
    infer,
    parse,
    plus,
    walk,
    without_name,
)
from vitals.lint.model import (
    AlertTest,
    Check,
    Dashboard,
    Edit,
    Group,
    Kind,
    Options,
    Panel,
    Query,
    Rule,
    Severity,
    Source,
    Text,
)
from vitals.lint.owned import owned

# What a check is run over: each expression (any, of alerts, of queries), rule, group, panel, dashboard, file; or all.
Scope = Literal["expression", "alert", "query", "rule", "group", "panel", "dashboard", "file", "files"]


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
        self.catalogue: Catalogue = Remembered(catalogue)
        self.options = options or Options()
        self._expressions: dict[int, Expression | None] = {}
        self._records: dict[str, Labels] = {}

    def of(self, rule: Rule) -> Expression | None:
        """A rule's expression; None: it could not be analysed.

        Of series that rules of the same file record, the labels are known.
        """
        key = id(rule)
        if key not in self._expressions:
            self._expressions[key] = None  # for rules that read each other
            self._expressions[key] = self._resolved(rule)
        return self._expressions[key]

    def _resolved(self, rule: Rule) -> Expression | None:
        expression = parsed(rule.expr.value)
        file = rule.place.file
        if expression is None or not any((file, name) in self._recorded_in for name in expression.names):
            return expression
        # Parsed anew: what is known here must not be found by others who read the same text.
        expression = parse.__wrapped__(rule.expr.value)
        for node in expression.nodes:
            if isinstance(node, Selector) and node.name and (file, node.name) in self._recorded_in:
                if not node.partial:
                    node.labels = self._of_record(node.name).selected(node.labels)
            else:
                infer(node)
        return expression

    def recorded(self, rule: Rule, name: str | None) -> frozenset[str] | None:
        """The labels that a series has which a rule of the same file records; None: any, or there is none."""
        if not name or (rule.place.file, name) not in self._recorded_in:
            return None
        return self._of_record(name).only

    @cached_property
    def _recorded_in(self) -> frozenset[tuple[str, str]]:
        return frozenset((rule.place.file, name) for name, rules in self.records.items() for rule in rules)

    def _of_record(self, name: str) -> Labels:
        """What every rule that records a name leaves of labels."""
        if name not in self._records:
            self._records[name] = ANY  # for rules that read themselves
            found = [self._of_definition(rule) for rule in self.records[name]]
            labels = found[0]
            for other in found[1:]:
                labels = either(labels, other)
            self._records[name] = labels
        return self._records[name]

    def _of_definition(self, rule: Rule) -> Labels:
        expression = self.of(rule)
        if expression is None or expression.root.scalar:
            return ANY
        own = {**rule.group.labels, **rule.labels}
        labels = plus(without_name(expression.root.labels), frozenset(own))
        sure = owned(expression.root) | {name for name, text in own.items() if text.value}
        return labels._replace(sure=frozenset(name for name in sure if labels.can_have(name)))

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

    @cached_property
    def carried(self) -> frozenset[tuple[str, str]]:
        """The labels and annotations that alerts of a file carry, as (file, name)."""
        return frozenset((rule.place.file, name) for rule in self.rules() if rule.kind == "alert"
                         for name in (*rule.labels, *rule.group.labels, *rule.annotations))

    @cached_property
    def guarded(self) -> frozenset[str]:
        """Names of metrics whose absence some rule sees."""
        calls = [call for rule in self.rules() if "absent" in rule.expr.value and (found := self.of(rule))
                 for call in found.calls if call.func in ABSENT]
        return frozenset(node.name for call in calls for node in walk(call) if isinstance(node, Selector) and node.name)


def parsed(text: str, variables: bool = False) -> Expression | None:
    try:
        return parse(text, variables)
    except NotAnalysed:
        return None


Run = Callable[[Any, Context], Iterable[Said]]
_KINDS: dict[Scope, tuple[Kind, ...]] = {
    "expression": ("rules", "dashboard"), "alert": ("rules",), "query": ("dashboard",), "rule": ("rules",),
    "group": ("rules",), "panel": ("dashboard",),
    "dashboard": ("dashboard",), "file": ("rules",), "files": ("rules",)}


@dataclass(frozen=True, slots=True)
class Judge(Check):
    """A check that comes with the function that makes it."""

    over: Scope = field(kw_only=True)
    run: Run = field(kw_only=True, repr=False)


def check(id: str, severity: Severity, over: Scope, title: str, *, why: str, bad: str, good: str,
          enabled: bool = True, fixes: bool = False, kinds: tuple[Kind, ...] = ()) -> Callable[[Run], Judge]:
    """Makes a function a check. It is given a Subject, Rule, Group, Panel, Dashboard or Source, or the Context."""
    def wrap(run: Run) -> Judge:
        return Judge(id, severity, kinds or _KINDS[over], title, why, bad, good, enabled, fixes, over=over, run=run)
    return wrap


__all__ = ["AlertTest", "Context", "Dashboard", "Edit", "Group", "Judge", "Options", "Panel", "Query", "Rule", "Said",
           "Source", "Subject", "Text", "check"]
