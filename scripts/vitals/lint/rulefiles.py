"""Prometheus rule groups and promtool tests, as read from a document.

What Prometheus itself would refuse (an unknown key, a duration that is none) is a finding here, with the key's place.
PromQL is not looked at, but for LogQL: Loki's ruler reads files of the same shape.
"""

from __future__ import annotations

import difflib
import glob
import re
from pathlib import Path
from typing import Any

from vitals.lint.located import Budget, Map, Origin, Seq, Spot
from vitals.lint.model import AlertTest, Check, Extent, Finding, Group, Place, Rule, Source, Text

SCHEMA = Check(
    "rule-schema", "error", ("rules",), "The file does not have the form of a Prometheus rule file",
    "Prometheus refuses the whole file: an unknown key, a missing expression or a duration that cannot be read stops "
    "the reload, and the server goes on with the rules that it had, or does not start.",
    "groups:\n- name: api\n  rules:\n  - alert: ApiDown\n    exprs: up == 0\n    for: 5 minutes",
    "groups:\n- name: api\n  rules:\n  - alert: ApiDown\n    expr: up == 0\n    for: 5m")

# Beside Prometheus' own keys: those of rulers that read the same files (Thanos, Mimir, Cortex, VictoriaMetrics).
GROUP_KEYS = {"name", "interval", "query_offset", "limit", "rules", "labels"}
GROUP_KEYS_ELSEWHERE = {"partial_response_strategy", "source_tenants", "align_evaluation_time_on_interval",
                        "evaluation_delay", "type", "concurrency", "params", "headers", "notifier_headers", "tenant",
                        "eval_offset", "eval_delay", "eval_alignment", "extra_filter_labels", "debug"}
RULE_KEYS = {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
RULE_SIGNS = ("expr", "alert", "record", "condition", "grafana_alert")
RULE_KEYS_ELSEWHERE = {"debug", "update_entries_limit"}

DURATION = re.compile(r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
SECONDS = (31_536_000, 604_800, 86_400, 3600, 60, 1, 0.001)
NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# Strings and comments, in which PromQL too may have a pipe.
QUOTED = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`|#[^\n]*')


def seconds(text: str) -> float | None:
    """A duration as Prometheus writes it, such as `1h30m`; None: it is none."""
    if text == "0":
        return 0.0
    match = DURATION.fullmatch(text)
    if not match or not text:
        return None
    return float(sum(int(n[:15]) * unit for n, unit in zip(match.groups(), SECONDS, strict=True) if n))


def is_groups(node: Any) -> bool:
    """Whether a mapping holds rule groups, so far as its shape tells."""
    if not isinstance(node, Map) or "groups" not in node:
        return False
    groups = node["groups"]
    if not groups:
        return len(node) <= 2  # an empty rule file, perhaps with a namespace
    if not isinstance(groups, Seq):
        return False
    lists = [group.get("rules") for group in groups if isinstance(group, Map) and "rules" in group]
    rules = [rule for found in lists if isinstance(found, Seq) for rule in found if isinstance(rule, Map)]
    # Other things have groups with rules too (firewalls, linters).
    return bool(lists) and (not rules or any(key in rule for rule in rules for key in RULE_SIGNS))


def is_tests(node: Any) -> bool:
    tests = node.get("tests") if isinstance(node, Map) else None
    return isinstance(tests, Seq) and ("rule_files" in node or "evaluation_interval" in node)


class Reader:
    """Reads the groups of one document into a source."""

    def __init__(self, source: Source, origin: Origin, budget: Budget) -> None:
        self.source = source
        self.origin = origin
        self.budget = budget

    def groups(self, node: Map) -> None:
        names: dict[str, int] = {}
        groups = node["groups"] or Seq()
        for group, spot in zip(groups, groups.at, strict=True):
            self.budget.spend(1, self.origin, spot[0])
            if not isinstance(group, Map):
                self._wrong(spot[0], "group", "a group is a mapping with a name and rules", "give it `name:`")
            elif _grafana_managed(group):
                self.source.skipped.append((self.origin.place(spot[0]), "Grafana-managed alert rules"))
            else:
                self._group(group, spot, names)

    def _group(self, node: Map, spot: Spot, names: dict[str, int]) -> None:
        name = str(self._scalar(node, "name") or "")
        subject = f"group {name}"
        place = self.origin.place(node.at["name"][0] if "name" in node.at else spot[0])
        group = Group(name, place, extent=self._extent(spot))
        if not name:
            self._wrong(spot[0], subject, "a group without a name", "give the group a `name:`")
        elif name in names:
            first = self.origin.place(names[name]).line
            self._wrong(spot[0], subject, f"the group {name!r} is already on line {first} of this file",
                        "rename one of the two")
        names.setdefault(name, spot[0])
        self._known(node, subject, GROUP_KEYS, GROUP_KEYS_ELSEWHERE)
        group.interval = self._duration(node, "interval", subject)
        group.offset = self._duration(node, "query_offset", subject)
        group.labels = self._texts(node, "labels", subject)
        rules = node.get("rules")
        if rules is not None and not isinstance(rules, Seq):
            self._wrong(node.at["rules"][0], subject, "`rules` is not a list", "start each rule with `- `")
        read = [rule for i, (child, at) in enumerate(zip(rules, rules.at, strict=True))
                if (rule := self._rule(child, at, group, i))] if isinstance(rules, Seq) else []
        if _other_language(node, read):
            self.source.skipped.append((place, f"group {name} (LogQL, or another language than PromQL)"))
            return
        group.rules = read
        self.source.groups.append(group)

    def _rule(self, node: Any, spot: Spot, group: Group, index: int) -> Rule | None:
        self.budget.spend(1, self.origin, spot[0])
        if not isinstance(node, Map):
            self._wrong(spot[0], f"group {group.name}", "a rule is a mapping with `alert` or `record`, and `expr`",
                        "write it so")
            return None
        given = [key for key in ("alert", "record") if key in node]
        name = self._text(node, given[0]) if given else None
        subject = f"{given[0]} {name.value}" if name else f"rule {index + 1} of group {group.name}"
        if len(given) != 1:
            self._wrong(spot[0], subject, "a rule with both `alert` and `record`" if given else
                        "a rule with neither `alert` nor `record`", "give it exactly one of the two")
        self._known(node, subject, RULE_KEYS, RULE_KEYS_ELSEWHERE)
        if given and (name is None or not name.value.strip()):
            self._wrong(node.at[given[0]][0], subject, f"`{given[0]}` is empty", "give the rule a name")
        expr = self._text(node, "expr")
        if expr is None or not expr.value.strip():
            self._wrong(spot[0] if expr is None else node.at["expr"][0], subject, "a rule without an expression",
                        "give it `expr:`")
            return None
        if len(given) != 1 or name is None or not name.value.strip():
            return None
        kind = "alert" if given == ["alert"] else "record"
        rule = Rule("alert" if kind == "alert" else "record", name, expr, group, index)
        rule.extent = self._extent(spot)
        rule.keys = {key: self.origin.place(node.keys_at.get(key, node.at[key][0])) for key in node}
        rule.hold = self._duration(node, "for", subject)
        rule.keep = self._duration(node, "keep_firing_for", subject)
        rule.labels = self._texts(node, "labels", subject)
        rule.annotations = self._texts(node, "annotations", subject)
        if kind == "record":
            for key in ("for", "keep_firing_for", "annotations"):
                if key in node:
                    self._wrong(node.at[key][0], subject, f"a recording rule has no `{key}`", f"remove `{key}`")
            if not METRIC.fullmatch(name.value):
                self._wrong(node.at["record"][0], subject, f"{name.value!r} is not a metric name",
                            "use letters, digits, _ and : only")
        return rule

    # --- keys and values

    def _known(self, node: Map, subject: str, known: set[str], elsewhere: set[str]) -> None:
        for key in node:
            if key not in known and key not in elsewhere:
                close = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.5)
                self._wrong(node.keys_at.get(key, node.at[key][0]), subject, f"unknown key `{key}`",
                            f"did you mean `{close[0]}`?" if close else "remove it")

    def _scalar(self, node: Map, key: str) -> str | None:
        text = self._text(node, key)
        return text.value if text else None

    def _text(self, node: Map, key: str) -> Text | None:
        value = node.get(key)
        if value is None:
            return None
        if isinstance(value, Map | Seq):
            self._wrong(node.at[key][0], f"key {key}", f"`{key}` is not a text", "write one value")
            return None
        return self.origin.value(value, node.at[key])

    def _duration(self, node: Map, key: str, subject: str) -> float | None:
        text = self._text(node, key)
        if text is None:
            return None
        value = seconds(text.value)
        if value is None:
            self._wrong(node.at[key][0], subject, f"`{key}: {text.value[:40]}` is not a duration",
                        "write it like 30s, 5m, 1h30m")
        return value

    def _texts(self, node: Map, key: str, subject: str) -> dict[str, Text]:
        found: dict[str, Text] = {}
        values = node.get(key)
        if values is None:
            return found
        if not isinstance(values, Map):
            self._wrong(node.at[key][0], subject, f"`{key}` is not a mapping", "write it as `name: value` lines")
            return found
        self.budget.spend(len(values), self.origin, node.at[key][0])
        for name, value in values.items():
            spot = values.at[name]
            if isinstance(value, Map | Seq):
                self._wrong(spot[0], subject, f"`{key}.{name}` is not a text", "write one value")
                continue
            if not NAME.fullmatch(name) or name == "__name__":
                self._wrong(values.keys_at.get(name, spot[0]), subject, f"{name!r} is not a label name",
                            "use letters, digits and _ only")
            found[name] = self.origin.value("" if value is None else value, spot)
        return found

    def _extent(self, spot: Spot) -> Extent:
        start, end, _ = spot
        while end > start and self.origin.text[end - 1:end].isspace():
            end -= 1
        return self.origin.place(start), self.origin.place(max(start, end - 1))

    def _wrong(self, index: int, subject: str, message: str, fix: str) -> None:
        self.source.findings.append(
            Finding(SCHEMA.id, SCHEMA.severity, message, fix, self.origin.place(index), subject))


def _grafana_managed(group: Map) -> bool:
    rules = group.get("rules")
    return isinstance(rules, Seq) and bool(rules) and all(
        isinstance(rule, Map) and ("condition" in rule or "grafana_alert" in rule) for rule in rules)


def _other_language(node: Map, rules: list[Rule]) -> bool:
    """LogQL has pipes, PromQL has none. VictoriaMetrics names the language in the group."""
    if node.get("type") in ("graphite", "vlogs"):
        return True
    return any("|" in rule.expr.value and "|" in QUOTED.sub("", rule.expr.value) for rule in rules)


def tests(source: Source, origin: Origin, node: Map) -> None:
    """The alert tests of a promtool test file. Its rule files are given relative to its own folder."""
    folder = Path(source.file).parent
    files: list[str] = []
    for pattern in node.get("rule_files") or []:
        path = str(folder / str(pattern))
        files += sorted(glob.glob(path)) or [path]  # noqa: PTH207 (may be absolute)
    resolved = tuple(str(Path(file).resolve()) for file in files)
    for test in node["tests"]:
        entries = test.get("alert_rule_test") if isinstance(test, Map) else None
        for entry, spot in zip(entries, entries.at, strict=True) if isinstance(entries, Seq) else ():
            if isinstance(entry, Map) and isinstance(entry.get("alertname"), str):
                place: Place = origin.place(spot[0])
                source.tests.append(AlertTest(entry["alertname"], bool(entry.get("exp_alerts")), place, resolved))
