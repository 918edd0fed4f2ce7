"""alertmanager.yml: who is told of what, and what hides what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vitals.scraping import INBOX_PORT, EngineName, address
from vitals.settings import Receiver, Settings

SEVERITIES = ("critical", "warning", "info")
INBOX = "inbox"


def alertmanager(settings: Settings, engine: EngineName = "native") -> dict[str, Any]:
    """The whole configuration. Every notification also reaches the inbox, so that nothing is told nowhere."""
    notify = settings.file.notify
    inbox = {"url": f"http://{address(settings, engine, 'inbox', INBOX_PORT)}/webhook", "send_resolved": True}
    receivers = [{"name": INBOX, "webhook_configs": [inbox]}]
    routes: list[dict[str, Any]] = [
        {"matchers": ['alertname="Watchdog"'], "receiver": INBOX, "group_by": ["alertname"], "repeat_interval": "1h"},
    ]
    wanted = [("security", ['category="security"'], notify.security)]
    wanted += [(severity, [f'severity="{severity}"'], getattr(notify, severity)) for severity in SEVERITIES]
    for name, matchers, receiver in wanted:
        if receiver:
            receivers.append({"name": name, **_receiver(receiver, settings, engine, inbox)})
            routes.append({"matchers": matchers, "receiver": name, **_pace(name)})
        elif name != "security":
            routes.append({"matchers": matchers, "receiver": INBOX, **_pace(name)})
    config: dict[str, Any] = {"global": {"resolve_timeout": "5m"}}
    if smtp := notify.smtp:
        config["global"] |= {"smtp_smarthost": smtp.smarthost, "smtp_from": smtp.sender}
        if smtp.username:
            config["global"]["smtp_auth_username"] = smtp.username
        if smtp.password_file:
            config["global"]["smtp_auth_password_file"] = secret(settings, engine, smtp.password_file)
    return {
        **config,
        "route": {"receiver": INBOX, "group_by": ["job", "area"], "group_wait": "15s", "group_interval": "2m",
                  "repeat_interval": "4h", "routes": routes},
        "inhibit_rules": [
            # An app that is down or gone has no other news.
            {"source_matchers": ['alertname=~"ServiceDown|ServiceMissing"'],
             "target_matchers": ['alertname!~"ServiceDown|ServiceMissing"'], "equal": ["job"]},
            # A part of the stack that cannot be scraped fails its probe as well.
            {"source_matchers": ['alertname="StackTargetDown"'], "target_matchers": ['area="probes"'],
             "equal": ["job"]},
            # The worse news of one area of one job hides the lesser.
            {"source_matchers": ['severity="critical"'], "target_matchers": ['severity=~"warning|info"'],
             "equal": ["job", "area", "instance"]},
        ],
        "receivers": receivers,
    }


def _pace(name: str) -> dict[str, str]:
    return {"info": {"group_wait": "5m", "group_interval": "30m", "repeat_interval": "24h"},
            "warning": {"repeat_interval": "12h"}}.get(name, {})


def _receiver(receiver: Receiver, settings: Settings, engine: EngineName, inbox: dict[str, Any]) -> dict[str, Any]:
    def file(path: Path) -> str:
        return secret(settings, engine, path)

    result: dict[str, Any] = {"webhook_configs": [inbox]}
    if receiver.webhook_url_file:
        result["webhook_configs"].append({"url_file": file(receiver.webhook_url_file), "send_resolved": True})
    if receiver.slack_webhook_url_file:
        slack: dict[str, Any] = {
            "api_url_file": file(receiver.slack_webhook_url_file), "send_resolved": True,
            "title": "{{ .Status | toUpper }}: {{ .CommonLabels.job }} {{ .CommonLabels.area }}",
            "text": "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\n"
                    "{{ .Annotations.dashboard_url }} {{ .Annotations.runbook_url }}\n{{ end }}",
        }
        if receiver.slack_channel:
            slack["channel"] = receiver.slack_channel
        result["slack_configs"] = [slack]
    if receiver.pagerduty_routing_key_file:
        result["pagerduty_configs"] = [{"routing_key_file": file(receiver.pagerduty_routing_key_file),
                                        "send_resolved": True}]
    if receiver.email_to:
        result["email_configs"] = [{"to": receiver.email_to, "send_resolved": True}]
    return result


def secret(settings: Settings, engine: EngineName, path: Path) -> str:
    """Where Alertmanager finds a secret: the file itself, or its copy inside the container."""
    full = settings.document.path.parent / path.expanduser()
    return str(full) if engine == "native" else f"/etc/alertmanager/secrets/{full.name}"


def secret_files(settings: Settings) -> list[Path]:
    """Every secret file that the receivers name."""
    notify = settings.file.notify
    found = [notify.smtp.password_file] if notify.smtp else []
    for receiver in (notify.critical, notify.warning, notify.info, notify.security):
        if receiver:
            found += [receiver.webhook_url_file, receiver.slack_webhook_url_file, receiver.pagerduty_routing_key_file]
    return [settings.document.path.parent / path.expanduser() for path in found if path]
