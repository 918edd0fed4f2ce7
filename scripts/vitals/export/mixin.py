"""A jsonnet mixin: rules, alerts and dashboards as data, with the parts that `_config` changes left open.

What is open in a text is found by the linter's parser, which knows where each selector and label stands. What the
open parts become is jsonnet/lib.libsonnet, written by hand; limits are no text at all but `_config.thresholds`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from vitals import alerts, recording, slo
from vitals import promql as q
from vitals.export.bundle import Bundle, Json
from vitals.export.jsonnet import Code, Parts, field, text, write
from vitals.lint import expression
from vitals.recording import bounds, le_pattern, missing_signals
from vitals.settings import Profile
from vitals.signals import INTERVAL_SECONDS, THRESHOLDS, threshold_series

SOURCES = Path(__file__).with_name("jsonnet")
FOLDER = "Agent Vitals"
MADE = "// Made by `vitals export mixin`. Change _config instead, or what it was made from, and export again.\n"

# Whose interval a group has, by the name of its file: the first that fits.
INTERVALS = (("alerts-", "alerts"), ("windows-", "windows"), ("slo-budget", "budget"), ("", "rules"))

_LABEL_VALUES = re.compile(r"(label_values\()(.*)(,\s*\w+\))", re.S)
_ASKED = re.compile(r'(?<=query \(printf ")(?:[^"\\]|\\.)*')
_READ = re.compile(r"([A-Za-z_][\w:]*:[\w:]*)(\{[^{}]*)?")


def files(bundle: Bundle) -> dict[str, str]:
    mixin = _Mixin(bundle)
    found = {"lib.libsonnet": (SOURCES / "lib.libsonnet").read_text(),
             "README.md": (SOURCES / "README.md").read_text().format(version=bundle.version, folder=FOLDER),
             "jsonnetfile.json": json.dumps({"version": 1, "dependencies": [], "legacyImports": True}, indent=2) + "\n",
             "config.libsonnet": mixin.config(), "known.libsonnet": MADE + write(mixin.known()) + "\n"}
    for path, content in mixin.parts.items():
        found[path] = f"{MADE}{content}\n"
    return {**found, "mixin.libsonnet": mixin.whole()}


@dataclass(frozen=True)
class _Mixin:
    bundle: Bundle

    # --- files

    @cached_property
    def parts(self) -> dict[str, str]:
        """Path → a function of ``c``, which is lib.libsonnet with _config: rules/, alerts/ and dashboards/."""
        found = {_path(name): self._rules(name, content) for name, content in self.rules.items()}
        for uid, model in self.bundle.dashboards.items():
            shown = _Words(self.recorded, self.links, where="Shown")
            found[f"dashboards/{uid}.libsonnet"] = f"function(c) {write(shown.model(model))}"
        return found

    @cached_property
    def rules(self) -> dict[str, Json]:
        """The rule files, and that of the user's apps though there are none yet: _config may name some."""
        apps = {"groups": [{"name": "apps", "interval": f"{INTERVAL_SECONDS}s", "rules": []}]}
        return dict(sorted({"apps": apps, **self.bundle.rules}.items()))

    @cached_property
    def recorded(self) -> frozenset[str]:
        """What rules make; every other name is a metric as it is scraped."""
        records = {rule["record"] for content in self.rules.values() for group in content["groups"]
                   for rule in group["rules"] if "record" in rule}
        return frozenset({"ALERTS", recording.EXPECTED, *map(threshold_series, THRESHOLDS), *records})

    @cached_property
    def links(self) -> dict[str, Code]:
        """Addresses that texts begin with, the longer one first."""
        links = self.bundle.settings.file.links
        found = {links.runbooks: Code("c.runbooks"), links.grafana: Code("c.grafana")}
        return dict(sorted(found.items(), key=lambda item: -len(item[0])))

    def whole(self) -> str:
        def imports(folder: str) -> Iterable[str]:
            return (path for path in self.parts if path.startswith(folder))

        def groups(folder: str) -> Code:
            return Code("{\n    groups+: std.flattenArrays([\n" + "".join(
                f"      (import '{path}')(c),\n" for path in imports(folder)) + "    ]),\n  }")

        boards = "".join(f"    '{Path(path).stem}.json': c.dashboard((import '{path}')(c)),\n"
                         for path in imports("dashboards/"))
        return (f"{MADE}(import 'config.libsonnet') + {{\n  local c = (import 'lib.libsonnet')($._config),\n\n"
                "  grafanaDashboardFolder:: $._config.dashboards.folder,\n"
                f"  grafanaDashboards+:: {{\n{boards}  }},\n\n"
                f"  prometheusAlerts+:: {groups('alerts/')},\n\n  prometheusRules+:: {groups('rules/')},\n}}\n")

    # --- rules

    def _rules(self, name: str, content: Json) -> str:
        profile = name.partition("-")[2] if name.partition("-")[0] in ("profile", "windows", "slo") else ""
        words = _Words(self.recorded, self.links, profile)
        interval = next(key for prefix, key in INTERVALS if name.startswith(prefix))
        own = text(profile)
        more = {"profile": f" + c.thresholds({own})", "apps": " + c.apps()"}.get(name.partition("-")[0], "")
        groups = []
        for group in content["groups"]:
            is_alerts = name.startswith("alerts-")
            rules = [words.alert(rule) if is_alerts else self._record(words, rule, profile) for rule in group["rules"]
                     if not self._limits(name, rule)]
            made = Code(f"c.{'alerts' if is_alerts else 'records'}({write(rules, 6)}{more})")
            groups.append({**group, "interval": Code(f"c.interval('{interval}')"), "rules": made})
        local = (f"\n  local raw = c.raw({own});  // this profile's metrics as they are scraped\n"
                 f"  local here = c.here({own});  // what is recorded of them\n" if profile else "\n")
        return f"function(c){local}  c.groups({write(groups, 2)})"

    def _limits(self, name: str, rule: Json) -> bool:
        """Rules that lib.libsonnet makes of _config.thresholds and _config.apps."""
        return name == "apps" or name.startswith("profile-") and rule["record"].endswith(":threshold")

    def _record(self, words: _Words, rule: Json, profile: str) -> Json:
        expr, more = rule["expr"], []
        objective = self.objectives.get((profile, rule.get("labels", {}).get("slo", "")))
        if rule["record"].endswith(":rag_slow_ratio:rate5m"):
            within = le_pattern(self.limits[profile]["rag_timeout_seconds"])
            more.append(_hole(expr, f'le=~"{within}"', 5, -1, f"c.bound({text(profile)}, 'rag_timeout_seconds')"))
        elif objective and 'job="' not in expr:
            own = f"({text(profile)}, {text(objective.sli.name)}"
            limits = {slo.limit(burn.long): burn for burn in slo.BURNS}
            if rule["record"] == slo.OBJECTIVE:
                more.append(_end(expr, objective.objective, f"c.objective{own})"))
            elif rule["record"] in limits:
                burn = limits[rule["record"]]
                more.append(_end(expr, objective.limit(burn), f"c.burn{own}, {q.number(burn.factor)})"))
            elif rule["record"] == slo.BAD and objective.within is not None:
                more.append(_hole(expr, f'le=~"{le_pattern(objective.within)}"', 5, -1, f"c.within{own})"))
        return {**rule, "expr": words.expr(expr, more)}

    # --- what _config holds

    @cached_property
    def limits(self) -> dict[str, dict[str, Decimal]]:
        return recording.limits(self.bundle.settings, self.bundle.profiles).by_profile

    @cached_property
    def objectives(self) -> dict[tuple[str, str], slo.Slo]:
        """Those of the profiles: (profile, indicator) → objective. A single app's own stay as they are."""
        return {(found.profile, found.sli.name): found for found in slo.slos(self.bundle.settings, self.bundle.profiles)
                if not found.job}

    def config(self) -> str:
        links, models = self.bundle.settings.file.links, list(self.bundle.dashboards.values())
        slos: dict[str, Any] = {}
        for (profile, name), found in self.objectives.items():
            within = {} if found.within is None else {"within_seconds": found.within}
            slos.setdefault(profile, {})[name] = {"objective": found.objective, **within}
        apps = {app.job: {"profile": app.profile, **({"thresholds": dict(sorted(app.thresholds.items()))}
                                                     if app.thresholds else {})}
                for app in sorted(self.bundle.settings.apps, key=lambda app: app.job)}
        return MADE + CONFIG.format(
            intervals=write({"rules": f"{INTERVAL_SECONDS}s", "windows": "1m", "alerts": "30s", "budget": "2m"}, 4),
            runbooks=text(links.runbooks), grafana=text(links.grafana), folder=text(FOLDER),
            tags=write(_same(model["tags"] for model in models)), refresh=write(_same(m["refresh"] for m in models)),
            apps=write(apps, 4), thresholds=self._commented(), slos=write(slos, 4))

    def _commented(self) -> str:
        lines = ["{"]
        for profile, found in self.limits.items():
            lines.append(f"      {field(profile)}: {{")
            lines += [f"        {name}: {q.number(value)},  // {THRESHOLDS[name].unit}: {THRESHOLDS[name].text}"
                      for name, value in sorted(found.items())]
            lines.append("      },")
        return "\n".join([*lines, "    }"])

    def known(self) -> Json:
        """What may stand in _config: limits with what bounds them, objectives, alerts."""
        thresholds = {name: self._allowed(profile) for name, (profile, _) in self.bundle.profiles.items()}
        slos: dict[str, Any] = {name: {} for name in self.bundle.profiles}
        for (profile, name), found in self.objectives.items():
            sli = found.sli
            buckets = {"buckets": bounds(self.bundle.profiles[profile][0], sli.within)} if sli.within else {}
            slos[profile][name] = {"promise": sli.promise, "promiseIsBad": sli.promise_is_bad, **buckets}
        return {"thresholds": thresholds, "slos": slos, "alerts": sorted(alerts.all_alerts())}

    def _allowed(self, profile: Profile) -> Json:
        found: Json = {}
        for name, threshold in sorted(THRESHOLDS.items()):
            if missing_signals(threshold, profile) or profile.kind == "probe" and not threshold.needs:
                continue
            if threshold.bound_of and name not in self.limits[profile.profile]:
                continue  # it would need rules that are not there
            found[name] = {"max": bounds(profile, threshold.quantile_of)[-1]} if threshold.quantile_of else {}
            if threshold.bound_of:
                found[name] = {"oneOf": bounds(profile, threshold.bound_of)}
        return found


CONFIG = """\
{{
  _config+:: {{
    // The label of targets, and of what is recorded, that names an app's profile.
    profileLabel: 'profile',
    // Further matchers of every metric as it is scraped, such as 'cluster="eu-1"'. README.md: More than one cluster.
    selector: '',
    // Labels of every recorded series; whatever reads one asks for them.
    recordLabels: {{}},
    // Labels of every alert.
    alertLabels: {{}},
    // What the severities are called where alerts go.
    severities: {{ critical: 'critical', warning: 'warning', info: 'info' }},

    // How often groups are evaluated: what reads metrics, long windows, alerts, and error budgets of days. Sums over
    // windows count samples, and follow `rules`; more than a minute leaves too few of them in five minutes.
    intervals: {intervals},

    // Where annotations point: <runbooks>/<alert>, <grafana>/d/<uid>.
    runbooks: {runbooks},
    grafana: {grafana},

    dashboards: {{
      folder: {folder},
      tags: {tags},
      refresh: {refresh},
      // Names of the data sources that dashboards open with; null: Grafana's default.
      datasource: null,
      logsource: null,
      // Further matchers of every query, such as 'cluster=~"$cluster"', and the variables that they ask for.
      selector: '',
      variables: [],
    }},

    // Alert → what is to be different: enabled, for, keep_firing_for, severity.
    alerts: {{}},

    // Apps that should be there (an alert fires when one has vanished), each with limits of its own.
    // 'my-agents': {{ profile: 'otel-genai', thresholds: {{ http_error_ratio: 0.02 }} }},
    apps: {apps},

    // Limits, by profile. They are recorded as series, which alerts compare with and dashboards draw.
    thresholds: {thresholds},

    // Objectives, by profile: the share of events (of time) that must be good over 30 days.
    slos: {slos},
  }},
}}
"""


def _path(name: str) -> str:
    area = name.removeprefix("alerts-")
    return f"rules/{name}.libsonnet" if area == name else f"alerts/{area}.libsonnet"


def _same(values: Iterable[Any]) -> Any:
    """What they all have; None: each its own."""
    found = list(values)
    return found[0] if all(value == found[0] for value in found) else None


# --- what is open in a text ----------------------------------------------------------------------------------

Edit = tuple[int, int, tuple[str, ...]]  # from, to, what stands there instead: text and Code


def _hole(expr: str, around: str, skip: int, end: int, code: str) -> Edit:
    at = expr.index(around)
    return at + skip, at + len(around) + end, (Code(code),)


def _end(expr: str, value: Decimal, code: str) -> Edit:
    number = q.number(value)
    assert expr.endswith(f" * {number}"), expr
    return len(expr) - len(number), len(expr), (Code(code),)


def _applied(value: str, edits: Iterable[Edit]) -> str | Parts:
    parts: list[str] = []
    at = 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        parts += [value[at:start], *new]
        at = end
    parts.append(value[at:])
    joined: list[str] = []
    for part in filter(None, parts):
        if joined and not isinstance(part, Code) and not isinstance(joined[-1], Code):
            joined[-1] += part
        else:
            joined.append(part)
    return Parts(joined) if any(isinstance(part, Code) for part in joined) else value


@dataclass(frozen=True)
class _Words:
    """Finds what is open in the texts of one file, which is a profile's, or of a dashboard (``where`` it is shown)."""

    recorded: frozenset[str]
    links: dict[str, Code]
    profile: str = ""
    where: str = ""

    def alert(self, rule: Json) -> Json:
        return {**rule, "expr": self.expr(rule["expr"]),
                "annotations": {name: self._told(value) for name, value in rule["annotations"].items()}}

    def expr(self, expr: str, more: Iterable[Edit] = (), variables: bool = False) -> str | Parts:
        tree = expression.parse(expr, variables)
        edits = list(more)
        for selector in tree.selectors:
            edits += self._selector(expr, selector)
        for aggregate in tree.aggregates:
            if "profile" in aggregate.by:
                edits.append((*tree.by_span(aggregate, "profile"), (Code("c.profile"),)))
        for binary in tree.binaries:
            if "profile" in (*binary.on, *binary.include):
                for found in re.finditer(r"\bprofile\b", expr[binary.op_start:binary.right.outer[0]]):
                    edits.append((binary.op_start + found.start(), binary.op_start + found.end(), (Code("c.profile"),)))
            if binary.op == "*" and isinstance(binary.right, expression.Number) and _counts_samples(binary):
                edits.append((*binary.right.span, (Code("c.seconds"),)))
        for call in tree.calls:
            for argument in call.args:
                if isinstance(argument, expression.String) and argument.value == "profile":
                    edits.append((argument.start + 1, argument.end - 1, (Code("c.profile"),)))
        return _applied(expr, edits)

    def _selector(self, expr: str, selector: expression.Selector) -> Iterable[Edit]:
        recorded = selector.name in self.recorded
        more = self.where + ("" if recorded else "Raw")
        own = selector.matcher("profile")
        for matcher in selector.matchers:
            if matcher.name == "severity" and selector.name == "ALERTS":
                yield from self._severities(expr, matcher)
        if own and own.op == "=" and not own.variable:
            which = "here" if recorded else "raw"
            code = which if own.value == self.profile else f"c.{which}({text(own.value)})"
            yield own.start, own.end, (Code(code),)
            return
        if own:
            yield own.start, own.start + len("profile"), (Code("c.profile"),)
        if selector.matchers:
            end = selector.matchers[-1].end
            yield end, end, (Code(f"c.and{more}"),)
        else:
            assert selector.name and expr[selector.start:].startswith(selector.name), expr
            end = selector.start + len(selector.name)
            yield end, end, (Code(f"c.all{more}"),)

    def _severities(self, expr: str, matcher: expression.Matcher) -> Iterable[Edit]:
        start, end = matcher.value_span
        for found in re.finditer(r"\w+", expr[start:end]):
            yield start + found.start(), start + found.end(), (Code(f"c.severity({text(found[0])})"),)

    def _told(self, value: str) -> str | Parts:
        """A text of an alert: the queries in it, labels it shows, and where it points."""
        edits: list[Edit] = []
        for asked in _ASKED.finditer(value):
            for found in _READ.finditer(asked[0]):
                if found[1] in self.recorded:
                    end = asked.start() + found.end()
                    edits.append((end, end, (Code("c.andTold" if found[2] else "c.allTold"),)))
        edits += [(*found.span(), (Code("c.profile"),)) for found in re.finditer(r"(?<=\$labels\.)profile\b", value)]
        return _applied(value, [*edits, *self._linked(value)])

    def _linked(self, value: str) -> Iterable[Edit]:
        for link, code in self.links.items():
            if value.startswith(link):
                yield 0, len(link), (code,)
                return

    def model(self, node: Any, key: str = "") -> Any:
        """A dashboard, or a part of one."""
        if isinstance(node, dict):
            return {name: self.model(value, name) for name, value in node.items()}
        if isinstance(node, list):
            return [self.model(value, key) for value in node]
        if not isinstance(node, str):
            return node
        if key in ("definition", "query") and (found := _LABEL_VALUES.fullmatch(node)):
            inner = self.expr(found[2], variables=True)
            return Parts([found[1], *(inner if isinstance(inner, Parts) else [inner]), found[3]])
        if key == "expr":
            return self.expr(node, variables=True)
        return _applied(node, self._linked(node))


def _counts_samples(binary: expression.Binary) -> bool:
    """``sum_over_time(…) * 30``: the samples of a rate, each as long as the interval; so do count_over_time's."""
    number, call = binary.right, binary.left
    return (isinstance(number, expression.Number) and number.value == INTERVAL_SECONDS
            and isinstance(call, expression.Call) and call.func in ("sum_over_time", "count_over_time"))
