"""What the command tells about alerts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vitals import alertbook, alerts, notify, settings
from vitals.errors import VitalsError

Load = Callable[..., settings.Settings]


def test_every_alert_is_listed_once() -> None:
    assert [alert.name for _, alert in alertbook.listed()] == list(alerts.all_alerts())
    assert {area for area, _ in alertbook.listed("llm")} == {"llm"}
    with pytest.raises(VitalsError, match="did you mean 'llm'"):
        list(alertbook.listed("lm"))


def test_an_alert_is_explained_with_the_limits_of_every_app(configured: Load) -> None:
    loaded = configured("apps:\n  - {job: shop, profile: litellm, targets: ['h:1'], thresholds: {llm_errors_per_minute: 3.5}}\n")
    text = alertbook.explain(loaded, settings.load_profiles(loaded), "LlmErrorsHigh")
    limits = {tuple(line.split()[1:]) for line in text.splitlines() if line.strip().startswith("llm_errors_per_minute ")}
    assert {("shop", "3.5"), ("litellm", "10"), ("artisan-hub", "10")} <= limits
    assert "critical" in text
    assert "prometheus/tests/llm.yml: LlmErrorsHigh" in text
    assert "/runbooks/LlmErrorsHigh" in text


@pytest.mark.parametrize("name", sorted(alerts.all_alerts())[::12])
def test_others_are_explained_as_well(name: str) -> None:
    loaded = settings.load(settings.ROOT / "vitals.yaml")
    text = alertbook.explain(loaded, settings.load_profiles(loaded), name)
    assert "tests\n  prometheus/tests/" in text


def test_what_is_not_known_is_said_with_the_nearest(configured: Load) -> None:
    loaded = configured()
    with pytest.raises(VitalsError, match="did you mean 'LlmErrorsHigh'"):
        alertbook.explain(loaded, settings.load_profiles(loaded), "LlmErorsHigh")
    with pytest.raises(VitalsError, match="no receiver 'critcal'.*vitals.yaml has: inbox"):
        alertbook.try_receiver(loaded, "critcal")


def test_without_a_stack_nothing_can_be_sent(configured: Load) -> None:
    with pytest.raises(VitalsError, match="no Alertmanager answers.*make up"):
        alertbook.try_receiver(configured("ports: {alertmanager: 9}\n"), "inbox")


def test_receivers_and_what_they_send_by(configured: Load) -> None:
    loaded = configured("notify:\n  critical: {pagerduty_routing_key_file: a, slack_webhook_url_file: b}\n  info: {webhook_url_file: c}\n")
    assert notify.receiver_names(loaded) == {"inbox": ["webhook"], "critical": ["webhook", "slack", "pagerduty"],
                                             "info": ["webhook", "webhook"]}
