"""The vocabulary in which an app is described: what happens how often, and which metrics it moves.

A flow is a stream of events (requests, agent runs, model calls). Each event falls on one case (an endpoint, an
agent, a model), succeeds or fails, and moves the flow's metrics. Faults address flows by their kind: ``llm.rate``,
``llm.latency`` and ``llm.tokens`` multiply, ``llm.failure`` is the share that fails.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal, Protocol

from vitals_demo.metrics import Metric

if TYPE_CHECKING:
    from vitals_demo.simulation import App

When = Literal["all", "ok", "error"]
Bins = tuple[list[float], list[float]]  # cumulated share up to each bin, mean of the observations in each bin

_NORMAL = NormalDist()


class Shape(Protocol):
    """How observations are spread."""

    def bins(self, bounds: Sequence[float], scale: float) -> Bins: ...


def _bins(bounds: Sequence[float], cdf: Callable[[float], float], partial: Callable[[float], float],
          mean: float) -> Bins:
    shares = [*(cdf(bound) for bound in bounds), 1.0]
    sums = [*(partial(bound) for bound in bounds), mean]
    means, before, summed = [], 0.0, 0.0
    for share, part in zip(shares, sums, strict=True):
        means.append((part - summed) / (share - before) if share - before > 1e-12 else mean)
        before, summed = share, part
    return shares, means


@dataclass(frozen=True)
class LogNormal:
    """Durations, sizes and token counts: many near the median, few far above it."""

    median: float
    sigma: float = 0.6

    def bins(self, bounds: Sequence[float], scale: float) -> Bins:
        mu, sigma = math.log(self.median * scale), self.sigma
        mean = math.exp(mu + sigma * sigma / 2)
        return _bins(bounds, lambda x: _NORMAL.cdf((math.log(x) - mu) / sigma),
                     lambda x: mean * _NORMAL.cdf((math.log(x) - mu - sigma * sigma) / sigma), mean)


@dataclass(frozen=True)
class Normal:
    """Scores around a mean."""

    mean: float
    deviation: float

    def bins(self, bounds: Sequence[float], scale: float) -> Bins:
        curve = NormalDist(self.mean * scale, self.deviation)
        return _bins(bounds, curve.cdf,
                     lambda x: curve.mean * curve.cdf(x) - curve.variance * curve.pdf(x), curve.mean)


@dataclass(frozen=True)
class Choice:
    """One of a few values, by weight."""

    weights: Mapping[float, float]

    def bins(self, bounds: Sequence[float], scale: float) -> Bins:
        total = sum(self.weights.values())
        scaled = [(value * scale, weight / total) for value, weight in self.weights.items()]
        return _bins(bounds, lambda x: sum(w for v, w in scaled if v <= x),
                     lambda x: sum(v * w for v, w in scaled if v <= x), sum(v * w for v, w in scaled))


def fixed(value: float) -> Choice:
    return Choice({value: 1})


@dataclass(frozen=True)
class Case:
    """One set of labels and how often it comes up; ``scale`` stretches its durations."""

    weight: float
    labels: Mapping[str, str]
    scale: float = 1.0


def each(label: str, weights: Mapping[str, float]) -> tuple[Case, ...]:
    """A case per value of one label: ``each("status_code", {"200": 97, "404": 3})``."""
    return tuple(Case(weight, {label: value}) for value, weight in weights.items())


@dataclass(frozen=True)
class Emit:
    """What an event does to one metric.

    ``when`` picks the events; ``share`` of them count. Labels come from the case, from ``labels`` and from
    ``mix``, of which each event draws one. ``scaled_by`` names the knob that stretches the amount.
    """

    metric: str
    when: When = "all"
    labels: Mapping[str, str] = field(default_factory=dict)
    mix: tuple[Case, ...] = (Case(1, {}),)
    share: float = 1.0


@dataclass(frozen=True)
class Count(Emit):
    """Adds 1 for each event."""


@dataclass(frozen=True)
class Amount(Emit):
    """Adds about ``mean`` for each event: tokens, dollars."""

    mean: float = 1.0
    scaled_by: str = "tokens"
    whole: bool = True


@dataclass(frozen=True)
class Observe(Emit):
    """Observes one value for each event."""

    shape: Shape = fixed(1)
    scaled_by: str = "latency"


@dataclass(frozen=True)
class Flow:
    """A stream of events: ``rate`` per second at the busiest hour, over all cases; ``failure`` is the share failing."""

    kind: str
    rate: float
    cases: tuple[Case, ...]
    emits: tuple[Emit, ...]
    failure: float = 0.0


@dataclass(frozen=True)
class Level:
    """A gauge that wanders around ``value``; faults multiply it (``kind.level``) or add to it (``kind.shift``)."""

    metric: str
    value: float
    kind: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    noise: float = 0.1
    rhythm: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Line:
    """A kind of log line. Values are constants, tuples to choose from, or functions of the random source and the cause.

    Written ``per_second``, or once for a failed event of kind ``on``: then for one of the ``causes`` (logs.CAUSES),
    or for one that a fault brings.
    """

    level: str
    fields: Mapping[str, Any]
    per_second: float = 0.0
    on: str = ""
    causes: tuple[str, ...] = ("timeout", "unavailable")


@dataclass(frozen=True)
class LogStyle:
    """How an app spells the time and the level in its log lines."""

    time: str = "timestamp"
    level: str = "level"
    upper: bool = False


@dataclass(frozen=True)
class AppSpec:
    """One app, all of it."""

    name: str
    about: str
    metrics: tuple[Metric, ...]
    flows: tuple[Flow, ...]
    levels: tuple[Level, ...] = ()
    steps: tuple[Callable[[App], None], ...] = ()  # what no flow or level can say; run after each step
    lines: tuple[Line, ...] = ()
    log_style: LogStyle = LogStyle()
    memory_bytes: float = 1.0e9
    memory_metric: str | None = None  # beside process_resident_memory_bytes
    busiest_hour: float = 14.0  # UTC
    depends_on: tuple[str, ...] = ("database", "redis")
