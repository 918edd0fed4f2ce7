"""What stands across every panel, asked of Prometheus' own engine: nothing is missed, whatever the zoom."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.test_boards import models
from vitals import settings
from vitals.engines import parts

__all__ = ["models"]  # a fixture
Json = dict[str, Any]

# At half a minute each. One app gets a new version, and is away for a minute meanwhile; the other starts anew as it was.
SERIES = {
    'job_version:app_version:current{job="shop", version="1"}': "1x60 stale _x200",
    'job_version:app_version:current{job="shop", version="2"}': "_x62 1x200",
    'job_instance:app_start_seconds:current{job="shop", instance="s1"}': "100x60 stale _ 1900x200",
    'job_version:app_version:current{job="desk", version="7"}': "1x80 stale _x3 1x200",
    'job_instance:app_start_seconds:current{job="desk", instance="d1"}': "100x80 stale _x3 2500x200",
    'ALERTS{alertname="HttpErrorsHigh", alertstate="firing", severity="critical", job="shop"}': "_x70 1x3 stale",
    'ALERTS{alertname="HttpErrorsHigh", alertstate="pending", severity="critical", job="desk"}': "_x70 1x3 stale",
}
# Grafana asks at these steps; it looks back a step and a scrape, or four scrapes.
ZOOMS = {"1m": "2m", "5m": "5m30s", "15m": "15m30s"}
SEEN = {"Firing alerts": {'{alertname="HttpErrorsHigh", alertstate="firing", job="shop", severity="critical"}'},
        "Deployments": {'{job="shop", version="2"}'},
        "Restarts": {'{instance="d1", job="desk"}', '{instance="s1", job="shop"}'}}


@pytest.mark.parametrize("name", SEEN)
@pytest.mark.parametrize("step", ZOOMS)
def test_an_event_is_seen_at_every_zoom(name: str, step: str, models: dict[str, Json], tmp_path: Path) -> None:
    events = {a["name"]: a["target"]["expr"] for a in models["vitals-overview"]["annotations"]["list"] if "target" in a}
    expr = events[name].replace("$__rate_interval", ZOOMS[step]).replace("$job", "shop|desk")
    test = {"evaluation_interval": "30s", "tests": [{
        "interval": "30s", "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
        "promql_expr_test": [{"expr": f"count by (alertname, alertstate, severity, job, instance, version) "
                                      f"(count_over_time(({expr})[90m:{step}]) > 0)",
                              "eval_time": "90m", "exp_samples": [{"labels": labels, "value": 1} for labels in SEEN[name]]}]}]}
    (tmp_path / "test.yml").write_text(json.dumps(test))
    promtool = parts.tool(settings.load(settings.ROOT / "vitals.yaml"), "promtool")
    ran = subprocess.run([promtool, "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
