"""Sums over long windows by running totals are what the windows themselves give, through gaps, ends and new beginnings."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from vitals import settings, totals
from vitals.engines import parts

RECORDED = {"record": "job:orders:rate5m", "expr": "sum by (job) (orders)"}
# One goes on, with a gap longer than the window; one ends; one begins late.
SERIES = {'orders{job="a"}': "0.1+0.3x200 _x500 7-0.01x300", 'orders{job="b"}': "2+0x250 stale", 'orders{job="c"}': "_x600 1+1x400"}
LENGTH = 1000


@pytest.mark.parametrize("func", sorted(totals.OVER))
@pytest.mark.parametrize("window", ["2h", "1d"])
def test_the_same_at_every_evaluation(func: str, window: str, tmp_path: Path) -> None:
    rule = {"record": "job:orders:window", "expr": f"{func}(job:orders:rate5m[{window}]) * 30"}
    [group] = totals.running([{"name": "all", "rules": [RECORDED, rule]}], 30)
    assert group["rules"][-1]["expr"] != rule["expr"]
    real = {**rule, "record": "job:orders:real"}
    wrong = ("abs(job:orders:window - job:orders:real) > 1e-9 or job:orders:window unless job:orders:real "
             "or job:orders:real unless job:orders:window")
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "all", "rules": [*group["rules"], real]}]}))
    (tmp_path / "test.yml").write_text(json.dumps({
        "rule_files": ["rules.yml"], "evaluation_interval": "30s",
        "tests": [{"interval": "30s", "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
                   "promql_expr_test": [{"expr": wrong, "eval_time": f"{30 * i}s", "exp_samples": []} for i in range(LENGTH)]
                   + [{"expr": "count(job:orders:real) == 2", "eval_time": "1h", "exp_samples": [{"labels": "{}", "value": 2}]}]}]}))
    done = subprocess.run([parts.tool(settings.load(), "promtool"), "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[:2000]


@pytest.mark.parametrize("expr", [
    "sum_over_time(job:orders:rate5m[1h])", "sum_over_time(job:orders:rate5m[1d] offset 1d)", "max_over_time(job:orders:rate5m[1d])",
    "sum_over_time(orders[1d])", "sum_over_time((job:orders:rate5m)[1d:5m])"])
def test_what_stays_as_it_is(expr: str) -> None:
    group = {"name": "all", "rules": [{"record": "job:orders:window", "expr": expr}]}
    assert totals.running([group], 30) == [group]


def test_more_samples_than_promtool_takes_from_a_window(tmp_path: Path) -> None:
    rule = {"record": "job:orders:window", "expr": "sum_over_time(job:orders:rate5m[30d])"}
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": totals.running([{"name": "all", "rules": [RECORDED, rule]}], 30)}))
    (tmp_path / "test.yml").write_text(json.dumps({
        "rule_files": ["rules.yml"], "evaluation_interval": "30s", "tests": [{
            "interval": "30s", "input_series": [{"series": 'orders{job="a"}', "values": "1+0x10100"}],
            "promql_expr_test": [{"expr": "job:orders:window", "eval_time": "84h",
                                  "exp_samples": [{"labels": 'job:orders:window{job="a"}', "value": 84 * 120 + 1}]}]}]}))
    done = subprocess.run([parts.tool(settings.load(), "promtool"), "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[:2000]
