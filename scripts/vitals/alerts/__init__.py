"""Alerts as plain data, one module per area. They know canonical series only: one alert serves every app."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Literal

from vitals import signals
from vitals.settings import Severity
from vitals.signals import threshold_series

AREAS = ("api", "probes", "agents", "llm", "rag", "tools", "integrations", "conversations", "quality", "business",
         "cost", "security", "logs", "cache", "process", "host", "containers", "postgres", "redis", "elasticsearch",
         "slo", "stack")

Unit = Literal["ratio", "seconds", "usd", "bytes", "score", "count", "per_second", "none"]

_FORMATS: dict[str, str] = {
    "ratio": "humanizePercentage",
    "seconds": "humanizeDuration",
    "usd": 'printf "$%.2f"',
    "bytes": "humanize1024",
    "score": 'printf "%.2f"',
    "count": "humanize",
    "per_second": 'printf "%.4g"',  # humanize writes 0.5 as 500m
    "none": "humanize",
}
_SUFFIXES = {"bytes": "B", "per_second": "/s"}


@dataclass(frozen=True)
class Alert:
    """One alert.

    ``{value}`` and ``{limit}`` in the texts become the alert's value and the limit it is held against, in
    ``unit``; ``limit`` names the threshold. ``means`` and ``do`` are its page in docs/alerts.md.
    """

    name: str
    severity: Severity
    for_: str
    expr: str
    summary: str
    description: str
    means: str
    do: tuple[str, ...]
    unit: Unit = "none"
    limit: str | None = None
    dashboard: str = "overview"
    keep_firing_for: str | None = None
    labels: dict[str, str] = field(default_factory=dict)

    def text(self, template: str) -> str:
        """A text with its placeholders turned into Prometheus template actions."""
        value = f"{{{{ $value | {_FORMATS[self.unit]} }}}}{_SUFFIXES.get(self.unit, '')}"
        template = template.replace("{value}", value)
        if self.limit:
            template = template.replace("{limit}", limit_of(self.limit, self.unit))
        return template


def limit_of(threshold: str, unit: str) -> str:
    """A template action that reads the job's own limit from the threshold series."""
    query = f'{threshold_series(threshold)}{{job=%q}}'.replace('"', '\\"')
    return (f'{{{{ range query (printf "{query}" $labels.job) }}}}{{{{ . | value | {_FORMATS[unit]} }}}}'
            f"{{{{ end }}}}{_SUFFIXES.get(unit, '')}")


def over(value: str, threshold: str, operator: str = ">") -> str:
    """``value`` beyond its job's own limit, all of the value's labels kept."""
    return f"{value} {operator} on (job) group_left () {threshold_series(threshold)}"


def under(value: str, threshold: str) -> str:
    return over(value, threshold, "<")


def reaches(value: str, threshold: str) -> str:
    """At or beyond: for quantiles, which cannot pass the highest bucket and may be limited right there."""
    return over(value, threshold, ">=")


def floor(count: str, threshold: str, *by: str, per: int = 300) -> str:
    """An ``and`` arm: at least so many in ``per`` seconds (``per=1`` when ``count`` is already a number)."""
    number = count if per == 1 else f"{count} * {per}"
    return f"\nand on ({', '.join(('job', *by))}) {over(number, threshold, '>=')}"


def by_area() -> dict[str, list[Alert]]:
    """Every alert, by area, in the order written."""
    return {area: importlib.import_module(f"vitals.alerts.{area}").ALERTS for area in AREAS}


def all_alerts() -> dict[str, Alert]:
    return {alert.name: alert for alerts in by_area().values() for alert in alerts}


def check() -> list[str]:
    """What is wrong with the tables: names given twice, limits that do not exist."""
    problems = []
    seen: set[str] = set()
    for alerts in by_area().values():
        for alert in alerts:
            if alert.name in seen:
                problems.append(f"alert {alert.name} is defined twice")
            seen.add(alert.name)
            if alert.limit and alert.limit not in signals.THRESHOLDS:
                problems.append(f"alert {alert.name} names an unknown threshold {alert.limit!r}")
            if "{limit}" in alert.description and not alert.limit:
                problems.append(f"alert {alert.name} prints a limit and names none")
    return problems
