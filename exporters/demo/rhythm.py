"""The rhythm of traffic, as functions of Unix time: the same at every visit, whatever steps led there."""

from __future__ import annotations

import math

LOWEST_LOAD = 0.3


def load(t: float, busiest_hour: float) -> float:
    """The share of the busiest hour's traffic at ``t``: a wave over the day, calmer weekends, nights near 0.3."""
    day = 0.65 + 0.35 * math.cos((t / 3600 - busiest_hour) * math.pi / 12)
    weekday = int(t // 86400 + 3) % 7  # 0 is Monday; 1 January 1970 was a Thursday
    noisy = day * (0.8 if weekday >= 5 else 1.0) * (1 + 0.06 * wave(t, busiest_hour))
    return max(LOWEST_LOAD, noisy)


def wave(t: float, phase: float) -> float:
    """Slow, smooth noise between -1 and 1."""
    return (math.sin(t / 97 + phase) + math.sin(t / 233 + 1.7 * phase) + math.sin(t / 611 + 2.9 * phase)) / 3
