"""docs/parity.yaml: what is asked for, in the reference documents and beyond, and what serves it. Checked; a page."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from vitals import alerts, promql, yamlfile
from vitals.recording import Profiles
from vitals.settings import Settings
from vitals.signals import SIGNALS, THRESHOLDS

IDS = {"A": 27, "T": 32, "P": 57, "C": 6, "L": 20}
TITLES = {"A": "Alerts", "T": "Thresholds without a rule", "P": "Dashboard panels", "C": "Conditions of alert rules",
          "L": "What good dashboards for language models show"}
SERVES = ("alert", "panel", "signal", "threshold")
KEYS = {*SERVES, "asks", "profile", "limit", "note", "differs"}

Entry = dict[str, Any]


def load(settings: Settings) -> yamlfile.Document:
    return yamlfile.load(settings.root / "docs" / "parity.yaml")


def check(settings: Settings, profiles: Profiles, panels: set[str]) -> list[str]:
    """What is wrong, one line each: ids missing or unknown, names that point at nothing, limits that differ.

    ``panels`` holds every panel as ``dashboard uid/title``.
    """
    document = load(settings)
    wanted = {f"{letter}{i:02}" for letter, count in IDS.items() for i in range(1, count + 1)}
    problems = [f"{document.path}: {key} is missing" for key in sorted(wanted - set(document.data))]
    known = {"alert": set(alerts.all_alerts()), "panel": panels, "signal": set(SIGNALS), "threshold": set(THRESHOLDS)}
    for key, entry in document.data.items():
        def problem(text: str, key: str = str(key)) -> str:
            return str(document.error((key,), text))

        if key not in wanted:
            problems.append(problem("is no id of anything that was asked for"))
        if unknown := set(entry) - KEYS:
            problems.append(problem(f"unknown key {sorted(unknown)[0]}"))
        if "asks" not in entry:
            problems.append(problem("does not say what was asked for"))
        if not entry.get("differs") and not any(entry.get(kind) for kind in ("alert", "panel", "signal")):
            problems.append(problem("is served by nothing, and does not say why (differs)"))
        for kind in SERVES:
            for name in names(entry, kind):
                if name not in known[kind]:
                    problems.append(problem(f"{kind} {name!r} does not exist" + yamlfile.nearest(name, known[kind])))
        problems += [problem(text) for text in _limit(entry, profiles)]
    return problems


def _limit(entry: Entry, profiles: Profiles) -> Iterator[str]:
    if "limit" not in entry:
        return
    if entry.get("profile") not in profiles:
        yield f"profile {entry.get('profile')!r} does not exist"
        return
    actual = profiles[entry["profile"]][0].thresholds.get(entry.get("threshold", ""))
    if actual != Decimal(entry["limit"]):
        yield f"{entry['profile']} sets {entry.get('threshold')} to {actual}, not to {entry['limit']}"


def names(entry: Entry, kind: str) -> list[str]:
    value = entry.get(kind, [])
    return [value] if isinstance(value, str) else list(value)


def page(settings: Settings) -> str:
    """docs/parity.md."""
    lines = ["<!-- Made by `vitals build`. Change docs/parity.yaml instead, then build again. -->\n",
             "# Parity with the reference documents\n",
             "Agent Vitals grew from the monitoring documents of five applications: 000 AI marketing agents, "
             "001 e-commerce support agent, 002 artisan hub, 003 agentic startup studio, 004 hierarchical marketing "
             "agents. Each alert, threshold and panel they name has an id; this page says what serves it here. "
             "Beyond them: twenty things that good dashboards for language models show (L).\n"]
    data: dict[str, Entry] = load(settings).data
    for letter, title in TITLES.items():
        lines += [f"## {title}\n", "| id | asked for | served by | note |", "|---|---|---|---|"]
        for key in sorted(k for k in data if k.startswith(letter)):
            entry = data[key]
            lines.append(f"| {key} | {_cell(entry['asks'])} | {_cell(_served(entry))} | "
                         f"{_cell(entry.get('differs') or entry.get('note') or '')} |")
        lines.append("")
    return "\n".join(lines)


def _served(entry: Entry) -> str:
    if entry.get("differs"):
        return "differs"
    found = [f"[{n}](alerts.md#{n.lower()})" for n in names(entry, "alert")]
    found += [f"panel {n}" for n in names(entry, "panel")] + [f"signal `{n}`" for n in names(entry, "signal")]
    if threshold := entry.get("threshold"):
        limit = f" = {promql.number(entry['limit'])} ({entry['profile']})" if "limit" in entry else ""
        found.append(f"`{threshold}`{limit}")
    return ", ".join(found)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
