"""Findings that someone has looked at and let pass, with a reason and perhaps a date.

In YAML, a comment on a rule (on any line of it, or on those just before), on a group (on its first lines, or just
before), or anywhere with `disable-file`. In a dashboard, a line of a panel's or the dashboard's description. For both,
an entry of the configuration file.
"""

from __future__ import annotations

import difflib
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from vitals.lint import manual
from vitals.lint.config import Config
from vitals.lint.model import Check, Dashboard, Extent, Finding, Group, Panel, Place, Rule, Source

EXPIRED = Check(
    "suppression-expired", "warning", ("rules", "dashboard"), "A suppression whose date has passed",
    "Somebody let a finding pass until this day. It counts again, so that what was put off is not forgotten.",
    '# vitals: disable=no-floor until=2024-01-31 reason="traffic is low until the launch"',
    '# vitals: disable=no-floor until=2034-01-31 reason="traffic is low until the launch"')
INVALID = Check(
    "suppression-invalid", "warning", ("rules", "dashboard"), "A suppression that cannot be understood, and counts not",
    "A suppression with a misspelt id, without a reason, or in a place where it stands for nothing hides no finding. "
    "Whoever wrote it believes that it does.",
    "# vitals: disable=self-ration", '# vitals: disable=self-ratio reason="one series only, by design"')
UNUSED = Check(
    "suppression-unused", "info", ("rules", "dashboard"), "A suppression that nothing needs any more",
    "What it let pass is no longer found. Left in place, it would hide the next defect of that kind.",
    '# vitals: disable=dead-join reason="mended since"', "")
CHECKS = (EXPIRED, INVALID, UNUSED)

COMMENT = re.compile(r"#[ \t]*vitals:[ \t]*([^\r\n]*)")
LINE = re.compile(r"(?:^|(?<=[\s>#]))vitals:[ \t]*(disab[^\r\n<]*)")  # in a description
WORDS = re.compile(r"""\s*(?:([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s"']+))|(\S+))""")


@dataclass(slots=True)
class Suppression:
    """``extent`` None: the whole file. ``file`` None: any file."""

    place: Place
    checks: tuple[str, ...]
    until: date | None
    reason: str
    extent: Extent | None = None
    pardon: int | None = None  # index of the configuration's entry
    used: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Outcome:
    findings: list[Finding]
    suppressed: list[tuple[Finding, Suppression]]


def apply(sources: Iterable[Source], findings: Iterable[Finding], config: Config, ran: set[str],
          today: date) -> Outcome:
    """Takes out what is suppressed, and adds what is wrong with the suppressions. ``ran``: the checks that ran."""
    sources = list(sources)
    told: list[Finding] = []
    by_file: dict[str, list[Suppression]] = {}
    for source in sources:
        by_file[source.file] = [found for found in _of_file(source, told) if _valid(found, told, today)]
    pardons = [Suppression(Place(config.file or "", entry.line, 1), entry.checks, entry.until, entry.reason, pardon=i)
               for i, entry in enumerate(config.pardons)]
    pardons = [pardon for pardon in pardons if _valid(pardon, told, today)]
    kept: list[Finding] = []
    suppressed: list[tuple[Finding, Suppression]] = []
    for finding in findings:
        matching = [s for s in by_file.get(finding.place.file, ()) if finding.check in s.checks and _covers(s, finding)]
        matching += [s for s in pardons if finding.check in s.checks and _pardons(config, s, finding)]
        for suppression in matching:
            suppression.used.add(finding.check)
        if matching:
            suppressed.append((finding, matching[0]))
        else:
            kept.append(finding)
    known = {source.file for source in sources}
    for suppression in [*(s for found in by_file.values() for s in found), *pardons]:
        unused = [check for check in suppression.checks if check in ran and check not in suppression.used]
        path = config.pardons[suppression.pardon].path if suppression.pardon is not None else None
        if path is not None and not any(config.matches(path, file) for file in known):
            continue
        if unused:
            told.append(_told(UNUSED, suppression.place, f"nothing here is found by {' and '.join(unused)}",
                              "remove the suppression" if set(unused) == set(suppression.checks) else
                              f"remove {' and '.join(unused)} from it"))
    return Outcome([*kept, *told], suppressed)


def _covers(suppression: Suppression, finding: Finding) -> bool:
    if suppression.extent is None:
        return True
    first, last = suppression.extent
    place = finding.place
    return (first.line, first.column) <= (place.line, place.column) <= (last.line, last.column)


def _pardons(config: Config, suppression: Suppression, finding: Finding) -> bool:
    assert suppression.pardon is not None
    pardon = config.pardons[suppression.pardon]
    return config.matches(pardon.path, finding.place.file) and pardon.subject in (None, finding.subject)


def _valid(suppression: Suppression, told: list[Finding], today: date) -> bool:
    if suppression.until and suppression.until < today:
        told.append(_told(EXPIRED, suppression.place,
                          f"the suppression of {', '.join(suppression.checks)} expired on {suppression.until}",
                          "mend what it let pass, or give it another date"))
        return False
    return True


# --- where they stand


def _of_file(source: Source, told: list[Finding]) -> Iterator[Suppression]:
    if "vitals:" not in source.text:
        return
    if source.groups or source.findings:
        yield from _comments(source, told)
    for dashboard in source.dashboards:
        yield from _described(dashboard, told)
        for panel in dashboard.panels:
            yield from _described(panel, told)


def _comments(source: Source, told: list[Finding]) -> Iterator[Suppression]:
    lines = source.text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    for match in COMMENT.finditer(source.text):
        number = bisect_right(starts, match.start())
        place = Place(source.file, number, match.start() - starts[number - 1] + 1)
        parsed = _parse(match[1], place, told)
        if parsed is None:
            continue
        verb, suppression = parsed
        if verb == "disable":
            target = _target(source, lines, number)
            if target is None or target.extent is None:
                if source.skipped:  # it may stand in what is not analysed
                    continue
                told.append(_told(INVALID, place, "this suppression stands at no rule and no group",
                                  "put it on a line of the rule or just before it; disable-file is for the whole file"))
                continue
            first, last = target.extent
            # Whole lines, so that what is said of a rule's first key or of its last line's end is covered.
            suppression.extent = (Place(first.file, first.line, 1), Place(last.file, last.line, 1 << 30))
        yield suppression


def _target(source: Source, lines: list[str], number: int) -> Rule | Group | None:
    """What a comment on this line (from 1) is about."""
    after = number  # the first line below that is no comment
    while after < len(lines) and lines[after].lstrip().startswith("#"):
        after += 1
    alone = lines[number - 1].lstrip().startswith("#")
    for group in source.groups:
        if group.extent is None:
            continue
        for rule in group.rules:
            if rule.extent is None:
                continue
            first, last = rule.extent[0].line, rule.extent[1].line
            if first <= number <= last or alone and first == after + 1:
                return rule
        first, last = group.extent[0].line, group.extent[1].line
        if first <= number <= last:
            rules = [rule.extent[0].line for rule in group.rules if rule.extent]
            return group if number < min(rules, default=last + 1) else None
        if alone and first == after + 1:
            return group
    return None


def _described(what: Dashboard | Panel, told: list[Finding]) -> Iterator[Suppression]:
    description = what.model.get("description")
    if not isinstance(description, str) or "vitals:" not in description:
        return
    for match in LINE.finditer(description):
        parsed = _parse(match[1], what.place, told)
        if parsed:
            parsed[1].extent = what.extent
            yield parsed[1]


# --- how they read


class _Wrong(Exception):
    """What is wrong with a suppression, and what to write."""


FORM = 'write it as `vitals: disable=<check> reason="…"`, with `until=2030-01-31` if it is for a time'


def _parse(text: str, place: Place, told: list[Finding]) -> tuple[str, Suppression] | None:
    """`disable` or `disable-file`, and what it says; None: that was told."""
    try:
        return _understood(text, place)
    except _Wrong as err:
        told.append(_told(INVALID, place, *err.args))
        return None


def _understood(text: str, place: Place) -> tuple[str, Suppression]:
    words: dict[str, str] = {}
    stray: list[str] = []
    for match in WORDS.finditer(text.strip()):
        key, double, single, bare, other = match.groups()
        if key:
            words[key] = double.replace('\\"', '"') if double is not None else single if single is not None else bare
        else:
            stray.append(other)
    verb = next((key for key in words if key in ("disable", "disable-file")), None)
    if verb is None:
        raise _Wrong("this is no suppression: it has no `disable=`", FORM)
    if unknown := [*(key for key in words if key not in (verb, "until", "reason")), *stray]:
        raise _Wrong(f"{unknown[0][:40]!r} is not understood in this suppression", FORM)
    checks = tuple(name.strip() for name in words[verb].split(",") if name.strip())
    for check in checks:
        if check not in manual.checks():
            close = difflib.get_close_matches(check, manual.checks(), n=1, cutoff=0.5)
            raise _Wrong(f"there is no check {check[:60]!r}",
                         f"did you mean {close[0]}?" if close else "see vitals lint --list")
    if not checks:
        raise _Wrong("this suppression names no check", FORM)
    if not words.get("reason", "").strip():
        raise _Wrong("a suppression without a reason", 'say why it may pass: reason="…"')
    until = None
    if "until" in words:
        try:
            until = date.fromisoformat(words["until"])
        except ValueError:
            raise _Wrong(f"`until={words['until'][:40]}` is not a date", "write it like until=2030-01-31") from None
    return verb, Suppression(place, checks, until, words["reason"].strip())


def _told(check: Check, place: Place, message: str, fix: str) -> Finding:
    return Finding(check.id, check.severity, message, fix, place, "suppression")
