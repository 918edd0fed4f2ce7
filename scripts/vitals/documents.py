"""Pages made from the tables: docs/alerts.md, docs/signals.md, docs/parity.md."""

from __future__ import annotations

from vitals import alerts, parity, promql, recording
from vitals.recording import Profiles
from vitals.settings import Settings
from vitals.signals import SIGNALS, THRESHOLDS

NOTE = "<!-- Made by `vitals build`. Change {source} instead, then build again. -->\n"


def pages(settings: Settings, profiles: Profiles) -> dict[str, str]:
    """File name under docs/ → text."""
    return {"alerts.md": _alerts(), "signals.md": _signals(settings, profiles), "parity.md": parity.page(settings)}


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
