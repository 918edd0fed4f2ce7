"""A backup as one file: a compressed tar whose first member lists every other one, with its checksum.

The archive is trusted with nothing: names are checked before anything is written, and what does not have the
checksum of the list is not restored.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from vitals.errors import VitalsError

FORMAT = 1
MANIFEST = "manifest.json"
LONGEST_MANIFEST = 64 * 2**20
CHUNK = 1 << 20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, OSError)


@dataclass(frozen=True)
class File:
    """A file of the archive; ``sha256`` in hexadecimal."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an archive holds. Each file's path begins with the part of the stack that it belongs to."""

    created: str  # ISO 8601, UTC
    engine: str
    versions: dict[str, str]  # part → version of the program whose data this is
    files: dict[str, File]
    format: int = FORMAT

    def parts(self) -> list[str]:
        return sorted({path.partition("/")[0] for path in self.files})

    def bytes(self, parts: list[str]) -> int:
        return sum(file.bytes for path, file in self.files.items() if path.partition("/")[0] in parts)


def write(folder: Path, target: Path, created: str, engine: str, versions: dict[str, str]) -> Manifest:
    """Every file under ``folder`` into the new archive ``target``: whole or not at all, and for its owner only."""
    if target.exists():
        raise VitalsError(f"{target} exists already; a backup overwrites nothing")
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    files: dict[str, File] = {}
    total = sum(path.stat().st_size for path in paths)
    with Progress("checksums", total) as progress:
        for path in paths:
            with path.open("rb") as source:
                files[path.relative_to(folder).as_posix()] = _hashed(source, None, progress)
    manifest = Manifest(created, engine, versions, files)
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with writing(target.parent):
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out, Progress(f"writing {target.name}", total) as progress:
                # Blocks are packed tightly already: more effort gains a few per cent and takes minutes.
                with tarfile.open(fileobj=out, mode="w:gz", compresslevel=2) as tar:
                    text = json.dumps(asdict(manifest), indent=1, sort_keys=True).encode()
                    _add(tar, MANIFEST, len(text), io.BytesIO(text))
                    for path in paths:
                        name = path.relative_to(folder).as_posix()
                        with path.open("rb") as source:
                            _add(tar, name, files[name].bytes, source)
                        progress.add(files[name].bytes)
                out.flush()
                os.fsync(out.fileno())
            aside.rename(target)
    finally:
        aside.unlink(missing_ok=True)
    return manifest


def read(archive: Path) -> Manifest:
    """What an archive says it holds. Raises VitalsError when it is none, is damaged, or is from a newer project."""
    with _opened(archive) as tar:
        return _manifest(tar, archive)


def extract(archive: Path, into: Path, parts: list[str]) -> None:
    """Those parts' files, each verified while it is written. Raises VitalsError at the first that is not as listed."""
    with _opened(archive) as tar:
        manifest = _manifest(tar, archive)
        wanted = {path for path in manifest.files if path.partition("/")[0] in parts}
        total = manifest.bytes(parts)
        with writing(into):
            into.mkdir(parents=True, exist_ok=True)
            room = shutil.disk_usage(into).free
        if total > room:
            raise VitalsError(f"{into}: {size(total)} are needed and {size(room)} are free")
        with Progress("unpacking", total) as progress:
            for member in tar:
                if member.name not in wanted:
                    continue
                wanted.discard(member.name)
                source = tar.extractfile(member)
                if not member.isreg() or source is None:
                    raise VitalsError(f"{archive}: damaged: {member.name} is no file")
                path = into / member.name
                with writing(into):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    out = path.open("xb")
                with out:
                    found = _hashed(source, out, progress)
                if found != manifest.files[member.name]:
                    raise VitalsError(f"{archive}: damaged: {member.name} is not what was backed up")
        if wanted:
            raise VitalsError(f"{archive}: damaged: {len(wanted)} files are missing, such as {min(wanted)}")


def _manifest(tar: tarfile.TarFile, archive: Path) -> Manifest:
    first = tar.next()
    source = tar.extractfile(first) if first and first.name == MANIFEST and first.isreg() else None
    if source is None:
        raise VitalsError(f"{archive} is no backup: it does not begin with {MANIFEST}")
    try:
        found = json.loads(source.read(LONGEST_MANIFEST))
        if found["format"] > FORMAT:
            raise VitalsError(f"{archive} was made by a newer version of this project (format {found['format']}); "
                              "restore it with that one")
        files = {path: File(int(file["bytes"]), str(file["sha256"])) for path, file in found["files"].items()}
        versions = {str(part): str(version) for part, version in found["versions"].items()}
        manifest = Manifest(str(found["created"]), str(found["engine"]), versions, files)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
        raise VitalsError(f"{archive}: damaged: its {MANIFEST} cannot be read ({err})") from err
    for path in files:
        pure = PurePosixPath(path)
        if pure.is_absolute() or ".." in pure.parts or len(pure.parts) < 2 or str(pure) != path:
            raise VitalsError(f"{archive}: {path!r} is no path inside a backup; nothing was taken from it")
    return manifest


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    if not archive.is_file():
        raise VitalsError(f"{archive}: no such file")
    try:
        with tarfile.open(archive, "r|gz") as tar:
            yield tar
    except _DAMAGED as err:
        why = err.strerror if isinstance(err, OSError) and err.strerror else str(err) or type(err).__name__
        raise VitalsError(f"{archive} is no backup, or damaged: {why}") from err


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Trouble with the disk as one message."""
    try:
        yield
    except OSError as err:
        what = "there is no room left" if err.errno in FULL else f"cannot be written ({err.strerror})"
        raise VitalsError(f"{folder}: {what}") from err


def _add(tar: tarfile.TarFile, name: str, length: int, source: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = length, 0o600, int(time.time())
    tar.addfile(member, source)


def _hashed(source: IO[bytes], out: IO[bytes] | None, progress: Progress) -> File:
    digest, length = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        length += len(chunk)
        if out:
            with writing(Path(out.name)):
                out.write(chunk)
        progress.add(len(chunk))
    return File(length, digest.hexdigest())


# --- versions ---------------------------------------------------------------------------------------------


def version(text: str) -> tuple[int, ...]:
    """The numbers in ``v3.14.0``, ``3.5.3+ds1-1`` or ``prom/prometheus:v3.14.0``; empty when there are none."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", text.rpartition("/")[2].rpartition(":")[2])
    return tuple(int(number) for number in found[1].split(".")) if found else ()


def readable(part: str, data: str, program: str) -> str:
    """Why ``program`` (a version) cannot read what version ``data`` of that part wrote; empty when it can."""
    written, reader = version(data), version(program)
    if not written or not reader:
        return ""
    match part:
        case "prometheus":  # its storage: what 3 writes is read from 2.55 on
            oldest: tuple[int, ...] = (2, 55) if written[0] == 3 else (written[0],)
        case "grafana":  # its database is migrated upwards only
            oldest = written[:2]
        case "postgres" | "elasticsearch" | "redis":
            oldest = written[:1]
        case _:
            return ""
    if reader[:len(oldest)] >= oldest:
        return ""
    return (f"{part} {_dotted(reader)} cannot read what {part} {_dotted(written)} wrote "
            f"(it takes {_dotted(oldest)} or newer)")


def _dotted(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers))


# --- progress ---------------------------------------------------------------------------------------------


class Progress:
    """Says how far something is, once it takes longer than two seconds, and every two seconds from then."""

    EVERY = 2.0

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        self.said = time.monotonic()

    def add(self, count: int) -> None:
        self.done += count
        if self.total and time.monotonic() - self.said > self.EVERY:
            self.said = time.monotonic()
            print(f"  {self.what}: {self.done * 100 // self.total} % of {size(self.total)}", flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        return


def size(count: float) -> str:
    """A number of bytes as a person says it: 512 B, 3.4 MB."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 1000 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:.0f} {units[0]}" if count >= 10 or units[0] == "B" else f"{count:.1f} {units[0]}"
