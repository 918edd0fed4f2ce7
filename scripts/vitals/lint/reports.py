"""How a run is told to people. The formats that programs read are in `formats`."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from vitals.lint.located import Unreadable
from vitals.lint.model import Finding, Place, Severity, Source, Text
from vitals.lint.suppressions import Suppression

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
LONGEST = 600  # of a message
WIDTH = 118  # of an expression's line; a longer one is cut around what matters


@dataclass(slots=True)
class Report:
    """What a run has found."""

    findings: list[Finding]
    unreadable: list[Unreadable] = field(default_factory=list)
    skipped: list[tuple[Place, str]] = field(default_factory=list)  # not analysed, and what it is
    sources: list[Source] = field(default_factory=list)
    suppressed: list[tuple[Finding, Suppression]] = field(default_factory=list)
    hidden: int = 0  # findings that the baseline has, or in lines that have not changed
    fail_on: str = "warning"

    def fails(self, finding: Finding) -> bool:
        """Whether a finding makes the run fail."""
        return self.fail_on in SEVERITIES and SEVERITIES.index(finding.severity) <= SEVERITIES.index(self.fail_on)


# --- text -----------------------------------------------------------------------------------------------

COLOURS = {"error": "31", "warning": "33", "info": "36", "bold": "1", "dim": "2", "mark": "1;31"}


def text(report: Report, colour: bool = False) -> str:
    def paint(style: str, words: str) -> str:
        return f"\x1b[{COLOURS[style]}m{words}\x1b[0m" if colour else words

    lines = []
    for problem in report.unreadable:
        lines.append(f"{paint('bold', _where(problem.place))}: {paint('error', 'unreadable')}: "
                     f"{_short(problem.problem)}")
    if report.unreadable and report.findings:
        lines.append("")
    for finding in report.findings:
        lines.append(f"{paint('bold', _where(finding.place))}: {paint(finding.severity, finding.severity)}: "
                     f"{_short(finding.subject)}: {_short(finding.message)} {paint('dim', f'[{finding.check}]')}")
        lines += [f"    {expr}\n    {paint('mark', mark)}" if mark else f"    {expr}"
                  for expr, mark in excerpt(finding.text, finding.span)]
        if finding.fix:
            lines.append(f"  {paint('dim', 'fix:')} {_short(finding.fix)}")
        lines.append("")
    for place, what in report.skipped:
        lines.append(f"{_where(place)}: not analysed: {_short(what)}")
    return "\n".join([*lines, summary(report)]) + "\n"


def summary(report: Report) -> str:
    counts = Counter(finding.severity for finding in report.findings)
    found = ", ".join(_plural(counts[severity], severity) for severity in SEVERITIES if counts[severity])
    rules = sum(len(group.rules) for source in report.sources for group in source.groups)
    queries = sum(len(panel.queries) for source in report.sources for dashboard in source.dashboards
                  for panel in dashboard.panels)
    read = [_plural(rules, "rule")] if rules or not queries else []
    read += [_plural(queries, "query")] if queries else []
    line = f"{found or 'nothing found'} in {' and '.join(read)} of {_plural(len(report.sources), 'file')}"
    if report.suppressed:
        line += f"; {len(report.suppressed)} suppressed"
    if report.hidden:
        line += f"; {report.hidden} not new"
    if report.unreadable:
        line += f"; {_plural(len(report.unreadable), 'file')} could not be read"
    return line


def excerpt(where: Text | None, span: tuple[int, int] | None) -> Iterator[tuple[str, str]]:
    """The lines of a text that a span covers, each with the marks to print under it."""
    if where is None or span is None:
        return
    start, end = span
    offset = 0
    shown = 0
    for line in where.value.split("\n"):
        first, last = max(start - offset, 0), min(max(end, start + 1) - offset, len(line))
        offset += len(line) + 1
        if first >= last or not line[first:last].strip():
            continue
        first += len(line[first:last]) - len(line[first:last].lstrip())
        if shown == 4:
            yield "…", ""
            return
        shown += 1
        yield _cut(line, first, last)


def _cut(line: str, first: int, last: int) -> tuple[str, str]:
    before = after = ""
    if len(line) > WIDTH:
        left = max(0, min(first - 20, len(line) - WIDTH))
        right = min(len(line), left + WIDTH)
        before, after = "…" if left else "", "…" if right < len(line) else ""
        line, first, last = line[left:right], first - left, min(last, right) - left
    lead = before + printable(line[:first])
    guilty = printable(line[first:last])
    return f"{lead}{guilty}{printable(line[last:])}{after}", " " * _width(lead) + "^" * max(1, _width(guilty))


def printable(words: str) -> str:
    """No control character of an input reaches a terminal."""
    if words.isprintable():
        return words
    return "".join(c if c.isprintable() else " " if c in "\t\n" else f"\\x{ord(c):02x}" if ord(c) < 256 else
                   f"\\u{ord(c):04x}" for c in words)


def _short(words: str) -> str:
    """What an input makes too long to read is cut in its middle."""
    return printable(words if len(words) <= LONGEST else f"{words[:LONGEST - 100]} … {words[-90:]}")


def _width(words: str) -> int:
    if words.isascii():
        return len(words)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in words)


def _where(place: Place) -> str:
    file = printable(place.file)
    return f"{file}:{place.line}:{place.column}" if place.line else file


def _plural(count: int, word: str) -> str:
    plural = word if word == "info" else "queries" if word == "query" else word + "s"
    return f"{count:,} {word if count == 1 else plural}"
