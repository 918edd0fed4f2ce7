"""`WITH=ha`: two Prometheus and two Alertmanagers, and that their numbers fit together (docs/high-availability.md)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from vitals import alerting, notify, render, scraping, settings
from vitals.backup.native import NativeData
from vitals.engines import cluster, config, parts
from vitals.engines.native import Native
from vitals.engines.supervisor import Part

Configured = Callable[..., settings.Settings]
ENGINES: tuple[scraping.EngineName, ...] = ("native", "compose")
PACED = "notify: {smtp: {smarthost: 'mail:25', from: a@example.com}, info: {email_to: a@example.com}}"


def seconds(duration: str) -> int:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    assert re.fullmatch(r"(\d+[smhd])+", duration)
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([smhd])", duration))


@pytest.fixture
def both(configured: Configured) -> settings.Settings:
    return configured("demo: false").having(frozenset({"ha"}))


@pytest.fixture
def single(configured: Configured) -> settings.Settings:
    return configured("demo: false")


def staged(loaded: settings.Settings, engine: scraping.EngineName, folder: Path) -> dict[str, Any]:
    render.stage(loaded, engine, folder)
    return {str(file.relative_to(folder)): yaml.safe_load(file.read_text())
            for file in folder.rglob("*.yml") if "rules" not in file.parts}


# --- what the two Prometheus run with


@pytest.mark.parametrize("engine", ENGINES)
def test_the_two_differ_in_their_replica_alone(both: settings.Settings, engine: scraping.EngineName, tmp_path: Path) -> None:
    found = staged(both, engine, tmp_path)
    one, two = found["prometheus/prometheus.yml"], found["prometheus/prometheus-2.yml"]
    labels = [one["global"].pop("external_labels"), two["global"].pop("external_labels")]
    assert labels == [{"cluster": "agent-vitals", "replica": name} for name in ("prometheus", "prometheus-2")]
    assert one == two, "rules, targets and receivers are the same"
    assert one["rule_files"] == ["rules/*.yml"], "the same files at the same place: evaluated at the same moments"


def test_alerts_lose_the_replica_and_nothing_else(both: settings.Settings) -> None:
    [rule] = scraping.prometheus(both)["alerting"]["alert_relabel_configs"]
    assert rule == {"action": "labeldrop", "regex": "replica"}


def test_teams_stay_on_alerts_with_two_as_with_one(configured: Configured) -> None:
    app = "apps: [{job: shop, profile: otel-genai, targets: ['127.0.0.1:1'], team: payments}]"
    relabel = scraping.prometheus(configured(app).having(frozenset({"ha"})))["alerting"]["alert_relabel_configs"]
    assert [r.get("target_label", r.get("action")) for r in relabel] == ["team", "labeldrop"]


def test_with_one_there_are_no_labels_and_no_second(single: settings.Settings, tmp_path: Path) -> None:
    found = staged(single, "native", tmp_path)
    assert "external_labels" not in found["prometheus/prometheus.yml"]["global"]
    assert "alert_relabel_configs" not in found["prometheus/prometheus.yml"]["alerting"]
    assert not [name for name in found if "-2" in name]
    assert "-2" not in str(found["prometheus/targets/stack.yml"])


@pytest.mark.parametrize("engine", ENGINES)
def test_everybody_sees_and_tells_everybody(both: settings.Settings, engine: scraping.EngineName, tmp_path: Path) -> None:
    found = staged(both, engine, tmp_path)
    port = both.ports

    def at(part: str, inside: int) -> str:
        return f"127.0.0.1:{port[part]}" if engine == "native" else f"{part}:{inside}"

    alertmanagers = [at("alertmanager", 9093), at("alertmanager-2", 9093)]
    assert found["prometheus/alertmanagers.yml"] == [{"targets": alertmanagers}]
    targets = {(entry["labels"]["job"], target) for entry in found["prometheus/targets/stack.yml"] for target in entry["targets"]}
    wanted = {("alertmanager", a) for a in alertmanagers} | {("prometheus", at(p, 9090)) for p in ("prometheus", "prometheus-2")}
    assert wanted <= targets
    probed = {(entry["labels"]["job"], target) for entry in found["prometheus/targets/probes/vitals.yml"] for target in entry["targets"]}
    # Under the job of the first: a part that cannot be scraped hides its probe by the job.
    assert {(job, f"http://{address}/-/ready") for job, address in wanted} <= probed


@pytest.mark.parametrize("engine", ENGINES)
def test_the_tools_accept_what_both_run_with(both: settings.Settings, engine: scraping.EngineName, tmp_path: Path) -> None:
    real = settings.load(settings.ROOT / "vitals.yaml").model_copy(update={"cache": settings._cache_home() / "agent-vitals"})
    tools = {name: parts.tool(real, name) for name in ("promtool", "amtool")}
    assert config.install(both, engine, tmp_path / "live", tools)
    (tmp_path / "live/prometheus/prometheus-2.yml").unlink()

    def broken(loaded: settings.Settings, engine: scraping.EngineName, folder: Path) -> None:
        render.stage(loaded, engine, folder)
        (folder / "prometheus/prometheus-2.yml").write_text("global: {scrape_interval: soon}\n")

    with pytest.raises(settings.VitalsError, match=r"promtool refuses[\s\S]*soon"):
        config.install(both, engine, tmp_path / "live", tools, broken)


# --- how they are started


def command(both: settings.Settings, name: str) -> list[str]:
    programs = {name: Path("/opt/usr/bin") / name for name in ("prometheus", "alertmanager", "node_exporter", "blackbox_exporter")}
    found: dict[str, Part] = {part.name: part for part in Native(both)._parts(programs)}
    return found[name].command


def test_each_has_its_own_port_data_and_configuration(both: settings.Settings) -> None:
    one, two = command(both, "prometheus"), command(both, "prometheus-2")
    assert [a.replace(str(both.ports["prometheus-2"]), str(both.ports["prometheus"])).replace("prometheus-2", "prometheus")
            for a in two] == one
    assert not {a for a in two if a.startswith(("--config", "--storage.tsdb.path", "--web.listen"))} & set(one)


def test_alertmanagers_gossip_on_loopback_with_each_other(both: settings.Settings) -> None:
    here, there = (f"127.0.0.1:{both.ports[f'{name}-gossip']}" for name in ("alertmanager", "alertmanager-2"))
    for name, own, other in (("alertmanager", here, there), ("alertmanager-2", there, here)):
        flags = command(both, name)
        assert {f"--cluster.listen-address={own}", f"--cluster.advertise-address={own}", f"--cluster.peer={other}"} <= set(flags)
        assert f"--storage.path={both.state}/native/data/{name}" in flags


def test_one_alone_gossips_with_nobody(single: settings.Settings) -> None:
    flags = [flag for flag in command(single, "alertmanager") if "cluster" in flag or "dispatch" in flag]
    assert flags == ["--cluster.listen-address="]


def test_containers_are_started_with_the_same_numbers() -> None:
    folder = settings.ROOT / "compose"
    core = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
    second = yaml.safe_load((folder / "ha.yaml").read_text())["services"]
    for name in ("alertmanager", "alertmanager-2"):
        found = {flag for flag in second[name]["command"] if flag.startswith(("--cluster.peer-", "--cluster.gossip", "--dispatch"))}
        assert found == set(cluster.common(name))
    for service in (core["prometheus"], second["prometheus-2"]):
        assert set(cluster.PROMETHEUS) <= set(service["command"])


def test_what_there_are_two_of_is_the_same_in_containers() -> None:
    folder = settings.ROOT / "compose"
    core = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
    second = yaml.safe_load((folder / "ha.yaml").read_text())["services"]
    for name, other in settings.SECOND.items():
        one, two = {**core[name], **second.get(name, {})}, second[other]
        for key in ("extends", "image", "user", "extra_hosts", "networks", "mem_limit", "cpus", "healthcheck"):
            assert one[key] == two[key], (other, key)
        variable = name.upper()
        renamed = [str(part).replace(f"{variable}_2_PORT", f"{variable}_PORT").replace(f"{other}:/", f"{name}:/")
                   for part in (*two["ports"], *two["volumes"])]
        assert renamed == [*one["ports"], *one["volumes"]]


def test_gossip_is_published_nowhere() -> None:
    text = (settings.ROOT / "compose/ha.yaml").read_text()
    assert not re.search(r"ports:.*9094", text)


# --- the numbers fit together: what each alert being told once is built on


def test_all_alerts_are_looked_at_at_one_interval(single: settings.Settings) -> None:
    groups = alerting.groups(single, settings.load_profiles(single))
    assert {group["interval"] for file in groups.values() for group in file["groups"]} == {scraping.EVALUATION_INTERVAL}


def test_messages_go_out_between_two_evaluations(configured: Configured) -> None:
    """An alert changes at evaluations. Alertmanager sends half an interval later, after each whole number of them."""
    evaluation = seconds(scraping.EVALUATION_INTERVAL)
    routes = [{**route, **child} for settings_ in (configured(), configured(PACED))
              for route in [notify.alertmanager(settings_)["route"]] for child in (route, *route["routes"])]
    paced = [r for r in routes if notify.TEST not in str(r.get("matchers")) and "Watchdog" not in str(r.get("matchers"))]
    assert len({r["group_wait"] for r in paced}) == 3, "critical and warning, info, digest"
    for one in paced:
        assert seconds(one["group_wait"]) % evaluation == evaluation / 2, one
        assert seconds(one["group_interval"]) % evaluation == 0, one


def test_the_second_alertmanager_is_through_before_anything_changes() -> None:
    assert 0 < seconds(cluster.PEER_TIMEOUT) < seconds(scraping.EVALUATION_INTERVAL) / 2


def test_alerts_are_told_again_at_every_evaluation_and_one_that_starts_waits_for_them() -> None:
    evaluation = seconds(scraping.EVALUATION_INTERVAL)
    assert evaluation - seconds(scraping.SCRAPE_INTERVAL) < seconds(cluster.RESEND_DELAY) < evaluation
    assert seconds(cluster.START_DELAY) > evaluation


def test_a_prometheus_that_starts_holds_no_alert_anew(single: settings.Settings) -> None:
    """Alertmanager takes an alert for resolved four evaluations after it was last told of it."""
    groups = alerting.groups(single, settings.load_profiles(single))
    held = {seconds(r["for"]) for file in groups.values() for group in file["groups"] for r in group["rules"] if "for" in r}
    assert seconds(cluster.GRACE_PERIOD) <= min(held)
    assert seconds(cluster.GRACE_PERIOD) < 4 * seconds(scraping.EVALUATION_INTERVAL)


def test_both_see_a_change_within_one_evaluation() -> None:
    """They scrape at different moments: of a change one knows at most a scrape earlier, an evaluation at most."""
    assert seconds(scraping.SCRAPE_INTERVAL) < seconds(scraping.EVALUATION_INTERVAL)


# --- what is backed up, and machines beside this one


def test_one_of_two_is_backed_up_and_both_get_it_back(both: settings.Settings, single: settings.Settings) -> None:
    for name in ("prometheus", "prometheus-2", "alertmanager", "alertmanager-2"):
        folder = both.state / "native/data" / name / ("wal" if "prom" in name else "")
        folder.mkdir(parents=True)
        (folder / ("00000001" if "prom" in name else "nflog")).write_text(name)
    data = NativeData(Native(both))
    into = both.state / "taken"
    into.mkdir()
    data.collect(into, demo=False)
    assert sorted(part.name for part in into.iterdir()) == ["alertmanager", "prometheus"]
    assert {"prometheus-2", "alertmanager-2"} <= set(data.takes()) and {"prometheus-2", "alertmanager-2"} <= set(data.present())
    assert not {"prometheus-2", "alertmanager-2"} & set(NativeData(Native(single)).takes())


def test_further_alertmanagers_are_told_as_well(configured: Configured) -> None:
    [entry] = scraping.alertmanagers(configured("alertmanagers: ['10.0.0.2:9093']"), "compose")
    assert entry["targets"] == ["alertmanager:9093", "10.0.0.2:9093"]


def test_a_further_alertmanager_is_an_address(configured: Configured) -> None:
    with pytest.raises(settings.VitalsError, match="'http://10.0.0.2:9093' is not host:port"):
        configured("alertmanagers: ['http://10.0.0.2:9093']")
