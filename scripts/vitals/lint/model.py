"""What the linter reads (rules, panels) and what it says (findings)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning", "info"]
Kind = Literal["rules", "dashboard", "tests"]


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in an input file; line and column count from 1."""

    file: str
    line: int
    column: int


Extent = tuple[Place, Place]  # from the first character to the last


@dataclass(frozen=True, slots=True)
class Text:
    """A string of an input file, such as an expression or an annotation, that still knows where it stands."""

    value: str
    place: Place
    # Offset into ``value`` → its place in the file; None: only the start is known (escapes, folded scalars).
    at: Callable[[int], Place] | None = field(default=None, compare=False)

    def locate(self, offset: int) -> Place:
        return self.at(offset) if self.at else self.place


@dataclass(slots=True)
class Rule:
    """An alerting or recording rule. Durations are seconds; None: not given."""

    kind: Literal["alert", "record"]
    name: Text
    expr: Text
    group: Group = field(repr=False)
    index: int = 0  # in its group
    hold: float | None = None  # `for`
    keep: float | None = None  # `keep_firing_for`
    labels: dict[str, Text] = field(default_factory=dict)
    annotations: dict[str, Text] = field(default_factory=dict)
    keys: dict[str, Place] = field(default_factory=dict)  # where `for`, `labels`, … stand
    extent: Extent | None = field(default=None, repr=False)

    @property
    def place(self) -> Place:
        return self.name.place


@dataclass(slots=True)
class Group:
    """A rule group. ``interval`` is seconds; None: the server's evaluation interval."""

    name: str
    place: Place
    interval: float | None = None
    rules: list[Rule] = field(default_factory=list, repr=False)
    labels: dict[str, Text] = field(default_factory=dict)  # given to every rule (Prometheus 3)
    offset: float | None = None  # `query_offset`, seconds
    extent: Extent | None = field(default=None, repr=False)


@dataclass(slots=True)
class Query:
    """One query of a panel, Grafana variables still in."""

    expr: Text
    ref: str = "A"
    legend: Text | None = None
    instant: bool = False
    format: str = "time_series"  # table, heatmap
    interval: str = ""  # min step, as written


@dataclass(slots=True)
class Panel:
    title: str
    type: str
    place: Place
    dashboard: Dashboard = field(repr=False)
    identity: int | None = None
    unit: Text | None = None
    queries: list[Query] = field(default_factory=list, repr=False)
    links: list[Text] = field(default_factory=list)  # URLs of panel and data links
    grid: tuple[int, int, int, int] | None = None  # x, y, w, h
    collapsed: bool = False  # stands in a collapsed row
    model: dict = field(default_factory=dict, repr=False)  # as in the file
    extent: Extent | None = field(default=None, repr=False)


@dataclass(slots=True)
class Dashboard:
    title: str
    place: Place
    panels: list[Panel] = field(default_factory=list, repr=False)
    variables: dict[str, dict] = field(default_factory=dict)  # name → as in the file
    model: dict = field(default_factory=dict, repr=False)
    extent: Extent | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AlertTest:
    """One `alert_rule_test` entry of a promtool test file."""

    alert: str
    fires: bool  # expects at least one alert
    place: Place
    rule_files: tuple[str, ...] = ()  # as paths, resolved


@dataclass(slots=True)
class Source:
    """One input file (or standard input) as read. A file may hold several documents."""

    file: str
    text: str
    groups: list[Group] = field(default_factory=list)
    dashboards: list[Dashboard] = field(default_factory=list)
    tests: list[AlertTest] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)  # what the reader saw: unknown keys, bad durations
    skipped: list[tuple[Place, str]] = field(default_factory=list)  # what is not analysed, and why


@dataclass(frozen=True, slots=True)
class Edit:
    """A safe replacement in a rule's expression: offsets into its text."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect. ``span`` is the guilty part as offsets into ``text`` (usually the expression)."""

    check: str  # id, such as `self-ratio`
    severity: Severity
    message: str  # what is wrong here, one sentence
    fix: str  # what to do, one sentence
    place: Place
    subject: str  # "alert HighErrorRate", "panel Error rate"
    text: Text | None = None
    span: tuple[int, int] | None = None
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """What one check looks for: printed by `--list` and `--explain`, and a page of docs/lint/."""

    id: str
    severity: Severity  # of its findings, unless a finding says otherwise
    kinds: tuple[Kind, ...]  # what it judges
    title: str  # one line: what is wrong
    why: str  # what happens in production, a paragraph
    bad: str = ""  # an example in PromQL (or YAML, where the expression is not the point)
    good: str = ""  # the same, mended
    enabled: bool = True  # False: only where the configuration names it
    fixes: bool = False  # some of its findings carry edits


@dataclass(frozen=True, slots=True)
class Options:
    """What the configuration file and the command line say, as the checks need it. Durations are seconds."""

    scrape_interval: float | None = None  # not known: nothing is concluded from it
    evaluation_interval: float | None = None
    required_labels: tuple[str, ...] = ("severity",)  # on alerts; `a|b`: one of them
    required_annotations: tuple[str, ...] = ("summary|description|message", "runbook_url|runbook")
    prometheus: tuple[int, int] = (3, 0)  # the oldest version that the rules must run on
    online: bool = False  # addresses in annotations may be asked
