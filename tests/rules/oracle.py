"""What every recorded series of a profile must be, worked out from the profile and the signals, without PromQL.

Raw metrics are made up for everything a profile names: series of two instances, every value that its maps know, and
some that they do not want. From the same numbers this module says what must come out. It shares the tables of
signals with the rules, and none of their code.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from vitals.settings import Feed, Profile, Relabel, Settings, Source
from vitals.signals import QUANTILES, RATIOS, SIGNALS, THRESHOLDS, TRAFFIC, WINDOWS, Part, Ratio, Signal, series
from vitals.slo import Slo

JOB = "shop"
PRICE = "model_type:llm_price_usd_per_token:info"
Labels = frozenset[tuple[str, str]]  # without job and profile
Vector = dict[Labels, float]
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
AGGREGATIONS: dict[str, Callable[[list[float]], float]] = {
    "sum": sum, "max": max, "min": min, "avg": lambda values: sum(values) / len(values)}
MOST_SERIES = 12  # of one metric, and some more where that leaves a value out


# --- raw metrics ------------------------------------------------------------------------------------------


@dataclass
class Metric:
    """A metric as an app exposes it: its kind, and for each label the values it shall have."""

    kind: str
    labels: dict[str, list[str]] = field(default_factory=dict)
    bounds: list[Decimal] = field(default_factory=list)

    def want(self, label: str, *values: str) -> None:
        known = self.labels.setdefault(label, [])
        known += [value for value in values if value not in known]


@dataclass
class World:
    """Samples: a name with its suffix → labels → what it grows by in a second (counters) or is (gauges)."""

    samples: dict[str, Vector]
    gauges: set[str]
    given: dict[str, Vector]  # detail of signals that an expression feeds: put in instead of it


def world(profile: Profile, feeds: dict[str, Feed], seed: int) -> World:
    """Everything, for seed 0. For 1 nothing fails, hits or earns: no share's numerator counts. For 2 some is missing:
    also what is subtracted from others, which themselves are there."""
    metrics = _metrics(feeds)
    rng = random.Random(f"{profile.profile} {seed}")
    made = World({}, set(), {})
    less = {source.minus for feed in feeds.values() for source in feed.metrics()}
    for name, metric in sorted(metrics.items()):
        uses = [(key, source) for key, feed in feeds.items() for source in feed.metrics()
                if name in (source.metric, _base(source.metric))]
        absent = seed == 2 and (name in less or any(key in SECOND for key, _ in uses)
                                or rng.random() < 0.35 and not any(source.minus for _, source in uses))
        for labels in combinations(metric.labels, rng):
            if not absent and not (seed == 1 and any(_counts(key, _canonical(labels, source, None)) for key, source in uses)):
                _fill(made, name, metric, labels, rng)
    for name, feed in feeds.items():
        if feed.expr:
            signal = SIGNALS[name]
            kept = [label for label in signal.labels if label in {*feed.labels, *feed.set}]
            labels = {label: ["success", "error"] if label == "outcome" else [f"{label}-a", f"{label}-b"] for label in kept}
            made.given[series(signal.labels, name, "rate5m" if signal.kind == "counter" else "current")] = {
                combination: rng.randint(1, 900) / 8 for combination in combinations(labels, rng)
                if not (seed == 1 and _counts(name, combination) or seed == 2 and name in SECOND)}
    return made


# What shares divide by with something else, and what counts in a share's numerator, whole or in part. (What tokens cost
# is worked out only where there are some.)
SECOND = {name for ratio in RATIOS.values() for name in ratio.den[1:]}
PARTS = {ratio.num.signal: ratio.num.match for ratio in RATIOS.values() if ratio.num.name}
WHOLE = {ratio.num.signal for ratio in RATIOS.values() if not ratio.num.name} - {"llm_tokens"}


def _counts(name: str, labels: Labels) -> bool:
    if match := PARTS.get(name):
        return {label for label, _, _ in MATCHER.findall(match)} <= dict(labels).keys() and _matches(labels, match)
    return name in WHOLE


def _base(metric: str) -> str:
    return re.sub("_(count|sum|bucket)$", "", metric)


def _metrics(feeds: dict[str, Feed]) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    uses = [(SIGNALS[name], feed, source) for name, feed in feeds.items() for source in feed.metrics()]
    uses.sort(key=lambda use: use[0].kind not in ("histogram", "summary"))  # their parts may be counters elsewhere
    for i, (signal, feed, source) in enumerate(uses):
        for metric in filter(None, (source.metric, source.minus)):
            base = _base(metric)
            one = found[base] if base in found else found.setdefault(metric, Metric(signal.kind))
            if feed.buckets:
                one.bounds = feed.buckets
            one.want("instance", "one:80", "two:80")
            for name, operator, value in MATCHER.findall(source.match):
                one.want(name, *examples(operator, value))
            for name, operator, value in MATCHER.findall(PARTS.get(signal.name, "")):
                if isinstance(label := source.labels.get(name), str):
                    one.want(label, *examples(operator, value))
            for canonical, value in source.labels.items():
                label = value.source if isinstance(value, Relabel) else value
                if isinstance(value, Relabel):
                    one.want(label, *(_example(pattern) for pattern in value.values), "success")
                if canonical == "type":
                    one.want(label, "input", "output")
                if "code" in label or label == "status":
                    one.want(label, "200", "404", "503")
                one.want(label, f"{label}-a", f"{label}-{i}")
    return found


def _example(pattern: str) -> str:
    """A text that a pattern of a profile matches."""
    text = next((part for part in pattern.split("|") if part), "")
    text = re.sub(r"\[(.)[^]]*\]", lambda one: "\0" if one[1] == "." else one[1], text)
    text = text.replace("(", "").replace(")", "")
    text = text.replace(".*", "x").replace(".+", "x").replace(".", "0").replace("\0", ".")
    assert re.fullmatch(pattern, text), f"no example for {pattern}"
    return text


def examples(operator: str, value: str) -> list[str]:
    """One that a matcher takes, one that it does not."""
    match operator:
        case "=" | "!=":
            return [value, "another"]
        case _:
            return [_example(value), "another"]


def combinations(labels: dict[str, list[str]], rng: random.Random) -> list[Labels]:
    every = [frozenset(zip(labels, values, strict=True)) for values in itertools.product(*labels.values())]
    if len(every) <= MOST_SERIES:
        return every
    chosen = rng.sample(every, MOST_SERIES)
    missing = [(k, v) for k, values in labels.items() for v in values if not any((k, v) in one for one in chosen)]
    return chosen + [next(one for one in every if pair in one) for pair in missing if pair[1]]


def _fill(made: World, name: str, metric: Metric, labels: Labels, rng: random.Random) -> None:
    labels = frozenset((k, v) for k, v in labels if v)

    def grow(suffix: str, rate: float, *more: tuple[str, str]) -> None:
        made.samples.setdefault(name + suffix, {})[labels | {*more}] = rate

    if metric.kind == "gauge":
        made.gauges.add(name)
        grow("", rng.randint(1, 999))
    elif metric.kind == "counter":
        grow("", rng.randint(1, 60) / 4)
    else:
        grow("_sum", rng.randint(1, 4000) / 8)
        total = 0.0
        for bound in metric.bounds:
            total += rng.randint(0, 8) / 4
            grow("_bucket", total, ("le", _text(bound)))
        total += rng.randint(1, 4) / 4
        grow("_count", total)
        if metric.bounds:
            grow("_bucket", total, ("le", "+Inf"))


def _text(number: Decimal) -> str:
    return format(number.normalize(), "f")


# --- from raw metrics to signals --------------------------------------------------------------------------


def by(vector: Vector, labels: Iterable[str], how: str = "sum") -> Vector:
    groups: dict[Labels, list[float]] = {}
    wanted = {*labels}
    for key, value in vector.items():
        groups.setdefault(frozenset(pair for pair in key if pair[0] in wanted), []).append(value)
    return {key: AGGREGATIONS[how](values) for key, values in groups.items()}


def _matches(labels: Labels, match: str) -> bool:
    here = dict(labels)
    for name, operator, value in MATCHER.findall(match):
        got = here.get(name, "")
        hit = bool(re.fullmatch(value, got)) if "~" in operator else got == value
        if hit == operator.startswith("!"):
            return False
    return True


def _canonical(labels: Labels, source: Source, scaled: dict[str, str] | None) -> Labels:
    here, found = dict(labels), dict(source.set)
    for label, value in source.labels.items():
        if isinstance(value, Relabel):
            given = text = here.get(value.source, "")
            for pattern, meaning in value.values.items():
                if found_here := re.fullmatch(pattern, given):
                    text = re.sub(r"\$\{?(\d)\}?", lambda group, of=found_here: of[int(group[1])], meaning)  # type: ignore[misc]
        else:
            text = here.get(value, "")
        if text:
            found[label] = text
    if scaled is not None:
        found["le"] = scaled.get(here["le"], here["le"])
    return frozenset(found.items())


def _detail(made: World, signal: Signal, feed: Feed, suffix: str = "") -> Vector:
    """The signal with all its labels. What two sources say of the same thing is said once, by the first."""
    if feed.expr:
        return dict(next((v for k, v in made.given.items() if k.split(":")[1] == signal.name), {}))
    scaled = {_text(b): _text(b * feed.scale) for b in feed.buckets} if suffix == "_bucket" else None
    factor = 1.0 if suffix in ("_bucket", "_count") else float(feed.scale)
    found: Vector = {}
    for source in feed.metrics():
        groups: dict[Labels, list[float]] = {}
        for labels, value in made.samples.get(source.metric + suffix, {}).items():
            if _matches(labels, source.match):
                groups.setdefault(_canonical(labels, source, scaled), []).append(value)
        arm: Vector = {key: AGGREGATIONS[signal.agg](values) for key, values in groups.items()}
        if source.minus:
            for labels, value in made.samples.get(source.minus, {}).items():
                if (key := _canonical(labels, source, scaled)) in arm and _matches(labels, source.match):
                    arm[key] -= value
        for key, value in arm.items():
            found.setdefault(key, value * factor)
    return found


def _quantile(q: float, buckets: list[tuple[float, float]]) -> float | None:
    """By the straight line through the bucket in which it falls; the last bound where it falls beyond that."""
    total = buckets[-1][1]
    if not total:
        return None
    rank = q * total
    i = next(i for i, (_, seen) in enumerate(buckets) if seen >= rank)
    if i == len(buckets) - 1:
        return buckets[-2][0]
    low, below = buckets[i - 1] if i else (0.0, 0.0)
    high, seen = buckets[i]
    return low + (high - low) * (rank - below) / (seen - below)


def _divide(num: Vector, den: Vector) -> Vector:
    return {key: value / den[key] for key, value in num.items() if den.get(key, 0) > 0}


def _or_zero(vector: Vector, like: Vector) -> Vector:
    return {key: 0.0 for key in like} | vector


class Oracle:
    """``records``: a recorded name → what it must be, for one profile over one world."""

    def __init__(self, profile: Profile, feeds: dict[str, Feed], made: World, prices: dict[tuple[str, str], float]) -> None:
        self.feeds, self.made, self.prices = feeds, made, prices
        self.records: dict[str, Vector] = {}
        self.kept = {name: {*feed.labels, *feed.set, *(x for s in feed.sources for x in (*s.labels, *s.set))}
                     for name, feed in feeds.items()}
        self.fed = {*feeds} | ({"availability"} if profile.kind != "probe" else set())
        if profile.priced and "llm_tokens" in feeds and "llm_cost_usd" not in feeds:
            self.fed |= {"llm_cost_usd", "llm_unpriced_tokens"}
            self.kept["llm_cost_usd"] = self.kept["llm_unpriced_tokens"] = self.kept["llm_tokens"] - {"type"}
        for name in feeds:
            getattr(self, f"_{SIGNALS[name].kind}")(SIGNALS[name], feeds[name])
        if "llm_unpriced_tokens" in self.fed:
            self._cost()
        if used := next((name for name in TRAFFIC if name in self.fed), None):
            self.records["job:traffic:rate5m"] = self.records[f"job:{used}:rate5m"]
        for ratio in RATIOS.values():
            self._ratio(ratio)
        if {"llm_budget_usd", "llm_budget_left_usd"} <= self.fed:
            self.records["job_team:llm_budget_left_ratio:current"] = _divide(
                self.records["job_team:llm_budget_left_usd:current"], self.records["job_team:llm_budget_usd:current"])

    def levels(self, name: str, wanted: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
        return [by for by in wanted if not by or self.kept.get(name, set()) & {*by}]

    def _put(self, by: Iterable[str], metric: str, operation: str, vector: Vector) -> Vector:
        self.records[series(tuple(by), metric, operation)] = vector
        return vector

    def _counter(self, signal: Signal, feed: Feed, operation: str = "rate5m") -> None:
        detail = self._put(signal.labels, signal.name, operation, _detail(self.made, signal, feed))
        for level in self.levels(signal.name, signal.by):
            self._put(level, signal.name, operation, by(detail, level, signal.agg))

    def _gauge(self, signal: Signal, feed: Feed) -> None:
        self._counter(signal, feed, "current")

    def _summary(self, signal: Signal, feed: Feed) -> None:
        parts = {part: self._put(signal.labels, f"{signal.name}_{part}", "rate5m", _detail(self.made, signal, feed, f"_{part}"))
                 for part in ("sum", "count")}
        for level in self.levels(signal.name, signal.by):
            done, seen = (self._put(level, f"{signal.name}_{part}", "rate5m", by(parts[part], level)) for part in parts)
            self._put(level, signal.name, "mean5m", _divide(done, seen))

    def _histogram(self, signal: Signal, feed: Feed) -> None:
        buckets = self._put((*signal.labels, "le"), f"{signal.name}_bucket", "rate5m", _detail(self.made, signal, feed, "_bucket"))
        total = self._put(signal.labels, f"{signal.name}_sum", "rate5m", _detail(self.made, signal, feed, "_sum"))
        for level in self.levels(signal.name, signal.by):
            here = self._put((*level, "le"), f"{signal.name}_bucket", "rate5m", by(buckets, (*level, "le")))
            curves: dict[Labels, list[tuple[float, float]]] = {}
            for key, value in here.items():
                bound = float(dict(key)["le"].replace("+Inf", "inf"))
                curves.setdefault(frozenset(p for p in key if p[0] != "le"), []).append((bound, value))
            count = self._put(level, signal.name, "rate5m", {key: max(c)[1] for key, c in curves.items()})
            for name, q in QUANTILES.items():
                found = {key: _quantile(float(q), sorted(curve)) for key, curve in curves.items()}
                self._put(level, signal.name, name, {key: value for key, value in found.items() if value is not None})
            self._put(level, signal.name, "mean5m", _divide(by(total, level), count))

    def _cost(self) -> None:
        tokens = self.records[series(SIGNALS["llm_tokens"].labels, "llm_tokens", "rate5m")]
        priced, unpriced = {}, {}
        for key, value in tokens.items():
            price = self.prices.get((dict(key).get("model", ""), dict(key).get("type", "")))
            if price is None:
                unpriced[key] = value
            else:
                priced[key] = value * price
        signal = SIGNALS["llm_cost_usd"]
        cost = self._put(signal.labels, signal.name, "rate5m", by(priced, signal.labels))
        for level in self.levels("llm_cost_usd", signal.by):
            self._put(level, signal.name, "rate5m", by(cost, level))
        models = self._put(("model",), "llm_unpriced_tokens", "rate5m", by(unpriced, ("model",)))
        self._put((), "llm_unpriced_tokens", "rate5m", _or_zero(by(models, ()), self.records["job:llm_tokens:rate5m"]))

    def _ratio(self, ratio: Ratio) -> None:
        if not {ratio.num.signal, *ratio.den} <= self.fed:
            return
        for level in self.levels(ratio.den[0], ratio.by):
            self._part(ratio.num, level)
            self._put(level, ratio.name, "rate5m", self.divided(ratio, level, "rate5m"))

    def _part(self, part: Part, level: tuple[str, ...]) -> None:
        if part.name:
            detail = self.records[series(SIGNALS[part.signal].labels, part.signal, "rate5m")]
            some = by({key: value for key, value in detail.items() if _matches(key, part.match)}, level)
            self._put(level, part.name, "rate5m", _or_zero(some, self.records[series(level, part.signal, "rate5m")]))

    def divided(self, ratio: Ratio, level: tuple[str, ...], operation: str) -> Vector:
        """Nothing counted is zero beside something counted; money may be unknown."""
        dens = [self.records.get(series(level, name, operation), {}) for name in ratio.den]
        dens = [{key: 0.0 for other in dens for key in other} | den for den in dens]
        whole = {key: sum(den[key] for den in dens) for key in dens[0]}
        name = ratio.num.name or ratio.num.signal
        num = self.records.get(series(level, name, operation), {})
        if name in ratio.den or not ratio.num.name and name != "llm_cost_usd":
            num = _or_zero(num, dens[0])
        found = _divide(num, whole)
        return {key: 1 - value for key, value in found.items()} if ratio.complement else found


def limits(settings: Settings, profile: Profile, fed: set[str]) -> dict[str, float]:
    """The limits of a profile's jobs."""
    found = {}
    for name, threshold in THRESHOLDS.items():
        value = settings.file.thresholds.get(name, profile.thresholds.get(name, threshold.default))
        if value is not None and fed.issuperset(threshold.needs) and (threshold.needs or profile.kind != "probe"):
            found[name] = float(value)
    return found


def slow_retrievals(oracle: Oracle, timeout: Decimal) -> None:
    """Of what is retrieved, the share that took longer."""
    for level in oracle.levels("rag_latency_seconds", SIGNALS["rag_latency_seconds"].by):
        buckets = oracle.records[series((*level, "le"), "rag_latency_seconds_bucket", "rate5m")]
        fast = by({key: value for key, value in buckets.items() if dict(key)["le"] == _text(timeout)}, level)
        found = _divide(fast, oracle.records[series(level, "rag_latency_seconds", "rate5m")])
        oracle.records[series(level, "rag_slow_ratio", "rate5m")] = {key: 1 - value for key, value in found.items()}


# --- long windows -----------------------------------------------------------------------------------------

STEP_SECONDS = 1800  # between the samples of a headline series
NUMERATORS = {ratio.num.name or ratio.num.signal for ratio in RATIOS.values()} - {"llm_cost_usd"}
STEPS = 91 * 48  # three times the longest window, and a day


@dataclass(frozen=True)
class Line:
    """A headline series' course: a straight line over three months."""

    start: float
    step: float

    def window(self, seconds: int) -> tuple[float, int]:
        """Sum and number of its samples in the last ``seconds``."""
        count = seconds // STEP_SECONDS
        first = STEPS - count + 1
        return sum(self.start + self.step * k for k in range(first, STEPS + 1)), count


def lines(names: Iterable[str], kept: Callable[[str], list[str]], seed: int) -> dict[str, dict[Labels, Line]]:
    """A course for each headline series a window reads; for seed 1 no share's numerator has counted, for 2 some have not."""
    rng = random.Random(seed)
    found: dict[str, dict[Labels, Line]] = {}
    for name in sorted(names):
        if seed == 1 and name.split(":")[1] in NUMERATORS or seed == 2 and rng.random() < 0.35:
            continue
        labels = {label: [f"{label}-a", f"{label}-b"] for label in kept(name)}
        found[name] = {one: Line(rng.randint(1, 99), rng.randint(1, 40) / 64) for one in combinations(labels, rng)}
    return found


def windows(oracle: Oracle, courses: dict[str, dict[Labels, Line]]) -> dict[str, Vector]:
    """Over the long windows: what was counted, gauges' means, and shares as sums over sums."""
    found = oracle.records = {}

    def read(level: tuple[str, ...], name: str, operation: str) -> dict[Labels, Line]:
        return courses.get(series(level, name, operation), {})

    def count(level: tuple[str, ...], name: str) -> None:
        for window, seconds in WINDOWS.items():
            found[series(level, name, f"increase{window}")] = {
                key: line.window(seconds)[0] * 30 for key, line in read(level, name, "rate5m").items()}

    for name in sorted(oracle.fed):
        signal = SIGNALS[name]
        for level in oracle.levels(name, signal.windows):
            if signal.kind == "gauge":
                for window, seconds in WINDOWS.items():
                    found[series(level, name, f"avg{window}")] = {
                        key: line.window(seconds)[0] / line.window(seconds)[1]
                        for key, line in read(level, name, "current").items()}
            elif signal.kind == "summary":
                for part in ("sum", "count"):
                    count(level, f"{name}_{part}")
                for window in WINDOWS:
                    done, seen = (found[series(level, f"{name}_{part}", f"increase{window}")] for part in ("sum", "count"))
                    found[series(level, name, f"mean{window}")] = _divide(done, seen)
            else:
                count(level, name)
    if any(name in oracle.fed for name in TRAFFIC):
        count((), "traffic")
    for ratio in RATIOS.values():
        if {ratio.num.signal, *ratio.den} <= oracle.fed:
            for level in oracle.levels(ratio.den[0], ratio.num.windows):
                count(level, ratio.num.name)
            for level in oracle.levels(ratio.den[0], ratio.windows):
                for name in (ratio.num.name or ratio.num.signal, *ratio.den):
                    count(level, name)
                for window in WINDOWS:
                    found[series(level, ratio.name, window)] = oracle.divided(ratio, level, f"increase{window}")
    return found


def label_names(name: str) -> list[str]:
    """The labels in a recorded name: ``job_model_event_type:…`` has model and event_type."""
    known = {label for signal in SIGNALS.values() for label in signal.labels}
    words, found = name.split(":")[0].split("_")[1:], []
    while words:
        size = next(n for n in (3, 2, 1) if "_".join(words[:n]) in known)
        found.append("_".join(words[:size]))
        words = words[size:]
    return found


# --- service level objectives -----------------------------------------------------------------------------


def objectives(slos: list[Slo], given: dict[str, Vector]) -> dict[str, Vector]:
    """Objectives, the limits that follow from them, all events and the bad ones; ``given``: the series they read."""
    none: Labels = frozenset()
    found: dict[str, Vector] = {}
    for one in slos:
        def put(name: str, value: float, tag: Labels = frozenset({("slo", one.sli.name)})) -> None:  # noqa: B008
            found.setdefault(name, {})[tag] = value

        budget = 1 - float(one.objective)
        put("job_slo:slo_objective:ratio", float(one.objective))
        for window, factor in (("1h", 14.4), ("6h", 6), ("1d", 3), ("3d", 1)):
            put(f"job_slo:slo_burn_limit:{window}", min(factor * budget, (1 + budget) / 2))
        if one.sli.name == "availability":
            events, bad = 1.0, 1 - given["job:availability:current"][none]
        else:
            if none not in given.get(one.sli.events, {}):
                continue
            events = given[one.sli.events][none]
            if one.sli.bad:
                bad = given.get(one.sli.bad, {}).get(none, 0.0)
            elif one.sli.good:
                bad = events - given.get(one.sli.good, {}).get(none, 0.0)
            else:
                assert one.within is not None
                buckets = given.get(f"job_le:{one.sli.within}_bucket:rate5m", {})
                if (bucket := frozenset({("le", _text(one.within))})) not in buckets:
                    put("job_slo:slo_events:rate5m", events)
                    continue
                bad = events - buckets[bucket]
        put("job_slo:slo_events:rate5m", events)
        put("job_slo:slo_bad_events:rate5m", bad)
    return found


SLO_WINDOWS = {"30m": 1800, "1h": 3600, "2h": 7200, "6h": 21600, "1d": 86400, "3d": 259200, "30d": 2592000}
SEEN = ("1h", "6h", "1d", "3d", "30d")  # windows of which it is known how much was seen


def budgets(events: dict[Labels, Line], bad: dict[Labels, Line], objective: Vector) -> dict[str, Vector]:
    """Events, bad ones and their share over every window; how much of it was seen; what is left of a month's budget."""
    found: dict[str, Vector] = {"job_slo:slo_bad_ratio:5m": {
        key: max(line.window(STEP_SECONDS)[0] / events[key].window(STEP_SECONDS)[0], 0.0) for key, line in bad.items()}}
    for window, seconds in SLO_WINDOWS.items():
        counted = {key: line.window(seconds)[0] * 30 for key, line in events.items()}
        failed = {key: line.window(seconds)[0] * 30 for key, line in bad.items()}
        found |= {f"job_slo:slo_events:increase{window}": counted, f"job_slo:slo_bad_events:increase{window}": failed,
                  f"job_slo:slo_bad_ratio:{window}": {k: max(v, 0.0) for k, v in _divide(failed, counted).items()}}
        if window in SEEN:
            found[f"job_slo:slo_covered_ratio:{window}"] = {
                key: min(line.window(seconds)[1] * 30 / seconds, 1.0) for key, line in events.items()}
    share, seen = found["job_slo:slo_bad_ratio:30d"], found["job_slo:slo_covered_ratio:30d"]
    found["job_slo:slo_budget_left_ratio:30d"] = {
        key: 1 - share[key] * seen[key] / (1 - value) for key, value in objective.items() if key in share}
    return found


def plain(vector: dict[Any, float]) -> dict[Any, float]:
    """For a person to read, where two differ."""
    return {tuple(sorted(key)): value for key, value in vector.items()}
