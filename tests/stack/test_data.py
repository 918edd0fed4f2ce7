"""Every query of every panel, asked of the running stack, for every demo app whose profile feeds it."""

from __future__ import annotations

import re
import time

import pytest

from vitals import coverage, dashboards, recording, runbooks, settings, slo
from vitals.dashboards import grafana
from vitals.signals import THRESHOLDS, threshold_series

from .conftest import Stack, poll
from .test_inhibition import post

LOADED = settings.load()
PROFILES = settings.load_profiles(LOADED)
MODELS = dashboards.models(LOADED, PROFILES)
APPS = [name for name, (profile, _) in PROFILES.items() if profile.kind == "app"]
RECORDED: dict[str, set[str]] = {}
for _file, _groups in recording.groups(LOADED, PROFILES).items():
    for _group in _groups:
        for _rule in _group.rules:
            # What patterns found is recorded for every app at once.
            for _profile in APPS if _file == "logs" else (_rule.labels.get("profile", ""),):
                RECORDED.setdefault(_profile, set()).add(_rule.record)
GLOBAL = RECORDED.pop("", set())
for _name, (_profile, _) in PROFILES.items():
    RECORDED[_name] |= slo.recorded(_profile)
# A demo app is a job of its profile's name; probes have the job of the app that they ask.
JOBS = {profile: profile for profile in RECORDED} | {"probe": "artisan-hub"}

INSTANCES = ("host", "postgres", "redis")  # variables that hold instances; all others hold jobs

# Queries that are empty when all is well, and why. Everything else must have data.
EMPTY_WHEN_WELL = {
    ("vitals-system-health", "Errors by endpoint"): "only endpoints with errors are listed",
    ("vitals-monitoring", "Targets that do not answer"): "all answer",
    ("vitals-monitoring", "Cluster members"): "one Alertmanager is no cluster",
    ("vitals-monitoring", "Log reader's errors"): "a reader without trouble has not counted any",
    ("vitals-redis", "Replica lag"): "the demo's Redis has no replica",
    ("vitals-infrastructure", "Disks"): "the time until a disk is full exists only while it fills",
    ("vitals-system-health", "Probes"): "the demo's probes use no TLS, so there is no certificate",
    ("vitals-security", "Probed addresses"): "the demo's probes use no TLS, so there is no certificate",
    ("vitals-security", "Certificates"): "the demo's probes use no TLS",
    ("vitals-security", "First certificate expires in"): "the demo's probes use no TLS",
    ("vitals-security", "Refused requests"): "an app that refuses nobody counts no such codes",
    ("vitals-cost", "Unpriced tokens by model"): "every model of the demo has a price",
    ("vitals-logs", "Reader's errors"): "a reader without trouble has not counted any",
    ("vitals-business", "Registrations a day"): "its second query is last week's, and the stack is minutes old",
}


def concrete(expr: str, job: str) -> str:
    """A panel's query as Grafana would send it with one app, and every host and server chosen."""
    expr = re.sub(rf"\$\{{?({'|'.join(INSTANCES)})\}}?", ".*", expr.replace("$__rate_interval", "5m"))
    return re.sub(r"\$\{?[a-z_]+\}?", job, expr)


def fed_by(expr: str) -> list[str]:
    """The profiles whose recorded series answer the query."""
    plain = concrete(expr, "x")
    return [profile for profile, names in RECORDED.items() if coverage.answers(plain, names | GLOBAL, surely=True)]


def can_be_fed(expr: str) -> bool:
    """Whether some app could answer the query, if its owner also set the limits that have no default."""
    return any(coverage.answers(concrete(expr, "x"), names | GLOBAL | {threshold_series(t) for t in THRESHOLDS})
               for names in RECORDED.values())


QUERIES = [(uid, title, expr) for uid, model in MODELS.items() for title, expr in grafana.queries(model)]


def test_every_panel_can_be_fed() -> None:
    unfed = [f"{uid}/{title}: {expr}" for uid, title, expr in QUERIES if not can_be_fed(expr)]
    assert unfed == []


def empty(stack: Stack, running: set[str]) -> list[str]:
    found = []
    for uid, title, expr in QUERIES:
        if (uid, title) in EMPTY_WHEN_WELL or "ALERTS" in coverage.reads(concrete(expr, "x")):
            continue
        for profile in fed_by(expr):
            if profile in running and not stack.query(concrete(expr, JOBS[profile])):
                found.append(f"{uid}/{title} for {profile}: {concrete(expr, JOBS[profile])}")
    return found


def test_every_query_has_data(stack: Stack) -> None:
    running = {result["metric"]["profile"] for result in stack.query("up == 1")}
    missing = set(RECORDED) - running
    if missing:
        print(f"not asked, because nothing here feeds them: {', '.join(sorted(missing))}")
    last: list[str] = []

    def none_left() -> bool:
        nonlocal last
        # Nothing else is told while all is well: how long sending takes is known while something was sent.
        post(stack, {"alertname": "SpendHigh", "severity": "warning", "area": "cost", "job": f"shop-{time.monotonic() // 60:.0f}"})
        last = empty(stack, running)
        return not last

    try:
        poll(none_left, 240, "every query has data")
    except pytest.fail.Exception:
        pytest.fail(f"{len(last)} queries without data:\n" + "\n".join(last))
    print(f"every query had data {time.monotonic() - stack.started:.0f} s after up")


def test_the_runbooks_queries_are_answered(stack: Stack) -> None:
    """Every query of every page runs as it stands; what it finds depends on the trouble."""
    pages = sorted(runbooks.folder(LOADED).glob("*.md"))
    asked = [(page.stem, query) for page in pages for query in runbooks.queries(page.read_text())]
    assert {page for page, _ in asked} >= {page.stem for page in pages} - {"README"}
    for page, query in asked:
        try:
            stack.query(query)
        except OSError as err:
            pytest.fail(f"{page}: {query}: {err}")
