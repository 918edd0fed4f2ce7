"""Eight apps living on one clock that the caller moves.

``Simulation(seed, start).advance(to)`` lets everything happen that happens until ``to``. The same seed and the same
steps give the same numbers; the number of events is drawn once per flow and step, so a week passes in seconds.
"""

from __future__ import annotations

import math
import random
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from vitals_demo import logs
from vitals_demo.apps import ALL, FAKES
from vitals_demo.faults import FAULTS, Fault
from vitals_demo.metrics import Spread, Store, Value, counter, gauge
from vitals_demo.model import Amount, AppSpec, Bins, Case, Count, Emit, Flow, Level, Observe, When
from vitals_demo.rhythm import load, wave

MAX_STEP = 600.0  # seconds; longer steps are divided, so that the rhythm of the day is followed
MAX_MEMORY = 7e9

PROCESS_METRICS = (
    gauge("process_resident_memory_bytes", "Resident memory size in bytes."),
    counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds."),
    gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds."),
)

LogSink = Callable[[dict[str, Any]], None]


def poisson(mean: float, rng: random.Random) -> int:
    if mean > 12:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, n = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        n += 1
    return n


def part(n: int, share: float, rng: random.Random) -> int:
    """About ``share`` of ``n``, right on average even where it is far below one."""
    return int(n * share + rng.random())


def spread_over(n: int, cumulated: Sequence[float], rng: random.Random) -> list[tuple[int, int]]:
    """``n`` events over bins with these cumulated shares: (bin, events), empty bins left out. Exact on average."""
    u = rng.random()
    if n == 1:
        return [(min(bisect_right(cumulated, u), len(cumulated) - 1), 1)]
    found, before = [], 0
    for i, share in enumerate(cumulated):
        upto = int(n * share + u)
        if upto > before:
            found.append((i, upto - before))
            before = upto
    return found


class _Target:
    """One emit of one case, its labels resolved and its children made."""

    def __init__(self, store: Store, emit: Emit, case: Case) -> None:
        self.when: When = emit.when
        self.share = emit.share
        total, sofar = sum(m.weight for m in emit.mix), 0.0
        self.cumulated: list[float] = []
        labels = []
        for m in emit.mix:
            sofar += m.weight / total
            self.cumulated.append(sofar)
            labels.append({**case.labels, **emit.labels, **m.labels})
        self.cumulated[-1] = 1.0
        self.make(store, emit, case, labels)

    def make(self, store: Store, emit: Emit, case: Case, labels: list[dict[str, str]]) -> None:
        raise NotImplementedError

    def add(self, which: int, n: int, knob: Callable[[str], float], rng: random.Random) -> None:
        raise NotImplementedError

    def happen(self, n: int, knob: Callable[[str], float], rng: random.Random) -> None:
        if self.share < 1:
            n = part(n, self.share, rng)
        if n <= 0:
            return
        if len(self.cumulated) == 1:
            self.add(0, n, knob, rng)
        else:
            for which, some in spread_over(n, self.cumulated, rng):
                self.add(which, some, knob, rng)


class _Counted(_Target):
    def make(self, store: Store, emit: Emit, case: Case, labels: list[dict[str, str]]) -> None:
        self.children = [store.value(emit.metric, each) for each in labels]

    def add(self, which: int, n: int, knob: Callable[[str], float], rng: random.Random) -> None:
        self.children[which].value += n


class _Summed(_Target):
    def make(self, store: Store, emit: Emit, case: Case, labels: list[dict[str, str]]) -> None:
        assert isinstance(emit, Amount)
        self.children = [store.value(emit.metric, each) for each in labels]
        self.mean, self.whole, self.scaled_by = emit.mean, emit.whole, emit.scaled_by

    def add(self, which: int, n: int, knob: Callable[[str], float], rng: random.Random) -> None:
        amount = n * self.mean * knob(self.scaled_by) * max(0.1, rng.gauss(1, 0.35 / math.sqrt(n)))
        self.children[which].value += round(amount) if self.whole else amount


class _Observed(_Target):
    def make(self, store: Store, emit: Emit, case: Case, labels: list[dict[str, str]]) -> None:
        assert isinstance(emit, Observe)
        self.children: list[Spread] = [store.spread(emit.metric, each) for each in labels]
        self.bounds = store.metrics[emit.metric].buckets
        self.shape, self.scale, self.scaled_by = emit.shape, case.scale, emit.scaled_by
        self.bins: dict[float, Bins] = {}

    def add(self, which: int, n: int, knob: Callable[[str], float], rng: random.Random) -> None:
        scale = self.scale * knob(self.scaled_by) if self.scaled_by else 1.0
        bins = self.bins.get(scale)
        if bins is None:
            bins = self.bins[scale] = self.shape.bins(self.bounds, scale)
        cumulated, means = bins
        child = self.children[which]
        for i, some in spread_over(n, cumulated, rng):
            child.counts[i] += some
            child.sum += some * means[i]


_TARGETS: dict[type[Emit], type[_Target]] = {Count: _Counted, Amount: _Summed, Observe: _Observed}


class _Running:
    """A flow with its targets made."""

    def __init__(self, store: Store, flow: Flow) -> None:
        self.flow = flow
        total = sum(case.weight for case in flow.cases)
        self.cases = [(flow.rate * case.weight / total, [_TARGETS[type(e)](store, e, case) for e in flow.emits])
                      for case in flow.cases]

    def happen(self, app: App, seconds: float, busy: float, drift: float) -> int:
        """What happens in ``seconds`` at this load; returns how many events failed."""
        kind, rng = self.flow.kind, app.rng
        knobs = app.knobs
        rate = busy * seconds * knobs.get(f"{kind}.rate", 1.0)
        failure = max(self.flow.failure, knobs.get(f"{kind}.failure", 0.0))

        def knob(aspect: str) -> float:
            return knobs.get(f"{kind}.{aspect}", 1.0) * (drift if aspect == "latency" else 1.0)

        failures = 0
        for peak, targets in self.cases:
            n = poisson(peak * rate, rng)
            if not n:
                continue
            failed = part(n, failure, rng) if failure else 0
            failures += failed
            counts = {"all": n, "ok": n - failed, "error": failed}
            for target in targets:
                if counts[target.when]:
                    target.happen(counts[target.when], knob, rng)
        return failures


@dataclass(frozen=True)
class Active:
    """A fault at work, from ``since`` until ``until`` (Unix seconds)."""

    fault: Fault
    job: str
    since: float
    until: float


class App:
    """One app: its numbers, its registry, and what is wrong with it."""

    def __init__(self, spec: AppSpec, seed: int, start: float) -> None:
        self.spec = spec
        self.rng = random.Random(f"{seed}:{spec.name}")
        self.log_rng = random.Random(f"{seed}:{spec.name}:logs")  # the numbers do not depend on what is written
        self.now = start
        self.seconds = 0.0  # of the step that is being taken
        self.knobs: dict[str, float] = {}
        self.causes: tuple[str, ...] = ()  # what faults make its error lines say
        self.store = Store((*spec.metrics, *PROCESS_METRICS))
        self.registry = CollectorRegistry()
        self.registry.register(self.store)
        self._since: dict[str, float] = {}
        self._flows = [_Running(self.store, flow) for flow in spec.flows]
        self._memory: list[Value] = [self.store.value(name, {}) for name in
                                     ("process_resident_memory_bytes", spec.memory_metric) if name]
        self._cpu = self.store.value("process_cpu_seconds_total", {})
        self._started = self.store.value("process_start_time_seconds", {})
        self.restart()

    @property
    def alive(self) -> bool:
        return self.knobs.get("process.shift", 0.0) >= 0

    @property
    def load(self) -> float:
        return load(self.now, self.spec.busiest_hour)

    def age(self, kind: str) -> float:
        """For how many seconds a fault has been changing this kind of thing; 0 when none does."""
        return self.now - self._since[kind] if kind in self._since else 0.0

    def set(self, metric: str, value: float, **labels: str) -> None:
        self.store.value(metric, labels).value = value

    def add(self, metric: str, value: float, **labels: str) -> None:
        self.store.value(metric, labels).value += value

    def restart(self) -> None:
        """A new process: everything from zero."""
        self.store.reset()
        self._started.value = self.now
        self._set_levels()

    def apply(self, faults: Iterable[Active]) -> None:
        """Take over the changes of the faults now active on this app."""
        was_alive = self.alive
        self.knobs, self._since, self.causes = {}, {}, ()
        for active in faults:
            self.causes += active.fault.causes
            for knob, value in active.fault.changes_for(self.spec.name).items():
                kind, aspect = knob.rsplit(".", 1)
                before = self.knobs.get(knob)
                if before is None:
                    self.knobs[knob] = value
                else:
                    self.knobs[knob] = {"failure": max(before, value), "shift": before + value}.get(
                        aspect, before * value)
                self._since[kind] = min(active.since, self._since.get(kind, active.since))
        if self.alive and not was_alive:
            self.restart()

    def advance(self, to: float, sink: LogSink | None) -> None:
        self.seconds = to - self.now
        middle = self.now + self.seconds / 2
        self.now = to
        if not self.alive:
            return
        busy = load(middle, self.spec.busiest_hour)
        drift = round(1 + 0.1 * wave(middle, self.spec.busiest_hour + 1), 2)
        failed: dict[str, int] = {}
        for running in self._flows:
            failures = running.happen(self, self.seconds, busy, drift)
            if failures:
                failed[running.flow.kind] = failed.get(running.flow.kind, 0) + failures
        self._cpu.value += self.seconds * (0.05 + 0.25 * busy)
        self._set_levels()
        if sink:
            rate = self.knobs.get("logs.rate", 1.0)
            for line in logs.lines(self.spec, to, self.seconds, busy, failed, self.log_rng, rate, self.causes):
                sink(line)

    def _set_levels(self) -> None:
        grown = self.knobs.get("memory.shift", 0.0) * self.age("memory")
        base = self.spec.memory_bytes * (0.9 + 0.1 * self.load + 0.03 * wave(self.now, 4))
        for memory in self._memory:
            memory.value = round(min(MAX_MEMORY, base + grown))
        for i, level in enumerate(self.spec.levels):
            self.set(level.metric, self._level(level, i), **level.labels)
        for step in self.spec.steps:
            step(self)

    def _level(self, level: Level, phase: int) -> float:
        value = level.value * (1 + level.noise * wave(self.now, 1 + phase)) * (self.load if level.rhythm else 1)
        value = value * self.knobs.get(f"{level.kind}.level", 1.0) + self.knobs.get(f"{level.kind}.shift", 0.0)
        return float(round(value)) if level.whole else value


class Simulation:
    """All apps and the faults upon them. Safe to use from several threads."""

    def __init__(self, seed: int, start: float, jobs: Sequence[str] = tuple(ALL), sink: LogSink | None = None) -> None:
        self.now = start
        self.apps: Mapping[str, App] = {job: App((ALL | FAKES)[job], seed, start) for job in jobs}
        self.lock = threading.RLock()
        self._sink = sink
        self._active: list[Active] = []

    def advance(self, to: float) -> None:
        """Let time pass until ``to`` (Unix seconds). A clock that stands still or goes back changes nothing."""
        with self.lock:
            while self.now < to:
                ends = [active.until for active in self._active if active.until > self.now]
                self.now = min(to, self.now + MAX_STEP, *ends)
                for app in self.apps.values():
                    app.advance(self.now, self._sink)
                if any(active.until <= self.now for active in self._active):
                    self._change([active for active in self._active if active.until > self.now])

    def inject(self, fault: str, job: str, minutes: float) -> Active:
        """Break ``job`` from now on; the same fault on the same job begins anew. Names are checked by the caller."""
        with self.lock:
            active = Active(FAULTS[fault], job, self.now, self.now + minutes * 60)
            others = [a for a in self._active if (a.fault.name, a.job) != (fault, job)]
            self._change([*others, active])
            return active

    def heal(self, job: str | None = None, fault: str | None = None) -> int:
        """End the faults of this job and name (None: any); returns how many there were."""
        with self.lock:
            kept = [a for a in self._active if (job and a.job != job) or (fault and a.fault.name != fault)]
            healed = len(self._active) - len(kept)
            self._change(kept)
            return healed

    def active(self) -> list[Active]:
        with self.lock:
            return list(self._active)

    def _change(self, active: list[Active]) -> None:
        self._active = active
        for job, app in self.apps.items():
            app.apply(a for a in active if a.job == job)
