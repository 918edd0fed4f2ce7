"""Reports for programs: GitHub workflow commands, SARIF 2.1.0, JSON, JUnit and Checkstyle XML."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from vitals.lint import baseline, manual
from vitals.lint.located import Scalar
from vitals.lint.model import Finding, Place
from vitals.lint.reports import Report, printable, summary

JSON_VERSION = 1


def render(format: str, report: Report) -> str:
    return FORMATS[format](report)


def _end(finding: Finding) -> Place:
    """Behind the last character of what is guilty; where a finding has no span, behind its first."""
    if finding.text and finding.span and finding.text.at:
        exact = finding.text.at.exact if isinstance(finding.text.at, Scalar) else True
        start, end = finding.span
        if exact and end > start:
            last = finding.text.locate(end - 1)
            if (last.line, last.column) >= (finding.place.line, finding.place.column):
                return Place(last.file, last.line, last.column + 1)
    return Place(finding.place.file, finding.place.line, finding.place.column + 1)


def _message(finding: Finding) -> str:
    return f"{finding.subject}: {finding.message}"


# --- GitHub


def github(report: Report) -> str:
    """Workflow commands, which GitHub shows beside the lines; and the summary."""
    levels = {"error": "error", "warning": "warning", "info": "notice"}
    lines = [_command("error", problem.place, None, "unreadable", problem.problem) for problem in report.unreadable]
    for finding in report.findings:
        text = _message(finding) + (f"\nfix: {finding.fix}" if finding.fix else "")
        lines.append(_command(levels[finding.severity], finding.place, _end(finding), finding.check, text))
    return "\n".join([*lines, _command_free(summary(report))]) + "\n"


def _command(level: str, place: Place, end: Place | None, title: str, text: str) -> str:
    given: dict[str, object] = {"file": place.file}
    if place.line:
        given |= {"line": place.line, "col": place.column}
    if end:
        given |= {"endLine": end.line} | ({"endColumn": end.column} if end.line == place.line else {})
    given["title"] = title
    return f"::{level} {','.join(f'{key}={_property(str(value))}' for key, value in given.items())}::{_data(text)}"


def _data(text: str) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return "".join(c if c.isprintable() else printable(c) for c in text)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _command_free(line: str) -> str:
    return printable(line).replace("::", ": :")


# --- SARIF


def sarif(report: Report) -> str:
    known = manual.checks()
    used = sorted({finding.check for finding in report.findings} | {f.check for f, _ in report.suppressed})
    index = {name: i for i, name in enumerate(used)}
    everything = [*report.findings, *(finding for finding, _ in report.suppressed)]
    marks = baseline.fingerprints(everything, Path.cwd())
    reasons: list[Any] = [None] * len(report.findings) + [suppression for _, suppression in report.suppressed]
    results = []
    for finding, mark, suppression in zip(everything, marks, reasons, strict=True):
        result: dict[str, Any] = {
            "ruleId": finding.check, "ruleIndex": index[finding.check], "level": _LEVELS[finding.severity],
            "message": {"text": _clean(_message(finding) + (f"\nFix: {finding.fix}" if finding.fix else ""))},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(finding.place.file)},
                                                "region": _region(finding.place, _end(finding))},
                           "logicalLocations": [{"fullyQualifiedName": _clean(finding.subject)}]}],
            "partialFingerprints": {"vitalsLint/v1": mark}}
        if fix := _fix(finding):
            result["fixes"] = [fix]
        if suppression:
            result["suppressions"] = [{"kind": "inSource" if suppression.pardon is None else "external",
                                       "justification": _clean(suppression.reason)}]
        results.append(result)
    notes = [{"level": "error", "message": {"text": _clean(problem.problem)},
              "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(problem.place.file)}} | (
                  {"region": _region(problem.place, None)} if problem.place.line else {})}]}
             for problem in report.unreadable]
    notes += [{"level": "note", "message": {"text": _clean(f"not analysed: {what}")},
               "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(place.file)},
                                                   "region": _region(place, None)}}]}
              for place, what in report.skipped]
    rules = []
    for name in used:
        check = known[name]
        fenced = "".join(f"\n\n{title}:\n\n```yaml\n{text.strip()}\n```" for title, text in
                         (("Bad", check.bad), ("Good", check.good)) if text)
        rules.append({"id": name, "name": "".join(word.capitalize() for word in name.split("-")),
                      "shortDescription": {"text": check.title}, "fullDescription": {"text": check.why.strip()},
                      "help": {"text": manual.explain(name), "markdown": check.why.strip() + fenced},
                      "defaultConfiguration": {"level": _LEVELS[check.severity]},
                      "properties": {"tags": list(check.kinds)}})
    driver = {"name": "vitals lint", "semanticVersion": _version(), "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results,
           "invocations": [{"executionSuccessful": not report.unreadable, "toolExecutionNotifications": notes}]}
    return json.dumps({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]},
                      indent=1) + "\n"


_LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def _version() -> str:
    try:
        return version("agent-vitals")
    except PackageNotFoundError:
        return "0.0.0"


def _uri(file: str) -> str:
    path = Path(file)
    return path.as_uri() if path.is_absolute() and _clean(file) == file else quote(_clean(path.as_posix()))


def _region(place: Place, end: Place | None) -> dict[str, int]:
    region = {"startLine": place.line, "startColumn": place.column}
    return region | ({"endLine": end.line, "endColumn": end.column} if end else {})


def _fix(finding: Finding) -> dict[str, Any] | None:
    where = finding.text.at if finding.text else None
    if not finding.edits or not isinstance(where, Scalar) or not where.exact:
        return None
    replacements = []
    for edit in finding.edits:
        start, end = where(edit.start), where(edit.end)
        replacements.append({"deletedRegion": _region(start, end),
                             "insertedContent": {"text": _clean(where.written(edit.new))}})
    return {"description": {"text": _clean(finding.fix or "mend it")},
            "artifactChanges": [{"artifactLocation": {"uri": _uri(finding.place.file)}, "replacements": replacements}]}


def _clean(text: str) -> str:
    """Without halves of surrogate pairs, which no UTF-8 file can hold."""
    return text.encode(errors="backslashreplace").decode()


# --- JSON


def as_json(report: Report) -> str:
    """See docs/linting.md. Fields are added, not changed or taken away, while the version stays."""
    marks = baseline.fingerprints(report.findings, Path.cwd())
    data = {
        "version": JSON_VERSION,
        "summary": {
            "files": len(report.sources),
            "rules": sum(len(group.rules) for source in report.sources for group in source.groups),
            "queries": sum(len(panel.queries) for source in report.sources for board in source.dashboards
                           for panel in board.panels),
            **{severity: sum(f.severity == severity for f in report.findings)
               for severity in ("error", "warning", "info")},
            "suppressed": len(report.suppressed), "not_new": report.hidden,
        },
        "findings": [_finding(finding) | {"fingerprint": mark, "fails": report.fails(finding)}
                     for finding, mark in zip(report.findings, marks, strict=True)],
        "suppressed": [_finding(finding) | {"reason": suppression.reason, "until": suppression.until and
                                            suppression.until.isoformat()}
                       for finding, suppression in report.suppressed],
        "unreadable": [_place(problem.place) | {"problem": problem.problem} for problem in report.unreadable],
        "not_analysed": [_place(place) | {"what": what} for place, what in report.skipped],
    }
    return json.dumps(data, indent=1) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    end = _end(finding)
    return {"check": finding.check, "severity": finding.severity, **_place(finding.place), "end_line": end.line,
            "end_column": end.column, "subject": finding.subject, "message": finding.message, "fix": finding.fix,
            "text": finding.text.value if finding.text else None,
            "span": list(finding.span) if finding.span else None,
            "edits": [{"start": edit.start, "end": edit.end, "new": edit.new} for edit in finding.edits]}


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line or None, "column": place.column or None}


# --- XML

# What XML 1.0 cannot hold, however it is escaped.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """A suite for each file, a case for each finding; a finding below `fail_on` is a case that passes."""
    suites = []
    for file, findings, problems in _by_file(report):
        cases = []
        for finding in findings:
            name = _attribute(f"{finding.check}: {finding.subject} ({finding.place.line}:{finding.place.column})")
            body = _text(f"{finding.place.file}:{finding.place.line}:{finding.place.column}: {_message(finding)}\n"
                         f"fix: {finding.fix}\n")
            kind = _attribute(finding.severity)
            inner = (f"<failure type={kind} message={_attribute(finding.message)}>{body}</failure>"
                     if report.fails(finding) else f"<system-out>{body}</system-out>")
            cases.append(f"  <testcase classname={_attribute(file)} name={name}>{inner}</testcase>")
        cases += [f'  <testcase classname={_attribute(file)} name="readable"><error type="unreadable" '
                  f"message={_attribute(problem)}>{_text(problem)}</error></testcase>" for problem in problems]
        if not cases:
            cases = [f'  <testcase classname={_attribute(file)} name="no findings"/>']
        failures = sum(report.fails(finding) for finding in findings)
        suites.append(f' <testsuite name={_attribute(file)} tests="{len(cases)}" failures="{failures}" '
                      f'errors="{len(problems)}" skipped="0">\n' + "\n".join(cases) + "\n </testsuite>")
    return '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="vitals lint">\n' + \
        "".join(suite + "\n" for suite in suites) + "</testsuites>\n"


def checkstyle(report: Report) -> str:
    files = []
    for file, findings, _ in _by_file(report):
        errors = [f'  <error line="{f.place.line}" column="{f.place.column}" severity="{f.severity}" '
                  f"message={_attribute(_message(f) + '; ' + f.fix)} source={_attribute('vitals.lint.' + f.check)}/>"
                  for f in findings]
        errors += [f'  <error line="{p.place.line or 1}" column="{p.place.column or 1}" severity="error" '
                   f'message={_attribute(p.problem)} source="vitals.lint.unreadable"/>'
                   for p in report.unreadable if p.place.file == file]
        files.append("\n".join([f" <file name={_attribute(file)}>", *errors, " </file>"]))
    return '<?xml version="1.0" encoding="UTF-8"?>\n<checkstyle version="4.3">\n' + \
        "".join(file + "\n" for file in files) + "</checkstyle>\n"


def _by_file(report: Report) -> Iterable[tuple[str, list[Finding], list[str]]]:
    found: dict[str, tuple[list[Finding], list[str]]] = {source.file: ([], []) for source in report.sources}
    for finding in report.findings:
        found.setdefault(finding.place.file, ([], []))[0].append(finding)
    for problem in report.unreadable:
        found.setdefault(problem.place.file, ([], []))[1].append(problem.problem)
    return [(file, *entry) for file, entry in found.items()]


def _attribute(text: str) -> str:
    return quoteattr(FORBIDDEN.sub("\ufffd", text))


def _text(text: str) -> str:
    return escape(FORBIDDEN.sub("\ufffd", text))


FORMATS: dict[str, Callable[[Report], str]] = {
    "github": github, "sarif": sarif, "json": as_json, "junit": junit, "checkstyle": checkstyle}
