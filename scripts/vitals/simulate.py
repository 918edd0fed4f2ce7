"""Rules over recorded metrics: what would have fired, when, who would have been told, and when.

promtool evaluates the real rules, of which only those are loaded that can matter. Who is told, how long a group of
alerts waits, and what one alert hides of another follows the same configuration that Alertmanager gets.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vitals import notify, render, totals
from vitals.errors import VitalsError
from vitals.recording import Profiles
from vitals.settings import Settings
from vitals.signals import INTERVAL_SECONDS

Labels = tuple[tuple[str, str], ...]  # sorted
Key = tuple[str, Labels]  # a series: its name and its labels
MAX_SECONDS = 9 * 86400
SHOWN = ("alertname", "severity", "area", "profile")  # beside or left out of the other labels
STALE_SECONDS = 300  # after which Prometheus, too, no longer believes a sample

_GOT = re.compile(r"^\s+expr: .*?, time: (\S+?),\s*\n\s+exp: .*\n\s+got: (.*)$", re.M)
_SERIES = re.compile(r"\{((?:[^{}\"]|\"(?:[^\"\\]|\\.)*\")*)\} ([^\s,]+)")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`')
_WORD = re.compile(r"[a-zA-Z_:][\w:]*")
# What has a result though nothing that it reads is there, and what does not name what it reads.
_UNTOUCHED = re.compile(r"\babsent(_over_time)?\b|\bvector\b|\b__name__\b")


@dataclass(frozen=True)
class Recording:
    """Series sampled together: ``length`` samples each, ``step`` seconds apart, the first at ``begin`` (Unix seconds).

    ``values`` are written as promtool reads them: ``1 2 _ 4``, runs as ``5+0x99``.
    """

    begin: float
    step: int
    length: int
    values: dict[Key, str]


@dataclass(frozen=True)
class Firing:
    """One alert's time, in Unix seconds.

    ``end`` None: it still fired when the data ended. ``told`` is when its notification left for ``receiver``; None
    when none did, because ``hidden_by`` fired or because it was over too soon.
    """

    labels: dict[str, str]
    start: float
    end: float | None
    receiver: str
    told: float | None = None
    hidden_by: str = ""

    def at(self, moment: float) -> bool:
        return self.start <= moment and (self.end is None or moment < self.end)


class Simulator:
    """The rules and routes of one configuration, ready to be held against recordings. Raises VitalsError."""

    def __init__(self, settings: Settings, profiles: Profiles) -> None:
        from vitals.engines import parts

        self.promtool = parts.tool(settings, "promtool")
        files = render.rules(settings, profiles)
        self.rules = [(name, files[name][0]["groups"]) for name in sorted(files, key=_order)]
        self.routes = notify.alertmanager(settings)
        self.teams = {app.job: app.team for app in settings.apps if app.team}

    def run(self, data: Recording, only: Collection[str] = ()) -> list[Firing]:
        """What would have fired, in the order of time: of all alerts, or of those that are named."""
        jobs = {dict(labels).get("job", "") for _, labels in data.values}
        with_logs = any(name.startswith("app_log_") for name, _ in data.values)
        firing = []
        for found, start, end in _spans(self._evaluate(data, only), data):
            labels = dict(found)
            # vitals.yaml expects more than the data is about: other apps, and logs where none were recorded.
            if (labels["alertname"] == "ServiceMissing" and labels["job"] not in jobs
                    or labels["alertname"] == "LogsMissing" and not with_logs):
                continue
            if team := self.teams.get(labels.get("job", "")):
                labels["team"] = team
            firing.append(Firing(labels, start, end, route(self.routes, labels)["receiver"]))
        firing.sort(key=lambda f: (f.start, sorted(f.labels.items())))
        end = data.begin + (data.length - 1) * data.step
        return [_told(one, firing, self.routes, end) for one in firing]

    def _evaluate(self, data: Recording, only: Collection[str]) -> dict[int, set[Labels]]:
        """Evaluation → the alerts that fire then, beside Watchdog; evaluations at which none does are left out."""
        present = {dict(labels).get("profile") for _, labels in data.values}
        groups = lean([group for name, groups in self.rules if _concerns(name, present) for group in groups],
                      {name for name, _ in data.values}, only)
        groups = totals.running(groups, INTERVAL_SECONDS)
        read = set[str]().union(*(_names(rule["expr"]) for group in groups for rule in group["rules"]))
        looks = (data.length - 1) * data.step // INTERVAL_SECONDS + 1
        with tempfile.TemporaryDirectory(prefix="vitals-simulate-") as folder:
            rules, file = Path(folder) / "rules.yml", Path(folder) / "simulate.yml"
            rules.write_text(json.dumps({"groups": groups}))
            file.write_text(json.dumps({
                "rule_files": [str(rules)], "evaluation_interval": f"{INTERVAL_SECONDS}s",
                "group_eval_order": [group["name"] for group in groups],
                "tests": [{
                    "interval": f"{data.step}s",
                    "input_series": [{"series": _text(name, labels), "values": values}
                                     for (name, labels), values in data.values.items()
                                     if name in read or "__name__" in read],
                    # promtool prints what it got only where it expected something else.
                    "promql_expr_test": [{"expr": 'ALERTS{alertstate="firing", alertname!="Watchdog"}',
                                          "eval_time": f"{i * INTERVAL_SECONDS}s", "exp_samples": []}
                                         for i in range(looks)],
                }]}))
            done = subprocess.run([self.promtool, "test", "rules", file], capture_output=True, text=True)
        text = done.stdout + done.stderr
        found: dict[int, set[Labels]] = {}
        for match in _GOT.finditer(text):
            firing = found.setdefault(round(seconds(match[1])) // INTERVAL_SECONDS, set())
            for body, _value in _SERIES.findall(match[2]):
                labels = {k: _unquote(v) for k, v in _LABEL.findall(body)}
                labels.pop("__name__", None)
                labels.pop("alertstate", None)
                firing.add(tuple(sorted(labels.items())))
        if bool(done.returncode) != bool(found):
            lines = (line.strip() for line in text.splitlines() if "FAILED" not in line)
            first = next((line for line in lines if line), "no answer")
            raise VitalsError(f"promtool could not evaluate the rules over this data: {first[:300]}")
        return found


def run(settings: Settings, profiles: Profiles, file: Path, step: int) -> list[Firing]:
    """What would have fired over the metrics in a file, sampled every ``step`` seconds. Raises VitalsError."""
    series = read(file)
    _check(series, profiles, file)
    begin = min(times[0][0] for times in series.values())
    end = max(times[-1][0] for times in series.values())
    if end - begin > MAX_SECONDS:
        raise VitalsError(f"{file} spans {end - begin:.0f} s; at most {MAX_SECONDS}: give a shorter piece")
    length = int((end - begin) // step) + 1
    values = {key: " ".join(_values(samples, begin, step, length)) for key, samples in series.items()}
    return Simulator(settings, profiles).run(Recording(begin, step, length, values))


def report(firing: list[Firing]) -> Iterator[str]:
    """Lines for people."""
    def clock(moment: float | None) -> str:
        return "still fires" if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%m-%d %H:%M:%S")

    if not firing:
        yield "nothing would have fired"
    for f in firing:
        rest = ", ".join(f"{k}={v}" for k, v in f.labels.items() if k not in SHOWN)
        told = (f"hidden by {f.hidden_by}" if f.hidden_by else "over before it was told" if f.told is None else
                f"told: {f.receiver}, {clock(f.told)[6:]}")
        yield (f"{clock(f.start)}  to {clock(f.end):15}  {f.labels.get('severity', ''):9} "
               f"{f.labels['alertname']:26} {rest}  ({told})")


# --- the data --------------------------------------------------------------------------------------------


def read(file: Path) -> dict[Key, list[tuple[float, float]]]:
    """(name, labels) → [(Unix seconds, value), …] in order of time. Raises VitalsError with the line."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
    from prometheus_client.parser import text_string_to_metric_families as plain

    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as err:
        raise VitalsError(f"{file}: cannot be read: {err}") from err
    parser = openmetrics if text.rstrip().endswith("# EOF") else plain
    found: dict[Key, list[tuple[float, float]]] = defaultdict(list)
    try:
        for family in parser(text):
            for sample in family.samples:
                if sample.timestamp is None:
                    raise VitalsError(f"{file}: {sample.name} has no timestamps; record them, as `promtool tsdb "
                                      "dump-openmetrics` does")
                key = (sample.name, tuple(sorted(sample.labels.items())))
                found[key].append((float(sample.timestamp), float(sample.value)))
    except (ValueError, IndexError, KeyError) as err:
        raise VitalsError(f"{file}: not OpenMetrics: {err}") from err
    if not found:
        raise VitalsError(f"{file}: holds no samples")
    return {key: sorted(samples) for key, samples in found.items()}


def _check(series: Iterable[Key], profiles: Profiles, file: Path) -> None:
    labels = [dict(labels) for _, labels in series]
    for name in ("job", "profile"):
        if not any(name in found for found in labels):
            raise VitalsError(f"{file}: no series has the label `{name}`; the rules tell apps apart by job and "
                              "profile, as Prometheus' targets carry them")
    if not any(found.get("profile") in profiles for found in labels):
        raise VitalsError(f"{file}: no series has a known profile; known: {', '.join(sorted(profiles))}")


def _values(samples: list[tuple[float, float]], begin: float, step: int, length: int) -> Iterator[str]:
    """The last sample at each step; nothing when it is older than Prometheus would believe."""
    i = -1
    for n in range(length):
        now = begin + n * step
        while i + 1 < len(samples) and samples[i + 1][0] <= now:
            i += 1
        fresh = i >= 0 and now - samples[i][0] < min(STALE_SECONDS, 4 * step)
        yield repr(samples[i][1]) if fresh else "_"


def _text(name: str, labels: Labels) -> str:
    inside = ", ".join(f"{k}={_quote(v)}" for k, v in labels)
    return f"{name}{{{inside}}}"


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _unquote(text: str) -> str:
    return text.replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")


# --- the rules -------------------------------------------------------------------------------------------


def _concerns(file: str, present: set[str | None]) -> bool:
    """Whether a rule file can matter: it is of a profile that the data has, or of none."""
    kind, _, profile = file.partition("-")
    return kind not in ("profile", "windows", "slo") or not profile or file == "slo-budget" or profile in present


def _order(file: str) -> int:
    """What is read is evaluated before its readers: promtool would take groups in any order."""
    last = ("profile-", "logs", "windows-", "slo-", "slo", "slo-budget", "alerts-")
    return 1 + (last.index(file) if file in last else
                next((i for i, kind in enumerate(last) if kind.endswith("-") and file.startswith(kind)), -1))


def lean(groups: list[dict[str, Any]], given: set[str], only: Collection[str] = ()) -> list[dict[str, Any]]:
    """Groups without the rules that cannot say anything here: nothing they read is there, or no alert reads them.

    And without texts: those of an alert that fires ask queries of their own at every evaluation.
    """
    rules = [(rule, _names(rule["expr"])) for group in groups for rule in group["rules"]]
    there, more = {*given, "ALERTS"}, True
    while more:
        found = {rule["record"] for rule, names in rules
                 if "record" in rule and (names & there or _UNTOUCHED.search(rule["expr"]))}
        more = not found <= there
        there |= found
    alive = [(rule, names) for rule, names in rules if names & there or _UNTOUCHED.search(rule["expr"])]
    wanted, kept = set[str](), set[int]()
    while fresh := [(id(rule), names) for rule, names in alive
                    if id(rule) not in kept and (rule["record"] in wanted if "record" in rule else
                                                  not only or rule["alert"] in only)]:
        kept |= {rule for rule, _ in fresh}
        wanted = wanted.union(*(names for _, names in fresh))
    left = [{**group, "rules": [{key: value for key, value in rule.items() if key != "annotations"}
                                for rule in group["rules"] if id(rule) in kept]} for group in groups]
    return [group for group in left if group["rules"]]


def _names(expr: str) -> set[str]:
    """The words of an expression: every series it reads is among them. (Its strings, too: ``{"http.requests"}``.)"""
    return {*_WORD.findall(_STRING.sub("", expr)), *(text[1:-1] for text in _STRING.findall(expr))}


def _spans(found: dict[int, set[Labels]], data: Recording) -> Iterator[tuple[Labels, float, float | None]]:
    since: dict[Labels, int] = {}
    looks = (data.length - 1) * data.step // INTERVAL_SECONDS + 1
    for i in sorted({*found, *(i + 1 for i in found if i + 1 < looks)}):
        firing = found.get(i, set())
        for labels in [known for known in since if known not in firing]:
            yield labels, data.begin + since.pop(labels) * INTERVAL_SECONDS, data.begin + i * INTERVAL_SECONDS
        for labels in firing:
            since.setdefault(labels, i)
    for labels, i in since.items():
        yield labels, data.begin + i * INTERVAL_SECONDS, None


# --- who is told -----------------------------------------------------------------------------------------


def route(config: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """The route that takes an alert: the first that matches, with what it leaves to the root filled in."""
    root = config["route"]
    return {**root, **next((child for child in root["routes"] if _matches(child["matchers"], labels)), {})}


def _told(one: Firing, firing: list[Firing], config: dict[str, Any], seen: float) -> Firing:
    """When the first notification with this alert leaves, if any does.

    Alerts of one route and group are told together: first after group_wait, then every group_interval, as long as
    one of them fires. At each of these moments an alert that another one hides is passed over.
    """
    mine = route(config, one.labels)

    def group(f: Firing) -> tuple[Any, ...]:
        own = route(config, f.labels)
        return (own.get("matchers"), [f.labels.get(name, "") for name in own["group_by"]])

    hidden_by = ""
    for moment in _flushes(mine, [f for f in firing if group(f) == group(one)], one, seen):
        if not (hidden_by := _hider(one, firing, moment)):
            return Firing(one.labels, one.start, one.end, one.receiver, moment)
    return Firing(one.labels, one.start, one.end, one.receiver, None, hidden_by)


def _flushes(pace: dict[str, Any], group: list[Firing], one: Firing, seen: float) -> Iterator[float]:
    """The moments at which a group is told of while one of its alerts fires; ``seen`` is where the data end."""
    wait, interval = seconds(pace["group_wait"]), seconds(pace["group_interval"])
    starts = sorted(f.start for f in group)
    end = one.end or seen + wait + interval + 1
    moment = starts[0] + wait
    while moment < end:
        if one.at(moment):
            yield moment
        if any(f.at(moment) for f in group):
            moment += interval
        else:  # the group is over and forgotten
            moment = min(start for start in starts if start > moment) + wait


def _hider(one: Firing, firing: list[Firing], moment: float) -> str:
    """The alert that hides this one at a moment, by Alertmanager's own rules."""
    for rule in notify.INHIBITIONS:
        if not _matches(rule["target_matchers"], one.labels) or _matches(rule["source_matchers"], one.labels):
            continue
        for other in firing:
            alike = all(other.labels.get(name, "") == one.labels.get(name, "") for name in rule["equal"])
            if other is not one and other.at(moment) and alike and _matches(rule["source_matchers"], other.labels):
                return other.labels["alertname"]
    return ""


def _matches(matchers: list[str], labels: dict[str, str]) -> bool:
    for matcher in matchers:
        name, operator, value = re.fullmatch(r'(\w+)(=~|!~|!=|=)"(.*)"', matcher).groups()  # type: ignore[union-attr]
        got = labels.get(name, "")
        hit = bool(re.fullmatch(value, got)) if "~" in operator else got == value
        if hit == operator.startswith("!"):
            return False
    return True


def seconds(text: str) -> float:
    """``5m15s`` → 315."""
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}
    return sum(float(n) * units[u] for n, u in re.findall(r"([\d.]+)(ms|[dhms])", text))
