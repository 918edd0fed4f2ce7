"""A folder of exported files. A list with checksums says which of its files are the export's; no other is touched."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from vitals.errors import VitalsError

MARKER = ".vitals-export.json"


@dataclass(frozen=True)
class Written:
    """Paths within the folder."""

    written: tuple[str, ...]
    removed: tuple[str, ...]  # of an earlier export, no longer made
    same: int  # files that were there already


def write(folder: Path, form: str, files: dict[str, str], overwrite: bool = False) -> Written:
    """Makes the folder hold these files. Files that are not of an export stay, such as Terraform's state.

    Raises VitalsError before anything is written: when the folder is of something else, when a file of it was
    changed by hand (unless ``overwrite``), or stands where one is to be written.
    """
    try:
        before = _marker(folder, form)
        wanted = {path: _digest(text.encode()) for path, text in files.items()}
        changed = [path for path, digest in before.items() if (folder / path).is_file()
                   and _digest((folder / path).read_bytes()) not in (digest, wanted.get(path))]
        if changed and not overwrite:
            raise VitalsError(f"{folder}: changed since the last export: {', '.join(changed)}; "
                              "save them elsewhere, or give --overwrite")
        taken = [path for path in files if path not in before and (folder / path).exists()
                 and not (_is(folder / path, files[path]))]
        if taken:
            raise VitalsError(f"{folder}: not of an export, and in its way: {', '.join(taken)}; move them")
        _write(folder / MARKER, _marker_text(form, {**wanted, **before}))  # should it end half-way, it can be taken up
        written = [path for path in files if not _is(folder / path, files[path])]
        for path in written:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            _write(folder / path, files[path])
        removed = [path for path in before if path not in files and (folder / path).is_file()]
        for path in removed:
            (folder / path).unlink()
            _prune((folder / path).parent, folder)
        _write(folder / MARKER, _marker_text(form, wanted))
    except OSError as err:
        raise VitalsError(f"{err.filename or folder}: {err.strerror}") from err
    return Written(tuple(written), tuple(removed), len(files) - len(written))


def _marker(folder: Path, form: str) -> dict[str, str]:
    """Path → checksum of what the last export wrote; empty for a new folder."""
    if not folder.exists():
        folder.mkdir(parents=True)
        return {}
    if not folder.is_dir():
        raise VitalsError(f"{folder} is a file; name a folder")
    if not (folder / MARKER).exists():
        if any(folder.iterdir()):
            raise VitalsError(f"{folder} is not empty, and no export made it; name a new folder")
        return {}
    try:
        found = json.loads((folder / MARKER).read_text())
        of, files = found["form"], {str(path): str(digest) for path, digest in found["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise VitalsError(f"{folder / MARKER} is damaged; name a new folder") from err
    if of != form:
        raise VitalsError(f"{folder} holds an export of the form {of}; name another folder")
    for path in files:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise VitalsError(f"{folder / MARKER} is damaged: {path!r} is outside the folder")
    return files


def _marker_text(form: str, files: dict[str, str]) -> str:
    marker = {"form": form, "version": version("agent-vitals"), "files": files}
    return json.dumps(marker, indent=1, sort_keys=True) + "\n"


def _write(path: Path, text: str) -> None:
    aside = path.with_name(f".{path.name}.new")
    try:
        aside.write_text(text, encoding="utf-8", newline="\n")
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _prune(folder: Path, root: Path) -> None:
    """Folders that a removed file leaves empty."""
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
