"""Findings that were there before: kept in a file, so that only new ones count.

A finding is known again by its check, file, subject and the text it is about, not by its line.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vitals.errors import VitalsError
from vitals.lint.located import Map, Origin, Seq, Unreadable, read_json
from vitals.lint.model import Check, Finding, Place, Source

VERSION = 1
GONE = Check(
    "baseline-gone", "info", ("rules", "dashboard"), "An entry of the baseline that is no longer found",
    "The defect was mended, or its rule renamed or removed. Left in the baseline, the entry would hide the same defect "
    "if it came back.", "", "")


def fingerprints(findings: Iterable[Finding], folder: Path) -> list[str]:
    """One for each finding, in order; the same on every machine and wherever in its file the finding has moved to."""
    seen: Counter[str] = Counter()
    found = []
    for finding in findings:
        text = finding.message
        if finding.text and finding.span:
            text = finding.text.value[finding.span[0]:finding.span[1]]
        parts = (finding.check, relative(finding.place.file, folder), finding.subject, " ".join(text.split()))
        key = "\0".join(parts)
        seen[key] += 1
        found.append(hashlib.sha256(f"{key}\0{seen[key]}".encode(errors="surrogatepass")).hexdigest()[:32])
    return found


def relative(file: str, folder: Path) -> str:
    """A path as seen from a folder, with slashes."""
    return file if file.startswith("<") else Path(os.path.relpath(Path(file).absolute(), folder)).as_posix()


def write(path: Path, findings: list[Finding]) -> None:
    """Puts all findings into a baseline file. Raises VitalsError."""
    folder = path.absolute().parent
    marks = fingerprints(findings, folder)
    entries = [{"fingerprint": mark, "check": finding.check, "file": relative(finding.place.file, folder),
                "subject": finding.subject, "message": finding.message}
               for mark, finding in zip(marks, findings, strict=True)]
    entries.sort(key=lambda entry: (entry["file"], entry["subject"], entry["check"], entry["fingerprint"]))
    text = json.dumps({"version": VERSION, "findings": entries}, indent=1, ensure_ascii=False) + "\n"
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as err:
        raise VitalsError(f"{path}: cannot be written: {err.strerror}") from err


def apply(path: Path, findings: list[Finding], sources: Iterable[Source]) -> tuple[list[Finding], int]:
    """The findings that the baseline does not have, with those entries that are gone; and how many it has.

    An entry is gone when its file was read, or is no more. Raises VitalsError.
    """
    folder = path.absolute().parent
    entries, origin = _read(path)
    read = {relative(source.file, folder) for source in sources}
    marks = fingerprints(findings, folder)
    known = {entry.get("fingerprint") for entry, _ in entries}
    kept = [finding for finding, mark in zip(findings, marks, strict=True) if mark not in known]
    hidden = len(findings) - len(kept)
    present = set(marks)
    for entry, index in entries:
        file = entry.get("file")
        if entry.get("fingerprint") not in present and isinstance(file, str) and (
                file in read or not (folder / file).exists()):
            kept.append(Finding(GONE.id, GONE.severity, f"{entry.get('check')} is no longer found in {file}",
                                "remove the entry, or write the baseline anew with --write-baseline",
                                origin.place(index), str(entry.get("subject"))))
    return kept, hidden


def _read(path: Path) -> tuple[list[tuple[Map, int]], Origin]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise VitalsError(f"{path}: the baseline cannot be read: {getattr(err, 'strerror', None) or err}") from err
    origin = Origin(str(path), text)
    data: Any = read_json(origin)[0]
    entries = data.get("findings") if isinstance(data, Map) else None
    if not isinstance(entries, Seq) or data.get("version") != VERSION:
        raise Unreadable(Place(str(path), 1, 1), f"not a baseline of version {VERSION}; make one with --write-baseline")
    return [(entry, at[0]) for entry, at in zip(entries, entries.at, strict=True) if isinstance(entry, Map)], origin
