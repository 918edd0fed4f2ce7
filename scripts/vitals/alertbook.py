"""What there is to know about the alerts: listed, explained, and a receiver put to the test."""

from __future__ import annotations

import json
import re
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from vitals import alerting, alerts, notify, promql, recording
from vitals.alerts import Alert
from vitals.errors import VitalsError
from vitals.recording import Profiles
from vitals.settings import Settings, demo_jobs
from vitals.yamlfile import nearest

RECEIVER_SECONDS = 60
_TOTAL = re.compile(r'^alertmanager_notifications(_failed)?_total\{(.*)\} (\S+)$', re.M)


def listed(area: str | None = None) -> Iterator[tuple[str, Alert]]:
    """(area, alert), in the order written. Raises VitalsError for an unknown area."""
    found = alerts.by_area()
    if area is not None and area not in found:
        raise VitalsError(f"no area {area!r}{nearest(area, found)}; one of: {', '.join(found)}")
    for name, of_area in found.items():
        if area in (None, name):
            yield from ((name, alert) for alert in of_area)


def explain(settings: Settings, profiles: Profiles, name: str) -> str:
    """Everything about one alert: what it says, its expression, whose limits, its tests, its page."""
    known = alerts.all_alerts()
    if name not in known:
        raise VitalsError(f"no alert {name!r}{nearest(name, known)}; `vitals alerts list` shows them")
    area = next(a for a, alert in listed() if alert.name == name)
    lines = []
    for rule in _rules(settings, profiles, name):
        labels = ", ".join(f"{k}={v}" for k, v in rule["labels"].items())
        lines += [f"{name}  ({labels})", "", textwrap.fill(known[name].means, 100), "",
                  f"says     {rule['annotations']['summary']}", f"for      {rule.get('for', '0m')}"
                  + (f", then keeps firing for {rule['keep_firing_for']}" if "keep_firing_for" in rule else ""),
                  f"page     {rule['annotations']['runbook_url']}", f"panels   {rule['annotations']['dashboard_url']}",
                  "", textwrap.indent(rule["expr"], "  "), ""]
    if not lines:
        lines = [f"{name} is switched off in vitals.yaml", ""]
    if limits := list(_limits(settings, profiles, known[name])):
        lines += ["limits", *(f"  {line}" for line in limits), ""]
    tests = list(_tests(settings, name))
    lines += ["tests", *(f"  {line}" for line in tests or ["none"]), "",
              f"Change it in scripts/vitals/alerts/{area}.py, or for your apps in vitals.yaml (alerts: {{{name}: …}})."]
    return "\n".join(lines)


def _rules(settings: Settings, profiles: Profiles, name: str) -> Iterator[dict[str, Any]]:
    for content in alerting.groups(settings, profiles).values():
        for group in content["groups"]:
            yield from (rule for rule in group["rules"] if rule["alert"] == name)


def _limits(settings: Settings, profiles: Profiles, alert: Alert) -> Iterator[str]:
    """Who has which limit: every threshold that the expression reads, for every job that has one."""
    limits = recording.limits(settings, profiles)
    jobs = {app.job: app.profile for app in settings.apps}
    if settings.demo:
        jobs |= {job: job for job in demo_jobs(profiles)}
    jobs |= {name: name for name, (profile, _) in profiles.items() if profile.kind != "app"}
    for name in dict.fromkeys(re.findall(r"job:(\w+):threshold", alert.expr)):
        for job, profile in sorted(jobs.items()):
            value = limits.by_job.get(job, {}).get(name, limits.by_profile[profile].get(name))
            if value is not None:
                yield f"{name:40} {job:24} {promql.number(value)}"


def _tests(settings: Settings, name: str) -> Iterator[str]:
    for file in sorted((settings.root / "prometheus" / "tests").glob("*.yml")):
        for test in yaml.load(file.read_text(), yaml.CSafeLoader)["tests"]:
            cases = [case for case in test.get("alert_rule_test", []) if case["alertname"] == name]
            if cases:
                fires = sum(bool(case.get("exp_alerts")) for case in cases)
                told = f"fires {fires}×, silent {len(cases) - fires}×"
                yield f"{file.relative_to(settings.root)}: {test.get('name', '')} ({told})"


# --- a receiver, for real --------------------------------------------------------------------------------


def try_receiver(settings: Settings, name: str) -> str:
    """Sends one test alert through the running Alertmanager to a receiver, and tells what became of it.

    Raises VitalsError when there is no such receiver, no Alertmanager, or a message could not be delivered.
    """
    known = notify.receiver_names(settings)
    if name not in known:
        raise VitalsError(f"no receiver {name!r}{nearest(name, known)}; vitals.yaml has: {', '.join(known)}")
    url = f"http://127.0.0.1:{settings.ports['alertmanager']}"
    before = _sent(url)
    now = datetime.now(UTC)
    alert = {"labels": {"alertname": notify.TEST, "receiver": name, "severity": "info", "job": "vitals",
                        "test": now.strftime("%H%M%S")},
             "annotations": {"summary": f"A test of the receiver {name}",
                             "description": "Sent by `vitals alerts test`. Nothing is wrong; it resolves in a minute."},
             "endsAt": (now + timedelta(minutes=1)).isoformat()}
    _ask(f"{url}/api/v2/alerts", json.dumps([alert]).encode())
    wanted = {integration: 1 for integration in known[name]}
    wanted["webhook"] = known[name].count("webhook")
    deadline = time.monotonic() + RECEIVER_SECONDS
    while True:
        counted = _sent(url)
        failed = [i for i in wanted if counted.get((i, True), 0) > before.get((i, True), 0)]
        late = [i for i, n in wanted.items() if counted.get((i, False), 0) < before.get((i, False), 0) + n]
        if failed:
            raise VitalsError(f"Alertmanager could not deliver to {name} by {', '.join(failed)}; "
                              "`make logs SERVICE=alertmanager` has the answer it got")
        if not late:
            return f"delivered to {name}: {', '.join(sorted(set(known[name])))}"
        if time.monotonic() > deadline:
            raise VitalsError(f"after {RECEIVER_SECONDS} s Alertmanager has not sent to {name} by {', '.join(late)}; "
                              "does it run the present vitals.yaml? `make reload`")
        time.sleep(0.5)


def _sent(url: str) -> dict[tuple[str, bool], float]:
    """(integration, failed) → messages so far."""
    found: dict[tuple[str, bool], float] = {}
    for failed, labels, value in _TOTAL.findall(_ask(f"{url}/metrics").decode()):
        if integration := re.search(r'integration="(\w+)"', labels):
            key = (integration[1], bool(failed))
            found[key] = found.get(key, 0) + float(value)
    return found


def _ask(url: str, body: bytes | None = None) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as err:
        raise VitalsError(f"{url} answered {err.code}: {err.read(300).decode(errors='replace').strip()}") from err
    except OSError as err:
        raise VitalsError(f"no Alertmanager answers at {url} ({err}); start the stack: `make up`") from err

