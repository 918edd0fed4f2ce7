"""JSON log lines in each app's own fields."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from vitals_demo.model import AppSpec, Line

MAX_LINES_PER_KIND = 2  # in one step: a failing app must not fill the disk


def lines(spec: AppSpec, t: float, seconds: float, busy: float, failed: Mapping[str, int],
          rng: random.Random) -> Iterator[dict[str, Any]]:
    """What the app writes for a step that ended at ``t``: some of its daily life, and its errors."""
    for line in spec.lines:
        if line.on:
            times = min(failed.get(line.on, 0), MAX_LINES_PER_KIND)
        else:
            times = min(int(line.per_second * busy * seconds + rng.random()), MAX_LINES_PER_KIND)
        for _ in range(times):
            yield _write(spec, line, t - rng.random() * min(seconds, 1.0), rng)


def _write(spec: AppSpec, line: Line, t: float, rng: random.Random) -> dict[str, Any]:
    style = spec.log_style
    stamp = datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    written: dict[str, Any] = {
        style.time: stamp,
        style.level: line.level.upper() if style.upper else line.level,
        "service": spec.name,
        "request_id": f"req-{rng.getrandbits(48):012x}",
    }
    for name, value in line.fields.items():
        if isinstance(value, tuple):
            written[name] = rng.choice(value)
        else:
            written[name] = value(rng) if callable(value) else value
    return written


def number(low: float, high: float, digits: int = 0) -> Any:
    """A field whose value lies between ``low`` and ``high``."""
    def draw(rng: random.Random) -> float:
        value = rng.uniform(low, high)
        return round(value, digits) if digits else int(value)
    return draw


def identifier(prefix: str) -> Any:
    """A field that names something new each time: ``conv-4f1c09``."""
    return lambda rng: f"{prefix}-{rng.getrandbits(24):06x}"
