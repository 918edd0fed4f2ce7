"""Alerts → Prometheus alerting rules: links, labels, and what single apps want different."""

from __future__ import annotations

from typing import Any

from vitals import alerts, logs
from vitals.alerts import Alert
from vitals.recording import APP_INFO, Profiles
from vitals.settings import AlertChange, Settings
from vitals.yamlfile import Document, nearest

Key = tuple[str, str]  # ("profile", name) or ("job", name): whose alert is different

EVERYBODY: Key = ("", "")


def rule(alert: Alert, area: str, settings: Settings, change: AlertChange | None = None,
         scope: str = "", key: Key = EVERYBODY) -> dict[str, Any]:
    """One alerting rule as it stands in a rule file; ``scope`` narrows it to some jobs.

    A variant carries its key as a label. Its series have that very label already, so the alert looks the
    same; but the two rules are then not duplicates to promtool.
    """
    links = settings.file.links
    for_ = (change.for_ if change else None) or alert.for_
    result: dict[str, Any] = {"alert": alert.name, "expr": f"({alert.expr})\n{scope}" if scope else alert.expr}
    if for_ != "0m":
        result["for"] = for_
    if alert.keep_firing_for:
        result["keep_firing_for"] = alert.keep_firing_for
    result["labels"] = {"severity": alert.severity, "area": area, **alert.labels,
                        **({"severity": change.severity} if change and change.severity else {}),
                        **({key[0]: key[1]} if key != EVERYBODY else {})}
    description = alert.text(alert.description)
    if "{pattern means}" in description:
        description = description.replace("{pattern means}", logs.meanings(settings))
    result["annotations"] = {
        "summary": alert.text(alert.summary),
        "description": description,
        "runbook_url": f"{links.runbooks}/{alert.name}",
        "dashboard_url": f"{links.grafana}/d/vitals-{alert.dashboard}" + _variable(alert, area),
    }
    return result


# Areas whose alerts are about no app → the variable of their dashboard that chooses one instance, where it has one.
_NO_APP = {"host": "host", "containers": "", "postgres": "postgres", "redis": "redis", "elasticsearch": "", "stack": ""}


def _variable(alert: Alert, area: str) -> str:
    """Dashboards open on what the alert is about: its app, its host or server; else on all."""
    name = _NO_APP.get(area, "" if alert.name == "PricesStale" or alert.dashboard == "monitoring" else "job")
    label = "job" if name == "job" else "instance"
    return f"?var-{name}={{{{ $labels.{label} | urlquery }}}}" if name else ""


def groups(settings: Settings, profiles: Profiles) -> dict[str, dict[str, Any]]:
    """Every alerting rule, by the file it belongs in."""
    changes = _changes(settings, profiles)
    files = {}
    for area, found in alerts.by_area().items():
        rules = [r for alert in found for r in _variants(alert, area, settings, changes.get(alert.name, {}))]
        files[f"alerts-{area}"] = {"groups": [{"name": f"alerts:{area}", "interval": "30s", "rules": rules}]}
    return files


def _variants(alert: Alert, area: str, settings: Settings, changed: dict[Key, AlertChange]) -> list[dict[str, Any]]:
    """The alert for everybody, and once more for each app that wants it different (which the first leaves out)."""
    everybody = changed.get(EVERYBODY)
    if everybody and not everybody.enabled:
        return []
    special = [(key, change) for key, change in changed.items() if key != EVERYBODY]

    def without(keys: list[tuple[Key, AlertChange]]) -> str:
        return "".join(f"\nunless on (job) {_jobs(key)}" for key, _ in keys)

    rules = [rule(alert, area, settings, everybody, without(special).strip())]
    for i, (key, change) in enumerate(special):
        if change.enabled:
            scope = f"and on (job) {_jobs(key)}{without(special[i + 1:])}"
            rules.append(rule(alert, area, settings, change, scope, key))
    return rules


def _jobs(key: Key) -> str:
    return f'{APP_INFO}{{{key[0]}="{key[1]}"}}'


def _changes(settings: Settings, profiles: Profiles) -> dict[str, dict[Key, AlertChange]]:
    """Alert → whose → change. Later ones win: everybody, then profile, then job."""
    changes: dict[str, dict[Key, AlertChange]] = {}
    known = alerts.all_alerts()

    def add(found: dict[str, AlertChange], key: Key, document: Document, *where: str | int) -> None:
        for name, change in found.items():
            if name not in known:
                raise document.error((*where, "alerts", name), "unknown alert" + nearest(name, known))
            changes.setdefault(name, {})[key] = change

    add(settings.file.alerts, EVERYBODY, settings.document)
    for name, (profile, document) in profiles.items():
        add(profile.alerts, ("profile", name), document)
    for i, app in enumerate(settings.apps):
        add(app.alerts, ("job", app.job), settings.document, "apps", i)
    return changes
