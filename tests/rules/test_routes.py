"""Who is told of what, decided by amtool; and what hides what, by a running Alertmanager in tests/stack."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from vitals import notify, render, settings
from vitals.engines import parts

CASES = yaml.load((settings.ROOT / "alertmanager" / "tests" / "routes.yml").read_text(), yaml.CSafeLoader)
FULL = """
notify:
  critical: {pagerduty_routing_key_file: secrets/pagerduty, slack_webhook_url_file: secrets/slack}
  warning: {slack_webhook_url_file: secrets/slack, slack_channel: "#alerts"}
  info: {email_to: team@example.com}
  security: {webhook_url_file: secrets/security}
  smtp: {smarthost: "mail.example.com:587", from: vitals@example.com, password_file: secrets/smtp}
"""


@pytest.fixture
def amtool() -> Path:
    return parts.tool(settings.load(), "amtool")


def configuration(name: str, tmp_path: Path) -> Path:
    prices = "prices: {as_of: 2026-11-01}\n"
    (tmp_path / "vitals.yaml").write_text(prices + (FULL if name == "full" else ""))
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for secret in ("pagerduty", "slack", "security", "smtp"):
        (secrets / secret).write_text("https://example.com/secret")
    file = tmp_path / "alertmanager.yml"
    file.write_text(yaml.dump(notify.alertmanager(settings.load(tmp_path / "vitals.yaml")), Dumper=yaml.CSafeDumper))
    return file


@pytest.mark.parametrize("name", CASES)
def test_alertmanager_takes_the_configuration(name: str, amtool: Path, tmp_path: Path) -> None:
    done = subprocess.run([amtool, "check-config", configuration(name, tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "case"), [(name, case) for name, cases in CASES.items() for case in cases],
                         ids=lambda value: value["labels"]["alertname"] if isinstance(value, dict) else value)
def test_route(name: str, case: dict, amtool: Path, tmp_path: Path) -> None:
    labels = [f"{key}={value}" for key, value in case["labels"].items()]
    done = subprocess.run([amtool, "config", "routes", "test", f"--config.file={configuration(name, tmp_path)}",
                           f"--verify.receivers={','.join(case['to'])}", *labels], capture_output=True, text=True)
    assert done.returncode == 0, f"{case}: {done.stdout}{done.stderr}"


def test_secrets_are_never_in_the_configuration(tmp_path: Path) -> None:
    assert "example.com/secret" not in configuration("full", tmp_path).read_text()


def test_a_secret_file_that_is_missing_is_named(configured: Callable[..., settings.Settings], tmp_path: Path) -> None:
    loaded = configured("notify:\n  warning: {slack_webhook_url_file: secrets/nowhere}\n")
    with pytest.raises(Exception, match="secrets/nowhere does not exist"):
        render.stage(loaded, "native", tmp_path / "staged")
