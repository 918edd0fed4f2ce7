"""Objectives: whose they are, and the limits that follow from them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from vitals import settings, slo

Load = Callable[..., settings.Settings]

APPS = """
apps:
  - job: shop
    profile: startup-studio
    targets: ['h:1']
    slos: {http_success: 0.99, agent_success: null}
    thresholds: {http_error_ratio_target: 0.01}  # the profile's promises more
  - {job: blog, profile: startup-studio, targets: ['h:2']}
"""


def made(loaded: settings.Settings) -> list[slo.Slo]:
    return slo.slos(loaded, settings.load_profiles(loaded))


def test_factors_are_those_of_the_workbook() -> None:
    assert [burn.factor for burn in slo.BURNS] == [Decimal("14.4"), 6, 3, 1]


def test_limits_are_factor_times_budget_until_that_could_never_be_passed(configured: Load) -> None:
    found = {(s.profile, s.sli.name): s for s in made(configured("")) if s.job is None}
    tight, low = found["startup-studio", "http_success"], found["support-agent", "resolution"]
    assert [tight.limit(b) for b in slo.BURNS] == [Decimal(x) for x in ("0.0144", "0.006", "0.003", "0.001")]
    assert not any(tight.capped(b) for b in slo.BURNS)
    # 0.25 of budget: 14.4, 6 and 3 times that is not to be reached, or hardly.
    assert [low.limit(b) for b in slo.BURNS] == [Decimal(x) for x in ("0.625", "0.625", "0.625", "0.25")]
    assert [low.capped(b) for b in slo.BURNS] == [True, True, True, False]
    for every in made(configured("")):
        assert all(every.budget <= every.limit(b) < 1 for b in slo.BURNS), every


def test_an_app_has_its_own_objective_or_none(configured: Load) -> None:
    loaded = configured(APPS)
    groups = slo.groups(loaded, settings.load_profiles(loaded))
    objectives = {(r.labels["slo"], r.expr) for g in groups["slo-startup-studio"] for r in g.rules
                  if r.record == slo.OBJECTIVE and r.labels["slo"] in ("http_success", "agent_success")}
    here = 'group by (job) (job:app:info{profile="startup-studio"'
    assert objectives == {
        ("http_success", here + ', job!~"shop"}) * 0.999'),
        ("http_success", here + ', job="shop"}) * 0.99'),
        ("agent_success", here + ', job!~"shop"}) * 0.95'),
    }
