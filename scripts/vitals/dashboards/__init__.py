"""Dashboards from grafanalib, one module each, over canonical series only.

A dashboard's module is its data: rows of panels, each with title, description, unit and queries. `panels`
holds the house style, `grafana` what Grafana itself wants.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vitals.recording import Profiles
from vitals.settings import Settings

if TYPE_CHECKING:
    from vitals.dashboards.grafana import Board

BOARDS = ("overview", "executive", "operations", "system_health", "ai_performance", "quality", "business", "cost",
          "security", "slo", "logs", "infrastructure", "postgres", "redis", "monitoring")


def models(settings: Settings, profiles: Profiles) -> dict[str, dict[str, Any]]:
    """uid → dashboard model, ready to be written as JSON.

    Queries are the same for every app; why a panel may be empty and where its runbook is come from the
    profiles and settings.
    """
    from vitals.dashboards import grafana, origins  # with grafanalib, needed only here

    found = origins.load(settings, profiles)
    return {board.uid: grafana.model(board, found) for board in _boards()}


def audiences() -> dict[str, str]:
    """uid → the folder under grafana/dashboards/ of those who open it."""
    return {board.uid: board.audience for board in _boards()}


def provisioning() -> dict[str, Any]:
    """How Grafana is told of these folders."""
    from vitals.dashboards import grafana

    return grafana.providers()


def _boards() -> list[Board]:
    return [importlib.import_module(f"vitals.dashboards.{name}").BOARD for name in BOARDS]
