"""Grafana itself loads every dashboard and answers every query of every panel. (Where there is an image of it.)"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vitals.settings import ROOT

from .conftest import ComposeStack, poll

FILES = sorted((ROOT / "grafana" / "dashboards").rglob("*.json"))


class Grafana:
    def __init__(self, stack: ComposeStack) -> None:
        if "grafana" not in stack.containers():
            pytest.skip("there is no offline image of Grafana; the full-stack workflow runs this with the official one")
        self.url = stack.url("grafana")
        word = (stack.state / "secrets" / "grafana-admin").read_text().strip()
        self.login = "Basic " + base64.b64encode(f"admin:{word}".encode()).decode()

    def ask(self, path: str, body: dict[str, Any] | None = None, login: bool = True) -> Any:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body else None,
                                         {"Content-Type": "application/json", **({"Authorization": self.login} if login else {})})
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)
        except urllib.error.HTTPError as err:  # answers of queries come with a status of their own
            if path != "/api/ds/query":
                raise
            return json.load(err)


@pytest.fixture(scope="module")
def grafana(stack: ComposeStack) -> Grafana:
    return Grafana(stack)


def panels(model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in model["panels"]:
        yield panel
        yield from panel.get("panels", [])


def queries(model: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(panel, query), with the variables as Grafana's page fills them in."""
    for panel in panels(model):
        for target in panel.get("targets", []):
            text = json.dumps({**target, "intervalMs": 30_000, "maxDataPoints": 300})
            for name, value in (("${datasource}", "prometheus"), ("$__rate_interval", "5m"), ("$__range", "1h"), ("$__interval", "30s")):
                text = text.replace(name, value)
            for variable in sorted(model["templating"]["list"], key=lambda v: -len(v["name"])):
                text = text.replace(f"${{{variable['name']}}}", ".*").replace(f"${variable['name']}", ".*")
            yield panel["title"], json.loads(text)


def test_nobody_gets_in_without_the_password(grafana: Grafana) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        grafana.ask("/api/search", login=False)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_a_dashboard_is_loaded_and_every_query_of_it_answered(grafana: Grafana, file: Path) -> None:
    uid = json.loads(file.read_text())["uid"]
    found = poll(lambda: grafana.ask(f"/api/dashboards/uid/{uid}"), 60, f"{uid} is provisioned")
    assert found["meta"]["provisioned"]
    wrong, asked = [], 0
    for title, query in queries(found["dashboard"]):
        answer = grafana.ask("/api/ds/query", {"queries": [query], "from": "now-1h", "to": "now"})
        asked += 1
        for ref, result in answer.get("results", {"": {"error": answer.get("message", "no results")}}).items():
            if result.get("error") or result.get("status", 200) != 200:
                wrong.append(f"{title} {ref}: {result.get('error')}")
    assert wrong == []
    assert asked
