"""Which lines have changed since a commit, as git has it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from vitals.errors import VitalsError
from vitals.lint.model import Extent, Finding, Source

HUNK = re.compile(rb"^@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
Lines = list[tuple[float, float]]  # ranges; lines that were taken out stand between two


def filter(findings: Iterable[Finding], sources: Iterable[Source], ref: str) -> list[Finding]:
    """The findings in rules, panels or groups of which a line has changed since ``ref`` left this branch.

    Standard input and files that git does not track count as changed; what is said of other files than the sources
    stays. Raises VitalsError.
    """
    changes = _Changes(ref)
    extents = {source.file: _extents(source) for source in sources}
    return [finding for finding in findings if finding.place.file not in extents
            or changes.touch(finding.place.file, _unit(finding, extents.get(finding.place.file, [])))]


def _extents(source: Source) -> list[Extent]:
    found = [rule.extent for group in source.groups for rule in group.rules]
    found += [group.extent for group in source.groups]
    found += [panel.extent for dashboard in source.dashboards for panel in dashboard.panels]
    found += [dashboard.extent for dashboard in source.dashboards]
    return [extent for extent in found if extent]


def _unit(finding: Finding, extents: list[Extent]) -> Extent | None:
    """The smallest thing that the finding stands in; None: the file."""
    at = finding.place.line, finding.place.column
    around = [e for e in extents if (e[0].line, 1) <= at <= (e[1].line, max(e[1].column, at[1]))]
    if not around:
        return None
    return min(around, key=lambda e: (e[1].line - e[0].line, e[1].column - e[0].column))


class _Changes:
    def __init__(self, ref: str) -> None:
        self.ref = ref
        self._roots: dict[str, str | None] = {}
        self._changes: dict[str, dict[str, Lines]] = {}
        self._tracked: dict[str, set[str]] = {}

    def touch(self, file: str, extent: Extent | None) -> bool:
        real = os.path.realpath(file)
        root = self._root(str(Path(real).parent)) if Path(real).exists() else None
        if root is None:
            if file == "<stdin>":
                return True
            raise VitalsError(f"{file}: not in a git repository; --since compares with a commit of one")
        if root not in self._changes:
            self._changes[root] = self._diff(root)
            listed = _git(root, "ls-files", "-z")
            self._tracked[root] = {os.fsdecode(name) for name in listed.split(b"\0") if name}
        name = str(Path(real).relative_to(root))
        if name not in self._tracked[root]:
            return True
        lines = self._changes[root].get(name, [])
        if extent is None:
            return bool(lines)
        return any(first <= extent[1].line and last >= extent[0].line for first, last in lines)

    def _root(self, folder: str) -> str | None:
        if folder not in self._roots:
            try:
                found = _git(folder, "rev-parse", "--show-toplevel").rstrip(b"\n")
                self._roots[folder] = os.path.realpath(os.fsdecode(found))
            except VitalsError:
                self._roots[folder] = None
        return self._roots[folder]

    def _diff(self, root: str) -> dict[str, Lines]:
        try:
            commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{self.ref}^{{commit}}")
        except VitalsError:
            raise VitalsError(
                f"--since {self.ref}: no such commit in {root}; is it fetched (fetch-depth: 0)?") from None
        base = commit.decode().strip()
        with suppress(VitalsError):  # a shallow clone, or no common history: the commit itself
            base = _git(root, "merge-base", base, "HEAD").decode().strip() or base
        changes: dict[str, Lines] = {}
        current: Lines = []
        content = 0  # lines of a hunk that come before the next header
        for line in _git(root, "diff", "--no-color", "--no-ext-diff", "--no-textconv", "-U0", "-M",
                         "--dst-prefix=b/", base, "--").split(b"\n"):
            if content and not line.startswith(b"\\"):
                content -= 1
            elif line.startswith(b"+++ "):
                current = changes.setdefault(_name(line[4:]), [])
            elif match := HUNK.match(line):
                gone, first, count = int(match[1] or 1), int(match[2]), int(match[3] or 1)
                content = gone + count
                current.append((first, first + count - 1) if count else (first + 0.5, first + 0.5))
        return changes


def _name(written: bytes) -> str:
    """A path as a diff writes it: in quotes with escapes if it has unusual characters."""
    written = written.rstrip(b"\t\r")
    if written.startswith(b'"'):
        written = written[1:-1].decode("unicode_escape").encode("latin-1")
    return os.fsdecode(written[2:] if written.startswith(b"b/") else written)


def _git(folder: str, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True)
    except OSError as err:
        raise VitalsError(f"git cannot be run: {err.strerror}; --since needs it") from err
    if done.returncode:
        raise VitalsError(f"git: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
