"""What hides what, asked of the running Alertmanager. (The jobs here are nobody's: only these tests name them.)"""

from __future__ import annotations

import json
import urllib.request

from .conftest import Stack, get, poll


def post(stack: Stack, *alerts: dict[str, str]) -> None:
    body = json.dumps([{"labels": alert} for alert in alerts]).encode()
    request = urllib.request.Request(stack.url("alertmanager") + "/api/v2/alerts", body,
                                     {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()


def hidden(stack: Stack, job: str, count: int) -> set[str]:
    """The names of a job's alerts that another alert hides, once Alertmanager has looked at all of them."""
    def settled() -> list[dict]:
        found = get(stack.url("alertmanager") + "/api/v2/alerts", filter=f'job="{job}"')
        return found if len(found) == count and all(a["status"]["state"] != "unprocessed" for a in found) else []

    return {a["labels"]["alertname"] for a in poll(settled, 60, f"{count} alerts of {job} are processed")
            if a["status"]["inhibitedBy"]}


def test_an_app_that_is_down_has_no_other_news(stack: Stack) -> None:
    post(stack,
         {"alertname": "ServiceDown", "severity": "critical", "area": "api", "job": "shop-a", "instance": "a:1"},
         {"alertname": "HttpErrorsHigh", "severity": "critical", "area": "api", "job": "shop-a"},
         {"alertname": "AgentSlow", "severity": "warning", "area": "agents", "job": "shop-a", "agent": "x"})
    post(stack, {"alertname": "AgentSlow", "severity": "warning", "area": "agents", "job": "shop-b", "agent": "x"})
    assert hidden(stack, "shop-a", 3) == {"HttpErrorsHigh", "AgentSlow"}
    assert hidden(stack, "shop-b", 1) == set()


def test_the_worse_hides_the_lesser_of_the_same_area_only(stack: Stack) -> None:
    post(stack,
         {"alertname": "HttpErrorsHigh", "severity": "critical", "area": "api", "job": "shop-c"},
         {"alertname": "HttpErrorsElevated", "severity": "warning", "area": "api", "job": "shop-c"},
         {"alertname": "SpendHigh", "severity": "warning", "area": "cost", "job": "shop-c"})
    assert hidden(stack, "shop-c", 3) == {"HttpErrorsElevated"}


def test_one_host_does_not_hide_another(stack: Stack) -> None:
    post(stack,
         {"alertname": "HostDiskFull", "severity": "critical", "area": "host", "job": "hosts", "instance": "a:9100"},
         {"alertname": "HostDiskHigh", "severity": "warning", "area": "host", "job": "hosts", "instance": "a:9100"},
         {"alertname": "HostMemoryHigh", "severity": "warning", "area": "host", "job": "hosts", "instance": "b:9100"})
    assert hidden(stack, "hosts", 3) == {"HostDiskHigh"}


def test_an_exporter_that_is_down_hides_what_it_feeds_on_that_host_only(stack: Stack) -> None:
    post(stack,
         {"alertname": "ExporterDown", "severity": "warning", "area": "stack", "job": "machines", "instance": "a:9100"},
         {"alertname": "HostDiskFull", "severity": "critical", "area": "host", "job": "machines", "instance": "a:9100"},
         {"alertname": "HostDiskFull", "severity": "critical", "area": "host", "job": "machines", "instance": "b:9100"})
    found = hidden(stack, "machines", 3)
    assert found == {"HostDiskFull"}
    alerts = get(stack.url("alertmanager") + "/api/v2/alerts", filter='job="machines"')
    assert [a["labels"]["instance"] for a in alerts if a["status"]["inhibitedBy"]] == ["a:9100"]


def test_one_promise_broken_does_not_hide_another(stack: Stack) -> None:
    post(stack,
         {"alertname": "SloBurnsFast", "severity": "critical", "area": "slo", "job": "shop-d", "slo": "http_success"},
         {"alertname": "SloBurnsSlowly", "severity": "warning", "area": "slo", "job": "shop-d", "slo": "http_success"},
         {"alertname": "SloBurnsSteadily", "severity": "warning", "area": "slo", "job": "shop-d", "slo": "http_latency"})
    assert hidden(stack, "shop-d", 3) == {"SloBurnsSlowly"}
