"""A release: every form in one archive, the same bytes whenever and wherever it is made from the same sources."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from pathlib import Path

from vitals.errors import VitalsError
from vitals.export.bundle import Bundle
from vitals.settings import Settings

SUMS = "SHA256SUMS"

README = """\
# Agent Vitals {version}

Recording rules, alerts and dashboards for AI-agent applications, to be loaded into what you run already. Made by
`vitals export all`; the same sources give the same bytes.

{table}

Each folder's README.md says what to do with it. `sha256sum -c {sums}` verifies the files.
Licence: Apache-2.0, in LICENSE.
"""


def files(bundle: Bundle) -> dict[str, str]:
    """Path within the archive → text: a folder for each form, and what tells of them."""
    from vitals import export

    found = {"LICENSE": (bundle.settings.root / "LICENSE").read_text()}
    for form in export.FORMS:
        found |= {f"{form}/{path}": text for path, text in export.files(form, bundle).items()}
    table = "\n".join(f"- `{form}/`: {text}" for form, text in export.FORMS.items())
    found["README.md"] = README.format(version=bundle.version, table=table, sums=SUMS)
    sums = "".join(f"{hashlib.sha256(text.encode()).hexdigest()}  {path}\n" for path, text in sorted(found.items()))
    return {**dict(sorted(found.items())), SUMS: sums}


def packed(bundle: Bundle) -> bytes:
    """The archive: sorted, without times, owners or the machine's marks."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, text in sorted(files(bundle).items()):
            member = tarfile.TarInfo(f"{name(bundle)}/{path}")
            content = text.encode()
            member.size, member.mode, member.mtime = len(content), 0o644, 0
            tar.addfile(member, io.BytesIO(content))
    out = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, out, mtime=0) as file:  # gzip.compress marks the platform
        file.write(raw.getvalue())
    return out.getvalue()


def name(bundle: Bundle) -> str:
    return f"agent-vitals-{bundle.version}"


def write(settings: Settings, folder: Path) -> tuple[Path, str, bool]:
    """Writes the archive into the folder; gives its path, its SHA-256, and whether it was not there already.

    Replaces an earlier archive of the same version. Raises VitalsError when something else has its name.
    """
    bundle = Bundle.of(settings)
    content = packed(bundle)
    digest = hashlib.sha256(content).hexdigest()
    path = folder / f"{name(bundle)}.tar.gz"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists():
            if path.read_bytes() == content:
                return path, digest, False
            if not _is_release(path, bundle):
                raise VitalsError(f"{path} is no archive of this project's; move it")
        aside = path.with_name(f".{path.name}.new")
        try:
            aside.write_bytes(content)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as err:
        raise VitalsError(f"{err.filename or path}: {err.strerror}") from err
    return path, digest, True


def _is_release(path: Path, bundle: Bundle) -> bool:
    try:
        with tarfile.open(path, "r:gz") as tar:
            first = tar.next()
    except (tarfile.TarError, EOFError, zlib.error, OSError):
        return False
    return first is not None and first.name.startswith(f"{name(bundle)}/")
