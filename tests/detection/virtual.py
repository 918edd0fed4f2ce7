"""The demo in virtual time: what a scrape of each app, its probe and the log reader would bring, as a recording."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import re2
from vitals_demo.simulation import App, Simulation

from vitals import logs, settings
from vitals.simulate import Key, Recording

SEED = 7
OTHERS = {"prometheus": "127.0.0.1:9090", "mtail": "127.0.0.1:3903"}  # what else answers its scrapes


@dataclass(frozen=True)
class Gap:
    """Seconds since the beginning in which nothing is scraped, as when Prometheus itself is restarted."""

    start: float
    end: float


@dataclass(frozen=True)
class Deploy:
    """A new process: gone at ``start``, back ``seconds`` later with its counters at zero."""

    start: float
    seconds: float


@dataclass
class Day:
    """What happens to one app beside its usual traffic, in seconds since the beginning."""

    faults: list[tuple[str, float, float]] = field(default_factory=list)  # (name, from, seconds)
    deploys: list[Deploy] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    skew: float = 0  # by which the app's own clock is ahead


def record(job: str, begin: float, length: float, step: int, day: Day | None = None,
           change: Callable[[App], None] | None = None, name: str = "") -> Recording:
    """One app from ``begin`` (Unix seconds) for ``length`` seconds, scraped every ``step`` seconds.

    ``change`` is called before every step and may change the app: its load, for one. ``name`` is the job's, if not
    the app's own: many lives of one app stand side by side in one recording.
    """
    name = name or job
    day = day or Day()
    written = Written(name, job)
    simulation = Simulation(SEED, begin + day.skew - step, (job,), written)
    app = simulation.apps[job]
    waiting = sorted(day.faults, key=lambda fault: fault[1])
    deploys = sorted(day.deploys, key=lambda deploy: deploy.start)
    samples = _Samples(int(length // step) + 1)
    place = {"job": name, "profile": job, "instance": "127.0.0.1:9400"}
    probe = {"job": name, "profile": "probe", "instance": f"http://127.0.0.1:9400/apps/{job}/health/live"}
    for i in range(samples.length):
        at = i * step
        if change:
            change(app)
        simulation.advance(begin + day.skew + at)
        while waiting and waiting[0][1] <= at:
            fault, _, seconds = waiting.pop(0)
            simulation.inject(fault, job, seconds / 60)
        down = any(deploy.start <= at < deploy.start + deploy.seconds for deploy in deploys)
        if deploys and at >= deploys[0].start + deploys[0].seconds:
            deploys.pop(0)
            app.restart()
        for other, instance in OTHERS.items():
            samples.add(i, "up", {"job": other, "profile": other, "instance": instance}, 1)
        if any(gap.start <= at < gap.end for gap in day.gaps):
            samples.skipped.add(i)
            continue
        alive = app.alive and not down
        samples.add(i, "up", place, alive)
        samples.add(i, "up", probe, 1)
        samples.add(i, "probe_success", probe, alive)
        samples.add(i, "probe_duration_seconds", probe, 0.01)
        if alive:
            for family in app.registry.collect():
                for sample in family.samples:
                    samples.add(i, sample.name, sample.labels, sample.value, place)
        for (metric, labels), count in written.counts.items():
            samples.add(i, metric, dict(labels), count, written.place)
    return Recording(begin, step, samples.length, dict(samples.written()))


def together(recordings: Iterable[Recording]) -> Recording:
    """Recordings of the same time, as one."""
    found = list(recordings)
    values = {key: text for recording in found for key, text in recording.values.items()}
    return Recording(found[0].begin, found[0].step, found[0].length, values)


class _Samples:
    """Values by series, one for each scrape."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.skipped: set[int] = set()  # scrapes that nobody made
        self._keys: dict[Any, list[tuple[int, float]]] = {}
        self._series: dict[Any, Key] = {}

    def add(self, i: int, name: str, labels: dict[str, str], value: float, more: dict[str, str] | None = None) -> None:
        known = (name, *labels.values())
        found = self._keys.get(known)
        if found is None:
            full = {k: v for k, v in {**labels, **(more or {})}.items() if v != ""}
            self._series[known] = (name, tuple(sorted(full.items())))
            found = self._keys[known] = []
        found.append((i, value))

    def written(self) -> Iterator[tuple[Key, str]]:
        for known, samples in self._keys.items():
            yield self._series[known], " ".join(self._runs(samples))

    def _runs(self, samples: list[tuple[int, float]]) -> Iterator[str]:
        """``5+0x2`` for 5 three times. A scrape without the series ends it, as a mark of Prometheus would."""
        texts = ["_"] * self.length
        for i, value in samples:
            texts[i] = f"{value:.12g}"
        for (i, _), (following, _) in zip(samples, [*samples[1:], (self.length, 0)], strict=True):
            missed = next((j for j in range(i + 1, following) if j not in self.skipped), None)
            if missed is not None:
                texts[missed] = "stale"
        for text, run in groupby(texts):
            n = len(list(run))
            if n == 1:
                yield text
            elif text == "_":
                yield f"_x{n}"
            else:
                yield f"{text}+0x{n - 1}"


class Written:
    """What the log reader counts in an app's lines. (That it counts so is tested in tests/unit/test_logs.py.)"""

    def __init__(self, job: str, profile: str) -> None:
        self.place = {"job": job, "profile": profile, "instance": "mtail:3903"}
        self.counts: dict[Key, int] = {}
        self.patterns = [one.pattern for one in logs.patterns(settings.load()).common]
        self.regexes = [re2.compile(pattern.regex) for pattern in self.patterns]

    def __call__(self, line: dict[str, Any]) -> None:
        level = str(line.get("level", line.get("levelname"))).lower()
        if not self.counts:
            for other in logs.LEVELS:
                self._add("app_log_lines_total", False, ("level", other))
            self._add("app_log_plain_lines_total", False)
            for pattern in self.patterns:
                self._add("app_log_pattern_matches_total", False, ("pattern", pattern.name))
        self._add("app_log_lines_total", level in logs.LEVELS, ("level", level))
        text = ""
        for pattern, regex in zip(self.patterns, self.regexes, strict=True):
            if pattern.lines == "all" or level not in ("info", "debug"):
                text = text or json.dumps(line, ensure_ascii=False)
                self._add("app_log_pattern_matches_total", bool(regex.search(text)), ("pattern", pattern.name))

    def _add(self, name: str, one: bool, *labels: tuple[str, str]) -> None:
        self.counts[name, labels] = self.counts.get((name, labels), 0) + one
