"""Passwords of the stack's own services: made on first start, one file each, in a folder only its owner enters."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from vitals.errors import VitalsError
from vitals.settings import Settings

# File → whose password it is.
NAMES = {
    "postgres-admin": "PostgreSQL's superuser, postgres",
    "postgres": "demo, the owner of the demo's database",
    "postgres-monitor": "monitor, with which the exporter reads statistics",
    "redis": "Redis",
    "grafana-admin": "Grafana's admin (compose engine)",
}


def folder(settings: Settings) -> Path:
    return settings.state / "secrets"


def ensure(settings: Settings) -> dict[str, str]:
    """Every secret by name; those that are missing are made (32 letters and digits)."""
    place = folder(settings)
    private(place)
    for name in NAMES:
        if not (place / name).exists():
            write(place / name, secrets.token_hex(16))
    return {name: (place / name).read_text() for name in NAMES}


def private(place: Path) -> None:
    """Makes a folder that only its owner enters, also when it was there before."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place.stat().st_uid != os.getuid():
        raise VitalsError(f"{place} belongs to another user; remove it, or set VITALS_STATE to a folder of your own")
    place.chmod(0o700)


def write(file: Path, text: str, mode: int = 0o600) -> None:
    """A file that appears whole, and for its owner alone from its first moment."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600)
    aside.write_text(text)
    aside.chmod(mode)
    aside.replace(file)
