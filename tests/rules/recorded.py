"""Recording rules over made-up metrics, in promtool: what they record, beside what the oracle says."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml
from tests.rules import oracle as o

from vitals import logs, recording, settings, slo
from vitals.lint import expression as ql
from vitals.signals import SIGNALS, series

ROOT = settings.ROOT
SEEDS = range(3)
NOW_MINUTES = 26  # when it is looked at; the rates have been as they are for 6 minutes, and were others before
TAGS = ("__name__", "job", "profile")
ANOTHER = "another"  # profile, whose series have the same names: of another job, and in other cases of the same one
_GOT = re.compile(r"^ +got: *(.*)$", re.M)
_SAMPLE = re.compile(r"\{((?:[^{}\"]++|\"(?:[^\"\\]++|\\.)*+\")*+)\} ([^\s,]+)")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
# Over more than the last minutes, or over what other files record: prometheus/tests tests these.
BY_HAND = {"job_team:llm_budget_lasts_seconds:current"}
LONG_MINUTES = 130  # twice the longest window of a profile's expressions, and some
BROKEN = re.compile(r"rule: (\S+), time")


@dataclass(frozen=True)
class Case:
    """A rule file, what goes in, and what must come out of it."""

    rules: str  # the file's stem
    inputs: list[dict[str, str]]
    minutes: int
    expected: dict[str, o.Vector]
    profile: str
    given: frozenset[str] = frozenset()  # records whose rules are left out; some are put in instead
    every: int = 0  # minutes between evaluations; 0: one, at the end


class Broken(Exception):
    """Rules that cannot be evaluated; ``names``: what they record under."""

    def __init__(self, names: set[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = names


def record(promtool: Path, case: Case, rules: list[dict[str, Any]], folder: Path) -> dict[str, dict[o.Labels, float]]:
    """What rules record, by name; labels without job and profile where these are as they should be."""
    place = folder / "rules.yml"
    kept = [rule for rule in rules if rule["record"] not in case.given]
    place.write_text(json.dumps({"groups": [{"name": "all", "rules": kept}]}))
    names = sorted({rule["record"] for rule in kept})
    # promtool prints what it got where it expected something else.
    nothing = [{"labels": '{job=""}', "value": -1}]
    test = {"rule_files": [place.name], "evaluation_interval": f"{case.every or case.minutes}m", "tests": [{
        "interval": "1m" if case.minutes <= LONG_MINUTES else f"{o.STEP_SECONDS}s", "input_series": case.inputs,
        "promql_expr_test": [{"expr": f'{name}{{profile!="{ANOTHER}"}}', "eval_time": f"{case.minutes}m", "exp_samples": nothing}
                             for name in names]}]}
    file = folder / "test.yml"
    file.write_text(json.dumps(test))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True)
    text = done.stdout + done.stderr
    if broken := BROKEN.findall(text):
        raise Broken({*broken})
    lines = _GOT.findall(text)
    assert len(lines) == len(names), text[:2000]
    found: dict[str, dict[o.Labels, float]] = {}
    for body, value in (sample for line in lines for sample in _SAMPLE.findall(line)):
        labels = dict(_LABEL.findall(body))
        name = labels.pop("__name__")
        right = labels.get("job") == o.JOB and labels.get("profile") == case.profile
        found.setdefault(name, {})[frozenset((k, v) for k, v in labels.items() if not right or k not in TAGS)] = float(value)
    return found


def differs(expected: o.Vector, got: dict[o.Labels, float]) -> bool:
    return expected.keys() != got.keys() or any(abs(got[key] - value) > 1e-6 * max(1.0, abs(value))
                                                for key, value in expected.items())


@cache
def _loaded() -> tuple[settings.Settings, recording.Profiles]:
    loaded = settings.load(ROOT / "vitals.yaml")
    return loaded, settings.load_profiles(loaded)


def cases(wanted: str = "") -> dict[str, Case]:
    """By the rule file's name and a number; of the files with ``wanted`` in their name."""
    loaded, profiles = _loaded()
    made: list[tuple[str, Callable[[int], Case]]] = [
        ("slo", partial(_budgets, "slo")), ("slo-budget", partial(_budgets, "slo-budget"))]
    for name, (profile, _) in profiles.items():
        made += [(f"profile-{name}", partial(_now, loaded, name, profile)), (f"windows-{name}", partial(_windows, name, profile))]
        if profile.slos:
            made.append((f"slo-{name}", partial(_objectives, loaded, profiles, name)))
    found = {f"{rules}-{seed}": make(seed) for rules, make in made if wanted in rules for seed in SEEDS}
    if wanted in "logs":
        found["logs"] = _patterns(loaded, profiles)
    return found | {f"profile-{name}-last-line": _last_line(name, profile) for name, (profile, _) in profiles.items()
                    if wanted in f"profile-{name}" and "log_lines" in recording.sources(profile)}


def _now(loaded: settings.Settings, name: str, profile: settings.Profile, seed: int) -> Case:
    feeds = {key: recording.sources(profile)[key] for key in SIGNALS if key in recording.sources(profile)}
    made = o.world(profile, feeds, seed)
    models = {dict(key).get(label) for vector in made.samples.values() for key in vector for label in dict(key) if "model" in label}
    prices = {(model, kind): 0.001 * (i + 1) for i, model in enumerate(sorted(m for m in models if m and (seed == 2 or m.endswith("-a"))))
              for kind in ("input", "output", "total")}
    oracle = o.Oracle(profile, feeds, made, prices)
    found = o.limits(loaded, profile, oracle.fed)
    if "rag_timeout_seconds" in found and "rag_latency_seconds" in oracle.fed:
        o.slow_retrievals(oracle, recording.limits(*_loaded()).by_profile[name]["rag_timeout_seconds"])
    expected = dict(oracle.records)
    none: o.Labels = frozenset()
    expected[recording.APP_INFO] = {frozenset({("kind", profile.kind)}): 1.0}
    if "availability" in oracle.fed:
        expected["job:availability:current"] = {none: 0.5}
    expected |= {series((), key, "threshold"): {none: value} for key, value in found.items()}
    both = ((name, o.JOB), (ANOTHER, _another(seed)))
    whole = o.world(profile, feeds, 0)  # what is missing here must not be taken from there
    inputs = [*_raw(name, made), *_raw(ANOTHER, whole, _another(seed)), *_elsewhere(expected, seed)]
    for who, job in both:
        inputs += [_input("up", {"job": job, "profile": who, "instance": "one:80"}, "1x40"),
                   _input("up", {"job": job, "profile": who, "instance": "two:80"}, "0x40")]
    inputs += [_input(key, dict(labels) | {"job": job, "profile": who}, f"{value!r}x40")
               for who, job, given in ((name, o.JOB, made.given), (ANOTHER, _another(seed), whole.given))
               for key, vector in given.items() for labels, value in vector.items()]
    inputs += [_input(o.PRICE, {"model": model, "type": kind}, f"{value!r}x40") for (model, kind), value in prices.items()]
    return Case(f"profile-{name}", inputs, NOW_MINUTES, expected, name, frozenset(made.given) | {recording.LAST_LINE})


def _last_line(name: str, profile: settings.Profile) -> Case:
    """When each of some jobs has last written a line. The other profile has the same jobs, and writes for all of them."""
    feeds = recording.sources(profile)
    lines, plain = ([source.metric for source in feeds[key].metrics()] for key in ("log_lines", "log_plain_lines"))
    always, never, once = "0+60x20", "0x20", "0+60x15 900x4"
    jobs = {  # job → lines, plain lines, whether it is an app of this profile, the minute when it last wrote
        "busy": (always, never, "1x20", 20), "stopped": (once, never, "1x20", 15), "plain": (never, once, "1x20", 15),
        "mute": (never, never, "1x20", None), "gone": (once, never, "1x16 stale", None),
        "back": ("0+60x3 180x16", never, "1x3 stale _x11 1x4", None), "missed": ("0+60x3 180x16", never, "1x3 stale _x4 1x11", 3)}
    inputs, expected = [], {}
    for job, (levels, text, is_app, last) in jobs.items():
        here, there = {"job": job, "profile": name}, {"job": job, "profile": ANOTHER}
        inputs += [_input(metric, here, levels) for metric in lines] + [_input(metric, here, text) for metric in plain]
        inputs += [_input(metric, there, always) for metric in (*lines, *plain)]
        inputs += [_input(recording.APP_INFO, here | {"kind": "app"}, is_app), _input(recording.LAST_LINE, there, "7x20"),
                   _input(recording.APP_INFO, there | {"kind": "app"}, "1x20")]
        if last is not None:
            expected[frozenset(here.items())] = 60.0 * last
    others = {rule["record"] for rule in load(f"profile-{name}")} - {recording.LAST_LINE}
    return Case(f"profile-{name}", inputs, 20, {recording.LAST_LINE: expected}, name, frozenset(others), every=1)


def disturbed(name: str) -> tuple[Case, Case] | None:
    """What a profile's PromQL expressions read; and the same after another past, beside another profile's series.

    No oracle knows what they record, but it must be the same. None: the profile has no expressions.
    """
    profile = _loaded()[1][name][0]
    feeds = {key: feed for key, feed in recording.sources(profile).items() if feed.expr}
    rng = random.Random(name)
    read: dict[str, _Read] = {}
    for feed in feeds.values():
        _note(read, feed)
    calm, other = [], []
    for metric, one in sorted(read.items()):
        for labels in o.combinations(one.labels, rng):
            labels = frozenset((key, value) for key, value in labels if value)
            pace, since = rng.choice((0, 1, 3, 12, 40)), LONG_MINUTES - one.window // 60 - 1
            then = 1_000_000 + pace * since
            now = f"{then}+{pace}x{LONG_MINUTES - since}" if one.window else f"{pace}x{LONG_MINUTES - since}"
            for inputs, before in ((calm, pace), (other, 3 * pace + 7)):
                past = f"{then - before * since}+{before}x{since - 1}" if one.window else f"{before}x{since - 1}"
                inputs.append(_input(metric, dict(labels) | {"job": o.JOB, "profile": name}, f"{past} {now}"))
            for job in (o.JOB, "elsewhere"):
                other.append(_input(metric, dict(labels) | {"job": job, "profile": ANOTHER}, f"5+2x{LONG_MINUTES}"))
    given = {detail for key in feeds if (detail := _detail(key))}
    others = frozenset({rule["record"] for rule in load(f"profile-{name}")} - given)
    return (Case(f"profile-{name}", calm, LONG_MINUTES, {}, name, others),
            Case(f"profile-{name}", other, LONG_MINUTES, {}, name, others)) if feeds else None


@dataclass
class _Read:
    """A metric that an expression reads: label → values; the longest window in seconds, 0 for a gauge."""

    labels: dict[str, list[str]]
    window: int = 0


def _note(read: dict[str, _Read], feed: settings.Feed) -> None:
    """What the feed's expression reads, with labels that let its operators find their partners."""
    tree = ql.parse(feed.expr.replace("$sel", 'profile=""'))
    plain = not tree.aggregates and not any(one.matching for one in tree.binaries)
    every = [matcher for one in tree.selectors for matcher in one.matchers]
    for one in tree.selectors:
        labels: dict[str, list[str]] = {"instance": ["one:80", "two:80"]}
        wanted = {getattr(label, "source", label) for label in feed.labels.values()} if plain else set()
        window, node = one.window or 0, one.parent
        while node:
            wanted |= {*node.by} if isinstance(node, ql.Aggregate) else {*node.on} if isinstance(node, ql.Binary) else set()
            window = max(window, node.window or 0) if isinstance(node, ql.Subquery) else window
            node = node.parent
        labels |= {label: [f"{label};a", f"{label};b"] for label in wanted - {"job", "instance"}}
        for matcher in every if plain else one.matchers:
            if matcher.name != "profile":
                labels[matcher.name] = [*labels.get(matcher.name, []), *o.examples(matcher.op, matcher.value)]
        known = read.setdefault(one.name, _Read({}))
        known.window = max(known.window, int(window))
        for label, values in labels.items():
            known.labels[label] = list(dict.fromkeys([*known.labels.get(label, []), *values]))


def _detail(signal: str) -> str:
    one = SIGNALS[signal]
    return series(one.labels, signal, "rate5m" if one.kind == "counter" else "current")


def labelled(name: str, profile: str, got: dict[o.Labels, float]) -> bool:
    """Whether what an expression feeds has the labels that its profile maps, and the job's own."""
    feed = recording.sources(_loaded()[1][profile][0])[name.split(":")[1]]
    return all({key for key, _ in one} == {*feed.labels, *feed.set} for one in got)


def _windows(name: str, profile: settings.Profile, seed: int) -> Case:
    rules = load(f"windows-{name}")
    feeds = recording.sources(profile)
    oracle = o.Oracle(profile, {key: feeds[key] for key in SIGNALS if key in feeds}, o.world(profile, feeds, 0), {})
    made = {rule["record"] for rule in rules}
    read = {found for rule in rules for found in re.findall(r"\b[a-z][a-z0-9_]*:\w+:\w+\b", rule["expr"])} - made
    courses = o.lines(read, o.label_names, seed)
    expected = o.windows(oracle, courses)
    inputs = [_input(key, dict(labels) | {"job": job, "profile": who}, f"{line.start!r}{line.step:+}x{o.STEPS}")
              for who, job in ((name, o.JOB), (ANOTHER, _another(seed)))
              for key, vector in courses.items() for labels, line in vector.items()]
    inputs += _elsewhere(expected, seed, o.STEPS)
    return Case(f"windows-{name}", inputs, o.STEPS * o.STEP_SECONDS // 60, expected, name)


def _objectives(loaded: settings.Settings, profiles: recording.Profiles, name: str, seed: int) -> Case:
    mine = [one for one in slo.slos(loaded, profiles) if one.profile == name and one.job is None]
    rng, none = random.Random(f"{name} {seed}"), frozenset[tuple[str, str]]()
    given: dict[str, o.Vector] = {"job:availability:current": {none: 0.75},
                                  recording.APP_INFO: {frozenset({("kind", "app")}): 1.0}}
    for one in mine:
        for name_of in filter(None, (one.sli.events, one.sli.bad, one.sli.good)):
            events = name_of == one.sli.events
            if not seed or seed == 1 and events or seed == 2 and (events or one.sli.events in given) and rng.random() < 0.65:
                given.setdefault(name_of, {none: rng.randint(1, 80) / 8 + 10 * (name_of == one.sli.events)})
        if one.within is not None:
            given[f"job_le:{one.sli.within}_bucket:rate5m"] = {
                frozenset({("le", text)}): rng.randint(1, 80) / 8
                for text in {f"{one.within}", "0.0625", "+Inf"} if not (seed == 2 and text == f"{one.within}")}
    inputs = [_input(key, dict(labels) | {"job": job, "profile": who}, f"{value!r}x40")
              for who, job in ((name, o.JOB), (ANOTHER, _another(seed)))
              for key, vector in given.items() for labels, value in vector.items()]
    return Case(f"slo-{name}", inputs, NOW_MINUTES, o.objectives(mine, given), name)


def _budgets(stem: str, seed: int) -> Case:
    events, bad, objective = slo.EVENTS, slo.BAD, slo.OBJECTIVE
    found = o.lines([events], lambda _: ["slo"], 0) | {
        bad: {key: o.Line(1 + i, (2 - 3 * (seed % 2)) / 65536 / (1 + i)) for i, key in enumerate(
            sorted(o.lines([events], lambda _: ["slo"], 0)[events], key=sorted)) if i != 1 or not seed}}
    promised = {frozenset({("slo", f"slo-{x}")}): 0.9 + i / 20 for i, x in enumerate("ab")}
    profile = "support-agent"
    inputs = [_input(key, dict(labels) | {"job": o.JOB, "profile": profile}, f"{line.start!r}{line.step:+}x{o.STEPS}")
              for key, vector in found.items() for labels, line in vector.items()]
    inputs += [_input(objective, dict(labels) | {"job": o.JOB, "profile": profile}, f"{value!r}x{o.STEPS}")
               for labels, value in promised.items()]
    expected = {name: vector for name, vector in o.budgets(found[events], found[bad], promised).items()
                if name in {rule["record"] for rule in load(stem)}}
    return Case(stem, inputs, o.STEPS * o.STEP_SECONDS // 60, expected, profile)


def _patterns(loaded: settings.Settings, profiles: recording.Profiles) -> Case:
    """Lines that match each pattern, of a job that has all and of one that has every other, for longer than any window."""
    found, inputs = logs.patterns(loaded), []
    expected: dict[str, o.Vector] = {recording.LOGS_EXPECTED: {
        frozenset({("job", app.job), ("profile", app.profile)}): 1.0 for app in logs.apps(loaded, profiles, "native")}}
    for i, one in enumerate(found.all()):
        pattern = one.pattern
        limit = found.limits.get(pattern.name, pattern.limit)
        assert pattern.name not in {name for limits in found.own_limits.values() for name in limits}, "not known here"
        for j, job in enumerate(("all", f"other-{i % 2}")):
            rate, who = (i + 1) / 16 + j, {("job", job), ("pattern", pattern.name)}
            inputs.append(_input("job_pattern:log_pattern_matches:rate5m", dict(who) | {"profile": "p"}, f"{rate}x{LONG_MINUTES}"))
            # A minute's samples, of which the rule takes each for half a minute.
            counted = rate * 300 if pattern.window == "5m" else rate * ql.seconds(pattern.window) / 60 * 30
            expected.setdefault(recording.MATCHES, {})[frozenset(who | {("window", pattern.window)})] = math.floor(counted + 0.5)
            if limit is not None:
                expected.setdefault(recording.MATCHES_LIMIT, {})[frozenset(who | {("severity", pattern.severity)})] = float(limit)
    return Case("logs", inputs, LONG_MINUTES, expected, "")


def load(stem: str) -> list[dict[str, Any]]:
    data = yaml.load((ROOT / "prometheus" / "rules" / f"{stem}.yml").read_text(), yaml.CSafeLoader)
    return [rule for group in data["groups"] for rule in group["rules"]]


def _another(seed: int) -> str:
    """The job whose targets have the other profile."""
    return o.JOB if seed else "elsewhere"


def _elsewhere(expected: dict[str, o.Vector], seed: int, steps: int = 40) -> Iterator[dict[str, str]]:
    """What the rules of another profile record under the same names."""
    for name, vector in expected.items():
        for labels in vector:
            yield _input(name, dict(labels) | {"job": _another(seed), "profile": ANOTHER}, f"7x{steps}")


def _raw(profile: str, made: o.World, job: str = o.JOB) -> Iterator[dict[str, str]]:
    for name, vector in made.samples.items():
        for labels, value in vector.items():
            if name in made.gauges:
                text = f"7x{NOW_MINUTES - 4} {value!r}x20"
            else:  # another pace before; far from zero, or rates would be drawn towards it
                pace, minute = 60 * value, NOW_MINUTES - 6
                text = f"1000000+{3 * pace + 30!r}x{minute} {1000000 + minute * (3 * pace + 30) + pace!r}+{pace!r}x20"
            yield _input(name, dict(labels) | {"job": job, "profile": profile}, text)


def _input(name: str, labels: dict[str, str], values: str) -> dict[str, str]:
    inside = ", ".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return {"series": f"{name}{{{inside}}}", "values": values}
