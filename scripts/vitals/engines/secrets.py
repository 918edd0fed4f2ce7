"""Passwords made on first start: a folder that only its owner can enter, one file each."""

from __future__ import annotations

import secrets
from pathlib import Path

from vitals.settings import Settings

NAMES = ("postgres", "redis", "grafana")


def folder(settings: Settings) -> Path:
    return settings.state / "secrets"


def ensure(settings: Settings) -> dict[str, str]:
    """Every secret by name; those that are missing are made."""
    place = folder(settings)
    place.mkdir(parents=True, exist_ok=True)
    place.chmod(0o700)
    return {name: _read(place / name) for name in NAMES}


def _read(file: Path) -> str:
    if not file.exists():
        write(file, secrets.token_urlsafe(24))
    return file.read_text()


def write(file: Path, text: str) -> None:
    """A file for its owner alone, from its first moment."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(text)
