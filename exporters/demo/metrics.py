"""Metric families as data, and a store of their numbers that prometheus_client exposes.

The numbers are kept here rather than in prometheus_client's own objects because a simulation adds thousands of
observations at a time, and because a simulated process that is killed starts again from zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from prometheus_client import Metric as Family
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    SummaryMetricFamily,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)


@dataclass(frozen=True)
class Metric:
    """One metric family: its name as the app spells it (counters with ``_total``), labels and finite buckets."""

    kind: Literal["counter", "gauge", "histogram", "summary"]
    name: str
    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


def counter(name: str, text: str, labels: str = "") -> Metric:
    return Metric("counter", name, text, tuple(labels.split()))


def gauge(name: str, text: str, labels: str = "") -> Metric:
    return Metric("gauge", name, text, tuple(labels.split()))


def histogram(name: str, text: str, labels: str = "", buckets: Iterable[float] = DEFAULT_BUCKETS) -> Metric:
    return Metric("histogram", name, text, tuple(labels.split()), tuple(float(b) for b in buckets))


def summary(name: str, text: str, labels: str = "") -> Metric:
    return Metric("summary", name, text, tuple(labels.split()))


@dataclass(slots=True)
class Value:
    """A counter's or gauge's number."""

    value: float = 0.0


@dataclass(slots=True)
class Spread:
    """A histogram's or summary's numbers: observations per bin (the last is beyond every bound) and their sum."""

    counts: list[int] = field(default_factory=list)
    sum: float = 0.0


class Store(Collector):
    """The numbers of one app's metric families."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self.metrics = {metric.name: metric for metric in metrics}
        self._children: dict[str, dict[tuple[str, ...], Value | Spread]] = {name: {} for name in self.metrics}

    def value(self, name: str, labels: Mapping[str, str]) -> Value:
        """The counter or gauge with these labels, made at 0 when new. Labels the metric lacks are ignored."""
        child = self._children[name].setdefault(self._key(name, labels), Value())
        assert isinstance(child, Value), f"{name} is no counter or gauge"
        return child

    def spread(self, name: str, labels: Mapping[str, str]) -> Spread:
        """The histogram or summary with these labels, made empty when new."""
        bins = len(self.metrics[name].buckets) + 1
        child = self._children[name].setdefault(self._key(name, labels), Spread([0] * bins))
        assert isinstance(child, Spread), f"{name} is no histogram or summary"
        return child

    def remove(self, name: str, labels: Mapping[str, str]) -> None:
        self._children[name].pop(self._key(name, labels), None)

    def reset(self) -> None:
        """Everything back to zero, as after a restart; the children stay."""
        for children in self._children.values():
            for child in children.values():
                if isinstance(child, Value):
                    child.value = 0.0
                else:
                    child.counts[:] = [0] * len(child.counts)
                    child.sum = 0.0

    def _key(self, name: str, labels: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(labels[label] for label in self.metrics[name].labels)

    def collect(self) -> Iterator[Family]:
        for name, metric in self.metrics.items():
            yield _family(metric, self._children[name])


def _family(metric: Metric, children: Mapping[tuple[str, ...], Value | Spread]) -> Family:
    if metric.kind == "histogram":
        histograms = HistogramMetricFamily(metric.name, metric.text, labels=metric.labels)
        bounds = [*(floatToGoString(b) for b in metric.buckets), "+Inf"]
        for labels, child in children.items():
            assert isinstance(child, Spread)
            total, buckets = 0, []
            for bound, count in zip(bounds, child.counts, strict=True):
                total += count
                buckets.append((bound, float(total)))
            histograms.add_metric(labels, buckets, child.sum)
        return histograms
    if metric.kind == "summary":
        summaries = SummaryMetricFamily(metric.name, metric.text, labels=metric.labels)
        for labels, child in children.items():
            assert isinstance(child, Spread)
            summaries.add_metric(labels, child.counts[0], child.sum)
        return summaries
    values = (CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily)(
        metric.name, metric.text, labels=metric.labels)
    for labels, child in children.items():
        assert isinstance(child, Value)
        values.add_metric(labels, child.value)
    return values
