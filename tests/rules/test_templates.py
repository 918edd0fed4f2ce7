"""What people read, rendered by amtool from notifications with friendly and with hostile labels."""

from __future__ import annotations

import html.parser
import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from vitals import settings
from vitals.engines import parts

ROOT = settings.ROOT
ALERTS = "http://127.0.0.1:9093"
HOSTILE = '</b><script>alert(1)</script><!channel> <https://evil.example|click> "quoted\\" & {{ .Alerts }}\nSubject: forged'


def alert(status: str = "firing", **changes: str) -> dict[str, Any]:
    labels = {"alertname": "HttpErrorsHigh", "job": "shop", "severity": "critical", "area": "api"}
    notes = {"summary": "shop: 7% of requests fail", "description": "7% of HTTP requests to shop were answered with a 5xx "
             "code over 5 minutes; the limit is 5%.", "runbook_url": "http://127.0.0.1:9095/runbooks/HttpErrorsHigh",
             "dashboard_url": "http://127.0.0.1:3000/d/vitals-system-health?var-job=shop&from=now-1h"}
    for key, value in changes.items():
        (labels if key in labels or key == "service" else notes)[key] = value
    return {"status": status, "labels": labels, "annotations": notes, "startsAt": "2026-11-21T10:03:00Z",
            "endsAt": "2026-11-21T11:04:00Z" if status == "resolved" else "0001-01-01T00:00:00Z",
            "generatorURL": "http://127.0.0.1:9090/graph", "fingerprint": "a"}


def message(*alerts: dict[str, Any]) -> dict[str, Any]:
    common = {k: v for k, v in alerts[0]["labels"].items() if all(a["labels"].get(k) == v for a in alerts)}
    status = "firing" if any(a["status"] == "firing" for a in alerts) else "resolved"
    return {"receiver": "x", "status": status, "alerts": list(alerts), "groupLabels": {"job": "shop", "area": "api"},
            "commonLabels": common, "commonAnnotations": {}, "externalURL": ALERTS}


def render(name: str, data: dict[str, Any], tmp_path: Path, kind: str = "text") -> str:
    file = tmp_path / "data.json"
    file.write_text(json.dumps(data))
    argument = ".Alerts" if name.endswith("details") else "."
    done = subprocess.run(
        [parts.tool(settings.load(), "amtool"), "template", "render", f"--template.glob={ROOT}/alertmanager/templates/*.tmpl",
         f"--template.type={kind}", f'--template.text={{{{ template "{name}" {argument} }}}}', f"--template.data={file}"],
        capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


TEXTS = ["vitals.slack", "vitals.email.text", "vitals.email.html", "vitals.pagerduty.details"]


def kind(name: str) -> str:
    return "html" if name.endswith("html") else "text"


@pytest.mark.parametrize("name", TEXTS)
def test_it_says_what_which_app_how_bad_since_when_and_where_to_look(name: str, tmp_path: Path) -> None:
    text = render(name, message(alert()), tmp_path, kind(name)).replace("&amp;", "&")
    for word in ("shop: 7% of requests fail", "the limit is 5%", "2026-11-21 10:03 UTC", "/runbooks/HttpErrorsHigh",
                 "/d/vitals-system-health?var-job=shop&from=now-1h"):
        assert word in text
    resolved = render(name, message(alert("resolved")), tmp_path, kind(name))
    assert "2026-11-21 11:04 UTC" in resolved


@pytest.mark.parametrize("name", ["vitals.slack", "vitals.email.html"])
def test_the_silence_link_names_exactly_this_alert(name: str, tmp_path: Path) -> None:
    job = 'a "b" & c\\d +e'
    text = render(name, message(alert(job=job)), tmp_path, kind(name))
    link = text[text.index(f"{ALERTS}/#/silences/new?filter=") :]
    link = link[: min(link.index(end) for end in ('"', "|") if end in link)]
    quoted = job.replace("\\", "\\\\").replace('"', '\\"')
    assert unquote(link.partition("filter=")[2]) == (
        f'{{alertname="HttpErrorsHigh",area="api",job="{quoted}",severity="critical"}}')


@pytest.mark.parametrize(("alerts", "title"), [
    ([alert()], "[CRITICAL] shop: 7% of requests fail"),
    ([alert("resolved")], "[RESOLVED] shop: 7% of requests fail"),
    ([alert(), alert(alertname="HttpLatencyHigh")], "[CRITICAL] 2 alerts of shop (api)"),
    ([alert(), alert(severity="warning")], "[FIRING] 2 alerts of shop (api)"),
    ([alert(summary="")], "[CRITICAL] HttpErrorsHigh"),
    ([alert(summary=HOSTILE)], "[CRITICAL] " + " ".join(HOSTILE.split())),
])
def test_titles_are_one_line(alerts: list[dict[str, Any]], title: str, tmp_path: Path) -> None:
    assert render("vitals.title", message(*alerts), tmp_path) == title


@pytest.mark.parametrize("field", ["job", "severity", "area", "alertname", "summary", "description", "runbook_url",
                                   "dashboard_url"])
def test_hostile_text_is_shown_and_does_nothing(field: str, tmp_path: Path) -> None:
    data = message(alert(**{field: HOSTILE}))
    for name in ("vitals.slack", "vitals.slack.title"):
        slack = render(name, data, tmp_path)
        # Every < that is left begins one of our own links.
        assert all(part.startswith(("http://127.0.0.1:", ALERTS)) for part in slack.split("<")[1:]), slack
        assert "<!channel>" not in slack
        assert "<https://evil" not in slack
    page = render("vitals.email.html", data, tmp_path, "html")
    tags: list[str] = []
    links: list[str] = []

    class Reader(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            links.extend(value or "" for key, value in attrs if key == "href")

    Reader().feed(page)
    assert "script" not in tags
    assert all(link.startswith(("http://127.0.0.1:", "#ZgotmplZ", "%3c/b")) or "script" not in link.lower() for link in links)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", ""])
def test_what_is_no_address_is_no_link(address: str, tmp_path: Path) -> None:
    data = message(alert(dashboard_url=address))
    assert "|Dashboard>" not in render("vitals.slack", data, tmp_path)
    assert f'href="{address or "nothing"}' not in render("vitals.email.html", data, tmp_path, "html")


@pytest.mark.parametrize(("given", "told"), [("critical", "critical"), ("warning", "warning"), ("info", "info"), ("page", "error")])
def test_pagerduty_knows_four_severities(given: str, told: str, tmp_path: Path) -> None:
    assert render("vitals.pagerduty.severity", message(alert(severity=given)), tmp_path) == told
