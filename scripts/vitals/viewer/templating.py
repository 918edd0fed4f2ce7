"""Grafana's variables in a query, as assets/templating.js fills them in. Both are tested with the same cases."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

SCRAPE_SECONDS = 30
VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?:\.[^:}]+)?(?::([^}]+))?\}|\[\[(\w+)(?::(\w+))?\]\]")
STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800)


@dataclass(frozen=True)
class Chosen:
    """What is chosen of a variable; ``multi``: it stands in a pattern, so its values are escaped for one."""

    values: list[str]
    multi: bool = False


@dataclass(frozen=True)
class Scope:
    """What a query is filled with. Times are Unix seconds, the step is in seconds."""

    start: float
    end: float
    step: float = SCRAPE_SECONDS
    variables: dict[str, Chosen] = field(default_factory=dict)


def interpolate(text: str, scope: Scope) -> str:
    """The text with its variables in place; those that nobody knows stay as they are."""

    def fill(match: re.Match[str]) -> str:
        plain, braced, form, old, old_form = match.groups()
        name = plain or braced or old
        if (found := _built_in(name, scope)) is not None:
            return found
        if name not in scope.variables:
            return match[0]
        return _FORMATS.get(form or old_form or "prometheus", _FORMATS["raw"])(scope.variables[name])

    return VARIABLE.sub(fill, text)


def label_values(query: str) -> tuple[str, str] | None:
    """``label_values(metric{…}, label)`` → selector and label; None for another query."""
    match = re.fullmatch(r"\s*label_values\s*\((.*)\)\s*", query, re.DOTALL)
    if not match:
        return None
    selector, _, label = match[1].rpartition(",")
    return (selector.strip(), label.strip()) if re.fullmatch(r"[a-zA-Z_]\w*", label.strip()) else None


def span(seconds: float) -> str:
    """Seconds as PromQL writes a duration: 90 → ``90s``, 300 → ``5m``."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    whole = round(seconds)
    sizes = ((86400, "d"), (3600, "h"), (60, "m"))
    return next((f"{whole // size}{unit}" for size, unit in sizes if whole % size == 0), f"{whole}s")


def step_for(seconds: float, pixels: float, least: float = SCRAPE_SECONDS) -> float:
    """Seconds between points: about one for each pixel, a round number, and not less than the panel wants."""
    wanted = seconds / max(50, pixels)
    return max(least, min(STEPS, key=lambda step: abs(step - wanted)))


def duration(text: object) -> float:
    """``30s``, ``>5m`` → seconds; 0 for what is no duration."""
    match = re.fullmatch(r">?(\d+(?:\.\d+)?)(ms|[smhdw])", str(text or ""))
    sizes = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    return float(match[1]) * sizes[match[2]] if match else 0


def _built_in(name: str, scope: Scope) -> str | None:
    seconds = scope.end - scope.start
    return {
        "__interval": span(scope.step), "__interval_ms": str(round(scope.step * 1000)),
        "__rate_interval": span(max(scope.step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)),
        "__range": f"{round(seconds)}s", "__range_s": str(round(seconds)), "__range_ms": str(round(seconds * 1000)),
        "__from": str(round(scope.start * 1000)), "__to": str(round(scope.end * 1000)),
    }.get(name)


def _pattern(value: str) -> str:
    return re.sub(r"[\\^$*+?.()|\[\]{}]", r"\\\g<0>", value)


def _text(value: str) -> str:
    return re.sub(r"[\\\"']", r"\\\g<0>", value)


def _choice(values: list[str]) -> str:
    return f"({'|'.join(values)})" if len(values) > 1 else "".join(values)


def _prometheus(chosen: Chosen) -> str:
    if chosen.multi:  # a pattern within a string: what escapes is escaped
        return _choice([_pattern(value).replace("\\", "\\\\").replace('"', '\\"') for value in chosen.values])
    return _text(chosen.values[0]) if chosen.values else ""


_FORMATS: dict[str, Callable[[Chosen], str]] = {
    "prometheus": _prometheus,
    "regex": lambda chosen: _choice([re.sub("/", r"\\/", _pattern(value)) for value in chosen.values]),
    "pipe": lambda chosen: "|".join(chosen.values),
    "csv": lambda chosen: ",".join(chosen.values),
    "raw": lambda chosen: ",".join(chosen.values),
}
