"""No signal is recorded for nobody: each is behind a panel, a mark, an alert or a promise."""

from __future__ import annotations

from vitals import alerts, coverage, dashboards, settings, slo
from vitals.dashboards import grafana, origins
from vitals.signals import SIGNALS

LOADED = settings.load(settings.ROOT / "vitals.yaml")
PROFILES = settings.load_profiles(LOADED)


def behind(series: set[str], made_of: dict[str, set[str]]) -> set[str]:
    """These series, and all those that the recording rules make them of."""
    found, asked = set(series), list(series)
    while asked:
        for name in made_of.get(asked.pop(), set()) - found:
            found.add(name)
            asked.append(name)
    return found


def test_every_signal_is_shown_or_watched() -> None:
    models = dashboards.models(LOADED, PROFILES).values()
    exprs = [expr for model in models for _, expr in grafana.queries(model)]
    exprs += [note["target"]["expr"].replace("$__rate_interval", "5m")
              for model in models for note in model["annotations"]["list"] if "target" in note]
    exprs += [alert.expr for alert in alerts.all_alerts().values()]
    read = set().union(*map(coverage.reads, exprs))
    read |= set().union(*(slo.recorded(profile) for profile, _ in PROFILES.values()))
    metrics = {name.split(":")[1] for name in behind(read, origins.load(LOADED, PROFILES).made_of) if name.count(":") == 2}
    used = metrics | {metric.removesuffix(part) for metric in metrics for part in ("_bucket", "_sum", "_count")}
    assert sorted(set(SIGNALS) - used) == []
