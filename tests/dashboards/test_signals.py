"""Nothing is recorded for nobody: it is behind a panel, a mark, an alert, a promise or a runbook."""

from __future__ import annotations

import re

from tests.dashboards import queries
from vitals import alerts, coverage, dashboards, settings, slo
from vitals.dashboards import origins
from vitals.signals import SIGNALS

LOADED = settings.load(settings.ROOT / "vitals.yaml")
PROFILES = settings.load_profiles(LOADED)
NAME = re.compile(r"\b[a-z][a-z_0-9]*:\w+:\w+\b")

# Series that nothing of ours reads, and why they are recorded all the same.
PROMISED = {
    "job:rag_timeout_seconds:threshold": "every limit is a series (docs/alerts.md); what this one says is in the rules themselves",
}


def behind(series: set[str], made_of: dict[str, set[str]]) -> set[str]:
    """These series, and all those that the recording rules make them of."""
    found, asked = set(series), list(series)
    while asked:
        for name in made_of.get(asked.pop(), set()) - found:
            found.add(name)
            asked.append(name)
    return found


def read() -> set[str]:
    """What boards, alerts, objectives and runbooks read."""
    models = dashboards.models(LOADED, PROFILES).values()
    exprs = [queries.plain(expr) for model in models for _, expr in queries.queries(model)]
    exprs += [alert.expr for alert in alerts.all_alerts().values()]
    found = set().union(*map(coverage.reads, exprs))
    found |= set().union(*(slo.recorded(profile) for profile, _ in PROFILES.values()))
    for sli in slo.SLIS.values():  # those that no profile of ours uses, somebody's vitals.yaml may
        found |= {sli.events, sli.bad, sli.good, f"job_le:{sli.within}_bucket:rate5m"}
    for page in (settings.ROOT / "docs" / "runbooks").glob("*.md"):
        found |= {*NAME.findall(page.read_text())}
    return found


def test_every_signal_is_shown_or_watched() -> None:
    metrics = {name.split(":")[1] for name in behind(read(), origins.load(LOADED, PROFILES).made_of) if name.count(":") == 2}
    used = metrics | {metric.removesuffix(part) for metric in metrics for part in ("_bucket", "_sum", "_count")}
    assert sorted(set(SIGNALS) - used) == []


def test_every_recorded_series_is_read() -> None:
    found = origins.load(LOADED, PROFILES)
    unread = set().union(*found.recorded.values()) - behind(read(), found.made_of)
    assert {name for name in unread if name.count(":") == 2} == {*PROMISED}
