"""Small functions that compose PromQL text. Knows no signal and no metric."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal


def selector(*matchers: str) -> str:
    """``selector('a="1"', "")`` → ``{a="1"}``; nothing to match → the empty text."""
    text = ", ".join(m for m in matchers if m)
    return f"{{{text}}}" if text else ""


def rate(metric: str, *matchers: str, window: str = "5m") -> str:
    return f"rate({metric}{selector(*matchers)}[{window}])"


def agg(operator: str, by: Iterable[str], expr: str) -> str:
    return f"{operator} by ({', '.join(by)}) ({expr})"


def sum_by(by: Iterable[str], expr: str) -> str:
    return agg("sum", by, expr)


def on(*labels: str) -> str:
    """What two sides are matched by, when only one of them carries the profile as a label."""
    return f"on ({', '.join(labels)})"


def quantile(q: str, expr: str) -> str:
    """A quantile from bucket rates; without observations nothing (instead of NaN)."""
    return f"histogram_quantile({q}, {expr}) >= 0"


def label_replace(expr: str, label: str, value: str, source: str, pattern: str) -> str:
    return f"label_replace({expr}, {string(label)}, {string(value)}, {string(source)}, {string(pattern)})"


def string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def number(value: Decimal | int) -> str:
    """Plain digits, no exponent, no trailing zeros: ``Decimal("0.050")`` → ``0.05``."""
    text = format(Decimal(value), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def any_of(values: Iterable[str]) -> str:
    """A regular expression that matches exactly these words (which must not hold special characters)."""
    return "|".join(sorted(values))
