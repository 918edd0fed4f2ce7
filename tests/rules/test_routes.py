"""Who is told of what, decided by amtool; and what hides what, by a running Alertmanager in tests/stack."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from vitals import notify, render, settings, simulate
from vitals.engines import parts
from vitals.errors import VitalsError

CASES = yaml.load((settings.ROOT / "alertmanager" / "tests" / "routes.yml").read_text(), yaml.CSafeLoader)
TEMPLATES = settings.ROOT / "alertmanager" / "templates"
FULL = """
apps:
  - {job: checkout, profile: otel-genai, targets: ["h:1"], team: payments}
  - {job: refunds, profile: otel-genai, targets: ["h:2"], team: payments}
  - {job: papers, profile: litellm, targets: ["h:3"], team: research}
notify:
  critical: {pagerduty_routing_key_file: secrets/pagerduty, slack_webhook_url_file: secrets/slack}
  warning: {slack_webhook_url_file: secrets/slack, slack_channel: "#alerts"}
  info: {email_to: team@example.com}
  security: {webhook_url_file: secrets/security}
  watchdog: {webhook_url_file: secrets/watchdog}
  quiet_hours: {from: "20:00", to: "07:30", days: [saturday, sunday], timezone: Europe/Berlin}
  teams:
    payments:
      critical: {pagerduty_routing_key_file: secrets/payments/pagerduty}
      warning: {slack_webhook_url_file: secrets/payments/slack}
    research:
      info: {email_to: research@example.com}
  smtp: {smarthost: "mail.example.com:587", from: vitals@example.com, password_file: secrets/smtp}
"""


@pytest.fixture
def amtool() -> Path:
    return parts.tool(settings.load(), "amtool")


def configuration(name: str, tmp_path: Path) -> Path:
    prices = "prices: {as_of: 2026-11-01}\n"
    (tmp_path / "vitals.yaml").write_text(prices + (FULL if name == "full" else ""))
    secrets = tmp_path / "secrets"
    (secrets / "payments").mkdir(parents=True)
    for secret in ("pagerduty", "slack", "security", "smtp", "watchdog", "payments/pagerduty", "payments/slack"):
        (secrets / secret).write_text("https://example.com/secret")
    (tmp_path / "templates").symlink_to(TEMPLATES)
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.dump(notify.alertmanager(settings.load(tmp_path / "vitals.yaml")), Dumper=yaml.CSafeDumper))
    return file


@pytest.mark.parametrize("name", CASES)
def test_alertmanager_takes_the_configuration(name: str, amtool: Path, tmp_path: Path) -> None:
    done = subprocess.run([amtool, "check-config", configuration(name, tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in CASES.items() for case in cases],
                         ids=lambda value: "-".join(value["labels"].values()) if isinstance(value, dict) else value)
def test_route(name: str, case: dict, amtool: Path, tmp_path: Path) -> None:
    labels = [f"{key}={value}" for key, value in case["labels"].items()]
    done = subprocess.run([amtool, "config", "routes", "test", f"--config.file={configuration(name, tmp_path)}",
                           f"--verify.receivers={','.join(case['to'])}", *labels], capture_output=True, text=True)
    assert done.returncode == 0, f"{case}: {done.stdout}{done.stderr}"
    config = yaml.load((tmp_path / "alertmanager.yml").read_text(), yaml.CSafeLoader)
    assert [simulate.route(config, case["labels"])["receiver"]] == case["to"]


def test_secrets_are_never_in_the_configuration(tmp_path: Path) -> None:
    assert "example.com/secret" not in configuration("full", tmp_path).read_text()


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_secret_that_is_missing_is_named(name: str, configured: Callable[..., settings.Settings], tmp_path: Path) -> None:
    loaded = configured(f"demo: false\nnotify:\n  warning: {{slack_webhook_url_file: secrets/{name}}}\n")
    folder = loaded.document.path.parent / "secrets"
    folder.mkdir()
    (folder / "empty").touch()
    for refuse in (lambda: render.files(loaded), lambda: render.stage(loaded, "native", tmp_path / "staged")):
        with pytest.raises(VitalsError, match=rf"vitals.yaml:\d+: notify.warning.slack_webhook_url_file: .*secrets/{name} ") as caught:
            refuse()
        assert "does not exist" in str(caught.value) or "is empty" in str(caught.value)


def routes(name: str, tmp_path: Path) -> dict[str, dict]:
    config = yaml.load(configuration(name, tmp_path).read_text(), yaml.CSafeLoader)
    return {",".join(route["matchers"]): {**config["route"], **route} for route in config["route"]["routes"]}


def test_pace_and_quiet_hours(tmp_path: Path) -> None:
    full = routes("full", tmp_path)
    assert full['severity="critical"']["group_wait"] == "15s"
    assert full['severity="info"']["group_interval"] == "24h"  # a digest
    assert full['severity="info"']["mute_time_intervals"] == ["quiet-hours"]
    assert full['team="research",severity="info"']["mute_time_intervals"] == ["quiet-hours"]
    assert [key for key, route in full.items() if "mute_time_intervals" in route and "info" not in key] == []
    assert full['alertname="Watchdog"']["repeat_interval"] == "5m"
    config = yaml.load((tmp_path / "alertmanager.yml").read_text(), yaml.CSafeLoader)
    assert config["time_intervals"] == [{"name": "quiet-hours", "time_intervals": [
        {"times": [{"start_time": "20:00", "end_time": "24:00"}, {"start_time": "00:00", "end_time": "07:30"}],
         "location": "Europe/Berlin"},
        {"weekdays": ["saturday", "sunday"], "location": "Europe/Berlin"}]}]
    watchdog = next(r for r in config["receivers"] if r["name"] == "watchdog")
    # A dead man's switch takes any call for a sign of life: it is not told that the heartbeat ended.
    assert [(w["send_resolved"], "url_file" in w) for w in watchdog["webhook_configs"]] == [(True, False), (False, True)]


def test_two_secrets_of_one_name_are_two_files(configured: Callable[..., settings.Settings], tmp_path: Path) -> None:
    configuration("full", tmp_path)
    loaded = settings.load(tmp_path / "vitals.yaml")
    render.stage(loaded, "compose", tmp_path / "staged")
    assert len(list((tmp_path / "staged/alertmanager/secrets").iterdir())) == 7
    relabelled = yaml.load((tmp_path / "staged/prometheus/prometheus.yml").read_text(), yaml.CSafeLoader)["alerting"]["alert_relabel_configs"]
    assert [(r["regex"], r["replacement"]) for r in relabelled] == [("checkout|refunds", "payments"), ("papers", "research")]
