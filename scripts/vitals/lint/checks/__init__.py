"""The checks, one module per family. `ALL` holds them by id."""

from __future__ import annotations

from types import ModuleType

from vitals.lint.checks import (
    conditions,
    dashboards,
    histograms,
    joins,
    links,
    metrics,
    ratios,
    ruleset,
    selectors,
    syntax,
    templates,
    windows,
)
from vitals.lint.checks.base import Context, Judge, Said, Subject


def _checks(*modules: ModuleType) -> dict[str, Judge]:
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Judge)]
    by_id = {check.id: check for check in found}
    assert len(by_id) == len(found), "two checks with one id"
    return by_id


ALL: dict[str, Judge] = _checks(syntax, ratios, joins, templates, conditions, histograms, selectors, windows, metrics,
                                ruleset, links, dashboards)

__all__ = ["ALL", "Context", "Judge", "Said", "Subject"]
