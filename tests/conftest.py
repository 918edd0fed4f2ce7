"""A project folder of one's own: vitals.yaml and profiles in a temporary place, the rest from the checkout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vitals import settings

MINIMAL = "prices: {as_of: 2026-11-01}\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """``write("a/b.yaml", text)`` → its path."""

    def writer(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return writer


@pytest.fixture
def configured(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., settings.Settings]:
    """``configured("demo: false")`` → settings from a vitals.yaml with these lines (prices are added)."""
    monkeypatch.setenv("VITALS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("VITALS_CACHE", str(tmp_path / "cache"))

    def load(text: str = "", profiles: dict[str, str] | None = None) -> settings.Settings:
        if profiles is not None:
            text += "\nprofiles_dir: own\n"
            for name, body in profiles.items():
                write(f"own/{name}.yaml", body)
        if "prices:" not in text and not text.startswith("-"):
            text += "\n" + MINIMAL
        return settings.load(write("vitals.yaml", text))

    return load
