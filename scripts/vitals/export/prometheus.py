"""Rule files as Prometheus and everything that reads its files loads them, templates of notifications, runbooks."""

from __future__ import annotations

from vitals.export.bundle import Bundle

README = """\
# Agent Vitals {version}: rules

For a Prometheus and an Alertmanager that you run already.

1. Give every target a label `profile` that says how it names its metrics, in its scrape configuration:

   ```yaml
   scrape_configs:
     - job_name: my-agents            # one job is one application
       static_configs:
         - targets: ["agents:8000"]
           labels: {{profile: otel-genai}}
   ```

   The profiles: {profiles}.
2. Load `rules/` and reload:

   ```yaml
   rule_files: ["/etc/prometheus/agent-vitals/*.yml"]
   ```

   `promtool check rules rules/*.yml` checks them. Rules run every 30 s: scrape as often, or more often. Files of
   profiles that none of your targets has (`profile-NAME.yml`, `windows-NAME.yml`, `slo-NAME.yml`) record nothing and
   may be left out, and so may any file of alerts.
3. Alerts have the labels `severity` (critical, warning, info), `area` and mostly `job`, and links to a dashboard, under
   {grafana}, and to a runbook, under {runbooks}; `links` in vitals.yaml says where yours are, and `runbooks/` is what
   they lead to. `templates/` words the notifications, when your Alertmanager's `templates:` names it.

An application that is listed under `apps` in vitals.yaml has its own limits and is missed when it is gone; others have
their profile's limits.
"""


def files(bundle: Bundle) -> dict[str, str]:
    root, links = bundle.settings.root, bundle.settings.file.links
    found = {f"rules/{name}": text for name, text in bundle.rule_files.items()}
    for kept in ("alertmanager/templates/*.tmpl", "docs/runbooks/*.md"):
        found |= {f"{file.parent.name}/{file.name}": file.read_text() for file in root.glob(kept)}
    return {**found, "README.md": README.format(version=bundle.version, profiles=", ".join(sorted(bundle.profiles)),
                                                grafana=links.grafana, runbooks=links.runbooks)}
