"""What is wanted of a run: which checks where, and what they should know. `configfile` reads it from a file."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Literal

from vitals.errors import VitalsError
from vitals.lint import manual
from vitals.lint.model import Finding, Options, Severity

NAME = ".vitals-lint.yaml"
FailOn = Literal["error", "warning", "info", "never"]


@dataclass(frozen=True, slots=True)
class Scope:
    """What is wanted for the files that a pattern matches (None: all)."""

    path: str | None = None
    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    severity: dict[str, Severity] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pardon:
    """A suppression that stands in the configuration file, for what has no comments."""

    line: int
    checks: tuple[str, ...]
    path: str | None
    subject: str | None
    until: date | None
    reason: str


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration in effect. Patterns are relative to ``folder``."""

    file: str | None = None
    folder: Path = field(default_factory=Path.cwd)
    scopes: tuple[Scope, ...] = ()  # a later one wins
    exclude: tuple[str, ...] = ()
    pardons: tuple[Pardon, ...] = ()
    options: Options = field(default_factory=Options)
    catalogues: tuple[str, ...] = ()
    baseline: str | None = None
    fail_on: FailOn | None = None
    min_severity: Severity | None = None

    def matches(self, pattern: str | None, file: str) -> bool:
        if pattern is None:
            return True
        path = Path(file).absolute()
        inside = path.relative_to(self.folder) if path.is_relative_to(self.folder) else path
        return _pattern(pattern).fullmatch(inside.as_posix()) is not None

    def excluded(self, file: str) -> bool:
        return any(self.matches(pattern, file) for pattern in self.exclude)

    def running(self) -> set[str]:
        """The checks that run for some file at least."""
        known = manual.checks()
        found = {check.id for check in known.values() if check.enabled}
        found |= {check for scope in self.scopes for check in scope.enable}
        everywhere = {check for scope in self.scopes if scope.path is None for check in scope.disable}
        again = {check for scope in self.scopes if scope.path is not None for check in scope.enable}
        return found - (everywhere - again)

    def judge(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings that are wanted, with the severity that is wanted."""
        default = {check.id: check.enabled for check in manual.checks().values()}
        by_file: dict[str, tuple[dict[str, bool], dict[str, Severity]]] = {}
        kept = []
        for finding in findings:
            file = finding.place.file
            if file not in by_file:
                by_file[file] = self._for(file)
            enabled, severity = by_file[file]
            if enabled.get(finding.check, default.get(finding.check, True)):
                changed = severity.get(finding.check)
                kept.append(replace(finding, severity=changed) if changed else finding)
        return kept

    def _for(self, file: str) -> tuple[dict[str, bool], dict[str, Severity]]:
        enabled: dict[str, bool] = {}
        severity: dict[str, Severity] = {}
        for scope in self.scopes:
            if self.matches(scope.path, file):
                enabled |= dict.fromkeys(scope.enable, True) | dict.fromkeys(scope.disable, False)
                severity |= scope.severity
        return enabled, severity


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str]:
    """A glob as .gitignore has them: `**` over folders, a name alone anywhere, a folder with all that is in it."""
    anchored = "/" in pattern.rstrip("/")
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/"))
    signs = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    text = "".join(signs.get(part, re.escape(part)) for part in parts)
    return re.compile(("" if anchored else "(?:.*/)?") + text + "(?:/.*)?")


def find(start: str) -> Path | None:
    """The configuration file nearest to an input, in its folder or one above."""
    here = Path.cwd() if start == "-" else Path(start).absolute()
    for folder in [here, *here.parents]:
        if (folder / NAME).is_file():
            return folder / NAME
    return None


def effective(paths: Iterable[str], given: Path | None) -> Config:
    """The configuration for these inputs: the file given, else the nearest one, else the defaults."""
    if given and not given.is_file():
        raise VitalsError(f"{given}: no such configuration file")
    path = given or find(next(iter(paths)))
    if not path:
        return Config()
    from vitals.lint import configfile

    return configfile.load(path)
