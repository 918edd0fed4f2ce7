"""Pages made from the tables: docs/alerts.md, docs/signals.md, docs/slos.md, docs/parity.md."""

from __future__ import annotations

from decimal import Decimal

from vitals import alerts, parity, promql, recording, slo
from vitals.recording import Profiles
from vitals.settings import Settings
from vitals.signals import SIGNALS, THRESHOLDS

NOTE = "<!-- Made by `vitals build`. Change {source} instead, then build again. -->\n"


def pages(settings: Settings, profiles: Profiles) -> dict[str, str]:
    """File name under docs/ → text."""
    return {"alerts.md": _alerts(), "signals.md": _signals(settings, profiles), "parity.md": parity.page(settings),
            "slos.md": _slos(settings, profiles)}


def _alerts() -> str:
    lines = [NOTE.format(source="scripts/vitals/alerts/"), "# Alerts\n",
             "One section for each alert: what it means and what to do first. Limits are series named "
             "`job:<threshold>:threshold`; set them in `vitals.yaml` or a profile ([names](signals.md)).\n",
             "critical: someone acts now. warning: this day. info: this week.\n"]
    for area, found in alerts.by_area().items():
        lines.append(f"*Area {area}*\n")
        for alert in found:
            limit = f" · limit `{alert.limit}`" if alert.limit else ""
            hold = f" · held for {alert.for_}" if alert.for_ != "0m" else ""
            lines += [f"## {alert.name}\n", f"{alert.severity}{hold}{limit} · dashboard {alert.dashboard}\n",
                      alert.means + "\n", "First steps:\n", *(f"{i}. {step}" for i, step in enumerate(alert.do, 1)),
                      "\n```promql", alert.expr, "```\n"]
    return "\n".join(lines)


def _signals(settings: Settings, profiles: Profiles) -> str:
    limits = recording.limits(settings, profiles)
    names = sorted(profiles)
    lines = [NOTE.format(source="scripts/vitals/signals.py"), "# Signals and thresholds\n",
             "A signal is a thing worth watching, named once. A profile says which of an app's metrics feeds it.\n",
             "## Signals\n", "| signal | kind, unit | labels | what it is | fed by |", "|---|---|---|---|---|"]
    for signal in SIGNALS.values():
        fed = [n for n in names if signal.name in recording.feeds(profiles[n][0])]
        by = "all" if len(fed) == len(names) else ", ".join(fed)
        labels = ", ".join(signal.labels)
        lines.append(f"| `{signal.name}` | {signal.kind}, {signal.unit} | {labels} | {signal.text} | {by} |")
    lines += ["\n## Thresholds\n", "Set in a profile or in `vitals.yaml` (for all apps, or one app's). "
              "An app's own wins, then `vitals.yaml`, then the profile, then the default.\n",
              "| threshold | unit | default | what it limits | profiles that set their own |", "|---|---|---|---|---|"]
    for threshold in THRESHOLDS.values():
        default = promql.number(threshold.default) if threshold.default is not None else "none"
        own = [f"{n} {promql.number(limits.by_profile[n][threshold.name])}" for n in names
               if threshold.name in profiles[n][0].thresholds]
        lines.append(f"| `{threshold.name}` | {threshold.unit} | {default} | {threshold.text} | {', '.join(own)} |")
    return "\n".join(lines) + "\n"


def _slos(settings: Settings, profiles: Profiles) -> str:
    def share(value: Decimal) -> str:
        return f"{promql.number(round(value * 100, 4))} %"

    found = slo.slos(settings, profiles)
    lines = [NOTE.format(source="scripts/vitals/slo.py"), "# SLOs and error budgets\n",
             "An objective is the share of events (or of time) that must be good over 30 days; the rest is the error "
             "budget. Promise something in a profile, or for one app in `vitals.yaml`:\n",
             "```yaml\nslos:\n  http_success: 0.999\n  http_latency: {within_seconds: 0.25, objective: 0.95}\n```\n",
             "In `vitals.yaml` an indicator set to `null` promises nothing. The time of a latency objective must be "
             "one of the histogram's buckets. The dashboard SLOs shows what is left and what uses it up.\n",
             "## Indicators\n", "| indicator | good is | needs |", "|---|---|---|"]
    lines += [f"| `{sli.name}` | {sli.text} | {', '.join(sli.needs)} |" for sli in slo.SLIS.values()]
    lines += ["\n## When somebody is told\n",
              "An alert fires when a long and a short window are both beyond the limit: the long one says that it "
              "matters, the short one that it still goes on. At least `slo_bad_events_min` events of the long window "
              "must be bad, so that a handful of failures at night tells nobody. What a young stack has not seen of "
              "the long window yet counts as good.\n",
              "| alert | long | short | budget used in the long window | factor = share × 30 d / long |",
              "|---|---|---|---|---|"]
    for alert, burn in zip(alerts.by_area()["slo"], slo.BURNS, strict=False):
        lines.append(f"| {alert.name} ({alert.severity}) | {burn.long} | {burn.short} | {share(burn.share)} | "
                     f"{promql.number(burn.factor)} |")
    lines += ["\nThe limit is factor × (1 − objective). Where that comes close to everything failing, or beyond it, "
              "the alert could hardly ever fire: the limit is then halfway between budget and everything, marked *.\n",
              "## Objectives\n",
              "| app or profile | indicator | objective | budget | " + " | ".join(b.long for b in slo.BURNS) + " |",
              "|---|---|---|---|" + "---|" * len(slo.BURNS)]
    for s in found:
        within = f" within {promql.number(s.within)} s" if s.within else ""
        limits = " | ".join(share(s.limit(b)) + ("*" if s.capped(b) else "") for b in slo.BURNS)
        promise = f"{s.sli.name}{within} | {share(s.objective)} | {share(s.budget)}"
        lines.append(f"| {s.job or s.profile} | {promise} | {limits} |")
    return "\n".join(lines) + "\n"
