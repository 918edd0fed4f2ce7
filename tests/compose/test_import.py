"""`vitals import` into Grafana itself: one of the official image, with nothing in it. (Where there is an image of it.)"""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from vitals.engines import offline
from vitals.settings import ROOT, load

from .conftest import ComposeStack, docker, poll

UIDS = {path.stem: path.parent.name for path in (ROOT / "grafana" / "dashboards").rglob("*.json")}


class Bare:
    """A Grafana of its own beside the stack, whose only data source is the stack's Prometheus."""

    def __init__(self, stack: ComposeStack) -> None:
        word = secrets.token_urlsafe(12)
        self.login = "Basic " + base64.b64encode(f"admin:{word}".encode()).decode()
        self.id = docker("run", "--detach", "--publish", "127.0.0.1::3000", "--env", f"GF_SECURITY_ADMIN_PASSWORD={word}",
                         offline.pinned(load())["GRAFANA_IMAGE"])
        network = next(iter(stack.containers()["prometheus"]["NetworkSettings"]["Networks"]))
        docker("network", "connect", network, self.id)
        self.url = "http://" + docker("port", self.id, "3000/tcp").splitlines()[0]

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(self.url + path, json.dumps(body).encode() if body else None,
                                         {"Content-Type": "application/json", "Authorization": self.login})
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)

    def token(self, role: str) -> str:
        account = self.ask("/api/serviceaccounts", {"name": f"import-{role}", "role": role})
        return str(self.ask(f"/api/serviceaccounts/{account['id']}/tokens", {"name": "import"})["key"])

    def vitals(self, token: str, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "vitals.cli", "import", self.url, *args], capture_output=True, text=True,
                              env={**os.environ, "GRAFANA_TOKEN": token}, timeout=300)


@pytest.fixture(scope="module")
def grafana(stack: ComposeStack) -> Iterator[Bare]:
    if "grafana" not in stack.containers():
        pytest.skip("there is no offline image of Grafana; the full-stack workflow runs this with the official one")
    bare = Bare(stack)
    try:
        poll(lambda: bare.ask("/api/health")["database"] == "ok", 120, "Grafana is up")
        bare.ask("/api/datasources", {"name": "Prometheus", "uid": "metrics", "type": "prometheus", "access": "proxy",
                                      "url": "http://prometheus:9090"})
        yield bare
    finally:
        docker("rm", "--force", "--volumes", bare.id)


def test_an_import_again_after_an_edit_and_by_force(grafana: Bare) -> None:
    token = grafana.token("Admin")
    first = grafana.vitals(token)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "no series job:app:info" not in first.stdout
    for uid, audience in UIDS.items():
        meta = grafana.ask(f"/api/dashboards/uid/{uid}")["meta"]
        assert (meta["folderUid"], meta["version"]) == (f"vitals-{audience}", 1)

    again = grafana.vitals(token)
    assert (again.returncode, again.stdout.count("\nsame ")) == (0, len(UIDS)), again.stdout + again.stderr

    found = grafana.ask("/api/dashboards/uid/vitals-cost")
    grafana.ask("/api/dashboards/db", {"dashboard": {**found["dashboard"], "title": "Costs as admin likes them"},
                                       "folderUid": found["meta"]["folderUid"], "overwrite": False})
    edited = grafana.vitals(token)
    assert edited.returncode == 1
    assert "Cost: changed by hand since its import as version 1: version 2 by admin at " in edited.stdout
    assert grafana.ask("/api/dashboards/uid/vitals-cost")["dashboard"]["title"] == "Costs as admin likes them"

    forced = grafana.vitals(token, "--overwrite")
    assert forced.returncode == 0, forced.stdout + forced.stderr
    assert grafana.ask("/api/dashboards/uid/vitals-cost")["dashboard"]["title"] == "Agent Vitals: Cost"
    last = grafana.vitals(token)
    assert (last.returncode, last.stdout.count("\nsame ")) == (0, len(UIDS)), last.stdout + last.stderr


def test_a_viewers_token_is_told_what_it_may_not(grafana: Bare) -> None:
    done = grafana.vitals(grafana.token("Viewer"))
    assert done.returncode == 1
    assert "datasources:read" in done.stderr
