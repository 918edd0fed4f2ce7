"""Signals × profiles → recording rules and threshold series. The only place that reads foreign names.

Three levels for each profile: detail (the signal's labels), headline (per job and the few labels a main
panel needs; ratios and quantiles ready) and long windows. Detail and headline stand in one group, in that
order, because groups are evaluated at different moments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from vitals import logs
from vitals import promql as q
from vitals.errors import VitalsError
from vitals.settings import App, Feed, Mapped, Number, Profile, Relabel, Settings, Source, demo_jobs
from vitals.signals import (
    INTERVAL_SECONDS,
    JOB,
    QUANTILES,
    RATIOS,
    SIGNALS,
    THRESHOLDS,
    TRAFFIC,
    TRAFFIC_WINDOWS,
    WINDOWS,
    By,
    Part,
    Ratio,
    Signal,
    Threshold,
    series,
    threshold_series,
)
from vitals.yamlfile import Document, nearest

APP_INFO = "job:app:info"
PRICE = "model_type:llm_price_usd_per_token:info"
PRICES_AS_OF = "vitals:prices_as_of_seconds:info"
EXPECTED = "job:app:expected"
PROBE = "probe"  # the profile of probes, whichever app they are made to
LOGS_EXPECTED = "job:logs:expected"
LAST_LINE = series(JOB, "log_last_line_seconds", "current")
MATCHES = series(("pattern",), "log_pattern_matches", "window")
MATCHES_LIMIT = series(("pattern",), "log_pattern_matches", "threshold")

# What the log reader counts in the files of every app (scripts/vitals/logs.py); an app's own profile may count better.
LOG_FEEDS = {
    "log_lines": Feed(metric="app_log_lines_total", labels={"level": "level"}),
    "log_plain_lines": Feed(metric="app_log_plain_lines_total"),
    "log_pattern_matches": Feed(metric="app_log_pattern_matches_total", labels={"pattern": "pattern"}),
}


@dataclass(frozen=True)
class Rule:
    record: str
    expr: str
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Group:
    name: str
    interval: str
    rules: list[Rule]


Profiles = dict[str, tuple[Profile, Document]]


# --- one profile ----------------------------------------------------------------------------------------


def check_profile(profile: Profile, document: Document) -> None:
    """Every signal, label and threshold is a known one and fits. Raises VitalsError with file, line and key."""
    for name, feed in profile.signals.items():
        where = ("signals", name)
        signal = SIGNALS.get(name)
        if signal is None or signal.derived:
            known = [s.name for s in SIGNALS.values() if not s.derived]
            raise document.error(where, "unknown signal" + nearest(name, known))
        _check_feed(signal, feed, where, document)
    for name, value in profile.thresholds.items():
        where = ("thresholds", name)
        if name not in THRESHOLDS:
            raise document.error(where, "unknown threshold" + nearest(name, THRESHOLDS))
        if missing := missing_signals(THRESHOLDS[name], profile):
            raise document.error(where, f"limits nothing: this profile feeds no {', '.join(missing)}")
        check_limit(THRESHOLDS[name], value, profile, document, where)


def _check_feed(signal: Signal, feed: Feed, where: tuple[str, ...], document: Document) -> None:
    sources: list[tuple[Mapped, tuple[str | int, ...]]] = [(feed, where)]
    sources += [(source, (*where, "sources", i)) for i, source in enumerate(feed.sources)]
    for source, at in sources:
        for kind in ("labels", "set"):
            for label in getattr(source, kind):
                if label not in signal.labels:
                    raise document.error((*at, kind, label), f"{signal.name} has no label {label!r}"
                                         + nearest(label, signal.labels))
        if source.minus and signal.kind != "counter":
            raise document.error((*at, "minus"), f"only counters can be subtracted; {signal.name} is a {signal.kind}")
    if signal.kind == "histogram" and not feed.buckets:
        raise document.error(where, "a histogram needs its finite bucket bounds: buckets: [...]")
    if signal.kind != "histogram" and feed.buckets:
        raise document.error((*where, "buckets"), f"{signal.name} is a {signal.kind}, which has no buckets")
    if feed.expr and signal.kind in ("histogram", "summary"):
        raise document.error((*where, "expr"), f"{signal.name} is a {signal.kind}; give its metric")
    if feed.expr and "$sel" not in feed.expr:
        raise document.error((*where, "expr"), "must select by $sel, or apps with the same metric names would mix")


def missing_signals(threshold: Threshold, profile: Profile) -> list[str]:
    """The signals that a threshold needs and a profile does not feed."""
    fed = feeds(profile)
    return [name for name in threshold.needs if name not in fed]


def sources(profile: Profile) -> dict[str, Feed]:
    """What feeds each signal of a profile: its own metrics, and for an app what is counted in its logs."""
    return {**(LOG_FEEDS if profile.kind == "app" else {}), **profile.signals}


def feeds(profile: Profile) -> set[str]:
    """The signals a profile feeds, with those worked out from them."""
    fed = {*sources(profile)}
    if profile.kind != "probe":  # whether a probe was made says nothing of the app
        fed.add("availability")
    if "llm_tokens" in fed and "llm_cost_usd" not in fed and profile.priced:
        fed |= {"llm_cost_usd", "llm_unpriced_tokens"}
    return fed


def check_limit(threshold: Threshold, value: Decimal, profile: Profile, document: Document,
                where: tuple[str | int, ...]) -> None:
    """A limit that the app's buckets cannot show is refused: its alert could never fire."""
    if value < 0:
        raise document.error(where, "a limit cannot be below 0")
    if name := threshold.quantile_of:
        top = bounds(profile, name)[-1]
        if value > top:
            raise document.error(where, f"{q.number(value)} is beyond the highest bucket of {name} ({q.number(top)}): "
                                 f"no quantile can pass it; set {q.number(top)} or less, or add buckets to the app")
    if name := threshold.bound_of:
        known = bounds(profile, name)
        if value not in known:
            listed = ", ".join(q.number(b) for b in known)
            raise document.error(where, f"{q.number(value)} is not one of {name}'s buckets ({listed})")


def bounds(profile: Profile, histogram: str) -> list[Decimal]:
    """A histogram's finite bounds in the signal's unit."""
    feed = profile.signals[histogram]
    return [b * feed.scale for b in feed.buckets]


def profile_groups(profile: Profile, limits: dict[str, Decimal], own: dict[str, list[str]]) -> tuple[Group, Group]:
    """The recording rules of one profile: detail and headline in one group, long windows in a slower one.

    ``limits``: threshold → value for its jobs; ``own``: threshold → jobs that set their own elsewhere.
    """
    build = _Builder(profile)
    found = sources(profile)
    for name in SIGNALS:
        if name in found:
            build.signal(SIGNALS[name], found[name])
    build.last_line(found)
    build.availability()
    build.cost()
    build.traffic()
    for ratio in RATIOS.values():
        build.ratio(ratio)
    build.slow_retrievals(limits)
    build.leftovers()
    name, tags = profile.profile, build.tags
    here = f'profile="{name}"'
    info = Rule(APP_INFO, f"group by (job) (up{{{here}}})", {**tags, "kind": profile.kind})
    thresholds = [
        # Only job and profile, as the limits that vitals.yaml sets have them and as values can be matched with.
        Rule(threshold_series(key),
             f"group by (job) ({APP_INFO}{q.selector(here, _not_jobs(own.get(key)))}) * {q.number(value)}", tags)
        for key, value in sorted(limits.items())
    ]
    return (
        Group(f"{name}:signals", f"{INTERVAL_SECONDS}s", [info, *build.rules, *thresholds]),
        Group(f"{name}:windows", "1m", build.windows),
    )


def _not_jobs(jobs: list[str] | None) -> str:
    return f'job!~"{q.any_of(jobs)}"' if jobs else ""


class _Builder:
    """Collects one profile's rules in the order in which they must be evaluated."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.tags = {"profile": profile.profile}
        self.here = f'profile="{profile.profile}"'
        self.rules: list[Rule] = []
        self.windows: list[Rule] = []
        self.fed = feeds(profile)
        self.kept = {name: _kept(feed) for name, feed in sources(profile).items()}
        if "llm_unpriced_tokens" in self.fed:
            self.kept["llm_cost_usd"] = self.kept["llm_unpriced_tokens"] = self.kept["llm_tokens"] - {"type"}

    def levels(self, signal: str, wanted: Iterable[By]) -> Iterator[By]:
        """Those of the wanted levels that this profile's labels can tell apart."""
        return (by for by in wanted if by == JOB or self.kept.get(signal, set()) & set(by))

    def record(self, name: str, expr: str) -> str:
        """Adds a rule once; gives the selector that reads it back for this profile."""
        if all(rule.record != name for rule in self.rules):
            self.rules.append(Rule(name, expr, self.tags))
        return self.read(name)

    def read(self, name: str, *matchers: str) -> str:
        return f"{name}{q.selector(self.here, *matchers)}"

    # --- signals

    def signal(self, signal: Signal, feed: Feed) -> None:
        detail = tuple(label for label in signal.labels if label in _kept(feed))
        match signal.kind:
            case "counter":
                self._levels(signal, self._detail(signal, feed, detail, signal.name, "rate5m", ""))
            case "gauge":
                self._levels(signal, self._detail(signal, feed, detail, signal.name, "current", ""), "current")
            case "summary":
                for part in ("sum", "count"):
                    self._detail(signal, feed, detail, f"{signal.name}_{part}", "rate5m", f"_{part}")
                self._means(signal)
            case "histogram":
                self._histogram(signal, feed, detail)

    def _detail(self, signal: Signal, feed: Feed, detail: By, metric: str, operation: str, suffix: str,
                extra: By = ()) -> str:
        """Records the level with all of the signal's labels. Absent labels are simply absent."""
        labels = (*detail, *extra)
        arms = list(self._arms(signal, feed, suffix, extra))
        expr = arms[0] if len(arms) == 1 else "(" + " or ".join(arms) + ")"
        if len(arms) > 1 or not expr.startswith(f"{signal.agg} by (job"):
            expr = q.agg(signal.agg, ("job", *labels), expr)
        if feed.scale != 1 and not suffix.endswith(("bucket", "count")):
            expr = f"{expr} * {q.number(feed.scale)}"
        return self.record(series((*signal.labels, *extra), metric, operation), expr)

    def _arms(self, signal: Signal, feed: Feed, suffix: str, extra: By) -> Iterator[str]:
        if feed.expr:
            expr = f"({feed.expr.replace('{$sel', '{' + self.here)})"
            yield _relabel(expr, signal, feed.labels, feed.set, extra)
        for source in feed.metrics():
            yield _relabel(self._raw(signal, source, suffix), signal, source.labels, source.set, extra,
                           feed.buckets if extra == ("le",) else (), feed.scale)

    def _raw(self, signal: Signal, source: Source, suffix: str) -> str:
        matchers = (self.here, source.match)
        if signal.kind == "gauge":
            return f"{source.metric}{q.selector(*matchers)}"
        total = q.rate(source.metric + suffix, *matchers)
        if not source.minus:
            return total
        by = ("job", *sorted({_from(v) for v in source.labels.values()}))
        whole = q.sum_by(by, total)
        return f"({whole} - ({q.sum_by(by, q.rate(source.minus, *matchers))} or 0 * {whole}))"

    def _levels(self, signal: Signal, detail: str, operation: str = "rate5m") -> None:
        for by in self.levels(signal.name, signal.by):
            if by != signal.labels:
                self.record(series(by, signal.name, operation), q.agg(signal.agg, ("job", *by), detail))
        for by in self.levels(signal.name, signal.windows):
            (self._averages if operation == "current" else self._window)(by, signal.name, signal.windows[by])

    def _averages(self, by: By, name: str, windows: Iterable[str]) -> None:
        """A gauge's averages over long windows."""
        for window in windows:
            self.windows.append(Rule(series(by, name, f"avg{window}"),
                                     f"avg_over_time({self.read(series(by, name, 'current'))}[{window}])", self.tags))

    def _window(self, by: By, name: str, windows: Iterable[str]) -> None:
        """Increases over long windows, summed from the headline rate (one sample each interval)."""
        source = self.read(series(by, name, "rate5m"))
        for window in windows:
            record = series(by, name, f"increase{window}")
            if all(rule.record != record for rule in self.windows):
                expr = f"sum_over_time({source}[{window}]) * {INTERVAL_SECONDS}"
                self.windows.append(Rule(record, expr, self.tags))

    def _histogram(self, signal: Signal, feed: Feed, detail: By) -> None:
        buckets = self._detail(signal, feed, detail, f"{signal.name}_bucket", "rate5m", "_bucket", ("le",))
        total = ""
        if any("mean5m" in operations for operations in signal.by.values()):
            total = self._detail(signal, feed, detail, f"{signal.name}_sum", "rate5m", "_sum")
        for by in self.levels(signal.name, signal.by):
            operations = signal.by[by]
            level = series((*by, "le"), f"{signal.name}_bucket", "rate5m")
            here = self.record(level, q.sum_by(("job", *by, "le"), buckets))
            if "rate5m" in operations:
                self.record(series(by, signal.name, "rate5m"), q.sum_by(("job", *by), self.read(level, 'le="+Inf"')))
            for name, value in QUANTILES.items():
                if name in operations:
                    self.record(series(by, signal.name, name), q.quantile(value, here))
            if "mean5m" in operations:
                count = self.read(series(by, signal.name, "rate5m"))
                self.record(series(by, signal.name, "mean5m"),
                            f"{q.sum_by(('job', *by), total)} / {q.on('job', *by)} ({count} > 0)")

    def _means(self, signal: Signal) -> None:
        for by in self.levels(signal.name, signal.by):
            parts = []
            for part in ("sum", "count"):
                metric = f"{signal.name}_{part}"
                source = self.read(series(signal.labels, metric, "rate5m"))
                parts.append(self.record(series(by, metric, "rate5m"), q.sum_by(("job", *by), source)))
            if "mean5m" in signal.by[by]:
                self.record(series(by, signal.name, "mean5m"), f"{parts[0]} / ({parts[1]} > 0)")
        for by in self.levels(signal.name, signal.windows):
            for part in ("sum", "count"):
                self._window(by, f"{signal.name}_{part}", signal.windows[by])
            for window in signal.windows[by]:
                done, seen = (self.read(series(by, f"{signal.name}_{part}", f"increase{window}"))
                              for part in ("sum", "count"))
                self.windows.append(Rule(series(by, signal.name, f"mean{window}"), f"{done} / ({seen} > 0)",
                                         self.tags))

    # --- worked out from signals

    def last_line(self, found: dict[str, Feed]) -> None:
        """When an app's last log line was read (Unix seconds), kept by the rule itself while there are none.

        Neither the reader's restart nor the app's makes it forgotten; ten minutes without any evaluation do.
        """
        metrics = [source for name in ("log_lines", "log_plain_lines") if name in found
                   for source in found[name].metrics()]
        if not metrics:
            return
        arms = [f"sum by (job) ({q.rate(source.metric, self.here, source.match, window='2m')}) > 0"
                for source in metrics]
        lines = " or ".join(f"({arm})" for arm in arms)
        self.record(LAST_LINE, f"group by (job) ({lines}) * time() or on (job) last_over_time("
                               f"{self.read(LAST_LINE)}[10m])\nand on (job) {APP_INFO}{q.selector(self.here)}")

    def availability(self) -> None:
        if "availability" in self.fed:
            self.record(series(JOB, "availability", "current"), q.agg("avg", ("job",), f"up{{{self.here}}}"))
            self._averages(JOB, "availability", SIGNALS["availability"].windows[JOB])

    def cost(self) -> None:
        """Tokens × price where the app counts tokens and not dollars; tokens without a price are counted."""
        if "llm_unpriced_tokens" not in self.fed:
            return
        tokens = self.read(series(SIGNALS["llm_tokens"].labels, "llm_tokens", "rate5m"))
        signal = SIGNALS["llm_cost_usd"]
        cost = self.record(series(signal.labels, "llm_cost_usd", "rate5m"),
                           q.sum_by(("job", *signal.labels),
                                    f"{tokens} * on (model, type) group_left () {PRICE}"))
        self._levels(signal, cost)
        unpriced = self.record(series(("model",), "llm_unpriced_tokens", "rate5m"),
                               q.sum_by(("job", "model"), f"{tokens} unless on (model, type) {PRICE}"))
        zero = self.read(series(JOB, "llm_tokens", "rate5m"))
        self.record(series(JOB, "llm_unpriced_tokens", "rate5m"),
                    f"{q.sum_by(('job',), unpriced)} or {q.on('job')} 0 * {zero}")
        for by, windows in SIGNALS["llm_unpriced_tokens"].windows.items():
            self._window(by, "llm_unpriced_tokens", windows)

    def traffic(self) -> None:
        """One series for every app, whatever it counts: is it being used?"""
        if used := next((name for name in TRAFFIC if name in self.fed), None):
            self.record(series(JOB, "traffic", "rate5m"), self.read(series(JOB, used, "rate5m")))
            self._window(JOB, "traffic", TRAFFIC_WINDOWS)

    def ratio(self, ratio: Ratio) -> None:
        if not {ratio.num.signal, *ratio.den} <= self.fed:
            return
        for by in self.levels(ratio.den[0], ratio.by):
            self._part(ratio.num, by)
            self.record(series(by, ratio.name, "rate5m"), self._divided(ratio, by, "rate5m"))
        for by in self.levels(ratio.den[0], ratio.num.windows):
            self._window(by, ratio.num.name, ratio.num.windows[by])
        for by in self.levels(ratio.den[0], ratio.windows):
            for name in (ratio.num.name or ratio.num.signal, *ratio.den):
                self._window(by, name, ratio.windows[by])
            for window in ratio.windows[by]:
                self.windows.append(Rule(series(by, ratio.name, window),
                                         self._divided(ratio, by, f"increase{window}"), self.tags))

    def _part(self, part: Part, by: By) -> None:
        """The part's own rate; zero where there has been none yet, so that healthy reads 0 and not nothing."""
        if part.name:
            source = self.read(series(SIGNALS[part.signal].labels, part.signal, "rate5m"), part.match)
            zero = self.read(series(by, part.signal, "rate5m"))
            self.record(series(by, part.name, "rate5m"),
                        f"{q.sum_by(('job', *by), source)} or {q.on('job', *by)} 0 * {zero}")

    def _divided(self, ratio: Ratio, by: By, operation: str) -> str:
        """The ratio of what was recorded, over 5 minutes or a long window.

        A counter with labels has no series until it first counts: what is missing beside something counted is
        zero. Money is not: it may be unknown, for want of a price. (A denominator has two parts at most.)
        """
        den = {name: self.read(series(by, name, operation)) for name in ratio.den}
        if len(den) > 1:
            den = {name: f"({rate} or 0 * {other})"
                   for (name, rate), other in zip(den.items(), reversed(den.values()), strict=True)}
        name = ratio.num.name or ratio.num.signal
        num = den.get(name, self.read(series(by, name, operation)))
        if not ratio.num.name and name not in (*den, "llm_cost_usd"):
            num = f"({num} or 0 * {next(iter(den.values()))})"
        whole = next(iter(den.values())) if len(den) == 1 else f"({' + '.join(den.values())})"
        expr = f"{num} / ({whole} > 0)"
        return f"1 - {expr}" if ratio.complement else expr

    def slow_retrievals(self, limits: dict[str, Decimal]) -> None:
        """The share of retrievals beyond the time limit: one minus the bucket that ends there."""
        if "rag_timeout_seconds" not in limits or "rag_latency_seconds" not in self.fed:
            return
        le = le_pattern(limits["rag_timeout_seconds"])
        for by in self.levels("rag_latency_seconds", [("stage",)]):
            fast = q.sum_by(("job", *by), self.read(series((*by, "le"), "rag_latency_seconds_bucket", "rate5m"),
                                                    f'le=~"{le}"'))
            done = self.read(series(by, "rag_latency_seconds", "rate5m"))
            self.record(series(by, "rag_slow_ratio", "rate5m"), f"1 - {fast} / {q.on('job', *by)} ({done} > 0)")

    def leftovers(self) -> None:
        """What is left of a team's budget, as a share of it, and for how long at the pace of the last 24 hours."""
        if {"llm_budget_usd", "llm_budget_left_usd"} <= self.fed:
            left, whole = (self.read(series(("team",), name, "current"))
                           for name in ("llm_budget_left_usd", "llm_budget_usd"))
            self.record(series(("team",), "llm_budget_left_ratio", "current"), f"{left} / ({whole} > 0)")
            if "tenant" in self.kept.get("llm_cost_usd", set()):  # a gateway's teams are its tenants
                day = q.label_replace(self.read(series(("tenant",), "llm_cost_usd", "increase24h")), "team", "$1",
                                      "tenant", "(.*)")
                self.record(series(("team",), "llm_budget_lasts_seconds", "current"),
                            f"{WINDOWS['24h']} * {left} / on (job, team) ({day} > 0)")


def _kept(feed: Feed) -> set[str]:
    """The canonical labels that at least one source gives."""
    kept = {*feed.labels, *feed.set}
    for source in feed.sources:
        kept |= {*source.labels, *source.set}
    return kept


def _from(value: str | Relabel) -> str:
    return value if isinstance(value, str) else value.source


def _relabel(expr: str, signal: Signal, labels: dict[str, str | Relabel], constants: dict[str, str], extra: By,
             buckets: Iterable[Decimal] = (), scale: Decimal = Decimal(1)) -> str:
    """The expression summed to the canonical labels, renamed and translated on the way."""
    canonical = ("job", *(x for x in signal.labels if x in labels or x in constants), *extra)
    foreign = ("job", *sorted({_from(v) for v in labels.values()}), *extra)
    rename = bool(constants) or any(k != v for k, v in labels.items()) or scale != 1 and "le" in extra
    if not rename:
        return q.agg(signal.agg, canonical, expr)
    expr = q.agg(signal.agg, foreign, expr)
    for label, value in labels.items():
        source = _from(value)
        if label != source:
            expr = q.label_replace(expr, label, "$1", source, "(.*)")
        if isinstance(value, Relabel):
            for pattern, canonical_value in value.values.items():
                expr = q.label_replace(expr, label, canonical_value, source, pattern)
    for label, constant in constants.items():
        expr = q.label_replace(expr, label, constant, "", "")
    if scale != 1 and "le" in extra:
        # Falling scale: upwards, so that no new text meets a bound still to come; rising: downwards.
        for bound in sorted(buckets, reverse=scale > 1):
            expr = q.label_replace(expr, "le", q.number(bound * scale), "le", le_pattern(bound))
    return q.agg(signal.agg, canonical, expr)


def le_pattern(bound: Number) -> str:
    """Matches a bucket bound however it is spelled: Prometheus 2 keeps the app's text, 3 writes 5 as 5.0."""
    text = q.number(bound)
    return text.replace(".", "[.]") if "." in text else f"{text}([.]0)?"


# --- all profiles, vitals.yaml --------------------------------------------------------------------------


@dataclass(frozen=True)
class Limits:
    """Who has which limit: by profile, and by job where vitals.yaml says otherwise."""

    by_profile: dict[str, dict[str, Decimal]]
    by_job: dict[str, dict[str, Decimal]]


def limits(settings: Settings, profiles: Profiles) -> Limits:
    """Limits from the catalogue's defaults, the profiles and vitals.yaml (app > vitals.yaml > profile > default)."""
    document = settings.document
    for name in settings.file.thresholds:
        if name not in THRESHOLDS:
            raise document.error(("thresholds", name), "unknown threshold" + nearest(name, THRESHOLDS))
    by_profile: dict[str, dict[str, Decimal]] = {}
    for name, (profile, source) in profiles.items():
        found: dict[str, Decimal] = {}
        for threshold in THRESHOLDS.values():
            if missing_signals(threshold, profile) or profile.kind == "probe" and not threshold.needs:
                continue  # what every app may have is recorded by the app's own profile
            if threshold.name in settings.file.thresholds:
                value, where, at = settings.file.thresholds[threshold.name], document, ("thresholds", threshold.name)
            elif threshold.name in profile.thresholds:
                value, where, at = profile.thresholds[threshold.name], source, ("thresholds", threshold.name)
            elif threshold.default is not None:
                value, where, at = threshold.default, source, ("thresholds", threshold.name)
            else:
                continue
            check_limit(threshold, value, profile, where, at)
            found[threshold.name] = value
        by_profile[name] = found
    by_job = {}
    for i, app in enumerate(settings.apps):
        _check_app(i, app, profiles, document)
        if app.thresholds:
            by_job[app.job] = dict(app.thresholds)
    return Limits(by_profile, by_job)


def _check_app(i: int, app: App, profiles: Profiles, document: Document) -> None:
    for name, value in app.thresholds.items():
        where = ("apps", i, "thresholds", name)
        if name not in THRESHOLDS:
            raise document.error(where, "unknown threshold" + nearest(name, THRESHOLDS))
        profile, probe = profiles[app.profile][0], profiles[PROBE][0]
        if THRESHOLDS[name].needs and not missing_signals(THRESHOLDS[name], probe):
            if not app.probes:
                raise document.error(where, "limits nothing: the app has no probes")
            profile = probe
        if missing := missing_signals(THRESHOLDS[name], profile):
            raise document.error(where, f"limits nothing: profile {profile.profile} feeds no {', '.join(missing)}")
        if THRESHOLDS[name].bound_of:
            raise document.error(where, "belongs into the profile: it decides what the rules record")
        check_limit(THRESHOLDS[name], value, profile, document, where)


def groups(settings: Settings, profiles: Profiles) -> dict[str, list[Group]]:
    """Every recording rule, by the file it belongs in."""
    for profile, document in profiles.values():
        check_profile(profile, document)
    found = limits(settings, profiles)
    own: dict[str, list[str]] = {}
    for job, values in found.by_job.items():
        for name in values:
            own.setdefault(name, []).append(job)
    files = {}
    for name, (profile, _) in profiles.items():
        now, windows = profile_groups(profile, found.by_profile[name], own)
        files[f"profile-{name}"] = [now]
        files[f"windows-{name}"] = [windows]
    files["apps"] = [Group("apps", f"{INTERVAL_SECONDS}s", list(_apps(settings, profiles, found.by_job)))]
    files["logs"] = [Group("logs", f"{INTERVAL_SECONDS}s", list(_logs(settings, profiles)))]
    files["prices"] = [Group("prices", f"{INTERVAL_SECONDS}s", list(_prices(settings)))]
    return files


def _apps(settings: Settings, profiles: Profiles, by_job: dict[str, dict[str, Decimal]]) -> Iterator[Rule]:
    jobs = {app.job: app.profile for app in settings.apps}
    if settings.demo:
        jobs |= {job: job for job in demo_jobs(profiles)}
    for job, profile in sorted(jobs.items()):
        yield Rule(EXPECTED, "vector(1)", {"job": job, "profile": profile})
    for job, values in sorted(by_job.items()):
        for name, value in sorted(values.items()):
            yield Rule(threshold_series(name), f"vector({q.number(value)})", {"job": job, "profile": jobs[job]})


def _logs(settings: Settings, profiles: Profiles) -> Iterator[Rule]:
    """Who has logs; what each pattern found in its window; how much of it is still well, and how bad more is."""
    for app in logs.apps(settings, profiles, "native"):
        yield Rule(LOGS_EXPECTED, "vector(1)", {"job": app.job, "profile": app.profile})
    found = logs.patterns(settings)
    for one in found.all():
        pattern = one.pattern
        here = f'pattern="{pattern.name}"'
        rate = series(("pattern",), "log_pattern_matches", "rate5m")
        window = (f"{rate}{q.selector(here)} * 300" if pattern.window == "5m" else
                  f"sum_over_time({rate}{q.selector(here)}[{pattern.window}]) * {INTERVAL_SECONDS}")
        # A rate's ends are estimated: 5 lines would be 5.17.
        yield Rule(MATCHES, f"round({q.sum_by(('job',), window)})", {"pattern": pattern.name, "window": pattern.window})
        tags = {"pattern": pattern.name, "severity": pattern.severity}
        own = {job: limits[pattern.name] for job, limits in sorted(found.own_limits.items()) if pattern.name in limits}
        limit = found.limits.get(pattern.name, pattern.limit)
        if limit is not None:
            jobs = q.agg("group", ("job",), f"{rate}{q.selector(here, _not_jobs(list(own)))}")
            yield Rule(MATCHES_LIMIT, f"{jobs} * {q.number(limit)}", tags)
        for job, value in own.items():
            if value is not None:
                yield Rule(MATCHES_LIMIT, f"vector({q.number(value)})", {"job": job, **tags})


def _prices(settings: Settings) -> Iterator[Rule]:
    prices = settings.file.prices
    stamp = int(datetime(prices.as_of.year, prices.as_of.month, prices.as_of.day, tzinfo=UTC).timestamp())
    yield Rule(PRICES_AS_OF, f"vector({stamp})")
    for model, (input_price, output_price) in sorted(price_list(settings).items()):
        for kind, value in (("input", input_price), ("output", output_price)):
            yield Rule(PRICE, f"vector({q.number(value)})", {"model": model, "type": kind})


def price_list(settings: Settings) -> dict[str, tuple[Decimal, Decimal]]:
    """Model → (input, output) in USD per token, from genai-prices at ``as_of`` or from the overrides.

    Tiered prices count with their first tier. Raises VitalsError for a model without any price.
    """
    from genai_prices import Usage, calc_price  # slow to import, needed only here

    prices = settings.file.prices
    million = Decimal(1_000_000)
    found = {model: (p.input_usd_per_mtok / million, p.output_usd_per_mtok / million)
             for model, p in prices.overrides.items()}
    stamp = datetime(prices.as_of.year, prices.as_of.month, prices.as_of.day, tzinfo=UTC)
    for i, model in enumerate(prices.models):
        if model in found:
            continue
        try:
            price = calc_price(Usage(input_tokens=1, output_tokens=1), model, genai_request_timestamp=stamp).model_price
        except LookupError as err:
            raise settings.document.error(
                ("prices", "models", i), f"genai-prices knows no model {model!r}; give its price under "
                "prices.overrides, or remove it (its tokens are then shown as unpriced)") from err
        found[model] = (_base(price.input_mtok) / million, _base(price.output_mtok) / million)
    return found


def _base(price: object) -> Decimal:
    base = getattr(price, "base", price)
    if base is None:
        return Decimal(0)
    if not isinstance(base, Decimal):
        raise VitalsError(f"genai-prices gave a price of an unknown kind: {price!r}")
    return base
