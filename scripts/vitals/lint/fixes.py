"""What the checks know to mend, put into the files: only the characters of an edit change, all else stays as it was."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vitals.errors import VitalsError
from vitals.lint import sources
from vitals.lint.located import Scalar, Unreadable
from vitals.lint.model import Finding, Source

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


def _mend(source: Source, findings: list[Finding]) -> tuple[Source, int]:
    count = 0
    done: list[tuple[int, int]] = []  # what earlier edits of this round touched, as offsets into the first text
    pending: list[tuple[list[Change], str, str]] = []
    for finding in findings:
        found = _changes(finding)
        if found is None:
            continue
        changes, old, new = found
        if any(a < end and start < b or a == start for a, b, _ in changes for start, end in done):
            continue
        done += [(a, b) for a, b, _ in changes]
        pending.append((changes, old, new))
    # From the end of the file to its start, so that the offsets of those that come stay right.
    for changes, old, new in sorted(pending, reverse=True, key=lambda one: one[0][0][0]):
        text = source.text
        for start, end, put in sorted(changes, reverse=True):
            text = text[:start] + put + text[end:]
        tried = _reread(source, text)
        # The file must now say what was meant, and nothing else may have changed.
        if tried and _same_but(_expressions(source), _expressions(tried), old, new):
            source = tried
            count += 1
    return source, count


def _changes(finding: Finding) -> tuple[list[Change], str, str] | None:
    """A finding's edits as changes of its file, and the expression before and after; None: not where it is written."""
    text = finding.text
    scalar = text.at if text else None
    if text is None or not isinstance(scalar, Scalar) or not scalar.exact:
        return None
    changes = []
    new = text.value
    for edit in sorted(finding.edits, key=lambda edit: edit.start, reverse=True):
        start, end = scalar.index(edit.start), scalar.index(edit.end)
        if start is None or end is None:
            return None
        changes.append((start, end, scalar.written(edit.new)))
        new = new[:edit.start] + edit.new + new[edit.end:]
    return sorted(changes), text.value, new


def _reread(source: Source, text: str) -> Source | None:
    with suppress(Unreadable):
        return sources.read_text(source.file, text)
    return None


def _expressions(source: Source) -> list[str]:
    found = [rule.expr.value for group in source.groups for rule in group.rules]
    return found + [query.expr.value for dashboard in source.dashboards for panel in dashboard.panels
                    for query in panel.queries]


def _same_but(before: list[str], after: list[str], old: str, new: str) -> bool:
    differ = [(one, other) for one, other in zip(before, after, strict=False) if one != other]
    return len(before) == len(after) and bool(differ) and all(pair == (old, new) for pair in differ)


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
