"""The checks, one module per family. `ALL` holds them by id."""

from __future__ import annotations

from types import ModuleType

from vitals.lint.checks import (
    conditions,
    dashboards,
    histograms,
    joins,
    metrics,
    ratios,
    ruleset,
    selectors,
    templates,
    windows,
)
from vitals.lint.checks.base import Check, Context, Options, Said, Subject


def _checks(*modules: ModuleType) -> dict[str, Check]:
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Check)]
    by_id = {check.id: check for check in found}
    assert len(by_id) == len(found), "two checks with one id"
    return by_id


ALL: dict[str, Check] = _checks(ratios, joins, templates, conditions, histograms, selectors, windows, metrics, ruleset,
                                dashboards)

__all__ = ["ALL", "Check", "Context", "Options", "Said", "Subject"]
