"""Where a panel's data comes from: the signals behind its queries, who feeds those, the alerts at its limits.

Nobody writes this by hand: it is read off the recording rules, the profiles and the alerts, so that a panel
that is empty says why, and one that draws a limit leads to the runbook.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vitals import alerts, coverage, recording, slo
from vitals.recording import Profiles
from vitals.settings import Settings
from vitals.signals import RATIOS, SIGNALS, THRESHOLDS, threshold_series

LIMIT = re.compile(r'(job:\w+:threshold|job_slo:slo_burn_limit:\w+)\{job=~"\$\w+"\}')  # a line that draws one
_WORKED_OUT = re.compile(r":(p50|p95|p99|mean\w+)$")  # there is none without work
_COUNTED = re.compile(r":(rate5m|increase\w+)$")  # a counter with labels has no series before it first counts
_OF_ALL = {*coverage.ALWAYS, recording.APP_INFO, recording.EXPECTED}
_LABELS = sorted({"le", *(label for signal in SIGNALS.values() for label in signal.labels)}, key=len, reverse=True)
_FEW = 2  # so many are named, the others counted


@dataclass(frozen=True)
class Emptiness:
    """Why a panel may show nothing: in a few words, where only those fit, and in full."""

    short: str
    full: str


@dataclass(frozen=True)
class Origins:
    """What is recorded, from what, by whom. ``kinds`` and ``recorded`` go by profile, ``made_of`` by series."""

    runbooks: str  # the address that an alert's name is put behind
    kinds: Mapping[str, str]
    recorded: dict[str, set[str]]
    metrics: dict[str, dict[str, str]]  # signal → profile → the metric that feeds it
    made_of: dict[str, set[str]]  # series → what its rules read
    watched: dict[str, tuple[str, ...]]  # threshold series → the alerts that compare with it
    bare: dict[str, set[str]]  # alert without a threshold → what it reads

    def emptiness(self, exprs: Iterable[str]) -> Emptiness | None:
        """Why these queries may all give nothing; None where no signal is behind them."""
        exprs = [expr for expr in exprs if not LIMIT.fullmatch(expr)]
        found = list(dict.fromkeys(arm for expr in exprs for arm in self._arms(expr)))
        arms = [arm for arm in found if not any(set(other) < set(arm) for other in found)]
        if not arms:
            return None
        named = [" and ".join(arm) for arm in arms[:_FEW]]
        signals = " or ".join([*named, *(["others"] if len(arms) > _FEW else [])])
        feeding = [name for name, series in self.recorded.items()
                   if any(coverage.answers(expr, series) for expr in exprs)]
        apps = [name for name in feeding if self.kinds[name] in ("app", "probe")]
        whom, feeding = ("app", apps) if apps or not feeding else ("exporter", feeding)
        series = {name for expr in exprs for name in coverage.reads(expr)}
        lead = (f"No chosen {whom} was busy, or none" if any(map(_depends_on_work, series)) else
                f"Nothing was counted yet, or no chosen {whom}" if any(map(_COUNTED.search, series)) else
                f"No chosen {whom}")
        told = f" ({_brief(SIGNALS[_first(arms)].text)})" if len(arms) == len(arms[0]) == 1 else ""
        unset = [t.name for t in THRESHOLDS.values() if t.default is None and threshold_series(t.name) in series]
        full = f"{lead} feeds {signals}{told}.{self._who(arms, feeding)}"
        if unset:
            return Emptiness(f"no {unset[0]} is set", f"No chosen {whom} has {unset[0]}, a limit that vitals.yaml or "
                                                      f"its profile sets. Or: {full}")
        return Emptiness(f"no {whom} feeds {named[0]}", full)

    def alerts(self, exprs: Iterable[str]) -> list[str]:
        """The alerts at the limits that these queries draw, and those without a limit that watch just this."""
        exprs = list(exprs)
        drawn = [match[1] for expr in exprs if (match := LIMIT.fullmatch(expr))]
        shown = {name for expr in exprs for name in coverage.reads(expr)}
        found = [alert for series in drawn for alert in self.watched.get(series, ())]
        return list(dict.fromkeys([*found, *(alert for alert, reads in self.bare.items() if reads <= shown)]))

    def _arms(self, expr: str) -> list[tuple[str, ...]]:
        """What each arm of an ``or`` needs: signals, in the catalogue's order, with the labels that tell them apart."""
        found = []
        for arm in coverage.arms(expr):
            needs = {(signal, _level(series)) for series in coverage.reads(arm) for signal in self._signals(series)}
            if needs:
                found.append(tuple(_named(signal, labels) for name in SIGNALS for signal, labels in sorted(needs)
                                   if signal == name))
        return found

    def _signals(self, series: str, seen: frozenset[str] = frozenset()) -> set[str]:
        if series.endswith(":threshold") or series in _OF_ALL or series in seen:
            return set()
        metric = series.split(":")[1] if series.count(":") == 2 else ""
        for name in (metric, re.sub("_(bucket|sum|count)$", "", metric)):
            if name in SIGNALS and not SIGNALS[name].derived:
                return {name}
        return set().union(*(self._signals(name, seen | {series}) for name in self.made_of.get(series, ())))

    def _who(self, arms: list[tuple[str, ...]], profiles: list[str]) -> str:
        if not profiles:
            return ""
        if all(self.kinds[name] == "probe" for name in profiles):
            return " Give it probes in vitals.yaml."
        named = [f"{name} ({metric})" if (metric := self.metrics.get(_first(arms), {}).get(name)) else name
                 for name in profiles[:_FEW]]
        more = len(profiles) - _FEW
        return f" Profiles that do: {', '.join(named)}{f' and {more} more' if more > 0 else ''}."


def load(settings: Settings, profiles: Profiles) -> Origins:
    """Reads it all off the tables."""
    recorded: dict[str, set[str]] = {name: set() for name in profiles}
    made_of: dict[str, set[str]] = {}
    apps = [name for name, (profile, _) in profiles.items() if profile.kind == "app"]
    for file, groups in recording.groups(settings, profiles).items():
        for rule in (rule for group in groups for rule in group.rules):
            made_of.setdefault(rule.record, set()).update(coverage.reads(rule.expr))
            owner = rule.labels.get("profile")
            for name in apps if file == "logs" else [owner] if owner in profiles else profiles:
                recorded[name].add(rule.record)
    for name, (profile, _) in profiles.items():
        recorded[name] |= slo.recorded(profile) | {
            threshold_series(t.name) for t in THRESHOLDS.values() if not recording.missing_signals(t, profile)}
    metrics: dict[str, dict[str, str]] = {}
    for name, (profile, _) in profiles.items():
        for signal, feed in recording.sources(profile).items():
            if found := feed.metrics():
                metrics.setdefault(signal, {})[name] = found[0].metric
    watched: dict[str, tuple[str, ...]] = {}
    bare: dict[str, set[str]] = {}
    for alert in alerts.all_alerts().values():
        reads = coverage.reads(alert.expr) - _OF_ALL
        limits = {name for name in reads if name.endswith(":threshold") or ":slo_burn_limit:" in name}
        for name in limits:
            watched[name] = (*watched.get(name, ()), alert.name)
        if reads and not limits:
            bare[alert.name] = reads
    kinds = {name: profile.kind for name, (profile, _) in profiles.items()}
    return Origins(settings.file.links.runbooks, kinds, recorded, metrics, made_of, watched, bare)


def _first(arms: list[tuple[str, ...]]) -> str:
    return arms[0][0].split()[0]


def _named(signal: str, labels: tuple[str, ...]) -> str:
    return f"{signal} by {' and '.join(labels)}" if labels else signal


def _level(series: str) -> tuple[str, ...]:
    """``job_agent_error_type:agent_errors:rate5m`` → agent, error_type. Instances are left out: everything has them."""
    rest, found = series.split(":")[0].removeprefix("job"), []
    while label := next((name for name in _LABELS if re.match(rf"_{name}(_|$)", rest)), None):
        found.append(label)
        rest = rest.removeprefix(f"_{label}")
    return tuple(name for name in found if name not in ("instance", "le"))


def _depends_on_work(series: str) -> bool:
    return bool(_WORKED_OUT.search(series)) or series.split(":")[1:2] != [] and series.split(":")[1] in RATIOS


def _brief(text: str) -> str:
    return re.split(r"[:;(]", text)[0].strip()
