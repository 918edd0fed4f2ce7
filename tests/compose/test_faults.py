"""Trouble ends in a notification: an app's fault, a process out of memory, a full disk. All at once, for time's sake."""

from __future__ import annotations

import time

from tests.stack.conftest import Stack
from vitals import alerts

from .conftest import ComposeStack, Receiver, poll

SCRAPE = 10
EVALUATION = 30
GROUP_WAIT = 15


def allowed(alert: str) -> float:
    """Seconds from a fault to its notification, at most."""
    held = alerts.all_alerts()[alert].for_
    return SCRAPE + int(held[:-1]) * {"s": 1, "m": 60, "h": 3600}[held[-1]] + 2 * EVALUATION + GROUP_WAIT


def told_in_time(stack: Stack, alert: str, since: float, extra: float = 0, **labels: str) -> None:
    left = since + allowed(alert) + extra - time.monotonic()
    poll(lambda: stack.notifications(alertname=alert, status="firing", **labels), max(left, 1),
         f"{alert} in the inbox within {allowed(alert) + extra:.0f} s")


def test_a_demo_apps_fault_reaches_the_webhook_and_the_inbox(stack: ComposeStack, receiver: Receiver, trouble: float) -> None:
    told_in_time(stack, "ServiceDown", trouble, job="vllm")
    [alert] = poll(lambda: [a for a in receiver.alerts("ServiceDown") if a["labels"]["job"] == "vllm"][:1], 10,
                   "the webhook was called")
    assert alert["labels"]["severity"] == "critical"
    assert alert["annotations"]["runbook_url"].endswith("/runbooks/ServiceDown")


def test_a_process_killed_for_its_memory_is_told(stack: ComposeStack, trouble: float) -> None:
    told_in_time(stack, "HostOomKill", trouble, extra=SCRAPE)


def test_a_full_disk_under_prometheus_is_told(small_disk: ComposeStack, receiver: Receiver, trouble: float) -> None:
    assert "No space left" in small_disk.execute("prometheus", "sh", "-c", "(echo x >> /prometheus/filler) 2>&1 || true"), \
        "the disk is full all the while"
    told_in_time(small_disk, "SamplesNotStored", trouble, extra=60)  # the samples have to grow a minute old first
    poll(lambda: receiver.alerts("SamplesNotStored"), 10, "the webhook was called")


def test_room_on_the_disk_ends_it(small_disk: ComposeStack, trouble: float) -> None:
    small_disk.execute("prometheus", "rm", "/prometheus/filler")
    poll(lambda: small_disk.query("time() - max(timestamp(up)) < 30"), 60, "samples are stored again")
    poll(lambda: ("SamplesNotStored", "") not in small_disk.alerts(), 90, "the alert has ended")


def test_nobody_else_was_called(receiver: Receiver, trouble: float) -> None:
    told = {(alert["labels"]["alertname"], alert["labels"].get("job", ""))
            for message in receiver.told for alert in message["alerts"]}
    assert told == {("ServiceDown", "vllm"), ("SamplesNotStored", "")}
