"""alertmanager.yml: who is told of what, how it reads, and what hides what."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from vitals.scraping import INBOX_PORT, EngineName, address
from vitals.settings import WEEKDAYS, QuietHours, Receiver, Settings

SEVERITIES = ("critical", "warning", "info")
INBOX = "inbox"
QUIET = "quiet-hours"
TEST = "ReceiverTest"  # `vitals alerts test` sends it, with the receiver's name as a label

# How often one group of alerts (a job's area) is told. The first message waits for those that come together with
# it; a changed group is told again after group_interval, an unchanged one after repeat_interval.
# First messages follow half an evaluation interval after evaluations, and later ones whole intervals after those: of
# two Alertmanagers none sends while an evaluation may change what the other has seen.
PACE: dict[str, dict[str, str]] = {
    "critical": {},
    "warning": {"repeat_interval": "12h"},
    "info": {"group_wait": "5m15s", "group_interval": "30m", "repeat_interval": "24h"},
    # By e-mail, what is for this week comes once a day in one message.
    "digest": {"group_wait": "30m15s", "group_interval": "24h", "repeat_interval": "7d"},
    # A heartbeat: its receiver raises the alarm when it stops.
    "watchdog": {"group_wait": "0s", "group_interval": "1m", "repeat_interval": "5m"},
}

INHIBITIONS: list[dict[str, Any]] = [
    # An app that is down or gone has no other news.
    {"source_matchers": ['alertname=~"ServiceDown|ServiceMissing"'],
     "target_matchers": ['alertname!~"ServiceDown|ServiceMissing"'], "equal": ["job"]},
    # An exporter that does not answer knows nothing new of what it watches.
    {"source_matchers": ['alertname="ExporterDown"'], "target_matchers": ['alertname!="ExporterDown"'],
     "equal": ["job", "instance"]},
    # A part of the stack that cannot be scraped fails its probe as well.
    {"source_matchers": ['alertname="StackTargetDown"'], "target_matchers": ['area="probes"'], "equal": ["job"]},
    # The worse news of one area of one job hides the lesser; what is not labelled on either side is equal.
    {"source_matchers": ['severity="critical"'], "target_matchers": ['severity=~"warning|info"'],
     "equal": ["job", "area", "instance", "slo"]},
]


def alertmanager(settings: Settings, engine: EngineName = "native") -> dict[str, Any]:
    """The whole configuration. Every notification also reaches the inbox, so that nothing is told nowhere."""
    notify = settings.file.notify
    inbox = {"url": f"http://{address(settings, engine, 'inbox', INBOX_PORT)}/webhook", "send_resolved": True}
    receivers = [{"name": INBOX, "webhook_configs": [inbox]}]
    routes: list[dict[str, Any]] = []

    def route(name: str, matchers: list[str], receiver: Receiver | None, pace: str, group: list[str] | None = None,
              quiet: bool = False) -> None:
        if receiver:
            receivers.append({"name": name, **_receiver(receiver, settings, engine, inbox, pace != "watchdog")})
        routes.append({
            "matchers": matchers, "receiver": name if receiver else INBOX, **({"group_by": group} if group else {}),
            **PACE[pace], **({"mute_time_intervals": [QUIET]} if quiet and receiver and notify.quiet_hours else {})})

    def by_severity(prefix: str, matchers: list[str], told: Any, everything: bool) -> None:
        for severity in SEVERITIES:
            receiver: Receiver | None = getattr(told, severity)
            if receiver or everything:
                digest = severity == "info" and receiver and receiver.email_to
                route(f"{prefix}{severity}", [*matchers, f'severity="{severity}"'], receiver,
                      "digest" if digest else severity, ["team"] if digest else None, quiet=severity == "info")

    route("watchdog", ['alertname="Watchdog"'], notify.watchdog, "watchdog", ["alertname"])
    if notify.security:
        route("security", ['category="security"'], notify.security, "critical")
    for team, told in notify.teams.items():
        by_severity(f"{team}-", [f'team="{team}"'], told, everything=False)
    by_severity("", [], notify, everything=True)

    tests = [{"matchers": [f'alertname="{TEST}"', f'receiver="{receiver["name"]}"'], "receiver": receiver["name"],
              "group_by": ["..."], "group_wait": "0s"} for receiver in receivers]
    routes[:0] = tests
    config: dict[str, Any] = {"global": {"resolve_timeout": "5m"}, "templates": ["templates/*.tmpl"]}
    if smtp := notify.smtp:
        config["global"] |= {"smtp_smarthost": smtp.smarthost, "smtp_from": smtp.sender}
        if smtp.username:
            config["global"]["smtp_auth_username"] = smtp.username
        if smtp.password_file:
            config["global"]["smtp_auth_password_file"] = secret(settings, engine, smtp.password_file)
    if notify.quiet_hours:
        config["time_intervals"] = [_quiet(notify.quiet_hours)]
    return {
        **config,
        "route": {"receiver": INBOX, "group_by": ["job", "area"], "group_wait": "15s", "group_interval": "2m",
                  "repeat_interval": "4h", "routes": routes},
        "inhibit_rules": INHIBITIONS,
        "receivers": receivers,
    }


def receiver_names(settings: Settings) -> dict[str, list[str]]:
    """Receiver → the integrations it sends by (`webhook` twice where it has one beside the inbox)."""
    kinds = {"webhook_configs": "webhook", "slack_configs": "slack", "pagerduty_configs": "pagerduty",
             "email_configs": "email"}
    return {receiver["name"]: [kind for key, kind in kinds.items() for _ in receiver.get(key, [])]
            for receiver in alertmanager(settings)["receivers"]}


def _quiet(hours: QuietHours) -> dict[str, Any]:
    """A time of day that runs past midnight is two for Alertmanager."""
    parts = [(hours.start, hours.end)] if hours.start < hours.end else [(hours.start, "24:00"), ("00:00", hours.end)]
    times = [{"start_time": start, "end_time": end} for start, end in parts if start != end]
    intervals: list[dict[str, Any]] = [{"times": times, "location": hours.timezone}]
    if hours.days:
        days = [day for day in WEEKDAYS if day in hours.days]
        intervals.append({"weekdays": days, "location": hours.timezone})
    return {"name": QUIET, "time_intervals": intervals}


def _receiver(receiver: Receiver, settings: Settings, engine: EngineName, inbox: dict[str, Any],
              resolved: bool) -> dict[str, Any]:
    def file(path: Path) -> str:
        return secret(settings, engine, path)

    result: dict[str, Any] = {"webhook_configs": [inbox]}
    if receiver.webhook_url_file:
        result["webhook_configs"].append({"url_file": file(receiver.webhook_url_file), "send_resolved": resolved})
    if receiver.slack_webhook_url_file:
        slack: dict[str, Any] = {
            "api_url_file": file(receiver.slack_webhook_url_file), "send_resolved": resolved,
            "title": '{{ template "vitals.slack.title" . }}', "title_link": "{{ .ExternalURL }}",
            "text": '{{ template "vitals.slack" . }}', "fallback": '{{ template "vitals.slack.title" . }}',
            "color": '{{ if eq .Status "resolved" }}good{{ else if eq .CommonLabels.severity "critical" }}danger'
                     '{{ else if eq .CommonLabels.severity "warning" }}warning{{ else }}#1f60c4{{ end }}',
            "mrkdwn_in": ["text"],
        }
        if receiver.slack_channel:
            slack["channel"] = receiver.slack_channel
        result["slack_configs"] = [slack]
    if receiver.pagerduty_routing_key_file:
        result["pagerduty_configs"] = [{
            "routing_key_file": file(receiver.pagerduty_routing_key_file), "send_resolved": resolved,
            "description": '{{ template "vitals.title" . }}',
            "severity": '{{ template "vitals.pagerduty.severity" . }}',
            "client": "Agent Vitals", "client_url": "{{ .ExternalURL }}", "class": "{{ .CommonLabels.alertname }}",
            "component": "{{ .CommonLabels.job }}", "group": "{{ .CommonLabels.area }}",
            "details": {"firing": '{{ template "vitals.pagerduty.details" .Alerts.Firing }}',
                        "resolved": '{{ template "vitals.pagerduty.details" .Alerts.Resolved }}',
                        "num_firing": "{{ .Alerts.Firing | len }}", "num_resolved": "{{ .Alerts.Resolved | len }}"},
        }]
    if receiver.email_to:
        result["email_configs"] = [{
            "to": receiver.email_to, "send_resolved": resolved,
            "headers": {"Subject": '{{ template "vitals.title" . }}'},
            "html": '{{ template "vitals.email.html" . }}', "text": '{{ template "vitals.email.text" . }}'}]
    return result


def secret(settings: Settings, engine: EngineName, path: Path) -> str:
    """Where Alertmanager finds a secret: the file itself, or its copy inside the container."""
    full = settings.document.path.parent / path.expanduser()
    return str(full) if engine == "native" else f"/etc/alertmanager/secrets/{copy_name(full)}"


def copy_name(secret_file: Path) -> str:
    """Its own name for every file: two teams may both have a `slack`."""
    return f"{secret_file.name}-{hashlib.sha256(os.fsencode(secret_file)).hexdigest()[:8]}"


def secret_files(settings: Settings) -> list[Path]:
    """Every secret file that the receivers name. Raises VitalsError for one that is missing or empty."""
    notify = settings.file.notify
    named: list[tuple[tuple[str, ...], Path | None]] = []
    if notify.smtp:
        named.append((("smtp", "password_file"), notify.smtp.password_file))
    for where, receiver in notify.receivers():
        for key in ("webhook_url_file", "slack_webhook_url_file", "pagerduty_routing_key_file"):
            named.append(((*where, key), getattr(receiver, key)))
    found = []
    for where, path in named:
        if not path:
            continue
        full = settings.document.path.parent / path.expanduser()
        if not full.is_file():
            raise settings.document.error(("notify", *where), f"{full} does not exist; make it, mode 0600")
        if not full.stat().st_size:
            raise settings.document.error(("notify", *where), f"{full} is empty; it holds the address or key alone")
        found.append(full)
    return found
