"""Where catalogues of metrics come from: a saved /metrics page, the profiles, a live Prometheus, the bundled files."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

from vitals.errors import VitalsError
from vitals.lint.catalogue import Catalogue, Known, Metric, MetricType, Several

if TYPE_CHECKING:
    from vitals import page
    from vitals.recording import Profiles

TYPES: dict[str, MetricType] = {"counter": "counter", "gauge": "gauge", "histogram": "histogram", "summary": "summary",
                                "gaugehistogram": "histogram", "info": "gauge", "stateset": "gauge"}
PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
# What a target or the server adds: no exporter's own.
TARGET = frozenset({"job", "instance", "__name__", "profile"})
TIMEOUT_SECONDS = 10.0
BUDGET_SECONDS = 30.0  # for all that one run asks of a Prometheus
MAX_BYTES = 64 << 20


def gather(files: Iterable[str | Path] = (), prometheus: str | None = None, profiles: Profiles | None = None,
           bundled: bool = True) -> Catalogue:
    """Everything there is to know as one catalogue, the most certain first. Raises VitalsError."""
    found: list[Catalogue] = []
    if prometheus:
        found.append(Live(prometheus))
    found += [from_page(str(file)) for file in files]
    if profiles:
        found.append(from_profiles(profiles))
    if bundled:
        from vitals.lint.bundled import Bundled
        found.append(Bundled())
    return Several(found)


def family(name: str, type_: MetricType, labels: frozenset[str] | None = None, buckets: tuple[float, ...] | None = None,
           help_: str = "") -> list[Metric]:
    """A metric and, for a histogram or a summary, the series it consists of."""
    return [Metric(name, type_, labels, buckets, unit(name), help_),
            *(Metric(name + part, "counter", labels, buckets, unit(name) if part == "_sum" else None, help_)
              for part in PARTS.get(type_, ()))]


def unit(name: str) -> str | None:
    """``…_seconds_total`` → seconds; None: its name does not tell."""
    found = re.search(r"_(seconds|bytes|ratio|celsius|volts|amperes|joules|watts|hertz|meters|percent|milliseconds|"
                      r"microseconds|usd)(?:_total|_sum|_bucket)?$", name)
    return found[1] if found else None


# --- a /metrics page ---------------------------------------------------------------------------------------


def from_page(address: str) -> Known:
    """A saved /metrics page, or one fetched from an address, in either text format. Raises VitalsError.

    It knows everything of the namespaces (``agent_``) it has two metrics of or more.
    """
    from vitals import page

    return of_page(page.read(address))


def of_page(found: page.Page) -> Known:
    metrics: dict[str, Metric] = {}
    for metric in found.metrics.values():
        type_ = TYPES.get(metric.type, "unknown")
        labels = frozenset(metric.labels) - TARGET - {"le", "quantile"} if metric.series else None
        buckets = tuple(float(bound) for bound in sorted(metric.bounds)) or None
        names = {metric.name} if type_ in PARTS or not metric.seen else metric.seen
        if type_ == "counter" and not metric.series:
            names = {metric.name, metric.name.removesuffix("_total") + "_total"}
        for name in names:
            metrics |= {made.name: made for made in family(name, type_, labels, buckets)}
    spaces = [name[:name.find("_") + 1] for name in found.metrics]
    return Known(metrics.values(), sorted({space for space in spaces if space and spaces.count(space) > 1}))


# --- the profiles ------------------------------------------------------------------------------------------


def from_profiles(profiles: Profiles) -> Known:
    """What the profiles say of the metrics they read; an app may well have others."""
    from vitals.signals import SIGNALS

    metrics: dict[str, Metric] = {}
    for profile, _ in profiles.values():
        for signal, feed in profile.signals.items():
            kind = TYPES.get(SIGNALS[signal].kind, "unknown")
            for source in feed.metrics():
                buckets = tuple(float(bound) for bound in getattr(feed, "buckets", None) or ()) or None
                for made in family(source.metric, kind, None, buckets):
                    metrics.setdefault(made.name, made)
    return Known(metrics.values())


# --- a live Prometheus -------------------------------------------------------------------------------------


class Live:
    """A Prometheus that is asked: names and types at once, a metric's labels and buckets when it is met.

    It knows every metric there is: what it has no series of in the last hours does not exist. Raises VitalsError when
    it does not answer; later, when its time is used up, it merely knows less.
    """

    def __init__(self, address: str, timeout: float = TIMEOUT_SECONDS) -> None:
        url = urlsplit(address if "://" in address else f"http://{address}")
        if url.scheme not in ("http", "https") or not url.hostname:
            raise VitalsError(f"{address}: no address of a Prometheus, such as http://127.0.0.1:9090")
        self.address = f"{url.scheme}://{url.netloc}{url.path}".rstrip("/")
        self.timeout = timeout
        self._until = time.monotonic() + BUDGET_SECONDS
        self._names = frozenset(self._ask("/api/v1/label/__name__/values"))
        self._types = self._metadata()
        self._target = TARGET | self._target_labels()
        self._met: dict[str, Metric | None] = {}

    def metric(self, name: str) -> Metric | None:
        if name not in self._met:
            self._met[name] = self._look(name)
        return self._met[name]

    def knows_prefix(self, name: str) -> bool:
        return bool(self._names)

    def renamed(self, name: str) -> str | None:
        return None

    def lost_label(self, name: str, label: str) -> str | None:
        return None

    def _look(self, name: str) -> Metric | None:
        base = next((name.removesuffix(part) for part in ("_bucket", "_sum", "_count")
                     if name.endswith(part) and self._types.get(name.removesuffix(part)) in PARTS), name)
        type_ = self._types.get(base, self._types.get(base.removesuffix("_total"), "unknown"))
        shown = next((text for text in (name, f"{name}_bucket", f"{name}_count") if text in self._names), None)
        if shown is None:
            return None
        labels = self._try("/api/v1/labels", {"match[]": shown})
        buckets = None
        if f"{base}_bucket" in self._names:
            type_ = "histogram" if base == name else type_
            bounds = self._try("/api/v1/label/le/values", {"match[]": f"{base}_bucket"}) or ()
            buckets = tuple(sorted(float(bound) for bound in bounds if bound not in ("+Inf", "Inf"))) or None
        own = None if labels is None else frozenset(labels) - self._target - {"le", "quantile"}
        return Metric(name, "counter" if base != name else type_, own, buckets, unit(base))

    def _metadata(self) -> dict[str, MetricType]:
        found = self._ask("/api/v1/metadata", {"limit_per_metric": "1"})
        return {name: TYPES.get(entries[0].get("type", ""), "unknown") for name, entries in found.items() if entries}

    def _target_labels(self) -> frozenset[str]:
        found = self._try("/api/v1/targets", {"state": "active"})
        targets = found.get("activeTargets", []) if isinstance(found, dict) else []
        return frozenset(label for target in targets for label in target.get("labels", {}))

    def _try(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The answer, or None when there is none or the time is used up."""
        if time.monotonic() > self._until:
            return None
        try:
            return self._ask(path, query)
        except VitalsError:
            return None

    def _ask(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        url = self.address + quote(path) + (f"?{urlencode(query)}" if query else "")
        try:
            request = Request(url, headers={"Accept": "application/json", "User-Agent": "agent-vitals-lint"})
            with urlopen(request, timeout=self.timeout) as response:
                body = response.read(MAX_BYTES + 1)
        except HTTPError as err:
            raise VitalsError(f"{url} answers {err.code}; is this the address of a Prometheus?") from err
        except TimeoutError as err:
            raise VitalsError(f"{url} did not answer within {self.timeout:g} s") from err
        except (URLError, HTTPException, OSError, ValueError) as err:
            reason = getattr(err, "reason", err)
            raise VitalsError(f"{self.address} does not answer: {getattr(reason, 'strerror', None) or reason}") from err
        if len(body) > MAX_BYTES:
            raise VitalsError(f"{url}: the answer is larger than {MAX_BYTES >> 20} MiB")
        try:
            answer = json.loads(body)
            if answer["status"] != "success":
                raise VitalsError(f"{url}: {answer.get('error', 'no success')}")
            return answer["data"]
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise VitalsError(f"{url} does not answer as a Prometheus does") from err
