"""What is known of metrics: types, labels, buckets. Readers make catalogues; checks ask them; silence means unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

MetricType = Literal["counter", "gauge", "histogram", "summary", "unknown"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family or series name, as a query names it: a classic histogram is known under its own name and under
    ``_bucket``, ``_sum`` and ``_count`` (type counter), a summary likewise."""

    name: str
    type: MetricType = "unknown"
    # The exporter's own labels, without those a target or the server adds (job, instance, …); None: unknown.
    labels: frozenset[str] | None = None
    buckets: tuple[float, ...] | None = None  # finite bounds, rising; None: unknown
    unit: str | None = None  # bytes, seconds, ratio, …
    help: str = ""


class Catalogue(Protocol):
    def metric(self, name: str) -> Metric | None:
        """What is known of the series with this name; None: nothing."""
        ...

    def knows_prefix(self, name: str) -> bool:
        """True: this catalogue knows every metric of the name's namespace, so one it does not know does not exist."""
        ...


class Known:
    """A catalogue held in memory. ``complete`` are the prefixes (``node_``) it knows every metric of."""

    def __init__(self, metrics: Iterable[Metric] = (), complete: Iterable[str] = ()) -> None:
        self._metrics = {metric.name: metric for metric in metrics}
        self._complete = tuple(complete)

    def metric(self, name: str) -> Metric | None:
        return self._metrics.get(name)

    def knows_prefix(self, name: str) -> bool:
        return bool(self._complete) and name.startswith(self._complete)


class Several:
    """Several catalogues as one; the first that knows a metric has the word."""

    def __init__(self, catalogues: Iterable[Catalogue]) -> None:
        self._catalogues = tuple(catalogues)

    def metric(self, name: str) -> Metric | None:
        return next((found for c in self._catalogues if (found := c.metric(name))), None)

    def knows_prefix(self, name: str) -> bool:
        return any(c.knows_prefix(name) for c in self._catalogues)


EMPTY = Known()
