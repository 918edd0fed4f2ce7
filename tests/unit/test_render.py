"""Generated files: stable, complete, and what an engine is given."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from vitals import recording, render, settings
from vitals.errors import VitalsError

Load = Callable[..., settings.Settings]


@pytest.fixture
def project(tmp_path: Path) -> settings.Settings:
    """The project's hand-written inputs in a folder of its own."""
    root = tmp_path / "project"
    shutil.copytree(settings.ROOT / "prometheus" / "profiles", root / "prometheus" / "profiles")
    shutil.copy(settings.ROOT / "prometheus" / "log-patterns.yaml", root / "prometheus")
    (root / "docs").mkdir()
    shutil.copy(settings.ROOT / "docs" / "parity.yaml", root / "docs")
    return settings.load().model_copy(update={"root": root})


def test_a_second_build_touches_nothing(project: settings.Settings) -> None:
    assert len(render.build(project)) > 50
    assert render.stale(project) == []
    assert render.build(project) == []


def test_what_was_changed_by_hand_or_is_no_longer_made_is_stale(project: settings.Settings) -> None:
    render.build(project)
    changed = project.root / "prometheus/rules/alerts-api.yml"
    leftover = project.root / "prometheus/rules/profile-gone.yml"
    gone = project.root / "docs/alerts.md"
    changed.write_text(changed.read_text().replace("critical", "warning"))
    leftover.write_text("groups: []\n")
    gone.unlink()
    assert set(render.stale(project)) == {changed, leftover, gone}
    assert set(render.build(project)) == {changed, leftover, gone}
    assert not leftover.exists()


def test_numbers_are_written_as_they_were_given(project: settings.Settings) -> None:
    texts = render.files(project).values()
    assert not [line for text in texts for line in text.splitlines() if "00000000001" in line or "99999999" in line]


APP = """
apps:
  - job: shop
    profile: litellm
    targets: ["127.0.0.1:4000", "shop.example:4000"]
    team: growth
    bearer_token_file: secrets/shop
notify:
  critical: {pagerduty_routing_key_file: secrets/pager}
"""


def test_each_engine_gets_its_own_addresses_and_secrets(configured: Load, write: Callable[..., Path], tmp_path: Path) -> None:
    write("secrets/shop", "token")
    write("secrets/pager", "key")
    loaded = configured(APP)
    found = {}
    for engine in ("native", "compose"):
        into = tmp_path / engine
        render.stage(loaded, engine, into)
        [own] = yaml.safe_load((into / "prometheus/targets/authorized/shop.yml").read_text())
        stack = yaml.safe_load((into / "prometheus/targets/stack.yml").read_text())
        config = yaml.safe_load((into / "prometheus/prometheus.yml").read_text())
        [scrape] = [s for s in config["scrape_configs"] if s["job_name"] == "shop"]
        routes = (into / "alertmanager/alertmanager.yml").read_text()
        found[engine] = (own["targets"], {t["labels"]["job"]: t["targets"][0] for t in stack},
                         scrape["authorization"]["credentials_file"], routes)
        assert own["labels"]["team"] == "growth"
    targets, stack, token, routes = found["native"]
    assert targets == ["127.0.0.1:4000", "shop.example:4000"]
    assert stack["postgres"] == "127.0.0.1:9187"
    assert "cadvisor" not in stack
    assert token == str(tmp_path / "secrets/shop")
    assert f"routing_key_file: {tmp_path}/secrets/pager" in routes
    assert "http://127.0.0.1:9095/webhook" in routes
    targets, stack, token, routes = found["compose"]
    assert targets == ["host.docker.internal:4000", "shop.example:4000"], "a container has a loopback of its own"
    assert stack["postgres"] == "postgres-exporter:9187"
    assert stack["cadvisor"] == "cadvisor:8080"
    assert (tmp_path / "compose/prometheus" / token).read_text() == "token"
    assert "routing_key_file: /etc/alertmanager/secrets/pager" in routes
    copied = next((tmp_path / "compose/alertmanager/secrets").glob("pager-*"))
    assert copied.read_text() == "key"
    assert f"/etc/alertmanager/secrets/{copied.name}" in routes


def test_a_target_file_of_ones_own_is_taken_along(project: settings.Settings, tmp_path: Path) -> None:
    folder = project.root / "prometheus" / "targets"
    folder.mkdir()
    (folder / "mine.yml").write_text("- targets: ['h:1']\n  labels: {job: mine, profile: vllm}\n")
    render.stage(project, "native", tmp_path / "staged")
    assert (tmp_path / "staged/prometheus/targets/mine.yml").exists()
    (folder / "stack.yml").write_text("[]\n")
    with pytest.raises(VitalsError, match="stack.yml: this name is taken"):
        render.stage(project, "native", tmp_path / "again")


def test_an_apps_own_limits_leave_it_out_of_its_profiles(configured: Load) -> None:
    from vitals import recording

    loaded = configured("apps:\n  - {job: shop, profile: vllm, targets: ['h:1'], thresholds: {llm_waiting: 7}}\n")
    rules = {(f, r.record): r.expr for f, groups in recording.groups(loaded, settings.load_profiles(loaded)).items()
             for g in groups for r in g.rules if r.record == "job:llm_waiting:threshold"}
    assert rules == {("profile-vllm", "job:llm_waiting:threshold"):
                     'group by (job) (job:app:info{profile="vllm", job!~"shop"}) * 50',
                     ("apps", "job:llm_waiting:threshold"): "vector(7)"}


def test_one_app_can_want_an_alert_different(configured: Load) -> None:
    from vitals import alerting

    loaded = configured("""
apps:
  - {job: shop, profile: vllm, targets: ['h:1'], alerts: {HttpErrorsHigh: {for: 1m, severity: warning}}}
  - {job: toy, profile: vllm, targets: ['h:2'], alerts: {HttpErrorsHigh: {enabled: false}}}
alerts: {LlmQueueLong: {enabled: false}}
""")
    files = alerting.groups(loaded, settings.load_profiles(loaded))
    rules = [r for r in files["alerts-api"]["groups"][0]["rules"] if r["alert"] == "HttpErrorsHigh"]
    assert [(r["for"], r["labels"]["severity"], r["labels"].get("job")) for r in rules] == [
        ("5m", "critical", None), ("1m", "warning", "shop")]
    assert 'unless on (job) job:app:info{job="shop"}' in rules[0]["expr"]
    assert 'unless on (job) job:app:info{job="toy"}' in rules[0]["expr"]
    assert "LlmQueueLong" not in {r["alert"] for r in files["alerts-llm"]["groups"][0]["rules"]}



PROBED = """
demo: false
apps:
  - job: shop
    profile: litellm
    targets: ["shop.example:4000"]
    team: sales
    probes: ["https://shop.example/health?deep=1", "http://localhost:8000/", "tcp://127.0.0.1:5432", "tls://shop.example:993"]
    thresholds: {probe_duration_seconds: 0.5}
"""


def test_probes_are_asked_of_the_exporter_under_their_own_address(configured: Load, tmp_path: Path) -> None:
    loaded = configured(PROBED)
    for engine in ("native", "compose"):
        into = tmp_path / engine
        render.stage(loaded, engine, into)
        asked = yaml.safe_load((into / "prometheus/targets/probes/vitals.yml").read_text())
        mine = {t["targets"][0]: t["labels"] for t in asked if t["labels"]["job"] == "shop"}
        assert {address: labels["__param_module"] for address, labels in mine.items()} == {
            "https://shop.example/health?deep=1": "http_2xx", "http://localhost:8000/": "http_2xx",
            "127.0.0.1:5432": "tcp_connect", "shop.example:993": "tls_connect"}
        assert {(labels["profile"], labels["team"]) for labels in mine.values()} == {("probe", "sales")}
        elsewhere = {address: (labels["__param_target"], labels["__param_hostname"])
                     for address, labels in mine.items() if "__param_target" in labels}
        assert elsewhere == ({} if engine == "native" else {
            "http://localhost:8000/": ("http://host.docker.internal:8000/", "localhost"),
            "127.0.0.1:5432": ("host.docker.internal:5432", "127.0.0.1")})
        pages = {t["labels"]["job"] for t in asked} - {"shop"}
        assert pages == {"prometheus", "alertmanager", "inbox"} | ({"grafana"} if engine == "compose" else set())
        config = yaml.safe_load((into / "prometheus/prometheus.yml").read_text())
        [job] = [s for s in config["scrape_configs"] if s["job_name"] == "probes"]
        assert job["relabel_configs"][-1]["replacement"] == (
            "127.0.0.1:9115" if engine == "native" else "blackbox-exporter:9115")


def test_an_apps_own_limit_for_its_probes(configured: Load) -> None:
    loaded = configured(PROBED)
    files = recording.groups(loaded, settings.load_profiles(loaded))
    name = "job:probe_duration_seconds:threshold"
    assert [(r.labels["job"], r.expr) for g in files["apps"] for r in g.rules if r.record == name] == [("shop", "vector(0.5)")]
    assert any(r.record == name and 'job!~"shop"' in r.expr for g in files["profile-probe"] for r in g.rules)


def test_a_probe_adds_nothing_that_an_apps_own_profile_records(configured: Load) -> None:
    """Two profiles of one job: a limit or an availability of both would be two series where one is wanted."""
    loaded = configured("")
    files = recording.groups(loaded, settings.load_profiles(loaded))
    probe = {r.record for name in ("profile-probe", "windows-probe") for g in files[name] for r in g.rules}
    app = {r.record for name in ("profile-artisan-hub", "windows-artisan-hub") for g in files[name] for r in g.rules}
    assert probe & app == {recording.APP_INFO}
