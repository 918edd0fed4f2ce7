"""What the checks know to mend, put into the files: only the characters of an edit change, all else stays as it was."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vitals.errors import VitalsError
from vitals.lint import sources
from vitals.lint.located import Scalar, Unreadable
from vitals.lint.model import Edit, Finding, Source, Text

ROUNDS = 10  # what one edit leaves, another may mend
Change = tuple[int, int, str]  # offsets into a file, and what stands there instead


def mend(read: list[Source], judge: Callable[[list[Source]], list[Finding]]) -> tuple[list[Source], int]:
    """The sources with all edits in, in memory, and how many they are. ``judge`` is asked again after each round."""
    count = 0
    for _ in range(ROUNDS):
        by_file: dict[str, list[Finding]] = {}
        for finding in judge(read):
            if finding.edits:
                by_file.setdefault(finding.place.file, []).append(finding)
        changed = False
        for i, source in enumerate(read):
            mended, edits = _mend(source, by_file.get(source.file, []))
            if edits:
                read = [*read[:i], mended, *read[i + 1:]]
                count += edits
                changed = True
        if not changed:
            break
    return read, count


@dataclass(slots=True)
class _Rewrite:
    """An expression with its edits in: as changes of its file, and as text."""

    changes: list[Change]
    old: str
    new: str
    edits: int


def _mend(source: Source, findings: list[Finding]) -> tuple[Source, int]:
    rewrites = _rewrites(findings)
    together = _applied(source, rewrites)
    if together:
        return together, sum(rewrite.edits for rewrite in rewrites)
    count = 0
    for rewrite in rewrites:  # from the end of the file to its start, so that the offsets of those that come stay right
        if alone := _applied(source, [rewrite]):
            source = alone
            count += rewrite.edits
    return source, count


def _rewrites(findings: list[Finding]) -> list[_Rewrite]:
    """What the findings' edits make of each expression, the last one in the file first."""
    by_text: dict[int, tuple[Text, list[Edit]]] = {}
    for finding in findings:
        if finding.text is None or not isinstance(finding.text.at, Scalar) or not finding.text.at.exact:
            continue
        start = finding.text.at.index(0)
        if start is None:
            continue
        _, edits = by_text.setdefault(start, (finding.text, []))
        if not any(one.start < other.end and other.start < one.end or one.start == other.start
                   for one in finding.edits for other in edits):
            edits += finding.edits
    found = []
    for start in sorted(by_text, reverse=True):
        text, edits = by_text[start]
        scalar, new, changes = text.at, text.value, []
        assert isinstance(scalar, Scalar)
        for edit in sorted(edits, key=lambda edit: edit.start, reverse=True):
            first, last = scalar.index(edit.start), scalar.index(edit.end)
            if first is not None and last is not None:
                changes.append((first, last, scalar.written(edit.new)))
                new = new[:edit.start] + edit.new + new[edit.end:]
        found.append(_Rewrite(changes, text.value, new, len(changes)))
    return found


def _applied(source: Source, rewrites: list[_Rewrite]) -> Source | None:
    """The source with the changes in; None: the file would not say what was meant, or something else too."""
    text = source.text
    for rewrite in rewrites:
        for start, end, put in rewrite.changes:
            text = text[:start] + put + text[end:]
    if text == source.text:
        return None
    tried = _reread(source, text)
    if not tried:
        return None
    before, after = _expressions(source), _expressions(tried)
    wanted = {(rewrite.old, rewrite.new) for rewrite in rewrites}
    differ = [pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
    return tried if len(before) == len(after) and differ and wanted.issuperset(differ) else None


def _reread(source: Source, text: str) -> Source | None:
    with suppress(Unreadable):
        return sources.read_text(source.file, text)
    return None


def _expressions(source: Source) -> list[str]:
    found = [rule.expr.value for group in source.groups for rule in group.rules]
    return found + [query.expr.value for dashboard in source.dashboards for panel in dashboard.panels
                    for query in panel.queries]


def write(before: Source, after: Source) -> None:
    """Puts a mended text into its file, all at once. Raises VitalsError."""
    path = Path(os.path.realpath(before.file))
    try:
        data = path.read_bytes()
        mark = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
        if data != mark + before.text.encode():
            raise VitalsError(f"{before.file}: has changed while it was linted; nothing written, run again")
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(mark + after.text.encode())
            Path(temporary).chmod(path.stat().st_mode & 0o7777)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as err:
        raise VitalsError(f"{before.file}: cannot be written: {err.strerror}") from err


def diff(before: Source, after: Source) -> str:
    """What would change, as a unified diff."""
    import difflib

    old, new = (re.findall(r"[^\n]*\n|[^\n]+", source.text) for source in (before, after))
    lines = difflib.unified_diff(old, new, f"a/{before.file}", f"b/{before.file}")
    return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)
