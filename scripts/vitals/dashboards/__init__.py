"""Dashboards from grafanalib, one module each, over canonical series only."""

from __future__ import annotations

from typing import Any

from vitals.recording import Profiles
from vitals.settings import Settings


def models(settings: Settings, profiles: Profiles) -> dict[str, dict[str, Any]]:
    """uid → dashboard model, ready to be written as JSON."""
    return {}
