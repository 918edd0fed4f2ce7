"""What is known of metrics: types, labels, buckets. Readers make catalogues; checks ask them; silence means unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
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

    def renamed(self, name: str) -> str | None:
        """What took the place of a metric that is no longer exposed (empty: nothing); None: not known to be gone."""
        ...

    def lost_label(self, name: str, label: str) -> str | None:
        """The same for a label of a metric."""
        ...


class Known:
    """A catalogue held in memory. ``complete`` are the prefixes (``node_``) it knows every metric of."""

    def __init__(self, metrics: Iterable[Metric] = (), complete: Iterable[str] = (),
                 renamed: Mapping[str, str] | None = None,
                 lost: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._metrics = {metric.name: metric for metric in metrics}
        self._complete = tuple(complete)
        self._renamed = renamed or {}
        self._lost = lost or {}

    def metric(self, name: str) -> Metric | None:
        return self._metrics.get(name)

    def knows_prefix(self, name: str) -> bool:
        return bool(self._complete) and name.startswith(self._complete)

    def renamed(self, name: str) -> str | None:
        return self._renamed.get(name)

    def lost_label(self, name: str, label: str) -> str | None:
        return self._lost.get(name, {}).get(label)


class Several:
    """Several catalogues as one; the first that knows a metric has the word."""

    def __init__(self, catalogues: Iterable[Catalogue]) -> None:
        self._catalogues = tuple(catalogues)

    def metric(self, name: str) -> Metric | None:
        return next((found for c in self._catalogues if (found := c.metric(name))), None)

    def knows_prefix(self, name: str) -> bool:
        return any(c.knows_prefix(name) for c in self._catalogues)

    def renamed(self, name: str) -> str | None:
        return next((found for c in self._catalogues if (found := c.renamed(name)) is not None), None)

    def lost_label(self, name: str, label: str) -> str | None:
        return next((found for c in self._catalogues if (found := c.lost_label(name, label)) is not None), None)


class Remembered:
    """Another catalogue, asked once for each name."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.metric = cache(catalogue.metric)
        self.knows_prefix = cache(catalogue.knows_prefix)
        self.renamed = cache(catalogue.renamed)
        self.lost_label = cache(catalogue.lost_label)


EMPTY = Known()
