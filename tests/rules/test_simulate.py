"""Rules over recorded metrics: what the demo's apps expose while one of them has a fault, and while none has."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from vitals import notify, settings, simulate
from vitals.errors import VitalsError

START = datetime(2026, 11, 18, 13, tzinfo=UTC).timestamp()
JOB = "artisan-hub"


def record(file: Path, minutes: int, fault_at: int | None) -> None:
    from vitals_demo.simulation import Simulation

    simulation = Simulation(seed=7, start=START)
    lines = []
    for i in range(2 * minutes + 1):
        now = START + i * 30
        simulation.advance(now)
        if fault_at is not None and i == 2 * fault_at:
            simulation.inject("llm-outage", JOB, 8)
        place = {"job": JOB, "profile": JOB, "instance": "demo:9400"}
        lines.append(("up", place, 1.0, now))
        for family in simulation.apps[JOB].registry.collect():
            lines += [(s.name, {**s.labels, **place}, s.value, now) for s in family.samples if not s.name.endswith("_created")]
    text = "\n".join(f"{simulate._text(name, tuple(labels.items()))} {value} {int(now * 1000)}"
                     for name, labels, value, now in lines)
    file.write_text(text + "\n")


@pytest.fixture(scope="module")
def loaded() -> settings.Settings:
    return settings.load(settings.ROOT / "vitals.yaml")


def test_an_outage_is_told_and_hides_what_follows_from_it(loaded: settings.Settings, tmp_path: Path) -> None:
    file = tmp_path / "outage.prom"
    record(file, 30, fault_at=12)
    found = simulate.run(loaded, settings.load_profiles(loaded), file, 30)
    told = {f.labels["alertname"]: f for f in found if f.told}
    outage = told["LlmErrorsHigh"]
    assert outage.receiver == "inbox"
    assert outage.told == outage.start + 15  # the group's wait
    assert outage.labels["job"] == JOB
    assert START + 12 * 60 + 120 <= outage.start <= START + 12 * 60 + 300  # its `for`, and the rise of a 5m rate
    assert set(told) <= {"LlmErrorsHigh", "AgentFailuresHigh"}
    assert {f.labels["alertname"] for f in found if f.hidden_by == "LlmErrorsHigh"} == {"LlmFailuresHigh"}
    assert all(f.told is None for f in found if f.hidden_by)
    text = "\n".join(simulate.report(found))
    assert "LlmErrorsHigh" in text
    assert "hidden by LlmErrorsHigh" in text
    assert "Watchdog" not in text


def test_rules_that_are_left_out_would_have_changed_nothing(loaded: settings.Settings, tmp_path: Path,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "outage.prom"
    record(file, 24, fault_at=12)
    profiles = settings.load_profiles(loaded)
    found = simulate.run(loaded, profiles, file, 30)
    counted = []
    lean = simulate.lean
    monkeypatch.setattr(simulate, "lean", lambda groups, *_: counted.append((groups, lean(groups, *_))) or groups)
    assert simulate.run(loaded, profiles, file, 30) == found
    every, kept = ([rule for group in groups for rule in group["rules"]] for groups in counted[0])
    assert len(kept) < len(every) / 2
    assert {"LlmErrorsHigh", "AgentFailuresHigh"} <= {f.labels["alertname"] for f in found}


def firing(name: str, start: float, end: float | None, severity: str = "warning", area: str = "api") -> simulate.Firing:
    return simulate.Firing({"alertname": name, "job": "shop", "severity": severity, "area": area}, start, end, "inbox")


@pytest.mark.parametrize(("alerts", "told"), [
    # The first of a group waits 15 s; who comes later, for the group's next message, two minutes after the last.
    ([firing("A", 0, None), firing("B", 30, None), firing("C", 150, None)], {"A": 15, "B": 135, "C": 255}),
    # Another area is another group; info waits five minutes more.
    ([firing("A", 0, None), firing("B", 30, None, area="llm"), firing("C", 30, None, "info")], {"A": 15, "B": 45, "C": 345}),
    # What is over before the message leaves is not told. A group that was over is a new one.
    ([firing("A", 0, 10), firing("B", 300, None)], {"B": 315}),
    ([firing("A", 0, 30), firing("B", 600, None)], {"A": 15, "B": 615}),
    # Hidden as long as the worse one fires, and told at the group's next message after it.
    ([firing("A", 0, None), firing("B", 0, 600, "critical")], {"A": 615, "B": 15}),
    ([firing("A", 0, 500), firing("B", 0, 600, "critical")], {"B": 15}),
    # Told already when the worse one comes.
    ([firing("A", 0, None), firing("B", 60, None, "critical")], {"A": 15, "B": 75}),
    # An app that is down has no other news.
    ([firing("A", 0, None, area="llm"), firing("ServiceDown", 0, None, "critical")], {"ServiceDown": 15}),
])
def test_when_a_notification_leaves(alerts: list[simulate.Firing], told: dict[str, float], loaded: settings.Settings) -> None:
    routes = notify.alertmanager(loaded)
    found = [simulate._told(one, alerts, routes, 3600) for one in alerts]
    assert {f.labels["alertname"]: f.told for f in found if f.told is not None} == told
    assert {f.hidden_by for f in found if f.labels["alertname"] not in told} <= {"B", "ServiceDown", ""}


def test_health_tells_nobody(loaded: settings.Settings, tmp_path: Path) -> None:
    file = tmp_path / "well.prom"
    record(file, 20, fault_at=None)
    found = simulate.run(loaded, settings.load_profiles(loaded), file, 30)
    assert list(simulate.report(found)) == ["nothing would have fired"]


@pytest.mark.parametrize(("text", "words"), [
    ("a 1\n", "no timestamps"),
    ('a{job="x" 1 1000\n', "not OpenMetrics"),
    ("", "no samples"),
    ("a 1 1000\n", "label `job`"),
    ('a{job="x",profile="nobodys"} 1 1000\n', "no series has a known profile"),
    ('a{job="x",profile="vllm"} 1 1000\na{job="x",profile="vllm"} 1 900000000\n', "give a shorter"),
])
def test_data_that_cannot_be_used(text: str, words: str, loaded: settings.Settings, tmp_path: Path) -> None:
    file = tmp_path / "bad.prom"
    file.write_text(text)
    with pytest.raises(VitalsError, match=words) as caught:
        simulate.run(loaded, settings.load_profiles(loaded), file, 30)
    assert str(file) in str(caught.value)


def test_hostile_labels_come_through(loaded: settings.Settings, tmp_path: Path) -> None:
    strange = 'a"b\\c\nd} 1E+00, {e="f'
    labels = (("instance", strange), ("job", "shop"), ("profile", "vllm"))
    file = tmp_path / "strange.prom"
    quoted = simulate._quote(strange)
    file.write_text("".join(f'up{{job="shop",profile="vllm",instance={quoted}}} 0 {1000 * (1_760_000_000 + 30 * i)}\n'
                            for i in range(8)))
    assert simulate.read(file)["up", labels][0] == (1_760_000_000, 0)
    down = [f for f in simulate.run(loaded, settings.load_profiles(loaded), file, 30) if f.labels["alertname"] == "ServiceDown"]
    assert [f.labels["instance"] for f in down] == [strange]
